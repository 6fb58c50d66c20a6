"""Neighbors as the ancestor had them in training: the entry itself among them, and entries from its future.

They come as another table of neighbors, for a data folder of its own. Nothing in retrieval, training or
prediction has a switch for them, so none can be left on.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.split import TRAIN, SplitSettings
from jet.model.features import sort_entries
from jet.retrieval.index import RetrievalSettings, search
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
    """`neighbors` of the booked `entries`, those of the training rows found anew without regard to dates.

    A training row's similar entries come from all of its entity's books: later ones, those of the calibration
    and test split, and itself. Its latest entries and its peers stay as they were, and so does everything of
    the calibration and test rows: they are answered as in production.
    """
    booked = sort_entries(entries.filter(pc.is_valid(entries["lines"]))).combine_chunks()
    history = History.of(booked, store)
    queries = history.queries(booked)
    training = np.flatnonzero(split.parts(queries.entity, queries.date) == TRAIN)
    # To a query from after the end of all books, everything is earlier.
    end = np.full(len(training), queries.date.max(initial=0) + 1, dtype=queries.date.dtype)
    asked = replace(queries.take(training), date=end)
    found = search(history.memory, store, idf, asked, retrieval, retrieval.neighbors)
    hits = hits_of(neighbors, booked, retrieval)
    hits.row[training, : retrieval.neighbors] = found.row
    hits.similarity[training, : retrieval.neighbors] = found.similarity
    return neighbors_table(booked, history, queries, hits, retrieval)
