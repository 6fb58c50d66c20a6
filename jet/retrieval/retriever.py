"""The retriever: from queries to hits, the most similar strictly earlier entries of a corpus.

Every query gets three kinds of hits, each in columns of its own: similar entries of its entity, its entity's
latest ones, and similar entries of other companies with the same standard chart.

Legend: Q queries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from jet.retrieval.blocks import Block, plan_blocks
from jet.retrieval.collection import Collection, Hits, Queries, latest, limits
from jet.retrieval.corpus import Corpus
from jet.retrieval.index import BlockIndex, build_block, search
from jet.retrieval.peers import Peers
from jet.retrieval.settings import RetrievalSettings

SAME_ENTITY, PEERS = "own", "peers"
"""The collections of a retriever: the entries of each entity, and those of each family of charts. Log lines
name blocks by them."""

Search = Callable[[str, Queries, int], Hits]
"""The k most similar earlier rows of a collection, by its name."""


@dataclass(frozen=True)
class Retriever:
    """Finds hits in `corpus`. It holds arrays and indexes of blocks alone, so that processes can share one."""

    corpus: Corpus
    settings: RetrievalSettings
    same_entity: Collection
    """The rows of the corpus, by entity."""
    peers: Peers | None
    """The same rows, by family of charts; None where `settings.peers` is 0."""
    blocks: Mapping[str, Mapping[int, BlockIndex]] = field(default_factory=dict)
    """Indexes that were built, by collection and block number; others are built when they are needed."""

    @classmethod
    def of(cls, corpus: Corpus, settings: RetrievalSettings) -> Retriever:
        """A retriever whose indexes are not built yet."""
        rows = corpus.rows
        same_entity = Collection(
            entity=rows.entity.astype(np.int32),
            date=rows.date,
            text=rows.text,
            journal=rows.journal,
            entities=len(corpus.catalog.entities),
            store=corpus.store,
            idf=corpus.idf,
            currency=rows.currency,
            direction=corpus.direction,
        )
        if not settings.peers:
            return cls(corpus, settings, same_entity, None)
        corpus = corpus.with_families()
        assert corpus.family is not None
        return cls(corpus, settings, same_entity, Peers.of(same_entity, corpus.family))

    @property
    def collections(self) -> dict[str, Collection]:
        """The collections by name."""
        return {SAME_ENTITY: self.same_entity} | ({} if self.peers is None else {PEERS: self.peers.collection})

    def indexed(self) -> Retriever:
        """The same with the indexes of all blocks, which many searches share."""
        return self._with_indexes(lambda _: True)

    def with_prefixes(self) -> Retriever:
        """The same with the indexes of prefixes, which are expensive to build."""
        return self._with_indexes(lambda block: block.is_prefix)

    def _with_indexes(self, wanted: Callable[[Block], bool]) -> Retriever:
        blocks = {
            name: {
                block.number: build_block(block, collection, self.settings)
                for block in plan_blocks(collection, self.settings)
                if wanted(block)
            }
            for name, collection in self.collections.items()
        }
        return replace(self, blocks=blocks)

    def search(self, name: str, queries: Queries, k: int) -> Hits:
        """The `k` most similar earlier rows of a collection for each of `queries`, in this process."""
        return search(self.collections[name], queries, self.settings, k, self.blocks.get(name))

    def hits(self, queries: Queries, search: Search | None = None) -> Hits:
        """[Q, neighbors + latest + peers]: rows of the corpus, by source (see `source_widths`).

        `search` replaces `self.search` where the indexes are in other processes.
        """
        search, settings = search or self.search, self.settings
        limit = limits(self.same_entity, queries)
        parts = [
            search(SAME_ENTITY, queries, settings.neighbors),
            latest(self.same_entity, queries, limit, settings.latest),
            Hits.none(len(queries), settings.peers),
        ]
        if self.peers is not None:
            earlier = np.maximum(limit - self.same_entity.offsets[np.maximum(queries.entity, 0)], 0)
            peer_queries = self.peers.queries(queries, earlier, settings)
            parts[-1] = self.peers.rows(search(PEERS, peer_queries, settings.peers))
        return Hits(
            np.concatenate([part.row for part in parts], axis=1),
            np.concatenate([part.similarity for part in parts], axis=1),
        )
