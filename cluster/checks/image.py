"""Checks the image: hadolint's rules, pinned versions, and a user that isn't root."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from dockerfile_parse import DockerfileParser

from cluster.checks.files import CONSTRAINTS, DOCKERFILE, Found, canonical, constraints, requirements

BASE = re.compile(r"python:\d+\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?")
EXTRAS = ("all", "launcher")
"""The extras that are installed in the image."""


def problems(root: Path) -> Iterator[str]:
    """One line for each problem of the Dockerfile, the pinned versions and .dockerignore."""
    yield from lint(root)
    instructions = parsed(root / DOCKERFILE)
    for place, what in [*bases(instructions), *user(instructions)]:
        yield f"{DOCKERFILE}:{place}: {what}"
    for place, what in pinned(root):
        yield f"{CONSTRAINTS}: {place}: {what}"
    first = next(line for line in (root / ".dockerignore").read_text().splitlines() if not line.startswith("#"))
    if first != "*":
        yield ".dockerignore: must begin with *: whatever isn't named could get into the image, secrets too"


def lint(root: Path) -> Iterator[str]:
    """The problems that hadolint reports."""
    program = Path(sysconfig.get_path("scripts")) / "hadolint"
    said = subprocess.run(
        [program, "--format", "json", root / DOCKERFILE], capture_output=True, text=True, check=False
    )
    if said.returncode not in (0, 1):
        yield f"{DOCKERFILE}: hadolint failed: {said.stderr.strip()}"
        return
    for one in json.loads(said.stdout):
        yield f"{DOCKERFILE}:{one['line']}: {one['code']}: {one['message']}"


def parsed(path: Path) -> list[dict[str, Any]]:
    """The instructions of a Dockerfile, each with its name, value and first line (from 0)."""
    instructions: list[dict[str, Any]] = DockerfileParser(fileobj=BytesIO(path.read_bytes())).structure
    return instructions


def bases(instructions: list[dict[str, Any]]) -> Found:
    """All stages must have the same exact base, since the environment is copied between them."""
    stages: set[str] = set()
    used: set[str] = set()
    for one in instructions:
        if one["instruction"] != "FROM":
            continue
        base, _, stage = one["value"].partition(" AS ")
        if base not in stages and "$" not in base:
            used.add(base)
            if not BASE.fullmatch(base):
                yield (
                    str(one["startline"] + 1),
                    f"{base} isn't exact, like python:3.11.14-slim-trixie",
                )
        stages.add(stage)
    if len(used) > 1:
        yield "FROM", f"stages stand on different images: {', '.join(sorted(used))}"


def user(instructions: list[dict[str, Any]]) -> Found:
    """The user must not be root, and must be a number, since Kubernetes' runAsNonRoot can't look up names."""
    last = max(number for number, one in enumerate(instructions) if one["instruction"] == "FROM")
    users = [one["value"] for one in instructions[last:] if one["instruction"] == "USER"]
    if not users or not re.fullmatch(r"[1-9]\d*(:\d+)?", users[-1]):
        yield "USER", f"must be a number other than 0, not {users[-1] if users else 'left out'}"


def pinned(root: Path) -> Found:
    """Each requirement of pyproject.toml must be pinned to a version that it allows."""
    have = constraints(root)
    for requirement in requirements(root, EXTRAS):
        version = have.get(canonical(requirement.name))
        if version is None:
            yield requirement.name, "isn't pinned"
        elif not requirement.specifier.contains(version):
            yield requirement.name, f"{version}, and pyproject.toml asks for {requirement.specifier}"
