"""`jet tune`: trains many configs and finds the one that books the calibration split best.

`ray_jobs.sweeps.searches` decides which trials there are, `ray_jobs.sweeps.trial_runs` runs them. A trial
trains and is scored by the decoder alone, free-running, on the calibration split; the test split is looked at
once, in the end, with fresh trainings of the winner and of the base config.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from dataclasses import asdict, replace
from typing import Any

import jsonargparse
import numpy as np
import pyarrow as pa
import ray
import torch
import yaml

from jet.artifacts.artifact import Manifest, artifact_writer, beside, digest_of, finished, refuse_foreign
from jet.artifacts.storage import absolute, remove
from jet.books.split import CALIBRATION, TEST
from jet.experiments.overrides import with_settings
from jet.experiments.sweep.finals import SIDES, Final, final_facts, gain_of
from jet.experiments.sweep.records import Records
from jet.experiments.sweep.report import render_sweep
from jet.experiments.sweep.settings import TuneSettings
from jet.experiments.sweep.space import Space, build_space
from jet.experiments.sweep.trials import Trial, trials_table, winner
from jet.training.data import TrainingData
from jet.training.fitting import build_network, decoded_exactly
from ray_jobs.ddp.training import PARTS, best_state, checked_data, opened
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect, room
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.sweeps.searches import search
from ray_jobs.sweeps.trial_runs import DRIVER_CPUS, Sweep, Task, run_trials

HELP = "Search the settings of a training, above all the schedules of its losses, on the calibration split."
KIND = "sweep"
DEFAULTS = {"train.watched_rows": 0}
log = logging.getLogger("jet.tune")


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--data", required=True, help="folder with what `jet ingest` and `jet neighbors` wrote")
    parser.add_argument("--output", required=True, help="folder for trials, best config and report")
    parser.add_argument("--yes", action="store_true", help="run a grid of more than tune.grid_limit trials")
    parser.add_class_arguments(TuneSettings, "tune")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Sweep over `args.data`."""
    manifest = tune(args.data, args.output, TuneSettings(**args.tune.as_dict()), config, sure=args.yes)
    return {"output": args.output, **manifest.facts}


def finals(sweep: Sweep, settings: TuneSettings, best: Trial, data: TrainingData) -> list[Final]:
    """Fresh trainings of the base config and of the winner, and how right each is on the test split.

    Raises `ValueError` where one of them fails; the next start tries that one again.
    """
    seeds = [sweep.config.train.seed + 1 + number for number in range(settings.final_seeds)]
    # How long to be patient belongs to a population's way of training, and not to what it found.
    patience = {name: value for name, value in best.settings.items() if name == "train.patience"}
    base = patience if settings.method == "pbt" else {}
    tasks = {
        (name, seed): Task(f"final-{name}-{seed}", {**changed, "train.seed": seed})
        for seed in seeds
        for name, changed in (("base", base), ("winner", best.settings))
    }
    if not tasks:
        return []
    found = {trial.key: trial for trial in run_trials(sweep, list(tasks.values()))}
    failed = [trial for trial in found.values() if trial.status != "finished"]
    for trial in failed:
        Records(sweep.work).forget(trial.key)
    if failed:
        raise ValueError(
            f"{len(failed)} of the last trainings failed, first {failed[0].key} ({failed[0].error}): give the "
            "same command again for another try, or with --tune.final_seeds 0 to do without the test split"
        )
    made = []
    for seed in seeds:
        pair = {name: found[tasks[name, seed].key] for name in SIDES}
        right = {name: test_answers(sweep, tasks[name, seed], data) for name in pair}
        scores = {name: trial.best["exact_match"] for name, trial in pair.items() if trial.best}
        made.append(Final(seed, scores, right))
    return made


def test_answers(sweep: Sweep, task: Task, data: TrainingData) -> np.ndarray:
    """bool [test rows]: which the training's best epoch books right. What can't be learned is never right."""
    config = sweep.config_of(task)
    state, _ = best_state(sweep.result(task.key))
    network = build_network(data, config.model, config.train.seed)
    network.load_state_dict(state["network"])
    data = replace(data, model=config.model)  # how many neighbors it reads may be searched
    runtime = sweep.config.runtime
    shared = ray.put((network.eval(), data, config.predict.beams, config.train.batch_size))
    slices = np.array_split(data.learnable(TEST), runtime.actors)
    decode = ray.remote(num_cpus=runtime.actor_cpus)(right_rows)
    right = np.concatenate(ray.get([decode.remote([shared], rows) for rows in slices]))
    return np.isin(data.rows(TEST), right)


