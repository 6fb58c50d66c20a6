"""Runs the trials of a sweep: a grid, random ones, Optuna's, or a population.

Population-based training is a loop of rounds here instead of Tune's scheduler. The scheduler copies
checkpoints, but Ray Train reports none to Tune, so it would copy nothing. It also draws from Python's global
generator, as Tune's event loop does, so a killed sweep could not be repeated. A round is a set of trials, each
starting from a checkpoint.

Early stopping is Ray Tune's ASHA and not a pruner of Optuna's: it works with every searcher, and stops a
trial's workers through Tune.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from jet.experiments.sweep.population import evolve, first_weights, schedule_of
from jet.experiments.sweep.records import Records
from jet.experiments.sweep.settings import TuneSettings
from jet.experiments.sweep.trials import Rung, Trial, objective
from ray_jobs.sweeps.trial_runs import Sweep, Task, run_trials, trial_key

ENOUGH_EPOCHS = 10_000
"""More than any training has: ASHA stops by rank only, never by length."""
ATTEMPTS = 100
"""The most suggestions of Optuna until one is new."""
STARTUP_TRIALS = 10
"""The most random trials before TPE models the space; never more than a third of the sweep."""
PERTURB_EPOCHS = 2
"""Epochs between two changes of a population's loss weights; no figure speaks for another number."""

log = logging.getLogger("jet.tune")


def search(sweep: Sweep, settings: TuneSettings) -> list[Trial]:
    """Run all trials of the sweep; returns them."""
    if settings.method == "pbt":
        return train_population(sweep, settings)
    scheduler = None
    if settings.stop_early:
        grace = math.ceil(settings.grace * sweep.config.train.max_epochs)
        scheduler = ASHAScheduler(
            time_attr="epoch",
            metric="objective",
            mode="max",
            max_t=ENOUGH_EPOCHS,
            grace_period=grace,
            reduction_factor=2,  # at every rung, half of them are stopped
        )
    if settings.method == "optuna":
        return run_trials(sweep, searcher=tpe(sweep, settings), count=settings.trials, scheduler=scheduler)
    space = sweep.space
    points = list(space.grid()) if settings.method == "grid" else space.sample(settings.trials, settings.seed)
    if settings.method == "random" and len(points) < settings.trials:
        log.info("the space has only %d different points", len(points))
    return run_trials(sweep, [sweep.task_at(point) for point in points], scheduler=scheduler)


def tpe(sweep: Sweep, settings: TuneSettings) -> OptunaSearch:
    """Optuna's TPE search, which starts with the points of recorded trials."""
    known = [trial.point for trial in Records(sweep.work).all() if trial.point is not None]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(
        # Another seed after a restart, since the same one would suggest the recorded points again.
        seed=int(np.random.default_rng([settings.seed, len(known)]).integers(2**31)),
        n_startup_trials=min(STARTUP_TRIALS, math.ceil(settings.trials / 3)),
        multivariate=False,
    )
    return NewPoints(
        sweep.space.draw, metric="objective", mode="max", sampler=sampler, points_to_evaluate=known
    )


class NewPoints(OptunaSearch):
    """Optuna's search without repeated points, which are the same training.

    The search ends where no new point is found.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.suggested: set[str] = set()
        self.names: dict[str, str] = {}  # of Tune's trials in Optuna's study

    def suggest(self, trial_id: str) -> Any:
        """See `Searcher`."""
        for attempt in range(ATTEMPTS):
            name = f"{trial_id}-{attempt}"
            point = super().suggest(name)
            assert point is not None  # Optuna alone never ends a search
            if trial_key(point) not in self.suggested:
                self.names[trial_id] = name
                self.suggested.add(trial_key(point))
                return point
            super().on_trial_complete(name, error=True)
        log.info("the space has only %d different points", len(self.suggested))
        return Searcher.FINISHED

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """See `Searcher`."""
        super().on_trial_result(self.names[trial_id], result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """See `Searcher`."""
        super().on_trial_complete(self.names[trial_id], result, error)


def train_population(sweep: Sweep, settings: TuneSettings) -> list[Trial]:
    """Population-based training; returns the members of the last round, each with the rungs of its whole
    line."""
    ranges = sweep.space.ranges()
    epochs, every = sweep.config.train.max_epochs, PERTURB_EPOCHS
    rng = np.random.default_rng(settings.seed)
    histories = [[weights] for weights in first_weights(ranges, settings.trials, rng)]
    lines: list[list[Rung]] = [[] for _ in histories]
    seconds = [0.0 for _ in histories]
    parents: list[str | None] = [None] * len(histories)
    for number in range(1, math.ceil(epochs / every) + 1):
        tasks = [
            Task(
                f"round-{number}-member-{member}",
                # No early stopping, neither here nor in a training that repeats a line.
                schedule_of(histories[member], every, epochs) | {"train.patience": epochs},
                parent=parent,
                start=sweep.last_checkpoint(parent) if parent else None,
                until=min(number * every, epochs),
            )
            for member, parent in enumerate(parents)
        ]
        by_key = {trial.key: trial for trial in run_trials(sweep, tasks)}
        members = [by_key[task.key] for task in tasks]
        lines = [[*line, *trial.rungs] for line, trial in zip(lines, members, strict=True)]
        seconds = [spent + trial.seconds for spent, trial in zip(seconds, members, strict=True)]
        if number * every >= epochs:
            break
        scores = [
            objective(trial.rungs[-1:] if trial.status == "finished" else [], sweep.rows) for trial in members
        ]
        following = evolve([each[-1] for each in histories], scores, ranges, rng)
        for member, (parent, _) in enumerate(following):
            if parent != member:
                log.info("member %d goes on from member %d, with other weights", member, parent)
        histories = [[*histories[parent], weights] for parent, weights in following]
        lines = [lines[parent] for parent, _ in following]
        seconds = [seconds[parent] for parent, _ in following]
        parents = [members[parent].key for parent, _ in following]
    return [
        replace(trial, rungs=line, seconds=round(spent, 2))
        for trial, line, spent in zip(members, lines, seconds, strict=True)
    ]
