"""The connection to Ray: to a cluster, or to a Ray of the job's own; and the check that what a job asks for can
be had there."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import socket
import sys
from typing import Any

import ray
from ray.data import DataContext

from ray_jobs.runtime import logs, metrics
from ray_jobs.runtime.ray_quirks import dumps, environment, local, output
from ray_jobs.runtime.settings import RuntimeSettings

log = logging.getLogger("jet")

ADDRESSES = (
    "name a running Ray as HOST:PORT in --runtime.address (6379 is the usual port), or leave that and "
    "RAY_ADDRESS out, to have a Ray of the job's own"
)
PROBE_S = 10
"""Seconds in which whoever is at an address must take a connection."""

LEAST_LOCAL_CPUS = 4
"""A local Ray counts at least this many CPUs: training workers and data tasks must fit beside each other."""


def connect(settings: RuntimeSettings) -> None:
    """Connect to the Ray that the settings or RAY_ADDRESS name, or start a local one. Idempotent."""
    if not ray.is_initialized():
        address = settings.address or environment.named_address()
        options: dict[str, Any] = {"address": address} if address else local_options(settings)
        if not sys.stderr.isatty():
            environment.without_colors()
        if address:
            refuse_unreachable(address, settings)
        else:
            local.refuse_long_sockets()
            local.guard_token()
        try:
            with contextlib.nullcontext() if address else local.known_address():
                ray.init(
                    logging_level=logging.WARNING,
                    log_to_driver=not logs.is_quiet(),
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
                f"no connection to {spelled_address(address, settings)}: {why}: {ADDRESSES}"
            ) from None
        if settings.log_format == "json":
            logs.set_up(metrics.job_name(), "json")  # Ray has added handlers of its own
        dumps.keep_out()
        atexit.register(output.leave_output)
        output.spend_restart_warning()
        where = address or f"a local Ray with {int(ray.cluster_resources().get('CPU', 0))} CPUs"
        log.info("connected to %s", where)
    context = DataContext.get_current()
    context.execution_no_progress_timeout_s = settings.no_progress_timeout_s
    context.enable_progress_bars = False  # they don't go with a log; jobs log their progress themselves
    output.quiet_data()


def local_options(settings: RuntimeSettings) -> dict[str, Any]:
    """How a local Ray is started."""
    cpus = settings.local_cpus or max(os.cpu_count() or 1, LEAST_LOCAL_CPUS)
    return {"address": "local", "num_cpus": cpus, "include_dashboard": True, "dashboard_host": "127.0.0.1"}


def spelled_address(address: str, settings: RuntimeSettings) -> str:
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
        raise ValueError(f"{spelled_address(address, settings)} is no address of a Ray: {ADDRESSES}")
    if environment.auth_mode() == "token" and not environment.has_token():
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
    raise ValueError(f"nothing answers at {spelled_address(address, settings)}: {why}: {ADDRESSES}")


def capacity(settings: RuntimeSettings) -> tuple[float, float]:
    """CPUs and GPUs that the cluster has, or can grow to. No autoscaler says how far that is: settings do."""
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


def require_actors(settings: RuntimeSettings) -> None:
    """Raise `ValueError` where the cluster can't have all actors of a job at a time."""
    cpus = settings.actors * settings.actor_cpus
    why = f"{settings.actors} actors of {settings.actor_cpus:g} CPUs each"
    require(settings, cpus, 0, why, "lower runtime.actors or runtime.actor_cpus")


def room(settings: RuntimeSettings, cpus: float, gpus: float, why: str, way_out: str) -> int:
    """How many times the cluster as a whole has what a job `require`s, which is at least once. What is in use
    counts as well: who asks is going to have it."""
    require(settings, cpus, gpus, why, way_out)
    most_cpus, most_gpus = capacity(settings)
    fits = most_cpus // cpus
    return int(min(fits, most_gpus // gpus) if gpus else fits)
