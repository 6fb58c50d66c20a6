"""Scores: what ranker and decoder say of an entry's candidates, and the distribution that follows from it.

By the method "ranker", the ranker decides over its candidates. The decoder is asked only where the company has
nothing booked yet: with history, it makes no answer better (docs/accuracy.md). By the method "decoder", it
answers alone.

Shapes: N entries, D candidates.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from jet.books.tokens import NOTHING
from jet.confidence.settings import Method

FEATURES = (
    *("log_odds", "margin", "none", "similarity", "same_text", "support", "text_share"),
    "record",
)
"""The features of the confidence.

The logit of the best candidate, its log-ratio to the second one, and the logit of "none of these"; the
similarity of the nearest neighbor; the number of neighbors with the same text; the number of neighbors booked
like the best candidate, and their share among those with the same text; and the record of the company
(`jet.confidence.record`)."""

WEIGHED = 8
"""The number of best candidates from which the probability of a line is computed."""

_BITS = 64

# The weights of both log-probabilities where the decoder is asked. They are fixed: rows of a calibration have a
# history, so nothing can be fitted.
_RANKER, _DECODER = 0.6, 0.3
_FLOOR = -20.0  # the lower bound of the decoder's log-probability


@dataclass(frozen=True)
class Scores:
    """The scores of N entries' candidates by both parts; values where `exists` is false are meaningless.

    Neighbors are those of the same entity.
    """

    exists: np.ndarray  # bool [N, D] the candidate exists; else the row is padded
    ranked: np.ndarray  # float32 [N, D] the ranker's log-probabilities
    none: np.ndarray  # float32 [N] the ranker's log-probability of "none of these"
    asked: np.ndarray  # bool [N] the decoder was asked; its beams are among the candidates
    decoded: np.ndarray  # float32 [N, D] the decoder's log-probabilities; -inf where it wasn't asked
    support: np.ndarray  # float32 [N, D] neighbors booked to the candidate (log1p)
    text_share: np.ndarray  # float32 [N, D] the candidate's share among neighbors with the same text
    similarity: np.ndarray  # float32 [N] of the nearest neighbor
    same_text: np.ndarray  # float32 [N] neighbors with the same text (log1p)
    guess: np.ndarray  # bool [N, D] the candidate has a line that no neighbor has
    lines: np.ndarray  # uint64 [N, D] `line_bits` of the candidates

    @classmethod
    def empty(cls, entries: int, candidates: int) -> Scores:
        """Scores without any candidate: "none of these" is certain."""
        shape = (entries, candidates)
        return cls(
            exists=np.zeros(shape, dtype=bool),
            ranked=np.full(shape, -np.inf, dtype=np.float32),
            none=np.zeros(entries, dtype=np.float32),
            asked=np.zeros(entries, dtype=bool),
            decoded=np.full(shape, -np.inf, dtype=np.float32),
            support=np.zeros(shape, dtype=np.float32),
            text_share=np.zeros(shape, dtype=np.float32),
            similarity=np.zeros(entries, dtype=np.float32),
            same_text=np.zeros(entries, dtype=np.float32),
            guess=np.zeros(shape, dtype=bool),
            lines=np.zeros(shape, dtype=np.uint64),
        )

    def take(self, rows: np.ndarray) -> Scores:
        """The scores of some entries, by row numbers or a mask."""
        return Scores(*(getattr(self, each.name)[rows] for each in fields(self)))

    def put(self, rows: np.ndarray, other: Scores) -> None:
        """Overwrite `rows`, which are padded, with the first len(rows) entries of `other`, which has as many
        candidates or fewer."""
        for each in fields(self):
            values = getattr(other, each.name)[: len(rows)]
            place = rows if values.ndim == 1 else (rows, slice(values.shape[1]))
            getattr(self, each.name)[place] = values


def distribution(scores: Scores, method: Method) -> np.ndarray:
    """The probability of each candidate by `method`, and last of "none of these", float64 [N, D + 1]."""
    exists = scores.exists
    ranked, decoded = (each.astype(np.float64) for each in (scores.ranked, scores.decoded))
    if method == "decoder":
        probability = np.where(exists, np.exp(decoded), 0.0)
        none = np.clip(1 - probability.sum(axis=1, keepdims=True), 0, 1)
        return np.concatenate([probability, none], axis=1)
    both = _RANKER * ranked + _DECODER * np.maximum(decoded, _FLOOR)
    logits = np.where(exists, np.where(scores.asked[:, None], both, ranked), -np.inf)
    return _softmax(np.concatenate([logits, scores.none[:, None]], axis=1))


def confidence_features(
    scores: Scores, probability: np.ndarray, chosen: np.ndarray | None = None, record: np.ndarray | None = None
) -> np.ndarray:
    """The features of each entry's candidate, float64 [N, len(FEATURES)].

    The candidate is `chosen`, int64 [N]; where that is negative or None, the most probable one by `probability`
    [N, D + 1]. `record` float64 [N] is that of each entry's company; None: 0.
    """
    clipped = np.clip(probability[:, :-1], 1e-6, 1 - 1e-6)
    is_chosen = False if chosen is None else np.arange(clipped.shape[1]) == chosen[:, None]
    order = np.argsort(np.where(is_chosen, -2, -clipped), axis=1, kind="stable")
    rows = np.arange(len(clipped))
    best = order[:, 0]
    first = clipped[rows, best]
    second = clipped[rows, order[:, 1]] if clipped.shape[1] > 1 else np.full(len(clipped), 1e-6)
    none = np.clip(probability[:, -1], 1e-6, 1 - 1e-6)
    values = {
        "log_odds": np.log(first / (1 - first)),
        "margin": np.log(first / second).clip(0, 10),
        "none": np.log(none / (1 - none)),
        "similarity": scores.similarity,
        "same_text": scores.same_text,
        "support": scores.support[rows, best],
        "text_share": scores.text_share[rows, best],
        "record": np.zeros(len(clipped)) if record is None else record,
    }
    return np.stack([np.asarray(values[name], np.float64) for name in FEATURES], axis=1)


def line_bits(tokens: np.ndarray) -> np.ndarray:
    """Each candidate's lines as a set of bits, uint64 [B, D], from `tokens` [B, D, L].

    Equal lines of an entry's candidates have the same bit. Lines beyond the 64th distinct one have none.
    """
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


def weakest_line(scores: Scores, probability: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The probability of the least likely line of the candidate `chosen` int64 [N], float64 [N].

    A line's probability is the share of the `WEIGHED` best candidates, by `probability` [N, D + 1], that have
    it. It is 1 where there is no candidate.
    """
    candidates = np.where(scores.exists, probability[:, :-1], 0.0)
    order = np.argsort(-candidates, axis=1, kind="stable")[:, :WEIGHED]
    share = np.take_along_axis(candidates, order, 1)
    share = share / np.maximum(share.sum(axis=1, keepdims=True), 1e-12)
    bits = np.take_along_axis(scores.lines, order, 1)
    chosen_bits = scores.lines[np.arange(len(candidates)), chosen]
    least = np.ones(len(candidates))
    for bit in range(_BITS):
        has = (bits >> np.uint64(bit)) & np.uint64(1) == 1
        in_chosen = (chosen_bits >> np.uint64(bit)) & np.uint64(1) == 1
        least = np.where(in_chosen, np.minimum(least, (share * has).sum(axis=1)), least)
    return least


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.exp(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
