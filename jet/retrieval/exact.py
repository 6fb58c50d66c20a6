"""Exact search of one block of the index: compares every query with every text.

Legend: Q queries.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jet.retrieval.blocks import Block
from jet.retrieval.collection import Collection, Hits, Queries
from jet.retrieval.settings import RetrievalSettings
from jet.retrieval.similarity import BATCH, Contents

# Bound the memory of a search where many queries have the same text:
_CELLS = 1 << 22  # pairs of a query and a text or kind of rows that are compared at once
_QUERIES = 4096  # queries at once


class ExactBlock:
    """Compares each query with every distinct text of the block, then ranks rows of the best texts."""

    def __init__(self, block: Block, collection: Collection, settings: RetrievalSettings) -> None:
        self.block = block
        # The product with all vectors is a third faster by column.
        self._contents = Contents(block, collection, settings, by_column=True)

    def search(self, queries: Queries, limit: np.ndarray, k: int, bound: np.ndarray | None = None) -> Hits:
        """See `jet.retrieval.index.BlockIndex.search`."""
        return search_exactly(self._contents, queries, limit, k, bound)


def search_exactly(
    contents: Contents, queries: Queries, limit: np.ndarray, k: int, bound: np.ndarray | None = None
) -> Hits:
    """See `jet.retrieval.index.BlockIndex.search`; every query is compared with every text.

    Only rows of texts that reach the pruning bound are ranked.
    """
    search = contents.block_search(queries, limit, k, bound)
    hits = Hits.none(len(queries), k)
    for texts, at, query in text_batches(queries.text, np.flatnonzero(search.eligible)):
        scores = contents.score_all(contents.features(queries, texts))
        top_texts = contents.top_texts(scores[: len(texts)], k)
        for some in pieces(len(query), max(len(contents.texts), contents.max_kinds(top_texts))):
            place, text = contents.candidate_texts(search, query[some], scores, top_texts, at[some])
            score = scores[at[some][place], text]
            contents.rank(hits, search, query[some][place], text, score)
    return hits


def text_batches(text: np.ndarray, members: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Queries number `members` in batches of at most 64 distinct texts.

    Yields for each batch its texts, the place of each query's text among these, and its queries.
    """
    texts, place = np.unique(text[members], return_inverse=True)
    order = np.argsort(place, kind="stable")
    members, place = members[order], place[order]
    for first in range(0, len(texts), BATCH):
        batch = slice(*np.searchsorted(place, [first, first + BATCH]))
        yield texts[first : first + BATCH], place[batch] - first, members[batch]


def pieces(queries: int, compared: int) -> Iterator[slice]:
    """Slices of `queries` queries, each small enough to compare with `compared` texts or kinds of rows at
    once."""
    together = min(max(1, _CELLS // compared), _QUERIES)
    for start in range(0, queries, together):
        yield slice(start, start + together)
