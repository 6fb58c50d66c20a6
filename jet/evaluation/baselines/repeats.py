"""Whatever was booked before is booked again: the most frequent set, and the last one with the same text.

Of equally frequent sets the one that was booked last is the better one. These two also stand in for baselines
that learn, where an entity has too little to learn from or nothing is similar.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from numpy.typing import NDArray

from jet.evaluation.baselines.protocol import (
    ANSWERS,
    NO_ANSWER,
    Answer,
    BaselinePredictions,
    EntityBooks,
    by_entity,
    collected,
)
from jet.evaluation.line_sets import Multiset


class _Votes:
    """Which sets were booked how often, and the most frequent of them at any time."""

    def __init__(self) -> None:
        self.count: dict[Multiset, int] = {}
        self.best: list[Multiset] = []
        self.total = 0
        self.last: Multiset = ()

    def add(self, lines: Multiset) -> None:
        """Count one more; of equally frequent sets the one that was added last is the better one."""
        self.count[lines] = self.count.get(lines, 0) + 1
        self.total += 1
        self.last = lines
        # Only this set's count rose, so the best are it and the old best. A stable sort keeps it in front.
        ranked = [lines, *(other for other in self.best if other != lines)]
        self.best = sorted(ranked, key=lambda other: -self.count[other])[:ANSWERS]

    def most_frequent(self) -> Answer:
        """The most frequent sets, with the share of the first; nothing where nothing was added."""
        if not self.total:
            return NO_ANSWER
        return Answer(list(self.best), self.count[self.best[0]] / self.total)


def most_frequent(books: EntityBooks) -> Iterator[Answer]:
    """For every query the sets that were booked most often on strictly earlier days."""
    votes = _Votes()
    learned = 0
    for place in books.queries:
        for earlier in range(learned, books.earlier[place]):
            if books.lines[earlier]:
                votes.add(books.lines[earlier])
        learned = books.earlier[place]
        yield votes.most_frequent()


def last_same_text(books: EntityBooks) -> Iterator[Answer]:
    """For every query the last set with its text, else the most frequent set; see `LastSameText`."""
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
            ranked = list(dict.fromkeys([same.last, *same.best, *frequent.sets]))[:ANSWERS]
            yield Answer(ranked, same.count[same.last] / same.total)


class Majority:
    """The entity's most frequent set; the confidence is its share of all earlier entries."""

    name = "majority"

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`."""
        answers: dict[int, Answer] = {}
        for books in by_entity(entries, split):
            for place, answer in zip(books.queries, most_frequent(books), strict=True):
                answers[books.row[place]] = answer
        return collected(answers)


class LastSameText:
    """What the last entry with the same normalized description was booked to; else the most frequent set.

    The confidence is the share that the answer has of all earlier entries with this description, and where
    there is none, of all earlier entries.
    """

    name = "last_same_text"

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`."""
        answers: dict[int, Answer] = {}
        for books in by_entity(entries, split):
            for place, answer in zip(books.queries, last_same_text(books), strict=True):
                answers[books.row[place]] = answer
        return collected(answers)
