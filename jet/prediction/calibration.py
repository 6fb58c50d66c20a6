"""Calibration: from figures of an answer to the probability that it is right.

A logistic regression (Platt 1999) on a few figures of the answer and of its evidence, fitted on the
calibration split's free-running answers. The calibration rows are kept, so that the threshold of any promised
precision can be looked up later (`jet.prediction.threshold`): one for all companies together, and a lower
one of its own for each company that has rows enough to keep the promise by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from jet.prediction.threshold import LEVEL, threshold_for

_LEAST_ROWS = 20


@dataclass(frozen=True)
class Thresholds:
    """The confidence from which on a promise is kept."""

    pooled: float | None
    """For all companies together; None where none keeps it."""
    own: Mapping[str, float]
    """Lower ones, of companies whose own rows keep it from there on.

    All of them together may fail as often as the pooled one: each company is another chance for luck to lower a
    threshold, so each is held to a level of its own share.

    Never higher ones: a company has its own only as long as its rows suffice for the promise, and would be held
    to less by a stricter promise, which must never automate more.
    """

    def of(self, entities: Sequence[str]) -> np.ndarray:
        """float64: the threshold of each of `entities`, inf where there is none."""
        pooled = np.inf if self.pooled is None else self.pooled
        return np.array([self.own.get(entity, pooled) for entity in entities], dtype=np.float64)


@dataclass(frozen=True)
class Calibration:
    """A logistic regression on named figures, and the rows that it was fitted on.

    The first figure is log odds: where nothing can be fitted, they are the confidence.
    """

    names: tuple[str, ...]
    weights: np.ndarray  # float64 [figures]
    bias: float
    confidence: np.ndarray  # float64 [rows]
    right: np.ndarray  # bool [rows]
    entity: tuple[str, ...]  # [rows]

    @classmethod
    def none(cls, names: Sequence[str]) -> Calibration:
        """Before anything was calibrated: the first figure as it is, and no promise."""
        weights = np.zeros(len(names))
        weights[0] = 1.0
        return cls(tuple(names), weights, 0.0, np.empty(0), np.empty(0, dtype=bool), ())

    @classmethod
    def fit(
        cls, names: Sequence[str], figures: np.ndarray, right: np.ndarray, entity: Sequence[str]
    ) -> Calibration:
        """From `figures` [rows, len(names)], whether the answer was `right` [rows], and whose it was.

        With too few rows, or none right or none wrong, nothing can be fitted: the first figure stands.
        """
        start = cls.none(names)
        weights, bias = start.weights, start.bias
        if len(right) >= _LEAST_ROWS and right.any() and not right.all():
            from sklearn.linear_model import LogisticRegression  # takes two seconds, and predicting needs none

            spread = figures.std(axis=0)
            spread[spread == 0] = 1.0
            model = LogisticRegression(C=1.0, max_iter=1000).fit(figures / spread, right)
            weights, bias = model.coef_[0] / spread, float(model.intercept_[0])
        confidence = 1 / (1 + np.exp(-(figures @ weights + bias)))
        return cls(tuple(names), weights, bias, confidence, right, tuple(entity))

    def __call__(self, figures: np.ndarray) -> np.ndarray:
        """The probability that an answer is right, [rows], of `figures` [rows, len(names)]."""
        return 1 / (1 + np.exp(-(figures @ self.weights + self.bias)))

    def thresholds(self, promise: float) -> Thresholds:
        """From which confidence on a precision of `promise` is kept."""
        if not len(self.right):
            return Thresholds(None, {})
        pooled = threshold_for(promise, self.confidence, self.right)
        entity = np.array(self.entity)
        own = {}
        names = list(dict.fromkeys(self.entity))
        level = 1 - (1 - LEVEL) / len(names)
        for name in names:
            rows = entity == name
            threshold = threshold_for(promise, self.confidence[rows], self.right[rows], level)
            if threshold is not None and (pooled is None or threshold < pooled):
                own[name] = threshold
        return Thresholds(pooled, own)

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold of it: all."""
        return {
            "figures": list(self.names),
            "weights": self.weights.tolist(),
            "bias": self.bias,
            "confidence": self.confidence.tolist(),
            "right": self.right.astype(int).tolist(),
            "entity": list(self.entity),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any], names: Sequence[str]) -> Calibration:
        """The inverse of `as_dict`. Raises `ValueError` where the figures are not `names`, this version's."""
        if tuple(content["figures"]) != tuple(names):
            raise ValueError(f"calibration has the figures {content['figures']}; this jet has {tuple(names)}")
        return cls(
            tuple(names),
            np.asarray(content["weights"], dtype=np.float64),
            float(content["bias"]),
            np.asarray(content["confidence"], dtype=np.float64),
            np.asarray(content["right"], dtype=bool),
            tuple(content["entity"]),
        )
