"""Calibration: from what the decoder says of its best set to the probability that the whole set is right.

A logistic regression (Platt 1999) on a few figures of the answer and of its evidence, fitted on the
calibration split's free-running answers. The calibration rows are kept, so that the threshold of any promised
precision can be looked up later (`jet.prediction.threshold`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from jet.prediction.threshold import threshold_for

FIGURES = ("log_odds", "margin", "similarity", "same_text", "support", "evidence")
_LEAST_ROWS = 20


@dataclass(frozen=True)
class Calibration:
    """`weights` [len(FIGURES)] and `bias` of the logistic regression, and the rows that it was fitted on."""

    weights: np.ndarray
    bias: float
    confidence: np.ndarray  # float64 [rows]
    right: np.ndarray  # bool [rows]

    @classmethod
    def none(cls) -> Calibration:
        """Before anything was calibrated: the decoder's own probability, and no promise."""
        weights = np.zeros(len(FIGURES))
        weights[FIGURES.index("log_odds")] = 1.0
        return cls(weights, 0.0, np.empty(0), np.empty(0, dtype=bool))

    @classmethod
    def fit(cls, figures: np.ndarray, right: np.ndarray) -> Calibration:
        """From `figures` [rows, len(FIGURES)] and whether all lines were `right` [rows].

        With too few rows, or none right or none wrong, nothing can be fitted: the decoder's own probability
        stands.
        """
        if len(right) < _LEAST_ROWS or right.all() or not right.any():
            start = cls.none()
            return cls(start.weights, start.bias, start(figures), right)
        from sklearn.linear_model import LogisticRegression  # takes two seconds, and predicting needs none

        spread = figures.std(axis=0)
        spread[spread == 0] = 1.0
        model = LogisticRegression(C=1.0, max_iter=1000).fit(figures / spread, right)
        fitted = cls(model.coef_[0] / spread, float(model.intercept_[0]), np.empty(0), right)
        return cls(fitted.weights, fitted.bias, fitted(figures), right)

    def __call__(self, figures: np.ndarray) -> np.ndarray:
        """P(all lines right) [rows] of `figures` [rows, len(FIGURES)]."""
        return 1 / (1 + np.exp(-(figures @ self.weights + self.bias)))

    def threshold(self, promise: float) -> float | None:
        """The confidence from which on a precision of `promise` is kept; None where none keeps it."""
        if not len(self.right):
            return None
        return threshold_for(promise, self.confidence, self.right)

    def as_dict(self) -> dict[str, Any]:
        """What JSON can hold of it: all."""
        return {
            "figures": list(FIGURES),
            "weights": self.weights.tolist(),
            "bias": self.bias,
            "confidence": self.confidence.tolist(),
            "right": self.right.astype(int).tolist(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Calibration:
        """The inverse of `as_dict`. Raises `ValueError` where the figures are not this version's."""
        if tuple(content["figures"]) != FIGURES:
            raise ValueError(f"calibration has the figures {content['figures']}; this jet has {FIGURES}")
        return cls(
            np.asarray(content["weights"], dtype=np.float64),
            float(content["bias"]),
            np.asarray(content["confidence"], dtype=np.float64),
            np.asarray(content["right"], dtype=bool),
        )
