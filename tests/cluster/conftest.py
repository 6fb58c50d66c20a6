"""A copy of all that the checks read, for a test to break."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

READ = ("cluster.yaml", "cluster", "pyproject.toml", "README.md", "docs", ".dockerignore")


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).parents[2]


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    """The repository's files, as far as the checks read them."""
    for name in READ:
        source = repository / name
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


@pytest.fixture
def change(copy: Path) -> Callable[[str, str, str], Path]:
    """Put one text in another's place, where it stands first; what isn't there can't be changed."""

    def replace(name: str, old: str, new: str) -> Path:
        text = (copy / name).read_text()
        assert old in text
        (copy / name).write_text(text.replace(old, new, 1))
        return copy

    return replace
