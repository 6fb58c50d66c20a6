"""Counts of sets of lines, lines and the like in the strictly earlier entries of an entity, by binary search.

Occurrences are sorted once by key and row. Since the corpus is sorted by entity and date, "strictly earlier"
means "below the entity's limit row", and a count is the difference of two binary searches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.books.tokens import mixed
from jet.retrieval.columns import EntryColumns


def joined_key(*parts: np.ndarray) -> np.ndarray:
    """uint64 [...]: one hash of several integers; `parts` broadcast."""
    key = np.zeros(np.broadcast_shapes(*(part.shape for part in parts)), dtype=np.uint64)
    for part in parts:
        key = mixed(key ^ part.astype(np.int64).astype(np.uint64))
    return key


@dataclass(frozen=True)
class Counts:
    """Occurrences of keys at rows of the corpus. A key implies the entity, since tokens belong to one chart."""

    key: np.ndarray
    """uint64 [occurrences], sorted; equal keys by `row`."""
    row: np.ndarray
    """int64 [occurrences], row of the corpus."""

    @classmethod
    def of(cls, key: np.ndarray, row: np.ndarray) -> Counts:
        """The counts of occurrences in any order."""
        order = np.lexsort((row, key))
        return cls(key[order].astype(np.uint64), row[order])

    @classmethod
    def of_sets(cls, booked: EntryColumns) -> Counts:
        """The counts of sets of lines, by `set_key`."""
        return cls.of(booked.set_keys, np.arange(len(booked)))

    @classmethod
    def of_tokens(cls, booked: EntryColumns) -> Counts:
        """The counts of lines, by token; an entry counts once for each of its distinct tokens."""
        row = np.repeat(np.arange(len(booked)), booked.lengths)
        pairs = np.unique(np.stack([booked.tokens, row]), axis=1)
        return cls.of(pairs[0].astype(np.uint64), pairs[1])

    def before(self, key: np.ndarray, limit: np.ndarray) -> np.ndarray:
        """int64 [...]: how often each `key` occurs in rows below `limit`; the arrays broadcast."""
        key, limit = np.broadcast_arrays(key.astype(np.uint64), limit)
        start = np.searchsorted(self.key, key, side="left")
        stop = np.searchsorted(self.key, key, side="right")
        # Rows ascend within a key: binary search between start and stop, for all keys at once.
        low, high = start.copy(), stop.copy()
        while (low < high).any():
            middle = (low + high) // 2
            smaller = (low < high) & (self.row[np.minimum(middle, len(self.row) - 1)] < limit)
            low = np.where(smaller, middle + 1, low)
            high = np.where(smaller, high, np.where(low < high, middle, high))
        return low - start
