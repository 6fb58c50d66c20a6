"""A linear support vector machine over an entity's sets of lines, the way smart_importer suggests accounts.

One machine an entity; every set that it ever booked is a class, so what was never booked can't be answered.
https://github.com/beancount/smart_importer
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.svm import LinearSVC

from jet.books.split import CALIBRATION, TEST
from jet.evaluation.baselines.columns import Columns, Facts, facts
from jet.evaluation.baselines.protocol import (
    ANSWERS,
    Answer,
    BaselinePredictions,
    EntityBooks,
    by_entity,
    collected,
)
from jet.evaluation.baselines.repeats import last_same_text

LEAST_ENTRIES = 5
"""With fewer booked entries than this nothing is learned, and the last entry with the same text answers."""

_REFITS = 4  # in the calibration rows, and again in the test rows
_C = 1.0
_TEMPERATURE = 0.25


class LinearSvm:
    """scikit-learn's LinearSVC on n-grams, journal, currency and amount.

    The static one learns once, from train. The refitted one learns eight times: at the beginning of each
    quarter of the calibration rows and of the test rows, from all entries of strictly earlier days.

    The confidence is the softmax of the decision values at a temperature of 1/4, at which it was nearest to
    the share right on the calibration rows of two ledgers; with one class only it is 1.
    """

    def __init__(self, *, refitted: bool) -> None:
        self.refitted = refitted
        self.name = "svm_refitted" if refitted else "svm_static"

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`."""
        known = facts(entries)
        answers: dict[int, Answer] = {}
        for books in by_entity(entries, split):
            instead = dict(zip(books.queries, last_same_text(books), strict=True))
            own = [known[row] for row in books.row]
            fits = _refitted(books) if self.refitted else [(books.booked_train(), books.queries)]
            for learned, queries in fits:
                if len(learned) < LEAST_ENTRIES:
                    found: Sequence[Answer] = [instead[place] for place in queries]
                else:
                    found = _answers(books, own, learned, queries)
                for place, answer in zip(queries, found, strict=True):
                    answers[books.row[place]] = answer
        return collected(answers)


def _refitted(books: EntityBooks) -> Iterator[tuple[list[int], list[int]]]:
    """The places to learn from, and those to answer with it; a day is never cut."""
    for part in (CALIBRATION, TEST):
        queries = [place for place in books.queries if books.part[place] == part]
        if queries:
            quarters = (queries[len(queries) * quarter // _REFITS] for quarter in range(_REFITS))
            days = sorted({books.earlier[place] for place in quarters})
            for day, end in pairwise([*days, len(books.row)]):
                yield books.booked(day), [place for place in queries if day <= place < end]


def _answers(
    books: EntityBooks, own: Sequence[Facts], learned: Sequence[int], queries: Sequence[int]
) -> list[Answer]:
    sets = list(dict.fromkeys(books.lines[place] for place in learned))
    if len(sets) == 1:
        return [Answer(sets, 1.0) for _ in queries]
    texts, facts = [books.text[place] for place in learned], [own[place] for place in learned]
    columns = Columns(texts, facts)
    number = {lines: place for place, lines in enumerate(sets)}
    machine = LinearSVC(C=_C, random_state=0)
    with warnings.catch_warnings():  # many sets are booked once, and it asks whether that isn't a regression
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
        machine.fit(columns.rows(texts, facts), [number[books.lines[place]] for place in learned])
    decision = machine.decision_function(
        columns.rows([books.text[place] for place in queries], [own[place] for place in queries])
    )
    if decision.ndim == 1:  # of two classes, only the second one's is told
        decision = np.column_stack([-decision, decision])
    best = np.argsort(-decision, axis=1, kind="stable")[:, :ANSWERS]
    odds = np.exp((decision - decision.max(axis=1, keepdims=True)) / _TEMPERATURE)
    confidence = 1 / odds.sum(axis=1)
    return [
        Answer([sets[place] for place in ranked], sure)
        for ranked, sure in zip(best.tolist(), confidence.tolist(), strict=True)
    ]
