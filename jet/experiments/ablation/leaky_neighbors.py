"""Neighbors that ignore dates, as the ancestor had them.

They are another table of neighbors, for a data folder of its own: retrieval, training and prediction have no
setting for them. Only an entry's similar entries are searched again; its latest ones and its peers stay.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from jet.books.split import TRAIN
from jet.retrieval.collection import Collection, Hits, Queries
from jet.retrieval.corpus import Corpus
from jet.retrieval.index import search
from jet.retrieval.neighbors import neighbors_table
from jet.retrieval.retriever import Retriever
from jet.retrieval.settings import RetrievalSettings
from jet.training.data import TrainingData


def noncausal_neighbors(data: TrainingData) -> pa.Table:
    """The neighbors of all rows of `data`; those of training rows are any entries of the entity: later ones,
    those of the calibration and test split, and the row itself.

    Calibration and test rows keep theirs, as in production.
    """
    queries, retrieval = _queries(data), data.retrieval
    rows = data.rows(TRAIN)
    late = _from_the_end(queries.take(rows))
    hits = search(_collection(data.corpus, retrieval), late, retrieval, retrieval.neighbors)
    return neighbors_table(data.entries, queries, _with(data.hits, rows, hits), data.corpus, retrieval)


def undated_neighbors(data: TrainingData) -> pa.Table:
    """The neighbors of all rows of `data`, which are any other training rows of the entity, for a split that
    ignores dates.
    """
    queries, retrieval = _queries(data), data.retrieval
    rows, training = np.arange(len(data.entries)), data.rows(TRAIN)
    collection = _collection(data.corpus.take(training), retrieval)
    hits = search(collection, _from_the_end(queries), retrieval, retrieval.neighbors + 1)
    place = np.where(hits.row >= 0, training[hits.row], -1)
    # One more than wanted, since a training row finds itself, first or among others with its text.
    itself = place == rows[:, None]
    order = np.argsort(itself | (place < 0), axis=1, kind="stable")[:, :-1]
    hidden = np.take_along_axis(itself, order, axis=1)
    kept = Hits(
        np.where(hidden, -1, np.take_along_axis(place, order, axis=1)),
        np.where(hidden, np.float32(-np.inf), np.take_along_axis(hits.similarity, order, axis=1)),
    )
    return neighbors_table(data.entries, queries, _with(data.hits, rows, kept), data.corpus, retrieval)


def _queries(data: TrainingData) -> Queries:
    return data.corpus.rows.queries(np.arange(len(data.corpus)))


def _collection(corpus: Corpus, retrieval: RetrievalSettings) -> Collection:
    """The collection that is searched for similar entries."""
    return Retriever.of(corpus, replace(retrieval, peers=0)).same_entity


def _from_the_end(queries: Queries) -> Queries:
    """The queries, dated after all entries, so that every entry is earlier."""
    end = np.full(len(queries), queries.date.max(initial=0) + 1, dtype=queries.date.dtype)
    return replace(queries, date=end)


def _with(hits: Hits, rows: np.ndarray, similar: Hits) -> Hits:
    """`hits` with other similar entries for `rows`; latest entries and peers, in further columns, stay."""
    width = similar.row.shape[1]
    changed = Hits(hits.row.copy(), hits.similarity.copy())
    changed.row[rows, :width], changed.similarity[rows, :width] = similar.row, similar.similarity
    return changed
