"""Data folders with leaky neighbors: the same entries, with neighbors that ignore dates.

The rows of an ablation that measure such a leak train on one.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.artifacts.artifact import Artifact, artifact_writer, digest_of, finished
from jet.books.schema import ENTRIES, NEIGHBORS
from jet.books.sorting import sort_entries
from jet.experiments.ablation.ablation import Neighbors
from jet.experiments.ablation.leaky_neighbors import noncausal_neighbors, undated_neighbors
from ray_jobs.ddp.training import load_data
from ray_jobs.runtime.settings import JobConfig

LEAKY = {"noncausal": noncausal_neighbors, "undated": undated_neighbors}


def leaky_folder(kind: Neighbors, entries: Artifact, neighbors: Artifact, config: JobConfig, work: str) -> str:
    """The path of the folder with leaky neighbors of a kind, below `work`; finished parts are kept."""
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
        table = _in_place(LEAKY[kind](load_data(entries, neighbors, config)), entries, neighbors)
        with artifact_writer(f"{folder}/neighbors", "neighbors", made_with, manifest.inputs) as writer:
            for name in manifest.files:
                if not name.startswith("part-"):
                    writer.write_bytes(name, neighbors.read_bytes(name))
            writer.write_table("part-000000.parquet", table)
            writer.publish({"neighbors": len(table)})
    return folder


def _in_place(leaky: pa.Table, entries: Artifact, neighbors: Artifact) -> pa.Table:
    """The table `neighbors`, in which the rows of booked entries are those of `leaky`."""
    every = neighbors.read_table(NEIGHBORS)
    booked = pc.is_valid(sort_entries(entries.read_table(ENTRIES))["lines"]).to_numpy()
    place = np.where(booked, np.cumsum(booked) - 1, len(leaky) + np.cumsum(~booked) - 1)
    return pa.concat_tables([leaky, every.filter(pa.array(~booked))]).take(pa.array(place))
