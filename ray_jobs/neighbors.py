"""`jet neighbors`: every entry's most similar earlier entries, of its own entity and of its peers.

Each distinct text is encoded once, on a pool of actors. The blocks of the index are spread over shard actors:
those of each entity's own books, and those of the families of charts, which hold the same entries once more in
another order. Every part of the entries asks the shards that hold its entities and families, and merges what
they answer by a total order. Blocks are a function of the data alone, so the result doesn't depend on the
number of shards.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from typing import Any

import jsonargparse
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from safetensors.numpy import save as save_safetensors

from jet.artifact import Artifact, Manifest, artifact_writer, finished, open_artifact
from jet.books.catalog import Catalog
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.books.split import TRAIN, split_by_date
from jet.model.features import sort_entries
from jet.retrieval.index import (
    Block,
    Hits,
    Memory,
    Queries,
    RetrievalSettings,
    build_block,
    limits,
    merge,
    plan_blocks,
)
from jet.retrieval.neighbors import History, all_hits, earlier_entries, neighbors_table
from jet.retrieval.ngrams import idf as fit_idf
from jet.retrieval.probe import Probe, probe_all
from jet.retrieval.store import TextStore
from jet.retrieval.text import normalize_all
from ray_jobs import metrics
from ray_jobs.answering import count_probes
from ray_jobs.logs import about
from ray_jobs.parts import do_parts
from ray_jobs.runtime import JobConfig, connect, main, require
from ray_jobs.texts import encode_texts

HELP = "Find every entry's most similar strictly earlier entries, for training."
KIND = "neighbors"

log = logging.getLogger("jet.neighbors")


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--entries", required=True, help="what `jet ingest` wrote")
    parser.add_argument("--output", required=True, help="folder to write; must not exist yet")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Find the neighbors of the entries at `args.entries`."""
    entries = open_artifact(args.entries, "entries")
    done = neighbors(entries, args.output, config)
    return {"output": args.output, **done.rows}


def neighbors(artifact: Artifact, output: str, config: JobConfig) -> Manifest:
    """Find the neighbors of the artifact's entries and publish them with the text store."""
    inputs = {"entries": artifact.manifest.fingerprint}
    settings = config.part("retrieval", "split")
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same neighbors already", output)
        return done
    connect(config.runtime)
    runtime = config.runtime
    require(
        (runtime.actors + runtime.index_shards) * runtime.actor_cpus,
        0,
        f"{runtime.actors} actors and {runtime.index_shards} index shards of {runtime.actor_cpus:g} CPUs each",
        "lower runtime.actors, runtime.index_shards or runtime.actor_cpus",
    )
    entries = sort_entries(artifact.read_table(ENTRIES)).combine_chunks()
    booked = entries.filter(pc.is_valid(entries["lines"]))
    store = build_store(entries, artifact.read_table(ACCOUNTS, "accounts"), config)
    idf = train_idf(booked, store, config)
    history = History.of(booked, store, Catalog.from_accounts(artifact.read_table(ACCOUNTS, "accounts")))
    queries = history.queries(entries)
    with (
        artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer,
        index_shards(history, idf, config.retrieval, runtime.index_shards, runtime.actor_cpus) as shards,
    ):
        shared = ray.put((history, queries, entries.select(["entity", "entry_id"])))
        units = [
            {"start": start, "rows": min(runtime.block_rows, len(entries) - start)}
            for start in range(0, len(entries), runtime.block_rows)
        ]
        build = partial(FindNeighbors, [shared], shards, config.retrieval)
        probes = [actor.probe.remote() for actor in shards.actors]
        rows = do_parts(units, build, writer, runtime, "neighbors", neighbors_counted)
        count_probes(chain.from_iterable(ray.get(probes)))
        writer.write_table("texts/part-0.parquet", store.to_table())
        writer.write_bytes("idf.safetensors", save_safetensors({"idf": idf}))
        facts = {"texts": len(store), "store": store.fingerprint()}
        return writer.publish({"neighbors": rows, "texts": len(store)}, facts)


def build_store(entries: pa.Table, accounts: pa.Table, config: JobConfig) -> TextStore:
    """The texts of all entries and accounts, each encoded once."""
    descriptions = pc.unique(normalize_all(entries["description"])).to_pylist()
    names = normalize_all(Catalog.from_accounts(accounts).texts()).to_pylist()
    texts = sorted(set(descriptions) | set(names))
    if config.retrieval.encoder:
        metrics.count(metrics.TEXTS_REUSED, len(entries) + len(names) - len(texts))
    return TextStore.build(texts, vectors=encode_texts(texts, config.retrieval, config.runtime))


def neighbors_counted(table: pa.Table) -> str:
    """What a part of `NEIGHBORS` adds to the metrics."""
    found = pc.sum(pc.list_value_length(table["neighbors"])).as_py() or 0
    return metrics.counted((metrics.NEIGHBORS_FOUND, found, None))


def train_idf(booked: pa.Table, store: TextStore, config: JobConfig) -> np.ndarray:
    """N-gram weights from the texts of the training rows: later texts must not have a say."""
    entity = pc.dictionary_encode(booked["entity"].combine_chunks()).indices.to_numpy()
    part = split_by_date(entity, booked["date"].cast(pa.int32()).to_numpy(), config.split)
    texts = store.rows(normalize_all(booked["description"].filter(pa.array(part == TRAIN))))
    return fit_idf(store.ngrams[np.unique(texts)])


