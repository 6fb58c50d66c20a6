"""Metrics of predictions against the true lines.

The multiset of (account, side) of an entry's predicted lines, as it would be booked, is compared with that of
its true lines (`jet.evaluation.scored`).

The main metric is the share of entries with every line right. Others are the automation at a promised
precision, with the precision on the test entries, and the strata, which tell entries whose lines could be
copied from earlier ones from those where they couldn't.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from jet.books.groups import rows_of_groups
from jet.evaluation.automation import AutomationThresholds, automation, ratio
from jet.evaluation.reliability import (
    calibration_error,
    calibration_error_by_chance,
    reliability,
    risk_coverage,
)
from jet.evaluation.scored import Scored
from jet.evaluation.strata import STRATA

NO_THRESHOLDS = AutomationThresholds()
"""For metrics without automation."""


def group_metrics(
    scored: Scored, mask: NDArray, thresholds: AutomationThresholds = NO_THRESHOLDS
) -> dict[str, Any]:
    """The metrics of the rows in `mask` (a mask, or row numbers); None where a metric is undefined.

    - n; answered: the share with a prediction at all
    - entry_exact_match: every line right, as a multiset; exact_match_top3: among the first three distinct
      answers (the prediction, then its alternatives)
    - line_precision, line_recall, line_f1: micro, over the lines of all entries together
    - account_f1: the same without the sides
    - side_accuracy: of the accounts predicted rightly, so of the pairs that `account_f1` counts as found,
      the share whose side is right too
    - line_count_accuracy: as many lines predicted as there are
    - validity: the share of answers that break no rule
    - expected_calibration_error: of the confidence that all lines are right, ten bins of equal width,
      weighted by their rows (Naeini et al., "Obtaining well calibrated probabilities using Bayesian
      binning", AAAI 2015); calibration_error_by_chance: what it would be on average on so few rows if the
      confidence were exactly right
    - automation, for each promise of `thresholds`: the share of entries that are automated (coverage,
      n_auto), their precision and its two-sided 95 % Clopper–Pearson interval
    - repeat_ceiling: where strata are known, the share whose lines had been booked before
    """
    counts = {name: column[mask] for name, column in scored.counts.items()}
    confidence = scored.confidence[mask]
    right = counts["exact"] > 0
    n = right.size
    automated = thresholds.automated(scored, mask)
    total = {name: int(column.sum()) for name, column in counts.items()}
    metrics: dict[str, Any] = {
        "n": n,
        "answered": ratio(int((counts["predicted"] > 0).sum()), n),
        "entry_exact_match": ratio(total["exact"], n),
        "exact_match_top3": ratio(total["top3"], n),
        "line_precision": ratio(total["lines"], total["predicted"]),
        "line_recall": ratio(total["lines"], total["true"]),
        "line_f1": ratio(2 * total["lines"], total["true"] + total["predicted"]),
        "account_f1": ratio(2 * total["accounts"], total["true"] + total["predicted"]),
        "side_accuracy": ratio(total["lines"], total["accounts"]),
        "line_count_accuracy": ratio(int((counts["true"] == counts["predicted"]).sum()), n),
        "validity": ratio(int(scored.valid[mask].sum()), n),
        "expected_calibration_error": calibration_error(confidence, right),
        "calibration_error_by_chance": calibration_error_by_chance(confidence),
        "automation": {promise: automation(automated[promise], right) for promise in thresholds.by_promise},
    }
    if "set" in scored.strata:
        metrics["repeat_ceiling"] = ratio(int((scored.strata["set"][mask] == "seen").sum()), n)
    return metrics


def evaluate(test: Scored, thresholds: AutomationThresholds) -> dict[str, Any]:
    """All metrics of the `test` rows, as a tree of JSON types.

    "overall" and each of "by_entity" are `group_metrics` at these `thresholds`; "macro" has the mean of the
    entities' metrics, each entity weighted equally, over those where a metric is defined. "strata" holds n,
    exact match and line F1 of every value of every stratum.
    """
    entities, number = np.unique(test.entity, return_inverse=True)
    groups = rows_of_groups(number, entities.size)
    by_entity = {
        str(entity): group_metrics(test, rows, thresholds)
        for entity, rows in zip(entities, groups, strict=False)
    }
    overall = group_metrics(test, np.arange(len(test)), thresholds)
    macro: dict[str, Any] = {"entities": len(by_entity)}
    for name in overall:
        values = [metrics[name] for metrics in by_entity.values() if isinstance(metrics[name], float)]
        if name not in ("n", "automation"):
            macro[name] = float(np.mean(values)) if values else None
    right = test.counts["exact"] > 0
    return {
        "overall": overall,
        "macro": macro,
        "by_entity": by_entity,
        "strata": _by_stratum(test),
        "risk_coverage": risk_coverage(test.confidence, right),
        "reliability": reliability(test.confidence, right),
    }


def _by_stratum(test: Scored) -> dict[str, dict[str, Any]]:
    """Stratum -> value -> metrics, values in the order of `STRATA`."""
    by_stratum: dict[str, dict[str, Any]] = {}
    for stratum, column in test.strata.items():
        known = STRATA.get(stratum, ())
        present = set(column.tolist())
        by_stratum[stratum] = {}
        for value in [*(v for v in known if v in present), *sorted(present.difference(known))]:
            metrics = group_metrics(test, column == value)
            by_stratum[stratum][value] = {k: metrics[k] for k in ("n", "entry_exact_match", "line_f1")}
    return by_stratum
