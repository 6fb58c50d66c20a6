"""`jet ablate`: what each part of the network earns, as one declared grid with paired intervals.

The grid is `jet.experiments.ablation.ablation.GRID`. Every training of it is the one that `jet train` runs
(`ray_jobs.ddp.training.fit`); as many run beside each other as the cluster has room for, each with a task that
waits for it and then lets the network answer the calibration and the test split. What is measured is the
network: the copy decoder alone, without ranker and stack. A trained network, and the answers of a row and seed,
are artifacts of their own beside the output until all are there: the same command goes on where a killed one
broke off.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import jsonargparse
import pyarrow as pa
import ray

from jet.artifacts.artifact import (
    Artifact,
    Manifest,
    artifact_writer,
    digest_of,
    finished,
    open_artifact,
    refuse_foreign,
)
from jet.artifacts.storage import absolute, remove
from jet.books.split import CALIBRATION, SPLITS
from jet.experiments.ablation.ablation import GRID, Neighbors, Row, rows_named
from jet.experiments.ablation.leaky_neighbors import noncausal_neighbors, undated_neighbors
from jet.experiments.ablation.report import ANSWERS, beyond_noise, markdown, summarized
from ray_jobs.ddp.checkpoints import checkpoints
from ray_jobs.ddp.training import checked_data, load_data, opened, reason
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect, room
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.sweeps.ablation_units import ANSWERED, NETWORK, TRAINED, Unit, planned, train_and_answer

HELP = "Measure what each part of the network earns: an ablation grid with several seeds and paired intervals."
DEFAULTS = {"runtime.train_workers": 1}
"""Trainings side by side use a machine better than the workers of one."""
KIND = "ablation"

log = logging.getLogger("jet.ablate")


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--data", required=True, help="folder with what `jet ingest` and `jet neighbors` wrote")
    parser.add_argument("--output", required=True, help="folder for the table; must not exist yet")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], help="each row is trained once with each"
    )
    parser.add_argument(
        "--rows",
        nargs="+",
        help=f"some rows only, and the baseline; default: all of {', '.join(row.name for row in GRID)}",
    )


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Ablate on `args.data`."""
    manifest = ablate(args.data, args.output, rows_named(args.rows), args.seeds, config)
    return {"output": args.output, **manifest.rows, **manifest.facts}


def ablate(folder: str, output: str, rows: Sequence[Row], seeds: Sequence[int], config: JobConfig) -> Manifest:
    """Answer the questions of `rows` and publish the table; returns its manifest."""
    if len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ValueError(f"--seeds must be different numbers from 0 on, not {' '.join(map(str, seeds))}")
    entries, neighbors, inputs = opened(folder)
    asked = {"ablation": {"rows": [row.name for row in rows], "seeds": list(seeds)}}
    settings = config.part(*TRAINED) | {"beams": config.predict.beams} | asked
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same ablation already", output)
        return done
    refuse_foreign(output)
    data = checked_data(entries, neighbors, config)
    connect(config.runtime)
    at_once = room_for(config)
    counts = {name: len(data.learnable(part)) for part, name in enumerate(SPLITS)}
    if not all(counts.values()):
        raise ValueError(f"too few entries to measure on: the split leaves {counts} that can be learned")
    work = checkpoints(absolute(output))
    folders: dict[Neighbors, str] = {"causal": absolute(folder)}
    for row in rows:
        if row.neighbors not in folders:
            changed = row.applied(config)
            folders[row.neighbors] = leaky_folder(row.neighbors, entries, neighbors, changed, work)
    units = list(planned(rows, seeds, config, folders, work, inputs))
    answer_all(units, at_once)
    table, metrics = collected(units)
    with artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer:
        writer.write_table("rows.parquet", table)
        writer.write_bytes("table.md", markdown(metrics, seeds).encode())
        writer.write_bytes("metrics.json", json.dumps(metrics, indent=1, ensure_ascii=False).encode())
        facts = {"trainings": len(units), "beyond_noise": beyond_noise(metrics, CALIBRATION)}
        manifest = writer.publish({"rows": len(rows), "answers": len(table)}, facts)
    remove(work)
    return manifest


