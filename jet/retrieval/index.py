"""The most similar earlier rows of a collection: blocks of its rows, searched exactly or by ScaNN.

Both kinds of index score what they return by the same formula (`jet.retrieval.similarity`). The newest block is
searched first, and older ones only for more similar rows.

Legend: Q queries, K neighbors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from jet.retrieval.blocks import Block, plan_blocks
from jet.retrieval.collection import Collection, Hits, Queries, limits, merge
from jet.retrieval.exact import ExactBlock
from jet.retrieval.scann_index import LEAST_TEXTS, ScannBlock
from jet.retrieval.settings import RetrievalSettings


class BlockIndex(Protocol):
    """Searches one block."""

    block: Block

    def search(self, queries: Queries, limit: np.ndarray, k: int, bound: np.ndarray | None = None) -> Hits:
        """The `k` most similar rows below `limit`, int64 [Q] (see `limits`), of the block.

        Queries that don't ask the block (see `Block.asked`) get none. Rows no more similar than the pruning
        `bound`, float32 [Q], may be left out: newer blocks have better hits.
        """


def build_block(block: Block, collection: Collection, settings: RetrievalSettings) -> BlockIndex:
    """The index of `block`: ScaNN's of a prefix with enough texts to train it, else exact."""
    if block.is_prefix and len(np.unique(collection.text[block.start : block.stop])) >= LEAST_TEXTS:
        return ScannBlock(block, collection, settings)
    return ExactBlock(block, collection, settings)


def search(
    collection: Collection,
    queries: Queries,
    settings: RetrievalSettings,
    k: int,
    blocks: Mapping[int, BlockIndex] | None = None,
) -> Hits:
    """The `k` most similar earlier rows of each query's entity, in one process.

    `blocks` are indexes by block number; others are built when they are searched and dropped after.
    """

    def index_of(block: Block) -> BlockIndex:
        return (blocks or {}).get(block.number) or build_block(block, collection, settings)

    plan = plan_blocks(collection, settings)
    return search_blocks(plan, index_of, queries, limits(collection, queries), k)


def search_blocks(
    blocks: Sequence[Block],
    index_of: Callable[[Block], BlockIndex],
    queries: Queries,
    limit: np.ndarray,
    k: int,
) -> Hits:
    """The `k` most similar rows of some blocks below each query's `limit`, int64 [Q].

    The newest blocks are searched first, since they mostly hold the best rows, and older ones only for better
    rows. `index_of` is called only for blocks with eligible rows, when they are searched.
    """
    hits = Hits.none(len(queries), k)
    order = np.argsort(queries.entity, kind="stable")
    entities = queries.entity[order]
    for block in sorted(blocks, key=lambda block: -block.start):
        first, end = np.searchsorted(entities, [block.entity, block.entity + 1])
        query = order[first:end]
        query = query[block.asked(queries.entity[query], limit[query])]
        if not len(query):
            continue
        so_far = hits.take(query)
        more = index_of(block).search(queries.take(query), limit[query], k, so_far.bound())
        best = merge([so_far, more], k)
        hits.row[query], hits.similarity[query] = best.row, best.similarity
    return hits
