"""Which buckets of an artifact of entries train, as `jet.books.sample` says, and whose neighbors are theirs."""

from __future__ import annotations

import logging
from typing import Any

import pyarrow.parquet as pq

from jet.artifacts.artifact import Artifact
from jet.artifacts.storage import patiently
from jet.books.sample import sampled
from jet.books.split import SplitSettings

log = logging.getLogger("jet.data")


def bucket_rows(entries: Artifact) -> dict[str, int]:
    """How many entries each bucket has, by the footers of its files."""
    return {
        bucket: sum(
            patiently(pq.read_metadata, name, filesystem=entries.filesystem).num_rows
            for name in entries.files(buckets=[bucket])
        )
        for bucket in entries.buckets()
    }


def training_buckets(entries: Artifact, split: SplitSettings) -> list[str]:
    """The buckets that train and are measured on."""
    rows = bucket_rows(entries)
    buckets = sampled(rows, split.sample)
    if len(buckets) < len(rows):
        log.info(
            "a sample of %d of %d buckets, with %d of %d entries, is trained and measured on (split.sample)",
            *(len(buckets), len(rows), sum(rows[bucket] for bucket in buckets), sum(rows.values())),
        )
    return buckets


def refuse_other_neighbors(neighbors: Artifact, entries: Artifact, retrieval: dict[str, Any]) -> None:
    """Raise `ValueError` where the neighbors are not those of the entries, found by these settings."""
    if neighbors.manifest.inputs != {"entries": entries.manifest.fingerprint}:
        raise ValueError(f"{neighbors.path} were not made from {entries.path}: run `jet neighbors` again")
    if neighbors.manifest.config["retrieval"] != retrieval:
        raise ValueError(
            f"{neighbors.path} were found with other settings of retrieval than these: run `jet neighbors` "
            "again, or give the same ones"
        )
