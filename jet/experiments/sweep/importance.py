"""The importance of each setting for the score of a sweep's trials.

A random forest predicts the score from the settings; a setting's importance is the loss of R² where it is
shuffled, on held-out trials (permutation importance over repeated cross-validation). The forest's own R² on
those trials says how far to trust the rest: with few trials, or where the seed decides more than the settings,
it is about 0, and no importance means anything.

A schedule counts as one setting, however many numbers it has, and is shuffled as a whole.

Why not `optuna.importance`: its evaluators (fANOVA, impurity) leave out every number that some trials don't
have, such as the end of a schedule that may be constant, and PED-ANOVA gave 0 to an end that half of the score
came from. None measures its own reliability: of 16 trials scored by chance alone, fANOVA gave one of two
settings 94%.

L. Breiman, "Random forests", 2001, section 10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance
from sklearn.model_selection import RepeatedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from jet.experiments.sweep.space import weights_over_training

LEAST_TRIALS = 8
"""The fewest trials for which importances are computed."""
_FOLDS, _REPEATS, _TREES, _SHUFFLES = 4, 4, 50, 5
_POINTS = 5
"""Points of the training at which a schedule's weight is a feature."""


@dataclass(frozen=True)
class Importance:
    """The importances of a sweep's settings."""

    r2: float
    """The forest's R² on held-out trials."""
    drops: dict[str, float]
    """The loss of R² where a setting is shuffled, by setting, the largest first."""

    @property
    def trusted(self) -> bool:
        """Whether the forest explains enough for importances to mean anything."""
        return self.r2 > 0.1


def importance(
    settings: Sequence[Mapping[str, Any]], scores: Sequence[float], seed: int = 0
) -> Importance | None:
    """The importance of each setting; None with too few trials, or where all have the same score."""
    if len(scores) < LEAST_TRIALS or len(set(scores)) < 2:
        return None
    names = list(settings[0])
    tables = [columns([trial[name] for trial in settings]) for name in names]
    y = np.asarray(scores)
    # A row has, for each setting, the number of the trial that it has the value of, so that a schedule is
    # shuffled whole.
    x = np.repeat(np.arange(len(y))[:, None], len(names), axis=1)
    forest = make_pipeline(
        FunctionTransformer(lambda rows: np.hstack([t[rows[:, i]] for i, t in enumerate(tables)])),
        RandomForestRegressor(_TREES, min_samples_leaf=2, random_state=seed),
    )
    r2, drops = [], []
    for train, test in RepeatedKFold(n_splits=_FOLDS, n_repeats=_REPEATS, random_state=seed).split(x):
        forest.fit(x[train], y[train])
        if np.ptp(y[test]) == 0:  # nothing to explain
            continue
        r2.append(forest.score(x[test], y[test]))
        shuffled = permutation_importance(forest, x[test], y[test], n_repeats=_SHUFFLES, random_state=seed)
        drops.append(shuffled.importances_mean)
    if not r2:
        return None
    mean = np.median(drops, axis=0)
    order = np.argsort(-mean, kind="stable")
    return Importance(float(np.median(r2)), {names[i]: float(mean[i]) for i in order})


def columns(values: Sequence[Any]) -> NDArray:
    """float [trials, columns]: a setting's values as numbers. A schedule is its weight at some places."""
    if any(isinstance(value, Mapping) for value in values):
        return np.stack([weights_over_training(value, _POINTS)[1] for value in values])
    if all(isinstance(value, (int, float)) for value in values):
        return np.array(values, float)[:, None]
    labels = [str(value) for value in values]
    return np.array([[label == each for each in sorted(set(labels))] for label in labels], float)
