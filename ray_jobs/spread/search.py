"""The search of `jet neighbors` over a cluster, bucket by bucket: an entry sees its own company's past and that
of its family, which its bucket has.

A bucket is searched by one actor. Only the blocks of a company that is far larger than a bucket should be
are spread over shards, and its entries over actors. Blocks are a function of the data alone, so both give the
same neighbors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray
from pyarrow import fs as pafs

from jet.artifacts.artifact import Artifact, read_parquet
from jet.artifacts.storage import patiently
from jet.books.catalog import Catalog
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.books.sorting import sort_entries
from jet.books.split import SplitSettings
from jet.retrieval.collection import Hits, Queries, limits
from jet.retrieval.columns import entry_columns
from jet.retrieval.neighbors import neighbors_table
from jet.retrieval.probe import Probe
from jet.retrieval.retriever import Retriever, Search
from jet.retrieval.settings import RetrievalSettings
from jet.texts.store import TextStore
from jet.training.preparing import booked_corpus, training_idf, training_texts
from ray_jobs.runtime import metrics
from ray_jobs.spread.executor import fetch
from ray_jobs.spread.shards import Blocks, Shards, probed, shared_out
from ray_jobs.spread.texts import ENCODER, read_store

RECALL = b"recall"
"""In the metadata of a table of neighbors: the hits of exact search, and those of them that ScaNN finds, on a
sample."""


@dataclass(frozen=True)
class Searched:
    """The entries whose neighbors are found, and their texts, bucket by bucket."""

    entries: Artifact
    texts: Mapping[str, Sequence[str]]
    """The files of each bucket's texts."""
    filesystem: pafs.FileSystem
    """Where the texts lie; the entries may lie elsewhere."""
    retrieval: RetrievalSettings

    def store(self, buckets: Sequence[str], columns: Sequence[str] | None = None) -> TextStore:
        """The texts of some buckets, each once; without their vectors, if `columns` leave these out."""
        names = [name for bucket in buckets for name in self.texts[bucket]]
        return read_store(self.filesystem, names, columns)


@dataclass(frozen=True)
class OpenBucket:
    """A bucket whose entries are searched and asked for their neighbors. It holds arrays alone, so that
    processes can share one."""

    retriever: Retriever
    queries: Queries
    """All entries of the bucket, sorted."""
    ids: pa.Table
    """Their columns entity and entry_id."""

    def neighbors(self, start: int, rows: int, search: Search | None = None) -> pa.Table:
        """The neighbors (`NEIGHBORS`) of `rows` entries from `start` on; `search` as in `Retriever.hits`."""
        queries = self.queries.take(np.arange(start, start + rows))
        hits = self.retriever.hits(queries, search)
        corpus, settings = self.retriever.corpus, self.retriever.settings
        return neighbors_table(self.ids.slice(start, rows), queries, hits, corpus, settings)


def open_bucket(searched: Searched, bucket: str, idf: np.ndarray) -> OpenBucket:
    """Open a bucket; `idf` float32 [8192] are the weights of n-grams."""
    entries = sort_entries(searched.entries.read_table(ENTRIES, buckets=[bucket]))
    catalog = Catalog.from_accounts(searched.entries.read_table(ACCOUNTS, "accounts", [bucket]))
    store = searched.store([bucket])
    columns = entry_columns(entries, catalog, store)
    corpus = booked_corpus(entries, columns, catalog, store, idf)
    queries = columns.queries(np.arange(len(columns)))
    return OpenBucket(Retriever.of(corpus, searched.retrieval), queries, entries.select(["entity", "entry_id"]))


def sample_idf(searched: Searched, buckets: Sequence[str], split: SplitSettings) -> np.ndarray:
    """The weights of n-grams, float32 [8192], from the training rows of the `buckets` that train."""
    filesystem, columns = searched.entries.filesystem, ["entity", "date", "description", "lines"]
    texts = []
    for bucket in buckets:
        names = searched.entries.files(buckets=[bucket])
        table = pa.concat_tables([read_parquet(filesystem, name, columns) for name in names])
        texts.append(training_texts(table, split))
    store = searched.store(buckets, ["text", "masked", "ngram_columns", "ngram_counts"])
    return training_idf(pa.chunked_array(texts, pa.string()).unique(), store)


def encoder_of(searched: Searched) -> str:
    """The identity of the encoder that made the texts' vectors; "" for none."""
    name = next((name for names in searched.texts.values() for name in names), None)
    if name is None:
        return ""
    schema = patiently(pq.read_schema, name, filesystem=searched.filesystem)
    return (schema.metadata or {}).get(ENCODER, b"").decode()


class FindNeighbors:
    """Finds the neighbors of whole buckets."""

    def __init__(self, searched: Searched, idf: np.ndarray, job: str) -> None:
        self.searched, self.idf, self.job = searched, idf, job

    def __call__(self, unit: Mapping[str, Any]) -> pa.Table:
        opened = open_bucket(self.searched, unit["bucket"], self.idf)
        retriever = opened.retriever.with_prefixes()
        probes = [
            probe
            for name, blocks in retriever.blocks.items()
            for probe in probed(retriever, name, list(blocks.values()), self.job)
        ]
        table = opened.neighbors(0, unit["rows"], retriever.search)
        return table.replace_schema_metadata({RECALL: _recall(probes)})


def shares_of(shared: list[ray.ObjectRef], count: int) -> Sequence[Blocks]:
    """`shared_out` of an open bucket."""
    return shared_out(fetch(shared).retriever, count)


class FindInShards:
    """Finds the neighbors of ranges of a bucket's entries in the shards of its index."""

    def __init__(self, shared: list[ray.ObjectRef], shards: Shards) -> None:
        self.opened: OpenBucket = fetch(shared)
        self.shards = shards

    def __call__(self, unit: Mapping[str, Any]) -> pa.Table:
        return self.opened.neighbors(unit["start"], unit["rows"], self.search)

    def search(self, name: str, queries: Queries, k: int) -> Hits:
        """The hits of all shards in a collection."""
        limit = limits(self.opened.retriever.collections[name], queries)
        return self.shards.search(name, queries, limit, k)


def neighbors_counted(table: pa.Table) -> str:
    """The metrics that a part of `NEIGHBORS` adds to."""
    count = pc.sum(pc.list_value_length(table["neighbors"])).as_py() or 0
    exact, recalled = map(int, (table.schema.metadata or {}).get(RECALL, b"0 0").split())
    return metrics.counted(
        (metrics.NEIGHBORS_FOUND, count, None),
        (metrics.RECALL_WANTED, exact, None),
        (metrics.RECALL_FOUND, recalled, None),
    )


def count_probes(probes: Iterable[Probe]) -> None:
    """Count the hits of exact search, and those of them that ScaNN finds."""
    for each in probes:
        metrics.count(metrics.RECALL_WANTED, each.exact)
        metrics.count(metrics.RECALL_FOUND, each.recalled)


def _recall(probes: Sequence[Probe]) -> str:
    return f"{sum(each.exact for each in probes)} {sum(each.recalled for each in probes)}"
