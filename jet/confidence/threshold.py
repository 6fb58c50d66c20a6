"""Thresholds: the confidence from which on an entry may be booked without review.

The naive threshold, the lowest confidence above which 99 % of the calibration rows were right, breaks its
promise on small slices, since it picks the luckiest cut. Here the lower bound of the precision must keep the
promise: one-sided and exact (C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits
illustrated in the case of the binomial", Biometrika 26, 1934). At level .8 a promise of .99 takes at least 161
rows without an error; with fewer there is no threshold.

That bound is for independent rows. Wrong answers come in groups: eighteen entries with one supplier's text are
right or wrong together. On real ledgers, 1,200 rows are worth about 400. So rows have groups (a company's
entries with the same text), and counts are divided by the design effect: the variance of the number of wrong
rows, as it is between groups, over that of independent rows (L. Kish, "Survey Sampling", 1965).

The level is that of a single threshold. The lowest of many is chosen, by a confidence that was fitted on the
same rows; `benchmarks.promise` measures what is left of the level. Higher levels kept a promise of 95 % no
better on older windows of eight sources, where companies and weeks differ by more than the bound covers, and
automated less (docs/accuracy.md). Testing from the most confident row down (Angelopoulos et al., "Learn then
Test", 2021) keeps its level on any data, but automates half as much or less on slices of some hundred rows: one
confident error at the top ends it. docs/drift.md has the measurements.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

LEVEL = 0.8
"""The probability that a single threshold keeps its promise."""
_CORRELATION = 0.02
"""The least correlation of rows within a group that is assumed: a thousand right rows of one text are worth 48.

On eight sources it changes nothing at a promise of 95 %, and makes 99 % take more than a few frequent texts."""
LEAST_ROWS = 10
"""Right automated calibration rows of companies with a short history that show the promise is kept for them."""


def precision_lower_bound(right: ArrayLike, total: ArrayLike, level: float = LEVEL) -> NDArray[np.float64]:
    """The one-sided Clopper–Pearson lower bound of the share `right` / `total`, element by element.

    The true share lies above it with probability `level` or more. It is 0 where `right` or `total` is 0. The
    counts may be fractions.
    Raises ValueError for counts or a level out of range.
    """
    right, total = np.asarray(right, np.float64), np.asarray(total, np.float64)
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    if np.any(right < 0) or np.any(right > total):
        raise ValueError("right must be from 0 to total")
    # The quantile of Beta(right, total - right + 1), which is a point at 0 where nothing was right.
    bound = betaincinv(np.maximum(right, 1e-9), total - right + 1, 1 - level)
    return np.where(right > 0, bound, 0.0)


def threshold_for(
    promise: float,
    confidence: ArrayLike,
    right: ArrayLike,
    group: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    level: float = LEVEL,
) -> float | None:
    """The lowest threshold whose precision has a lower bound of at least `promise`; None where there is none.

    `confidence` [rows] and `right` [rows] are the calibration rows; a row is right where all of its lines are.
    Rows with the same number in `group` int64 [rows] may be wrong together; without it, none are. Those with
    the same number in `entry` int64 [rows] are answers to one entry, and worth no more than one. A row is
    automated where its confidence is at or above the threshold, so rows of equal confidence are automated
    together. A stricter promise never automates more, since its thresholds also keep the laxer one.

    Raises ValueError for shapes that differ, a confidence that is not finite, or a promise outside (0, 1].
    """
    confidence, right = np.asarray(confidence, np.float64), np.asarray(right, bool)
    if confidence.ndim != 1 or confidence.shape != right.shape:
        raise ValueError(f"confidence {confidence.shape} and right {right.shape} must be of one length")
    if not np.isfinite(confidence).all():
        raise ValueError(f"confidence is not finite in row {int(np.argmin(np.isfinite(confidence)))}")
    if not 0 < promise <= 1:
        raise ValueError(f"promise must be above 0 and at most 1, not {promise}")
    order = np.argsort(-confidence, kind="stable")
    confidence, right = confidence[order], right[order]
    total, hits = np.arange(1, len(right) + 1), np.cumsum(right)
    effect = np.ones(len(right)) if group is None else _design_effects(~right, np.asarray(group)[order])
    if entry is not None:
        is_first = _in_group(np.asarray(entry)[order], np.ones(len(right))) == 0
        effect = np.maximum(effect, total / np.cumsum(is_first))
    keeps = precision_lower_bound(hits / effect, total / effect, level) >= promise
    keeps[:-1] &= confidence[:-1] != confidence[1:]  # ties as one
    last = np.flatnonzero(keeps)
    return float(confidence[last[-1]]) if len(last) else None


def _design_effects(wrong: NDArray[np.bool_], group: NDArray) -> NDArray[np.float64]:
    """float64 [rows]: the design effect of the number of `wrong` rows among the first 1, 2, ... rows.

    With n_g and w_g the rows and the wrong rows of group g, and p the share of wrong ones, it is the sum of
    (w_g - n_g p)^2 over n p (1 - p). Where hardly a row is wrong, that says little, so it is at least what a
    small correlation within groups makes of their sizes. The sums are updated row by row.
    """
    rows = np.arange(1, len(wrong) + 1)
    earlier, earlier_wrong = _in_group(group, np.ones(len(wrong))), _in_group(group, wrong.astype(np.float64))
    squares = np.cumsum(wrong * (2 * earlier_wrong + 1))  # of w_g
    mixed = np.cumsum(earlier_wrong + wrong * (earlier + 1))  # of w_g n_g
    sizes = np.cumsum(2 * earlier + 1)  # of n_g^2
    share = (np.cumsum(wrong) + 0.5) / (rows + 1)
    spread = squares - 2 * share * mixed + share**2 * sizes
    least = 1 + _CORRELATION * (sizes / rows - 1)
    return np.asarray(np.maximum(least, spread / (rows * share * (1 - share))))


def _in_group(group: NDArray, value: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [rows]: the sum of `value` over the earlier rows of each row's group."""
    order = np.argsort(group, kind="stable")
    sums = np.cumsum(value[order]) - value[order]
    starts = np.flatnonzero(np.diff(group[order], prepend=group[order][:1] - 1))
    sums -= np.repeat(sums[starts], np.diff(np.append(starts, len(group))))
    result = np.empty(len(group))
    result[order] = sums
    return result


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
