"""What all jobs share: the command line, the connection to Ray, the check before the start, the last line.

A job is a module with `HELP`, `arguments(parser)` and `run(args, config)`. `main` gives it the same options
as every other job: `--config FILE` (YAML), dotted overrides of any setting (`--model.hidden 64`), unknown keys
refused. A job's result is one JSON line on standard output; everything else goes to standard error.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import re
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

import jsonargparse
import ray
from ray.data import DataContext

from jet.config import JetConfig
from jet.storage import fetched, is_uri, refuse_keys
from ray_jobs import logs, metrics
from ray_jobs.terminal import printable

log = logging.getLogger("jet")

OS_ERROR = re.compile(r"^\s*(?:OS|FileNotFound|Permission|Connection|Timeout)Error: (.+)$", re.MULTILINE)
"""The line of a traceback in which a disk, a network or a store failed."""

LEAST_LOCAL_CPUS = 4
"""A local Ray counts at least this many CPUs: training workers and data tasks must fit beside each other."""


@dataclass(kw_only=True)
class RuntimeSettings:
    """Where the jobs run and how far they spread. None of it bears on what comes out."""

    address: str | None = None
    """Ray's address; by default RAY_ADDRESS, or a local Ray that is started and stopped with the job."""
    local_cpus: int | None = None
    """CPUs that a local Ray counts; default: this machine's, but at least 4."""
    cluster_cpus: float | None = None
    """CPUs that the cluster can have: say it where the cluster scales itself. Default: those it has now."""
    cluster_gpus: float | None = None
    """GPUs that the cluster can have, in the same way."""
    train_workers: int = 2
    """DDP workers of a training."""
    train_min_workers: int | None = None
    """Train with as few as this while the cluster has no more; default: no fewer than runtime.train_workers."""
    train_resize_s: int = 60
    """Seconds between two looks at whether there is room for more workers. More of them start at the newest
    checkpoint, which every epoch writes."""
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
    log_format: logs.LogFormat = "text"
    """What stands on standard error: text for people, or json, an object a line, for a log store."""

    def __post_init__(self) -> None:
        for name in ("train_workers", "train_resize_s", "actors", "index_shards", "block_rows"):
            if getattr(self, name) < 1:
                raise ValueError(f"runtime.{name} must be at least 1, got {getattr(self, name)}")
        if self.train_min_workers is not None and not 1 <= self.train_min_workers <= self.train_workers:
            raise ValueError(
                f"runtime.train_min_workers must be from 1 to runtime.train_workers {self.train_workers}, got "
                f"{self.train_min_workers}"
            )

    @property
    def worker_resources(self) -> dict[str, float]:
        """What one training worker reserves."""
        return {"CPU": 1.0, "GPU": 1.0} if self.train_gpu else {"CPU": 1.0}


@dataclass(kw_only=True)
class JobConfig(JetConfig):
    """The library's settings, and where the jobs run."""

    runtime: RuntimeSettings = field(default_factory=RuntimeSettings)


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
    parser = jsonargparse.ArgumentParser(prog=f"jet {name}", description=job.HELP, allow_abbrev=False)
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
    log_format: logs.LogFormat = "text"
    quiet_libraries()
    try:
        given = parsed(parser, translated(sys.argv[1:] if argv is None else argv, job))
        log_format = given["runtime"]["log_format"]
        logs.set_up(name, log_format)
        ready = parser.instantiate(given)
        config = JobConfig(**{f.name: ready[f.name] for f in fields(JobConfig)})
        with contextlib.redirect_stdout(sys.stderr):  # whatever workers print; the result stands alone
            result = job.run(given, config)
    except KeyboardInterrupt:
        logs.tell(name, "interrupted; what was finished stays", log_format)
        return 130
    except Exception as error:
        why = told(error)
        if why is not None:
            logs.tell(name, f"error: {why}", log_format)
            return 2
        if log_format == "text":
            raise
        log.exception("failed")  # a traceback would be many lines
        return 1
    if isinstance(result, dict):
        seconds = round(time.monotonic() - start, 1)
        result = printable(json.dumps({"job": name, **result, "seconds": seconds}, ensure_ascii=False))
    print(result)
    return 0


def parsed(parser: jsonargparse.ArgumentParser, argv: Sequence[str]) -> jsonargparse.Namespace:
    """The options in `argv`; a config may lie on an object store.

    Raises `ValueError` where a path has a secret in it, before anything repeats it.
    """
    found = list(argv)
    for argument in found:
        refuse_keys(argument.partition("=")[2] if argument.startswith("--") else argument)
    with contextlib.ExitStack() as kept:
        for number, argument in enumerate(found):
            option, given, path = argument.partition("=")
            if option != "--config" and (number == 0 or found[number - 1] != "--config"):
                continue
            path = path if given else argument
            if is_uri(path):
                local = kept.enter_context(fetched(path))
                found[number] = f"{option}={local}" if option == "--config" else str(local)
        return parser.parse_args(found)


