"""The judgment: all that the calibration split decides, fitted in one go from what was weighed for its entries.

The stack of ranker and decoder, a calibration of the confidence for each method (jet answers with the stack,
and either part can answer alone), and one for amounts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from jet.prediction.amounts import AMOUNT_FIGURES
from jet.prediction.calibration import Calibration
from jet.prediction.stack import FIGURES, METHODS, Method, Scores, Stack, cross_fitted, figures


@dataclass(frozen=True)
class Judgment:
    """See the module's docstring."""

    stack: Stack
    calibrations: Mapping[Method, Calibration]
    amounts: Calibration

    @classmethod
    def none(cls) -> Judgment:
        """Before anything was judged: no promise can be made."""
        return cls(
            Stack(), {method: Calibration.none(FIGURES) for method in METHODS}, Calibration.none(AMOUNT_FIGURES)
        )

    @classmethod
    def fit(
        cls,
        scores: Scores,
        right: np.ndarray,
        amount_figures: np.ndarray,
        amounts_guessed: np.ndarray,
        amounts_right: np.ndarray,
        entity: Sequence[str],
    ) -> Judgment:
        """From what was `Judged` of N booked entries, and whose each is."""
        stack = Stack.fit(scores, right)
        calibrations: dict[Method, Calibration] = {}
        for method in METHODS:
            chances = cross_fitted(scores, right) if method == "stacked" else stack(scores, method)
            best = np.where(scores.there, chances[:, :-1], -1).argmax(axis=1)
            calibrations[method] = Calibration.fit(FIGURES, figures(scores, chances), best == right, entity)
        # Amounts have a chance to be right only where the lines are.
        best = np.where(scores.there, stack(scores)[:, :-1], -1).argmax(axis=1)
        rows = np.flatnonzero(amounts_guessed & (best == right))
        owners = [entity[row] for row in rows.tolist()]
        amounts = Calibration.fit(AMOUNT_FIGURES, amount_figures[rows], amounts_right[rows], owners)
        return cls(stack, calibrations, amounts)

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold of it: all."""
        return {
            "stack": asdict(self.stack),
            "calibrations": {method: each.as_dict() for method, each in self.calibrations.items()},
            "amounts": self.amounts.as_dict(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Judgment:
        """The inverse of `as_dict`. Raises `ValueError` where it is of another version of jet."""
        return cls(
            Stack(**content["stack"]),
            {method: Calibration.from_dict(content["calibrations"][method], FIGURES) for method in METHODS},
            Calibration.from_dict(content["amounts"], AMOUNT_FIGURES),
        )
