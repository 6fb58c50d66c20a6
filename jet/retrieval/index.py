"""The most similar earlier rows of a memory: blocks of its rows, searched exactly or by ScaNN.

Both kinds of index score what they return by the same formula (`jet.retrieval.similarity`). The newest block is
searched first, and older ones only for better rows.

Legend: Q queries, K neighbors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from jet.retrieval.exact import ExactBlock
from jet.retrieval.memory import Block, Hits, Memory, Queries, limits, merge, plan_blocks
from jet.retrieval.scann_index import LEAST_TEXTS, ScannBlock, has_scann
from jet.retrieval.settings import RetrievalSettings


class BlockIndex(Protocol):
    """What finds neighbors in one block."""

    block: Block

    def search(self, queries: Queries, limit: np.ndarray, k: int, floor: np.ndarray | None = None) -> Hits:
        """The `k` most similar rows below `limit`, int64 [Q] (see `limits`), of the block.

        Queries of other entities, and those whose limit is at or below the block's start, get none. Rows no
        more similar than `floor`, float32 [Q], need not be found: newer blocks have as good ones.
        """


def build_block(block: Block, memory: Memory, settings: RetrievalSettings) -> BlockIndex:
    """The index of `block`: exact where it has few distinct texts or ScaNN isn't installed, else ScaNN."""
    texts = memory.text[block.start : block.stop]
    few = max(settings.exact_below, LEAST_TEXTS)
    # Of so few rows ScaNN would never be asked; of more, distinct texts are worth counting.
    if len(texts) <= settings.exact_below or len(np.unique(texts)) < few or not has_scann():
        return ExactBlock(block, memory, settings)
    return ScannBlock(block, memory, settings)


def search(
    memory: Memory,
    queries: Queries,
    settings: RetrievalSettings,
    k: int,
    blocks: Mapping[int, BlockIndex] | None = None,
) -> Hits:
    """The `k` most similar earlier rows of each query's entity, in one process.

    `blocks` are indexes by block number; those not given are built when their turn comes and dropped after.
    """

    def index_of(block: Block) -> BlockIndex:
        return (blocks or {}).get(block.number) or build_block(block, memory, settings)

    plan = plan_blocks(memory.offsets, settings)
    return search_blocks(plan, index_of, queries, limits(memory, queries), k)


def search_blocks(
    blocks: Sequence[Block],
    index_of: Callable[[Block], BlockIndex],
    queries: Queries,
    limit: np.ndarray,
    k: int,
) -> Hits:
    """The `k` most similar rows of some blocks below each query's `limit`, int64 [Q].

    The newest blocks are searched first. Mostly they hold the best rows, and of older ones only better rows are
    looked for. `index_of` is asked only for blocks that a query may see, when their turn comes.
    """
    hits = Hits.none(len(queries), k)
    order = np.argsort(queries.entity, kind="stable")
    entities = queries.entity[order]
    for block in sorted(blocks, key=lambda block: -block.start):
        own = order[np.searchsorted(entities, block.entity) : np.searchsorted(entities, block.entity, "right")]
        own = own[limit[own] > block.start]
        if not len(own):
            continue
        so_far = hits.take(own)
        found = index_of(block).search(queries.take(own), limit[own], k, so_far.floor())
        best = merge([so_far, found], k)
        hits.row[own], hits.similarity[own] = best.row, best.similarity
    return hits
