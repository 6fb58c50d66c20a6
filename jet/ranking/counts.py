"""How often an entity had booked something strictly before a day: exact counts, without a pass over the books.

Occurrences are sorted once by (entity, what, row of the books). Since the books are sorted by date within an
entity, "strictly earlier" is "below the entity's limit row", and a count is the distance of two binary
searches. The same trick serves sets of lines and single lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.books.tokens import mixed
from jet.retrieval.columns import EntryColumns


def joined_key(*parts: np.ndarray) -> np.ndarray:
    """uint64 [...]: a key of several integers together (arrays that broadcast)."""
    key = np.zeros(np.broadcast_shapes(*(part.shape for part in parts)), dtype=np.uint64)
    for part in parts:
        key = mixed(key ^ part.astype(np.int64).astype(np.uint64))
    return key


@dataclass(frozen=True)
class Counts:
    """Occurrences of keys at rows of the books. A key says the entity too: a token or a set is one chart's."""

    key: np.ndarray
    """uint64 [occurrences], sorted, then by `row`."""
    row: np.ndarray
    """int64 [occurrences]."""

    @classmethod
    def of(cls, key: np.ndarray, row: np.ndarray) -> Counts:
        """From occurrences in any order."""
        order = np.lexsort((row, key))
        return cls(key[order].astype(np.uint64), row[order])

    @classmethod
    def of_sets(cls, books: EntryColumns) -> Counts:
        """Of whole sets of lines, by `set_key`."""
        return cls.of(books.set_keys, np.arange(len(books)))

    @classmethod
    def of_tokens(cls, books: EntryColumns) -> Counts:
        """Of lines, by token: in how many entries it is, at least once each."""
        row = np.repeat(np.arange(len(books)), books.lengths)
        pairs = np.unique(np.stack([books.tokens, row]), axis=1)
        return cls.of(pairs[0].astype(np.uint64), pairs[1])

    def before(self, key: np.ndarray, limit: np.ndarray) -> np.ndarray:
        """int64: how many occurrences each of `key` has in rows below `limit` (arrays that broadcast)."""
        key, limit = np.broadcast_arrays(key.astype(np.uint64), limit)
        start = np.searchsorted(self.key, key, side="left")
        stop = np.searchsorted(self.key, key, side="right")
        # Rows ascend within a key: a binary search between start and stop, for all at once.
        low, high = start.copy(), stop.copy()
        while (low < high).any():
            middle = (low + high) // 2
            smaller = (low < high) & (self.row[np.minimum(middle, len(self.row) - 1)] < limit)
            low = np.where(smaller, middle + 1, low)
            high = np.where(smaller, high, np.where(low < high, middle, high))
        return low - start
