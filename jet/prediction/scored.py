"""The scored candidates of a group of entries, and what is left of them where lines are known.

Shapes: B entries, D candidates, W of them, T lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jet.books.tokens import NOTHING
from jet.confidence.holds import HoldFacts
from jet.confidence.scores import WEIGHED, Scores
from jet.prediction.known_lines import KnownLines
from jet.ranking.candidates import Candidates
from jet.ranking.evidence import Evidence


@dataclass(frozen=True)
class ScoredCandidates:
    """The candidates of B entries with their evidence and scores, before one is chosen."""

    evidence: Evidence
    candidates: Candidates  # all that are scored, whatever is known
    scores: Scores
    hold_facts: HoldFacts
    known: KnownLines

    @cached_property
    def agreeing(self) -> Candidates:
        """The candidates that agree with the known lines, each in its place."""
        if not self.known.exists.any():
            return self.candidates
        return self.candidates.only(self.known.agree(self.candidates.tokens))

    def shares(self, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The probability of each candidate that agrees with the known lines, float64 [B, D], and of "none of
        these", [B]: those of all candidates, `probability` [B, D + 1], as shares of what is left."""
        chance, none = np.where(self.agreeing.exists, probability[:, :-1], 0.0), probability[:, -1]
        left = np.where(self.known.exists, chance.sum(axis=1) + none, 1.0)
        return chance / np.maximum(left, 1e-12)[:, None], none / np.maximum(left, 1e-12)

    def weakest_line(self, tokens: np.ndarray, shares: np.ndarray, probability: np.ndarray) -> np.ndarray:
        """float32 [B]: the probability of the least likely line of the answers `tokens` [B, T], with the
        `shares` [B, T] of theirs; as if no line were known, by the `probability` [B, D + 1] of all."""
        if self.known.exists.any():
            chance = np.where(self.candidates.exists, probability[:, :-1], 0.0)
            order = np.argsort(-chance, axis=1, kind="stable")[:, :WEIGHED]
            best = np.take_along_axis(self.candidates.tokens, order[:, :, None], 1)
            unknown = line_shares(tokens[:, None], best, np.take_along_axis(chance, order, 1))[:, 0]
            shares = np.where(self.known.exists[:, None], unknown, shares)
        return np.where(tokens != NOTHING, shares, 1).min(axis=1).astype(np.float32)


class Group(NamedTuple):
    """Entries that are scored together."""

    rows: np.ndarray  # int64 numbers of the entries
    width: (
        int  # a power of two to which their charts, of similar size, are padded for the decoder; 0: not asked
    )
    padded: int = 0  # the number of entries of a batch for the decoder, filled up with repeats

    @property
    def asked(self) -> bool:
        """Whether the decoder is asked for them."""
        return self.width > 0

    @property
    def filled(self) -> np.ndarray:
        """int64: the entries that are computed, of which the first are those of `rows`."""
        return np.resize(self.rows, self.padded) if self.asked else self.rows


def line_shares(own: np.ndarray, tokens: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """float32 [B, kept, T]: the probability of each line of the sets `own` [B, kept, T].

    It is the share of the mass, `probability` [B, W], of W sets `tokens` [B, W, T] on sets that have it.
    """
    share = probability / np.maximum(probability.sum(axis=1, keepdims=True), 1e-12)
    result = np.zeros(own.shape, dtype=np.float32)
    for other in range(tokens.shape[1]):
        has = (own[:, :, :, None] == tokens[:, None, None, other, :]).any(axis=3)
        result += has * share[:, other, None, None]
    return np.where(own == NOTHING, 0, result).astype(np.float32)
