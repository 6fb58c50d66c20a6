"""Exact search of one block of the index: every query is compared with every text.

Legend: Q queries.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from jet.retrieval.memory import Block, Hits, Memory, Queries
from jet.retrieval.settings import RetrievalSettings
from jet.retrieval.similarity import BATCH, Contents

_CELLS = 1 << 22  # pairs of a query and a text or kind of rows that are looked at together, and
_QUERIES = 4096  # queries: what bounds the memory of a search where many ask for the same text


class ExactBlock:
    """Compares each query with every distinct text of the block, then ranks all eligible rows."""

    def __init__(self, block: Block, memory: Memory, settings: RetrievalSettings) -> None:
        self.block = block
        # By column, the product with all vectors is a third faster.
        self._contents = Contents(block, memory, settings, by_column=True)

    def search(self, queries: Queries, limit: np.ndarray, k: int, floor: np.ndarray | None = None) -> Hits:
        """See `jet.retrieval.index.BlockIndex.search`."""
        return search_exactly(self._contents, queries, limit, k, floor)


def search_exactly(
    contents: Contents, queries: Queries, limit: np.ndarray, k: int, floor: np.ndarray | None = None
) -> Hits:
    """See `jet.retrieval.index.BlockIndex.search`; every query is compared with every text.

    Not all rows are ranked: most are of texts so far behind that no bonus helps them.
    """
    asked = contents.asked(queries, limit, k, floor)
    hits = Hits.none(len(queries), k)
    for texts, at, query in text_batches(queries.text, np.flatnonzero(asked.eligible)):
        scores = contents.score_all(contents.look_up(queries, texts))
        leading = contents.leading(scores[: len(texts)], k)
        for some in pieces(len(query), max(len(contents.texts), contents.most_kinds(leading))):
            place, text = contents.promising(asked, query[some], scores, leading, at[some])
            score = scores[at[some][place], text]
            contents.rank(hits, asked, query[some][place], text, score)
    return hits


def text_batches(text: np.ndarray, members: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Queries number `members` in batches of at most 64 distinct texts.

    Of each batch its texts; and its queries, with the place among these texts that each one's text has.
    """
    texts, place = np.unique(text[members], return_inverse=True)
    order = np.argsort(place, kind="stable")
    members, place = members[order], place[order]
    for first in range(0, len(texts), BATCH):
        own = slice(*np.searchsorted(place, [first, first + BATCH]))
        yield texts[first : first + BATCH], place[own] - first, members[own]


def pieces(queries: int, compared: int) -> Iterator[slice]:
    """Some of so many queries at a time, where each is compared with so many texts or kinds of rows."""
    together = min(max(1, _CELLS // compared), _QUERIES)
    for start in range(0, queries, together):
        yield slice(start, start + together)
