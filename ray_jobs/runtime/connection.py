"""The connection to Ray: to a cluster, or to a Ray of the job's own; and the check that what a job asks for can
be had there."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import random
import re
import socket
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import ray
from ray.data import DataContext

from ray_jobs.runtime import crashes, logs, metrics
from ray_jobs.runtime.settings import RuntimeSettings

log = logging.getLogger("jet")

ADDRESSES = (
    "name a running Ray as HOST:PORT in --runtime.address (6379 is the usual port), or leave that and "
    "RAY_ADDRESS out, to have a Ray of the job's own"
)
PROBE_S = 10
"""Seconds in which whoever is at an address must take a connection."""

LONGEST_SOCKET = "dash_MetricsHead"
"""The longest name of those that Ray 2.60 gives its sockets."""
MOST_SOCKET_BYTES = 103 if sys.platform == "darwin" else 107
"""Of the path of a socket, with its name."""

LEAST_LOCAL_CPUS = 4
"""A local Ray counts at least this many CPUs: training workers and data tasks must fit beside each other."""


def connect(settings: RuntimeSettings) -> None:
    """Connect to the Ray that the settings or RAY_ADDRESS name, or start a local one. Idempotent."""
    if not ray.is_initialized():
        address = settings.address or os.environ.get("RAY_ADDRESS")
        options: dict[str, Any] = {"address": address} if address else local_options(settings)
        if not sys.stderr.isatty():
            os.environ.setdefault("RAY_COLOR_PREFIX", "0")
        if address:
            refuse_unreachable(address, settings)
        else:
            refuse_long_sockets()
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
        except ConnectionError as error:  # Ray's words name options that jet has not
            if not address:
                raise
            why = str(error).partition(". ")[0]
            raise ValueError(
                f"no connection to {said_address(address, settings)}: {why}: {ADDRESSES}"
            ) from None
        if settings.log_format == "json":
            logs.set_up(metrics.job_name(), "json")  # Ray has added handlers of its own
        crashes.keep_out()
        atexit.register(leave_output)
        spend_restart_warning()
        where = address or f"a local Ray with {int(ray.cluster_resources().get('CPU', 0))} CPUs"
        log.info("connected to %s", where)
    context = DataContext.get_current()
    context.execution_no_progress_timeout_s = settings.no_progress_timeout_s
    context.enable_progress_bars = False  # they don't go with a log; jobs tell their progress themselves
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)


def leave_output() -> None:
    """Let what Ray still prints while the process ends go to standard error: a job's result is the last line of
    its output. (What is registered later runs earlier: Ray ends after this.)"""
    sys.stdout = sys.stderr


def local_options(settings: RuntimeSettings) -> dict[str, Any]:
    """How a local Ray is started."""
    cpus = settings.local_cpus or max(os.cpu_count() or 1, LEAST_LOCAL_CPUS)
    return {"address": "local", "num_cpus": cpus, "include_dashboard": True, "dashboard_host": "127.0.0.1"}


def said_address(address: str, settings: RuntimeSettings) -> str:
    """An address with the name of what gave it."""
    return f"{address} (of {'runtime.address' if settings.address else 'RAY_ADDRESS'})"


def refuse_unreachable(address: str, settings: RuntimeSettings) -> None:
    """Raise `ValueError` where `address` can't be a Ray's, or where nothing answers: Ray would try for minutes.

    Without the token that it needs, Ray says so at once.
    """
    if address in ("auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if not re.fullmatch(r"[^/]+", host) or not port.isdigit():
        raise ValueError(f"{said_address(address, settings)} is no address of a Ray: {ADDRESSES}")
    if os.environ.get("RAY_AUTH_MODE") == "token" and not has_token():
        return
    hosts = [host.strip("[]")]
    if hosts[0] in ("127.0.0.1", "localhost", "::1"):  # which Ray takes for the address of this node
        hosts.append(ray.util.get_node_ip_address())
    for each in hosts:
        try:
            socket.create_connection((each, int(port)), PROBE_S).close()
        except (OSError, OverflowError) as error:
            why = error
        else:
            return
    raise ValueError(f"nothing answers at {said_address(address, settings)}: {why}: {ADDRESSES}")


def has_token() -> bool:
    """Whether there is a token where Ray looks for one."""
    named = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & os.environ.keys()
    return bool(named) or (Path.home() / ".ray" / "auth_token").exists()


def refuse_long_sockets() -> None:
    """Raise `ValueError` where the sockets of a local Ray would have paths that are too long.

    Ray starts some of its processes before it finds that out, and then names no setting.
    """
    names = ("RAY_TMPDIR", "TMPDIR") if sys.platform == "linux" else ("RAY_TMPDIR",)
    by = next((name for name in names if name in os.environ), None)
    folder = os.environ[by] if by else "/tmp"  # noqa: S108 (what Ray takes)
    session = f"session_{datetime.now():%Y-%m-%d_%H-%M-%S_%f}_{os.getpid()}"
    path = f"{folder.rstrip('/')}/ray/{session}/sockets/{LONGEST_SOCKET}"
    if (size := len(os.fsencode(path))) > MOST_SOCKET_BYTES:
        raise ValueError(
            f"{by} names a folder that is too long for the sockets of a local Ray: {path} has {size} bytes, "
            f"and {MOST_SOCKET_BYTES} are the most: set RAY_TMPDIR to a shorter folder, such as /tmp"
        )


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
