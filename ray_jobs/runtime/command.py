"""What all jobs share: the command line, the last line, and what is said of a failure.

A job is a module with `run(args, config)`, and its options are a module of `ray_jobs.options`. What the command
line says is read and checked first, then the job, with Ray and PyTorch, is imported: a slip takes no seconds. A
job's result is one JSON line on standard output (`ray_jobs.runtime.result`); everything else goes to standard
error.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import jsonargparse

from jet.extras import MissingExtra
from ray_jobs.runtime import logs
from ray_jobs.runtime.arguments import job_parser, parsed
from ray_jobs.runtime.helping import help_text, wanted_help
from ray_jobs.runtime.paths import refuse_wrong_paths
from ray_jobs.runtime.result import Result
from ray_jobs.runtime.settings import JobConfig, LogFormat

log = logging.getLogger("jet")

Run = Callable[[jsonargparse.Namespace, JobConfig], dict[str, Any] | str]
"""Does the job; what it returns becomes the JSON line, or, a text for people, is printed as it is."""

OS_ERROR = re.compile(r"^\s*(?:OS|FileNotFound|Permission|Connection|Timeout)Error: (.+)$", re.MULTILINE)
"""The line of a traceback in which a disk, a network or a store failed."""


class NotRight(ValueError):  # noqa: N818 (what it says of is what people gave)
    """What people gave isn't right, and the job was to find that out; its `text` is printed all the same."""

    def __init__(self, why: str, text: str) -> None:
        super().__init__(why)
        self.text = text


def main(name: str, options: Any, run: Run, argv: Sequence[str] | None = None) -> int:
    """Run a job from the command line; returns the exit status.

    0: done. 2: what people can mend is wrong, and one line says what. 130: interrupted. 1, or an exception,
    which Python ends with 1: a fault of jet's.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = job_parser(name, options)
    if (wanted := wanted_help(argv)) is not None:
        print(help_text(parser, options, everything=wanted == "all"), end="")
        return 0
    result = Result(name, argv)
    log_format: LogFormat = "text"
    logs.quiet_libraries()
    try:
        given = parsed(parser, argv, options)
        log_format, result.path = given["runtime"]["log_format"], given["result"]
        logs.set_up(name, log_format, given["quiet"])
        ready = parser.instantiate(given)
        config = JobConfig(**{f.name: ready[f.name] for f in fields(JobConfig)})
        refuse_wrong_paths(given, getattr(options, "PATHS", {}))
        result.begin()
        log.info("starting")  # what comes next takes seconds where it imports Ray
        found = ran(name, run, given, config)
        line = result.line(found) if isinstance(found, dict) else found
        result.write(0, found if isinstance(found, dict) else {"text": found})
    except KeyboardInterrupt:
        return failed(result, 130, "interrupted; what was finished stays", log_format)
    except Exception as error:
        why = advice(error)
        if isinstance(error, NotRight) and error.text:
            print(error.text, flush=True)
        if why is not None:
            return failed(result, 2, why, log_format)
        with contextlib.suppress(OSError, ValueError):
            result.write(1, {"error": f"{type(error).__name__}: {error}"})
        if log_format == "text":
            raise
        log.exception("failed")  # a traceback would be many lines
        return 1
    print(line, flush=True)
    return 0


def ran(name: str, run: Run, given: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any] | str:
    """What a job returns."""
    from ray_jobs.runtime import metrics  # imports pyarrow, which a help and a slip don't need

    metrics.name_job(name)
    with contextlib.redirect_stdout(sys.stderr):  # whatever workers print; the result stands alone
        return run(given, config)


def failed(result: Result, status: int, why: str, log_format: LogFormat) -> int:
    """Say why a job ended without a result; returns its exit status."""
    logs.report_failure(result.name, f"error: {why}" if status == 2 else why, log_format)
    try:
        result.write(status, {"error": why})
    except (OSError, ValueError) as error:
        logs.report_failure(result.name, f"--result can't be written: {error}", log_format)
    return status


def advice(error: BaseException) -> str | None:
    """The message of a failure that people can mend; None for any other, which is a defect of jet's.

    What a disk, a network or a store fails at (`OSError`) counts wherever it happened, on workers too.
    """
    is_rays = _is_rays(error)
    each: BaseException | None = error
    while each is not None:
        if isinstance(each, OSError) and not _is_rays(each):
            return " ".join(str(each).split())
        each = getattr(each, "cause", None) or each.__cause__
    if is_rays and (lines := OS_ERROR.findall(str(error))):
        return lines[-1]  # what Ray Data raises has lost its cause, but for its text; the last was raised last
    return str(error) if isinstance(error, (ValueError, MissingExtra)) else None


def _is_rays(error: BaseException) -> bool:
    """Whether it is an error of Ray's, which isn't imported before a job needs it."""
    ray = sys.modules.get("ray")
    return ray is not None and isinstance(error, ray.exceptions.RayError)
