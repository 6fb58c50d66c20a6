"""The first screen of the report: three questions, and what the test entries answer.

How often is jet right, beside whom; how much does it book alone, and was the promise kept; since when, on
which books and by which model. No answer is a bare point estimate: each has its interval, or says that there
are too few entries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jet.evaluation.intervals import interval_of
from jet.evaluation.measurements import MODEL, best_baselines
from jet.evaluation.promises import verdict_of


def front(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of the first screen, by question: "right", "alone" and "books"."""
    model, baselines = metrics["test"][MODEL], metrics["test"]["baselines"]
    rival = next(iter(best_baselines(baselines, 1)), None)
    overall = model["overall"]
    return {
        "right": {
            "share": overall["entry_exact_match"],
            "n": overall["n"],
            "interval": interval_of(overall["entry_exact_match"], overall["n"]),
            "rival": rival,
            "rival_share": baselines[rival]["overall"]["entry_exact_match"] if rival else None,
            "against": metrics.get("comparison", {}).get(rival),
        },
        "alone": _alone(metrics, rival),
        "books": _books(metrics),
    }


def _alone(metrics: Mapping[str, Any], rival: str | None) -> dict[str, Any] | None:
    """The automation at the promise that `jet predict` gives; None where none was measured."""
    by_promise = metrics["test"][MODEL]["overall"]["automation"]
    asked = metrics["facts"].get("settings", {}).get("predict", {}).get("promise")
    promise = next((each for each in by_promise if asked is None or float(each) == asked), None)
    if promise is None:
        return None
    theirs = metrics["test"]["baselines"][rival]["overall"]["automation"].get(promise) if rival else None
    verdicts = {each: verdict_of(each, automation) for each, automation in by_promise.items()}
    return {
        "promise": promise,
        "automation": by_promise[promise],
        "verdict": verdicts[promise],
        "others": {each: by_promise[each] for each in by_promise if each != promise},
        "verdicts": verdicts,
        "rival": theirs,
    }


def _books(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Which entries were asked, and which model answered; what a report doesn't know is None."""
    facts = metrics["facts"]
    entries = facts.get("entries")
    return {
        "period": facts.get("test period"),
        "booked": entries["booked"] if isinstance(entries, Mapping) else None,
        "model": facts.get("model"),
        "method": facts.get("method"),
        "encoder": facts.get("encoder"),
    }
