"""Regimes of use: how much is known when an entry is answered.

Books are reviewed daily, so that yesterday's entries are known (rolling), or many days are booked in one batch,
whose entries don't know each other. And an entry states its total, or doesn't. The same model is right less
often in a batch and without totals, and sure of other things. So its confidence is calibrated in each of the
four regimes, and an entry is answered by the calibration of its own.

Which one that is follows from the entry alone, never from what is answered beside it: from the days since the
newest known entry of its company.

Shapes: N entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

REGIMES = ("rolling", "rolling, no total", "batch", "batch, no total")
"""The names of the regimes, in the order of their numbers."""

NO_HISTORY = np.iinfo(np.int32).max
"""The gap of an entry whose company has no earlier entries."""

_USUAL = 0.95  # quantile of the gaps of rolling answers: a longer one is that of a batch


def regime_numbers(batch: np.ndarray, total_known: np.ndarray) -> np.ndarray:
    """int64 [N]: the regime of each entry, from bool [N] each."""
    return 2 * np.asarray(batch, dtype=np.int64) + ~np.asarray(total_known, dtype=bool)


@dataclass(frozen=True)
class Horizon:
    """The gaps, in days between an entry and its company's newest known one, that were calibrated."""

    rolling: float = np.inf
    """Entries with a longer gap are answered as part of a batch."""
    batch: Mapping[str, int] = field(default_factory=dict)
    """The longest gap of each company in the calibration."""
    typical: float = np.inf
    """The longest gap of other companies: the median of these."""

    @classmethod
    def of(cls, entity: np.ndarray, gap: np.ndarray, regime: np.ndarray) -> Horizon:
        """The horizon of calibrated answers to entries of `entity` (names), `gap` and `regime`, [N] each."""
        known = gap < NO_HISTORY
        rolling, batch = known & (regime < 2), known & (regime >= 2)
        if not rolling.any() or not batch.any():
            return cls()
        names, number = np.unique(entity[batch].astype(str), return_inverse=True)
        longest = np.zeros(len(names), dtype=np.int64)
        np.maximum.at(longest, number, gap[batch])
        usual = float(np.quantile(gap[rolling], _USUAL))
        return cls(usual, dict(zip(names.tolist(), longest.tolist(), strict=True)), float(np.median(longest)))

    def is_batch(self, gap: np.ndarray) -> np.ndarray:
        """bool [N]: whether entries with such gaps, int64 [N], are answered as part of a batch."""
        return gap > self.rolling

    def longest(self, entity: Sequence[str]) -> np.ndarray:
        """float64 [N]: the longest gap of each entry's company that was calibrated."""
        return np.array([max(self.batch.get(name, self.typical), self.rolling) for name in entity])

    def as_dict(self) -> dict[str, Any]:
        """The horizon as JSON types; `from_dict` reads it."""
        finite = [None if np.isinf(each) else each for each in (self.rolling, self.typical)]
        return {"rolling": finite[0], "batch": dict(self.batch), "typical": finite[1]}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Horizon:
        """Read what `as_dict` wrote."""
        rolling, typical = (
            np.inf if content[name] is None else float(content[name]) for name in ("rolling", "typical")
        )
        return cls(rolling, {str(name): int(gap) for name, gap in content["batch"].items()}, typical)
