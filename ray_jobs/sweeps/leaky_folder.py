"""Data folders with leaky neighbors: the same entries, with neighbors that ignore dates.

The rows of an ablation that measure such a leak train on one.
"""

from __future__ import annotations

from jet.artifacts.artifact import Artifact, artifact_writer, digest_of, finished
from jet.artifacts.layout import DATA
from jet.experiments.ablation.ablation import Neighbors
from jet.experiments.ablation.leaky_neighbors import noncausal_neighbors, undated_neighbors
from ray_jobs.ddp.training import load_data
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.buckets import bucket_file, write_bucket

LEAKY = {"noncausal": noncausal_neighbors, "undated": undated_neighbors}


def leaky_folder(kind: Neighbors, entries: Artifact, neighbors: Artifact, config: JobConfig, work: str) -> str:
    """The path of the folder with leaky neighbors of a kind, below `work`: those of the booked entries that
    train or are measured on, in one bucket. Finished parts are kept."""
    made_with = neighbors.manifest.config | config.part("split") | {"kind": kind}
    folder = f"{work}/{kind}-{digest_of([made_with, neighbors.manifest.fingerprint])}"
    data = load_data(entries, neighbors, config)
    config_of, inputs = entries.manifest.config, entries.manifest.inputs
    books = finished(f"{folder}/entries", "entries", config_of, inputs)
    if books is None:
        with artifact_writer(f"{folder}/entries", "entries", config_of, inputs) as writer:
            write_bucket(0, data.entries, data.corpus.catalog.accounts, writer)
            books = writer.publish({"entries": len(data.entries)})
    inputs = {"entries": books.fingerprint}
    if finished(f"{folder}/neighbors", "neighbors", made_with, inputs) is None:
        table = LEAKY[kind](data)
        with artifact_writer(f"{folder}/neighbors", "neighbors", made_with, inputs) as writer:
            writer.write_table(f"{DATA}/{bucket_file(0)}", table)
            writer.write_table(f"texts/{bucket_file(0)}", data.corpus.store.to_table())
            writer.write_bytes("idf.safetensors", neighbors.read_bytes("idf.safetensors"))
            writer.publish({"neighbors": len(table), "texts": len(data.corpus.store)})
    return folder
