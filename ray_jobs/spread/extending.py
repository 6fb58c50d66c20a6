"""Extends a bundle for one run of `jet predict`: with the entries' charts, and with reviewed entries."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq

from jet.artifacts.artifact import Artifact
from jet.artifacts.tables import validate
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.bundle.bundle import Bundle
from jet.bundle.extension import extended
from jet.prediction.checking import CHECKED_BY
from ray_jobs.runtime import metrics
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.predicting import CheckSlice, over_slices, shared_predictor
from ray_jobs.spread.texts import encode_texts

log = logging.getLogger("jet.predict")


def columns_of(artifact: Artifact, *names: str) -> Iterator[pa.Table]:
    """Some columns of the entries, part by part."""
    schema = pa.schema([ENTRIES.field(name) for name in names])
    for name in artifact.files():
        for part in pq.ParquetFile(name, filesystem=artifact.filesystem).iter_batches(columns=schema.names):
            yield validate(pa.Table.from_batches([part]), schema, name)


def extended_by(bundle: Bundle, artifact: Artifact, reviewed: Artifact | None, config: JobConfig) -> Bundle:
    """The bundle with the charts of the artifact's entries, and with the reviewed entries."""
    accounts = [artifact.read_table(ACCOUNTS, "accounts")]
    entries = answers = None
    if reviewed is not None:
        accounts.append(reviewed.read_table(ACCOUNTS, "accounts"))
        entries = reviewed.read_table(ENTRIES)
        answers = checked(bundle, entries, accounts[-1], config) if len(entries) else None
    result = extended(
        bundle,
        pa.concat_tables(accounts),
        partial(encode_texts, retrieval=bundle.retrieval, runtime=config.runtime),
        entries,
        answers,
    )
    if result is not bundle:
        log.info("extended the bundle: %s; before: %s", _size(result), _size(bundle))
    return result


def checked(bundle: Bundle, reviewed: pa.Table, accounts: pa.Table, config: JobConfig) -> pa.Table:
    """The bundle's answers (`CHECKED`) to `reviewed` entries (`ENTRIES`) with the charts `accounts`, which
    actors give before it learns them."""
    encode = partial(encode_texts, retrieval=bundle.retrieval, runtime=config.runtime)
    known = extended(bundle, accounts, encode)
    settings = replace(config.predict, method="ranker")  # whose answers the records count
    shared = shared_predictor(known, settings, [reviewed["description"]], config.runtime)
    return over_slices(CheckSlice, shared, reviewed, config.runtime, keys=CHECKED_BY)


def _size(bundle: Bundle) -> str:
    companies, accounts = len(bundle.corpus.catalog.entities), len(bundle.corpus.catalog)
    return f"{companies} companies, {accounts} accounts, {len(bundle.corpus.ids)} booked entries"


def prediction_metrics(table: pa.Table) -> str:
    """The metrics of a part of the predictions (`PREDICTIONS`)."""
    confidence = table["confidence"].to_numpy()
    return metrics.counted(*metrics.buckets_of(metrics.CONFIDENCE, confidence, metrics.CONFIDENCES))
