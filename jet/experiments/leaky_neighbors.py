"""Neighbors without regard to dates, as the ancestor had them.

They come as another table of neighbors, for a data folder of its own. Nothing in retrieval, training or
prediction has a switch for them, so none can be left on. Only an entry's similar entries are found anew; its
latest ones and its peers stay as they were.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.split import TRAIN, SplitSettings
from jet.model.features import sort_entries
from jet.retrieval.index import Hits, Queries, RetrievalSettings, search
from jet.retrieval.neighbors import History, neighbors_table
from jet.retrieval.store import TextStore
from jet.training.data import hits_of


def noncausal_neighbors(
    entries: pa.Table,
    neighbors: pa.Table,
    store: TextStore,
    idf: np.ndarray,
    split: SplitSettings,
    retrieval: RetrievalSettings,
) -> pa.Table:
    """`neighbors` of the booked `entries`, in which a training row has any entry of its entity for a neighbor:
    later ones, those of the calibration and test split, and itself.

    Calibration and test rows keep theirs: they are answered as in production.
    """
    booked, history, queries, training = _books(entries, store, split)
    found = search(
        history.memory, store, idf, _from_the_end(queries.take(training)), retrieval, retrieval.neighbors
    )
    hits = hits_of(neighbors, booked, retrieval)
    _put(hits, training, found)
    return neighbors_table(booked, history, queries, hits, retrieval)


def undated_neighbors(
    entries: pa.Table,
    neighbors: pa.Table,
    store: TextStore,
    idf: np.ndarray,
    split: SplitSettings,
    retrieval: RetrievalSettings,
) -> pa.Table:
    """`neighbors` of the booked `entries`, in which every row has any other training row of its entity for a
    neighbor: what goes with a split that doesn't look at dates.
    """
    booked, history, queries, training = _books(entries, store, split)
    rows = np.arange(len(booked))
    memory = History.of(booked.take(pa.array(training)), store)
    asked = _from_the_end(memory.queries(booked))
    found = search(memory.memory, store, idf, asked, retrieval, retrieval.neighbors + 1)
    place = np.where(found.row >= 0, training[found.row], -1)
    # One more than wanted, since a training row finds itself, first or among others with its text.
    itself = place == rows[:, None]
    order = np.argsort(itself | (place < 0), axis=1, kind="stable")[:, :-1]
    hidden = np.take_along_axis(itself, order, axis=1)
    kept = Hits(
        np.where(hidden, -1, np.take_along_axis(place, order, axis=1)),
        np.where(hidden, np.float32(-np.inf), np.take_along_axis(found.similarity, order, axis=1)),
    )
    hits = hits_of(neighbors, booked, retrieval)
    _put(hits, rows, kept)
    return neighbors_table(booked, history, queries, hits, retrieval)


def _books(
    entries: pa.Table, store: TextStore, split: SplitSettings
) -> tuple[pa.Table, History, Queries, np.ndarray]:
    """The booked entries in the order of a training's data, as history and queries, and the training rows."""
    booked = sort_entries(entries.filter(pc.is_valid(entries["lines"]))).combine_chunks()
    history = History.of(booked, store)
    queries = history.queries(booked)
    return booked, history, queries, np.flatnonzero(split.parts(queries.entity, queries.date) == TRAIN)


def _from_the_end(queries: Queries) -> Queries:
    """The queries as if they came after the end of all books: to them, everything is earlier."""
    end = np.full(len(queries), queries.date.max(initial=0) + 1, dtype=queries.date.dtype)
    return replace(queries, date=end)


def _put(hits: Hits, rows: np.ndarray, similar: Hits) -> None:
    width = similar.row.shape[1]
    hits.row[rows, :width], hits.similarity[rows, :width] = similar.row, similar.similarity
