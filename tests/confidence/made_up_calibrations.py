"""Calibrations on made-up rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jet.confidence.calibration import Calibration, CalibrationRows
from jet.confidence.promises import Calibrations

NAMES = ("log_odds", "margin", "support")


def plausible(rows=400, seed=0):
    """Figures of answers, their log odds twice as sure as they should be, and which were right."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(1.0, 1.5, rows)
    right = draw.random(rows) < 1 / (1 + np.exp(-truth))
    features = draw.random((rows, len(NAMES)))
    features[:, 0] = 2 * truth
    features[:, 1] = np.clip(truth + draw.normal(0, 1, rows), 0, 10)
    return features, right


def rows_of(right, entity=None, **columns):
    """Rows of companies a and b by turns, or of `entity`, with other `columns`."""
    entity = ["ab"[number % 2] for number in range(len(right))] if entity is None else entity
    given = {"history": np.full(len(right), 100)} | columns
    return replace(CalibrationRows.independent(entity, right), **given)


def fit(features, right, **columns):
    return Calibration.fit(NAMES, features, rows_of(right, **columns))


def of_rows(rows, misfits=None, first=0):
    """A calibration on rows (entity, confidence in twentieths, right), of entries from number `first` on."""
    right = np.array([is_right for _, _, is_right in rows], dtype=bool)
    confidence = np.array([twentieths / 20 for _, twentieths, _ in rows])
    number = first + np.arange(len(rows))
    columns = rows_of(right, [name for name, _, _ in rows], group=number, entry=number)
    return Calibration(NAMES, np.zeros(len(NAMES)), 0.0, columns, confidence, misfits or {})


def thresholds_of(calibration, promise):
    """Where there is no other regime."""
    return Calibrations((calibration,)).thresholds(promise)[0]


def all_right(group):
    """A calibration whose rows, of a company's texts `group`, are all right."""
    rows = rows_of(np.ones(len(group), bool), ["a"] * len(group), group=group, entry=group)
    return Calibration(NAMES, np.zeros(len(NAMES)), 0.0, rows, np.full(len(group), 0.9), {})
