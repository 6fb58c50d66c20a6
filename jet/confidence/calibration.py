"""Calibration: from figures of an answer to the probability that it is right.

A logistic regression (Platt 1999) on a few figures of the answer and of its evidence, fitted on the
calibration split's free-running answers. The calibration rows are kept, so that the threshold of any promised
precision can be looked up later (`jet.confidence.threshold`): one for all companies together, and a lower
one of its own for each company that has rows enough to keep the promise by itself. Rows that a rule keeps from
`auto` (`jet.confidence.holds`) have no say in thresholds.
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

    least_history: int = 0
    """The fewest earlier entries of a company with which the promise is known to be kept: see
    `jet.confidence.threshold.least_history`."""

    def of(self, entities: Sequence[str]) -> np.ndarray:
        """float64: the threshold of each of `entities`, inf where there is none."""
        pooled = np.inf if self.pooled is None else self.pooled
        return np.array([self.own.get(entity, pooled) for entity in entities], dtype=np.float64)


@dataclass(frozen=True)
class Bounds:
    """What bounds the automation of rows beside their confidence."""

    most: np.ndarray  # float64 [rows] the confidence is never above this
    held: np.ndarray  # bool [rows] a rule keeps the answer from `auto` (see `jet.confidence.holds`)
    history: np.ndarray  # int64 [rows] earlier entries of the entity


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
    held: np.ndarray  # bool [rows] a rule kept the answer from `auto` (see `jet.confidence.holds`)
    history: np.ndarray  # int64 [rows] earlier entries of the entity

    @classmethod
    def none(cls, names: Sequence[str]) -> Calibration:
        """Before anything was calibrated: the first figure as it is, and no promise."""
        weights = np.zeros(len(names))
        weights[0] = 1.0
        no = np.empty(0, dtype=bool)
        return cls(tuple(names), weights, 0.0, np.empty(0), no, (), no, np.empty(0, dtype=np.int64))

    @classmethod
    def fit(
        cls,
        names: Sequence[str],
        figures: np.ndarray,
        right: np.ndarray,
        entity: Sequence[str],
        bounds: Bounds | None = None,
    ) -> Calibration:
        """From `figures` [rows, len(names)], whether the answer was `right` [rows], and whose it was.

        Without `bounds` nothing is held and everybody has the same history. With too few rows, or none right or
        none wrong, nothing can be fitted: the first figure stands.
        """
        start = cls.none(names)
        weights, bias = start.weights, start.bias
        if len(right) >= _LEAST_ROWS and right.any() and not right.all():
            from sklearn.linear_model import LogisticRegression  # takes two seconds, and predicting needs none

            spread = figures.std(axis=0)
            spread[spread == 0] = 1.0
            model = LogisticRegression(C=1.0, max_iter=1000).fit(figures / spread, right)
            weights, bias = model.coef_[0] / spread, float(model.intercept_[0])
        confidence = _logistic(figures, weights, bias)
        if bounds is None:
            bounds = Bounds(
                most=np.ones(len(right)),
                held=np.zeros(len(right), dtype=bool),
                history=np.zeros(len(right), dtype=np.int64),
            )
        confidence = np.minimum(confidence, bounds.most)
        return cls(tuple(names), weights, bias, confidence, right, tuple(entity), bounds.held, bounds.history)

    def __call__(self, figures: np.ndarray) -> np.ndarray:
        """The probability that an answer is right, [rows], of `figures` [rows, len(names)]."""
        return _logistic(figures, self.weights, self.bias)

    def thresholds(self, promise: float) -> Thresholds:
        """From which confidence on a precision of `promise` is kept."""
        if not len(self.right):
            return Thresholds(None, {})
        free = ~self.held
        confidence, right, history = self.confidence[free], self.right[free], self.history[free]
        pooled = threshold_for(promise, confidence, right)
        entity = np.array(self.entity)[free]
        own = {}
        names = list(dict.fromkeys(self.entity))
        level = 1 - (1 - LEVEL) / len(names)
        for name in names:
            rows = entity == name
            threshold = threshold_for(promise, confidence[rows], right[rows], level)
            if threshold is not None and (pooled is None or threshold < pooled):
                own[name] = threshold
        found = Thresholds(pooled, own)
        automated = confidence >= found.of(entity.tolist())
        return replace(found, least_history=least_history(history[automated & right], history))

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold of it: all."""
        return {
            "figures": list(self.names),
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
        """The inverse of `as_dict`. Raises `ValueError` where the figures are not `names`, this version's."""
        if tuple(content["figures"]) != tuple(names):
            raise ValueError(f"calibration has the figures {content['figures']}; this jet has {tuple(names)}")
        if "history" not in content:
            raise ValueError(
                "the calibration doesn't say how many earlier entries its companies had, so what is too few "
                "can't be told: it is of an earlier jet; train again"
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


def _logistic(figures: np.ndarray, weights: np.ndarray, bias: float) -> np.ndarray:
    """float64 [rows]. Summed row by row: those of a matrix product may depend on their place."""
    return 1 / (1 + np.exp(-((figures * weights).sum(axis=1) + bias)))