def told(error: BaseException) -> str | None:
    """What to say of a failure that people can mend; None for any other, which is a defect of jet's.

    What a disk, a network or a store fails at (`OSError`) is told wherever it happened, on workers too.
    """
    each: BaseException | None = error
    while each is not None:
        if isinstance(each, OSError) and not isinstance(each, ray.exceptions.RayError):
            return " ".join(str(each).split())
        each = getattr(each, "cause", None) or each.__cause__
    if isinstance(error, ray.exceptions.RayError) and (line := OS_ERROR.search(str(error))):
        return line[1]  # what Ray Data raises has lost its cause, but for its text
    return str(error) if isinstance(error, ValueError) else None


def translated(argv: Sequence[str], job: Any) -> list[str]:
    """`argv` with the job's own options in place of their other names."""
    found = []
    for argument in argv:
        option, separator, value = argument.partition("=")
        found.append(getattr(job, "ALSO", {}).get(option, option) + separator + value)
    return found


def quiet_libraries() -> None:
    """Keep libraries' chatter out of a job's output; warnings and errors stay."""
    for name in ("httpx", "urllib3", "filelock", "matplotlib", "transformers", "ray.tune", "ray.train"):
        logging.getLogger(name).setLevel(logging.WARNING)


def connect(settings: RuntimeSettings) -> None:
    """Connect to the Ray that the settings or RAY_ADDRESS name, or start a local one. Idempotent."""
    if not ray.is_initialized():
        address = settings.address or os.environ.get("RAY_ADDRESS")
        options: dict[str, Any] = {"address": address} if address else local_options(settings)
        if not sys.stderr.isatty():
            os.environ.setdefault("RAY_COLOR_PREFIX", "0")
        if not address:
            guard_token()
        try:
            with contextlib.nullcontext() if address else known_address():
                ray.init(
                    logging_level=logging.WARNING,
                    log_to_driver=True,
                    logging_config=logs.for_workers(settings.log_format),
                    **options,
                )
        except ray.exceptions.AuthenticationError as error:
            raise ValueError(
                f"not let in by the Ray at {address}: {error.message}: put the cluster's token into "
                "~/.ray/auth_token (or name its file in RAY_AUTH_TOKEN_PATH); for a cluster without one, where "
                "whoever reaches it can run any code, set RAY_AUTH_MODE=disabled"
            ) from None
        if settings.log_format == "json":
            logs.set_up(metrics.job_name(), "json")  # Ray has added handlers of its own
        spend_restart_warning()
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


def guard_token() -> None:
    """Make the folder in which Ray keeps the token that it makes this person's own.

    Ray leaves the file as readable as the system makes new files, which usually is for everybody.
    """
    folder = Path.home() / ".ray"
    with contextlib.suppress(OSError):  # where it can't be made, Ray itself says so
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)


@contextlib.contextmanager
def known_address() -> Iterator[None]:
    """A local Ray that is started inside tells its workers where it is.

    Helpers of Ray Train look for "the" Ray of the machine. Where several run (two jobs, a notebook) they find
    none, or a stranger that doesn't know their training: they would take its workers away.
    """
    port = free_port()
    told = {"RAY_GCS_SERVER_PORT": str(port), "RAY_ADDRESS": f"127.0.0.1:{port}"}
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def free_port() -> int:
    """A port that nobody listens on, below those that systems hand out: another process may be given one of
    these before Ray gets to it."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


def spend_restart_warning() -> None:
    """Make Ray's core say now, unheard, what it would otherwise say amid the log.

    Once in a driver's life it prints to file descriptor 2 that an actor with arguments in the object store may
    fail to restart. The first actor pool of Ray Data sets it off, and Ray Data keeps those arguments alive. No
    setting silences it but one that makes every process print another line.
    """

    class Nobody:
        def __init__(self, argument: Any) -> None:
            pass

    reference = ray.put(None)
    actor = ray.remote(num_cpus=0, max_restarts=1)(Nobody)
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            actor.remote(reference)
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def capacity(settings: RuntimeSettings) -> tuple[float, float]:
    """CPUs and GPUs that the cluster has, or can grow to. No autoscaler tells how far that is: settings do."""
    have = ray.cluster_resources()
    cpus, gpus = have.get("CPU", 0.0), have.get("GPU", 0.0)
    return max(cpus, settings.cluster_cpus or 0), max(gpus, settings.cluster_gpus or 0)


def require(settings: RuntimeSettings, cpus: float, gpus: float, why: str, way_out: str) -> None:
    """Raise `ValueError` where the cluster can't have the CPUs or GPUs that a job is going to ask for.

    Without this check Ray waits for them without a word.
    """
    for kind, need, have in zip(("CPU", "GPU"), (cpus, gpus), capacity(settings), strict=True):
        if need > have:
            raise ValueError(
                f"{why} needs {need:g} {kind}s, and the cluster has {have:g}: {way_out}, give the cluster "
                f"more, or, if it scales itself, say in runtime.cluster_{kind.lower()}s how many it can have"
            )


def room(settings: RuntimeSettings, cpus: float, gpus: float, why: str, way_out: str) -> int:
    """How many times the cluster as a whole has what a job `require`s, which is at least once. What is in use
    counts as well: who asks is going to have it."""
    require(settings, cpus, gpus, why, way_out)
    most_cpus, most_gpus = capacity(settings)
    fits = most_cpus // cpus
    return int(min(fits, most_gpus // gpus) if gpus else fits)


def absolute(path: str) -> str:
    """A path that means the same on every worker of this machine; a URI stays as it is."""
    return path if is_uri(path) else str(Path(path).absolute())
