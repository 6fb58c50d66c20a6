"""Automation: the share of entries that are booked without review at a promised precision, and their precision.

A promise is a string here, as JSON keys are: "0.95".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from jet.confidence.calibration import Calibration
from jet.confidence.holds import auto_thresholds
from jet.confidence.threshold import threshold_for
from jet.evaluation.scored import Scored

PROMISES = (0.95, 0.99)
"""The promised precisions at which automation is measured."""


@dataclass(frozen=True)
class AutomationThresholds:
    """The least confidence of automated entries, by promise; None: no entry is automated."""

    pooled: Mapping[str, float | None] = field(default_factory=dict)
    """For all entities without a threshold of their own."""
    own: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """Entity -> promise -> its own threshold."""
    least_history: Mapping[str, int] = field(default_factory=dict)
    """Promise -> the fewest earlier entries of an entity, whatever the confidence; by default 0."""

    @classmethod
    def of_scored(cls, scored: Scored, promises: Iterable[float] = PROMISES) -> AutomationThresholds:
        """The thresholds at which the calibration rows `scored`, all entities together, keep each promise."""
        right = scored.counts["exact"] > 0
        return cls({f"{promise:g}": threshold_for(promise, scored.confidence, right) for promise in promises})

    @classmethod
    def of_calibration(cls, calibration: Calibration, promises: Iterable[float]) -> AutomationThresholds:
        """The thresholds of a bundle's calibration."""
        pooled: dict[str, float | None] = {}
        own: dict[str, dict[str, float | None]] = {}
        least: dict[str, int] = {}
        for promise in promises:
            thresholds = calibration.thresholds(promise)
            pooled[f"{promise:g}"] = thresholds.pooled
            least[f"{promise:g}"] = thresholds.least_history
            for entity, threshold in thresholds.by_entity.items():
                own.setdefault(entity, {})[f"{promise:g}"] = threshold
        return cls(pooled, own, least)

    def of_entity(self, entity: str) -> AutomationThresholds:
        """The thresholds of one entity, as pooled ones."""
        own = self.own.get(entity, {})
        pooled = {promise: own.get(promise, threshold) for promise, threshold in self.pooled.items()}
        return AutomationThresholds(pooled, least_history=self.least_history)

    def automated(self, scored: Scored, mask: NDArray) -> dict[str, NDArray[np.bool_]]:
        """Which of the rows in `mask` are automated, by promise."""
        entity, held, history = scored.entity[mask], scored.held[mask], scored.history[mask]
        limits = {promise: np.full(len(entity), _cut(threshold)) for promise, threshold in self.pooled.items()}
        for company, own in self.own.items():
            rows = entity == company
            for promise in own.keys() & limits.keys():
                limits[promise][rows] = _cut(own[promise])
        return {
            promise: scored.confidence[mask]
            >= auto_thresholds(limit, held, history, self.least_history.get(promise, 0))
            for promise, limit in limits.items()
        }


def automation(threshold: float | None, automated: NDArray[np.bool_], right: NDArray) -> dict[str, Any]:
    """The threshold, and coverage, precision and its two-sided 95 % Clopper–Pearson interval of the rows that
    are `automated` [N]; `right` [N] says which rows are right."""
    n_auto, n_right = int(automated.sum()), int(right[automated].sum())
    interval = binomtest(n_right, n_auto).proportion_ci(0.95, method="exact") if n_auto else None
    return {
        "threshold": threshold,
        "coverage": ratio(n_auto, automated.size),
        "precision": ratio(n_right, n_auto),
        "precision_interval": [float(interval.low), float(interval.high)] if interval else None,
        "n_auto": n_auto,
    }


def automation_from(threshold: float | None, confidence: NDArray, right: NDArray) -> dict[str, Any]:
    """`automation` of the rows whose `confidence` [N] reaches the threshold."""
    return automation(threshold, confidence >= _cut(threshold), right)


def ratio(part: int, whole: int) -> float | None:
    """`part` / `whole`; None where `whole` is 0."""
    return part / whole if whole else None


def _cut(threshold: float | None) -> float:
    return np.inf if threshold is None else threshold
