"""The inputs and outputs of every baseline.

`by_entity` enforces the protocol: it sorts each entity's entries by date and gives the number of strictly
earlier ones of each. Within a day they are sorted by entry_id, so no prediction depends on the order of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jet.artifacts.tables import validate
from jet.books.schema import ENTRIES
from jet.books.sorting import sort_entries
from jet.books.split import CALIBRATION, TRAIN, date_order
from jet.evaluation.line_sets import Multiset, line_sets
from jet.evaluation.scored import Scored, score_sets
from jet.texts.normalize import normalize_all
from jet.training.data import TrainingData

MOST_SETS = 3
"""The most sets that an entry gets: the prediction and its alternatives."""


@dataclass
class BaselinePredictions:
    """The predictions of a baseline; every column has one element for each predicted row."""

    row: NDArray[np.intp]
    """Row numbers in `entries`, ascending: those of calibration and test."""
    sets: list[Multiset]
    """The predicted sets; () where the entity had booked nothing yet."""
    confidence: NDArray[np.float64]
    alternatives: list[list[Multiset]]


class Baseline(Protocol):
    """Predicts the calibration and test rows of a split by date."""

    @property
    def name(self) -> str:
        """Its name in reports."""
        ...

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """Predict every row of calibration and test from strictly earlier entries of its entity.

        `entries` has the schema ENTRIES and holds all books in any order; `split`, shape (rows,), is what
        `split_by_date` gives. Raises ValueError where a split is not by date.
        """
        ...


@dataclass(frozen=True)
class BaselinePrediction:
    """The prediction of one row: at most `MOST_SETS` sets, best first, and the confidence of the first."""

    sets: list[Multiset]
    confidence: float


NO_PREDICTION = BaselinePrediction([], 0.0)


@dataclass(frozen=True)
class EntityBooks:
    """The entries of one entity, sorted by date; every column has one element for each place in that order."""

    row: list[int]
    """Row numbers in the table."""
    earlier: list[int]
    """The number of strictly earlier entries, which come first."""
    text: list[str]
    """Normalized descriptions."""
    lines: list[Multiset]
    """() where they are not known."""
    part: NDArray[np.int8]
    """TRAIN, CALIBRATION or TEST."""
    queries: list[int]
    """The places to predict: those of calibration and test."""

    @property
    def trains(self) -> NDArray[np.bool_]:
        """bool: which places are training entries."""
        return self.part == TRAIN

    def booked(self, end: int) -> list[int]:
        """The places before `end` whose lines are known."""
        return [place for place in range(end) if self.lines[place]]

    def booked_train(self) -> list[int]:
        """The training places whose lines are known."""
        return self.booked(int(np.count_nonzero(self.trains)))


def by_entity(entries: pa.Table, split: NDArray) -> Iterator[EntityBooks]:
    """The entries of each entity with rows to predict. Raises `ValueError` as `Baseline.predict` does."""
    entries = validate(entries, ENTRIES, "entries")
    split = np.asarray(split)
    if split.shape != (entries.num_rows,):
        raise ValueError(f"split has shape {split.shape}, must be ({entries.num_rows},)")
    entity = entries["entity"].to_numpy()
    entry_id = np.array(entries["entry_id"].to_pylist(), dtype=object)
    order = date_order(entity, entries["date"].to_numpy(), np.unique(entry_id, return_inverse=True)[1])
    texts = normalize_all(entries["description"]).to_pylist()
    sets = line_sets(entries["lines"])
    for start in np.unique(order.entity_start).tolist():
        end = int(order.entity_end[start])
        rows = order.row[start:end]
        queries = np.flatnonzero(split[rows] >= CALIBRATION)
        if not queries.size:
            continue
        earlier = order.day_start[start:end] - start
        if np.any(split[rows[earlier[queries[0]] :]] == TRAIN):
            raise ValueError(f"entity {entity[rows[0]]!r}: train reaches into later splits, split it by date")
        yield EntityBooks(
            row=rows.tolist(),
            earlier=earlier.tolist(),
            text=[texts[row] for row in rows],
            lines=[sets[row] for row in rows],
            part=split[rows],
            queries=queries.tolist(),
        )


def places_of(data: TrainingData, entries: pa.Table, split: NDArray) -> NDArray[np.intp]:
    """[N]: the row of `entries` of each row of the training data.

    Raises ValueError where `entries` and `split` are not those of the training data.
    """
    entries = validate(entries, ENTRIES, "entries")
    split = np.asarray(split)
    if split.shape != (entries.num_rows,):
        raise ValueError(f"split has shape {split.shape}, must be ({entries.num_rows},)")
    numbered = sort_entries(entries.append_column("place", pa.array(np.arange(len(entries)))))
    place = numbered["place"].to_numpy()
    same = numbered.select(ENTRIES.names).equals(data.entries.select(ENTRIES.names))
    if not same or not np.array_equal(split[place], data.split):
        raise ValueError("the entries and their split are not those of the training data")
    return place


def collected(predictions: Mapping[int, BaselinePrediction]) -> BaselinePredictions:
    """The predictions by row number as arrays."""
    rows = sorted(predictions)
    return BaselinePredictions(
        row=np.array(rows, dtype=np.intp),
        sets=[predictions[row].sets[0] if predictions[row].sets else () for row in rows],
        confidence=np.array([predictions[row].confidence for row in rows], dtype=np.float64),
        alternatives=[predictions[row].sets[1:] for row in rows],
    )


def score_baseline(
    entries: pa.Table,
    predictions: BaselinePredictions,
    rows: NDArray,
    *,
    strata: dict[str, NDArray] | None = None,
    accounts: pa.Table | None = None,
) -> Scored:
    """Score a baseline's predictions of `rows` of `entries` (row numbers or a mask) against their true lines.

    `strata` has one element per picked row; `accounts` is the chart, see `score_sets`. Raises `ValueError`
    where a row has no prediction.
    """
    rows = np.arange(entries.num_rows)[rows]
    at = np.searchsorted(predictions.row, rows)
    exists = np.append(predictions.row, -1)[at] == rows
    if not exists.all():
        raise ValueError(f"the baseline did not predict row {rows[int(np.argmin(exists))]}")
    return score_sets(
        entries.take(pa.array(rows)),
        [predictions.sets[i] for i in at],
        predictions.confidence[at],
        [predictions.alternatives[i] for i in at],
        strata=strata,
        accounts=accounts,
    )
