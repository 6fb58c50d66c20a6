"""Products of many vectors with many others, each row's the same wherever in a batch it stands, on any threads.

NumPy's OpenBLAS has kernels for processors with AVX2 alone (Haswell, the older Zen) that compute a row in one
of several ways, by its place and the number of threads. There torch multiplies, in whose products neither
matters; elsewhere NumPy does, which is up to twice as fast.
"""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import torch


def products(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float32 [B, U]: the product of each of `rows` [B, D] with each of `others` [U, D]."""
    if not _place_matters():
        return rows @ others.T
    return (view(rows) @ view(others).T).numpy()


def own_products(rows: np.ndarray) -> np.ndarray:
    """float32 [B, M, M]: of each of B sets of `rows` [B, M, D] the product of each row with each."""
    if not _place_matters():
        return np.einsum("bmd,bnd->bmn", rows, rows, optimize=True)
    each = view(rows)
    return torch.bmm(each, each.transpose(1, 2)).numpy()


def view(array: np.ndarray) -> torch.Tensor:
    """A tensor over `array`, which may be a read-only view of shared memory: nothing writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


@cache
def _place_matters() -> bool:
    """Whether NumPy computes a row otherwise at another place."""
    draw = np.random.default_rng(0)
    rows, others = (draw.standard_normal((size, 512), dtype=np.float32) for size in (64, 333))
    there = rows @ others.T
    turned = np.roll(rows, 5, axis=0) @ others.T
    return not np.array_equal(np.roll(turned, -5, axis=0), there)
