"""The search of `jet neighbors` over a cluster: actors encode the texts, others search shards of the index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray

from jet.books.catalog import Catalog
from jet.retrieval.collection import Hits, Queries, limits
from jet.retrieval.neighbors import neighbors_table
from jet.retrieval.probe import Probe
from jet.texts.store import TextStore
from jet.training.preparing import distinct_texts
from ray_jobs.runtime import metrics
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.shards import Shards
from ray_jobs.spread.texts import encode_texts


def build_store(entries: pa.Table, catalog: Catalog, config: JobConfig) -> TextStore:
    """The texts of all entries and accounts, each encoded once."""
    texts = distinct_texts(entries, catalog)
    if config.retrieval.encoder:
        metrics.count(metrics.TEXTS_REUSED, len(entries) + len(catalog) - len(texts))
    return TextStore.build(texts, vectors=encode_texts(texts, config.retrieval, config.runtime))


def neighbors_counted(table: pa.Table) -> str:
    """The metrics that a part of `NEIGHBORS` adds to."""
    count = pc.sum(pc.list_value_length(table["neighbors"])).as_py() or 0
    return metrics.counted((metrics.NEIGHBORS_FOUND, count, None))


def count_probes(probes: Iterable[Probe]) -> None:
    """Count the hits of exact search, and those of them that ScaNN finds."""
    for each in probes:
        metrics.count(metrics.RECALL_WANTED, each.exact)
        metrics.count(metrics.RECALL_FOUND, each.recalled)


class FindNeighbors:
    """Finds the neighbors of a range of entries in the shards."""

    def __init__(self, shared: list[ray.ObjectRef], shards: Shards) -> None:
        self.retriever, self.queries, self.ids = ray.get(shared[0])
        self.shards = shards

    def __call__(self, unit: Mapping[str, Any]) -> pa.Table:
        queries = self.queries.take(np.arange(unit["start"], unit["start"] + unit["rows"]))
        hits = self.retriever.hits(queries, self.search)
        entries = self.ids.slice(unit["start"], unit["rows"])
        return neighbors_table(entries, queries, hits, self.retriever.corpus, self.retriever.settings)

    def search(self, name: str, queries: Queries, k: int) -> Hits:
        """The hits of all shards in a collection."""
        limit = limits(self.retriever.collections[name], queries)
        return self.shards.search(name, queries, limit, k)
