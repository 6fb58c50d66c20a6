"""The index of `jet neighbors` on actors, which hold and search some blocks each.

A prefix (see `jet.retrieval.blocks`) that makes more than an actor's share of the work is held by several, each
of which answers some of its queries. Two builds of an index are the same, and an answer doesn't depend on what
else is asked, so the result doesn't depend on the number of shards.
"""

from __future__ import annotations

import heapq
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray

from jet.retrieval.blocks import Block, plan_blocks
from jet.retrieval.collection import Collection, Hits, Queries, merge
from jet.retrieval.index import BlockIndex, build_block, search_blocks
from jet.retrieval.probe import Probe, probe_all
from jet.retrieval.retriever import PEERS, SAME_ENTITY, Retriever
from jet.retrieval.settings import RetrievalSettings
from ray_jobs.runtime import metrics
from ray_jobs.runtime.logs import about

log = logging.getLogger("jet.neighbors")

ANYWAY = 20_000
"""A query takes as long as comparing it with so many rows, however few its block has."""


@dataclass(frozen=True)
class Held:
    """A block that an actor holds, and answers every `of`-th query that asks it, from the `first` on."""

    block: Block
    first: int = 0
    of: int = 1

    def asked(self, queries: Queries, limit: np.ndarray) -> np.ndarray:
        """bool [Q]: the queries for which this actor is to search the block."""
        asked = self.block.asked(queries.entity, limit)
        return asked & ((np.cumsum(asked) - 1) % self.of == self.first)


Blocks = Mapping[str, Sequence[Held]]
"""What an actor holds, by collection."""


@dataclass(frozen=True)
class Shards:
    """The shard actors, and the blocks that each one holds, by collection."""

    actors: Sequence[ray.actor.ActorHandle]
    blocks: Sequence[Blocks]
    shared: ray.ObjectRef
    """The open bucket that actors are built from. While it is referenced, an actor that died can be built
    again."""

    def search(self, collection: str, queries: Queries, limit: np.ndarray, k: int) -> Hits:
        """The hits of `queries` in a collection. A shard gets the queries that ask one of its blocks."""
        asked: list[np.ndarray] = []
        answers: list[ray.ObjectRef] = []
        for actor, blocks in zip(self.actors, self.blocks, strict=True):
            some = np.zeros(len(queries), dtype=bool)
            for held in blocks[collection]:
                some |= held.asked(queries, limit)
            if some.any():
                asked.append(some)
                answers.append(actor.search.remote(collection, queries.take(some), limit[some], k))
        parts = [Hits.none(len(queries), k) for _ in range(1 + len(asked))]
        for part, some, hits in zip(parts, asked, ray.get(answers), strict=False):
            part.row[some], part.similarity[some] = hits.row, hits.similarity
        return merge(parts, k)


class IndexShard:
    """Holds some blocks of the index and searches them."""

    def __init__(
        self,
        shared: list[ray.ObjectRef],
        blocks: Blocks,
        job: str,
    ) -> None:
        self.retriever: Retriever = ray.get(shared[0]).retriever
        self.job = job
        settings, collections = self.retriever.settings, self.retriever.collections
        self.blocks = {
            name: {held.block: build_block(held.block, collections[name], settings) for held in some}
            for name, some in blocks.items()
        }
        self.probed = {
            name: [self.blocks[name][held.block] for held in some if held.first == 0]
            for name, some in blocks.items()
        }

    def probe(self) -> list[Probe]:
        """The recall of ScaNN in each of this shard's blocks that it searches."""
        return [
            each for name, some in self.probed.items() for each in probed(self.retriever, name, some, self.job)
        ]

    def search(self, collection: str, queries: Queries, limit: np.ndarray, k: int) -> Hits:
        """The best rows of this shard's blocks for each of `queries`."""
        held = self.blocks[collection]
        return search_blocks(list(held), held.__getitem__, queries, limit, k)


def probed(retriever: Retriever, name: str, blocks: Sequence[BlockIndex], job: str) -> list[Probe]:
    """The recall of ScaNN in those of a collection's `blocks` that it searches; each is logged."""
    if not blocks:
        return []
    settings = retriever.settings
    k = {SAME_ENTITY: settings.neighbors, PEERS: settings.peers}[name]
    probes = probe_all(blocks, retriever.collections[name], k)
    for each in probes:
        entity = retriever.corpus.catalog.entities[each.block.entity] if name == SAME_ENTITY else None
        fields = about(job=job, stage="neighbors", entity=entity, block=f"{name}-{each.block.number}")
        log.info("ScaNN finds %d of %d neighbors", each.recalled, each.exact, extra=fields)
    return probes


def shared_out(retriever: Retriever, count: int) -> Sequence[Blocks]:
    """What each of at most `count` actors holds of each collection: the block with the most work goes first, to
    the least busy."""
    work = [
        (_work(block, collection, retriever.settings), name, block)
        for name, collection in retriever.collections.items()
        for block in plan_blocks(collection, retriever.settings)
    ]
    work.sort(key=lambda each: -each[0])
    share = sum(each[0] for each in work) / count
    of = [min(count, math.ceil(each[0] / share)) if each[2].is_prefix else 1 for each in work]
    held: list[dict[str, list[Held]]] = [{SAME_ENTITY: [], PEERS: []} for _ in range(min(count, sum(of)))]
    load = [0.0] * len(held)
    for (amount, name, block), copies in zip(work, of, strict=True):
        for first, actor in enumerate(heapq.nsmallest(copies, range(len(held)), key=load.__getitem__)):
            held[actor][name].append(Held(block, first, copies))
            load[actor] += amount / copies
    return held


def _work(block: Block, collection: Collection, settings: RetrievalSettings) -> int:
    """The work of answering all rows that ask the block, each once: one unit a query and row compared.

    ScaNN takes for a prefix about as long as exact search for one block.
    """
    asking = min(block.most, int(collection.offsets[block.entity + 1])) - block.above
    return asking * (ANYWAY + min(block.stop - block.start, settings.block_rows))


@contextmanager
def index_shards(opened: ray.ObjectRef, held: Sequence[Blocks], cpus: float) -> Iterator[Shards]:
    """Actors that hold the blocks of an open bucket (`ray_jobs.spread.search`) as `shared_out` says; they end
    with the context.

    One that was restarted would otherwise outlive the job where the driver goes on, and keep its CPUs.
    """
    actor = ray.remote(num_cpus=cpus, max_restarts=-1, max_task_retries=-1)(IndexShard)
    actors: list[Any] = [actor.remote([opened], some, metrics.job_name()) for some in held]
    try:
        yield Shards(actors, held, opened)
    finally:
        for each in actors:
            ray.kill(each)
