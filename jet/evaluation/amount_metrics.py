"""Metrics of the amounts that are proposed for the true lines of entries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jet.confidence.calibration import Calibration
from jet.confidence.promises import Calibrations
from jet.evaluation.automation import PROMISES, automation_from, ratio
from jet.evaluation.reliability import calibration_error, reliability


def amount_metrics(
    examined: pa.Table, calibration: Calibration, promises: Iterable[float] = PROMISES
) -> dict[str, Any]:
    """The metrics of amounts proposed for the true lines, from the table of `jet.evaluation.examine.examine`.

    Entries count whose total and amounts are all known; with one line on each side, amounts are never wrong.
    `calibration` is that of amounts. Returns a tree of JSON types.
    """
    known = examined["total_known"].to_numpy() & examined["amounts_known"].to_numpy()
    right = examined["amounts_right"].to_numpy()[known]
    confidence = examined["amount_confidence"].to_numpy()[known]
    lines = pc.list_value_length(examined["true"]).to_numpy()[known]
    thresholds, by_lines = Calibrations((calibration,)).thresholds, {}
    for name, group in (("2", lines <= 2), ("3", lines == 3), ("4", lines == 4), ("5+", lines >= 5)):
        if group.any():
            by_lines[name] = {
                "n": int(group.sum()),
                "all_right": ratio(int(right[group].sum()), int(group.sum())),
            }
    return {
        "n": len(known),
        "known_total": int(known.sum()),
        "all_right_given_set": ratio(int(right.sum()), right.size),
        "by_lines": by_lines,
        "expected_calibration_error": calibration_error(confidence, right),
        "reliability": reliability(confidence, right),
        "automation": {
            f"{promise:g}": automation_from(thresholds(promise)[0].pooled, confidence, right)
            for promise in promises
        },
    }
