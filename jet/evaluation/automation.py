"""Automation: the share of entries that are booked without review at a promised precision, and their precision.

A promise is a string here, as JSON keys are: "0.95".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jet.confidence.holds import auto_thresholds
from jet.confidence.judgment import Judgment
from jet.confidence.promises import Thresholds
from jet.confidence.regimes import REGIMES
from jet.confidence.threshold import threshold_for
from jet.evaluation.intervals import share_interval
from jet.evaluation.scored import Scored

PROMISES = (0.95, 0.99)
"""The promised precisions at which automation is measured."""


@dataclass(frozen=True)
class AutomationThresholds:
    """The thresholds of automated entries."""

    by_promise: Mapping[str, Mapping[str, Thresholds]] = field(default_factory=dict)
    """Promise -> regime -> thresholds; of a baseline, the regime is ""."""

    @classmethod
    def of_scored(
        cls, scored: Scored, promises: Iterable[float] = PROMISES, group: NDArray | None = None
    ) -> AutomationThresholds:
        """The thresholds at which the calibration rows `scored`, all entities together, keep each promise.

        `group` is as in `threshold_for`.
        """
        right = scored.counts["exact"] > 0
        return cls(
            {
                f"{promise:g}": {"": Thresholds(threshold_for(promise, scored.confidence, right, group))}
                for promise in promises
            }
        )

    @classmethod
    def of_judgment(cls, judgment: Judgment, promises: Iterable[float]) -> AutomationThresholds:
        """The thresholds of a bundle's predictions."""
        thresholds = judgment.calibrations.thresholds
        return cls(
            {f"{promise:g}": dict(zip(REGIMES, thresholds(promise), strict=True)) for promise in promises}
        )

    def automated(self, scored: Scored, mask: NDArray) -> dict[str, NDArray[np.bool_]]:
        """Which of the rows in `mask` are automated, by promise."""
        entity, held, history = scored.entity[mask], scored.held[mask], scored.history[mask]
        regime, confidence = scored.regime[mask], scored.confidence[mask]
        automated = {}
        for promise, by_regime in self.by_promise.items():
            limits = np.full(len(entity), np.inf)
            for name, thresholds in by_regime.items():
                rows = np.flatnonzero(regime == name)
                limits[rows] = auto_thresholds(
                    thresholds.of(entity[rows].tolist()), held[rows], history[rows], thresholds.least_history
                )
            automated[promise] = confidence >= limits
        return automated


def automation(automated: NDArray[np.bool_], right: NDArray) -> dict[str, Any]:
    """Coverage, precision and its two-sided 95 % Clopper–Pearson interval of the rows that are `automated` [N];
    `right` [N] says which rows are right."""
    n_auto, n_right = int(automated.sum()), int(right[automated].sum())
    return {
        "coverage": ratio(n_auto, automated.size),
        "precision": ratio(n_right, n_auto),
        "precision_interval": share_interval(n_right, n_auto),
        "n_auto": n_auto,
    }


def automation_from(threshold: float | None, confidence: NDArray, right: NDArray) -> dict[str, Any]:
    """The threshold, and `automation` of the rows whose `confidence` [N] reaches it."""
    cut = np.inf if threshold is None else threshold
    return {"threshold": threshold, **automation(confidence >= cut, right)}


def ratio(part: int, whole: int) -> float | None:
    """`part` / `whole`; None where `whole` is 0."""
    return part / whole if whole else None
