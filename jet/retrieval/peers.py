"""Companies that keep their books by the same standard chart, and what one can learn from another's.

Two charts are taken to follow the same standard (BAS, SKR 03, a group's own) where they share codes and what
the shared codes are called: like names under like codes are no accident, like codes alone are. Entities fall
into *families* by that; an account of one company is the account with the same code in another of its family.

The books of a family, in order of date, are one more memory to search: the same blocks, the same limit
("strictly earlier"), the same index kinds as an entity's own books. Only rows of other companies count.

Shapes: E entities, C accounts of the catalog, N rows of the books, Q queries, P peers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.books.catalog import Catalog
from jet.retrieval.index import Hits, Memory, Queries, RetrievalSettings
from jet.retrieval.ngrams import idf, ngram_counts, weigh
from jet.retrieval.text import normalize_all

_LEAST_SHARED = 5  # codes; fewer say nothing
_SHARED = 0.2  # of the smaller chart's codes
_ALIKE = 0.35  # of the shared codes have names alike
_ALIKE_NAMES = 0.4  # n-gram similarity; the charts of unrelated standards agree in 0 to 8 % of shared codes


def chart_families(catalog: Catalog) -> np.ndarray:
    """int64 [E]: the family of each entity, counted from 0; one that is like no other has its own.

    Largest charts first, each entity joins the family whose first chart it agrees with most, or starts one.
    """
    sizes = np.diff(catalog.offsets)
    names = ngram_counts(normalize_all(catalog.accounts["name"]).to_pylist())
    vectors = weigh(names, idf(names))
    family = np.full(len(sizes), -1, dtype=np.int64)
    leaders: list[int] = []
    for entity in np.argsort(-sizes, kind="stable").tolist():
        own = np.arange(catalog.offsets[entity], catalog.offsets[entity + 1])
        best, agreement = -1, _ALIKE
        for number, leader in enumerate(leaders):
            other = catalog.translate(own, leader)
            shared = own[other >= 0]
            if len(shared) < max(_LEAST_SHARED, _SHARED * len(own)):
                continue
            similarity = vectors[shared].multiply(vectors[other[other >= 0]]).sum(axis=1)
            alike = float((np.asarray(similarity) > _ALIKE_NAMES).mean())
            if alike > agreement:
                best, agreement = number, alike
        if best < 0:
            best = len(leaders)
            leaders.append(entity)
        family[entity] = best
    return family


@dataclass(frozen=True)
class Peers:
    """The books of all entities as memories of families."""

    memory: Memory
    """Rows sorted by (family, date, row of the books); its entities are the families, its owners entities."""
    row: np.ndarray
    """int64 [N]: the row of the books that each row of the memory is."""
    family: np.ndarray
    """int64 [E]."""

    @classmethod
    def of(cls, books: Memory, family: np.ndarray) -> Peers:
        """The families' memories of `books`."""
        of_row = family[books.entity]
        order = np.lexsort((books.date, of_row))
        memory = Memory.of(
            entity=of_row[order],
            date=books.date[order],
            text=books.text[order],
            journal=books.journal[order],
            entities=int(family.max(initial=-1)) + 1,
            owner=books.entity[order],
        )
        return cls(memory, order, family)

    def queries(self, queries: Queries, earlier: np.ndarray, settings: RetrievalSettings) -> Queries:
        """What to ask the families' memory.

        Nothing for an entity that is alone in its family, or itself has enough `earlier` entries int64 [Q].
        """
        asks = (queries.entity >= 0) & (earlier < settings.peers_below)
        alone = np.bincount(self.family, minlength=1)[self.family] == 1
        family = np.append(np.where(alone, -1, self.family), -1)
        family = family[np.where(asks, queries.entity, -1)].astype(np.int32)
        return Queries(family, queries.date, queries.text, queries.journal, queries.store, queries.entity)

    def rows(self, hits: Hits) -> Hits:
        """`hits` [Q, P] of the families' memory as rows of the books."""
        found = hits.row >= 0
        row = np.full_like(hits.row, -1)
        row[found] = self.row[hits.row[found]]
        return Hits(row, hits.similarity)
