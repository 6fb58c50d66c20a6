"""What a training reads: entries with their neighbors, split by date, and the batches made of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.artifacts.tables import validate
from jet.books.schema import NEIGHBORS
from jet.books.sorting import order_of, sort_entries
from jet.books.split import SPLITS, TRAIN, SplitSettings
from jet.model.batch import collate, held_hits, with_target
from jet.model.network import localized
from jet.model.settings import ModelSettings
from jet.retrieval.collection import Hits
from jet.retrieval.corpus import Corpus
from jet.retrieval.settings import RetrievalSettings, source_starts, source_widths
from jet.training.loop import TrainBatch

_SHORT = 8
"""Targets up to this many tokens share one batch; longer ones go by powers of two."""
_SMALL = 64
"""Charts up to this many accounts share one batch; larger ones go by powers of four."""


@dataclass(frozen=True)
class TrainingData:
    """Booked entries, sorted by entity, date and id (N rows), with all that a training needs beside them."""

    entries: pa.Table
    corpus: Corpus  # the same rows; the token order of its catalog is given by the training rows
    hits: Hits  # [N, K] neighbors among the same rows, all of them
    split: np.ndarray  # int8 [N]
    model: ModelSettings
    retrieval: RetrievalSettings

    @classmethod
    def build(
        cls,
        entries: pa.Table,
        corpus: Corpus,
        hits: Hits,
        split: SplitSettings,
        model: ModelSettings,
        retrieval: RetrievalSettings,
    ) -> TrainingData:
        """From sorted booked `entries` (schema `ENTRIES`), the corpus of the same rows, and their neighbors."""
        parts = split.parts(corpus.rows.entity, corpus.rows.date)
        booked = corpus.rows.tokens[np.repeat(parts == TRAIN, corpus.rows.lengths)]
        catalog = corpus.catalog.with_booked(booked)
        corpus = replace(corpus, catalog=catalog, rows=corpus.rows.reordered(catalog))
        return cls(entries, corpus, hits, parts, model, retrieval)

    def rows(self, part: int) -> np.ndarray:
        """int64: the rows of a part of the split."""
        return np.flatnonzero(self.split == part)

    def sizes(self) -> dict[str, int]:
        """How many rows each part of the split has."""
        return {name: len(self.rows(part)) for part, name in enumerate(SPLITS)}

    def learnable(self, part: int) -> np.ndarray:
        """int64: those rows of a part that the network can write: not too long, no closed account."""
        lengths = self.corpus.rows.lengths
        owner = np.repeat(np.arange(len(lengths)), lengths)
        is_open = self.corpus.catalog.is_open(self.corpus.rows.tokens // 2, self.corpus.rows.date[owner])
        closed = np.bincount(owner[~is_open], minlength=len(lengths))
        rows = self.rows(part)
        return rows[(lengths[rows] <= self.model.max_lines) & (lengths[rows] > 0) & (closed[rows] == 0)]

    def pieces(self, rows: np.ndarray) -> list[np.ndarray]:
        """`rows` in pieces of similar length and similar size of chart.

        A few entries have thirty lines, most have two or three; a chart has thirty accounts or a thousand. In
        one piece, nearly all would be padding.
        """
        charts = np.diff(self.corpus.catalog.offsets)[self.corpus.rows.entity[rows]]
        lengths = _class(self.corpus.rows.lengths[rows] + 1, _SHORT, 1)
        kind = 64 * lengths + _class(charts, _SMALL, 2)
        return [rows[kind == each] for each in np.unique(kind)]

    def step(self, rows: np.ndarray) -> TrainBatch:
        """What the network's `forward` takes, for the `pieces` of `rows`."""
        return self._localized(self.pieces(rows))

    def batch(self, rows: np.ndarray) -> TrainBatch:
        """What the network's `forward` takes, for `rows` in their order, in one batch."""
        return self._localized([rows])

    def _localized(self, pieces: list[np.ndarray]) -> TrainBatch:
        corpus, longest = self.corpus, self.model.max_lines
        batches = []
        for rows in pieces:
            hits = held_hits(self.hits.take(rows), self.model, self.retrieval)
            batch = collate(corpus.rows, rows, corpus, hits, longest)
            batches.append(with_target(batch, corpus.rows, rows, corpus.catalog))
        return TrainBatch(*localized(batches, corpus))

    def batches(self, rows: Iterable[np.ndarray]) -> Iterator[TrainBatch]:
        """The `step` of each element of `rows` (int64 [B] each)."""
        return (self.step(each) for each in rows)


