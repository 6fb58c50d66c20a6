"""Fingerprints of arrays, the same for equal content on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np


def text_bytes(text: str) -> np.ndarray:
    """The UTF-8 bytes of a text as an array, uint8."""
    return np.frombuffer(text.encode(), dtype=np.uint8)


def array_digest(arrays: Mapping[str, np.ndarray]) -> str:
    """A fingerprint of the names, types, shapes and values of arrays, 16 hex digits."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}{array.dtype}{array.shape}".encode())
        digest.update(array.data)
    return digest.hexdigest()[:16]
