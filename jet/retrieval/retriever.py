"""The retriever: from queries to hits, the strictly earlier entries of a corpus that are most like them.

Every query gets three kinds of hits, each in columns of its own: similar entries of its entity, its entity's
latest ones, and similar entries of other companies with the same standard chart.

Legend: Q queries.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from jet.retrieval.corpus import Corpus
from jet.retrieval.index import BlockIndex, build_block, search
from jet.retrieval.memory import Hits, Memory, Queries, latest, limits, plan_blocks
from jet.retrieval.peers import Peers
from jet.retrieval.settings import RetrievalSettings

OWN, PEERS = "own", "peers"
"""The two memories of a retriever: the entities' own entries, and those of the families of charts."""

Search = Callable[[str, Queries, int], Hits]
"""The so many most similar earlier rows of a memory, by its name."""


@dataclass(frozen=True)
class Retriever:
    """Finds hits in `corpus`; arrays and indexes of blocks, so that processes of a machine can share one."""

    corpus: Corpus
    settings: RetrievalSettings
    own: Memory
    """The rows of the corpus."""
    peers: Peers | None
    """The same rows by family of charts; None: the settings ask for no peers."""
    blocks: Mapping[str, Mapping[int, BlockIndex]] = field(default_factory=dict)
    """Indexes that were built, by memory and block number; others are built when they are needed."""

    @classmethod
    def of(cls, corpus: Corpus, settings: RetrievalSettings) -> Retriever:
        """A retriever whose indexes are not built yet."""
        rows = corpus.rows
        own = Memory(
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
            return cls(corpus, settings, own, None)
        corpus = corpus.with_families()
        assert corpus.family is not None
        return cls(corpus, settings, own, Peers.of(own, corpus.family))

    @property
    def memories(self) -> dict[str, Memory]:
        """What is searched, by name."""
        return {OWN: self.own} | ({} if self.peers is None else {PEERS: self.peers.memory})

    def indexed(self) -> Retriever:
        """The same with the indexes of all blocks, which many searches share."""
        blocks = {
            name: {
                block.number: build_block(block, memory, self.settings)
                for block in plan_blocks(memory.offsets, self.settings)
            }
            for name, memory in self.memories.items()
        }
        return replace(self, blocks=blocks)

    def search(self, name: str, queries: Queries, k: int) -> Hits:
        """The `k` most similar earlier rows of a memory for each of `queries`, in this process."""
        return search(self.memories[name], queries, self.settings, k, self.blocks.get(name))

    def hits(self, queries: Queries, search: Search | None = None) -> Hits:
        """[Q, neighbors + latest + peers]: rows of the corpus, by source (see `source_widths`).

        `search` stands in for the retriever's own where the indexes are elsewhere.
        """
        search, settings = search or self.search, self.settings
        limit = limits(self.own, queries)
        found = [
            search(OWN, queries, settings.neighbors),
            latest(self.own, queries, limit, settings.latest),
            Hits.none(len(queries), settings.peers),
        ]
        if self.peers is not None:
            earlier = np.maximum(limit - self.own.offsets[np.maximum(queries.entity, 0)], 0)
            asked = self.peers.queries(queries, earlier, settings)
            found[-1] = self.peers.rows(search(PEERS, asked, settings.peers))
        return Hits(
            np.concatenate([each.row for each in found], axis=1),
            np.concatenate([each.similarity for each in found], axis=1),
        )
