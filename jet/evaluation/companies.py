"""What the calibration says of each company: whether it shares the promise of all, and if not, why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from jet.confidence.calibration import Calibration
from jet.confidence.judgment import Judgment
from jet.confidence.promises import Thresholds
from jet.confidence.regimes import REGIMES

POOLED, RAISED, REVIEWED, TAKEN_OUT = "pooled", "raised", "too few right", "taken out"
"""The states of a company: it has the threshold of all; a higher one; none, since it kept less than the promise
at any; or its confidence misfits, and all its entries are reviewed."""


def company_states(
    judgment: Judgment, promises: Iterable[float], companies: Collection[str]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Company -> regime -> its calibrated rows ("rows"), how many were right ("right") and should have been
    ("expected"), and by promise its state ("states") and the threshold ("thresholds"; null: none).

    Of a company that is taken out, "misfit" has the same three figures of its sure answers; else it is null.
    """
    promises = list(promises)
    states: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in sorted(companies)}
    for number, (regime, calibration) in enumerate(zip(REGIMES, judgment.calibrations, strict=True)):
        chosen = {f"{each:g}": judgment.calibrations.thresholds(each)[number] for each in promises}
        for name, own in _states(calibration, chosen, list(states)).items():
            states[name][regime] = own
    return states


def _states(
    calibration: Calibration, chosen: Mapping[str, Thresholds], names: list[str]
) -> dict[str, dict[str, Any]]:
    number = {name: place for place, name in enumerate(names)}
    place = np.array([number.get(name, len(names)) for name in calibration.rows.entity.tolist()], dtype=int)
    rows = np.bincount(place, minlength=len(names))
    right = np.bincount(place, calibration.rows.right, len(names) + 1)
    expected = np.bincount(place, calibration.confidence, len(names) + 1)
    cuts = {promise: each.of(names) for promise, each in chosen.items()}
    found = {}
    for at, name in enumerate(names):
        state = {}
        for promise, thresholds in chosen.items():
            state[promise] = POOLED
            if name in thresholds.misfits:
                state[promise] = TAKEN_OUT
            elif name in thresholds.by_entity:
                state[promise] = RAISED if np.isfinite(thresholds.by_entity[name]) else REVIEWED
        found[name] = {
            "rows": int(rows[at]),
            "right": int(right[at]),
            "expected": round(float(expected[at]), 2),
            "misfit": asdict(calibration.misfits[name]) if name in calibration.misfits else None,
            "states": state,
            "thresholds": {
                promise: round(float(cut[at]), 4) if np.isfinite(cut[at]) else None
                for promise, cut in cuts.items()
            },
        }
    return found
