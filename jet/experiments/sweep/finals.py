"""The gain of a sweep: its winner and the base config, trained again and scored on the test split.

They have seeds that no trial had, since the winner was also lucky with its seed.
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
    """The base config and the winner, trained again with a seed that no trial had."""

    seed: int
    calibration: Mapping[str, float]
    """Exact match on the calibration split, by contender."""
    right: Mapping[str, NDArray[np.bool_]]
    """bool [test entries]: those predicted right, by contender."""


def gain_of(finals: Sequence[Final], entity: NDArray) -> dict[str, float] | None:
    """The gain in exact match of the winner over the base config, by `bootstrap_mean`.

    `entity` has the companies of the test entries. None without finals.
    """
    if not finals:
        return None
    difference = [each.right["winner"].astype(float) - each.right["base"] for each in finals]
    return bootstrap_mean(np.stack(difference, axis=1), entity)


def final_facts(finals: Sequence[Final], gain: Mapping[str, float] | None) -> dict[str, Any] | None:
    """Exact match on the test split and the gain; None where these were not measured."""
    if gain is None:
        return None
    shares = {
        name: round(float(np.mean([each.right[name].mean() for each in finals])), 4) for name in CONTENDERS
    }
    return {"seeds": len(finals), **shares, "gain": {name: round(value, 4) for name, value in gain.items()}}
