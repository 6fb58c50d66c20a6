"""`jet neighbors`: every entry's most similar earlier entries of its own entity.

Each distinct text is encoded once, on a pool of actors. The blocks of the index are spread over shard actors;
every part of the entries asks the shards that hold its entities, and merges what they answer by a total
order. Blocks are a function of the data alone, so the result doesn't depend on the number of shards.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
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
    Queries,
    RetrievalSettings,
    build_block,
    limits,
    merge,
    plan_blocks,
    with_latest,
)
from jet.retrieval.neighbors import History, neighbors_table
from jet.retrieval.ngrams import idf as fit_idf
from jet.retrieval.store import TextStore
from jet.retrieval.text import normalize_all
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
    history = History.of(booked, store)
    queries = history.queries(entries)
    with artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer:
        shards = start_shards(history, idf, config.retrieval, runtime.index_shards, runtime.actor_cpus)
        shared = ray.put((history, queries, entries.select(["entity", "entry_id"])))
        units = [
            {"start": start, "rows": min(runtime.block_rows, len(entries) - start)}
            for start in range(0, len(entries), runtime.block_rows)
        ]
        build = partial(FindNeighbors, [shared], shards, config.retrieval)
        rows = do_parts(units, build, writer, runtime, "neighbors")
        writer.write_table("texts/part-0.parquet", store.to_table())
        writer.write_bytes("idf.safetensors", save_safetensors({"idf": idf}))
        facts = {"texts": len(store), "store": store.fingerprint()}
        return writer.publish({"neighbors": rows, "texts": len(store)}, facts)


def build_store(entries: pa.Table, accounts: pa.Table, config: JobConfig) -> TextStore:
    """The texts of all entries and accounts, each encoded once."""
    descriptions = pc.unique(normalize_all(entries["description"])).to_pylist()
    names = normalize_all(Catalog.from_accounts(accounts).texts()).to_pylist()
    texts = sorted(set(descriptions) | set(names))
    return TextStore.build(texts, vectors=encode_texts(texts, config.retrieval, config.runtime))


def train_idf(booked: pa.Table, store: TextStore, config: JobConfig) -> np.ndarray:
    """N-gram weights from the texts of the training rows: later texts must not have a say."""
    entity = pc.dictionary_encode(booked["entity"].combine_chunks()).indices.to_numpy()
    part = split_by_date(entity, booked["date"].cast(pa.int32()).to_numpy(), config.split)
    texts = store.rows(normalize_all(booked["description"].filter(pa.array(part == TRAIN))))
    return fit_idf(store.ngrams[np.unique(texts)])


@dataclass(frozen=True)
class Shards:
    """The shard actors, and which blocks each one holds."""

    actors: Sequence[ray.actor.ActorHandle]
    blocks: Sequence[Sequence[Block]]
    shared: ray.ObjectRef
    """What the actors were built from: as long as somebody holds it, one that dies can be built again."""

    def search(self, queries: Queries, limit: np.ndarray, k: int) -> Hits:
        """The neighbors of `queries`; asks only shards that hold a block they may see."""
        asked = [
            actor.search.remote(queries, limit, k)
            for actor, blocks in zip(self.actors, self.blocks, strict=True)
            if any(bool(((queries.entity == b.entity) & (limit > b.start)).any()) for b in blocks)
        ]
        return merge([Hits.none(len(queries), k), *ray.get(asked)], k)


class IndexShard:
    """Holds some blocks of the index and searches them."""

    def __init__(
        self, shared: list[ray.ObjectRef], settings: RetrievalSettings, blocks: Sequence[Block]
    ) -> None:
        history, idf = ray.get(shared[0])
        self.blocks = [build_block(block, history.memory, history.store, idf, settings) for block in blocks]

    def search(self, queries: Queries, limit: np.ndarray, k: int) -> Hits:
        """The best rows of this shard's blocks for each of `queries`."""
        parts = [Hits.none(len(queries), k)]
        for index in self.blocks:
            if bool(((queries.entity == index.block.entity) & (limit > index.block.start)).any()):
                parts.append(index.search(queries, limit, k))
        return merge(parts, k)


def start_shards(
    history: History, idf: np.ndarray, settings: RetrievalSettings, count: int, cpus: float
) -> Shards:
    """Spread the blocks over `count` actors, the largest first to the emptiest, and start these."""
    blocks = sorted(plan_blocks(history.memory.offsets, settings), key=lambda b: b.start - b.stop)
    held: list[list[Block]] = [[] for _ in range(min(count, len(blocks)))]
    for block in blocks:
        min(held, key=lambda some: sum(b.stop - b.start for b in some)).append(block)
    shared = ray.put((history, idf))
    actor = ray.remote(num_cpus=cpus, max_restarts=-1, max_task_retries=-1)(IndexShard)
    actors: list[Any] = [actor.remote([shared], settings, some) for some in held]
    return Shards(actors, held, shared)


class FindNeighbors:
    """Finds the neighbors of a range of entries by asking the shards."""

    def __init__(self, shared: list[ray.ObjectRef], shards: Shards, settings: RetrievalSettings) -> None:
        self.history, self.queries, self.ids = ray.get(shared[0])
        self.shards, self.settings = shards, settings

    def __call__(self, unit: Mapping[str, Any]) -> pa.Table:
        rows = np.arange(unit["start"], unit["start"] + unit["rows"])
        queries = self.queries.take(rows)
        memory = self.history.memory
        limit = limits(memory, queries)
        hits = self.shards.search(queries, limit, self.settings.neighbors)
        hits = with_latest(hits, limit, memory, queries, self.settings.latest)
        return neighbors_table(self.ids.slice(unit["start"], unit["rows"]), self.history, queries, hits)


if __name__ == "__main__":
    sys.exit(main("neighbors", sys.modules[__name__]))
