"""Evidence: the neighbors of an entry, their lines, and how they relate to the entry.

`Evidence` holds B entries with M neighbors each as dense arrays, from which candidates, their features, amounts
and explanations are computed. It comes from retrieval's hits alone, which are strictly earlier entries. So it
holds neither the entry's lines nor anything that was booked on its day or later.

Shapes: B entries, M neighbors, L lines of the longest neighbor, C accounts of the catalog, N rows of the
corpus.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jet.books.tokens import NOTHING, in_order, set_key
from jet.model.neighbor_features import day_of_month, same_roundness
from jet.ranking.statistics import Statistics
from jet.retrieval.collection import Hits
from jet.retrieval.columns import EntryColumns, longest_lines, neighbor_lines
from jet.retrieval.dense import dense
from jet.retrieval.products import gram_matrices
from jet.retrieval.similarity import NO_CURRENCY, NO_JOURNAL, mismatch
from jet.texts.ngrams import weigh

_TEXTS = 16
"""Products are of a multiple of so many texts: their shape follows from an entry's own neighbors."""


@dataclass(frozen=True)
class Evidence:
    """B entries and their neighbors."""

    entity: np.ndarray  # int64 [B]
    date: np.ndarray  # int32 [B]
    text: np.ndarray  # int64 [B] rows of the text store
    currency: np.ndarray  # int64 [B] stable hash
    direction: np.ndarray  # int8 [B] of the money, as the entry states it: 1 in, -1 out, 0 not stated
    limit: np.ndarray  # int64 [B] the entity's rows of the corpus below this one are strictly earlier
    earlier: np.ndarray  # int64 [B] the number of these rows
    gap: np.ndarray  # int64 [B] days since the newest of these rows; 0 where there is none
    row: np.ndarray  # int64 [B, M] rows of the corpus; NOTHING where there is no neighbor
    similarity: np.ndarray  # float64 [B, M]; 0 where there is no neighbor
    lines: np.ndarray  # int64 [B, M, L] tokens of the entry's chart, padded with NOTHING
    same_entity: np.ndarray  # bool [B, M]
    same_text: np.ndarray  # bool [B, M]
    same_masked: np.ndarray  # bool [B, M] the texts differ in nothing but their digits
    same_journal: np.ndarray  # bool [B, M] the journals are known and equal
    swapped: np.ndarray  # bool [B, M] its money went the other way: debit and credit of `lines` are swapped
    other_currency: np.ndarray  # float32 [B, M] `mismatch` of the currencies
    age: np.ndarray  # float64 [B, M] days
    same_day: np.ndarray  # bool [B, M] the same day of the month
    amount_gap: np.ndarray  # float64 [B, M] the entry's log amount less the neighbor's; nan where not known
    same_roundness: np.ndarray  # float64 [B, M] of the totals
    kernel: np.ndarray  # float64 [B, M, M] similarity of the neighbors' texts to each other
    text_similarity: np.ndarray  # float64 [B, M] similarity of the entry's text to theirs, as in `kernel`

    def __len__(self) -> int:
        return len(self.entity)

    @cached_property
    def exists(self) -> np.ndarray:
        """bool [B, M]: whether there is a neighbor; else the place is padding."""
        return self.row != NOTHING

    @cached_property
    def as_booked(self) -> np.ndarray:
        """bool [B, M]: neighbors of the same entity with `lines` as they were booked."""
        return self.same_entity & ~self.swapped

    @property
    def text_known(self) -> np.ndarray:
        """bool [B]: whether the entity booked the same text before."""
        return (self.same_entity & self.same_text).any(axis=1)

    @property
    def nearest(self) -> np.ndarray:
        """float32 [B]: the text similarity of the most similar neighbor; 0 without neighbors.

        It leaves out retrieval's bonus for recency, which would fall as the newest entries of the corpus age.
        """
        return (
            np.where(self.exists, self.text_similarity, 0.0).max(axis=1, initial=0).round(4).astype(np.float32)
        )

    @cached_property
    def key(self) -> np.ndarray:
        """uint64 [B, M]: `set_key` of each neighbor's lines."""
        return set_key(self.lines)


