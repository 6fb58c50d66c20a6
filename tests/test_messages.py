"""What messages and documents name exists: options, settings and commands of `jet`."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ray_jobs import cli
from ray_jobs.runtime.arguments import job_parser
from ray_jobs.submission.command import submit_parser

ROOT = Path(__file__).parents[1]
SOURCES = [*sorted((ROOT / "jet").rglob("*.py")), *sorted((ROOT / "ray_jobs").rglob("*.py"))]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LEDGERS = {
    *(
        "--strict",
        "--pedantic",
        "--explicit",
        "--check-payees",
        "--price-db",
        "--date-format",
        "--decimal-comma",
    )
}
OTHERS = {"--follow", "--version"} | LEDGERS
"""Options that messages name of Ray's commands, of `jet` without a command, and that journals may have of
ledger."""
FLAG = re.compile(r"(?<![\w(-])--[a-z][\w.-]*\w(?!: *#)")  # no names of colors: --ink: #111, var(--ink)
NO_SETTINGS = {"css", "html", "md", "py", "parquet", "safetensors", "yaml"}
"""What stands behind a part's name in the name of a file."""
COMMAND = re.compile(r"`jet ([a-z][a-z-]*)")


@pytest.fixture(scope="module")
def options() -> dict[str, set[str]]:
    """The options of each command."""
    found = {}
    for name in cli.JOBS:
        module = importlib.import_module(f"ray_jobs.options.{name.replace('-', '_')}")
        parser = job_parser(name, module)
        found[name] = {option for action in parser._actions for option in action.option_strings}
        found[name] |= set(getattr(module, "ALSO", {}))
    own = {option for action in submit_parser()._actions for option in action.option_strings}
    return found | {"submit": set.union(own, *found.values())}


@pytest.fixture(scope="module")
def settings(options: dict[str, set[str]]) -> dict[str, set[str]]:
    """The settings of each part."""
    found: dict[str, set[str]] = {}
    for option in set.union(*options.values()):
        part, point, name = option.removeprefix("--").partition(".")
        if point:
            found.setdefault(part, set()).add(name)
    return found


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """The texts in a source file, with their lines."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def unknown_in(text: str, options: dict[str, set[str]], settings: dict[str, set[str]]) -> list[str]:
    """What `text` names and nobody has."""
    everything = set.union(*options.values()) | OTHERS
    dotted = re.findall(rf"(?<![\w./`\"'@-])({'|'.join(settings)})\.(\w+)(?![\w(.])", text)
    return [
        *(flag for flag in FLAG.findall(text) if flag not in everything),
        *(f"jet {name}" for name in COMMAND.findall(text) if name not in options),
        *(f"{part}.{name}" for part, name in dotted if not is_setting(name, settings[part])),
    ]


def is_setting(name: str, known: set[str]) -> bool:
    """Whether a part has that setting; where a text ends amid a name, whether it has any that begins so."""
    return name in known | NO_SETTINGS or (name.endswith("_") and any(each.startswith(name) for each in known))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_options_settings_and_commands_in_texts_of_the_code_exist(path, options, settings):
    found = [(line, name) for line, text in strings(path) for name in unknown_in(text, options, settings)]
    assert found == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_commands_in_documents_and_their_options_exist(path, options):
    text = path.read_text().replace("\\\n", " ")
    unknown = [f"jet {name}" for name in COMMAND.findall(text) if name not in options]
    for name, rest in re.findall(r"(?:^|[`$ ])jet ([a-z][a-z-]*)( [^`\n|#]*)", text, re.MULTILINE):
        flags = FLAG.findall(rest) if name in options else []
        unknown += [f"jet {name} {flag}" for flag in flags if flag not in options[name]]
    assert unknown == []


def test_what_a_text_names_and_nobody_has_is_found(options, settings):
    text = "set --runtime.adress, see `jet fly`, lower model.hiden (not model.hidden, --output or `jet train`)"
    assert unknown_in(text, options, settings) == ["--runtime.adress", "jet fly", "model.hiden"]
