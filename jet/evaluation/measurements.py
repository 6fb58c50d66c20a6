"""The parts of an evaluation, and the tree of `metrics.json` that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MODEL = "model"
"""The name of the model in the tree, beside those of the baselines."""

BASELINES_SHOWN = 3
"""The number of baselines that are shown where there is no room for all."""

Figures = dict[str, Any]
"""The tree of metrics that `jet.evaluation.metrics.evaluate` returns."""


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """The parts of an evaluation. All but the first three may be missing."""

    model: Figures
    """The metrics of the bundle, by the chosen method of prediction."""
    baselines: Mapping[str, Figures]
    """The metrics of each baseline, by name."""
    facts: Mapping[str, Any]
    """What a reader needs to repeat the run: data, fingerprints, settings."""
    methods: Mapping[str, Figures] = field(default_factory=dict)
    """The metrics of the model by its other method of prediction ("decoder" or "ranker")."""
    regimes: Mapping[str, Figures] = field(default_factory=dict)
    """The metrics of the model in other regimes of use (`jet.confidence.regimes`), by name: as a batch, whose
    memory ends where the test begins, and without totals."""
    retrieval: Mapping[str, Any] | None = None
    """`retrieval_metrics` of the test entries."""
    learning_curve: Sequence[Mapping[str, Any]] = ()
    """The points of the curve: "history" (earlier entries of a company that the model was not trained on), "n"
    and "entities" (test entries and companies), "entry_exact_match", "line_f1", "validity", "svm_exact_match"
    (of an SVM trained on the same entries)."""
    learning_curve_note: str | None = None
    """How the curve was measured, in a sentence."""
    amounts: Mapping[str, Any] | None = None
    """"n" (entries measured), "known_total" (how many of them state it), "all_right_given_set" (the share with
    every amount right, where the lines are), "by_lines" (number of lines -> "n", "all_right"),
    "expected_calibration_error", "reliability" and "automation" as `evaluate` has them."""
    costs: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """Method -> "seconds", "cpu_seconds", "peak_mib"."""
    comparison: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Baseline -> `paired_bootstrap` of the model against it."""
    companies: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    """`jet.evaluation.companies.company_states`."""
    confusion: Mapping[str, Any] | None = None
    """`jet.evaluation.confusion.account_confusion` of the model."""
    drift: Mapping[str, Any] | None = None
    """`jet.confidence.drift.summary` of the test entries beside the calibration; "hold" says whether drift
    holds anything back, "held_back" how many test entries of those that are automated at "promise"."""

    def tree(self) -> dict[str, Any]:
        """The tree of `metrics.json`. What is None or empty is not in it."""
        test = {MODEL: self.model, "baselines": dict(self.baselines)}
        if self.methods:
            test["methods"] = dict(self.methods)
        measured: dict[str, Any] = {
            "regimes": dict(self.regimes),
            "retrieval": self.retrieval,
            "learning_curve": list(self.learning_curve),
            "learning_curve_note": self.learning_curve_note,
            "amounts": self.amounts,
            "costs": self.costs,
            "comparison": self.comparison,
            "companies": self.companies,
            "confusion": self.confusion,
            "drift": self.drift,
        }
        return {"facts": self.facts, "test": test} | {name: part for name, part in measured.items() if part}


def best_baselines(baselines: Mapping[str, Figures], count: int = BASELINES_SHOWN) -> list[str]:
    """The names of the baselines with the highest exact match, the best first."""
    return sorted(baselines, key=lambda name: (-exact_match(baselines[name]), name))[:count]


def exact_match(method: Mapping[str, Any]) -> float:
    """The exact match of a method; -1 where it has none."""
    value = method["overall"]["entry_exact_match"]
    return -1.0 if value is None else value