def gather(
    statistics: Statistics,
    queries: EntryColumns,
    rows: np.ndarray,
    hits: Hits,
    known_before: np.ndarray | None = None,
) -> Evidence:
    """The evidence for `rows` of `queries`, from all their `hits` [B, M].

    Counts are of entries before the day `known_before` int32 [B] (default: the query's own), as the hits are.

    Neighbors whose money went the other way than the entry states are left out. But where no other one has the
    entry's text, or there are no others at all, they stay, with debit and credit swapped, as for a refund.
    """
    corpus = statistics.corpus
    booked, store = corpus.rows, corpus.store
    hits = hits.without_repeats()
    entity = queries.entity[rows]
    longest = longest_lines(booked, hits.row, statistics.longest)
    lines = neighbor_lines(booked, hits.row, entity, corpus.catalog, max(1, int(longest.max(initial=0))))
    text = queries.text[rows]
    row, lines, swapped = _by_direction(statistics, queries, rows, hits, lines)
    exists = row != NOTHING
    neighbor_text = np.where(exists, booked.text[row], text[:, None])
    journal = queries.journal[rows][:, None]
    limit = corpus.limits(entity, queries.date[rows] if known_before is None else known_before)
    earlier = np.maximum(limit - corpus.offsets[entity], 0)
    newest = booked.date[np.where(earlier > 0, limit - 1, 0)] if len(booked) else queries.date[rows]
    kernel, text_similarity = _similarities(statistics, text, neighbor_text)
    return Evidence(
        entity=entity,
        date=queries.date[rows],
        text=text,
        currency=queries.currency[rows],
        direction=queries.direction[rows],
        limit=limit,
        earlier=earlier,
        gap=np.where(earlier > 0, queries.date[rows] - newest, 0).astype(np.int64),
        row=row,
        similarity=np.where(exists, hits.similarity, 0).astype(np.float64),
        lines=lines,
        same_entity=exists & (booked.entity[row] == entity[:, None]),
        same_text=exists & (neighbor_text == text[:, None]),
        same_masked=exists & (store.masked[neighbor_text] == store.masked[text][:, None]),
        same_journal=exists & (booked.journal[row] == journal) & (journal != NO_JOURNAL),
        swapped=swapped,
        other_currency=np.where(
            exists, mismatch(queries.currency[rows][:, None], booked.currency[row], NO_CURRENCY), np.float32(0)
        ),
        age=np.where(exists, queries.date[rows][:, None] - booked.date[row], 0).astype(np.float64),
        same_day=exists & (day_of_month(booked.date[row]) == day_of_month(queries.date[rows])[:, None]),
        amount_gap=np.where(exists, queries.log_amount[rows][:, None] - booked.log_amount[row], np.nan).astype(
            np.float64
        ),
        same_roundness=np.where(exists, same_roundness(queries.total[rows][:, None], booked.total[row]), 0.0),
        kernel=kernel,
        text_similarity=text_similarity,
    )


def _similarities(
    statistics: Statistics, text: np.ndarray, neighbor_text: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`Evidence.kernel` and `Evidence.text_similarity`, by the texts of the entries [B] and their neighbors
    [B, M].

    Many neighbors have the same text, so only distinct ones are multiplied, in groups of entries with about as
    many.
    """
    store, corpus = statistics.corpus.store, statistics.corpus
    used, place = np.unique(np.concatenate([text[:, None], neighbor_text], axis=1), return_inverse=True)
    place = place.reshape(len(text), -1)
    vectors = dense(store.vectors[used], weigh(store.ngrams[used], corpus.idf), statistics.settings)
    place, neighbor = place[:, 0], place[:, 1:]
    order = np.argsort(neighbor, axis=1, kind="stable")
    ordered = np.take_along_axis(neighbor, order, 1)
    number = np.empty_like(neighbor)
    np.put_along_axis(number, order, np.cumsum(np.diff(ordered, axis=1, prepend=-1) != 0, axis=1) - 1, 1)
    distinct = np.repeat(place[:, None], -(-neighbor.shape[1] // _TEXTS) * _TEXTS, axis=1)
    np.put_along_axis(distinct, number, neighbor, 1)
    kernel = np.empty((*neighbor.shape, neighbor.shape[1]))
    similarity = np.empty(neighbor.shape)
    width = -(-(number.max(axis=1, initial=0) + 1) // _TEXTS) * _TEXTS
    for each in np.unique(width).tolist():
        rows = np.flatnonzero(width == each)
        own, at = vectors[distinct[rows, :each]], number[rows]
        products = gram_matrices(own)
        kernel[rows] = products[np.arange(len(rows))[:, None, None], at[:, :, None], at[:, None, :]]
        near = np.einsum("bd,bmd->bm", vectors[place[rows]], own)
        similarity[rows] = np.take_along_axis(near, at, 1)
    return kernel, similarity


def _by_direction(
    statistics: Statistics, queries: EntryColumns, rows: np.ndarray, hits: Hits, lines: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which `hits` with `lines` stay, whose money went the other way or not: their rows, lines, and which are
    `swapped`."""
    corpus = statistics.corpus
    booked, store = corpus.rows, corpus.store
    swapped = np.zeros(hits.row.shape, dtype=bool)
    row = np.where(lines[:, :, 0] == NOTHING, NOTHING, hits.row)
    opposite = statistics.opposite_direction(queries, rows, hits) & (row != NOTHING)
    if opposite.any():
        same_entity = (row != NOTHING) & (booked.entity[row] == queries.entity[rows][:, None])
        text = store.masked[queries.text[rows]]
        same_masked = same_entity & (store.masked[booked.text[row]] == text[:, None])
        swapped = opposite & same_masked & ~(same_masked & ~opposite).any(axis=1, keepdims=True)
        swapped |= opposite & same_entity & ~(same_entity & ~opposite).any(axis=1, keepdims=True)
        swapped_lines = in_order(np.where(lines == NOTHING, NOTHING, lines ^ 1), corpus.catalog)
        lines = np.where(swapped[:, :, None], swapped_lines, lines)
        lines[opposite & ~swapped] = NOTHING
        row = np.where(opposite & ~swapped, NOTHING, row)
    return row, lines, swapped
