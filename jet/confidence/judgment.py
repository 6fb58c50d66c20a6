"""The judgment: everything that is fitted on the calibration split.

It has the stack of ranker and decoder, a calibration of the confidence for each method (jet predicts with the
stack, and either part can predict alone), one for amounts, and the statistics of the calibration entries, from
which later entries may drift (`jet.confidence.drift`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from jet.confidence.calibration import Bounds, Calibration
from jet.confidence.drift import DriftStatistics
from jet.confidence.outcomes import Outcomes
from jet.confidence.stack import (
    FEATURES,
    METHODS,
    Method,
    Stack,
    confidence_features,
    cross_fitted,
    weakest_line,
)

AMOUNT_FEATURES = (
    "support",
    "same_set",
    "evidence",
    "similarity",
    "repeated",
    "tax",
    "fixed",
    "split",
    "lines",
)
"""The features of the amounts' confidence.

The logit of the weakest vote that was followed; the number of neighbors with the same set, and with the rarest
line (both log1p); the similarity of the nearest one with the same set; whether a neighbor was repeated, all
formulas are tax rates, one is a fixed amount, amounts were split by shares; and the number of lines beyond two
(log1p)."""


@dataclass(frozen=True)
class DriftReference:
    """Statistics of the calibration entries, with which new ones are compared; one row a calibration row."""

    answered: np.ndarray  # bool [rows] whether there were candidates
    text_known: np.ndarray  # bool [rows]
    similarity: np.ndarray  # float64 [rows] of the most similar earlier text

    @classmethod
    def empty(cls) -> DriftReference:
        """Without entries."""
        return cls(np.empty(0, dtype=bool), np.empty(0, dtype=bool), np.empty(0))

    def as_dict(self) -> dict[str, Any]:
        """The statistics as JSON types; `from_dict` reads them."""
        return {
            "answered": self.answered.astype(int).tolist(),
            "text_known": self.text_known.astype(int).tolist(),
            "similarity": self.similarity.tolist(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> DriftReference:
        """Read what `as_dict` wrote."""
        return cls(
            np.asarray(content["answered"], dtype=bool),
            np.asarray(content["text_known"], dtype=bool),
            np.asarray(content["similarity"], dtype=np.float64),
        )


@dataclass(frozen=True)
class Judgment:
    """What the calibration split decides; see the module's docstring."""

    stack: Stack
    calibrations: Mapping[Method, Calibration]
    amounts: Calibration
    reference: DriftReference

    @classmethod
    def unfitted(cls) -> Judgment:
        """An unfitted judgment, which promises nothing."""
        calibrations = {method: Calibration.unfitted(FEATURES) for method in METHODS}
        return cls(Stack(), calibrations, Calibration.unfitted(AMOUNT_FEATURES), DriftReference.empty())

    @classmethod
    def fit(cls, outcomes: Outcomes, entity: Sequence[str]) -> Judgment:
        """Fit on the outcomes of N booked entries; `entity` names the company of each."""
        scores, right = outcomes.scores, outcomes.right
        stack = Stack.fit(scores, right)
        calibrations: dict[Method, Calibration] = {}
        for method in METHODS:
            probability = cross_fitted(scores, right) if method == "stacked" else stack(scores, method)
            best = np.where(scores.exists, probability[:, :-1], -1).argmax(axis=1)
            bounds = Bounds(
                most=weakest_line(scores, probability, best),
                held=outcomes.held | scores.guess[np.arange(len(right)), best],
                history=outcomes.history,
            )
            calibrations[method] = Calibration.fit(
                FEATURES, confidence_features(scores, probability), best == right, entity, bounds
            )
        # Amounts can be right only where the lines are.
        best = np.where(scores.exists, stack(scores)[:, :-1], -1).argmax(axis=1)
        rows = np.flatnonzero(outcomes.amounts_guessed & (best == right))
        entities = [entity[row] for row in rows.tolist()]
        amounts = Calibration.fit(
            AMOUNT_FEATURES, outcomes.amount_features[rows], outcomes.amounts_right[rows], entities
        )
        nearest = outcomes.nearest.astype(np.float64).round(4)
        reference = DriftReference(np.asarray(scores.exists.any(axis=1)), outcomes.text_known, nearest)
        return cls(stack, calibrations, amounts, reference)

    def drift_statistics(self, method: Method) -> DriftStatistics:
        """The statistics with which new predictions by `method` are compared."""
        calibration, reference = self.calibrations[method], self.reference
        statistics = DriftStatistics.of(
            calibration.entity, ~reference.text_known, reference.similarity, calibration.confidence
        )
        return statistics.take(reference.answered)

    def as_dict(self) -> dict[str, Any]:
        """The whole judgment as JSON types; `from_dict` reads it."""
        return {
            "stack": asdict(self.stack),
            "calibrations": {method: each.as_dict() for method, each in self.calibrations.items()},
            "amounts": self.amounts.as_dict(),
            "reference": self.reference.as_dict(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Judgment:
        """Read what `as_dict` wrote. Raises `ValueError` where another version of jet wrote it."""
        if "reference" not in content:
            raise ValueError(
                "the bundle lacks the statistics of its calibration entries, so drift can't be found: it is "
                "of an earlier jet; train again"
            )
        return cls(
            Stack(**content["stack"]),
            {method: Calibration.from_dict(content["calibrations"][method], FEATURES) for method in METHODS},
            Calibration.from_dict(content["amounts"], AMOUNT_FEATURES),
            DriftReference.from_dict(content["reference"]),
        )
