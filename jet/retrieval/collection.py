"""Collections of rows to search, queries, and hits.

Notable:

- **Causality is structural.** The collection's rows are sorted by (entity, date, entry id), so the rows
  eligible for a query, those of its entity with a strictly earlier date, are a prefix of the entity's rows. A
  search gets that prefix's end as `limit`, so it can't return a row of the query's day, nor the entry itself.
- **Ranks are a total order.** Similarities are rounded to 5 decimals and ties go to the more recent row, so
  that rounding errors of different kernels decide nothing. Identical texts tie but for their age.

Legend: N rows of the collection, E entities, Q queries, K neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from jet.texts.store import TextStore

ERROR = np.float32(1e-6)
"""An upper bound of float32's relative error of a similarity, which pruning bounds allow for."""


@dataclass(frozen=True)
class Collection:
    """Rows to search, sorted by (entity, date, entry id), and their texts; ValueError if they aren't sorted."""

    entity: np.ndarray
    """int32 [N], numbers from 0 to E-1."""
    date: np.ndarray
    """int32 [N], days since 1970."""
    text: np.ndarray
    """int64 [N], rows of the text store."""
    journal: np.ndarray
    """int64 [N], `stable_hash` of the journal."""
    entities: int
    """E."""
    store: TextStore
    """The texts of the rows, and perhaps more."""
    idf: np.ndarray
    """float32 [8192]: the weights of n-grams."""
    owner: np.ndarray | None = None
    """int32 [N], where `entity` is a family (see `jet.retrieval.peers`): the entity whose row it is."""
    currency: np.ndarray | None = None
    """int64 [N], `stable_hash` of the currency; None: not known of any."""
    direction: np.ndarray | None = None
    """int8 [N], the direction of the money: 1 in, -1 out, 0 not known; None: not known of any."""
    offsets: np.ndarray = field(init=False)
    """int64 [E+1]: the rows of entity e are offsets[e] to offsets[e+1]."""

    def __post_init__(self) -> None:
        sizes = {len(self.entity), len(self.date), len(self.text), len(self.journal)}
        if len(sizes) != 1:
            raise ValueError(f"the collection's arrays differ in length: {sorted(sizes)}")
        same_entity = self.entity[1:] == self.entity[:-1]
        backwards = (self.date[1:] < self.date[:-1]) & same_entity | (self.entity[1:] < self.entity[:-1])
        if backwards.any():
            raise ValueError(
                f"the collection isn't sorted by entity and date at row {int(backwards.argmax()) + 1}"
            )
        if len(self) and not 0 <= self.entity[0] <= self.entity[-1] < self.entities:
            raise ValueError(f"the collection has rows of an entity that isn't one of its {self.entities}")
        offsets = np.searchsorted(self.entity, np.arange(self.entities + 1)).astype(np.int64)
        object.__setattr__(self, "offsets", offsets)

    def __len__(self) -> int:
        return len(self.entity)

    @cached_property
    def distinct_texts(self) -> np.ndarray:
        """int64 [E]: how many distinct texts each entity has."""
        pairs = np.unique(self.entity * np.int64(len(self.store)) + self.text)
        return np.bincount(pairs // max(len(self.store), 1), minlength=self.entities)

    def queries(self, rows: np.ndarray) -> Queries:
        """The queries that `rows` are."""
        every = Queries(
            *(self.entity, self.date, self.text, self.journal),
            owner=self.owner,
            currency=self.currency,
            direction=self.direction,
        )
        return every.take(rows)


@dataclass(frozen=True)
class Queries:
    """Entries whose neighbors are searched, in any order. Raises ValueError where a text has no row."""

    entity: np.ndarray
    """int32 [Q]; -1: an entity that the collection doesn't have."""
    date: np.ndarray
    """int32 [Q], days since 1970."""
    text: np.ndarray
    """int64 [Q], rows of `store`."""
    journal: np.ndarray
    """int64 [Q], `stable_hash` of the journal."""
    store: TextStore | None = None
    """The store whose rows `text` are; None: the collection's. With another one, new texts needn't be added to
    that."""
    owner: np.ndarray | None = None
    """int32 [Q], for a collection with owners: rows of this owner are no hits."""
    currency: np.ndarray | None = None
    """int64 [Q], `stable_hash` of the currency; None: not known of any."""
    direction: np.ndarray | None = None
    """int8 [Q], the direction of the money: 1 in, -1 out, 0 not known; None: not known of any."""
    cut: np.ndarray | None = None
    """int32 [Q], days since 1970: rows of this day and later aren't known yet when the query is answered, as
    in a batch of many days; None: all of earlier days are known."""

    def __post_init__(self) -> None:
        if len(self.text) and self.text.min() < 0:
            raise ValueError(f"query {int(self.text.argmin())} has a text that isn't in the store")

    def __len__(self) -> int:
        return len(self.entity)

    def take(self, rows: np.ndarray) -> Queries:
        """Queries number `rows`."""

        def of(column: np.ndarray | None) -> np.ndarray | None:
            return None if column is None else column[rows]

        return Queries(
            *(self.entity[rows], self.date[rows], self.text[rows], self.journal[rows]),
            store=self.store,
            owner=of(self.owner),
            currency=of(self.currency),
            direction=of(self.direction),
            cut=of(self.cut),
        )

    @property
    def known_before(self) -> np.ndarray:
        """int32 [Q]: rows of this day and later are no hits."""
        return self.date if self.cut is None else np.minimum(self.date, self.cut)


@dataclass(frozen=True)
class Hits:
    """The hits of queries, best first.

    Those of `jet.retrieval.retriever.Retriever.hits` have columns by source: first the similar entries, then
    the latest, then the peers. Where a source has fewer hits than columns, its last ones are empty.
    """

    row: np.ndarray
    """int64 [Q, K], rows of the collection; -1: no hit."""
    similarity: np.ndarray
    """float32 [Q, K]; -inf where there is no hit."""

    def columns(self, places: np.ndarray) -> Hits:
        """Some columns of all queries."""
        # `take` keeps rows contiguous; `[:, places]` doesn't, and then dropout draws other numbers.
        return Hits(self.row.take(places, axis=1), self.similarity.take(places, axis=1))

    def take(self, rows: np.ndarray) -> Hits:
        """All columns of some queries."""
        return Hits(self.row[rows], self.similarity[rows])

    def without_repeats(self) -> Hits:
        """The same without rows that an earlier column of the query has."""
        repeated = np.tril(self.row[:, :, None] == self.row[:, None, :], -1).any(axis=2)
        return Hits(np.where(repeated, -1, self.row), np.where(repeated, np.float32(-np.inf), self.similarity))

    def bound(self) -> np.ndarray:
        """float32 [Q]: the pruning bound, which other rows must exceed to be among the K best.

        It is lower by the rounding error, so that no hit is lost. For hits of a single source, best first.
        """
        last = self.similarity[:, -1]
        return last - np.abs(last) * ERROR

    @classmethod
    def none(cls, queries: int, k: int) -> Hits:
        """No hits for any of the queries."""
        return cls(np.full((queries, k), -1, np.int64), np.full((queries, k), -np.inf, np.float32))


def limits(collection: Collection, queries: Queries) -> np.ndarray:
    """The end of each query's eligible rows, int64 [Q]: the first row of its entity that isn't earlier, or not
    known yet.

    0 for an entity that the collection doesn't have.
    """
    return prefix_ends(collection.offsets, collection.date, queries.entity, queries.known_before)


def prefix_ends(offsets: np.ndarray, row_date: np.ndarray, entity: np.ndarray, date: np.ndarray) -> np.ndarray:
    """int64 [Q]: the first row of each `entity` that isn't earlier than `date`; `offsets` as in
    `Collection`."""
    known = (entity >= 0) & (entity < len(offsets) - 1)
    low, high = np.zeros((2, len(entity)), dtype=np.int64)
    low[known], high[known] = offsets[entity[known]], offsets[entity[known] + 1]
    while (searched := low < high).any():  # a binary search among the rows of each one's entity, of all at once
        middle = (low + high) // 2
        earlier = searched & (row_date[np.where(searched, middle, 0)] < date)
        low, high = np.where(earlier, middle + 1, low), np.where(searched & ~earlier, middle, high)
    return low


def merge(parts: Sequence[Hits], k: int) -> Hits:
    """The `k` best of the hits of several blocks; the order of `parts` doesn't matter.

    A total order: the higher similarity first, then the higher row, which is the more recent one.
    """
    row = np.concatenate([part.row for part in parts], axis=1)
    similarity = np.concatenate([part.similarity for part in parts], axis=1)
    if row.shape[1] < k:
        none = Hits.none(len(row), k - row.shape[1])
        row = np.concatenate([row, none.row], axis=1)
        similarity = np.concatenate([similarity, none.similarity], axis=1)
    order = np.lexsort((-row, -similarity), axis=1)[:, :k]
    return Hits(np.take_along_axis(row, order, axis=1), np.take_along_axis(similarity, order, axis=1))


def latest(collection: Collection, queries: Queries, limit: np.ndarray, count: int) -> Hits:
    """[Q, count]: the newest rows below each `limit`, the newest first.

    The similar hits may have them too; `Hits.without_repeats` removes the second. Their similarity is 0, since
    they weren't compared.
    """
    last = limit[:, None] - 1 - np.arange(count)
    known = (queries.entity >= 0) & (queries.entity < collection.entities)
    first = collection.offsets[np.where(known, queries.entity, 0)]
    newest = np.where((last >= first[:, None]) & known[:, None], last, -1)
    return Hits(newest, np.where(newest >= 0, np.float32(0), np.float32(-np.inf)))


def recall_counts(hits: Hits, exact: Hits) -> tuple[np.ndarray, np.ndarray]:
    """How many of each query's `exact` hits [Q, K] `hits` [Q, K] reaches, and how many there are: int64 [Q]
    each.

    The n-th hit reaches the n-th exact one if it is as similar. So a missed hit counts at least once, and ties
    are forgiven.
    """
    there = exact.row >= 0
    reached = there & (hits.similarity >= exact.similarity - 1.5e-5)
    return reached.sum(axis=1), there.sum(axis=1)
