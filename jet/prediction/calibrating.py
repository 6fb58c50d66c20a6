"""Calibrates a trained bundle on its predictions of the calibration split."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from jet.books.split import CALIBRATION
from jet.bundle.bundle import Bundle
from jet.confidence.judgment import Judgment
from jet.confidence.outcomes import Outcomes
from jet.prediction.outcomes import outcomes_of
from jet.prediction.predictor import Predictor, PredictSettings
from jet.training.data import TrainingData

log = logging.getLogger("jet.train")


def calibration_entries(data: TrainingData) -> pa.Table:
    """The booked entries of the calibration split (`ENTRIES`), sorted by entity and id."""
    entries = data.entries.take(pa.array(data.rows(CALIBRATION)))
    return entries.sort_by([("entity", "ascending"), ("entry_id", "ascending")])


def calibrated(bundle: Bundle, outcomes: Outcomes, entities: Sequence[str]) -> Bundle:
    """The bundle calibrated on the outcomes of N entries; `entities` [N] has the company of each."""
    judgment = Judgment.fit(outcomes, list(entities))
    right = judgment.calibrations["stacked"].right
    log.info("calibrated on %d entries, %.1f %% of them right", len(right), 100 * right.mean())
    facts = bundle.facts | {"calibration_exact_match": round(float(right.mean()), 4)}
    return replace(bundle, judgment=judgment, facts=facts)


def calibrate(bundle: Bundle, data: TrainingData, settings: PredictSettings) -> Bundle:
    """The bundle calibrated on the calibration split of `data`, its training data, in this process."""
    entries = calibration_entries(data)
    predictor = Predictor(bundle, replace(settings, method="stacked"))  # with the scores of all methods
    return calibrated(bundle, outcomes_of(predictor, entries), entries["entity"].to_pylist())
