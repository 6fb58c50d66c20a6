"""How much of what exact search finds does ScaNN find? Asked of a sample of each block's own rows.

What recall ScaNN has depends on the texts: on books with little structure it falls, and nothing else shows it.
The sample is drawn by the block's number, so that the same block gives the same figures wherever it lies. On a
block of 30,000 texts it took an eighth of the time of building the block, and as long as 250 queries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from jet.retrieval.index import BlockIndex
from jet.retrieval.memory import Block, Memory, Queries, limits
from jet.retrieval.neighbors import recalled
from jet.retrieval.scann_index import ScannBlock
from jet.retrieval.similarity import BATCH


@dataclass(frozen=True)
class Probe:
    """What the sample of a block showed; all neighbors of all its rows."""

    block: Block
    wanted: int
    """Neighbors that exact search finds."""
    found: int
    """Those of them that ScaNN finds too."""


def probe(index: ScannBlock, memory: Memory, k: int) -> Probe:
    """Compare both searches for at most 64 rows of the block, those that ScaNN is asked for."""
    block = index.block
    rows = np.arange(block.start, block.stop)
    asked = Queries(
        memory.entity[rows],
        memory.date[rows],
        memory.text[rows],
        memory.journal[rows],
        owner=None if memory.owner is None else memory.owner[rows],
        currency=None if memory.currency is None else memory.currency[rows],
    )
    limit = limits(memory, asked)
    late = np.flatnonzero(limit - block.start > index.exact_rows)
    drawn = np.random.default_rng(block.number).permutation(late)[:BATCH]
    asked, limit = asked.take(drawn), limit[drawn]
    found, wanted = recalled(index.search(asked, limit, k), index.search_exactly(asked, limit, k))
    return Probe(block, wanted, found)


def probe_all(blocks: Iterable[BlockIndex], memory: Memory, k: int) -> list[Probe]:
    """Of the blocks that ScaNN searches."""
    return [probe(index, memory, k) for index in blocks if isinstance(index, ScannBlock)]
