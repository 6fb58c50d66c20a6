"""Baselines that repeat what was booked before: the most frequent set, and the last one with the same text.

Of equally frequent sets the one that was booked last comes first. Other baselines fall back to these where an
entity has too few entries to train on, or none is similar.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from numpy.typing import NDArray

from jet.evaluation.baselines.protocol import (
    MOST_SETS,
    NO_PREDICTION,
    BaselinePrediction,
    BaselinePredictions,
    EntityBooks,
    by_entity,
    collected,
)
from jet.evaluation.line_sets import Multiset


class _Votes:
    """Counts how often each set was booked, and keeps the most frequent ones."""

    def __init__(self) -> None:
        self.count: dict[Multiset, int] = {}
        self.best: list[Multiset] = []
        self.total = 0
        self.last: Multiset = ()

    def add(self, lines: Multiset) -> None:
        """Count a set; of equally frequent sets the one that was added last comes first."""
        self.count[lines] = self.count.get(lines, 0) + 1
        self.total += 1
        self.last = lines
        # Only this count rose, so the best are this set and the old best. A stable sort keeps it in front.
        ranked = [lines, *(other for other in self.best if other != lines)]
        self.best = sorted(ranked, key=lambda other: -self.count[other])[:MOST_SETS]

    def most_frequent(self) -> BaselinePrediction:
        """The most frequent sets, with the share of the first; no sets where none was added."""
        if not self.total:
            return NO_PREDICTION
        return BaselinePrediction(list(self.best), self.count[self.best[0]] / self.total)


def most_frequent(books: EntityBooks) -> Iterator[BaselinePrediction]:
    """The sets that were booked most often on strictly earlier days, for each query."""
    votes = _Votes()
    learned = 0
    for place in books.queries:
        for earlier in range(learned, books.earlier[place]):
            if books.lines[earlier]:
                votes.add(books.lines[earlier])
        learned = books.earlier[place]
        yield votes.most_frequent()


def last_same_text(books: EntityBooks) -> Iterator[BaselinePrediction]:
    """The last set with the query's text, else the most frequent set, for each query; see `LastSameText`."""
    of_text: dict[str, _Votes] = {}
    learned = 0
    for place, frequent in zip(books.queries, most_frequent(books), strict=True):
        for earlier in range(learned, books.earlier[place]):
            if books.lines[earlier]:
                of_text.setdefault(books.text[earlier], _Votes()).add(books.lines[earlier])
        learned = books.earlier[place]
        same = of_text.get(books.text[place])
        if same is None:
            yield frequent
        else:
            ranked = list(dict.fromkeys([same.last, *same.best, *frequent.sets]))[:MOST_SETS]
            yield BaselinePrediction(ranked, same.count[same.last] / same.total)


class Majority:
    """The entity's most frequent set; the confidence is its share of all earlier entries."""

    name = "majority"

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`."""
        predictions: dict[int, BaselinePrediction] = {}
        for books in by_entity(entries, split):
            for place, prediction in zip(books.queries, most_frequent(books), strict=True):
                predictions[books.row[place]] = prediction
        return collected(predictions)


class LastSameText:
    """The set of the last entry with the same normalized description; else the most frequent set.

    The confidence is the share of the set among all earlier entries with this description, or, where there is
    none, among all earlier entries.
    """

    name = "last_same_text"

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`."""
        predictions: dict[int, BaselinePrediction] = {}
        for books in by_entity(entries, split):
            for place, prediction in zip(books.queries, last_same_text(books), strict=True):
                predictions[books.row[place]] = prediction
        return collected(predictions)
