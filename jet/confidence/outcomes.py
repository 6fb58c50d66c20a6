"""Outcomes: what calibration, thresholds and promises are made from.

Shapes: N entries, D candidates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.confidence.stack import Scores


@dataclass(frozen=True)
class Outcomes:
    """What was weighed for N booked entries, and what is true of them."""

    scores: Scores
    right: np.ndarray  # int64 [N] the place of the true set among the candidates, D where it isn't
    amount_figures: np.ndarray  # float64 [N, len(AMOUNT_FIGURES)] of amounts proposed for the true set
    amounts_guessed: np.ndarray  # bool [N] they could be wrong, and it is known what is right
    amounts_right: np.ndarray  # bool [N] they are all right
    text_known: np.ndarray  # bool [N] the entity has booked the same text before
    nearest: np.ndarray  # float32 [N] similarity of the most similar earlier text
    held: np.ndarray  # bool [N] the entry is kept from `auto`, whatever is answered (`jet.confidence.holds`)
    history: np.ndarray  # int64 [N] earlier entries of the entity
