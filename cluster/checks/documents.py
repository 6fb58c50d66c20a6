"""Checks the commands in the documents: every `ray …` and `jet …` line of a code fence, by its program's
parser.

The command after `--` in a `ray job submit` is checked too, where it is a job of jet.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from cluster.checks.command_lines import CommandError, check_jet, commands, ray_context

SHELL = ("bash", "sh", "shell", "")


def problems(root: Path) -> Iterator[str]:
    """One line for each command that Ray or jet would refuse."""
    for path in documents(root):
        for number, line in shell_lines(path):
            try:
                for command in of_ours(line):
                    check(command)
            except ValueError as refused:  # also what shlex says of a quotation that doesn't end
                yield f"{path.relative_to(root)}:{number}: {line[:40]} …: {refused}"


def documents(root: Path) -> list[Path]:
    """The Markdown files of the first level, and those in docs/."""
    return [*sorted(root.glob("*.md")), *sorted((root / "docs").glob("*.md"))]


def shell_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered shell lines in a document's code fences, lines joined after a backslash."""
    fence: str | None = None
    begun, start = "", 0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        opened = re.match(r"\s*```(\w*)", line)
        if opened:
            fence = opened[1] if fence is None else None
            begun = ""
        elif fence in SHELL:
            start = start if begun else number
            begun += line.strip()
            if begun.endswith("\\"):
                begun = begun[:-1]
            else:
                yield start, begun
                begun = ""


def of_ours(line: str) -> Iterator[list[str]]:
    """The commands of a line that are Ray's or jet's."""
    if not re.search(r"\b(ray|jet|ray_jobs)\b", line):
        return
    for command in commands(line):
        if command[0] == "ray" or (command[0] == "jet" and len(command) > 1) or submitted(command):
            yield command


def submitted(command: list[str]) -> bool:
    """Whether the command is `python -m ray_jobs.NAME`, as `ray job submit` runs it."""
    return command[1:2] == ["-m"] and command[2:3] != [] and command[2].startswith("ray_jobs.")


def check(command: list[str]) -> None:
    """Raise `CommandError` for a command that wouldn't start."""
    if command[0] != "ray":
        check_jet(command)
        return
    given = ray_context(command).params
    if command[1:3] == ["job", "submit"]:
        resources(command)
        for inner in of_ours(shlex.join(given["entrypoint"])):
            check(inner)


def resources(command: list[str]) -> dict[str, float]:
    """The resources of its driver that a `ray job submit` requests."""
    given = ray_context(command).params.get("entrypoint_resources")
    try:
        found = json.loads(given or "{}")
    except ValueError as error:
        raise CommandError(f"--entrypoint-resources isn't JSON: {error}") from None
    if not isinstance(found, dict):
        raise CommandError(f"--entrypoint-resources must be a JSON object, not {given}")
    return found


def drivers(path: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """The line of each `ray job submit` in a document, and the resources of its driver."""
    for number, line in shell_lines(path):
        for command in of_ours(line):
            if command[:3] == ["ray", "job", "submit"]:
                yield number, resources(command)
