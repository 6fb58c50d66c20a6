"""What only an ablation can train with: the ancestor's loss scaling, and a split at random.

Both are subclasses of the settings that they replace, and no command line or YAML file can name a subclass: an
experiment builds one, a production run can't.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jet.books.split import SplitSettings, split_by_date
from jet.training.losses import LOSSES, LossScaling, LossSettings

_EPSILON = 1e-6


@dataclass(kw_only=True)
class RandomSplit(SplitSettings):
    """Each entity's entries cut in the usual shares, and at random: what the calibration and the test split
    hold is no later than what the network learned from. Neighbors stay strictly earlier."""

    draw: int = 0
    """Which random split. The same one for every seed of a training."""

    def parts(self, entity: NDArray, date: NDArray) -> NDArray[np.int8]:
        """The split of every row: that of `split_by_date` in an order that means nothing."""
        shuffled = np.random.default_rng(self.draw).permutation(len(date))
        return split_by_date(entity, shuffled, self)


@dataclass(kw_only=True)
class AdaptiveLosses(LossSettings):
    """The losses with the ancestor's "adaptive" scale."""

    momentum: float = 0.99
    """Of the running mean and variance."""

    def scaling(self) -> LossScaling:
        """One for the whole training."""
        return RunningDeviation(self.momentum)


class RunningDeviation:
    """Divides pointer, side and stop loss by one running standard deviation, which all three feed in turn.

    The three are of different sizes, so what the deviation mostly measures is how far apart they are; it falls
    with the losses, and the steps grow as there is less to learn.
    """

    def __init__(self, momentum: float) -> None:
        self.momentum = momentum
        self.mean, self.variance = 0.0, 1.0

    @property
    def deviation(self) -> float:
        """What the losses of the next step are divided by."""
        return math.sqrt(self.variance) + _EPSILON

    def scaled(self, weights: Mapping[str, float]) -> dict[str, float]:
        """The weights, divided by the deviation."""
        return {name: weight / self.deviation for name, weight in weights.items()}

    def observe(self, losses: Mapping[str, float]) -> None:
        """Feed the three losses of a step."""
        for name in LOSSES:
            gap = losses[name] - self.mean
            self.mean += (1 - self.momentum) * gap
            self.variance = self.momentum * (self.variance + (1 - self.momentum) * gap * gap)

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"mean": self.mean, "variance": self.variance}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state`."""
        self.mean, self.variance = state["mean"], state["variance"]
