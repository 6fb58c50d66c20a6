"""Settings that only an ablation can train with: the ancestor's loss scaling, and a random split.

Both are subclasses of the settings that they replace, which no command line or YAML file can name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jet.books.split import SplitSettings, split_by_date
from jet.training.settings import LOSSES, LossScaling, LossSettings

_EPSILON = 1e-6


@dataclass(kw_only=True)
class RandomSplit(SplitSettings):
    """A random split of each entity's entries in the usual shares, so that calibration and test entries are no
    later than training entries. Neighbors stay strictly earlier."""

    draw: int = 0
    """The seed of the split; the same for all seeds of the training."""

    def parts(self, entity: NDArray, date: NDArray) -> NDArray[np.int8]:
        """The split of every row, that of `split_by_date` on shuffled dates."""
        shuffled = np.random.default_rng(self.draw).permutation(len(date))
        return split_by_date(entity, shuffled, self)


@dataclass(kw_only=True)
class AdaptiveLosses(LossSettings):
    """The losses with the ancestor's "adaptive" scale."""

    momentum: float = 0.99
    """Of the running mean and variance."""

    def scaling(self) -> LossScaling:
        """The scaling of one training."""
        return RunningDeviation(self.momentum)


class RunningDeviation:
    """Divides pointer, side and stop loss by one running standard deviation, which all three update in turn.

    The three have different sizes, so the deviation mostly measures their distance; it falls with the losses,
    so the steps grow late in the training.
    """

    def __init__(self, momentum: float) -> None:
        self.momentum = momentum
        self.mean, self.variance = 0.0, 1.0

    @property
    def deviation(self) -> float:
        """The divisor of the next step's losses."""
        return math.sqrt(self.variance) + _EPSILON

    def scaled(self, weights: Mapping[str, float]) -> dict[str, float]:
        """The weights, divided by the deviation."""
        return {name: weight / self.deviation for name, weight in weights.items()}

    def observe(self, losses: Mapping[str, float]) -> None:
        """Update the deviation with the three losses of a step."""
        for name in LOSSES:
            gap = losses[name] - self.mean
            self.mean += (1 - self.momentum) * gap
            self.variance = self.momentum * (self.variance + (1 - self.momentum) * gap * gap)

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint."""
        return {"mean": self.mean, "variance": self.variance}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a `state`."""
        self.mean, self.variance = state["mean"], state["variance"]
