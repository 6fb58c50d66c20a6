"""The neighbors of entries as a table, in one process.

A job that spreads the search over machines calls the same functions: `Retriever.hits`, with another `search`,
and `neighbors_table`.

Legend: Q queries, K neighbors.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.schema import NEIGHBOR, NEIGHBORS
from jet.books.words import SOURCES
from jet.retrieval.collection import Hits, Queries
from jet.retrieval.columns import entry_columns, whole
from jet.retrieval.corpus import Corpus
from jet.retrieval.retriever import Retriever
from jet.retrieval.settings import RetrievalSettings, source_widths
from jet.texts.encoder import Encoder, SentenceEncoder
from jet.texts.normalize import normalize_all
from jet.texts.store import TextStore


def text_store(entries: pa.Table, encoder: Encoder | None) -> TextStore:
    """The store of all texts of `entries` (schema `ENTRIES`); without an encoder, of n-grams alone."""
    return TextStore.build(pc.unique(normalize_all(entries["description"])).to_pylist(), encoder)


def make_encoder(settings: RetrievalSettings, device: str | None = None) -> SentenceEncoder | None:
    """The encoder of `settings`, or None where similarity is by n-grams alone."""
    if not settings.encoder:
        return None
    return SentenceEncoder(
        settings.encoder, device, max_tokens=settings.max_tokens, precision=settings.encoder_precision
    )


def find_neighbors(entries: pa.Table, retriever: Retriever) -> pa.Table:
    """The neighbors of `entries` (schema `ENTRIES`) as `NEIGHBORS`, one row an entry, in their order.

    Every neighbor has a strictly earlier date. Raises ValueError where a text isn't in the corpus's store.
    """
    corpus = retriever.corpus
    columns = entry_columns(entries, corpus.catalog, corpus.store)
    queries = columns.queries(np.arange(len(columns)))
    return neighbors_table(entries, queries, retriever.hits(queries), corpus, retriever.settings)


def neighbors_table(
    entries: pa.Table, queries: Queries, hits: Hits, corpus: Corpus, settings: RetrievalSettings
) -> pa.Table:
    """The `hits` of `queries`, which are those of `entries`, as a table of the schema `NEIGHBORS`."""
    rows = corpus.rows
    is_hit = hits.row >= 0
    query = np.nonzero(is_hit)[0]
    row = hits.row[is_hit]
    source = np.repeat(np.arange(len(SOURCES)), list(source_widths(settings).values()))
    values = {
        "row": pa.array(row),
        "source": pa.array(SOURCES).take(pa.array(np.broadcast_to(source, is_hit.shape)[is_hit])),
        "similarity": pa.array(hits.similarity[is_hit], pa.float32()),
        "same_text": pa.array(rows.text[row] == queries.text[query]),
        "age_days": pa.array(queries.date[query] - rows.date[row], pa.int32()),
    }
    offsets = np.concatenate([[0], np.cumsum(is_hit.sum(axis=1))])
    neighbors = pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()),
        pa.StructArray.from_arrays([values[field.name] for field in NEIGHBOR], fields=list(NEIGHBOR)),
        type=NEIGHBORS.field("neighbors").type,
    )
    return pa.Table.from_arrays(
        [whole(entries["entity"]), whole(entries["entry_id"]), neighbors], schema=NEIGHBORS
    )
