"""Prediction with books that no process holds: those of a company are opened when its entries are predicted.

The books are what `jet ingest` wrote: booked entries in buckets of whole companies. An actor extends the bundle
by one bucket at a time (`jet.bundle.extension`), predicts the entries of its companies, and keeps the last few.
So a bundle that was trained on some companies serves all of them, and neither the driver nor a worker grows
with their number. Where the neighbors of the books were found, their texts have their vectors already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from jet.artifacts.artifact import Artifact, read_parquet
from jet.artifacts.storage import patiently
from jet.artifacts.tables import validate
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.bundle.extension import Encode, extended
from jet.prediction.session import Session
from jet.prediction.settings import PredictSettings
from ray_jobs.spread.executor import fetch
from ray_jobs.spread.predicting import read_row_group
from ray_jobs.spread.texts import read_store

OPEN = 2
"""Buckets that an actor keeps."""
UNKNOWN = ""
"""The bucket of companies that the books don't have: the bundle alone predicts these."""


@dataclass(frozen=True)
class Books:
    """Booked entries in buckets, and their neighbors, if these were found."""

    entries: Artifact
    neighbors: Artifact | None = None

    def encode(self, bucket: str, encode: Encode) -> Encode:
        """As `encode`, but for the texts of a bucket that have their vectors already."""
        names = [] if self.neighbors is None else self.neighbors.files("texts", [bucket])
        if self.neighbors is None or not names:
            return encode
        known = read_store(self.neighbors.filesystem, names)

        def encoded(texts: Sequence[str]) -> np.ndarray:
            rows = known.rows(texts)
            vectors = known.vectors[np.maximum(rows, 0)]
            new = np.flatnonzero(rows < 0)
            if len(new):
                vectors[new] = encode([texts[int(row)] for row in new])
            return vectors

        return encoded


@dataclass(frozen=True)
class Buckets:
    """Which companies' books lie in which bucket."""

    names: pa.Array  # the companies
    bucket: np.ndarray  # object [companies] the folder's name

    @classmethod
    def of(cls, books: Artifact) -> Buckets:
        """By the charts of the books, bucket by bucket."""
        names, buckets = [], []
        for name in books.files("accounts"):
            found = read_parquet(books.filesystem, name, ["entity"])
            names.append(pc.unique(found["entity"]).cast(pa.string()))
            buckets += [PurePosixPath(name).parent.name] * len(names[-1])
        return cls(pa.concat_arrays([pa.array([], pa.string()), *names]), np.array(buckets, dtype=object))

    def __call__(self, entity: pa.ChunkedArray) -> np.ndarray:
        """object [N]: the bucket of each company in `entity`."""
        found = pc.fill_null(pc.index_in(entity, value_set=self.names), -1).to_numpy()
        return np.where(found >= 0, np.append(self.bucket, UNKNOWN)[found], UNKNOWN)


def bucket_units(entries: Artifact, buckets: Buckets) -> list[dict[str, Any]]:
    """A unit of work for each row group of the `entries` and bucket of its companies, by bucket: so few are
    open at a time."""
    units = []
    for name in entries.files():
        for number, entity in enumerate(_row_groups(entries, name)):
            found, rows = np.unique(buckets(entity).astype(str), return_counts=True)
            for bucket, count in zip(found.tolist(), rows.tolist(), strict=True):
                units.append({"bucket": bucket, "file": name, "row_group": number, "rows": count})
    return sorted(units, key=lambda unit: (unit["bucket"], unit["file"], unit["row_group"]))


def _row_groups(entries: Artifact, name: str) -> Iterator[pa.ChunkedArray]:
    """The companies of each row group's entries."""
    file = patiently(pq.ParquetFile, name, filesystem=entries.filesystem)
    for number in range(file.num_row_groups):
        yield file.read_row_group(number, columns=["entity"])["entity"]


class PredictWithBooks:
    """Predicts the entries of units that `bucket_units` made."""

    def __init__(self, shared: list[Any], entries: Artifact, books: Books, settings: PredictSettings) -> None:
        bundle, self.buckets = fetch(shared)
        self.trained = Session(bundle, settings)
        self.entries, self.books = entries, books
        self.session = lru_cache(maxsize=OPEN)(self._session)

    def __call__(self, unit: dict[str, Any]) -> pa.Table:
        group = patiently(read_row_group, self.entries.filesystem, unit)
        own = self.buckets(group["entity"]) == unit["bucket"]
        return self.session(unit["bucket"])(group.filter(pa.array(own)))

    def _session(self, bucket: str) -> Session:
        """Predicts the entries of a bucket's companies: of those without books, by the charts that come with
        the entries."""
        names = self.buckets.names.filter(pa.array(self.buckets.bucket == bucket))
        booked, charts = ENTRIES.empty_table(), [ACCOUNTS.empty_table()]
        encode: Encode = self.trained.encode
        if bucket != UNKNOWN:
            books = self.books.entries
            booked = books.read_table(ENTRIES, buckets=[bucket])
            booked = booked.filter(pc.is_valid(booked["lines"]))
            charts.append(books.read_table(ACCOUNTS, "accounts", [bucket]))
            encode = self.books.encode(bucket, encode)
        own = pads.field("entity").isin(names if bucket != UNKNOWN else self.buckets.names)
        charts.append(_charts(self.entries, own if bucket != UNKNOWN else ~own))
        trained = self.trained
        bundle = extended(trained.bundle, pa.concat_tables(charts), encode, booked, decisive=False)
        return Session(bundle, trained.settings, trained.encoder)


def _charts(entries: Artifact, some: pads.Expression) -> pa.Table:
    """The charts of some companies of the entries to predict."""
    names = entries.files("accounts")

    def read() -> pa.Table:
        return pads.dataset(names, format="parquet", filesystem=entries.filesystem).to_table(filter=some)

    return validate(patiently(read), ACCOUNTS, f"{entries.path}/accounts")
