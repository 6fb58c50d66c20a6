"""Blocks of a collection's rows: what is searched as one, and by which queries.

The rows of an entity are cut into blocks of equal size, in order of date. A query asks all that have rows below
its limit, so the work of an entity of n rows grows with n squared. An entity with many distinct texts therefore
has *prefixes* too: its first 4, 8, 16 … blocks together, each with an index of ScaNN's. A query asks one of
them alone, the shortest that has all rows below its limit: more than half of that prefix are such rows.

Blocks are a function of data and settings alone. Rows that are added to an entity later change its last block
and its last prefix.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from jet.retrieval.collection import Collection
from jet.retrieval.settings import RetrievalSettings

_FIRST_PREFIX = 4
"""Blocks of the first prefix: with fewer, building an index takes as long as it saves."""


@dataclass(frozen=True)
class Block:
    """Rows `start` to `stop` of the collection, all of one entity."""

    number: int
    entity: int
    start: int
    stop: int
    above: int
    """Only queries with a limit above this row ask the block."""
    most: int = sys.maxsize
    """Only queries with a limit of at most this row do."""

    @property
    def is_prefix(self) -> bool:
        """Whether a query that asks the block asks no other."""
        return self.above > self.start

    def asked(self, entity: np.ndarray, limit: np.ndarray) -> np.ndarray:
        """bool [Q]: the queries that ask the block, by their `entity` and `limit` [Q]."""
        return (entity == self.entity) & (limit > self.above) & (limit <= self.most)


def has_scann() -> bool:
    """Whether ScaNN is installed. It is on Linux alone: there are no wheels for macOS and Windows."""
    return importlib.util.find_spec("scann") is not None


def plan_blocks(collection: Collection, settings: RetrievalSettings) -> list[Block]:
    """The blocks of all entities, in the order of these; prefixes come after an entity's other blocks."""
    blocks: list[Block] = []
    size = settings.block_rows
    for entity, (first, end) in enumerate(pairwise(collection.offsets.tolist())):
        middle = first + _FIRST_PREFIX // 2 * size
        with_prefixes = end > middle and has_scann() and _many_texts(collection, entity, settings)
        most = middle if with_prefixes else sys.maxsize
        for start in range(first, min(end, most), size):
            blocks.append(Block(len(blocks), entity, start, min(start + size, end), start, most))
        above = middle
        while with_prefixes and above < end:
            stop = min(2 * above - first, end)
            blocks.append(Block(len(blocks), entity, first, stop, above, stop))
            above = stop
    return blocks


def _many_texts(collection: Collection, entity: int, settings: RetrievalSettings) -> bool:
    """Whether an entity has more than `exact_below` distinct texts."""
    rows = collection.offsets[entity + 1] - collection.offsets[entity]
    return bool(rows > settings.exact_below and collection.distinct_texts[entity] > settings.exact_below)
