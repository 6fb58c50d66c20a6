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
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import partial
from itertools import chain
from typing import Any

import jsonargparse
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray
from safetensors.numpy import save as save_safetensors

from jet.artifacts.artifact import Artifact, Manifest, artifact_writer, finished, open_artifact
from jet.books.catalog import Catalog
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.books.split import TRAIN, split_by_date
from jet.model.columns import sort_entries
from jet.retrieval.memory import limits
from jet.retrieval.neighbors import History, all_hits, earlier_entries, neighbors_table
from jet.retrieval.probe import Probe
from jet.retrieval.settings import RetrievalSettings
from jet.texts.ngrams import idf as fit_idf
from jet.texts.normalize import normalize_all
from jet.texts.store import TextStore
from ray_jobs.runtime import metrics
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect, require
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.parts import do_parts
from ray_jobs.spread.shards import OWN, PEERS, Shards, index_shards
from ray_jobs.spread.texts import encode_texts

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
        runtime,
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


def count_probes(probes: Iterable[Probe]) -> None:
    """Count what was found of what exact search finds."""
    for each in probes:
        metrics.count(metrics.RECALL_WANTED, each.wanted)
        metrics.count(metrics.RECALL_FOUND, each.found)


def train_idf(booked: pa.Table, store: TextStore, config: JobConfig) -> np.ndarray:
    """N-gram weights from the texts of the training rows: later texts must not have a say."""
    entity = pc.dictionary_encode(booked["entity"].combine_chunks()).indices.to_numpy()
    part = split_by_date(entity, booked["date"].cast(pa.int32()).to_numpy(), config.split)
    texts = store.rows(normalize_all(booked["description"].filter(pa.array(part == TRAIN))))
    return fit_idf(store.ngrams[np.unique(texts)])


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
