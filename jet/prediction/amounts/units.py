"""Minor units: amounts as integers."""

from __future__ import annotations

import numpy as np

UNKNOWN_AMOUNT = -1
"""An unknown amount, and the padding of a set's amounts and tokens."""

UNIT = 100
"""Minor units of a whole one."""

LARGEST = 10**15
"""The limit of amounts, up to which floats hold hundredths, and int64 the products of `formulas.parts`."""


def minor_units(amounts: np.ndarray) -> np.ndarray:
    """int64: `amounts` (major units) in hundredths; -1 for what is not known, negative, finer or too large."""
    scaled = np.where(np.isfinite(amounts), amounts, -1.0) * UNIT
    whole = np.rint(scaled)
    known = (scaled >= 0) & (scaled < LARGEST) & (np.abs(scaled - whole) < 1e-3)
    return np.where(known, whole, UNKNOWN_AMOUNT).astype(np.int64)
