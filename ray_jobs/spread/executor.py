"""Where units of work run: on Ray, or in this process, where the work is small and no cluster is named.

Starting a Ray takes longer than forty entries do. Either way the same workers do the same units, so the results
are the same to the bit. What starts, shares and runs is here; neither Ray nor its packages are imported before
they are used.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ray_jobs.runtime.ray_quirks.environment import is_connected, named_address
from ray_jobs.runtime.settings import JobConfig, RuntimeSettings

SMALL_ENTRIES = 2_000
"""Entries that are predicted in this process at most."""
SMALL_BYTES = 8 * 2**20
"""Bytes of ledger files that are read in this process at most."""


def decided(config: JobConfig, *, is_small: bool) -> JobConfig:
    """The settings with the executor that `runtime.executor` means for work of this size. A Ray that is
    connected to already is used."""
    runtime = config.runtime
    if runtime.executor != "auto":
        return config
    has_ray = is_connected() or runtime.address is not None or named_address() is not None
    return replace(config, runtime=replace(runtime, executor="local" if is_small and not has_ray else "ray"))


def is_local(runtime: RuntimeSettings) -> bool:
    """Whether work runs in this process; asked of settings that were `decided`."""
    return runtime.executor == "local"


def begin(runtime: RuntimeSettings, actors: bool = False) -> None:
    """Connect to Ray, unless work runs here. Raises `ValueError` where the cluster can't have all `actors`."""
    if is_local(runtime):
        return
    from ray_jobs.runtime.connection import connect, require_actors

    connect(runtime)
    if actors:
        require_actors(runtime)


def share(value: Any, runtime: RuntimeSettings) -> Any:
    """What workers take in a list to `fetch` the value: a reference to the object store, or the value."""
    if is_local(runtime):
        return value
    import ray

    return ray.put(value)


def fetch(shared: list[Any]) -> Any:
    """The value that was shared. (It comes in a list, so that Ray hands on the reference, and the worker gets a
    view that all processes of its machine share.)"""
    ray = sys.modules.get("ray")
    return ray.get(shared[0]) if ray is not None and isinstance(shared[0], ray.ObjectRef) else shared[0]


def once(work: Callable[..., Any], runtime: RuntimeSettings, *arguments: Any) -> Any:
    """What `work` returns, by a task of Ray's that bears its name, or here."""
    if is_local(runtime):
        return work(*arguments)
    import ray

    return ray.get(ray.remote(num_cpus=runtime.actor_cpus)(work).remote(*arguments))
