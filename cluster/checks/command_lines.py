"""Parsing of command lines with the parsers of Ray and jet, without running anything."""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import takewhile
from typing import Any

import click
import jsonargparse
from ray.scripts.scripts import cli as ray_cli

from ray_jobs.cli import JOBS
from ray_jobs.runtime.arguments import job_parser, translated
from ray_jobs.submission.command import split, submit_parser

BETWEEN_COMMANDS = re.compile(r";|&&?|\|\|?")
REDIRECTION = re.compile(r"[<>]+")
PLACEHOLDER = "…"


class CommandError(ValueError):
    """The command wouldn't start; the message is the program's."""


def commands(line: str) -> Iterator[list[str]]:
    """The words of each command in a shell line, without comments, variable assignments and redirections."""
    words = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    words.whitespace_split = True
    command: list[str] = []
    for word in [*words, ";"]:
        if BETWEEN_COMMANDS.fullmatch(word):
            if command:
                yield list(takewhile(lambda part: not REDIRECTION.fullmatch(part), command))
            command = []
        elif command or not re.match(r"\w+=", word):
            command.append(word)


def ray_context(words: Sequence[str]) -> click.Context:
    """Parse `ray …` with click, down to the subcommand that would run."""
    command: click.Command = ray_cli
    context, rest = click.Context(command, info_name="ray"), list(words[1:])
    while isinstance(command, click.Group):
        inner = command.get_command(context, rest[0]) if rest else None
        if inner is None:
            raise CommandError(f"ray has no command {' '.join(words[1:2]) or '(none given)'!r}")
        command, rest = inner, rest[1:]
        if isinstance(command, click.Group):
            context = click.Context(command, parent=context, info_name=command.name)
    try:
        return command.make_context(command.name, rest, parent=context)
    except click.ClickException as error:
        raise CommandError(error.format_message()) from None


def check_jet(words: Sequence[str]) -> None:
    """Parse `jet JOB …` or `python -m ray_jobs.JOB …` with the job's parser. Raises `CommandError`.

    A "…" by itself means "and so on" and is left out; as an option's value it is any text. A `--config` file is
    an example and isn't read. `jet submit JOB …` is parsed as the submitted job.
    """
    if words[:2] == ["jet", "submit"]:
        own, others = split(words[2:])
        given, more = submit_parser().parse_known_args(own)
        words = ["jet", given.job, *more, *others]
    by_name = words[0] == "jet"
    name = words[1] if by_name else words[2].removeprefix("ray_jobs.").replace("_", "-")
    if by_name and name in ("-h", "--help", "--version"):
        return
    if name not in JOBS:
        raise CommandError(f"there is no job {name!r}")
    options, parser = job_of(name)
    arguments = without_examples(words[2 if by_name else 3 :])
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            parser.parse_args(translated(arguments, options))
    except jsonargparse.ArgumentError as error:
        raise CommandError(" ".join(str(error).split())) from None
    except SystemExit:  # --help
        return


@cache
def job_of(name: str) -> tuple[Any, jsonargparse.ArgumentParser]:
    """The module of a job's options, and its parser; cached, since many commands are of the same job."""
    options = importlib.import_module(f"ray_jobs.options.{name.replace('-', '_')}")
    return options, job_parser(name, options)


def without_examples(words: Sequence[str]) -> list[str]:
    """A job's arguments without `--config FILE` and without a "…" that is no option's value."""
    kept: list[str] = []
    for word in words:
        if word == PLACEHOLDER and not (kept and kept[-1].startswith("--")):
            continue
        if kept and kept[-1] == "--config":
            kept.pop()
        elif not word.startswith("--config="):
            kept.append(word)
    return kept
