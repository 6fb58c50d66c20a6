"""The index of `jet neighbors` on actors, which hold and search some blocks each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray

from jet.retrieval.collection import Block, Hits, Queries, merge, plan_blocks
from jet.retrieval.index import build_block, search_blocks
from jet.retrieval.probe import Probe, probe_all
from jet.retrieval.retriever import PEERS, SAME_ENTITY, Retriever
from ray_jobs.runtime import metrics
from ray_jobs.runtime.logs import about

log = logging.getLogger("jet.neighbors")


@dataclass(frozen=True)
class Shards:
    """The shard actors, and the blocks that each one holds, by collection."""

    actors: Sequence[ray.actor.ActorHandle]
    blocks: Sequence[Mapping[str, Sequence[Block]]]
    shared: ray.ObjectRef
    """The retriever that actors are built from. While it is referenced, an actor that died can be built
    again."""

    def search(self, collection: str, queries: Queries, limit: np.ndarray, k: int) -> Hits:
        """The hits of `queries` in a collection. Only shards that hold a block with eligible rows search."""
        parts = [
            actor.search.remote(collection, queries, limit, k)
            for actor, blocks in zip(self.actors, self.blocks, strict=True)
            if any(_has_eligible(queries, limit, block) for block in blocks[collection])
        ]
        return merge([Hits.none(len(queries), k), *ray.get(parts)], k)


def _has_eligible(queries: Queries, limit: np.ndarray, block: Block) -> bool:
    return bool(((queries.entity == block.entity) & (limit > block.start)).any())


class IndexShard:
    """Holds some blocks of the index and searches them."""

    def __init__(
        self,
        shared: list[ray.ObjectRef],
        blocks: Mapping[str, Sequence[Block]],
        job: str,
    ) -> None:
        self.retriever: Retriever = ray.get(shared[0])
        settings = self.retriever.settings
        self.width = {SAME_ENTITY: settings.neighbors, PEERS: settings.peers}
        self.job = job
        collections = self.retriever.collections
        self.blocks = {
            name: {block: build_block(block, collections[name], settings) for block in some}
            for name, some in blocks.items()
        }

    def probe(self) -> list[Probe]:
        """The recall of ScaNN in each of this shard's blocks that it searches."""
        probes: list[Probe] = []
        for collection, blocks in self.blocks.items():
            for each in (
                probe_all(blocks.values(), self.retriever.collections[collection], self.width[collection])
                if blocks
                else []
            ):
                number, entity = each.block.number, each.block.entity
                fields = about(
                    job=self.job,
                    stage="neighbors",
                    entity=self.retriever.corpus.catalog.entities[entity]
                    if collection == SAME_ENTITY
                    else None,
                    block=f"{collection}-{number}",
                )
                log.info("ScaNN finds %d of %d neighbors", each.recalled, each.exact, extra=fields)
                probes.append(each)
        return probes

    def search(self, collection: str, queries: Queries, limit: np.ndarray, k: int) -> Hits:
        """The best rows of this shard's blocks for each of `queries`."""
        held = self.blocks[collection]
        return search_blocks(list(held), held.__getitem__, queries, limit, k)


@contextmanager
def index_shards(retriever: Retriever, count: int, cpus: float) -> Iterator[Shards]:
    """Spread the blocks over `count` actors, the largest first to the emptiest; they end with the context.

    One that was restarted would otherwise outlive the job where the driver goes on, and keep its CPUs.
    """
    blocks = [
        (name, block)
        for name, collection in retriever.collections.items()
        for block in plan_blocks(collection.offsets, retriever.settings)
    ]
    blocks.sort(key=lambda named: named[1].start - named[1].stop)
    held: list[dict[str, list[Block]]] = [{SAME_ENTITY: [], PEERS: []} for _ in range(min(count, len(blocks)))]
    load = [0] * len(held)
    for name, block in blocks:
        emptiest = load.index(min(load))
        held[emptiest][name].append(block)
        load[emptiest] += block.stop - block.start
    shared = ray.put(retriever)
    actor = ray.remote(num_cpus=cpus, max_restarts=-1, max_task_retries=-1)(IndexShard)
    actors: list[Any] = [actor.remote([shared], some, metrics.job_name()) for some in held]
    try:
        yield Shards(actors, held, shared)
    finally:
        for each in actors:
            ray.kill(each)
