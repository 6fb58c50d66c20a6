"""What all jobs share: the command line, the last line, and what is said of a failure.

A job is a module with `HELP`, `arguments(parser)` and `run(args, config)`. `main` gives it the same options
as every other job: `--config FILE` (YAML), dotted overrides of any setting (`--model.hidden 64`), unknown keys
refused. A job's result is one JSON line on standard output; everything else goes to standard error.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Protocol, cast, get_args, get_type_hints

import jsonargparse
import ray
import yaml

from jet.artifacts.storage import fetched, is_uri, refuse_keys
from jet.extras import MissingExtra
from ray_jobs.runtime import logs, metrics
from ray_jobs.runtime.settings import JobConfig, LogFormat
from ray_jobs.runtime.terminal import printable

log = logging.getLogger("jet")

jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)  # --help tells what settings mean

MOST_CONFIG_BYTES = 1 << 18
DEEPEST_CONFIG = 32

OS_ERROR = re.compile(r"^\s*(?:OS|FileNotFound|Permission|Connection|Timeout)Error: (.+)$", re.MULTILINE)
"""The line of a traceback in which a disk, a network or a store failed."""


class Job(Protocol):
    """What a job's module offers; perhaps also `DEFAULTS`, settings that differ from the usual defaults,
    and `ALSO`, other names of its options: those that the settings use for one of their parts."""

    HELP: str

    @staticmethod
    def arguments(parser: jsonargparse.ArgumentParser) -> None:
        """Add the job's own options."""

    @staticmethod
    def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any] | str:
        """Do it; what is returned becomes the JSON line, or, a text for people, is printed as it is."""


def job_parser(name: str, job: Any) -> jsonargparse.ArgumentParser:
    """The parser of one job's options."""
    parser = jsonargparse.ArgumentParser(
        prog=f"jet {name}", description=job.HELP, allow_abbrev=False, exit_on_error=False
    )
    job.arguments(parser)
    parser.add_argument("--config", action="config", help="a YAML file with any of the settings below")
    parser.add_class_arguments(JobConfig)
    parser.set_defaults(getattr(job, "DEFAULTS", {}))
    return parser


def main(name: str, job: Any, argv: Sequence[str] | None = None) -> int:
    """Run a job from the command line; returns the exit status."""
    parser = job_parser(name, job)
    start = time.monotonic()
    metrics.name_job(name)
    log_format: LogFormat = "text"
    logs.quiet_libraries()
    try:
        given = parsed(parser, translated(sys.argv[1:] if argv is None else argv, job))
        log_format = given["runtime"]["log_format"]
        logs.set_up(name, log_format)
        ready = parser.instantiate(given)
        config = JobConfig(**{f.name: ready[f.name] for f in fields(JobConfig)})
        with contextlib.redirect_stdout(sys.stderr):  # whatever workers print; the result stands alone
            result = job.run(given, config)
    except KeyboardInterrupt:
        logs.report_failure(name, "interrupted; what was finished stays", log_format)
        return 130
    except Exception as error:
        why = advice(error)
        if why is not None:
            logs.report_failure(name, f"error: {why}", log_format)
            return 2
        if log_format == "text":
            raise
        log.exception("failed")  # a traceback would be many lines
        return 1
    if isinstance(result, dict):
        seconds = round(time.monotonic() - start, 1)
        result = printable(json.dumps({"job": name, **result, "seconds": seconds}, ensure_ascii=False))
    print(result, flush=True)
    return 0


def parsed(parser: jsonargparse.ArgumentParser, argv: Sequence[str]) -> jsonargparse.Namespace:
    """The options in `argv`; a config may lie on an object store.

    Raises `ValueError` where a path has a secret in it, before anything repeats it, and for what is no option
    or no value of one.
    """
    arguments = list(argv)
    configs = []
    for argument in arguments:
        refuse_keys(argument.partition("=")[2] if argument.startswith("--") else argument)
    with contextlib.ExitStack() as kept:
        for number, argument in enumerate(arguments):
            option, given, path = argument.partition("=")
            if option != "--config" and (number == 0 or arguments[number - 1] != "--config"):
                continue
            path = path if given else argument
            local = path
            if is_uri(path):
                local = str(kept.enter_context(fetched(path)))
                arguments[number] = f"{option}={local}" if option == "--config" else local
            if os.path.isfile(local):  # noqa: PTH113 (it may be a config's text, too long for a path)
                check_config(path, Path(local))
                configs.append(path)
        try:
            settings = parser.parse_args(arguments)
        except jsonargparse.ArgumentError as error:
            why = " ".join(str(error).split()).rstrip(".")
            where = f" (among the options or in {' and '.join(configs)})" if configs else ""
            raise ValueError(f"{why}{where}; {parser.prog} --help lists the options and their values") from None
    refuse_misshapen(settings, JobConfig)
    return settings


def refuse_misshapen(given: jsonargparse.Namespace, settings: type, prefix: str = "") -> None:
    """Raise `ValueError` where a setting is null that can't be, or a part no table: the parser takes null for
    any setting, and anything for a part."""
    for name, type_ in get_type_hints(settings).items():
        if is_dataclass(type_):
            if not isinstance(given[name], jsonargparse.Namespace):
                raise ValueError(
                    f"{prefix}{name} must not be {given[name]!r:.40}: write settings and their values"
                )
            refuse_misshapen(given[name], cast(type, type_), f"{prefix}{name}.")
        elif given[name] is None and type(None) not in get_args(type_):
            raise ValueError(f"{prefix}{name} must not be null: leave it out to have the default")


def check_config(name: str, file: Path) -> None:
    """Raise `ValueError` where a file is no config, or would take all memory or time to find that out."""
    if (size := file.stat().st_size) > MOST_CONFIG_BYTES:
        raise ValueError(
            f"{name}: {size:,} bytes are more than the {MOST_CONFIG_BYTES:,} of the longest config"
        )
    try:
        text = file.read_bytes().decode()
        depth = 0
        for event in yaml.parse(text, yaml.SafeLoader):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.AliasEvent):  # nine of nine of nine of them: soon more than memory holds
                raise ValueError(f"line {line}: *{event.anchor[:40]}: write out what the alias stands for")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST_CONFIG:
                raise ValueError(f"line {line} is nested deeper than {DEEPEST_CONFIG} levels")
        content = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{name}: not a config: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{name}: not a config: write settings, as in model: {{hidden: 64}}")
    if "config" in content:
        raise ValueError(f"{name}: a config names no other one: give each as a --config of its own")


def advice(error: BaseException) -> str | None:
    """The message of a failure that people can mend; None for any other, which is a defect of jet's.

    What a disk, a network or a store fails at (`OSError`) counts wherever it happened, on workers too.
    """
    each: BaseException | None = error
    while each is not None:
        if isinstance(each, OSError) and not isinstance(each, ray.exceptions.RayError):
            return " ".join(str(each).split())
        each = getattr(each, "cause", None) or each.__cause__
    if isinstance(error, ray.exceptions.RayError) and (line := OS_ERROR.search(str(error))):
        return line[1]  # what Ray Data raises has lost its cause, but for its text
    return str(error) if isinstance(error, (ValueError, MissingExtra)) else None


def translated(argv: Sequence[str], job: Any) -> list[str]:
    """`argv` with the job's own options in place of their other names."""
    names = getattr(job, "ALSO", {})
    parts = (argument.partition("=") for argument in argv)
    return [names.get(option, option) + separator + value for option, separator, value in parts]
