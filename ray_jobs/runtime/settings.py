"""The settings of a job: the library's, and where and how widely the job runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from jet.config import JetConfig

LogFormat = Literal["text", "json"]
Executor = Literal["auto", "local", "ray"]


@dataclass(kw_only=True)
class RuntimeSettings:
    """Where the jobs run and how far they spread. None of it bears on what comes out."""

    executor: Executor = "auto"
    """Where `jet ingest` and `jet predict` run: on ray, or local, in their own process. The others run on Ray.
    auto: local where no Ray is named and the work is small, at most 8 MB of ledgers and 2,000 entries."""
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
    """Seconds between two checks for room for more workers. More of them start at the newest
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
    bucket_rows: int = 262_144
    """Entries that a worker holds at most when books are sorted: whole companies are dealt into buckets of so
    many, and only a larger company makes a larger one."""
    text_cache: str | None = None
    """Folder (a path or URI) that keeps sentence vectors from run to run; null: none is kept."""
    no_progress_timeout_s: int = 600
    """Seconds without a finished block after which a data job fails instead of waiting."""
    log_format: LogFormat = "text"
    """What stands on standard error: text for people, or json, an object a line, for a log store."""

    def __post_init__(self) -> None:
        for name in ("train_workers", "train_resize_s", "actors", "index_shards", "block_rows", "bucket_rows"):
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
