"""Outcomes: predictions of booked entries beside their true lines, on which the calibration is fitted.

Shapes: N entries, D candidates.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from jet.confidence.scores import Scores


@dataclass(frozen=True)
class Asked:
    """What was known when N booked entries were answered."""

    entity: np.ndarray  # object [N] names of the companies
    entry: np.ndarray  # int64 [N] the same number for the answers to one entry
    date: np.ndarray  # int32 [N] days since 1970
    known_before: np.ndarray  # int32 [N] days since 1970: entries of this day and later were not known
    regime: np.ndarray  # int64 [N] index into `jet.confidence.regimes.REGIMES`
    newest: np.ndarray  # bool [N] of the test split, else of the calibration split

    def take(self, rows: np.ndarray) -> Asked:
        """Some entries, by row numbers or a mask."""
        return Asked(*(getattr(self, each.name)[rows] for each in fields(self)))


@dataclass(frozen=True)
class Outcomes:
    """The scores of the candidates of N booked entries, and which of them are right."""

    scores: Scores
    right: np.ndarray  # int64 [N] index of the true set among the candidates, D where it is none of them
    amount_features: np.ndarray  # float64 [N, len(AMOUNT_FEATURES)] of the amounts proposed for the true set
    amounts_guessed: np.ndarray  # bool [N] these amounts can be wrong, and the true ones are known
    amounts_right: np.ndarray  # bool [N] these amounts are all right
    text_known: np.ndarray  # bool [N] the entity has booked the same text before
    nearest: np.ndarray  # float32 [N] similarity of the most similar earlier text
    held: (
        np.ndarray
    )  # bool [N] a rule keeps the entry from `auto`, whatever is predicted (`jet.confidence.holds`)
    history: np.ndarray  # int64 [N] earlier entries of the entity
    gap: np.ndarray  # int64 [N] days since the newest of these; `jet.confidence.regimes.NO_HISTORY`
    group: np.ndarray  # int64 [N] the same number for entries of a company whose texts differ in digits alone

    def take(self, rows: np.ndarray) -> Outcomes:
        """Some outcomes, by row numbers or a mask."""
        values = {each.name: getattr(self, each.name)[rows] for each in fields(self) if each.name != "scores"}
        return Outcomes(scores=self.scores.take(rows), **values)
