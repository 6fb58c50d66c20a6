"""Counts of sets of lines, lines and the like in the strictly earlier entries of an entity, by binary search.

Occurrences are sorted once by key and row. Since the corpus is sorted by entity and date, "strictly earlier"
means "below the entity's limit row". So a count is a binary search for the key and one for the limit among its
rows.
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
    """uint64 [K], the distinct keys, sorted."""
    start: np.ndarray
    """int64 [K]: the first occurrence of each key."""
    place: np.ndarray
    """int64 [occurrences], sorted: the number of the key times `span`, and the row of the corpus."""
    span: int
    """More than the highest row."""

    @classmethod
    def of(cls, key: np.ndarray, row: np.ndarray) -> Counts:
        """The counts of occurrences in any order."""
        keys, number = np.unique(key.astype(np.uint64), return_inverse=True)
        span = int(row.max(initial=-1)) + 1
        place = np.sort(number * span + row)
        return cls(keys, np.searchsorted(place, np.arange(len(keys)) * span), place, span)

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
        if not len(self.key):
            return np.zeros(key.shape, dtype=np.int64)
        number = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        stop = np.searchsorted(self.place, number * self.span + np.clip(limit, 0, self.span))
        return np.where(self.key[number] == key, stop - self.start[number], 0)
