"""Votes: the amounts of the neighbors on each line, and their weights.

A neighbor's weight on a line depends on what it shares (the set, the side, or the line alone), its similarity
and its age.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from jet.books.tokens import NOTHING
from jet.prediction.amounts.units import LARGEST, UNKNOWN_AMOUNT, minor_units

# Chosen by hand. Halving or doubling them moves at most a few rows of two real ledgers.
_SHARPNESS = 5.0  # of similarity, as in the votes of jet.model.neighbor_features
_DECAY_DAYS = 200.0
# Weights of neighbors with the same side, or the same line alone; that of the same set is 1.
_SAME_SIDE, _SAME_LINE = 0.3, 0.1


@dataclass(frozen=True)
class PastAmounts:
    """Earlier booked entries, M >= 1 for each of N entries, in any order; their accounts are numbered as the
    entries' own. A neighbor whose amounts are not all known, or don't balance, is no evidence."""

    tokens: np.ndarray  # int64 [N, M, L], 2 * account + side; -1 where padded
    amounts: np.ndarray  # float64 [N, M, L], major units; nan: not known
    similarity: np.ndarray  # float32 [N, M], -inf: no neighbor
    age_days: np.ndarray  # [N, M]

    def of(self, rows: np.ndarray) -> PastAmounts:
        """The rows of some of the entries."""
        return PastAmounts(self.tokens[rows], self.amounts[rows], self.similarity[rows], self.age_days[rows])


@dataclass(frozen=True)
class Votes:
    """The votes on the lines of N sets, neighbors in an order that depends on their content only."""

    amount: np.ndarray  # int64 [N, M, T]: what the neighbor booked on the line; -1: it has no such line
    weight: np.ndarray  # float64 [N, M, T], 0 where it has no such line
    total: np.ndarray  # int64 [N, M]
    same_set: np.ndarray  # bool [N, M]
    similarity: np.ndarray  # float64 [N, M]

    def of(self, rows: np.ndarray) -> Votes:
        """The votes on some of the sets."""
        return Votes(*(getattr(self, each.name)[rows] for each in fields(self)))


def count_votes(tokens: np.ndarray, evidence: PastAmounts) -> Votes:
    """The votes of `evidence` on the lines of the sets `tokens` int64 [N, T], padded with NOTHING."""
    booked = minor_units(evidence.amounts)
    order = _order_by_content(evidence, booked)
    theirs, booked = (np.take_along_axis(x, order[:, :, None], axis=1) for x in (evidence.tokens, booked))
    similarity, age = (
        np.take_along_axis(np.asarray(x, dtype=np.float64), order, axis=1)
        for x in (evidence.similarity, evidence.age_days)
    )
    known = ((booked >= 0) | (theirs < 0)).all(axis=2)
    debits, credits = (np.where(on_side(theirs, side), booked, 0).sum(axis=2) for side in (0, 1))
    usable = known & np.isfinite(similarity) & (debits == credits) & (debits > 0) & (debits < LARGEST)

    same_debits, same_credits = (_same_side(tokens, theirs, side) & usable for side in (0, 1))
    same_set = same_debits & same_credits
    same_side = np.where(tokens[:, None, :] % 2 == 0, same_debits[:, :, None], same_credits[:, :, None])
    closeness = np.where(same_set[:, :, None], 1.0, np.where(same_side, _SAME_SIDE, _SAME_LINE))
    similarity = np.where(usable, similarity, 0)
    likeness = np.exp(_SHARPNESS * similarity - np.maximum(age, 0) / _DECAY_DAYS)
    amount = np.where(usable[:, :, None], _by_line(tokens, theirs, booked), UNKNOWN_AMOUNT)
    weight = np.where(amount >= 0, likeness[:, :, None] * closeness, 0)
    return Votes(amount, weight, np.where(usable, debits, 0), same_set, similarity)


def _order_by_content(evidence: PastAmounts, booked: np.ndarray) -> np.ndarray:
    """int64 [N, M]: the order of neighbors by similarity, age and lines."""
    mixed = (evidence.tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (booked.astype(np.uint64) + np.uint64(1))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
    content = np.where(evidence.tokens >= 0, mixed, np.uint64(0)).sum(axis=2)
    return np.lexsort((content, evidence.age_days, -evidence.similarity), axis=1)


def on_side(tokens: np.ndarray, side: int) -> np.ndarray:
    """bool, shaped like `tokens`: which are lines of the side (0 debit, 1 credit)."""
    return (tokens >= 0) & (tokens % 2 == side)


def _same_side(tokens: np.ndarray, theirs: np.ndarray, side: int) -> np.ndarray:
    """bool [N, M]: whether the neighbor has just the set's lines on this side."""
    width = max(tokens.shape[1], theirs.shape[2])

    def lines(sets: np.ndarray) -> np.ndarray:
        ordered = np.sort(np.where(on_side(sets, side), sets, NOTHING), axis=-1)
        missing = [(0, 0)] * (sets.ndim - 1) + [(width - sets.shape[-1], 0)]
        return np.pad(ordered, missing, constant_values=NOTHING)

    return (lines(tokens)[:, None] == lines(theirs)).all(axis=2)


def _by_line(tokens: np.ndarray, theirs: np.ndarray, booked: np.ndarray) -> np.ndarray:
    """int64 [N, M, T]: the neighbor's amount of each line. Where a side has an account k times, its i-th line
    is the i-th largest amount; a neighbor that has it more or less often has no such line."""
    same = tokens[:, :, None] == tokens[:, None, :]
    place, count = np.tril(same, -1).sum(axis=2), same.sum(axis=2)
    result = np.full((*theirs.shape[:2], tokens.shape[1]), UNKNOWN_AMOUNT)
    for line in range(tokens.shape[1]):
        has = (theirs == tokens[:, line, None, None]) & (tokens[:, line] >= 0)[:, None, None]
        falling = -np.sort(np.where(has, -booked, -UNKNOWN_AMOUNT), axis=2)
        at = np.minimum(place[:, line], theirs.shape[2] - 1)
        amount = np.take_along_axis(falling, at[:, None, None], axis=2)[:, :, 0]
        result[:, :, line] = np.where(has.sum(axis=2) == count[:, line, None], amount, UNKNOWN_AMOUNT)
    return result


def positive(weights: np.ndarray) -> np.ndarray:
    """`weights`, at least 1e-300, as a divisor."""
    return np.maximum(weights, 1e-300)
