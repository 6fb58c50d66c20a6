"""The record of each company: how its latest answers compare with the confidence that they had.

What goes wrong in a company's books goes wrong for a while: a new bookkeeper, a changed program, a year end.
So the mean of (right - confidence) over the last answers that were checked is a feature of the confidence. It
is 0 for a company without checked answers, and shrunk toward 0 where there are few.

Checked answers are those of the calibration, and later those to reviewed entries: each is answered before it
joins the books, and compared with what people booked. Where the last checked answers that were `auto` are wrong
too often for the promise, the company is stopped: all its entries go to review, until what is reviewed is right
again. That is the only defense against texts that are booked otherwise from one day on, which nothing shows
before somebody looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import bdtrc

LAST = 100
"""The most answers that a record counts."""

LOOKS = 40
"""The most checked `auto` answers by which a company is stopped."""

_STOP = 0.02  # the probability of so many wrong ones, or more, under the promise

_SHRINK = 20
_DECIMALS = 4


@dataclass(frozen=True)
class Records:
    """The surplus (right - confidence) of the last answers of each company, oldest first."""

    surplus: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    looks: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)
    """Whether the last `auto` answers of each company that people checked are right, oldest first."""

    @classmethod
    def of(cls, entity: Sequence[str], surplus: np.ndarray) -> Records:
        """The records of answers in order of date, with the company and float64 [N] the surplus of each."""
        return cls().joined(entity, surplus)

    def joined(self, entity: Sequence[str], surplus: np.ndarray) -> Records:
        """These records and later answers, in order of date."""
        lists = {name: list(values) for name, values in self.surplus.items()}
        for name, value in zip(entity, np.round(surplus, _DECIMALS).tolist(), strict=True):
            lists.setdefault(name, []).append(value)
        return replace(self, surplus={name: tuple(values[-LAST:]) for name, values in lists.items()})

    def checked(
        self, entity: Sequence[str], right: np.ndarray, confidence: np.ndarray, auto: np.ndarray
    ) -> Records:
        """These records and the answers to reviewed entries, in order of date: the company of each, whether it
        is right, its confidence, and whether it was `auto` but for a stop, [N] each."""
        looks = {name: list(values) for name, values in self.looks.items()}
        for name, is_right, looked in zip(entity, right.tolist(), auto.tolist(), strict=True):
            if looked:
                looks.setdefault(name, []).append(is_right)
        kept = {name: tuple(values[-LOOKS:]) for name, values in looks.items()}
        return replace(self.joined(entity, right - confidence), looks=kept)

    def stopped(self, promise: float) -> dict[str, tuple[int, int]]:
        """The companies that are stopped under a promise: how many answers were looked at, and how many of them
        were wrong."""
        found = {}
        for name, looks in self.looks.items():
            wrong = len(looks) - sum(looks)
            if wrong and bdtrc(wrong - 1, len(looks), 1 - promise) < _STOP:
                found[name] = (len(looks), wrong)
        return found

    def figures(self, entity: Sequence[str]) -> np.ndarray:
        """float64 [N]: the record of each company as a feature."""
        figure = {name: sum(values) / (len(values) + _SHRINK) for name, values in self.surplus.items()}
        return np.array([figure.get(name, 0.0) for name in entity], dtype=np.float64)

    def as_dict(self) -> dict[str, Any]:
        """The records as JSON types; `from_dict` reads them."""
        return {"surplus": dict(self.surplus), "looks": dict(self.looks)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Records:
        """Read what `as_dict` wrote."""
        return cls(
            *({name: tuple(own) for name, own in content[each].items()} for each in ("surplus", "looks"))
        )


def records_before(
    entity: np.ndarray, date: np.ndarray, surplus: np.ndarray, asked: np.ndarray, before: np.ndarray
) -> np.ndarray:
    """float64 [Q]: the record that company `asked` had before the day `before`, both [Q].

    It counts the answers to entries of `entity` on `date` with `surplus`, [N] each.
    """
    figure = np.zeros(len(asked))
    names, number = np.unique(np.concatenate([entity, asked]).astype(str), return_inverse=True)
    own_order, own_ends = _by_number(number[: len(entity)], len(names), date)
    asked_order, asked_ends = _by_number(number[len(entity) :], len(names))
    for own, queries in zip(np.split(own_order, own_ends), np.split(asked_order, asked_ends), strict=True):
        total = np.concatenate([[0.0], np.cumsum(np.round(surplus[own], _DECIMALS))])
        stop = np.searchsorted(date[own], before[queries], side="left")
        start = np.maximum(stop - LAST, 0)
        figure[queries] = (total[stop] - total[start]) / (stop - start + _SHRINK)
    return figure


def _by_number(number: np.ndarray, count: int, date: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """The rows sorted by `number` (0 to `count` - 1) and date, and where each number but the last ends."""
    order = np.lexsort((np.zeros(len(number)) if date is None else date, number))
    return order, np.cumsum(np.bincount(number, minlength=count))[:-1]
