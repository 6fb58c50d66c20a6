"""The source of an entry: the folder of its ledger file."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
import pyarrow as pa


def sources_of(entries: pa.Table) -> np.ndarray:
    """The name of the folder that each of `entries` (schema `ENTRIES`) was read from."""
    return np.array([PurePath(file).parent.name for file in entries["file"].to_pylist()], dtype=str)
