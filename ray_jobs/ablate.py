"""`jet ablate`: what each part of the network earns, as one declared grid with paired intervals.

The grid is `jet.experiments.ablation.ablation.GRID`. Every training of it is the one that `jet train` runs
(`ray_jobs.ddp.training.fit`); as many run beside each other as the cluster has room for, each with a task that
waits for it and then lets the network answer the calibration and the test split. What is measured is the
network: the copy decoder alone, without the ranker. A trained network, and the answers of a row and seed,
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

from jet.artifacts.artifact import Manifest, artifact_writer, finished, refuse_foreign
from jet.artifacts.storage import absolute, remove
from jet.books.split import CALIBRATION, SPLITS
from jet.experiments.ablation.ablation import Neighbors, Row, rows_named
from jet.experiments.ablation.report import beyond_noise, markdown
from ray_jobs.ddp.checkpoints import checkpoints
from ray_jobs.ddp.training import checked_data, open_training_data
from ray_jobs.options import ablate as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.sweeps.ablation_runs import collect, concurrency, run_units
from ray_jobs.sweeps.ablation_units import TRAINED, planned
from ray_jobs.sweeps.leaky_folder import leaky_folder

KIND = "ablation"

log = logging.getLogger("jet.ablate")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Ablate on `args.data`."""
    manifest = ablate(args.data, args.output, rows_named(args.rows), args.seeds, config)
    return {"output": args.output, **manifest.rows, **manifest.facts}


def ablate(folder: str, output: str, rows: Sequence[Row], seeds: Sequence[int], config: JobConfig) -> Manifest:
    """Measure what `rows` cost or gain and publish the table; returns its manifest."""
    if len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ValueError(f"--seeds must be different numbers from 0 on, not {' '.join(map(str, seeds))}")
    entries, neighbors, inputs = open_training_data(folder)
    grid = {"ablation": {"rows": [row.name for row in rows], "seeds": list(seeds)}}
    settings = config.part(*TRAINED) | {"beams": config.predict.beams} | grid
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same ablation already", output)
        return done
    refuse_foreign(output)
    data = checked_data(entries, neighbors, config)
    connect(config.runtime)
    concurrent = concurrency(config)
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
    run_units(units, concurrent)
    table, metrics = collect(units)
    with artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer:
        writer.write_table("rows.parquet", table)
        writer.write_bytes("table.md", markdown(metrics, seeds).encode())
        writer.write_bytes("metrics.json", json.dumps(metrics, indent=1, ensure_ascii=False).encode())
        facts = {"trainings": len(units), "beyond_noise": beyond_noise(metrics, CALIBRATION)}
        manifest = writer.publish({"rows": len(rows), "answers": len(table)}, facts)
    remove(work)
    return manifest


if __name__ == "__main__":
    sys.exit(main("ablate", options, run))
