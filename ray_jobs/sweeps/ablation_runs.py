"""Runs the units of an ablation, as many at a time as the cluster has room for, and collects their scores."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import ray

from jet.artifacts.artifact import open_artifact
from jet.experiments.ablation.ablation import GRID
from jet.experiments.ablation.report import SCORES, summarized
from ray_jobs.ddp.training import reason
from ray_jobs.runtime.connection import room
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.sweeps.ablation_units import NETWORK, SCORES_KIND, Unit, train_and_score

log = logging.getLogger("jet.ablate")


def run_units(units: Sequence[Unit], concurrent: int) -> None:
    """Run the units with missing scores, `concurrent` trainings at a time.

    Raises `ValueError` where some failed, after the others have ended.
    """
    waiting = [unit for unit in units if unit.missing()]
    log.info("%d trainings, %d of them done already", len(units), len(units) - len(waiting))
    running: dict[ray.ObjectRef, Unit] = {}
    failed: dict[str, str] = {}
    while waiting or running:
        while waiting and len(running) < concurrent:
            unit = waiting.pop(0)
            task = ray.remote(num_cpus=1)(train_and_score).options(name=f"ablate {unit.name}")
            running[task.remote(unit)] = unit
        (done,), _ = ray.wait(list(running), num_returns=1)
        unit = running.pop(done)
        name = f"{unit.rows[0].name}, seed {unit.seed}"
        try:
            outcome = ray.get(done)
        except ray.exceptions.RayError as error:
            failed[name] = reason(str(getattr(error, "cause", error)))
            log.error("%s failed: %s", name, failed[name])
            continue
        left = len(waiting) + len(running)
        log.info("%s: %s; %d of %d to go", name, outcome, left, len(units))
    if failed:
        (name, why), *_ = failed.items()
        raise ValueError(
            f"{len(failed)} trainings failed, first {name} ({why}): give the same command again for another "
            "try, or name other --rows"
        )


def concurrency(config: JobConfig) -> int:
    """The number of trainings that the cluster can run at a time, each with a CPU for its task."""
    runtime = config.runtime
    workers, gpus = runtime.train_workers, runtime.train_workers * runtime.train_gpu
    why = f"an ablation with {workers} training workers"
    return room(runtime, workers + 1, gpus, why, "lower runtime.train_workers")


def collect(units: Sequence[Unit]) -> tuple[pa.Table, dict[str, Any]]:
    """The table of all scores (`SCORES`), and the metrics of each row."""
    table = pa.concat_tables(
        open_artifact(unit.scores_at(row), SCORES_KIND).read_table(SCORES)
        for unit in units
        for row in unit.rows
    )
    rows = [row for unit in units for row in unit.rows]
    metrics = summarized(table, [row for row in GRID if row in rows])
    for unit in units:
        spent = metrics[unit.rows[0].name].setdefault("trainings", [])
        spent.append({"seed": unit.seed, **open_artifact(unit.network_at, NETWORK).manifest.facts})
    return table, metrics
