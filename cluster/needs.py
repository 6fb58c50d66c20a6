"""The resources that the jobs need, which a cluster's description must offer."""

from __future__ import annotations

from dataclasses import dataclass

from ray_jobs.runtime.settings import RuntimeSettings
from ray_jobs.sweeps.trial_runs import DRIVER_CPUS


@dataclass(frozen=True)
class Need:
    """The need of `count` actors or tasks at a time, each with `resources` on one node."""

    count: int
    resources: dict[str, float]
    what: str


def needs(job: str, runtime: RuntimeSettings) -> list[Need]:
    """The needs of `ray_jobs.<job>` with these settings, without its driver."""
    training = Need(runtime.train_workers, runtime.worker_resources, "runtime.train_workers")
    actors = Need(runtime.actors, {"CPU": runtime.actor_cpus}, "runtime.actors")
    match job:
        case "ingest":
            return [Need(1, {"CPU": 1.0}, "an import task")]
        case "neighbors":
            both = runtime.actors + runtime.index_shards
            return [Need(both, {"CPU": runtime.actor_cpus}, "runtime.actors and runtime.index_shards")]
        case "train":
            return [training]
        case "tune":
            return [training, Need(1, {"CPU": DRIVER_CPUS}, "a trial's driver")]
        case "predict":
            return [actors]
    raise ValueError(f"cluster/needs.py doesn't know what the job {job} asks for")
