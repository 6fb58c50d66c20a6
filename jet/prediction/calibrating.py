"""Calibrates a trained bundle on its predictions of booked entries that trained nothing.

Each entry of the calibration and the test split is asked as it will be in use: knowing all earlier days, or
only those before a batch; with its total, or without. What else may be missing (journal, currency, direction)
is hidden in some of the entries without totals. So the confidence is calibrated in each regime of use
(`jet.confidence.regimes`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.schema import ENTRIES, joined_keys
from jet.books.split import CALIBRATION, TEST
from jet.books.withheld import without_totals
from jet.bundle.bundle import Bundle
from jet.confidence.judgment import Judgment
from jet.confidence.outcomes import Asked, Outcomes
from jet.confidence.regimes import regime_numbers
from jet.prediction.outcomes import outcomes_of
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings
from jet.ranking.examples import newest
from jet.retrieval.hiding import also_hidden
from jet.training.data import TrainingData

MOST_ENTRIES = 5_000
"""The most entries of a split that are asked, the newest of each company: more make no threshold more certain
than the differences between companies do."""

ASKED_BY = ("entity", "entry_id", "regime", "known_before")
"""The key of a row of `asked_entries`."""

log = logging.getLogger("jet.train")


def asked_entries(data: TrainingData) -> pa.Table:
    """The booked entries to calibrate on, each as often as it is asked, sorted by ASKED_BY.

    Columns of `ENTRIES`, and regime (int64), known_before (int32, days since 1970) and newest (bool: of the
    test split).
    """
    tables = [_asked(data, *how) for how in _ways(data)]
    return pa.concat_tables(tables).sort_by([(name, "ascending") for name in ASKED_BY])


def _ways(data: TrainingData) -> Iterator[tuple[np.ndarray, np.ndarray, bool, bool]]:
    """Rows, the day before which entries are known to each, whether that is a batch, and whether it is of the
    test split."""
    entity, date = data.corpus.rows.entity, data.corpus.rows.date
    chosen = {part: newest(data.rows(part), entity, MOST_ENTRIES) for part in (CALIBRATION, TEST)}
    first = {part: _first_days(entity, date, data.rows(part)) for part in (CALIBRATION, TEST)}
    for part, rows in chosen.items():
        yield rows, date[rows], False, part == TEST
        yield rows, first[part][entity[rows]], True, part == TEST
    # The far end of a long batch: the test split, knowing no more than the training rows.
    rows = chosen[TEST]
    far = first[CALIBRATION][entity[rows]]
    rows, far = rows[far < first[TEST][entity[rows]]], far[far < first[TEST][entity[rows]]]
    yield rows, far, True, True


def _first_days(entity: np.ndarray, date: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """int32 [E]: the first day of each entity's `rows`; the largest int32 where it has none."""
    first = np.full(int(entity.max(initial=-1)) + 1, np.iinfo(np.int32).max, dtype=np.int32)
    np.minimum.at(first, entity[rows], date[rows])
    return first


def _asked(
    data: TrainingData, rows: np.ndarray, known_before: np.ndarray, batch: bool, of_test: bool
) -> pa.Table:
    """The entries of `rows` as `asked_entries` has them, with their totals where they have one, and without."""
    entries = data.entries.take(pa.array(rows)).select(ENTRIES.names)
    totals = entries["total"].is_valid().to_numpy()
    tables = []
    for table, kept in ((entries, np.ones(len(rows), dtype=bool)), (_hidden(entries, rows), totals)):
        columns = {
            "regime": regime_numbers(np.full(len(rows), batch), table["total"].is_valid().to_numpy()),
            "known_before": known_before.astype(np.int32),
            "newest": np.full(len(rows), of_test),
        }
        for name, values in columns.items():
            table = table.append_column(name, pa.array(values))
        tables.append(table.filter(pa.array(kept)))
    return pa.concat_tables(tables)


def _hidden(entries: pa.Table, rows: np.ndarray) -> pa.Table:
    """`entries` (`ENTRIES`) without totals, and some without more; `rows` are their numbers in the corpus."""
    entries = without_totals(entries)
    for name, some in also_hidden(rows).items():
        column = pc.if_else(pa.array(some), pa.scalar("", pa.string()), entries[name])
        entries = entries.set_column(entries.schema.get_field_index(name), ENTRIES.field(name), column)
    return entries


def asked_outcomes(predictor: Predictor, asked: pa.Table) -> Outcomes:
    """The outcomes of entries that `asked_entries` made, in order."""
    return outcomes_of(predictor, asked.select(ENTRIES.names), asked["known_before"].to_numpy())


def calibrated(bundle: Bundle, outcomes: Outcomes, asked: pa.Table) -> Bundle:
    """The bundle calibrated on the outcomes of N entries, `asked` as `asked_entries` says."""
    entry = joined_keys(asked["entity"], asked["entry_id"]).dictionary_encode().indices
    how = Asked(
        entity=np.array(asked["entity"].to_pylist(), dtype=object),
        entry=entry.to_numpy().astype(np.int64),
        date=asked["date"].cast(pa.int32()).to_numpy(),
        known_before=asked["known_before"].to_numpy(),
        regime=asked["regime"].to_numpy(),
        newest=asked["newest"].to_numpy(zero_copy_only=False),
    )
    judgment = Judgment.fit(outcomes, how)
    report = judgment.for_report().calibrations[0].rows.right
    share = round(float(report.mean()), 4) if len(report) else None
    log.info("calibrated on %d answers; of the calibration split %s are right", len(asked), share)
    return replace(bundle, judgment=judgment, facts=bundle.facts | {"calibration_exact_match": share})


def calibrate(bundle: Bundle, data: TrainingData, settings: PredictSettings) -> Bundle:
    """The bundle calibrated on the calibration and the test split of `data`, its training data, in this
    process."""
    asked = asked_entries(data)
    predictor = Predictor(bundle, replace(settings, method="ranker"))
    return calibrated(bundle, asked_outcomes(predictor, asked), asked)
