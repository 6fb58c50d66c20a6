"""What all jobs share: the command line, the connection to Ray, the check before the start, the last line.

A job is a module with `HELP`, `arguments(parser)` and `run(args, config)`. `main` gives it the same options
as every other job: `--config FILE` (YAML), dotted overrides of any setting (`--model.hidden 64`), unknown keys
refused. A job's result is one JSON line on standard output; everything else goes to standard error.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import jsonargparse
import ray
from ray.data import DataContext

from jet.artifact import ArtifactError
from jet.books.importers import UnreadableFile
from jet.books.schema import SchemaError
from jet.config import JetConfig

log = logging.getLogger("jet")

LEAST_LOCAL_CPUS = 4
"""A local Ray counts at least this many CPUs: training workers and data tasks must fit beside each other."""


@dataclass(kw_only=True)
class RuntimeSettings:
    """Where the jobs run and how far they spread. None of it bears on what comes out."""

    address: str | None = None
    """Ray's address; by default RAY_ADDRESS, or a local Ray that is started and stopped with the job."""
    local_cpus: int | None = None
    """CPUs that a local Ray counts; default: this machine's, but at least 4."""
    train_workers: int = 2
    """DDP workers of a training."""
    train_gpu: bool = False
    """Give each training worker a GPU."""
    actors: int = 2
    """Actors that encode texts, and that predict."""
    index_shards: int = 2
    """Actors that the blocks of the index are spread over."""
    actor_cpus: float = 0.5
    """CPUs that each actor reserves."""
    block_rows: int = 2048
    """Entries that go through an actor at a time."""
    no_progress_timeout_s: int = 600
    """Seconds without a finished block after which a data job fails instead of waiting."""

    def __post_init__(self) -> None:
        for name in ("train_workers", "actors", "index_shards", "block_rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"runtime.{name} must be at least 1, got {getattr(self, name)}")


@dataclass(kw_only=True)
class JobConfig(JetConfig):
    """The library's settings, and where the jobs run."""

    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)


class Job(Protocol):
    """What a job's module offers."""

    HELP: str

    @staticmethod
    def arguments(parser: jsonargparse.ArgumentParser) -> None:
        """Add the job's own options."""

    @staticmethod
    def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
        """Do it; what is returned becomes the JSON line."""


def job_parser(name: str, job: Any) -> jsonargparse.ArgumentParser:
    """The parser of one job's options."""
    parser = jsonargparse.ArgumentParser(prog=f"jet {name}", description=job.HELP)
    job.arguments(parser)
    parser.add_argument("--config", action="config", help="a YAML file with any of the settings below")
    parser.add_class_arguments(JobConfig)
    return parser


def main(name: str, job: Any, argv: Sequence[str] | None = None) -> int:
    """Run a job from the command line; returns the exit status."""
    parser = job_parser(name, job)
    given = parser.parse_args(argv)
    start = time.monotonic()
    logging.basicConfig(
        level=logging.INFO,
        stream=sys.stderr,
        format=f"%(asctime)s jet {name}: %(message)s",
        datefmt="%H:%M:%S",
    )
    quiet_libraries()
    try:
        ready = parser.instantiate_classes(given)
        config = JobConfig(**{f.name: ready[f.name] for f in fields(JobConfig)})
        result = job.run(given, config)
    except (ArtifactError, UnreadableFile, SchemaError, ValueError) as error:
        print(f"jet {name}: error: {error}", file=sys.stderr)
        return 2
    print(
        json.dumps({"job": name, **result, "seconds": round(time.monotonic() - start, 1)}, ensure_ascii=False)
    )
    return 0


def quiet_libraries() -> None:
    """Keep libraries' chatter out of a job's output; warnings and errors stay."""
    for name in ("httpx", "urllib3", "filelock", "matplotlib", "transformers", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.WARNING)


def connect(settings: RuntimeSettings) -> None:
    """Connect to the Ray that the settings or RAY_ADDRESS name, or start a local one. Idempotent."""
    if not ray.is_initialized():
        address = settings.address or os.environ.get("RAY_ADDRESS")
        options: dict[str, Any] = {"address": address} if address else local_options(settings)
        ray.init(logging_level=logging.WARNING, log_to_driver=True, **options)
        where = address or f"a local Ray with {int(ray.cluster_resources().get('CPU', 0))} CPUs"
        log.info("connected to %s", where)
    context = DataContext.get_current()
    context.execution_no_progress_timeout_s = settings.no_progress_timeout_s
    context.enable_progress_bars = False  # they don't go with a log; jobs tell their progress themselves
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)


def local_options(settings: RuntimeSettings) -> dict[str, Any]:
    """How a local Ray is started."""
    cpus = settings.local_cpus or max(os.cpu_count() or 1, LEAST_LOCAL_CPUS)
    return {"address": "local", "num_cpus": cpus, "include_dashboard": True, "dashboard_host": "127.0.0.1"}


def require(cpus: float, gpus: float, why: str, way_out: str) -> None:
    """Raise `ValueError` where the cluster has fewer CPUs or GPUs than a job is going to ask for.

    Without this check Ray waits for them without a word.
    """
    have = ray.cluster_resources()
    for kind, need in (("CPU", cpus), ("GPU", gpus)):
        if need > have.get(kind, 0):
            raise ValueError(
                f"{why} needs {need:g} {kind}s, and the cluster has {have.get(kind, 0):g}: {way_out}, "
                f"or give the cluster more"
            )


def absolute(path: str) -> str:
    """A path that means the same on every worker of this machine; a URI stays as it is."""
    return path if "://" in path else str(Path(path).absolute())
