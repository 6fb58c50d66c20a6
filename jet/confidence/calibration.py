"""Calibration: from features of a prediction to the probability that it is right.

A logistic regression (Platt 1999) on a few features of the prediction and its evidence, fitted on the
free-running predictions of the calibration split. The calibration rows are kept, so that the threshold for any
promised precision can be computed later (`jet.confidence.threshold`): one for all companies together, and a
lower one for each company with enough rows to keep the promise by itself. Rows that a rule keeps from `auto`
(`jet.confidence.holds`) don't count towards thresholds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from jet.confidence.threshold import LEVEL, least_history, threshold_for

_LEAST_ROWS = 20


@dataclass(frozen=True)
class Thresholds:
    """The lowest confidence at which a promised precision is kept."""

    pooled: float | None
    """For all companies together; None where no threshold keeps the promise."""
    by_entity: Mapping[str, float]
    """By company, where its rows alone keep the promise at a lower threshold.

    Each company is one more chance to find a threshold by luck, so the error of the pooled threshold is divided
    among them (Bonferroni).

    Never higher than the pooled one: under a stricter promise a company's rows no longer suffice, it falls back
    to the pooled threshold, and a stricter promise must never automate more.
    """

    least_history: int = 0
    """The fewest earlier entries of a company with which the promise is known to be kept
    (`jet.confidence.threshold.least_history`)."""

    def of(self, entities: Sequence[str]) -> np.ndarray:
        """The threshold of each entity, float64 [entities]; inf where there is none."""
        pooled = np.inf if self.pooled is None else self.pooled
        return np.array([self.by_entity.get(entity, pooled) for entity in entities], dtype=np.float64)


@dataclass(frozen=True)
class Bounds:
    """What bounds the automation of rows beside their confidence."""

    most: np.ndarray  # float64 [rows] the confidence is never above this
    held: np.ndarray  # bool [rows] a rule keeps the answer from `auto` (see `jet.confidence.holds`)
    history: np.ndarray  # int64 [rows] earlier entries of the entity


@dataclass(frozen=True)
class Calibration:
    """A logistic regression on named features, and the rows that it was fitted on.

    The first feature is a logit, which gives the confidence where nothing can be fitted.
    """

    names: tuple[str, ...]
    weights: np.ndarray  # float64 [features]
    bias: float
    confidence: np.ndarray  # float64 [rows]
    right: np.ndarray  # bool [rows]
    entity: tuple[str, ...]  # [rows]
    held: np.ndarray  # bool [rows] a rule keeps the prediction from `auto` (see `jet.confidence.holds`)
    history: np.ndarray  # int64 [rows] earlier entries of the entity

    @classmethod
    def unfitted(cls, names: Sequence[str]) -> Calibration:
        """An unfitted calibration: the logit as it is, and no rows to promise anything on."""
        weights = np.zeros(len(names))
        weights[0] = 1.0
        no = np.empty(0, dtype=bool)
        return cls(tuple(names), weights, 0.0, np.empty(0), no, (), no, np.empty(0, dtype=np.int64))

    @classmethod
    def fit(
        cls,
        names: Sequence[str],
        features: np.ndarray,
        right: np.ndarray,
        entity: Sequence[str],
        bounds: Bounds | None = None,
    ) -> Calibration:
        """Fit on the features `features` [rows, len(names)], the labels `right` [rows] and each row's entity.

        Without `bounds` no row is held, and all have the same history. With fewer than 20 rows, or rows of one
        label only, the logit stays the confidence.
        """
        start = cls.unfitted(names)
        weights, bias = start.weights, start.bias
        if len(right) >= _LEAST_ROWS and right.any() and not right.all():
            from sklearn.linear_model import LogisticRegression  # takes two seconds, and predicting needs none

            spread = features.std(axis=0)
            spread[spread == 0] = 1.0
            model = LogisticRegression(C=1.0, max_iter=1000).fit(features / spread, right)
            weights, bias = model.coef_[0] / spread, float(model.intercept_[0])
        confidence = _logistic(features, weights, bias)
        if bounds is None:
            bounds = Bounds(
                most=np.ones(len(right)),
                held=np.zeros(len(right), dtype=bool),
                history=np.zeros(len(right), dtype=np.int64),
            )
        confidence = np.minimum(confidence, bounds.most)
        return cls(tuple(names), weights, bias, confidence, right, tuple(entity), bounds.held, bounds.history)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """The probability that each prediction is right, float64 [rows], from `features` [rows, len(names)]."""
        return _logistic(features, self.weights, self.bias)

    def thresholds(self, promise: float) -> Thresholds:
        """The thresholds at which a precision of `promise` is kept."""
        if not len(self.right):
            return Thresholds(None, {})
        free = ~self.held
        confidence, right, history = self.confidence[free], self.right[free], self.history[free]
        pooled = threshold_for(promise, confidence, right)
        entity = np.array(self.entity)[free]
        by_entity = {}
        names = list(dict.fromkeys(self.entity))
        level = 1 - (1 - LEVEL) / len(names)
        for name in names:
            rows = entity == name
            threshold = threshold_for(promise, confidence[rows], right[rows], level)
            if threshold is not None and (pooled is None or threshold < pooled):
                by_entity[name] = threshold
        thresholds = Thresholds(pooled, by_entity)
        automated = confidence >= thresholds.of(entity.tolist())
        return replace(thresholds, least_history=least_history(history[automated & right], history))

    def as_dict(self) -> dict[str, Any]:
        """The whole calibration as JSON types; `from_dict` reads it."""
        return {
            "features": list(self.names),
            "weights": self.weights.tolist(),
            "bias": self.bias,
            "confidence": self.confidence.tolist(),
            "right": self.right.astype(int).tolist(),
            "entity": list(self.entity),
            "held": self.held.astype(int).tolist(),
            "history": self.history.tolist(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any], names: Sequence[str]) -> Calibration:
        """Read what `as_dict` wrote. Raises `ValueError` where its features are not `names`."""
        if tuple(content["features"]) != tuple(names):
            raise ValueError(f"calibration has the features {content['features']}; this jet has {tuple(names)}")
        if "history" not in content:
            raise ValueError(
                "the calibration lacks its rows' numbers of earlier entries, so the least history can't be "
                "computed: it is of an earlier jet; train again"
            )
        return cls(
            tuple(names),
            np.asarray(content["weights"], dtype=np.float64),
            float(content["bias"]),
            np.asarray(content["confidence"], dtype=np.float64),
            np.asarray(content["right"], dtype=bool),
            tuple(content["entity"]),
            np.asarray(content["held"], dtype=bool),
            np.asarray(content["history"], dtype=np.int64),
        )


def _logistic(features: np.ndarray, weights: np.ndarray, bias: float) -> np.ndarray:
    """The sigmoid of the weighted sum, float64 [rows].

    Summed row by row: a row of a matrix product may depend on its position.
    """
    return 1 / (1 + np.exp(-((features * weights).sum(axis=1) + bias)))
