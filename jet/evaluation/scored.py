"""Joins predictions to the true lines, for the metrics of `jet.evaluation.metrics`.

The true lines are joined after the prediction and don't change it, nor how many of its lines count. So surplus
lines cost precision, an account booked twice must be predicted twice, and an entry without a prediction is not
right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jet.artifacts.tables import validate
from jet.books.schema import ACCOUNTS, ENTRIES, PREDICTIONS
from jet.books.words import SIDES
from jet.evaluation.line_sets import Multiset, line_sets


@dataclass
class Scored:
    """Predictions beside the true lines; every column has one element for each entry."""

    entity: NDArray
    entry_id: list[str]
    true: list[Multiset]
    predicted: list[Multiset]
    """The predicted set; () where there is none."""
    confidence: NDArray[np.float64]
    alternatives: list[list[Multiset]]
    """Further predicted sets, best first."""
    valid: NDArray[np.bool_]
    """Whether the predicted set keeps the rules of `score_sets`."""
    strata: dict[str, NDArray] = field(default_factory=dict)
    held: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """Entries that are never automated (see `jet.confidence.holds`); by default none."""
    history: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """The number of earlier entries of the entity; by default the largest int64."""
    regime: NDArray = field(default_factory=lambda: np.zeros(0, dtype=object))
    """The regime in which the confidence is calibrated (`jet.confidence.regimes`); by default ""."""

    def __post_init__(self) -> None:
        if not len(self.held):
            self.held = np.zeros(len(self.entity), dtype=bool)
        if not len(self.history):
            self.history = np.full(len(self.entity), np.iinfo(np.int64).max)
        if not len(self.regime):
            self.regime = np.full(len(self.entity), "", dtype=object)
        columns: dict[str, Sequence | NDArray] = {
            "entry_id": self.entry_id,
            "true": self.true,
            "predicted": self.predicted,
            "confidence": self.confidence,
            "alternatives": self.alternatives,
            "valid": self.valid,
            "held": self.held,
            "history": self.history,
            "regime": self.regime,
            **self.strata,
        }
        for name, column in columns.items():
            if len(column) != len(self.entity):
                raise ValueError(f"{name} has {len(column)} rows, entity has {len(self.entity)}")
        if not np.isfinite(self.confidence).all():
            raise ValueError(f"{self.entry_id[int(np.argmin(np.isfinite(self.confidence)))]!r}: no confidence")

    def __len__(self) -> int:
        return len(self.entity)

    @cached_property
    def counts(self) -> dict[str, NDArray]:
        """Counts of each entry, shape (rows,) each; the metrics are ratios of their sums."""
        rows = []
        for true, predicted, others in zip(self.true, self.predicted, self.alternatives, strict=True):
            exact = bool(predicted) and predicted == true
            distinct = dict.fromkeys(lines for lines in (predicted, *others) if lines)
            rows.append(
                (
                    exact,
                    len(true) if exact else _common(true, predicted),
                    len(true) if exact else _common([pair[0] for pair in true], [p[0] for p in predicted]),
                    len(true),
                    len(predicted),
                    exact or true in list(distinct)[:3],
                )
            )
        names = ("exact", "lines", "accounts", "true", "predicted", "top3")
        table = np.array(rows, np.int64).reshape(-1, len(names))
        return dict(zip(names, table.T, strict=True))


def _common(one: Sequence, other: Sequence) -> int:
    return sum((Counter(one) & Counter(other)).values())


def score_predictions(
    entries: pa.Table,
    predictions: pa.Table,
    *,
    strata: Mapping[str, NDArray] | None = None,
    accounts: pa.Table | None = None,
) -> Scored:
    """Join predictions to the entries that they are measured on, which are all rows of `entries`.

    `entries` has the schema ENTRIES and its lines, `predictions` PREDICTIONS; they meet on (entity,
    entry_id). Predictions for other entries are left aside, so that one table may serve calibration and
    test. `strata` (see `strata`) has one element per row of `entries`; `accounts` is the chart that
    predictions must keep to, if it is known. Raises ValueError naming the entries where one has no prediction,
    or more than one, or no lines, or stands in `entries` twice.
    """
    entries = validate(entries, ENTRIES, "entries")
    predictions = validate(predictions, PREDICTIONS, "predictions")
    keys = _keys(entries)
    wanted = set(keys)
    row_of: dict[tuple[str, str], int] = {}
    repeated = [key for key, n in Counter(keys).items() if n > 1]
    if repeated:
        raise ValueError(f"entries that stand in the books more than once: {_named(repeated)}")
    for row, key in enumerate(_keys(predictions)):
        if key in wanted and key in row_of:
            repeated.append(key)
        row_of[key] = row
    if repeated:
        raise ValueError(f"entries with more than one prediction: {_named(repeated)}")
    missing = [key for key in keys if key not in row_of]
    if missing:
        raise ValueError(f"entries without a prediction: {_named(missing)}")
    matched = predictions.take(pa.array([row_of[key] for key in keys], pa.int64())).combine_chunks()
    scored = score_sets(
        entries,
        line_sets(matched["lines"]),
        matched["confidence"].to_numpy(),
        _alternatives(matched["alternatives"]),
        strata=strata,
        accounts=accounts,
    )
    held, history = matched["held"].to_numpy(zero_copy_only=False), matched["history"].to_numpy()
    regime = np.array(matched["regime"].to_pylist(), dtype=object)
    return replace(scored, held=held, history=history, regime=regime)


def _keys(table: pa.Table) -> list[tuple[str, str]]:
    return list(zip(table["entity"].to_pylist(), table["entry_id"].to_pylist(), strict=True))


def _named(keys: Sequence[tuple[str, str]], at_most: int = 10) -> str:
    names = ", ".join(f"{entity}/{entry_id}" for entity, entry_id in keys[:at_most])
    return names + (f" and {len(keys) - at_most} more" if len(keys) > at_most else "")


def _alternatives(column: pa.ChunkedArray) -> list[list[Multiset]]:
    nested: list[list[Multiset]] = []
    for chunk in column.chunks:
        sets = line_sets(chunk.flatten().field("lines"))
        ends = np.concatenate([[0], np.cumsum(chunk.value_lengths().to_numpy())]).tolist()
        nested.extend(sets[start:end] for start, end in pairwise(ends))
    return nested


def score_sets(
    entries: pa.Table,
    predicted: Sequence[Multiset],
    confidence: NDArray,
    alternatives: Sequence[list[Multiset]],
    *,
    strata: Mapping[str, NDArray] | None = None,
    accounts: pa.Table | None = None,
) -> Scored:
    """Join predicted sets to the true lines of `entries`, which are in the same order.

    A set is valid with at least one debit and one credit and no other sides; with a chart (`accounts`,
    `ACCOUNTS`), its accounts must also be the entity's and open on the entry's date. An empty set is valid.
    Raises `ValueError` naming the entries that have no lines.
    """
    true = line_sets(entries["lines"])
    keys = _keys(entries)
    if not all(true):
        unknown = [key for key, lines in zip(keys, true, strict=True) if not lines]
        raise ValueError(f"entries without lines to measure against: {_named(unknown)}")
    chart: dict[tuple[str, str], tuple[Any, Any]] | None = None
    if accounts is not None:
        accounts = validate(accounts, ACCOUNTS, "accounts")
        columns = (accounts[name].to_pylist() for name in ("entity", "code", "opened", "closed"))
        chart = {
            (entity, code): (opened, closed) for entity, code, opened, closed in zip(*columns, strict=True)
        }

    def is_valid(entity: str, date: Any, lines: Multiset) -> bool:
        if not lines:
            return True
        if {side for _, side in lines} != set(SIDES):
            return False
        if chart is None:
            return True
        for account, _ in lines:
            if (entity, account) not in chart:
                return False
            opened, closed = chart[entity, account]
            if (opened is not None and date < opened) or (closed is not None and date > closed):
                return False
        return True

    dates = entries["date"].to_pylist()
    return Scored(
        entity=np.array([entity for entity, _ in keys], dtype=str),
        entry_id=[entry_id for _, entry_id in keys],
        true=true,
        predicted=list(predicted),
        confidence=np.asarray(confidence, np.float64),
        alternatives=list(alternatives),
        valid=np.array(
            [
                is_valid(entity, date, lines)
                for (entity, _), date, lines in zip(keys, dates, predicted, strict=True)
            ],
            dtype=bool,
        ),
        strata=dict(strata or {}),
    )
