"""Multisets of the (account, side) pairs of entries' lines, by which predictions are compared."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa

Multiset = tuple[tuple[str, str], ...]
"""The (account, side) pairs of an entry, sorted; a pair that is booked twice occurs twice."""


def line_sets(lines: pa.ChunkedArray | pa.Array) -> list[Multiset]:
    """The multisets of every row of a column of lists of lines; () where the list is null or empty."""
    sets: list[Multiset] = []
    for chunk in lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]:
        flat = chunk.flatten()  # leaves out what a null list hides
        pairs = list(zip(flat.field("account").to_pylist(), flat.field("side").to_pylist(), strict=True))
        sizes = chunk.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        ends = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        sets.extend(tuple(sorted(pairs[start:end])) for start, end in pairwise(ends))
    return sets
