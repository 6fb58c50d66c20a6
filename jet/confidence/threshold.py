"""From which confidence on an entry may be booked without anyone looking: a promise kept, not hoped for.

The plain way, the lowest confidence above which 99 % of the calibration rows were right, breaks its promise
on small slices: it picks its cut where luck was best. Here the promise must hold for the lower bound of the
precision instead, one-sided and exact (C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial
limits illustrated in the case of the binomial", Biometrika 26, 1934). With level .9 a promise of .99 takes
at least 230 faultless rows, and with fewer there is no threshold: an honest "not yet".

The level is that of a threshold by itself. The lowest of many is chosen, by a confidence that was fitted on the
same rows; `benchmarks.promise` measures what is left of the level: 85 to 95 %. Testing from the most confident
row down (Angelopoulos et al., "Learn then Test", 2021) keeps its level on any data, and automates half as much
or less on slices of some hundred rows: one surely wrong answer at the top ends it. docs/drift.md has figures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

LEVEL = 0.9
"""How sure it is that a threshold, looked at by itself, keeps its promise."""
LEAST_ROWS = 10
"""Right automated answers of the calibration that it takes to say that companies so young keep a promise."""


def precision_lower_bound(right: ArrayLike, total: ArrayLike, level: float = LEVEL) -> NDArray[np.float64]:
    """The one-sided Clopper–Pearson lower bound of a share, for `right` out of `total`, element by element.

    With probability `level` or more the true share lies above it. Nothing right, or nothing at all, is
    bounded by 0. Raises ValueError for counts or a level that can't be.
    """
    right, total = np.asarray(right, np.float64), np.asarray(total, np.float64)
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    if np.any(right < 0) or np.any(right > total):
        raise ValueError("right must be from 0 to total")
    # The quantile of Beta(right, total - right + 1), which is a point at 0 where nothing was right.
    bound = betaincinv(np.maximum(right, 1), total - right + 1, 1 - level)
    return np.where(right > 0, bound, 0.0)


def threshold_for(
    promise: float, confidence: ArrayLike, right: ArrayLike, level: float = LEVEL
) -> float | None:
    """The lowest confidence from which on the precision is at least `promise`, by its lower bound.

    `confidence` and `right` are the calibration rows: what was said, and whether all lines were right, both
    of shape (rows,). A row counts as automated where its confidence is the threshold or more, so rows of
    equal confidence stand and fall together. None where no threshold keeps the promise.

    A stricter promise never automates more: what satisfies it satisfies the laxer one as well, so the
    lowest threshold of the laxer one can't be higher. Raises ValueError for shapes that differ, a
    confidence that is not finite, or a promise outside (0, 1].
    """
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, bool)
    if confidence.ndim != 1 or confidence.shape != right.shape:
        raise ValueError(f"confidence {confidence.shape} and right {right.shape} must be of one length")
    if not np.isfinite(confidence).all():
        raise ValueError(f"confidence is not finite in row {int(np.argmin(np.isfinite(confidence)))}")
    if not 0 < promise <= 1:
        raise ValueError(f"promise must be above 0 and at most 1, not {promise}")
    values, group = np.unique(confidence, return_inverse=True)  # ascending, ties as one
    total = np.bincount(group, minlength=values.size)[::-1].cumsum()[::-1]
    hits = np.bincount(group, right, minlength=values.size)[::-1].cumsum()[::-1]
    keeps = precision_lower_bound(hits, total, level) >= promise
    return float(values[keeps.argmax()]) if keeps.any() else None


def least_history(kept: NDArray[np.int64], all_rows: NDArray[np.int64]) -> int:
    """The fewest earlier entries with which companies are known to keep a promise; 0 before any calibration.

    `kept` has the earlier entries of the calibration rows that the promise automates and that are right,
    `all_rows` those of all rows. It is the smallest number such that `LEAST_ROWS` of the kept had so many or
    fewer, and where there are not that many, the largest of all. One row more or less changes it little, and a
    stricter promise, which automates some of the same rows, never lowers it.
    """
    if len(kept) < LEAST_ROWS:
        return int(all_rows.max(initial=0))
    return int(np.sort(kept)[LEAST_ROWS - 1])
