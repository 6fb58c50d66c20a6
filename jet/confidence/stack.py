"""The stack: what the ranker and the decoder say of the same candidates, as one distribution.

Four numbers, fitted on the calibration split: the weights of both log-probabilities, and scale and bias of
"none of these". Neither part saw that split in training, and so few numbers can't learn it by heart; the
figures that confidence is fitted on come from stacks fitted on other rows all the same (`cross_fitted`).

Each part can answer alone: "ranker" by its own candidates, "decoder" by its probabilities.

Shapes: N entries, D candidates.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from jet.books.tokens import NOTHING
from jet.ranking.candidates import PROPOSERS

Method = Literal["stacked", "ranker", "decoder"]
METHODS: tuple[Method, ...] = ("stacked", "ranker", "decoder")

FIGURES = ("log_odds", "margin", "none", "similarity", "same_text", "support", "text_share", "agreed")
"""What confidence is made of: the log odds of the best candidate, its lead over the next, the log odds of none
of these; the nearest neighbor; how many have the same text; how many were booked like the best candidate,
and their share among those with the same text; whether ranker and decoder agree."""

WEIGHED = 8
"""Candidates, best first, whose probability counts for that of a line."""

_BITS = 64
_FLOOR = -20.0  # the least that the decoder's log-probability counts
_FOLDS = 5
_LEAST_ROWS = 20
_PULL = 0.01  # of the weights towards their start


@dataclass(frozen=True)
class Scores:
    """What both parts say of N entries' candidates; where `there` is false, nothing is meant."""

    there: np.ndarray  # bool [N, D]
    proposer: np.ndarray  # int64 [N, D]
    ranked: np.ndarray  # float32 [N, D] the ranker's log-probabilities
    none: np.ndarray  # float32 [N] and of none of these
    decoded: np.ndarray  # float32 [N, D] the decoder's
    support: np.ndarray  # float32 [N, D] how many own neighbors were booked to it (log1p)
    text_share: np.ndarray  # float32 [N, D] its share among own neighbors with the same text
    similarity: np.ndarray  # float32 [N] of the nearest neighbor
    same_text: np.ndarray  # float32 [N] own neighbors with the same text (log1p)
    guess: np.ndarray  # bool [N, D] it has a line that no own neighbor has
    lines: np.ndarray  # uint64 [N, D] `line_bits` of the candidates

    @classmethod
    def nothing(cls, entries: int, candidates: int) -> Scores:
        """Of entries without any candidates; "none of these" is certain."""
        shape = (entries, candidates)
        return cls(
            there=np.zeros(shape, dtype=bool),
            proposer=np.full(shape, -1),
            ranked=np.full(shape, -np.inf, dtype=np.float32),
            none=np.zeros(entries, dtype=np.float32),
            decoded=np.full(shape, -np.inf, dtype=np.float32),
            support=np.zeros(shape, dtype=np.float32),
            text_share=np.zeros(shape, dtype=np.float32),
            similarity=np.zeros(entries, dtype=np.float32),
            same_text=np.zeros(entries, dtype=np.float32),
            guess=np.zeros(shape, dtype=bool),
            lines=np.zeros(shape, dtype=np.uint64),
        )

    def take(self, rows: np.ndarray) -> Scores:
        """Of some entries."""
        return Scores(*(getattr(self, each.name)[rows] for each in fields(self)))


@dataclass(frozen=True)
class Stack:
    """See the module's docstring."""

    ranker: float = 0.6
    decoder: float = 0.3
    none_scale: float = 1.0
    none_bias: float = 0.0

    @classmethod
    def fit(cls, scores: Scores, right: np.ndarray) -> Stack:
        """By likelihood, on the place of the `right` candidate int64 [N] (D: none of them).

        With too few rows the start stands.
        """
        if len(right) < _LEAST_ROWS:
            return cls()
        from scipy.optimize import minimize

        start = np.array([getattr(cls, each.name) for each in fields(cls)])

        def loss(weights: np.ndarray) -> float:
            log_probs = _log_softmax(cls(*weights)._logits(scores))
            pull = _PULL * ((weights - start) ** 2).sum()
            return float(-log_probs[np.arange(len(right)), right].mean() + pull)

        bounds = [(0, None), (0, None), (0, None), (None, None)]
        return cls(*minimize(loss, start, method="L-BFGS-B", bounds=bounds).x.tolist())

    def __call__(self, scores: Scores, method: Method = "stacked") -> np.ndarray:
        """float64 [N, D + 1]: the probability of each candidate, and of none of these."""
        there = scores.there
        if method == "stacked":
            return np.exp(_log_softmax(self._logits(scores)))
        if method == "ranker":
            own = there & (scores.proposer != PROPOSERS.index("decoder"))
            return np.exp(_log_softmax(_with_none(np.where(own, scores.ranked, -np.inf), scores.none)))
        chance = np.where(there, np.exp(scores.decoded.astype(np.float64)), 0.0)
        return np.concatenate([chance, np.clip(1 - chance.sum(axis=1, keepdims=True), 0, 1)], axis=1)

    def _logits(self, scores: Scores) -> np.ndarray:
        decoded = np.maximum(scores.decoded.astype(np.float64), _FLOOR)
        ranked = np.where(scores.there, scores.ranked.astype(np.float64), 0.0)
        mixed = self.ranker * ranked + self.decoder * decoded
        none = self.none_scale * scores.none.astype(np.float64) + self.none_bias
        return _with_none(np.where(scores.there, mixed, -np.inf), none)


