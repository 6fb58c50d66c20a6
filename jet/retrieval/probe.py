"""The recall of ScaNN, measured on a sample of each block's rows.

It depends on the texts: on books with little structure it falls, and nothing else shows that.
The sample is drawn by the block's number, so that a block gives the same figures on any machine. On a
block of 30,000 texts it took an eighth of the time of building the block, and as long as 250 queries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from jet.retrieval.collection import Block, Collection, Queries, limits
from jet.retrieval.index import BlockIndex
from jet.retrieval.neighbors import recall_counts
from jet.retrieval.scann_index import ScannBlock
from jet.retrieval.similarity import BATCH


@dataclass(frozen=True)
class Probe:
    """Counts of hits, summed over the sampled rows of a block."""

    block: Block
    exact: int
    """Hits of exact search."""
    recalled: int
    """Those of them that ScaNN finds too."""


def probe(index: ScannBlock, collection: Collection, k: int) -> Probe:
    """The recall of ScaNN for at most 64 rows of the block, of those that it searches for."""
    block = index.block
    rows = np.arange(block.start, block.stop)
    queries = Queries(
        collection.entity[rows],
        collection.date[rows],
        collection.text[rows],
        collection.journal[rows],
        owner=None if collection.owner is None else collection.owner[rows],
        currency=None if collection.currency is None else collection.currency[rows],
    )
    limit = limits(collection, queries)
    late = np.flatnonzero(limit - block.start > index.exact_rows)
    drawn = np.random.default_rng(block.number).permutation(late)[:BATCH]
    queries, limit = queries.take(drawn), limit[drawn]
    exact = index.search_exactly(queries, limit, k)
    recalled, count = recall_counts(index.search(queries, limit, k), exact)
    return Probe(block, count, recalled)


def probe_all(blocks: Iterable[BlockIndex], collection: Collection, k: int) -> list[Probe]:
    """The probes of those of the blocks that ScaNN searches."""
    return [probe(index, collection, k) for index in blocks if isinstance(index, ScannBlock)]
