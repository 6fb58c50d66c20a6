"""The command line of `jet submit`, and the job that it names, checked as far as that goes without a cluster.

The job's options are read by the job's own parser: a typo is found here and now, and not on the cluster. A
config file travels as text in the job's command: it may lie anywhere, and the list of jobs shows what a job ran
with.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from jet.artifacts.uris import is_uri
from ray_jobs.runtime.arguments import job_parser, parsed
from ray_jobs.submission.packing import refuse_passwords, runtime_environment

HELP = """Run a job on a cluster: check its options here, send jet's code and the config with it, show its log,
and end with its exit status. All other options are the job's own (jet JOB --help lists them), and so is
everything after --. The same command again follows a job that is still running."""

LONGEST_COMMAND = 120_000
"""Bytes of a command. Ray hands it to a shell as one argument, which Linux takes up to 128 KiB."""


def submit_parser() -> argparse.ArgumentParser:
    """The parser of what isn't the job's own."""
    parser = argparse.ArgumentParser(
        prog="jet submit",
        description=HELP,
        usage="jet submit JOB [options] [the job's options]",
        allow_abbrev=False,
    )
    parser.add_argument("job", metavar="JOB", help="a job, as in: jet JOB")
    parser.add_argument(
        "--address", help="http(s)://HOST:PORT of the cluster's dashboard; default: RAY_API_SERVER_ADDRESS"
    )
    parser.add_argument("--no-wait", action="store_true", help="submit, print the submission id, and end")
    parser.add_argument("--submission-id", metavar="ID", help="default: made of the job's command")
    parser.add_argument(
        "--working-dir",
        metavar="DIR",
        help="folder to send and run in, without what its .gitignore and .rayignore name, or the URI of a zip; "
        "default: this folder if it is a checkout of jet, else none",
    )
    parser.add_argument(
        "--cluster-code", action="store_true", help="run the jet that the nodes have, and don't send this one"
    )
    parser.add_argument("--runtime-env", metavar="FILE", help="YAML file with a runtime environment of Ray's")
    parser.add_argument(
        "--env",
        metavar="NAME",
        action="append",
        default=[],
        help="environment variable to send; may be repeated",
    )
    parser.add_argument(
        "--entrypoint-resources",
        metavar="JSON",
        type=json.loads,
        help='what the driver\'s node must have; default: {"driver": 1} where the head takes no work or a '
        "node offers it, else {}",
    )
    return parser


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """`argv` before and after a `--`."""
    place = list(argv).index("--") if "--" in argv else len(argv)
    return list(argv[:place]), list(argv[place + 1 :])


@dataclass(frozen=True)
class Submission:
    """A job to submit: its name, the command that runs it on the cluster, and what Ray makes for it."""

    job: str
    command: str
    environment: dict[str, Any]


def prepared(given: argparse.Namespace, jobs: Sequence[str], job_argv: Sequence[str]) -> Submission:
    """The job, checked as far as that goes without the cluster. Raises `ValueError`, also for an option that
    the job doesn't know."""
    name = given.job
    if name not in jobs:
        raise ValueError(f"there is no job {name!r}; there are {', '.join(jobs)}")
    module = name.replace("-", "_")
    check(name, importlib.import_module(f"ray_jobs.options.{module}"), job_argv)
    command = shlex.join(["python", "-m", f"ray_jobs.{module}", *with_configs(job_argv)])
    refuse_passwords(command)
    if len(command.encode()) > LONGEST_COMMAND:
        raise ValueError(
            f"the job's command has {len(command.encode())} bytes, and {LONGEST_COMMAND} is the most: name "
            "folders or patterns in place of many files, and put less into the config"
        )
    environment = runtime_environment(given.runtime_env, given.working_dir, given.cluster_code, given.env)
    return Submission(name, command, environment)


def check(name: str, options: ModuleType, job_argv: Sequence[str]) -> None:
    """Read a job's options as the job is going to."""
    parser = job_parser(name, options)
    given = parsed(parser, job_argv, options)
    parser.instantiate(given)
    for option, path in (
        *((name, given.get(name)) for name in ("output", "result")),
        ("table", given.table.uri),
    ):
        if path and not is_uri(path) and not Path(path).is_absolute():
            raise ValueError(
                f"--{option} {path} is of this machine, and on the cluster it would go with the job: name a "
                "URI (s3://, gs://), or the whole path in a folder that all nodes have mounted"
            )


def with_configs(job_argv: Sequence[str]) -> list[str]:
    """`job_argv` with the text of each config file in place of its path."""
    arguments, waiting = [], False
    for argument in job_argv:
        option, separator, value = argument.partition("=")
        if waiting:
            arguments.append(f"--config={config_text(argument)}")
        elif option == "--config" and separator:
            arguments.append(f"--config={config_text(value)}")
        elif argument != "--config":
            arguments.append(argument)
        waiting = argument == "--config"
    return arguments


def config_text(path: str) -> str:
    """What a config file says. What is no file is settings as text already."""
    return Path(path).read_text() if Path(path).is_file() else path
