"""Promises: the thresholds of all regimes and companies at which a precision is kept.

- **One threshold for all companies and regimes together** (`jet.confidence.threshold`). The confidence is
  calibrated in each regime by itself, so that it means the same in all of them. With its own rows alone, a
  regime's threshold swung between most entries and none on older windows of eight sources.
- **A company whose confidence misfits leaves the pool** of the regime (`jet.confidence.calibration`): its
  entries go to review, and it doesn't raise the threshold of all others.
- **A company's own threshold in a regime is only ever higher**, where its rows above the common one kept less
  than was promised.
- Rows that a rule keeps from `auto` (`jet.confidence.holds`) don't count, and nothing is promised in a regime
  without rows.

docs/accuracy.md has the figures by which these rules were chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from jet.books.groups import rows_of_groups
from jet.confidence.calibration import Calibration, CalibrationRows
from jet.confidence.threshold import LEVEL, least_history, threshold_for

_ASSUMED = 50  # rows that an own threshold assumes beside those there are, kept halfway between promise and 1


@dataclass(frozen=True)
class Thresholds:
    """The lowest confidence at which a promised precision is kept."""

    pooled: float | None
    """For all companies and regimes together; None where no threshold keeps the promise, or the regime has no
    rows."""
    by_entity: Mapping[str, float] = field(default_factory=dict)
    """By company, where its rows kept less than the promise at the pooled threshold: a higher one; inf where
    none keeps it.

    With a stricter promise both thresholds rise, so that it never automates more.
    """
    misfits: frozenset[str] = frozenset()
    """The companies that were taken out."""
    least_history: int = 0
    """The fewest earlier entries of a company with which the promise is known to be kept
    (`jet.confidence.threshold.least_history`)."""

    def of(self, entities: Sequence[str]) -> np.ndarray:
        """The threshold of each entity, float64 [entities]; inf where nothing is promised."""
        pooled = np.inf if self.pooled is None else self.pooled
        own = {**self.by_entity, **dict.fromkeys(self.misfits, np.inf)}
        return np.array([own.get(entity, pooled) for entity in entities], dtype=np.float64)


@dataclass(frozen=True)
class Calibrations:
    """The calibrations of some regimes, whose rows decide together from which confidence on a promise is kept.

    The numbers of groups and entries are the same in all of them.
    """

    by_regime: tuple[Calibration, ...]
    level: float = LEVEL
    """As in `threshold_for`."""
    _thresholds: dict[float, tuple[Thresholds, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __getitem__(self, regime: int) -> Calibration:
        return self.by_regime[regime]

    def __len__(self) -> int:
        return len(self.by_regime)

    def __iter__(self) -> Iterator[Calibration]:
        return iter(self.by_regime)

    def thresholds(self, promise: float) -> tuple[Thresholds, ...]:
        """The thresholds in each regime at which a precision of `promise` is kept."""
        if promise not in self._thresholds:
            self._thresholds[promise] = self._chosen(promise)
        return self._thresholds[promise]

    def _chosen(self, promise: float) -> tuple[Thresholds, ...]:
        pools = [_pool(each) for each in self.by_regime]
        columns = ((sure, rows.right, rows.group, rows.entry) for rows, sure in pools)
        confidence, right, group, entry = (np.concatenate(column) for column in zip(*columns, strict=True))
        pooled = threshold_for(promise, confidence, right, group, entry, self.level) if len(right) else None
        return tuple(
            _in_regime(promise, pooled, calibration, *pool)
            for calibration, pool in zip(self.by_regime, pools, strict=True)
        )


def _pool(calibration: Calibration) -> tuple[CalibrationRows, np.ndarray]:
    """The rows that decide, and their confidence."""
    rows = calibration.rows
    inside = ~rows.held & ~np.isin(rows.entity, list(calibration.misfits))
    return rows.take(inside), calibration.confidence[inside]


def _in_regime(
    promise: float,
    pooled: float | None,
    calibration: Calibration,
    rows: CalibrationRows,
    confidence: np.ndarray,
) -> Thresholds:
    """The thresholds in a regime, of whose calibration the `rows` decide."""
    out = frozenset(calibration.misfits)
    if pooled is None or not len(rows):
        return Thresholds(None, misfits=out)
    own = {}
    names, number = np.unique(rows.entity.astype(str), return_inverse=True)
    for name, mine in zip(names.tolist(), rows_of_groups(number, len(names)), strict=True):
        threshold = _own_threshold(promise, pooled, confidence[mine], rows.right[mine])
        if threshold > pooled:
            own[name] = threshold
    thresholds = Thresholds(pooled, own, out)
    automated = confidence >= thresholds.of(rows.entity.tolist())
    return Thresholds(pooled, own, out, least_history(rows.history[automated & rows.right], rows.history))


def _own_threshold(promise: float, pooled: float, confidence: np.ndarray, right: np.ndarray) -> float:
    """The lowest threshold, from `pooled` on, at which a company's rows and some that are assumed keep the
    promise; inf where there is none.

    It lies just above the next lower row, and the surest rows are asked even where they are below `pooled`:
    otherwise a stricter promise, with a higher `pooled`, could lower it.
    """
    order = np.argsort(-confidence, kind="stable")
    confidence, right = confidence[order], right[order]
    size = int((confidence >= min(pooled, confidence[0])).sum())
    kept = np.cumsum(right) + _ASSUMED * (1 + promise) / 2
    keeps = kept >= promise * (np.arange(1, len(right) + 1) + _ASSUMED)
    keeps[:-1] &= confidence[:-1] != confidence[1:]  # ties as one
    last = np.flatnonzero(keeps[:size])
    if not len(last):
        return np.inf
    return pooled if last[-1] == size - 1 else float(np.nextafter(confidence[last[-1] + 1], np.inf))
