"""Fingerprints of arrays and files, the same for equal content on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from pyarrow import fs as pafs


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


def file_facts(filesystem: pafs.FileSystem, path: str) -> dict[str, Any]:
    """The size of a file in bytes, and its SHA-256. Raises `OSError` where it can't be read."""
    digest, size = hashlib.sha256(), 0
    with filesystem.open_input_stream(path) as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    return {"size": size, "sha256": digest.hexdigest()}
