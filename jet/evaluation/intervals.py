"""What a share of few entries can say: its interval, whether it says enough, and whether a promise was kept.

A point estimate never decides: 19 of 19 right is no proof of 95 %, and 9 of 10 says little of anything. The
interval is the two-sided 95 % one of Clopper and Pearson, which takes entries as independent. (C. J. Clopper
and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial",
Biometrika 26, 1934.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from scipy.stats import binomtest

WIDEST = 0.2
"""A share whose interval is wider says too little: 17 entries that are all right are enough, 50 of which 40 are
right are not."""
TOO_FEW: Final = "too few to say"

Verdict = Literal["kept", "broken", "too few to say", "none"]
"""Whether a promise was kept; "none": nothing was automated."""


def share_interval(right: int, n: int) -> list[float] | None:
    """The interval of the share `right` of `n`; None where `n` is 0."""
    if not n:
        return None
    interval = binomtest(right, n).proportion_ci(0.95, method="exact")
    return [float(interval.low), float(interval.high)]


def interval_of(share: float | None, n: int) -> list[float] | None:
    """The interval of a `share` of `n` entries, which is a whole number of them; None where there is none."""
    return None if share is None else share_interval(round(share * n), n)


def too_few(interval: Sequence[float] | None) -> bool:
    """Whether an interval is wider than any use of the share allows (`WIDEST`), or there is none."""
    return interval is None or interval[1] - interval[0] > WIDEST


def verdict(promise: float, interval: Sequence[float] | None) -> Verdict:
    """Whether a promise was kept, by the interval of the share that was right of the automated entries.

    Kept where all of it keeps the promise, broken where none of it does; else there are too few entries to say.
    """
    if interval is None:
        return "none"
    low, high = interval
    return "kept" if low >= promise else "broken" if high < promise else TOO_FEW
