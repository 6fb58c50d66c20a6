"""What is known of an entry before anything is decided: its neighbors, and what they were booked to.

One `Evidence` holds B entries with M neighbors each as dense arrays; candidates, their features, amounts and
reasons are all read off it. It is made of retrieval's hits, which are strictly earlier entries, and nothing
else: what was booked on an entry's own day or later, and its own lines, can't be in it.

Shapes: B entries, M neighbors, L lines of a neighbor, C accounts of the catalog, N rows of the books.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jet.books.tokens import NOTHING, in_order, set_key
from jet.model.neighbor_features import day_of_month, same_roundness
from jet.ranking.statistics import Statistics
from jet.retrieval.columns import EntryColumns, neighbor_lines
from jet.retrieval.memory import Hits
from jet.retrieval.products import own_products
from jet.retrieval.similarity import NO_CURRENCY, NO_JOURNAL, dense, otherness
from jet.texts.ngrams import weigh


@dataclass(frozen=True)
class Evidence:
    """B entries and their neighbors."""

    entity: np.ndarray  # int64 [B]
    date: np.ndarray  # int32 [B]
    text: np.ndarray  # int64 [B] rows of the text store
    currency: np.ndarray  # int64 [B] stable hash
    direction: np.ndarray  # int8 [B] of the money, as the entry states it: 1 in, -1 out, 0 not known
    limit: np.ndarray  # int64 [B] the entity's rows of the books below this one are strictly earlier
    earlier: np.ndarray  # int64 [B] how many these are
    row: np.ndarray  # int64 [B, M] rows of the books; NOTHING where there is no neighbor
    similarity: np.ndarray  # float64 [B, M]; 0 where there is no neighbor
    lines: np.ndarray  # int64 [B, M, L] tokens of the entry's own chart, padded with NOTHING
    own: np.ndarray  # bool [B, M] the neighbor is of the same entity
    same_text: np.ndarray  # bool [B, M]
    same_masked: np.ndarray  # bool [B, M] the texts differ in nothing but their digits
    same_journal: np.ndarray  # bool [B, M] and it is known
    turned: np.ndarray  # bool [B, M] it went the other way: its lines here have their sides exchanged
    other_currency: np.ndarray  # float32 [B, M] 1: in another currency; .5: its own isn't known; else 0
    age: np.ndarray  # float64 [B, M] days
    same_day: np.ndarray  # bool [B, M] the same day of the month
    amount_gap: np.ndarray  # float64 [B, M] the entry's log amount less the neighbor's; nan where not known
    digits: np.ndarray  # float64 [B, M] `same_roundness` of the totals
    kernel: np.ndarray  # float64 [B, M, M] how similar the neighbors' texts are to each other
    likeness: np.ndarray  # float64 [B, M] how similar the entry's text is to theirs, by the same measure

    def __len__(self) -> int:
        return len(self.entity)

    @cached_property
    def there(self) -> np.ndarray:
        """bool [B, M]: where there is a neighbor."""
        return self.row != NOTHING

    @cached_property
    def backing(self) -> np.ndarray:
        """bool [B, M]: neighbors of the entity itself that were booked just like their lines say."""
        return self.own & ~self.turned

    @property
    def text_known(self) -> np.ndarray:
        """bool [B]: whether the entity itself has booked the same text before."""
        return (self.own & self.same_text).any(axis=1)

    @property
    def nearest(self) -> np.ndarray:
        """float32 [B]: how similar the text is to the most similar earlier one; 0 without neighbors.

        By the texts alone: what retrieval adds for a recent entry would sink as the memory ages.
        """
        return np.where(self.there, self.likeness, 0.0).max(axis=1, initial=0).round(4).astype(np.float32)

    @cached_property
    def key(self) -> np.ndarray:
        """uint64 [B, M]: `set_key` of each neighbor's lines."""
        return set_key(self.lines)


def gather(statistics: Statistics, queries: EntryColumns, rows: np.ndarray, hits: Hits) -> Evidence:
    """The evidence for `rows` of `queries`, from all `hits` [B, M] that retrieval found for them.

    Neighbors whose money went the other way than the entry states are left out. Where no other one has the
    entry's text, though, or there are no others at all, they stand in with their sides exchanged: a refund.
    """
    corpus = statistics.corpus
    books, store = corpus.rows, corpus.store
    hits = hits.without_repeats()
    entity = queries.entity[rows]
    lines = neighbor_lines(books, hits.row, entity, corpus.catalog, statistics.longest)
    text = queries.text[rows]
    turned = np.zeros(hits.row.shape, dtype=bool)
    row = np.where(lines[:, :, 0] == NOTHING, NOTHING, hits.row)
    contrary = statistics.contrary(queries, rows, hits) & (row != NOTHING)
    if contrary.any():
        own = (row != NOTHING) & (books.entity[row] == entity[:, None])
        alike = own & (store.masked[books.text[row]] == store.masked[text][:, None])
        turned = contrary & alike & ~(alike & ~contrary).any(axis=1, keepdims=True)
        turned |= contrary & own & ~(own & ~contrary).any(axis=1, keepdims=True)
        exchanged = in_order(np.where(lines == NOTHING, NOTHING, lines ^ 1), corpus.catalog)
        lines = np.where(turned[:, :, None], exchanged, lines)
        lines[contrary & ~turned] = NOTHING
        row = np.where(contrary & ~turned, NOTHING, row)
    there = row != NOTHING
    theirs = np.where(there, books.text[row], text[:, None])  # what isn't there says nothing of the books
    journal = queries.journal[rows][:, None]
    limit = corpus.limits(entity, queries.date[rows])
    used = np.unique(np.concatenate([text, theirs.ravel()]))
    vectors = dense(store.vectors[used], weigh(store.ngrams[used], corpus.idf), statistics.settings)
    own, other = vectors[np.searchsorted(used, text)], vectors[np.searchsorted(used, theirs)]
    return Evidence(
        entity=entity,
        date=queries.date[rows],
        text=text,
        currency=queries.currency[rows],
        direction=queries.direction[rows],
        limit=limit,
        earlier=np.maximum(limit - corpus.offsets[entity], 0),
        row=row,
        similarity=np.where(there, hits.similarity, 0).astype(np.float64),
        lines=lines,
        own=there & (books.entity[row] == entity[:, None]),
        same_text=there & (theirs == text[:, None]),
        same_masked=there & (store.masked[theirs] == store.masked[text][:, None]),
        same_journal=there & (books.journal[row] == journal) & (journal != NO_JOURNAL),
        turned=turned,
        other_currency=np.where(
            there, otherness(queries.currency[rows][:, None], books.currency[row], NO_CURRENCY), np.float32(0)
        ),
        age=np.where(there, queries.date[rows][:, None] - books.date[row], 0).astype(np.float64),
        same_day=there & (day_of_month(books.date[row]) == day_of_month(queries.date[rows])[:, None]),
        amount_gap=np.where(there, queries.log_amount[rows][:, None] - books.log_amount[row], np.nan).astype(
            np.float64
        ),
        digits=np.where(there, same_roundness(queries.total[rows][:, None], books.total[row]), 0.0),
        kernel=own_products(other).astype(np.float64),
        likeness=np.einsum("bd,bmd->bm", own, other).astype(np.float64),
    )
