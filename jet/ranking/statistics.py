"""What is counted over a corpus once, and looked up for every entry: sets, lines, directions, names.

Every count is asked for below a limit, so that strictly earlier rows alone have a say (`jet.ranking.counts`).

Shapes: N rows of the corpus, C accounts, B entries, K neighbors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from jet.books.catalog import Catalog
from jet.ranking.counts import Counts
from jet.ranking.direction import Money
from jet.ranking.past import Past
from jet.retrieval.columns import EntryColumns
from jet.retrieval.corpus import Corpus
from jet.retrieval.memory import Hits
from jet.retrieval.settings import RetrievalSettings
from jet.texts.ngrams import CHAR_BUCKETS, ngram_counts
from jet.texts.normalize import normalize_all
from jet.texts.store import TextStore


@dataclass(frozen=True)
class Statistics:
    """Counts over a corpus. Plain arrays, so that processes of a machine can share one."""

    corpus: Corpus
    """With the direction of its rows' money; its store has the texts of all entries to come."""
    settings: RetrievalSettings
    longest: int
    """Most lines of a set (L)."""
    sets: Counts
    """Of the rows' sets of lines."""
    tokens: Counts
    """Of the rows' lines."""
    money: Money
    direction: np.ndarray
    """int8 [N]: which way the money went in each row."""
    past: Past
    account_names: sp.csr_matrix
    """float32 [C, 8192]: the character n-grams of each account's name, idf-weighted, a row sums to 1."""

    @classmethod
    def of(cls, corpus: Corpus, settings: RetrievalSettings, longest: int) -> Statistics:
        """Of all rows of `corpus`."""
        rows = corpus.rows
        money = Money.of(rows, corpus.catalog)
        direction = money.of_books(rows)
        return cls(
            corpus=replace(corpus, direction=direction),
            settings=settings,
            longest=longest,
            sets=Counts.of_sets(rows),
            tokens=Counts.of_tokens(rows),
            money=money,
            direction=direction,
            past=Past.of(rows, direction, corpus.store),
            account_names=_name_ngrams(corpus.catalog, corpus.idf),
        )

    def with_store(self, store: TextStore) -> Statistics:
        """The same with `store`, which extends the corpus's."""
        return replace(self, corpus=replace(self.corpus, store=store))

    def contrary(self, queries: EntryColumns, rows: np.ndarray, hits: Hits) -> np.ndarray:
        """bool [B, K]: which of the `hits` [B, K] of `rows` of `queries` went the other way than these say."""
        theirs = np.where(hits.row >= 0, self.direction[hits.row], 0)
        return queries.direction[rows][:, None] * theirs < 0


def _name_ngrams(catalog: Catalog, idf: np.ndarray) -> sp.csr_matrix:
    grams = ngram_counts(normalize_all(catalog.accounts["name"]).to_pylist())
    grams.data = (idf[grams.indices] * (grams.indices < CHAR_BUCKETS)).astype(np.float32)
    total = np.asarray(grams.sum(axis=1)).ravel()
    grams.data /= np.repeat(np.maximum(total, 1e-9), np.diff(grams.indptr)).astype(np.float32)
    return grams