OWN, PEERS = "own", "peers"
"""The two memories that blocks are of."""


@dataclass(frozen=True)
class Shards:
    """The shard actors, and which blocks each one holds, by memory."""

    actors: Sequence[ray.actor.ActorHandle]
    blocks: Sequence[Mapping[str, Sequence[Block]]]
    shared: ray.ObjectRef
    """What the actors were built from: as long as somebody holds it, one that dies can be built again."""

    def search(self, memory: str, queries: Queries, limit: np.ndarray, k: int) -> Hits:
        """The neighbors of `queries` in a memory; asks only shards that hold a block they may see."""
        asked = [
            actor.search.remote(memory, queries, limit, k)
            for actor, blocks in zip(self.actors, self.blocks, strict=True)
            if any(_sees(queries, limit, block) for block in blocks[memory])
        ]
        return merge([Hits.none(len(queries), k), *ray.get(asked)], k)


def _sees(queries: Queries, limit: np.ndarray, block: Block) -> bool:
    return bool(((queries.entity == block.entity) & (limit > block.start)).any())


class IndexShard:
    """Holds some blocks of the index and searches them."""

    def __init__(
        self,
        shared: list[ray.ObjectRef],
        settings: RetrievalSettings,
        blocks: Mapping[str, Sequence[Block]],
        job: str,
    ) -> None:
        self.history, idf = ray.get(shared[0])
        self.memories = memories_of(self.history)
        self.width = {OWN: settings.neighbors, PEERS: settings.peers}
        self.job = job
        self.blocks = {
            name: [build_block(block, self.memories[name], self.history.store, idf, settings) for block in some]
            for name, some in blocks.items()
        }

    def probe(self) -> list[Probe]:
        """How much of what exact search finds ScaNN finds, in each of this shard's blocks that it searches."""
        found: list[Probe] = []
        for memory, blocks in self.blocks.items():
            for each in probe_all(blocks, self.memories[memory], self.width[memory]) if blocks else []:
                number, entity = each.block.number, each.block.entity
                fields = about(
                    job=self.job,
                    stage="neighbors",
                    entity=self.history.entities[entity].as_py() if memory == OWN else None,
                    block=f"{memory}-{number}",
                )
                log.info("ScaNN finds %d of %d neighbors", each.found, each.wanted, extra=fields)
                found.append(each)
        return found

    def search(self, memory: str, queries: Queries, limit: np.ndarray, k: int) -> Hits:
        """The best rows of this shard's blocks for each of `queries`."""
        parts = [Hits.none(len(queries), k)]
        for index in self.blocks[memory]:
            if _sees(queries, limit, index.block):
                parts.append(index.search(queries, limit, k))
        return merge(parts, k)


def memories_of(history: History) -> dict[str, Memory]:
    """The entities' own books and the families'."""
    return {OWN: history.memory} | ({PEERS: history.peers.memory} if history.peers is not None else {})


@contextmanager
def index_shards(
    history: History, idf: np.ndarray, settings: RetrievalSettings, count: int, cpus: float
) -> Iterator[Shards]:
    """Spread the blocks over `count` actors, the largest first to the emptiest; they end with the context.

    One that was restarted would otherwise outlive the job where the driver goes on, and keep its CPUs.
    """
    memories = memories_of(history)
    if not settings.peers:
        memories.pop(PEERS, None)
    blocks = [(name, block) for name, some in memories.items() for block in plan_blocks(some.offsets, settings)]
    blocks.sort(key=lambda named: named[1].start - named[1].stop)
    held: list[dict[str, list[Block]]] = [{OWN: [], PEERS: []} for _ in range(min(count, len(blocks)))]
    load = [0] * len(held)
    for name, block in blocks:
        emptiest = load.index(min(load))
        held[emptiest][name].append(block)
        load[emptiest] += block.stop - block.start
    shared = ray.put((history, idf))
    actor = ray.remote(num_cpus=cpus, max_restarts=-1, max_task_retries=-1)(IndexShard)
    actors: list[Any] = [actor.remote([shared], settings, some, metrics.job_name()) for some in held]
    try:
        yield Shards(actors, held, shared)
    finally:
        for each in actors:
            ray.kill(each)


class FindNeighbors:
    """Finds the neighbors of a range of entries by asking the shards."""

    def __init__(self, shared: list[ray.ObjectRef], shards: Shards, settings: RetrievalSettings) -> None:
        self.history, self.queries, self.ids = ray.get(shared[0])
        self.shards, self.settings = shards, settings

    def __call__(self, unit: Mapping[str, Any]) -> pa.Table:
        rows = np.arange(unit["start"], unit["start"] + unit["rows"])
        queries = self.queries.take(rows)
        history, settings = self.history, self.settings
        memory, peers = history.memory, history.peers
        similar = self.shards.search(OWN, queries, limits(memory, queries), settings.neighbors)
        found = None
        if peers is not None and settings.peers:
            asked = peers.queries(queries, earlier_entries(memory, queries), settings)
            found = self.shards.search(PEERS, asked, limits(peers.memory, asked), settings.peers)
        hits = all_hits(memory, peers, queries, similar, found, settings)
        return neighbors_table(self.ids.slice(unit["start"], unit["rows"]), history, queries, hits, settings)


if __name__ == "__main__":
    sys.exit(main("neighbors", sys.modules[__name__]))
