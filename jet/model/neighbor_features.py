"""Features of a neighbor: how an earlier entry relates to the one that is predicted.

Shapes: B entries, K neighbors.
"""

from __future__ import annotations

import numpy as np

from jet.retrieval.columns import EntryColumns
from jet.retrieval.similarity import NO_CURRENCY, mismatch

NEIGHBOR_FEATURES = 16
"""How many features a neighbor has."""


def neighbor_features(
    queries: EntryColumns,
    rows: np.ndarray,
    booked: EntryColumns,
    hit: np.ndarray,
    similarity: np.ndarray,
    sets: np.ndarray,
) -> np.ndarray:
    """float32 [B, K, NEIGHBOR_FEATURES], zero where there is no neighbor; `sets` [B, K] are the `set_key` of
    their lines."""
    days = queries.date[rows][:, None] - booked.date[hit]
    difference = np.abs(queries.log_amount[rows][:, None] - booked.log_amount[hit])
    amounts_known = ~np.isnan(difference)
    difference = np.where(amounts_known, difference, 0)
    age = np.maximum(days, 0)
    parts = [
        *_votes(sets, np.where(hit >= 0, similarity, -np.inf), age),
        *(np.exp(-age / span) for span in (7, 30, 120)),
        similarity,
        queries.text[rows][:, None] == booked.text[hit],
        queries.journal[rows][:, None] == booked.journal[hit],
        mismatch(queries.currency[rows][:, None], booked.currency[hit], NO_CURRENCY),
        np.log1p(age) / 8,
        np.broadcast_to(1 / (1 + np.arange(hit.shape[1])), hit.shape),
        amounts_known,
        amounts_known * np.exp(-difference),
        amounts_known & (difference < 1e-6),
        same_roundness(queries.total[rows][:, None], booked.total[hit]),
        day_of_month(queries.date[rows])[:, None] == day_of_month(booked.date[hit]),
    ]
    features = np.stack([np.asarray(part, dtype=np.float32) for part in parts], axis=2)
    return np.where((hit >= 0)[:, :, None], features, np.float32(0))


def _votes(sets: np.ndarray, similarity: np.ndarray, age: np.ndarray) -> list[np.ndarray]:
    """[B, K] twice: the share of the neighbors that were booked to the same set of lines as this one, weighted
    by similarity, and by similarity and recency."""
    weight = np.exp(5 * similarity.astype(np.float64))  # 0 where there is no neighbor
    same = sets[:, :, None] == sets[:, None, :]
    shares = []
    for each in (weight, weight * np.exp(-age / 30)):
        total = np.maximum(each.sum(axis=1, keepdims=True), 1e-12)
        shares.append((same * each[:, None, :]).sum(axis=2) / total)
    return shares


def day_of_month(days: np.ndarray) -> np.ndarray:
    """int64 [...]: the day of the month, from 0, of `days` since 1970."""
    date = days.astype("datetime64[D]")
    return (date - date.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)


def same_roundness(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float64 [...]: the share of units of which both totals are multiples or both not; 0 where one isn't
    known.

    Units are ones, tens, hundreds, halves, and one plus a tax rate. The last tell apart two kinds of invoices
    with whole totals: those with a whole net amount, and those whose total was rounded, which have a line for
    that.
    """
    both = (_whole_in(one) == _whole_in(other)).mean(axis=-1)
    return np.where(np.isnan(one) | np.isnan(other), 0.0, both)


_UNITS = np.array([1, 10, 100, 0.5, 1.25, 1.2, 1.19, 1.12, 1.1, 1.07, 1.06])


def _whole_in(total: np.ndarray) -> np.ndarray:
    """bool [..., units]: whether `total` is a multiple of each unit."""
    with np.errstate(invalid="ignore"):
        parts = total[..., None] / _UNITS
        return np.abs(parts - np.round(parts)) < 1e-4
