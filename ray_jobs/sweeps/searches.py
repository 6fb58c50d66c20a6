"""Which trials a sweep has: a grid, random ones, Optuna's, or a population that evolves.

Population-based training is a loop of rounds here, and not Tune's scheduler. That one copies checkpoints, and
what joins Train to Tune reports none: it would only ever note "no checkpoint" and copy nothing. It also draws
from Python's global generator, from which Tune's event loop draws too, so a killed sweep could not take the
same turns again. A round is a set of trials like any other, each beginning with a checkpoint.

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

from jet.experiments.sweep.population import evolve, first_weights, lived_schedule
from jet.experiments.sweep.records import Records
from jet.experiments.sweep.settings import TuneSettings
from jet.experiments.sweep.trials import Rung, Trial, objective
from ray_jobs.sweeps.trial_runs import Sweep, Task, run_trials, trial_key

ENOUGH_EPOCHS = 10_000
"""More than any training has: ASHA stops by rank only, never by length."""
ATTEMPTS = 100
"""Suggestions that are looked at for one that is new."""
STARTUP_TRIALS = 10
"""Random trials before TPE models the space, at most; never more than a third of the sweep."""
PERTURB_EPOCHS = 2
"""Epochs between two changes of a population's loss weights; no figure speaks for another number."""

log = logging.getLogger("jet.tune")


def search(sweep: Sweep, settings: TuneSettings) -> list[Trial]:
    """All trials of the sweep; the winner is among them."""
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
    """Optuna's sampler, told first of the trials that were begun before."""
    known = [trial.point for trial in Records(sweep.work).all() if trial.point is not None]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(
        # Another seed after a restart: the same one would suggest again what is known.
        seed=int(np.random.default_rng([settings.seed, len(known)]).integers(2**31)),
        n_startup_trials=min(STARTUP_TRIALS, math.ceil(settings.trials / 3)),
        multivariate=False,
    )
    return NewPoints(
        sweep.space.draw, metric="objective", mode="max", sampler=sampler, points_to_evaluate=known
    )


class NewPoints(OptunaSearch):
    """Optuna's search without the points that it suggested before: the same point is the same training.

    Ends the search where it finds no other one.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.given: set[str] = set()
        self.names: dict[str, str] = {}  # of Tune's trials in Optuna's study

    def suggest(self, trial_id: str) -> Any:
        """See `Searcher`."""
        for attempt in range(ATTEMPTS):
            name = f"{trial_id}-{attempt}"
            point = super().suggest(name)
            assert point is not None  # Optuna alone never ends a search
            if trial_key(point) not in self.given:
                self.names[trial_id] = name
                self.given.add(trial_key(point))
                return point
            super().on_trial_complete(name, error=True)
        log.info("the space has only %d different points", len(self.given))
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
    """Population-based training; returns the members of the last round, each with all that its line lived."""
    ranges = sweep.space.ranges()
    epochs, every = sweep.config.train.max_epochs, PERTURB_EPOCHS
    rng = np.random.default_rng(settings.seed)
    lived = [[weights] for weights in first_weights(ranges, settings.trials, rng)]
    lines: list[list[Rung]] = [[] for _ in lived]
    seconds = [0.0 for _ in lived]
    parents: list[str | None] = [None] * len(lived)
    for number in range(1, math.ceil(epochs / every) + 1):
        tasks = [
            Task(
                f"round-{number}-member-{member}",
                # A population ends nobody early, and nor must the training that repeats a line of it.
                lived_schedule(lived[member], every, epochs) | {"train.patience": epochs},
                parent=parent,
                start=sweep.last_checkpoint(parent) if parent else None,
                until=min(number * every, epochs),
            )
            for member, parent in enumerate(parents)
        ]
        found = {trial.key: trial for trial in run_trials(sweep, tasks)}
        members = [found[task.key] for task in tasks]
        lines = [[*line, *trial.rungs] for line, trial in zip(lines, members, strict=True)]
        seconds = [spent + trial.seconds for spent, trial in zip(seconds, members, strict=True)]
        if number * every >= epochs:
            break
        scores = [
            objective(trial.rungs[-1:] if trial.status == "finished" else [], sweep.rows) for trial in members
        ]
        following = evolve([each[-1] for each in lived], scores, ranges, rng)
        for member, (parent, _) in enumerate(following):
            if parent != member:
                log.info("member %d goes on from member %d, with other weights", member, parent)
        lived = [[*lived[parent], weights] for parent, weights in following]
        lines = [lines[parent] for parent, _ in following]
        seconds = [seconds[parent] for parent, _ in following]
        parents = [members[parent].key for parent, _ in following]
    return [
        replace(trial, rungs=line, seconds=round(spent, 2))
        for trial, line, spent in zip(members, lines, seconds, strict=True)
    ]