def right_rows(given: list[ray.ObjectRef], rows: np.ndarray) -> np.ndarray:
    """Those of `rows` whose lines are all right, decoded freely."""
    torch.set_num_threads(1)
    network, data, beams, size = ray.get(given[0])
    right = [np.empty(0, np.int64)]
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        in_order = np.concatenate(data.pieces(some))
        right.append(in_order[decoded_exactly(network, data.step(some), beams).numpy()])
    return np.concatenate(right)


def best_yaml(config: JobConfig, best: Trial) -> str:
    """The winner's config, as `jet train --config` takes it."""
    made = with_settings(config, best.settings).part(*PARTS)
    rung = best.best
    assert rung is not None
    score = f"exact match {rung['exact_match']:.4f}, likelihood {rung['likelihood']:.4f}"
    head = f"# {best.key}: {score} on the calibration split, by the decoder alone, after epoch"
    return f"{head} {rung['epoch']:.0f}\n{yaml.safe_dump(made, sort_keys=False, allow_unicode=True)}"


def tune(folder: str, output: str, settings: TuneSettings, config: JobConfig, sure: bool = False) -> Manifest:
    """Sweep, score the winner and publish; returns the manifest."""
    entries, neighbors, inputs = opened(folder)
    # How much runs at a time moves what a searcher knows when it suggests, and so the trials. It isn't a part
    # of the config all the same: a sweep must be able to go on in another cluster.
    wanted = asdict(replace(settings, concurrent=0, grid_limit=1))
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
    if settings.final_seeds and not len(data.learnable(TEST)):
        raise ValueError(
            f"the split leaves no test entries to compare on ({data.sizes()}): leave some, or give "
            "--tune.final_seeds 0"
        )
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
    scored = finals(sweep, settings, best, data)
    test = data.entries["entity"].take(pa.array(data.rows(TEST)))
    gain = gain_of(scored, np.array(test.to_pylist()))
    every = Records(work).all()
    facts = {
        "trials": len(trials),
        "statuses": dict(Counter(trial.status for trial in trials)),
        "best": best.key,
        "calibration_exact_match": round((best.best or {})["exact_match"], 4),
        "test": final_facts(scored, gain),
        "trial_seconds": round(sum(trial.seconds for trial in every), 1),
    }
    page = render_sweep(trials, best, space, config, settings, scored, gain, every, rows)
    with artifact_writer(output, KIND, made_with, inputs, resolved=asdict(config)) as writer:
        writer.write_table("trials.parquet", trials_table(trials))
        writer.write_bytes("best.yaml", best_yaml(config, best).encode())
        writer.write_bytes("report/index.html", page.encode())
        manifest = writer.publish({"trials": len(trials)}, facts)
    remove(work)
    return manifest


def checked_count(space: Space, settings: TuneSettings, sure: bool) -> int:
    """How many trials there will be. Raises `ValueError` where the space isn't one for the searcher."""
    if settings.method == "pbt":
        space.ranges()
    if settings.method != "grid":
        return settings.trials
    count = space.grid_size()
    if count > settings.grid_limit and not sure:
        raise ValueError(
            f"the grid has {count} trials, more than tune.grid_limit {settings.grid_limit}: lower points, "
            "leave a setting out, use another tune.searcher, or say --yes"
        )
    return count


def concurrency(settings: TuneSettings, config: JobConfig) -> int:
    """How many trials the cluster holds beside each other, or `settings` want at most.

    Raises `ValueError` where the whole cluster couldn't hold one.
    """
    workers, gpus = config.runtime.train_workers, config.runtime.train_workers * config.runtime.train_gpu
    why = f"a trial (training with {workers} workers, and its driver)"
    fits = room(config.runtime, workers + DRIVER_CPUS, gpus, why, "lower runtime.train_workers")
    return min(fits, settings.concurrent or sys.maxsize)


if __name__ == "__main__":
    sys.exit(main("tune", sys.modules[__name__]))
