"""Families of companies with the same standard chart, whose entries are hits for each other.

Two charts follow the same standard (BAS, SKR 03, a group's own) where they share codes, and the shared codes
have similar names: unrelated charts share codes by accident, but not names too. Entities form *families* by
that; an account of one company is the account with the same code in another of its family.

The rows of a family, in order of date, are a collection like the rows of an entity: with the same blocks,
limits ("strictly earlier") and indexes. Only rows of other companies are hits.

Shapes: E entities, C accounts of the catalog, N rows of the corpus, Q queries, P peers.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from jet.books.catalog import Catalog
from jet.retrieval.collection import Collection, Hits, Queries
from jet.retrieval.settings import RetrievalSettings
from jet.texts.ngrams import idf, ngram_counts_of, weigh
from jet.texts.normalize import normalize_all

_LEAST_SHARED = 5  # codes
_SHARED = 0.2  # of the smaller chart's codes
_ALIKE = 0.35  # of the shared codes have similar names
_MOST_COMPARED = 32  # families that an entity is compared with: those that share most codes with it
_MOST_OF_CODE = 256  # families that are looked up by a code: those with the largest charts
_SIMILAR_NAMES = 0.4  # n-gram similarity; unrelated standards reach it in 0 to 8 % of shared codes


def chart_families(catalog: Catalog) -> np.ndarray:
    """int64 [E]: the family of each entity, counted from 0; one whose chart is like no other is alone in its
    family.

    Leader clustering: from the largest chart on, each entity joins the family whose first chart, the leader, is
    most similar, or starts one. A chart is compared with the few leaders that share most codes with it, so that
    a hundred thousand entities take seconds, and minutes at worst.
    """
    sizes = np.diff(catalog.offsets)
    names = ngram_counts_of(normalize_all(catalog.accounts["name"]))
    vectors = weigh(names, idf(names))
    family = np.full(len(sizes), -1, dtype=np.int64)
    leaders: list[int] = []
    of_code: dict[int, list[int]] = {}  # the families whose first chart has a code
    for entity in np.argsort(-sizes, kind="stable").tolist():
        accounts = np.arange(catalog.offsets[entity], catalog.offsets[entity + 1])
        codes = catalog.code_numbers[accounts].tolist()
        best = -1
        likely = _likely_leaders([of_code.get(code, []) for code in codes], len(accounts))
        if likely:
            other = catalog.translate(accounts, np.array([[leaders[number]] for number in likely]))
            which, place = np.nonzero(other >= 0)
            similarity = vectors[accounts[place]].multiply(vectors[other[which, place]]).sum(axis=1)
            alike = np.bincount(which, np.asarray(similarity).ravel() > _SIMILAR_NAMES) / np.bincount(which)
            if alike.max() > _ALIKE:
                best = likely[int(alike.argmax())]
        if best < 0:
            best = len(leaders)
            leaders.append(entity)
            if len(accounts) >= _LEAST_SHARED:
                for code in codes:
                    if len(families := of_code.setdefault(code, [])) < _MOST_OF_CODE:
                        families.append(best)
        family[entity] = best
    return family


def _likely_leaders(of_codes: list[list[int]], codes: int) -> list[int]:
    """The families that share enough codes with a chart, ascending; `of_codes` are the families by shared
    code."""
    count = Counter(chain.from_iterable(of_codes))
    likely = [number for number, shared in count.items() if shared >= max(_LEAST_SHARED, _SHARED * codes)]
    likely.sort(key=lambda number: (-count[number], number))
    return sorted(likely[:_MOST_COMPARED])


@dataclass(frozen=True)
class Peers:
    """The rows of all entities by family."""

    collection: Collection
    """Rows sorted by (family, date, row of the corpus); its entities are the families, its owners entities."""
    row: np.ndarray
    """int64 [N]: the row of the corpus that each row of the collection is."""
    family: np.ndarray
    """int64 [E]."""

    @classmethod
    def of(cls, rows: Collection, family: np.ndarray) -> Peers:
        """The collection `rows` of entities, rearranged by `family` [E]."""
        of_row = family[rows.entity]
        order = np.lexsort((rows.date, of_row))
        collection = replace(
            rows,
            entity=of_row[order].astype(np.int32),
            date=rows.date[order],
            text=rows.text[order],
            journal=rows.journal[order],
            entities=int(family.max(initial=-1)) + 1,
            owner=rows.entity[order],
            currency=None if rows.currency is None else rows.currency[order],
            direction=None if rows.direction is None else rows.direction[order],
        )
        return cls(collection, order, family)

    def queries(self, queries: Queries, earlier: np.ndarray, settings: RetrievalSettings) -> Queries:
        """The queries of the families' collection.

        None for an entity that is alone in its family, or has enough `earlier` entries itself, int64 [Q].
        """
        needy = (queries.entity >= 0) & (earlier < settings.peers_below)
        alone = np.bincount(self.family, minlength=1)[self.family] == 1
        family = np.append(np.where(alone, -1, self.family), -1)
        family = family[np.where(needy, queries.entity, -1)].astype(np.int32)
        return replace(queries, entity=family, owner=queries.entity)

    def rows(self, hits: Hits) -> Hits:
        """`hits` [Q, P] of the families' collection as rows of the corpus."""
        is_hit = hits.row >= 0
        row = np.full_like(hits.row, -1)
        row[is_hit] = self.row[hits.row[is_hit]]
        return Hits(row, hits.similarity)