def cross_fitted(scores: Scores, right: np.ndarray) -> np.ndarray:
    """float64 [N, D + 1]: the probabilities of each fifth of the rows by a stack fitted on the others."""
    fold = np.arange(len(right)) % _FOLDS
    found = np.zeros((len(right), scores.there.shape[1] + 1))
    for number in range(_FOLDS):
        rest, own = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        found[own] = Stack.fit(scores.take(rest), right[rest])(scores.take(own))
    return found


def figures(scores: Scores, probability: np.ndarray, chosen: np.ndarray | None = None) -> np.ndarray:
    """float64 [N, len(FIGURES)]: of the answers that `probability` [N, D + 1] ranks first, or, where it isn't
    negative, of the candidate `chosen` int64 [N]."""
    chances = np.clip(probability[:, :-1], 1e-6, 1 - 1e-6)
    first_of_all = False if chosen is None else np.arange(chances.shape[1]) == chosen[:, None]
    order = np.argsort(np.where(first_of_all, -2, -chances), axis=1, kind="stable")
    rows = np.arange(len(chances))
    best = order[:, 0]
    first = chances[rows, best]
    second = chances[rows, order[:, 1]] if chances.shape[1] > 1 else np.full(len(chances), 1e-6)
    none = np.clip(probability[:, -1], 1e-6, 1 - 1e-6)
    one_way, other_way = (np.where(scores.there, each, -np.inf) for each in (scores.ranked, scores.decoded))
    values = {
        "log_odds": np.log(first / (1 - first)),
        "margin": np.log(first / second).clip(0, 10),
        "none": np.log(none / (1 - none)),
        "similarity": scores.similarity,
        "same_text": scores.same_text,
        "support": scores.support[rows, best],
        "text_share": scores.text_share[rows, best],
        "agreed": one_way.argmax(axis=1) == other_way.argmax(axis=1),
    }
    return np.stack([np.asarray(values[name], np.float64) for name in FIGURES], axis=1)


def line_bits(tokens: np.ndarray) -> np.ndarray:
    """uint64 [B, D]: the lines of each of the candidates `tokens` [B, D, L] as a set of bits; equal lines of an
    entry's candidates have the same bit. Beyond 64 different ones a line has none."""
    flat = tokens.reshape(len(tokens), -1)
    order = np.argsort(flat, axis=1, kind="stable")
    ordered = np.take_along_axis(flat, order, 1)
    new = np.zeros(flat.shape, dtype=np.int64)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    number = np.empty_like(flat)
    np.put_along_axis(number, order, np.cumsum(new, axis=1) - (ordered[:, :1] == NOTHING), 1)
    has = (flat != NOTHING) & (number < _BITS)
    bits = np.where(has, np.uint64(1) << np.where(has, number, 0).astype(np.uint64), np.uint64(0))
    return np.bitwise_or.reduce(bits.reshape(tokens.shape), axis=2)


def least_line(scores: Scores, probability: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """float64 [N]: the least that the lines of the candidate `chosen` int64 [N] have of the probability
    [N, D + 1] of the `WEIGHED` best candidates; 1 where there is no candidate."""
    chance = np.where(scores.there, probability[:, :-1], 0.0)
    order = np.argsort(-chance, axis=1, kind="stable")[:, :WEIGHED]
    share = np.take_along_axis(chance, order, 1)
    share = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
    bits, own = np.take_along_axis(scores.lines, order, 1), scores.lines[np.arange(len(chance)), chosen]
    least = np.ones(len(chance))
    for bit in range(_BITS):
        has = (bits >> np.uint64(bit)) & np.uint64(1) == 1
        wanted = (own >> np.uint64(bit)) & np.uint64(1) == 1
        least = np.where(wanted, np.minimum(least, (share * has).sum(axis=1)), least)
    return least


def _with_none(logits: np.ndarray, none: np.ndarray) -> np.ndarray:
    return np.concatenate([logits, none[:, None]], axis=1).astype(np.float64)


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
