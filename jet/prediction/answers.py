"""Answers: the predictions of N entries as arrays, before they become a table.

Shapes: N entries, KEPT sets of an entry (the best and two alternatives), T lines, S shown neighbors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.books.tokens import NOTHING
from jet.confidence.holds import HoldFacts
from jet.confidence.judgment import AMOUNT_FEATURES
from jet.confidence.scores import FEATURES
from jet.model.settings import KEPT
from jet.prediction.amounts import UNKNOWN_AMOUNT
from jet.prediction.reasons import SHOWN


@dataclass(frozen=True)
class Answers:
    """The answers to N entries. An entry without an answer has padding everywhere."""

    tokens: np.ndarray  # int64 [N, KEPT, T] catalog row * 2 + side, padded with NOTHING; best first
    probability: np.ndarray  # float32 [N, KEPT]; 0 where there is no such set
    none: np.ndarray  # float32 [N] probability that no candidate at all is right; 1 without an answer
    line_share: np.ndarray  # float32 [N, KEPT, T] probability of the candidates that have the line
    weakest_line: np.ndarray  # float32 [N] of the best set's lines, as if none were known; 1 without an answer
    guess: np.ndarray  # bool [N, KEPT, T] lines that the entity's neighbors don't have
    amounts: np.ndarray  # int64 [N, T] minor units, of the best set; UNKNOWN_AMOUNT
    amount_features: np.ndarray  # float64 [N, len(AMOUNT_FEATURES)]
    amount_rule: np.ndarray  # int64 [N] index into amounts.RULES
    features: np.ndarray  # float64 [N, len(scores.FEATURES)] for the calibration
    evidence_kind: np.ndarray  # int64 [N] kind of the evidence that is shown (`jet.prediction.reasons`)
    more: np.ndarray  # bool [N] there is more evidence of this kind
    row: np.ndarray  # int64 [N, S] rows of the corpus that are shown
    weight: np.ndarray  # float32 [N, S]
    similarity: np.ndarray  # float32 [N, S]
    same_text: np.ndarray  # bool [N, S]
    same_lines: np.ndarray  # bool [N, S]
    review: np.ndarray  # int64 [N] the reviewed row of the corpus that decides the answer; NOTHING
    text_known: np.ndarray  # bool [N] the entity has booked the same text before
    nearest: np.ndarray  # float32 [N] similarity of the most similar earlier text
    hold_facts: HoldFacts  # for the rules that keep answers from `auto`

    @classmethod
    def empty(cls, size: int, longest: int) -> Answers:
        """Empty answers to `size` entries, with room for `longest` lines."""
        return cls(
            tokens=np.full((size, KEPT, longest), NOTHING, dtype=np.int64),
            probability=np.zeros((size, KEPT), dtype=np.float32),
            none=np.ones(size, dtype=np.float32),
            line_share=np.zeros((size, KEPT, longest), dtype=np.float32),
            weakest_line=np.ones(size, dtype=np.float32),
            guess=np.zeros((size, KEPT, longest), dtype=bool),
            amounts=np.full((size, longest), UNKNOWN_AMOUNT, dtype=np.int64),
            amount_features=np.zeros((size, len(AMOUNT_FEATURES))),
            amount_rule=np.zeros(size, dtype=np.int64),
            features=np.zeros((size, len(FEATURES))),
            evidence_kind=np.zeros(size, dtype=np.int64),
            more=np.zeros(size, dtype=bool),
            row=np.full((size, SHOWN), NOTHING, dtype=np.int64),
            weight=np.zeros((size, SHOWN), dtype=np.float32),
            similarity=np.zeros((size, SHOWN), dtype=np.float32),
            same_text=np.zeros((size, SHOWN), dtype=bool),
            same_lines=np.zeros((size, SHOWN), dtype=bool),
            review=np.full(size, NOTHING),
            text_known=np.zeros(size, dtype=bool),
            nearest=np.zeros(size, dtype=np.float32),
            hold_facts=HoldFacts.empty(size),
        )

    @property
    def held(self) -> np.ndarray:
        """bool [N]: whether a rule of `jet.confidence.holds` keeps the answer from `auto`, whatever its
        confidence."""
        return self.hold_facts.held | self.guess[:, 0].any(axis=1)

    @property
    def answered(self) -> np.ndarray:
        """bool [N]: whether there is an answer."""
        return self.tokens[:, 0, 0] != NOTHING
