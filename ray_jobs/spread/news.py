"""What comes with entries to predict that the bundle doesn't know yet: texts, charts, reviewed entries."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from jet.artifacts.artifact import Artifact
from jet.artifacts.tables import validate
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.bundle.bundle import Bundle
from jet.bundle.extension import extended
from ray_jobs.runtime import metrics
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.texts import encode_texts

log = logging.getLogger("jet.predict")


def descriptions(artifact: Artifact) -> Iterator[pa.ChunkedArray]:
    """The entries' texts, part by part."""
    schema = pa.schema([ENTRIES.field("description")])
    for name in artifact.files():
        for part in pq.ParquetFile(name, filesystem=artifact.filesystem).iter_batches(columns=schema.names):
            yield validate(pa.Table.from_batches([part]), schema, name)["description"]


def with_news(bundle: Bundle, artifact: Artifact, reviewed: Artifact | None, config: JobConfig) -> Bundle:
    """The bundle with the charts that come with the entries, and with the reviewed entries."""
    accounts = [artifact.read_table(ACCOUNTS, "accounts")]
    entries = None
    if reviewed is not None:
        accounts.append(reviewed.read_table(ACCOUNTS, "accounts"))
        entries = reviewed.read_table(ENTRIES)
    grown = extended(
        bundle,
        pa.concat_tables(accounts),
        partial(encode_texts, retrieval=bundle.retrieval, runtime=config.runtime),
        entries,
    )
    if grown is not bundle:
        log.info("with the news: %s; before: %s", _size(grown), _size(bundle))
    return grown


def _size(bundle: Bundle) -> str:
    companies, accounts = len(bundle.corpus.catalog.entities), len(bundle.corpus.catalog)
    return f"{companies} companies, {accounts} accounts, {len(bundle.corpus.ids)} entries in memory"


def answers_counted(table: pa.Table) -> str:
    """What a part of `PREDICTIONS` adds to the metrics."""
    confidence = table["confidence"].to_numpy()
    return metrics.counted(*metrics.buckets_of(metrics.CONFIDENCE, confidence, metrics.CONFIDENCES))
