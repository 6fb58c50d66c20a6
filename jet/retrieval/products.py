"""Products of many vectors with many others, in which a row's result doesn't depend on its place or on threads.

NumPy's OpenBLAS has kernels for processors with AVX2 alone (Haswell, the older Zen) that compute a row in one
of several ways, by its place and the number of threads. There torch multiplies, in whose products with 12 or
more others neither matters; elsewhere NumPy does, which is up to twice as fast.
"""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import torch

_FEWEST = 16
"""Others that torch multiplies with: of fewer than 12, its products differ with the row's place, too."""


def products(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float32 [B, U]: the product of each of `rows` [B, D] with each of `others` [U, D]."""
    if not _depends_on_place():
        return rows @ others.T
    count = len(others)
    if count < _FEWEST:
        others = np.concatenate([others, np.zeros((_FEWEST - count, others.shape[1]), dtype=others.dtype)])
    return (view(rows) @ view(others).T).numpy()[:, :count]


def gram_matrices(rows: np.ndarray) -> np.ndarray:
    """float32 [B, M, M]: the products of all pairs of rows in each of B sets of `rows` [B, M, D]."""
    if not _depends_on_place():
        return np.einsum("bmd,bnd->bmn", rows, rows, optimize=True)
    each = view(rows)
    return torch.bmm(each, each.transpose(1, 2)).numpy()


def view(array: np.ndarray) -> torch.Tensor:
    """A tensor over `array`, which may be a read-only view of shared memory: nothing writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


@cache
def _depends_on_place() -> bool:
    """Whether NumPy's product of a row differs with the row's place."""
    draw = np.random.default_rng(0)
    rows, others = (draw.standard_normal((size, 512), dtype=np.float32) for size in (64, 333))
    straight = rows @ others.T
    rolled = np.roll(rows, 5, axis=0) @ others.T
    return not np.array_equal(np.roll(rolled, -5, axis=0), straight)
