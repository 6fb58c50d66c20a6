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
from dataclasses import asdict
from functools import partial
from itertools import chain
from typing import Any

import jsonargparse
import numpy as np
import ray
from safetensors.numpy import save as save_safetensors

from jet.artifacts.artifact import Artifact, Manifest, artifact_writer, finished, open_artifact
from jet.books.catalog import Catalog
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.books.sorting import sort_entries
from jet.retrieval.columns import entry_columns
from jet.retrieval.retriever import Retriever
from jet.training.preparing import booked_corpus
from ray_jobs.options import neighbors as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect, require
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.parts import do_parts
from ray_jobs.spread.search import FindNeighbors, build_store, count_probes, neighbors_counted
from ray_jobs.spread.shards import index_shards

KIND = "neighbors"

log = logging.getLogger("jet.neighbors")


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
    entries = sort_entries(artifact.read_table(ENTRIES))
    catalog = Catalog.from_accounts(artifact.read_table(ACCOUNTS, "accounts"))
    store = build_store(entries, catalog, config)
    columns = entry_columns(entries, catalog, store)
    retriever = Retriever.of(booked_corpus(entries, columns, catalog, store, config.split), config.retrieval)
    with (
        artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer,
        index_shards(retriever, runtime.index_shards, runtime.actor_cpus) as shards,
    ):
        queries = columns.queries(np.arange(len(columns)))
        shared = ray.put((retriever, queries, entries.select(["entity", "entry_id"])))
        units = [
            {"start": start, "rows": min(runtime.block_rows, len(entries) - start)}
            for start in range(0, len(entries), runtime.block_rows)
        ]
        build = partial(FindNeighbors, [shared], shards)
        probes = [actor.probe.remote() for actor in shards.actors]
        rows = do_parts(units, build, writer, runtime, "neighbors", neighbors_counted)
        count_probes(chain.from_iterable(ray.get(probes)))
        writer.write_table("texts/part-0.parquet", store.to_table())
        writer.write_bytes("idf.safetensors", save_safetensors({"idf": retriever.corpus.idf}))
        facts = {"texts": len(store), "store": store.fingerprint()}
        return writer.publish({"neighbors": rows, "texts": len(store)}, facts)


if __name__ == "__main__":
    sys.exit(main("neighbors", options, run))
