"""Neighbors without regard to dates, as the ancestor had them.

They come as another table of neighbors, for a data folder of its own. Nothing in retrieval, training or
prediction has a switch for them, so none can be left on. Only an entry's similar entries are found anew; its
latest ones and its peers stay as they were.
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
    """The neighbors of all rows of `data`, in which a training row has any entry of its entity for one: later
    ones, those of the calibration and test split, and itself.

    Calibration and test rows keep theirs: they are answered as in production.
    """
    queries, retrieval = _queries(data), data.retrieval
    rows = data.rows(TRAIN)
    asked = _from_the_end(queries.take(rows))
    found = search(_collection(data.corpus, retrieval), asked, retrieval, retrieval.neighbors)
    return neighbors_table(data.entries, queries, _with(data.hits, rows, found), data.corpus, retrieval)


def undated_neighbors(data: TrainingData) -> pa.Table:
    """The neighbors of all rows of `data`, in which each has any other training row of its entity for one: what
    goes with a split that doesn't look at dates.
    """
    queries, retrieval = _queries(data), data.retrieval
    rows, training = np.arange(len(data.entries)), data.rows(TRAIN)
    collection = _collection(data.corpus.take(training), retrieval)
    found = search(collection, _from_the_end(queries), retrieval, retrieval.neighbors + 1)
    place = np.where(found.row >= 0, training[found.row], -1)
    # One more than wanted, since a training row finds itself, first or among others with its text.
    itself = place == rows[:, None]
    order = np.argsort(itself | (place < 0), axis=1, kind="stable")[:, :-1]
    hidden = np.take_along_axis(itself, order, axis=1)
    kept = Hits(
        np.where(hidden, -1, np.take_along_axis(place, order, axis=1)),
        np.where(hidden, np.float32(-np.inf), np.take_along_axis(found.similarity, order, axis=1)),
    )
    return neighbors_table(data.entries, queries, _with(data.hits, rows, kept), data.corpus, retrieval)


def _queries(data: TrainingData) -> Queries:
    return data.corpus.rows.queries(np.arange(len(data.corpus)))


def _collection(corpus: Corpus, retrieval: RetrievalSettings) -> Collection:
    """What similar entries are looked for in."""
    return Retriever.of(corpus, replace(retrieval, peers=0)).same_entity


def _from_the_end(queries: Queries) -> Queries:
    """The queries as if they came after the end of all books: to them, everything is earlier."""
    end = np.full(len(queries), queries.date.max(initial=0) + 1, dtype=queries.date.dtype)
    return replace(queries, date=end)


def _with(hits: Hits, rows: np.ndarray, similar: Hits) -> Hits:
    """`hits` with other similar entries for `rows`; latest entries and peers, in further columns, stay."""
    width = similar.row.shape[1]
    changed = Hits(hits.row.copy(), hits.similarity.copy())
    changed.row[rows, :width], changed.similarity[rows, :width] = similar.row, similar.similarity
    return changed
