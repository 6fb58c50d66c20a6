"""Batches: rows of entries and their neighbors as tensors, which the network reads.

`collate` converts columns to tensors, the same way for training, evaluation and prediction. Account numbers in
a batch are *local*: places in the chart of the entry's entity, so that accounts of other companies have none.

Shapes: B entries, T tokens of an entry with its stop, K neighbors, L tokens of a neighbor with its stop,
C accounts of the widest chart in the batch.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from jet.books.catalog import Catalog
from jet.books.tokens import CLOSED, NOTHING, set_key
from jet.model.neighbor_features import neighbor_features
from jet.model.settings import ModelSettings
from jet.retrieval.collection import Hits
from jet.retrieval.columns import EntryColumns, neighbor_lines
from jet.retrieval.corpus import Corpus
from jet.retrieval.settings import RetrievalSettings, source_starts, source_widths

JOURNAL_BUCKETS = 512
CURRENCY_BUCKETS = 64
DATE_FEATURES = 10


@dataclass(frozen=True)
class Batch:
    """Tensors of B entries. Integer tensors hold `NOTHING` where they are padded."""

    text: Tensor  # [B] row of the text store
    entity: Tensor  # [B] number of the entity
    journal: Tensor  # [B] bucket
    currency: Tensor  # [B] bucket
    date: Tensor  # [B, DATE_FEATURES]
    amount: Tensor  # [B, 2] log amount and whether it is known
    chart: Tensor  # [B, C] catalog row of each local account
    rank: Tensor  # [B, 2C] place in the token order; past the end where padded or closed on the date
    neighbor_row: Tensor  # [B, K] row of the corpus
    neighbor_text: Tensor  # [B, K] row of the text store
    neighbor_features: Tensor  # [B, K, NEIGHBOR_FEATURES]
    neighbor_tokens: Tensor  # [B, K, L] local tokens, then stop
    target: Tensor  # [B, T] local tokens, then stop; T = 0 where the lines are not known

    @property
    def stop(self) -> int:
        """The token that ends an entry: 2C."""
        return self.rank.shape[1]

    def to(self, device: torch.device) -> Batch:
        """The same batch on `device`."""
        return Batch(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})


def collate(
    queries: EntryColumns,
    rows: np.ndarray,
    corpus: Corpus,
    hits: Hits,
    max_lines: int,
    width: int | None = None,
) -> Batch:
    """The batch of `rows` of `queries` with their `hits` [B, K] in the corpus.

    The target is empty: see `with_target`. `width` fixes C (default: the widest chart among the rows) and, with
    it, L to `max_lines` + 1, so that shapes don't depend on which entries share a batch. A neighbor with more
    than `max_lines` lines is left out.
    """
    catalog, booked = corpus.catalog, corpus.rows
    entity = queries.entity[rows]
    start, size = catalog.offsets[entity], np.diff(catalog.offsets)[entity]
    local = np.arange(int(size.max()) if width is None else width)
    inside = local[None, :] < size[:, None]
    chart = np.where(inside, start[:, None] + local[None, :], NOTHING)
    usable = inside & catalog.is_open(chart, queries.date[rows][:, None])
    rank = np.where(usable[:, :, None], catalog.token_rank[chart], CLOSED).reshape(len(rows), -1)
    stop = rank.shape[1]

    lines = neighbor_lines(booked, hits.row, entity, catalog, max_lines)
    hit = np.where(lines[:, :, 0] == NOTHING, NOTHING, hits.row)
    longest = int((lines != NOTHING).sum(axis=2).max(initial=0)) if width is None else max_lines
    neighbor_tokens = _local(lines[:, :, :longest], start, stop)

    amount = queries.log_amount[rows]
    known = ~np.isnan(amount)
    return Batch(
        text=torch.from_numpy(queries.text[rows]),
        entity=torch.from_numpy(entity),
        journal=torch.from_numpy(queries.journal[rows] % JOURNAL_BUCKETS),
        currency=torch.from_numpy(queries.currency[rows] % CURRENCY_BUCKETS),
        date=torch.from_numpy(date_features(queries.date[rows])),
        amount=torch.from_numpy(np.stack([np.where(known, amount, 0) / 10, known], 1).astype(np.float32)),
        chart=torch.from_numpy(chart),
        rank=torch.from_numpy(rank),
        neighbor_row=torch.from_numpy(hit),
        neighbor_text=torch.from_numpy(np.where(hit >= 0, booked.text[hit], NOTHING)),
        neighbor_features=torch.from_numpy(
            neighbor_features(queries, rows, booked, hit, hits.similarity, set_key(lines))
        ),
        neighbor_tokens=torch.from_numpy(neighbor_tokens),
        target=torch.empty((len(rows), 0), dtype=torch.int64),
    )


def with_target(batch: Batch, booked: EntryColumns, rows: np.ndarray, catalog: Catalog) -> Batch:
    """The batch of `rows` of `booked` entries, with their lines as the target."""
    entity = booked.entity[rows]
    longest = int(booked.lengths[rows].max(initial=0))
    lines = neighbor_lines(booked, rows[:, None], entity, catalog, longest)
    target = _local(lines, catalog.offsets[entity], batch.stop)[:, 0]
    return replace(batch, target=torch.from_numpy(target))


def _local(lines: np.ndarray, start: np.ndarray, stop: int) -> np.ndarray:
    """int64 [B, K, L + 1]: `lines` [B, K, L] as local tokens of each entry's chart, then stop."""
    lengths = (lines != NOTHING).sum(axis=2, keepdims=True)
    tokens = np.where(lines == NOTHING, NOTHING, lines - 2 * start[:, None, None])
    tokens = np.pad(tokens, ((0, 0), (0, 0), (0, 1)), constant_values=NOTHING)
    ended = (np.arange(tokens.shape[2]) == lengths) & (lengths > 0)
    return np.where(ended, stop, tokens)


def date_features(days: np.ndarray) -> np.ndarray:
    """float32 [B, DATE_FEATURES]: year; sine and cosine of month, day of the month and weekday; whether the
    month begins, the month ends, and it is a weekend."""
    date = days.astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    year = date.astype("datetime64[Y]")
    day = (date - month.astype("datetime64[D]")).astype(np.int64)
    last = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64) - 1
    turns = [(month - year.astype("datetime64[M]")).astype(np.int64) / 12, day / 31, (days + 3) % 7 / 7]
    circles = [wave(2 * np.pi * turn) for turn in turns for wave in (np.sin, np.cos)]
    years = (year.astype(np.int64) - 45) / 20  # 2015 is 0
    parts = [years, *circles, day <= 2, last - day <= 2, (days + 3) % 7 >= 5]
    return np.stack([np.asarray(part, dtype=np.float32) for part in parts], axis=1)


def held_hits(hits: Hits, model: ModelSettings, retrieval: RetrievalSettings) -> Hits:
    """Those of all neighbors (`jet.retrieval.retriever.Retriever.hits`) that the network's memory holds."""
    wanted = {"similar": model.neighbors, "latest": retrieval.latest, "peer": model.peers}
    starts, widths = source_starts(retrieval), source_widths(retrieval)
    places = [starts[name] + np.arange(min(count, widths[name])) for name, count in wanted.items()]
    return hits.columns(np.concatenate(places)).without_repeats()
