"""A linear support vector machine over an entity's sets of lines, as smart_importer suggests accounts.

Each entity has its own, with a class for every set that it booked; it can't predict other sets.
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
    MOST_SETS,
    BaselinePrediction,
    BaselinePredictions,
    EntityBooks,
    by_entity,
    collected,
)
from jet.evaluation.baselines.repeats import last_same_text

LEAST_ENTRIES = 5
"""The fewest booked entries to train on; with fewer, the set of the last entry with the same text is
predicted."""

_REFITS = 4  # in the calibration rows, and again in the test rows
_C = 1.0
_TEMPERATURE = 0.25


class LinearSvm:
    """scikit-learn's LinearSVC on n-grams, journal, currency and amount.

    The static one is fitted once, on train. The refitted one is fitted eight times: at the beginning of each
    quarter of the calibration rows and of the test rows, on all entries of strictly earlier days.

    The confidence is the softmax of the decision values at a temperature of 1/4, which was best calibrated on
    the calibration rows of two ledgers; with one class only it is 1.
    """

    def __init__(self, *, refitted: bool) -> None:
        self.refitted = refitted
        self.name = "svm_refitted" if refitted else "svm_static"

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`."""
        known = facts(entries)
        predictions: dict[int, BaselinePrediction] = {}
        for books in by_entity(entries, split):
            fallback = dict(zip(books.queries, last_same_text(books), strict=True))
            own = [known[row] for row in books.row]
            fits = _refitted(books) if self.refitted else [(books.booked_train(), books.queries)]
            for learned, queries in fits:
                if len(learned) < LEAST_ENTRIES:
                    predicted: Sequence[BaselinePrediction] = [fallback[place] for place in queries]
                else:
                    predicted = _predictions(books, own, learned, queries)
                for place, prediction in zip(queries, predicted, strict=True):
                    predictions[books.row[place]] = prediction
        return collected(predictions)


def _refitted(books: EntityBooks) -> Iterator[tuple[list[int], list[int]]]:
    """Pairs of places to fit on and places to predict; the entries of a day stay together."""
    for part in (CALIBRATION, TEST):
        queries = [place for place in books.queries if books.part[place] == part]
        if queries:
            quarters = (queries[len(queries) * quarter // _REFITS] for quarter in range(_REFITS))
            days = sorted({books.earlier[place] for place in quarters})
            for day, end in pairwise([*days, len(books.row)]):
                yield books.booked(day), [place for place in queries if day <= place < end]


def _predictions(
    books: EntityBooks, own: Sequence[Facts], learned: Sequence[int], queries: Sequence[int]
) -> list[BaselinePrediction]:
    sets = list(dict.fromkeys(books.lines[place] for place in learned))
    if len(sets) == 1:
        return [BaselinePrediction(sets, 1.0) for _ in queries]
    texts, facts = [books.text[place] for place in learned], [own[place] for place in learned]
    columns = Columns(texts, facts)
    number = {lines: place for place, lines in enumerate(sets)}
    machine = LinearSVC(C=_C, random_state=0)
    with warnings.catch_warnings():  # many classes with one entry each make it suggest a regression
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than 50%")
        machine.fit(columns.rows(texts, facts), [number[books.lines[place]] for place in learned])
    decision = machine.decision_function(
        columns.rows([books.text[place] for place in queries], [own[place] for place in queries])
    )
    if decision.ndim == 1:  # of two classes, it returns the second one's value only
        decision = np.column_stack([-decision, decision])
    best = np.argsort(-decision, axis=1, kind="stable")[:, :MOST_SETS]
    odds = np.exp((decision - decision.max(axis=1, keepdims=True)) / _TEMPERATURE)
    confidence = 1 / odds.sum(axis=1)
    return [
        BaselinePrediction([sets[place] for place in ranked], sure)
        for ranked, sure in zip(best.tolist(), confidence.tolist(), strict=True)
    ]
