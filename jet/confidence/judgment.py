"""The judgment: all that the calibration split decides, fitted in one go from what was weighed for its entries.

The stack of ranker and decoder, a calibration of the confidence for each method (jet answers with the stack,
and either part can answer alone), one for amounts, and what the entries looked like, so that it can be told
whether later ones still do (`jet.confidence.drift`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from jet.confidence.calibration import Bounds, Calibration
from jet.confidence.drift import Signs
from jet.confidence.outcomes import Outcomes
from jet.confidence.stack import FIGURES, METHODS, Method, Stack, cross_fitted, figures, least_line

AMOUNT_FIGURES = ("support", "same_set", "evidence", "similarity", "repeated", "tax", "fixed", "split", "lines")
"""What confidence is made of: the log odds of the weakest vote that was followed; how many neighbors have the
same set, and how many have the line that fewest have (both log1p); the likest one with the same set; whether
a neighbor was repeated, all followed formulas are of a tax rate, one is a fixed amount, shares had to do; and
how many lines are more than two (log1p)."""


@dataclass(frozen=True)
class Looks:
    """What the entries of the calibration split looked like; rows are those of every calibration."""

    answered: np.ndarray  # bool [rows] there were candidates
    text_known: np.ndarray  # bool [rows]
    similarity: np.ndarray  # float64 [rows] of the most similar earlier text

    @classmethod
    def none(cls) -> Looks:
        """Of no entries."""
        return cls(np.empty(0, dtype=bool), np.empty(0, dtype=bool), np.empty(0))

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold of it: all."""
        return {
            "answered": self.answered.astype(int).tolist(),
            "text_known": self.text_known.astype(int).tolist(),
            "similarity": self.similarity.tolist(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Looks:
        """The inverse of `as_dict`."""
        return cls(
            np.asarray(content["answered"], dtype=bool),
            np.asarray(content["text_known"], dtype=bool),
            np.asarray(content["similarity"], dtype=np.float64),
        )


@dataclass(frozen=True)
class Judgment:
    """See the module's docstring."""

    stack: Stack
    calibrations: Mapping[Method, Calibration]
    amounts: Calibration
    looks: Looks

    @classmethod
    def none(cls) -> Judgment:
        """Before anything was judged: no promise can be made."""
        calibrations = {method: Calibration.none(FIGURES) for method in METHODS}
        return cls(Stack(), calibrations, Calibration.none(AMOUNT_FIGURES), Looks.none())

    @classmethod
    def fit(cls, outcomes: Outcomes, entity: Sequence[str]) -> Judgment:
        """From the outcomes of N booked entries, and the company of each."""
        scores, right = outcomes.scores, outcomes.right
        stack = Stack.fit(scores, right)
        calibrations: dict[Method, Calibration] = {}
        for method in METHODS:
            chances = cross_fitted(scores, right) if method == "stacked" else stack(scores, method)
            best = np.where(scores.there, chances[:, :-1], -1).argmax(axis=1)
            bounds = Bounds(
                most=least_line(scores, chances, best),
                held=outcomes.held | scores.guess[np.arange(len(right)), best],
                history=outcomes.history,
            )
            calibrations[method] = Calibration.fit(
                FIGURES, figures(scores, chances), best == right, entity, bounds
            )
        # Amounts have a chance to be right only where the lines are.
        best = np.where(scores.there, stack(scores)[:, :-1], -1).argmax(axis=1)
        rows = np.flatnonzero(outcomes.amounts_guessed & (best == right))
        owners = [entity[row] for row in rows.tolist()]
        amounts = Calibration.fit(
            AMOUNT_FIGURES, outcomes.amount_figures[rows], outcomes.amounts_right[rows], owners
        )
        nearest = outcomes.nearest.astype(np.float64).round(4)
        looks = Looks(np.asarray(scores.there.any(axis=1)), outcomes.text_known, nearest)
        return cls(stack, calibrations, amounts, looks)

    def signs(self, method: Method) -> Signs:
        """What new answers by `method` are compared with."""
        calibration, looks = self.calibrations[method], self.looks
        signs = Signs.of(calibration.entity, ~looks.text_known, looks.similarity, calibration.confidence)
        return signs.take(looks.answered)

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold of it: all."""
        return {
            "stack": asdict(self.stack),
            "calibrations": {method: each.as_dict() for method, each in self.calibrations.items()},
            "amounts": self.amounts.as_dict(),
            "looks": self.looks.as_dict(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Judgment:
        """The inverse of `as_dict`. Raises `ValueError` where it is of another version of jet."""
        if "looks" not in content:
            raise ValueError(
                "the bundle doesn't say what its calibration looked like, so drift can't be told: it is of an "
                "earlier jet; train again"
            )
        return cls(
            Stack(**content["stack"]),
            {method: Calibration.from_dict(content["calibrations"][method], FIGURES) for method in METHODS},
            Calibration.from_dict(content["amounts"], AMOUNT_FIGURES),
            Looks.from_dict(content["looks"]),
        )
