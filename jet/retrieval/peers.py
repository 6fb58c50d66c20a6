"""Companies that keep their books by the same standard chart, and what one can learn from another's.

Two charts are taken to follow the same standard (BAS, SKR 03, a group's own) where they share codes and what
the shared codes are called: like names under like codes are no accident, like codes alone are. Entities fall
into *families* by that; an account of one company is the account with the same code in another of its family.

The books of a family, in order of date, are one more memory to search: the same blocks, the same limit
("strictly earlier"), the same index kinds as an entity's own books. Only rows of other companies count.

Shapes: E entities, C accounts of the catalog, N rows of the books, Q queries, P peers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from jet.books.catalog import Catalog
from jet.retrieval.memory import Hits, Memory, Queries
from jet.retrieval.settings import RetrievalSettings
from jet.texts.ngrams import idf, ngram_counts, weigh
from jet.texts.normalize import normalize_all

_LEAST_SHARED = 5  # codes; fewer say nothing
_SHARED = 0.2  # of the smaller chart's codes
_ALIKE = 0.35  # of the shared codes have names alike
_MOST_COMPARED = 32  # families that an entity is compared with: those that share most codes with it
_MOST_OF_CODE = 256  # families that are found by a code: those with the largest charts
_ALIKE_NAMES = 0.4  # n-gram similarity; the charts of unrelated standards agree in 0 to 8 % of shared codes


def chart_families(catalog: Catalog) -> np.ndarray:
    """int64 [E]: the family of each entity, counted from 0; one that is like no other has its own.

    Largest charts first, each entity joins the family whose first chart it agrees with most, or starts one.
    Each is compared with few, found by the codes that they share, so that a hundred thousand entities take
    seconds, and minutes at the worst.
    """
    sizes = np.diff(catalog.offsets)
    names = ngram_counts(normalize_all(catalog.accounts["name"]).to_pylist())
    vectors = weigh(names, idf(names))
    family = np.full(len(sizes), -1, dtype=np.int64)
    leaders: list[int] = []
    of_code: dict[int, list[int]] = {}  # the families whose first chart has a code
    for entity in np.argsort(-sizes, kind="stable").tolist():
        own = np.arange(catalog.offsets[entity], catalog.offsets[entity + 1])
        codes = catalog.code_numbers[own].tolist()
        best = -1
        likely = _likely_leaders([of_code.get(code, []) for code in codes], len(own))
        if likely:
            other = catalog.translate(own, np.array([[leaders[number]] for number in likely]))
            which, place = np.nonzero(other >= 0)
            similarity = vectors[own[place]].multiply(vectors[other[which, place]]).sum(axis=1)
            alike = np.bincount(which, np.asarray(similarity).ravel() > _ALIKE_NAMES) / np.bincount(which)
            if alike.max() > _ALIKE:
                best = likely[int(alike.argmax())]
        if best < 0:
            best = len(leaders)
            leaders.append(entity)
            if len(own) >= _LEAST_SHARED:
                for code in codes:
                    if len(found := of_code.setdefault(code, [])) < _MOST_OF_CODE:
                        found.append(best)
        family[entity] = best
    return family


def _likely_leaders(of_codes: list[list[int]], codes: int) -> list[int]:
    """Of families by the codes that they share with a chart, those that share enough of them, ascending."""
    count = Counter(chain.from_iterable(of_codes))
    likely = [number for number, shared in count.items() if shared >= max(_LEAST_SHARED, _SHARED * codes)]
    likely.sort(key=lambda number: (-count[number], number))
    return sorted(likely[:_MOST_COMPARED])


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
        memory = replace(
            books,
            entity=of_row[order].astype(np.int32),
            date=books.date[order],
            text=books.text[order],
            journal=books.journal[order],
            entities=int(family.max(initial=-1)) + 1,
            owner=books.entity[order],
            currency=None if books.currency is None else books.currency[order],
            direction=None if books.direction is None else books.direction[order],
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
        return replace(queries, entity=family, owner=queries.entity)

    def rows(self, hits: Hits) -> Hits:
        """`hits` [Q, P] of the families' memory as rows of the books."""
        found = hits.row >= 0
        row = np.full_like(hits.row, -1)
        row[found] = self.row[hits.row[found]]
        return Hits(row, hits.similarity)