def _class(sizes: np.ndarray, least: int, step: int) -> np.ndarray:
    """int64: 0 for sizes up to `least`, then one more for each `step` doublings."""
    return np.ceil(np.log2(np.maximum(sizes, least) / least) / step).astype(np.int64)


def booked_hits(
    parts: Iterable[tuple[pa.Table, pa.Table]], settings: RetrievalSettings
) -> tuple[pa.Table, Hits]:
    """The booked entries of all `parts`, sorted, and their `hits_of`.

    A part has entries (`ENTRIES`, in any order) of companies that no other part has, and the neighbors of
    these, whose rows count in the booked entries of the part.
    """
    tables, rows, similarity = [], [], []
    start = 0
    for entries, neighbors in parts:
        entries = sort_entries(entries)
        hits = hits_of(neighbors, entries, settings)
        tables.append(entries.filter(pc.is_valid(entries["lines"])))
        rows.append(np.where(hits.row >= 0, hits.row + start, -1))
        similarity.append(hits.similarity)
        start += len(tables[-1])
    booked = pa.concat_tables(tables).combine_chunks()
    if len(tables) == 1:
        return booked, Hits(rows[0], similarity[0])
    order = order_of(booked)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    row = np.concatenate(rows)[order]
    row[row >= 0] = place[row[row >= 0]]
    return booked.take(pa.array(order)).combine_chunks(), Hits(row, np.concatenate(similarity)[order])


def hits_of(neighbors: pa.Table, entries: pa.Table, settings: RetrievalSettings) -> Hits:
    """The neighbors of those of the sorted `entries` that are booked, in the columns of `Retriever.hits`.

    Raises `ValueError` where `neighbors` is not the table of these entries, row by row, a neighbor is no row of
    the booked ones, or there are more of them than `settings` ask for.
    """
    neighbors = validate(neighbors, NEIGHBORS, "neighbors").combine_chunks()
    keys = ("entity", "entry_id")
    if len(neighbors) != len(entries) or any(not neighbors[name].equals(entries[name]) for name in keys):
        raise ValueError(
            f"the neighbors, of {len(neighbors)} entries, are not those of these {len(entries)} entries in "
            "their order: find them anew with `jet neighbors`"
        )
    booked = pc.is_valid(entries["lines"])
    lists = neighbors.filter(booked)["neighbors"].combine_chunks()
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    flat = pc.list_flatten(lists)
    owner = np.repeat(np.arange(len(lists)), lengths)
    rows = pc.struct_field(flat, "row").to_numpy(zero_copy_only=False)
    if (outside := (rows < 0) | (rows >= len(lists))).any():
        row = rows[outside.argmax()]
        raise ValueError(f"a neighbor is row {row} of {len(lists)} booked entries: find them anew")
    starts = source_starts(settings)
    source = pc.index_in(pc.struct_field(flat, "source"), value_set=pa.array(list(starts))).to_numpy()
    # A list holds the neighbors by source and best first: the place within (entry, source) is its column.
    group = owner * len(starts) + source
    place = np.arange(len(group)) - np.searchsorted(group, group)
    widths = source_widths(settings)
    if (place >= np.array(list(widths.values()))[source]).any():
        raise ValueError(f"an entry has more neighbors than {widths}: were they made with these settings?")
    column = np.array(list(starts.values()))[source] + place
    hits = Hits.none(len(lists), sum(widths.values()))
    hits.row[owner, column] = rows
    hits.similarity[owner, column] = pc.struct_field(flat, "similarity").to_numpy(zero_copy_only=False)
    return hits
