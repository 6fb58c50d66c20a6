"""Sums over sparse matches: neighbors by candidate, and lines by entry.

Most of an entry's candidates are booked like few of its neighbors, and share their lines. So what depends on a
neighbor and a candidate is added up over the pairs that match, and what depends on an entry and a line is
computed once for each distinct line.

Shapes: B entries, D candidates, M neighbors, L lines, U distinct pairs of an entry and a line.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.books.tokens import NOTHING


@dataclass(frozen=True)
class Matches:
    """Pairs of a candidate and a neighbor with the same key: sums of the neighbors' values by candidate."""

    shape: tuple[int, int]
    """B and D."""
    neighbor: np.ndarray
    """int64 [n]: neighbors as entry * M + place, by the candidate that they match."""
    start: np.ndarray
    """int64 [g]: the first of these of each candidate that any matches."""
    candidate: np.ndarray
    """int64 [g]: these candidates, as entry * D + place; of several with one key the first."""
    first: np.ndarray
    """int64 [B, D]: the first candidate of the entry with the key of each, as entry * D + place."""

    @classmethod
    def of(cls, ours: np.ndarray, theirs: np.ndarray) -> Matches:
        """The matches of candidates with the keys `ours` uint64 [B, D] and neighbors with the keys `theirs`
        uint64 [B, M]; 0 matches nothing."""
        size, candidates = ours.shape
        base = np.arange(size)[:, None] * candidates
        first = base + (ours[:, :, None] == ours[:, None, :]).argmax(axis=2)
        place = (theirs[:, :, None] == ours[:, None, :]).argmax(axis=2)
        hit = (np.take_along_axis(ours, place, 1) == theirs) & (theirs != 0)
        neighbor = np.flatnonzero(hit)
        candidate = (base + place).ravel()[neighbor]
        return cls._sorted((size, candidates), neighbor, candidate, first)

    @classmethod
    def _sorted(
        cls, shape: tuple[int, int], neighbor: np.ndarray, candidate: np.ndarray, first: np.ndarray
    ) -> Matches:
        order = np.argsort(candidate, kind="stable")
        neighbor, candidate = neighbor[order], candidate[order]
        start = np.flatnonzero(np.diff(candidate, prepend=-1))
        return cls(shape, neighbor, start, candidate[start], first)

    def among(self, some: np.ndarray) -> Matches:
        """The matches of the neighbors where `some` bool [B, M] is true."""
        kept = some.ravel()[self.neighbor]
        candidate = np.repeat(self.candidate, np.diff(self.start, append=len(self.neighbor)))
        return self._sorted(self.shape, self.neighbor[kept], candidate[kept], self.first)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """float64 [B, D]: the sum of `values` [B, M] over the neighbors that match; 0 where none does."""
        return self._by_candidate(np.add, values.astype(np.float64))

    def largest(self, values: np.ndarray) -> np.ndarray:
        """float64 [B, D]: the largest of `values` [B, M] of the neighbors that match, at least 0; 0 where none
        does."""
        return np.maximum(self._by_candidate(np.maximum, values.astype(np.float64)), 0.0)

    def squares(self, values: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """float64 [B, D]: the sum of the squared differences of `values` [B, M] from the candidate's `mean`
        [B, D], over the neighbors that match."""
        if not len(self.start):
            return np.zeros(self.shape)
        own = np.repeat(mean.ravel()[self.candidate], np.diff(self.start, append=len(self.neighbor)))
        return self._spread(np.add.reduceat((values.ravel()[self.neighbor] - own) ** 2, self.start))

    def count(self) -> np.ndarray:
        """int64 [B, D]: how many neighbors match."""
        return self._spread(np.diff(self.start, append=len(self.neighbor)))

    def _by_candidate(self, together: np.ufunc, values: np.ndarray) -> np.ndarray:
        if not len(self.start):
            return np.zeros(self.shape)
        return self._spread(together.reduceat(values.ravel()[self.neighbor], self.start))

    def _spread(self, of_candidate: np.ndarray) -> np.ndarray:
        """[B, D]: the value [g] of each candidate with matches, for all that have its key."""
        whole = np.zeros(self.shape[0] * self.shape[1], dtype=of_candidate.dtype)
        whole[self.candidate] = of_candidate
        return whole[self.first]


@dataclass(frozen=True)
class Lines:
    """The distinct lines of all candidates of an entry."""

    entry: np.ndarray
    """int64 [U]"""
    token: np.ndarray
    """int64 [U]"""
    place: np.ndarray
    """int64 [B, D, L]: the number of each line; U for padding."""

    @classmethod
    def of(cls, tokens: np.ndarray) -> Lines:
        """The distinct lines of `tokens` [B, D, L]."""
        entry, _, _ = there = np.nonzero(tokens != NOTHING)
        base = tokens.max(initial=0) + 1  # with the entry, a line is one number
        distinct, number = np.unique(entry * base + tokens[there], return_inverse=True)
        place = np.full(tokens.shape, len(distinct))
        place[there] = number
        return cls(*np.divmod(distinct, base), place)

    def spread(self, values: np.ndarray, padding: float) -> np.ndarray:
        """[B, D, L]: the value [U] of each line, and that of the `padding`."""
        return np.append(values, values.dtype.type(padding))[self.place]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """float64 [B, D]: the sum of the values [U] of a candidate's lines.

        They are added up in their order, so that it is the same to the bit however much padding there is.
        """
        spread = self.spread(values, 0.0)
        total = np.zeros(spread.shape[:2])
        for line in range(spread.shape[2]):
            total += spread[:, :, line]
        return total
