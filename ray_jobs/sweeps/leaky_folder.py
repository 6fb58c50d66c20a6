"""A data folder whose neighbors leak: the same entries, with neighbors that don't regard dates.

The rows of an ablation that measure such a leak train on one.
"""

from __future__ import annotations

from jet.artifacts.artifact import Artifact, artifact_writer, digest_of, finished
from jet.experiments.ablation.ablation import Neighbors
from jet.experiments.ablation.leaky_neighbors import noncausal_neighbors, undated_neighbors
from ray_jobs.ddp.training import load_data
from ray_jobs.runtime.settings import JobConfig

LEAKY = {"noncausal": noncausal_neighbors, "undated": undated_neighbors}


def leaky_folder(kind: Neighbors, entries: Artifact, neighbors: Artifact, config: JobConfig, work: str) -> str:
    """The folder with leaky neighbors of a kind, below `work`; what of it is there already stays."""
    made_with = neighbors.manifest.config | config.part("split") | {"kind": kind}
    folder = f"{work}/{kind}-{digest_of([made_with, neighbors.manifest.fingerprint])}"
    manifest = entries.manifest
    if finished(f"{folder}/entries", "entries", manifest.config, manifest.inputs) is None:
        with artifact_writer(f"{folder}/entries", "entries", manifest.config, manifest.inputs) as writer:
            for name in manifest.files:
                writer.write_bytes(name, entries.read_bytes(name))
            writer.publish(manifest.rows)
    manifest = neighbors.manifest
    if finished(f"{folder}/neighbors", "neighbors", made_with, manifest.inputs) is None:
        table = LEAKY[kind](load_data(entries, neighbors, config))
        with artifact_writer(f"{folder}/neighbors", "neighbors", made_with, manifest.inputs) as writer:
            for name in manifest.files:
                if not name.startswith("part-"):
                    writer.write_bytes(name, neighbors.read_bytes(name))
            writer.write_table("part-000000.parquet", table)
            writer.publish({"neighbors": len(table)})
    return folder
