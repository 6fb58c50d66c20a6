"""Tokens: the lines of an entry as integers, so that sets of lines are compared and ordered as arrays.

A line is a token, `2 * account + side` (0 debit, 1 credit). An account's number is its row of the catalog, or
in a batch its place in the chart of the entry's own entity; `2 * C` is stop there. What isn't there is padded
with `NOTHING`.
"""

from __future__ import annotations

import numpy as np

from jet.books.catalog import Catalog

NOTHING = -1
"""Padding, in every integer array and tensor."""
CLOSED = np.iinfo(np.int64).max
"""The rank of a token that may not be used."""


def mixed(tokens: np.ndarray) -> np.ndarray:
    """uint64: each token's bits spread by splitmix64 (Steele et al., OOPSLA 2014)."""
    mixed = (tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed


def set_key(tokens: np.ndarray) -> np.ndarray:
    """uint64 [...]: equal for equal multisets of `tokens` [..., L], whatever their order; 0 without any."""
    return np.where(tokens == NOTHING, np.uint64(0), mixed(tokens)).sum(axis=-1, dtype=np.uint64)


def in_order(tokens: np.ndarray, catalog: Catalog) -> np.ndarray:
    """`tokens` [..., L] of sets of lines in the catalog's token order, padding last."""
    rank = np.where(tokens == NOTHING, CLOSED, catalog.token_rank.reshape(-1)[tokens])
    return np.take_along_axis(tokens, np.argsort(rank, axis=-1, kind="stable"), axis=-1)
