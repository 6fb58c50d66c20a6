"""What several checks read: the launcher's files, the versions that the image is pinned to."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import Requirement

LAUNCHER_FILES = ("cluster.yaml", "cluster/gcp.yaml")
DOCKERFILE = "cluster/Dockerfile"
CONSTRAINTS = "cluster/constraints.txt"

Found = Iterator[tuple[str, str]]
"""Places within a file, and what is wrong there."""


@dataclass(frozen=True)
class Pins:
    """The versions that stand in an image's tag."""

    jet: str
    ray: str
    python: str
    """Without the dot, as in `py311`."""


def launcher_config(root: Path, name: str) -> dict[str, Any]:
    """A launcher's file as it is written, before Ray fills anything in."""
    config: dict[str, Any] = yaml.safe_load((root / name).read_text())
    return config


def node_types(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The workers' node types: all but the head's."""
    types = config["available_node_types"]
    return {name: kind for name, kind in types.items() if name != config["head_node_type"]}


def pyproject(root: Path) -> dict[str, Any]:
    """The `project` table of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return table


def requirements(root: Path, extras: Iterable[str] = ()) -> Iterator[Requirement]:
    """What pyproject.toml asks for, with some extras and those of jet's own that they name."""
    project = pyproject(root)
    yield from map(Requirement, project["dependencies"])
    waiting = list(extras)
    while waiting:
        for requirement in map(Requirement, project["optional-dependencies"][waiting.pop()]):
            if requirement.name == project["name"]:
                waiting += sorted(requirement.extras)
            else:
                yield requirement


def constraints(root: Path) -> dict[str, str]:
    """The versions that the image is built with, by the packages' names as PyPI compares them."""
    lines = (root / CONSTRAINTS).read_text().splitlines()
    pinned = (line.partition("==") for line in lines if "==" in line and not line.startswith("#"))
    return {canonical(name): version for name, _, version in pinned}


def canonical(name: str) -> str:
    """A package's name as PyPI compares it: lower case, dashes."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(root: Path) -> Pins:
    """What an image that is built from these files has to be called."""
    python = re.search(r"^FROM python:(\d+)\.(\d+)", (root / DOCKERFILE).read_text(), re.MULTILINE)
    return Pins(
        pyproject(root)["version"],
        constraints(root).get("ray", "?"),
        f"{python[1]}{python[2]}" if python else "?",
    )
