"""`jet neighbors`: every entry's most similar earlier entries, of its own entity and of its peers.

All work is by bucket of `jet ingest`, and no worker holds more than one: first each bucket's distinct texts are
encoded, then the neighbors of its entries are searched (`ray_jobs.spread.search`). A neighbor's row counts in
the booked entries of its bucket. The weights of n-grams are the same for all: they come from the buckets that
train (`jet.searched.sample`).

A job that broke off goes on with the parts that are missing.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from typing import Any

import jsonargparse
import numpy as np
import ray
from safetensors.numpy import save as save_safetensors

from jet.artifacts.artifact import (
    Artifact,
    ArtifactWriter,
    Manifest,
    artifact_writer,
    digest_of,
    finished,
    open_artifact,
)
from jet.artifacts.layout import in_bucket
from ray_jobs.options import neighbors as options
from ray_jobs.runtime import metrics
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect, require
from ray_jobs.runtime.settings import JobConfig, RuntimeSettings
from ray_jobs.spread.executor import once
from ray_jobs.spread.parts import Rows, do_parts, part_name
from ray_jobs.spread.sample import bucket_rows, training_buckets
from ray_jobs.spread.search import (
    FindInShards,
    FindNeighbors,
    Searched,
    count_probes,
    encoder_of,
    neighbors_counted,
    open_bucket,
    sample_idf,
    shares_of,
)
from ray_jobs.spread.shards import index_shards
from ray_jobs.spread.texts import EncodeBucket, texts_counted

KIND = "neighbors"
NEIGHBORS = Rows(KIND, neighbors_counted)

SPREAD_FROM = 4
"""A bucket with more than so many times `runtime.bucket_rows` entries is spread. Buckets that are spread come
one after another, and actors start for each: a smaller one is sooner done by one actor beside others."""

log = logging.getLogger("jet.neighbors")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Find the neighbors of the entries at `args.entries`."""
    entries = open_artifact(args.entries, "entries")
    done = neighbors(entries, args.output, config)
    return {"output": args.output, **done.rows}


def neighbors(artifact: Artifact, output: str, config: JobConfig) -> Manifest:
    """Find the neighbors of the artifact's entries and publish them with their texts."""
    inputs = {"entries": artifact.manifest.fingerprint}
    settings = config.part("retrieval", "split")
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same neighbors already", output)
        return done
    connect(config.runtime)
    runtime, plan = config.runtime, planned(artifact, config)
    shards = runtime.index_shards if plan.spread else 0
    require(
        runtime,
        (runtime.actors + shards) * runtime.actor_cpus,
        0,
        f"{runtime.actors} actors and {shards} index shards of {runtime.actor_cpus:g} CPUs each",
        "lower runtime.actors, runtime.index_shards or runtime.actor_cpus",
    )
    run_name = digest_of([settings, inputs, asdict(plan)])
    with artifact_writer(output, KIND, settings, inputs, run=run_name, resolved=asdict(config)) as writer:
        encode = partial(EncodeBucket, artifact, config.retrieval, runtime.text_cache)
        texts = do_parts(plan.texts, encode, writer, runtime, Rows("texts", texts_counted))
        files: dict[str, list[str]] = {}
        for unit in plan.texts:
            files.setdefault(unit["bucket"], []).append(f"{writer.staging}/{unit['name']}")
        searched = Searched(artifact, files, writer.filesystem, config.retrieval)
        sample = training_buckets(artifact, config.split)
        idf = once(sample_idf, runtime, searched, sample, config.split)
        writer.write_bytes("idf.safetensors", save_safetensors({"idf": idf}))
        find = partial(FindNeighbors, searched, idf, metrics.job_name())
        rows = do_parts(plan.whole, find, writer, runtime, NEIGHBORS)
        for bucket, units in plan.spread.items():
            rows += _spread(searched, bucket, idf, units, writer, runtime)
        facts = {"buckets": len(files), "sample": sample, "encoder": encoder_of(searched)}
        return writer.publish({"neighbors": rows, "texts": texts}, facts)


@dataclass(frozen=True)
class Plan:
    """The units of work of a run (see `do_parts`)."""

    texts: list[dict[str, Any]]
    """Shares of each bucket's texts."""
    whole: list[dict[str, Any]]
    """Buckets that an actor searches by itself."""
    spread: dict[str, list[dict[str, Any]]]
    """Of each other bucket, ranges of its entries."""


def planned(artifact: Artifact, config: JobConfig) -> Plan:
    """The plan for the buckets of the artifact; those of companies far larger than a bucket are spread."""
    runtime = config.runtime
    texts, whole = [], []
    spread: dict[str, list[dict[str, Any]]] = {}
    for bucket, rows in bucket_rows(artifact).items():
        shares = max(1, -(-rows // runtime.bucket_rows))
        for share in range(shares):
            name = in_bucket(bucket, part_name(share), "texts")
            texts.append({"name": name, "bucket": bucket, "share": share, "of": shares})
        if not rows:
            continue
        if rows > SPREAD_FROM * runtime.bucket_rows:
            starts = range(0, rows, runtime.block_rows)
            spread[bucket] = [
                {
                    "name": in_bucket(bucket, part_name(number)),
                    "start": start,
                    "rows": min(runtime.block_rows, rows - start),
                }
                for number, start in enumerate(starts)
            ]
        else:
            whole.append({"name": in_bucket(bucket, part_name(0)), "bucket": bucket, "rows": rows})
    return Plan(texts, whole, spread)


def _spread(
    searched: Searched,
    bucket: str,
    idf: np.ndarray,
    units: list[dict[str, Any]],
    writer: ArtifactWriter,
    runtime: RuntimeSettings,
) -> int:
    """Search a bucket on all actors; returns the number of its entries. A worker opens it and puts it into the
    object store: the driver never has it."""
    opened = ray.remote(num_cpus=runtime.actor_cpus)(open_bucket).remote(searched, bucket, idf)
    held = once(shares_of, runtime, [opened], runtime.index_shards)
    with index_shards(opened, held, runtime.actor_cpus) as shards:
        probes = [actor.probe.remote() for actor in shards.actors]
        find = partial(FindInShards, [opened], shards)
        rows = do_parts(units, find, writer, runtime, NEIGHBORS)
        count_probes(chain.from_iterable(ray.get(probes)))
    return rows


if __name__ == "__main__":
    sys.exit(main("neighbors", options, run))
