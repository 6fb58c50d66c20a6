"""Rows that belong together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def rows_of_groups(number: NDArray[np.integer], groups: int) -> list[NDArray[np.intp]]:
    """The rows of each of so many groups, in their order, by each row's `number` [N] of its group."""
    ends = np.bincount(number, minlength=groups).cumsum()
    return np.split(np.argsort(number, kind="stable"), ends[:-1])
