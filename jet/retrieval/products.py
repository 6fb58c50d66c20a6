"""Products of many vectors with many others, in which a row's result doesn't depend on its place, on what else
is multiplied, or on threads.

NumPy's OpenBLAS computes a row in one of several ways, by its place (the kernels for AVX2 alone) or by the size
of the whole product (those for AVX-512, which have others for small ones). Torch has several too, but on one
thread the same one for all products of multiples of 16 rows and others: zeros fill up the rest.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch

from jet.texts.encoder import one_thread

_TILE = 16
"""Rows, and others, of a product are a multiple of this."""


def products(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float32 [B, U]: the product of each of `rows` [B, D] with each of `others` [U, D]."""
    with one_thread():
        found = view(_filled(rows)) @ view(_filled(others)).T
    return found.numpy()[: len(rows), : len(others)]


def gram_matrices(rows: np.ndarray) -> np.ndarray:
    """float32 [B, M, M]: the products of all pairs of rows in each of B sets of `rows` [B, M, D]."""
    each = view(rows)
    with one_thread():
        return torch.bmm(each, each.transpose(1, 2)).numpy()


def view(array: np.ndarray) -> torch.Tensor:
    """A tensor over `array`, which may be a read-only view of shared memory: nothing writes to it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _filled(rows: np.ndarray) -> np.ndarray:
    """`rows` [n, D] with rows of zeros up to a multiple of `_TILE`, at least one."""
    missing = -len(rows) % _TILE if len(rows) else _TILE
    return np.pad(rows, ((0, missing), (0, 0))) if missing else rows
