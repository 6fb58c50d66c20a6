"""Outcomes: predictions of booked entries beside their true lines, on which the calibration is fitted.

Shapes: N entries, D candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.confidence.stack import Scores


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
