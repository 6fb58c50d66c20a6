"""Compares the exact match of two methods by a paired bootstrap.

Both methods predict the same entries, so an entry's *difference* is resampled (1: only the first was right, -1:
only the second, 0: no difference), which removes the variance of how hard entries are. Entries of one company
are alike, so companies are drawn first, with replacement, and then entries within each drawn company; runs with
several seeds are drawn as well. With few companies the interval is wide, since other companies could differ.
The interval is conservative: where companies don't differ at all, drawing on both levels makes it up to √2 too
wide.

B. Efron and R. J. Tibshirani, "An introduction to the bootstrap", 1993, chapters 8 and 13 (paired data,
percentile interval); A. C. Davison and D. V. Hinkley, "Bootstrap methods and their application", 1997,
section 3.8 (drawing groups, then their members).

Shapes: R resamples, E entities, M runs, N entries.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jet.books.groups import rows_of_groups
from jet.evaluation.scored import Scored

RESAMPLES = 2000
"""The number of resamples; another seed then moves the interval by a tenth of its width or less."""


def paired_bootstrap(
    model: Scored, baseline: Scored, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, float]:
    """The difference in exact match of `model` and `baseline` on the same rows.

    Returns the difference in exact match (model minus baseline), the ends of its 95 % interval (low, high) and
    the share of resamples in which it lies above 0 (share_above). Exchanging the two changes the signs
    only. Raises ValueError where the rows are not the same ones in the same order, or there are
    none.
    """
    return paired_bootstrap_of_runs([model], [baseline], resamples=resamples, seed=seed)


def paired_bootstrap_of_runs(
    models: Sequence[Scored], baselines: Sequence[Scored], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, float]:
    """`paired_bootstrap` of several runs together, such as trainings that differ in their seed.

    `baselines` has one element for each of `models`, or a single one that all of them are compared with, where
    the baseline has nothing random in it. The difference is the mean of the runs.
    """
    if not models or len(baselines) not in (1, len(models)):
        raise ValueError(f"{len(models)} runs can't be compared with {len(baselines)} of the baseline")
    for other in (*models, *baselines):
        _same_rows(models[0], other)
    right = [np.stack([scored.counts["exact"] for scored in side], axis=1) for side in (models, baselines)]
    return bootstrap_mean(right[0] - right[1], models[0].entity, resamples=resamples, seed=seed)


def bootstrap_mean(
    difference: NDArray, entity: NDArray, *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, float]:
    """`paired_bootstrap` of the differences [N, M] of any measure on rows of `entity` [N]."""
    drawn = _drawn_means(difference, entity, resamples, np.random.default_rng(seed))
    return _summary(float(difference.mean()), drawn)


def unpaired_bootstrap(
    ours: NDArray,
    our_entity: NDArray,
    theirs: NDArray,
    their_entity: NDArray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, float]:
    """The difference of the means of `ours` [N, M] and `theirs`, which are measured on other rows.

    Both sides are drawn independently, so the interval is wider than a paired one.
    """
    rng = np.random.default_rng(seed)
    drawn = [
        _drawn_means(values, entity, resamples, rng)
        for values, entity in ((ours, our_entity), (theirs, their_entity))
    ]
    return _summary(float(ours.mean() - theirs.mean()), drawn[0] - drawn[1])


def _summary(difference: float, drawn: NDArray) -> dict[str, float]:
    low, high = np.quantile(drawn, (0.025, 0.975))
    return {
        "difference": difference,
        "low": float(low),
        "high": float(high),
        "share_above": float((drawn > 0).mean()),
    }


def _drawn_means(values: NDArray, entity: NDArray, resamples: int, rng: np.random.Generator) -> NDArray:
    """[R]: the mean of `values` [N, M] in each resample of entities, of their rows and of the runs."""
    if not len(values):
        raise ValueError("no rows to compare on")
    if resamples < 1:
        raise ValueError(f"resamples must be at least 1, not {resamples}")
    runs = values.shape[1]
    totals, sizes = _resampled(values, entity, resamples, rng)
    times = rng.multinomial(runs, np.full(runs, 1 / runs), size=resamples)  # [R, M]
    return (totals * times).sum(axis=1) / (runs * sizes)


def _same_rows(one: Scored, other: Scored) -> None:
    if one.entry_id != other.entry_id or not np.array_equal(one.entity, other.entity) or one.true != other.true:
        raise ValueError("only what was measured on the same rows, in the same order, can be compared")


def _resampled(
    difference: NDArray, entity: NDArray, resamples: int, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Sums of the drawn rows' differences of every run, [R, M], and how many rows were drawn, [R].

    Rows of an entity with the same differences are interchangeable, so one multinomial says how often each such
    group is drawn, whatever the number of rows. Drawing an entity twice and its n rows each time is drawing 2n
    of its rows.
    """
    entities, number = np.unique(entity, return_inverse=True)
    drawn = rng.multinomial(entities.size, np.full(entities.size, 1 / entities.size), size=resamples)  # [R, E]
    totals = np.zeros((resamples, difference.shape[1]))
    sizes = np.zeros(resamples)
    for times, rows in zip(drawn.T, rows_of_groups(number, entities.size), strict=True):
        kinds, first, count = np.unique(difference[rows], axis=0, return_index=True, return_counts=True)
        # In the order in which they first appear, so that exchanging the methods draws the same rows.
        by_place = np.argsort(first)
        picked = rng.multinomial(times * len(rows), count[by_place] / len(rows))  # [R, kinds]
        totals += picked @ kinds[by_place]
        sizes += times * len(rows)
    return totals, sizes
