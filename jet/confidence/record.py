"""The record of each company: how its latest answers compare with the confidence that they had.

What goes wrong in a company's books goes wrong for a while: a new bookkeeper, a changed program, a year end.
So the mean of (right - confidence) over the last answers that were checked is a feature of the confidence. It
is 0 for a company without checked answers, and shrunk toward 0 where there are few.

Checked answers are those of the calibration, and later those to reviewed entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

LAST = 100
"""The most answers that a record counts."""

_SHRINK = 20
_DECIMALS = 4


@dataclass(frozen=True)
class Records:
    """The surplus (right - confidence) of the last answers of each company, oldest first."""

    surplus: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, entity: Sequence[str], surplus: np.ndarray) -> Records:
        """The records of answers in order of date, with the company and float64 [N] the surplus of each."""
        return cls().joined(entity, surplus)

    def joined(self, entity: Sequence[str], surplus: np.ndarray) -> Records:
        """These records and later answers, in order of date."""
        lists = {name: list(values) for name, values in self.surplus.items()}
        for name, value in zip(entity, np.round(surplus, _DECIMALS).tolist(), strict=True):
            lists.setdefault(name, []).append(value)
        return Records({name: tuple(values[-LAST:]) for name, values in lists.items()})

    def figures(self, entity: Sequence[str]) -> np.ndarray:
        """float64 [N]: the record of each company as a feature."""
        figure = {name: sum(values) / (len(values) + _SHRINK) for name, values in self.surplus.items()}
        return np.array([figure.get(name, 0.0) for name in entity], dtype=np.float64)


def records_before(
    entity: np.ndarray, date: np.ndarray, surplus: np.ndarray, asked: np.ndarray, before: np.ndarray
) -> np.ndarray:
    """float64 [Q]: the record that company `asked` had before the day `before`, both [Q].

    It counts the answers to entries of `entity` on `date` with `surplus`, [N] each.
    """
    figure = np.zeros(len(asked))
    for name in np.unique(asked.astype(str)):
        own = np.flatnonzero(entity == name)
        own = own[np.argsort(date[own], kind="stable")]
        total = np.concatenate([[0.0], np.cumsum(np.round(surplus[own], _DECIMALS))])
        query = asked == name
        stop = np.searchsorted(date[own], before[query], side="left")
        start = np.maximum(stop - LAST, 0)
        figure[query] = (total[stop] - total[start]) / (stop - start + _SHRINK)
    return figure
