"""What the report says of promises: kept or broken, by regime of use and by company, and why nothing is
automated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jet.confidence.regimes import REGIMES
from jet.evaluation.companies import RAISED, REVIEWED, TAKEN_OUT
from jet.evaluation.intervals import verdict
from jet.evaluation.measurements import MODEL
from jet.evaluation.page import promised

REGIME_WORDS = {
    "rolling": "The books are reviewed daily: yesterday’s entries are known, those of the test period too. "
    "The main figures of this page are these.",
    "batch": "Memory ends where the test begins: the whole test period is booked at once, and nothing is "
    "learned on the way.",
    "no total": "The entry doesn’t state its total. In the books it does; here it was hidden.",
}
_STATE_COLORS = {TAKEN_OUT: "bad", REVIEWED: "warn", RAISED: "warn"}
"""The color of the chip of each state that is shown."""


def promises(metrics: Mapping[str, Any], shown: Sequence[str]) -> dict[str, Any]:
    """What the page says of promises: by regime of use, and of the companies that are `shown`."""
    model, companies = metrics["test"][MODEL], metrics.get("companies", {})
    regimes = {REGIMES[0]: model, **metrics.get("regimes", {})}
    kept = {
        promise: {
            name: verdict_of(promise, figures["overall"]["automation"][promise])
            for name, figures in regimes.items()
        }
        for promise in model["overall"]["automation"]
    }
    return {
        "regimes": regimes,
        "regime_words": REGIME_WORDS,
        "states": {name: own[REGIMES[0]] for name, own in companies.items()},
        "state_colors": _STATE_COLORS,
        "why_state": why_state,
        "own_states": _own_states({name: companies[name] for name in shown if name in companies}),
        "verdicts": _by_company(model["by_entity"]),
        "kept": kept,
        "why_nothing": {promise: _why_nothing(promise, companies) for promise in kept},
        "promise_broken": any(by_regime[REGIMES[0]] == "broken" for by_regime in kept.values()),
    }


def verdict_of(promise: str, automation: Mapping[str, Any]) -> str:
    """`jet.evaluation.intervals.verdict` of what was automated at a promise."""
    return verdict(float(promise), automation["precision_interval"])


def _by_company(by_entity: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Promise -> entity -> verdict."""
    found: dict[str, dict[str, str]] = {}
    for entity, metrics in by_entity.items():
        for promise, automation in metrics["automation"].items():
            found.setdefault(promise, {})[entity] = verdict_of(promise, automation)
    return found


def _why_nothing(promise: str, companies: Mapping[str, Mapping[str, Any]]) -> str:
    """Why no test entry is automated at a promise, from `company_states`."""
    first, *others = ([own[regime] for own in companies.values()] for regime in REGIMES)
    if not companies or _promises_any(promise, first):
        return "no test entry reaches the confidence that it takes, or a rule holds those that do"
    if all(own["states"][promise] == TAKEN_OUT for own in first):
        return "every company is taken out of the promise"
    if any(_promises_any(promise, each) for each in others):
        return "no confidence keeps this promise on the calibration entries; in other regimes of use one does"
    return "no confidence keeps this promise on the calibration entries, in any regime of use"


def _promises_any(promise: str, states: Sequence[Mapping[str, Any]]) -> bool:
    """Whether any company, whose `states` are of one regime, has a threshold."""
    return any(own["thresholds"][promise] is not None for own in states)


def why_state(own: Mapping[str, Any], promise: str) -> str:
    """Why a company doesn't share the threshold of all in a regime; "" where it does."""
    state, share = own["states"][promise], promised(promise)
    if state == TAKEN_OUT:
        sure = own["misfit"]
        return (
            f"of {sure['rows']} confident answers in the calibration {sure['right']} were right, "
            f"{sure['expected']:.1f} should have been: all entries are reviewed"
        )
    if state == RAISED:
        return f"kept less than {share} at the threshold of all; its own is {own['thresholds'][promise]:.3f}"
    return f"kept less than {share} at any confidence: all entries are reviewed" if state == REVIEWED else ""


def _own_states(companies: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each company, regime and state other than pooled, with its promises."""
    rows: list[dict[str, Any]] = []
    for entity, by_regime in companies.items():
        for regime, own in by_regime.items():
            by_why: dict[tuple[str, str], list[str]] = {}
            for promise, state in own["states"].items():
                if state in _STATE_COLORS:
                    by_why.setdefault((state, why_state(own, promise)), []).append(promise)
            rows += [
                {"entity": entity, "regime": regime, "own": own, "state": state, "why": why, "promises": named}
                for (state, why), named in by_why.items()
            ]
    return rows
