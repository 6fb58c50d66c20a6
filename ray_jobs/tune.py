"""`jet tune`: trains many configs and finds the one that books the calibration split best.

`ray_jobs.sweeps.searches` decides which trials there are, `ray_jobs.sweeps.trial_runs` runs them. A trial
trains and is scored by the decoder alone, free-running, on the calibration split; the test split is looked at
once, in the end, with fresh trainings of the winner and of the base config (`ray_jobs.sweeps.finals`).
"""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict, replace
from typing import Any

import jsonargparse
import numpy as np
import pyarrow as pa

from jet.artifacts.artifact import Manifest, artifact_writer, beside, digest_of, finished, refuse_foreign
from jet.artifacts.storage import absolute, remove
from jet.books.split import CALIBRATION, TEST
from jet.experiments.sweep.declared import build_space, checked_count
from jet.experiments.sweep.outcome import Outcome
from jet.experiments.sweep.records import Records
from jet.experiments.sweep.report import render_sweep
from jet.experiments.sweep.settings import TuneSettings
from jet.experiments.sweep.trials import trials_table, winner
from ray_jobs.ddp.training import PARTS, checked_data, open_training_data
from ray_jobs.options import tune as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.sweeps.finals import best_yaml, refuse_untestable, train_finals
from ray_jobs.sweeps.searches import search
from ray_jobs.sweeps.trial_runs import Sweep, concurrency

KIND = "sweep"

log = logging.getLogger("jet.tune")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Sweep over `args.data`."""
    manifest = tune(args.data, args.output, TuneSettings(**args.tune.as_dict()), config, sure=args.yes)
    return {"output": args.output, **manifest.facts}


def tune(folder: str, output: str, settings: TuneSettings, config: JobConfig, sure: bool = False) -> Manifest:
    """Sweep, score the winner and publish; returns the manifest."""
    entries, neighbors, inputs = open_training_data(folder)
    # How much runs at a time moves what a searcher knows when it suggests, and so the trials. It isn't a part
    # of the config all the same: a sweep must be able to go on in another cluster.
    wanted = asdict(replace(settings, concurrent=0))
    made_with = config.part(*PARTS) | {"tune": wanted}
    done = finished(output, KIND, made_with, inputs)
    if done is not None:
        log.info("%s holds the same sweep already", output)
        return done
    refuse_foreign(output)
    space = build_space(settings.space, config)
    count = checked_count(space, settings, sure)
    connect(config.runtime)
    concurrent = concurrency(settings, config)
    data = checked_data(entries, neighbors, config)
    refuse_untestable(settings, data)
    # The trials are the same, however many final trainings there are.
    name = digest_of([made_with | {"tune": wanted | {"final_seeds": 0}}, inputs])
    group = config.tracking.group or f"sweep-{name[:8]}"
    config = replace(config, tracking=replace(config.tracking, group=group))
    rows = len(data.learnable(CALIBRATION))
    rows = min(rows, config.train.watched_rows or rows)
    work = beside(absolute(output), f"tuning-{name}")
    sweep = Sweep(absolute(folder), work, config, space, rows, concurrent)
    log.info("%d trials (%s), %d at a time, scored on %d entries", count, settings.method, concurrent, rows)
    trials = search(sweep, settings)
    best = winner(trials, rows)
    log.info("the best is %s; now the test split", best.key)
    finals = train_finals(sweep, settings, best, data)
    entities = data.entries["entity"].take(pa.array(data.rows(TEST)))
    outcome = Outcome(trials, finals, Records(work).all(), rows, np.array(entities.to_pylist()))
    page = render_sweep(outcome, space, config, settings)
    with artifact_writer(output, KIND, made_with, inputs, resolved=asdict(config)) as writer:
        writer.write_table("trials.parquet", trials_table(trials))
        writer.write_bytes("best.yaml", best_yaml(best, config).encode())
        writer.write_bytes("report/index.html", page.encode())
        manifest = writer.publish({"trials": len(trials)}, outcome.facts())
    remove(work)
    return manifest


if __name__ == "__main__":
    sys.exit(main("tune", options, run))
