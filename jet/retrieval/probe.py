"""The recall of ScaNN, measured on a sample of each block's rows.

It depends on the texts: on books with little structure it falls, and nothing else shows that.
The sample is drawn by the block's number, so that a block gives the same figures on any machine, and is another
one than that on which the effort is chosen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from jet.retrieval.blocks import Block
from jet.retrieval.collection import Collection, recall_counts
from jet.retrieval.index import BlockIndex
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
    """The recall of ScaNN for at most 64 rows that ask the block."""
    queries, limit = index.sample(collection, slice(-BATCH, None))
    exact = index.search_exactly(queries, limit, k)
    recalled, count = recall_counts(index.search(queries, limit, k), exact)
    return Probe(index.block, int(count.sum()), int(recalled.sum()))


def probe_all(blocks: Iterable[BlockIndex], collection: Collection, k: int) -> list[Probe]:
    """The probes of those of the blocks that ScaNN searches."""
    return [probe(index, collection, k) for index in blocks if isinstance(index, ScannBlock)]
