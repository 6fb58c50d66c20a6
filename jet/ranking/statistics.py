"""Counts over a corpus, made once and read for every entry: sets, lines, directions, names.

Every count has a limit, so that only strictly earlier rows count (`jet.ranking.counts`).

Shapes: N rows of the corpus, C accounts, B entries, K neighbors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from jet.ranking.counts import Counts
from jet.ranking.direction import MoneyAccounts
from jet.ranking.names import AccountNames
from jet.ranking.past import Past
from jet.retrieval.collection import Hits
from jet.retrieval.columns import EntryColumns
from jet.retrieval.corpus import Corpus
from jet.retrieval.settings import RetrievalSettings
from jet.texts.store import TextStore


@dataclass(frozen=True)
class Statistics:
    """Counts over a corpus. Plain arrays, so that processes of a machine can share one."""

    corpus: Corpus
    """With the direction of its rows; its store has the texts of the queries too."""
    settings: RetrievalSettings
    longest: int
    """The most lines of a set (L)."""
    sets: Counts
    """Of the rows' sets of lines."""
    tokens: Counts
    """Of the rows' lines."""
    money: MoneyAccounts
    direction: np.ndarray
    """int8 [N]: the direction of each row: 1 in, -1 out, 0 not known."""
    past: Past
    account_names: AccountNames

    @classmethod
    def of(cls, corpus: Corpus, settings: RetrievalSettings, longest: int) -> Statistics:
        """The counts over all rows of `corpus`."""
        rows = corpus.rows
        money = MoneyAccounts.of(rows, corpus.catalog)
        direction = money.booked_directions(rows)
        return cls(
            corpus=replace(corpus, direction=direction),
            settings=settings,
            longest=longest,
            sets=Counts.of_sets(rows),
            tokens=Counts.of_tokens(rows),
            money=money,
            direction=direction,
            past=Past.of(rows, direction, corpus.store),
            account_names=AccountNames.of(corpus.catalog, corpus.idf),
        )

    def with_store(self, store: TextStore) -> Statistics:
        """The same with `store`, which extends the corpus's."""
        return replace(self, corpus=replace(self.corpus, store=store))

    def opposite_direction(self, queries: EntryColumns, rows: np.ndarray, hits: Hits) -> np.ndarray:
        """bool [B, K]: which of the `hits` [B, K] of `rows` of `queries` have the opposite of the stated
        direction."""
        direction = np.where(hits.row >= 0, self.direction[hits.row], 0)
        return queries.direction[rows][:, None] * direction < 0
