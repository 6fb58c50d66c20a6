"""How well confidence is calibrated: reliability, calibration error, risk and coverage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BINS = 10
_CURVE_POINTS = 200


def reliability(confidence: NDArray, right: NDArray) -> list[list[float]]:
    """Mean confidence, share right and number of rows of every non-empty bin of equal width."""
    bins = _bins(confidence)
    n = np.bincount(bins, minlength=_BINS)
    confident = np.bincount(bins, confidence, minlength=_BINS)
    correct = np.bincount(bins, right, minlength=_BINS)
    return [[float(confident[b] / n[b]), float(correct[b] / n[b]), int(n[b])] for b in np.flatnonzero(n)]


def _bins(confidence: NDArray) -> NDArray[np.int64]:
    return np.clip((np.asarray(confidence) * _BINS).astype(np.int64), 0, _BINS - 1)


def calibration_error(confidence: NDArray, right: NDArray) -> float | None:
    """The expected calibration error of [N] rows, bins of equal width; None without rows."""
    if not right.size:
        return None
    return sum(abs(mean - share) * n for mean, share, n in reliability(confidence, right)) / right.size


def calibration_error_by_chance(confidence: NDArray) -> float | None:
    """The expected `calibration_error` of these rows if the confidence were exactly right.

    The number of right rows in a bin is then a sum of independent draws, nearly normal, whose mean distance
    from its expectation is sqrt(2 / pi) standard deviations.
    """
    if not confidence.size:
        return None
    variance = np.bincount(_bins(confidence), confidence * (1 - confidence), minlength=_BINS)
    return float(np.sqrt(2 / np.pi * variance).sum() / confidence.size)


def risk_coverage(confidence: NDArray, right: NDArray) -> list[list[float]]:
    """Coverage and error rate by falling threshold, at most 200 points, the last at coverage 1.

    Rows of equal confidence are covered together. (R. El-Yaniv and Y. Wiener, "On the foundations of
    noise-free selective classification", JMLR 11, 2010.)
    """
    if not right.size:
        return []
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    last_of_tie = np.append(sorted_confidence[1:] != sorted_confidence[:-1], True)
    covered = np.arange(1, right.size + 1)[last_of_tie]
    error = 1 - np.cumsum(right[order])[last_of_tie] / covered
    points = np.unique(np.linspace(0, covered.size - 1, _CURVE_POINTS).round().astype(np.int64))
    return [[float(covered[p] / right.size), float(error[p])] for p in points]
