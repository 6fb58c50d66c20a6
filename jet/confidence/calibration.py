"""Calibration: from features of a prediction to the probability that it is right.

A logistic regression (Platt 1999) on a few features of the prediction and its evidence, fitted on free-running
predictions of booked entries that trained nothing. Its rows are kept, so that the thresholds for any promise
can be computed later (`jet.confidence.promises`):

- **Each row's confidence is of a regression that was fitted on other rows.** Thresholds chosen on the fitted
  rows themselves would be too low.
- **A company whose confidence misfits is found**: it was right far less often than its confidence says. Nothing
  is fitted on its rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

_FOLDS = 5

_PLACES = 1e6  # the rows' confidence is cut after the sixth decimal, since it is saved
_LEAST_ROWS = 20
_SURE = 0.8  # from this confidence on, a company's rows show a misfit
_LEAST_SURE = 10  # such rows of a company, or nothing shows
_MISFIT = 3.0  # standard deviations
_CLUSTERED = 3.0  # the variance of the number of right rows, over that of independent rows
_ROUNDS = 4


@dataclass(frozen=True)
class Misfit:
    """How often a company's confident answers were right, beside how often they should have been."""

    rows: int
    right: int
    expected: float


@dataclass(frozen=True)
class CalibrationRows:
    """N predictions of booked entries."""

    entity: np.ndarray  # object [N] names of the companies
    right: np.ndarray  # bool [N]
    fold: np.ndarray  # int64 [N] the confidence of a row is fitted on rows of the other folds
    group: np.ndarray  # int64 [N] rows of a group may be wrong together (see `jet.confidence.threshold`)
    entry: np.ndarray  # int64 [N] the same number for the answers to one entry
    newest: np.ndarray  # bool [N] rows of the newest time: a company that misfits there misfits
    most: np.ndarray  # float64 [N] the confidence is never above this
    held: np.ndarray  # bool [N] a rule keeps the answer from `auto` (see `jet.confidence.holds`)
    history: np.ndarray  # int64 [N] earlier entries of the entity

    @classmethod
    def independent(cls, entity: Sequence[str], right: np.ndarray) -> CalibrationRows:
        """Rows with nothing to bound or to group them."""
        size = len(right)
        return cls(
            entity=np.array(entity, dtype=object),
            right=np.asarray(right, dtype=bool),
            fold=np.arange(size) % _FOLDS,
            group=np.arange(size),
            entry=np.arange(size),
            newest=np.zeros(size, dtype=bool),
            most=np.ones(size),
            held=np.zeros(size, dtype=bool),
            history=np.zeros(size, dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.right)

    def take(self, rows: np.ndarray) -> CalibrationRows:
        """Some rows, by row numbers or a mask."""
        return CalibrationRows(*(getattr(self, each.name)[rows] for each in fields(self)))


@dataclass(frozen=True)
class Calibration:
    """A logistic regression on named features, and the rows that it was fitted on.

    The first feature is a logit, which gives the confidence where nothing can be fitted.
    """

    names: tuple[str, ...]
    weights: np.ndarray  # float64 [features]
    bias: float
    rows: CalibrationRows
    confidence: np.ndarray  # float64 [rows] by a regression on the other folds
    misfits: Mapping[str, Misfit]

    @classmethod
    def unfitted(cls, names: Sequence[str]) -> Calibration:
        """An unfitted calibration: the logit as it is, and no rows to promise anything on."""
        weights, bias = _unfitted(len(names))
        rows = CalibrationRows.independent([], np.empty(0, dtype=bool))
        return cls(tuple(names), weights, bias, rows, np.empty(0), {})

    @classmethod
    def fit(cls, names: Sequence[str], features: np.ndarray, rows: CalibrationRows) -> Calibration:
        """Fit on `features` float64 [N, len(names)] of the N `rows`.

        With fewer than 20 rows, or rows of one label only, the logit stays the confidence.
        """
        misfits: dict[str, Misfit] = {}
        for _ in range(_ROUNDS):  # without the companies that misfit, others may
            fitting = ~np.isin(rows.entity, list(misfits))
            confidence = np.minimum(_cross_fitted(features, rows, fitting), rows.most)
            confidence = np.floor(confidence * _PLACES) / _PLACES
            found = _misfits(rows, confidence, fitting)
            misfits |= found
            if not found:
                break
        fitting = ~np.isin(rows.entity, list(misfits))
        weights, bias = _fitted(features[fitting], rows.right[fitting])
        return cls(tuple(names), weights, bias, rows, confidence, misfits)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """The probability that each prediction is right, float64 [rows], from `features` [rows, len(names)]."""
        return _logistic(features, self.weights, self.bias)

    def as_dict(self) -> dict[str, Any]:
        """What thresholds and confidence need as JSON types; `from_dict` reads it.

        It leaves out what only the fit needs: the rows' folds, times and bounds.
        """
        names, entity = np.unique(self.rows.entity.astype(str), return_inverse=True)
        return {
            "features": list(self.names),
            "weights": self.weights.tolist(),
            "bias": self.bias,
            "misfits": {name: [each.rows, each.right, each.expected] for name, each in self.misfits.items()},
            "entities": names.tolist(),
            "entity": entity.tolist(),
            "group": self.rows.group.tolist(),
            "entry": self.rows.entry.tolist(),
            "right": self.rows.right.astype(int).tolist(),
            "held": self.rows.held.astype(int).tolist(),
            "history": self.rows.history.tolist(),
            "confidence": self.confidence.tolist(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any], names: Sequence[str]) -> Calibration:
        """Read what `as_dict` wrote. Raises `ValueError` where its features are not `names`."""
        if tuple(content["features"]) != tuple(names):
            raise ValueError(f"calibration has the features {content['features']}; this jet has {tuple(names)}")
        entities = np.array(content["entities"], dtype=object)
        entity = entities[np.array(content["entity"], dtype=np.int64)]
        rows = CalibrationRows.independent(entity.tolist(), np.array(content["right"], dtype=bool))
        rows = replace(
            rows,
            group=np.array(content["group"], dtype=np.int64),
            entry=np.array(content["entry"], dtype=np.int64),
            held=np.array(content["held"], dtype=bool),
            history=np.array(content["history"], dtype=np.int64),
        )
        return cls(
            tuple(names),
            np.asarray(content["weights"], dtype=np.float64),
            float(content["bias"]),
            rows,
            np.asarray(content["confidence"], dtype=np.float64),
            {name: Misfit(*values) for name, values in content["misfits"].items()},
        )


def _unfitted(features: int) -> tuple[np.ndarray, float]:
    weights = np.zeros(features)
    weights[0] = 1.0
    return weights, 0.0


def _fitted(features: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, float]:
    """The weights and the bias of the regression; those of the logit alone where nothing can be fitted."""
    if len(right) < _LEAST_ROWS or right.all() or not right.any():
        return _unfitted(features.shape[1])
    from sklearn.linear_model import LogisticRegression  # takes two seconds, and predicting needs none

    spread = features.std(axis=0)
    spread[spread == 0] = 1.0
    model = LogisticRegression(C=1.0, max_iter=1000).fit(features / spread, right)
    return model.coef_[0] / spread, float(model.intercept_[0])


def _cross_fitted(features: np.ndarray, rows: CalibrationRows, fitting: np.ndarray) -> np.ndarray:
    """float64 [N]: the confidence of each row by a regression on the rows `fitting` of the other folds."""
    confidence = np.zeros(len(rows))
    for fold in np.unique(rows.fold):
        inside = rows.fold == fold
        others = fitting & ~inside
        confidence[inside] = _logistic(features[inside], *_fitted(features[others], rows.right[others]))
    return confidence


def _misfits(rows: CalibrationRows, confidence: np.ndarray, among: np.ndarray) -> dict[str, Misfit]:
    """The companies whose sure rows, of all times or of the newest, are right far less often than expected."""
    sure = among & (confidence >= _SURE) & ~rows.held
    found: dict[str, Misfit] = {}
    for some in (sure, sure & rows.newest):
        names, number = np.unique(rows.entity[some].astype(str), return_inverse=True)
        size = np.bincount(number, minlength=len(names))
        right = np.bincount(number, rows.right[some], len(names))
        expected = np.bincount(number, confidence[some], len(names))
        variance = np.bincount(number, confidence[some] * (1 - confidence[some]), len(names))
        misfit = (size >= _LEAST_SURE) & (right - expected < -_MISFIT * np.sqrt(_CLUSTERED * variance))
        for place in np.flatnonzero(misfit).tolist():
            found[str(names[place])] = Misfit(
                int(size[place]), int(right[place]), round(float(expected[place]), 2)
            )
    return found


def _logistic(features: np.ndarray, weights: np.ndarray, bias: float) -> np.ndarray:
    """The sigmoid of the weighted sum, float64 [rows].

    Summed row by row: a row of a matrix product may depend on its position.
    """
    return 1 / (1 + np.exp(-((features * weights).sum(axis=1) + bias)))
