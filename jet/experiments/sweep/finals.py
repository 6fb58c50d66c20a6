"""What a sweep gained: its winner beside the base config, trained afresh and scored on the test split.

With seeds that no trial had: the winner was also lucky with the seed that it was chosen by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jet.evaluation.comparison import bootstrap_mean

CONTENDERS = ("base", "winner")


@dataclass(frozen=True)
class Final:
    """The base config and the winner, trained afresh with a seed that no trial had."""

    seed: int
    calibration: Mapping[str, float]
    """Exact match on the calibration split, by side."""
    right: Mapping[str, NDArray[np.bool_]]
    """Which test entries each booked right, by side."""


def gain_of(finals: Sequence[Final], entity: NDArray) -> dict[str, float] | None:
    """How much more often the winner is right than the base config, as `bootstrap_mean` tells it.

    `entity` are the companies of the test entries. None without finals.
    """
    if not finals:
        return None
    difference = [each.right["winner"].astype(float) - each.right["base"] for each in finals]
    return bootstrap_mean(np.stack(difference, axis=1), entity)


def final_facts(finals: Sequence[Final], gain: Mapping[str, float] | None) -> dict[str, Any] | None:
    """The test split in a few figures; None where nobody looked at it."""
    if gain is None:
        return None
    shares = {
        name: round(float(np.mean([each.right[name].mean() for each in finals])), 4) for name in CONTENDERS
    }
    return {"seeds": len(finals), **shares, "gain": {name: round(value, 4) for name, value in gain.items()}}
