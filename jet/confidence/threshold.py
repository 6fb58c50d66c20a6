"""Thresholds: the confidence from which on an entry may be booked without review.

The naive threshold, the lowest confidence above which 99 % of the calibration rows were right, breaks its
promise on small slices, since it picks the luckiest cut. Here the lower bound of the precision must keep the
promise: one-sided and exact (C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits
illustrated in the case of the binomial", Biometrika 26, 1934). At level .9 a promise of .99 takes at least 230
rows without an error; with fewer there is no threshold.

The level is that of a single threshold. The lowest of many is chosen, by a confidence that was fitted on the
same rows; `benchmarks.promise` measures what is left of the level: 85 to 95 %. Testing from the most confident
row down (Angelopoulos et al., "Learn then Test", 2021) keeps its level on any data, but automates half as much
or less on slices of some hundred rows: one confident error at the top ends it. docs/drift.md has the
measurements.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

LEVEL = 0.9
"""The probability that a single threshold keeps its promise."""
LEAST_ROWS = 10
"""Right automated calibration rows of companies with a short history that show the promise is kept for them."""


def precision_lower_bound(right: ArrayLike, total: ArrayLike, level: float = LEVEL) -> NDArray[np.float64]:
    """The one-sided Clopper–Pearson lower bound of the share `right` / `total`, element by element.

    The true share lies above it with probability `level` or more. It is 0 where `right` or `total` is 0.
    Raises ValueError for counts or a level out of range.
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
    """The lowest threshold whose precision has a lower bound of at least `promise`; None where there is none.

    `confidence` [rows] and `right` [rows] are the calibration rows; a row is right where all of its lines are.
    A row is automated where its confidence is at or above the threshold, so rows of equal confidence are
    automated together. A stricter promise never automates more, since its thresholds also keep the laxer one.

    Raises ValueError for shapes that differ, a confidence that is not finite, or a promise outside (0, 1].
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
    """The fewest earlier entries of a company with which the promise is known to be kept; 0 without rows.

    `kept` has the number of earlier entries of each calibration row that is automated and right, `all_rows`
    that of every row. The result is the `LEAST_ROWS`-th smallest of `kept`, or the largest of `all_rows` where
    `kept` has fewer. So one row changes it little, and a stricter promise, which keeps a subset of the rows,
    never lowers it.
    """
    if len(kept) < LEAST_ROWS:
        return int(all_rows.max(initial=0))
    return int(np.sort(kept)[LEAST_ROWS - 1])