LEAKY = {"noncausal": noncausal_neighbors, "undated": undated_neighbors}


def leaky_folder(kind: Neighbors, entries: Artifact, neighbors: Artifact, config: JobConfig, work: str) -> str:
    """A data folder with the same entries, and neighbors that don't regard dates."""
    made_with = neighbors.manifest.config | config.part("split") | {"kind": kind}
    folder = f"{work}/{kind}-{digest_of([made_with, neighbors.manifest.fingerprint])}"
    manifest = entries.manifest
    if finished(f"{folder}/entries", "entries", manifest.config, manifest.inputs) is None:
        with artifact_writer(f"{folder}/entries", "entries", manifest.config, manifest.inputs) as writer:
            for name in manifest.files:
                writer.write_bytes(name, entries.read_bytes(name))
            writer.publish(manifest.rows)
    manifest = neighbors.manifest
    if finished(f"{folder}/neighbors", "neighbors", made_with, manifest.inputs) is None:
        table = LEAKY[kind](load_data(entries, neighbors, config))
        with artifact_writer(f"{folder}/neighbors", "neighbors", made_with, manifest.inputs) as writer:
            for name in manifest.files:
                if not name.startswith("part-"):
                    writer.write_bytes(name, neighbors.read_bytes(name))
            writer.write_table("part-000000.parquet", table)
            writer.publish({"neighbors": len(table)})
    return folder


def answer_all(units: Sequence[Unit], at_once: int) -> None:
    """Train and answer what is missing, so much at a time.

    What fails is told at the end, as a `ValueError`: the rest is done first.
    """
    waiting = [unit for unit in units if unit.missing()]
    log.info("%d trainings, %d of them done already", len(units), len(units) - len(waiting))
    running: dict[ray.ObjectRef, Unit] = {}
    failed: dict[str, str] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            unit = waiting.pop(0)
            task = ray.remote(num_cpus=1)(train_and_answer).options(name=f"ablate {unit.name}")
            running[task.remote(unit)] = unit
        (done,), _ = ray.wait(list(running), num_returns=1)
        unit = running.pop(done)
        name = f"{unit.rows[0].name}, seed {unit.seed}"
        try:
            told = ray.get(done)
        except ray.exceptions.RayError as error:
            failed[name] = reason(str(getattr(error, "cause", error)))
            log.error("%s failed: %s", name, failed[name])
            continue
        left = len(waiting) + len(running)
        log.info("%s: %s; %d of %d to go", name, told, left, len(units))
    if failed:
        (name, why), *_ = failed.items()
        raise ValueError(
            f"{len(failed)} trainings failed, first {name} ({why}): give the same command again for another "
            "try, or name other --rows"
        )


def room_for(config: JobConfig) -> int:
    """How many trainings the cluster can run at a time, each with a CPU for the task that waits for it."""
    runtime = config.runtime
    workers, gpus = runtime.train_workers, runtime.train_workers * runtime.train_gpu
    why = f"an ablation with {workers} training workers"
    return room(runtime, workers + 1, gpus, why, "lower runtime.train_workers")


def collected(units: Sequence[Unit]) -> tuple[pa.Table, dict[str, Any]]:
    """All answers, and what they come to."""
    table = pa.concat_tables(
        open_artifact(unit.answers_at(row), ANSWERED).read_table(ANSWERS) for unit in units for row in unit.rows
    )
    rows = [row for unit in units for row in unit.rows]
    metrics = summarized(table, [row for row in GRID if row in rows])
    for unit in units:
        spent = metrics[unit.rows[0].name].setdefault("trainings", [])
        spent.append({"seed": unit.seed, **open_artifact(unit.network_at, NETWORK).manifest.facts})
    return table, metrics


if __name__ == "__main__":
    sys.exit(main("ablate", sys.modules[__name__]))
