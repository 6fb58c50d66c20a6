"""The final trainings of a sweep: its winner and the base config again, scored on the test split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import ray
import torch
import yaml

from jet.books.split import TEST
from jet.config import with_settings
from jet.experiments.sweep.finals import CONTENDERS, Final
from jet.experiments.sweep.records import Records
from jet.experiments.sweep.settings import TuneSettings
from jet.experiments.sweep.trials import Trial
from jet.training.data import TrainingData
from jet.training.fitting import build_network, decoded_exactly
from ray_jobs.ddp.training import PARTS, best_state
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.sweeps.trial_runs import Sweep, Task, run_trials


def refuse_untestable(settings: TuneSettings, data: TrainingData) -> None:
    """Raise `ValueError` where there are to be final trainings and no test entries to score them on."""
    if settings.final_seeds and not len(data.learnable(TEST)):
        raise ValueError(
            f"the split leaves no test entries to compare on ({data.sizes()}): leave some, or give "
            "--tune.final_seeds 0"
        )


def train_finals(sweep: Sweep, settings: TuneSettings, best: Trial, data: TrainingData) -> list[Final]:
    """New trainings of the base config and of the winner, with the test entries that each predicts right.

    Raises `ValueError` where one of them fails; the next start runs that one again.
    """
    seeds = [sweep.config.train.seed + 1 + number for number in range(settings.final_seeds)]
    # The patience belongs to population-based training, not to the settings that it found.
    patience = {name: value for name, value in best.settings.items() if name == "train.patience"}
    base = patience if settings.method == "pbt" else {}
    tasks = {
        (name, seed): Task(f"final-{name}-{seed}", {**changed, "train.seed": seed})
        for seed in seeds
        for name, changed in (("base", base), ("winner", best.settings))
    }
    if not tasks:
        return []
    trainings = {trial.key: trial for trial in run_trials(sweep, list(tasks.values()))}
    refuse_failed(sweep, list(trainings.values()))
    finals = []
    for seed in seeds:
        pair = {name: trainings[tasks[name, seed].key] for name in CONTENDERS}
        right = {name: exact_on_test(sweep, tasks[name, seed], data) for name in pair}
        scores = {name: trial.best["exact_match"] for name, trial in pair.items() if trial.best}
        finals.append(Final(seed, scores, right))
    return finals


def refuse_failed(sweep: Sweep, trainings: list[Trial]) -> None:
    """Raise `ValueError` where a training failed, and forget its record, so that it can be tried again."""
    failed = [trial for trial in trainings if trial.status != "finished"]
    for trial in failed:
        Records(sweep.work).forget(trial.key)
    if failed:
        raise ValueError(
            f"{len(failed)} of the last trainings failed, first {failed[0].key} ({failed[0].error}): give the "
            "same command again for another try, or with --tune.final_seeds 0 to do without the test split"
        )


def exact_on_test(sweep: Sweep, task: Task, data: TrainingData) -> np.ndarray:
    """bool [test rows]: the rows that the best epoch predicts right; rows that can't be learned are never
    right."""
    config = sweep.config_of(task)
    state, _ = best_state(sweep.result(task.key))
    network = build_network(data, config.model, config.train.seed)
    network.load_state_dict(state["network"])
    data = replace(data, model=config.model)  # the number of neighbors may be a searched setting
    runtime = sweep.config.runtime
    shared = ray.put((network.eval(), data, config.predict.beams, config.train.batch_size))
    slices = np.array_split(data.learnable(TEST), runtime.actors)
    decode = ray.remote(num_cpus=runtime.actor_cpus)(exact_rows)
    right = np.concatenate(ray.get([decode.remote([shared], rows) for rows in slices]))
    return np.isin(data.rows(TEST), right)


def exact_rows(shared: list[ray.ObjectRef], rows: np.ndarray) -> np.ndarray:
    """Those of `rows` whose lines are all right, in free-running decoding."""
    torch.set_num_threads(1)
    network, data, beams, size = ray.get(shared[0])
    right = [np.empty(0, np.int64)]
    for start in range(0, len(rows), size):
        batch = rows[start : start + size]
        in_order = np.concatenate(data.pieces(batch))
        right.append(in_order[decoded_exactly(network, data.step(batch), beams).numpy()])
    return np.concatenate(right)


def best_yaml(best: Trial, config: JobConfig) -> str:
    """The winner's config, as `jet train --config` takes it."""
    made = with_settings(config, best.settings).part(*PARTS)
    rung = best.best
    assert rung is not None
    score = f"exact match {rung['exact_match']:.4f}, likelihood {rung['likelihood']:.4f}"
    head = f"# {best.key}: {score} on the calibration split, by the decoder alone, after epoch"
    return f"{head} {rung['epoch']:.0f}\n{yaml.safe_dump(made, sort_keys=False, allow_unicode=True)}"
