"""Sweeps that nobody ran."""

from __future__ import annotations

import numpy as np

from jet.config import JetConfig
from jet.experiments.sweep.declared import build_space
from jet.experiments.sweep.finals import Final
from jet.experiments.sweep.outcome import Outcome
from jet.experiments.sweep.report import render_sweep
from jet.experiments.sweep.settings import TuneSettings
from jet.experiments.sweep.trials import Trial

CONFIG = JetConfig()
ROWS = 200
FORMS = ["constant", "linear", "cosine", "step", "warmup"]
DECLARED = {
    "optim.learning_rate": {"log_uniform": [3e-4, 3e-3]},
    "model.hidden": {"choice": [64, 128]},
    "model.memory": {"choice": ["texts", "labels"]},
    "losses.stop": {"schedule": FORMS, "low": 0.1, "high": 2.0},
    "losses.side": {"schedule": FORMS, "low": 0.0, "high": 0.1},
}


def trials_of(space, count, seed=0, noise=0.005):
    """Trials whose score follows from the learning rate, and a little from chance."""
    rng = np.random.default_rng(seed)
    made = []
    for number, point in enumerate(space.sample(count, seed), start=1):
        settings = space.settings(point)
        rate = settings.get("optim.learning_rate", 1e-3)
        goal = 0.8 - 0.1 * abs(np.log10(rate) + 3) + rng.normal(0, noise)
        epochs = 2 if number % 5 == 4 else 8
        rungs = [
            {
                "epoch": float(epoch),
                "exact_match": float(round(ROWS * goal * (1 - 0.5**epoch)) / ROWS),
                "likelihood": float(-3 * 0.7**epoch - 0.5),
                "loss": float(4 * 0.7**epoch),
            }
            for epoch in range(1, epochs + 1)
        ]
        trial = Trial(
            key=f"trial-{number:03}",
            number=number,
            settings=settings,
            point=point,
            status="stopped" if epochs == 2 else "finished",
            rungs=rungs,
            seconds=40.0 * epochs,
        )
        if number % 9 == 0:
            trial.rungs, trial.status, trial.error = [], "diverged", "FloatingPointError: not finite & <b>"
        made.append(trial)
    return made


def page_of(count=24, declared=None, finals=2, noise=0.005, searcher="auto"):
    space = build_space(declared or DECLARED, CONFIG)
    trials = trials_of(space, count, noise=noise)
    made = [
        Final(
            seed,
            {"base": 0.7, "winner": 0.75},
            {"base": np.arange(100) % 10 < 5, "winner": np.arange(100) % 10 < 9},
        )
        for seed in range(1, finals + 1)
    ]
    settings = TuneSettings(space=declared or DECLARED, trials=count, searcher=searcher)
    outcome = Outcome(trials, made, trials, ROWS, np.repeat(np.arange(10), 10))
    return render_sweep(outcome, space, CONFIG, settings)
