"""Renders the report: `metrics.json`, and one HTML page, from the tree of `Measurements`.

The page is self-contained (`jet.evaluation.page`). All baselines are in one table, the best first; pictures,
companies and strata show the best few only, to stay readable. Parts that were not measured are left out.

The template escapes everything, since descriptions and account names come from other people's books. Nothing
here writes a file: the functions return text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jet.confidence.regimes import REGIMES
from jet.evaluation.companies import RAISED, REVIEWED, TAKEN_OUT
from jet.evaluation.measurements import MODEL, best_baselines, exact_match
from jet.evaluation.page import ACCENT, BASELINE_COLORS, FAINT, INK, axes_of, fact, render, show_shares, svg_of

if TYPE_CHECKING:
    from markupsafe import Markup

_ENTITIES_SHOWN = 200
_METRICS = (
    # key, label, whether less is better
    ("entry_exact_match", "Exact match", False),
    ("exact_match_top3", "Exact match among three", False),
    ("line_f1", "Line F1", False),
    ("line_precision", "Line precision", False),
    ("line_recall", "Line recall", False),
    ("account_f1", "Account F1", False),
    ("side_accuracy", "Side accuracy", False),
    ("line_count_accuracy", "Line count accuracy", False),
    ("answered", "Answered", False),
    ("validity", "Valid answers", False),
    ("expected_calibration_error", "Calibration error", True),
)
_STRATA_LABELS = {
    "text": "Description in the entity’s earlier books",
    "set": "Lines in the entity’s earlier books",
    "new_account": "Account new to the books",
    "lines": "Lines of the entry",
    "history": "Earlier entries of the entity",
}
_RETRIEVAL_LABELS = {
    "hit_rate": "Hit rate",
    "reciprocal_rank": "Reciprocal rank",
    "best_jaccard": "Nearest, Jaccard",
    "mean_jaccard": "Mean Jaccard",
    "context_precision": "Context precision",
    "weighted_context_precision": "… by rank",
    "context_recall": "Context recall",
}
_STATISTIC_LABELS = {
    "new_text": "Texts never booked before",
    "similarity": "Similarity of the nearest earlier text",
}
_REGIME_WORDS = {
    "rolling": "The books are reviewed daily: yesterday’s entries are known, those of the test period too. "
    "The main figures of this page are these.",
    "batch": "Memory ends where the test begins: the whole test period is booked at once, and nothing is "
    "learned on the way.",
    "no total": "The entry doesn’t state its total. In the books it does; here it was hidden.",
}
_STATE_COLORS = {TAKEN_OUT: "bad", REVIEWED: "warn", RAISED: "warn"}
"""The color of the chip of each state that is shown."""
_DASHES = ("--", "-.", ":")


def write_report(metrics: dict[str, Any], examples: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The text of `metrics.json` and of `index.html`, from what `Measurements.tree` returns.

    `examples` are as in `render_html`. Raises `ValueError` where a number is NaN or infinite, which JSON has
    no form for.
    """
    text = json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text, render_html(metrics, examples)


def render_html(metrics: dict[str, Any], examples: Sequence[Mapping[str, Any]]) -> str:
    """The page, self-contained, from what `Measurements.tree` returns.

    An example is a mapping with "entity", "date", "description", "predicted" (lines with "account", "name",
    "side", "probability"), "true" (lines with "account", "name", "side"), "confidence", "decision" and
    "right". It may have a "reason" (a sentence), and "evidence": past entries with any of "entry_id", "date",
    "description", "same_text", "similarity" and "age_days". A line may have an "amount" (as text) and be
    marked as a "guess".
    """
    model, baselines = metrics["test"][MODEL], metrics["test"]["baselines"]
    methods = {MODEL: model, **baselines}
    best = {name: baselines[name] for name in best_baselines(baselines)}
    entities = sorted(model["by_entity"], key=lambda name: (-model["by_entity"][name]["n"], name))
    shown = entities[:_ENTITIES_SHOWN]
    amounts, curve = metrics.get("amounts"), metrics.get("learning_curve")
    filters = {"promise": _promise, "interval": _interval, "readable": _readable, "memory": _memory}
    return render(
        __package__,
        "report.html.j2",
        filters,
        model=model,
        baselines=baselines,
        methods=_methods(methods, metrics),
        costs_known="costs" in metrics,
        comparison_known="comparison" in metrics,
        best=best,
        figures=_comparison({MODEL: model, **best}),
        parts={MODEL: model, **metrics["test"].get("methods", {})},
        **_promises(metrics, shown),
        retrieval=metrics.get("retrieval"),
        retrieval_labels=_RETRIEVAL_LABELS,
        amounts=amounts,
        amounts_reliability=_reliability(amounts["reliability"], "amounts") if amounts else None,
        curve=curve,
        curve_note=metrics.get("learning_curve_note"),
        curve_picture=_learning_curve(curve) if curve else None,
        entities=shown,
        entities_left_out=max(0, len(entities) - _ENTITIES_SHOWN),
        drift=metrics.get("drift"),
        statistics=_STATISTIC_LABELS,
        strata_labels=_STRATA_LABELS,
        risk_coverage=_risk_coverage(
            {name: method["risk_coverage"] for name, method in {MODEL: model, **best}.items()}
        ),
        reliability=_reliability(model["reliability"], "reliability"),
        examples=[_example(example) for example in examples],
        guesses=any(line.get("guess") for example in examples for line in example["predicted"]),
        facts={name: fact(value) for name, value in metrics["facts"].items()},
    )


def _promises(metrics: dict[str, Any], shown: Sequence[str]) -> dict[str, Any]:
    """What the page says of promises: by regime of use, and of the companies that are `shown`."""
    model, companies = metrics["test"][MODEL], metrics.get("companies", {})
    regimes = {REGIMES[0]: model, **metrics.get("regimes", {})}
    kept = {
        promise: {
            name: _verdict(promise, figures["overall"]["automation"][promise])
            for name, figures in regimes.items()
        }
        for promise in model["overall"]["automation"]
    }
    return {
        "regimes": regimes,
        "regime_words": _REGIME_WORDS,
        "states": {name: own[REGIMES[0]] for name, own in companies.items()},
        "state_colors": _STATE_COLORS,
        "why_state": _why_state,
        "own_states": _own_states({name: companies[name] for name in shown if name in companies}),
        "broken": _broken_promises(model["by_entity"]),
        "kept": kept,
        "why_nothing": {promise: _why_nothing(promise, companies) for promise in kept},
        "promise_broken": any(verdicts[REGIMES[0]] == "broken" for verdicts in kept.values()),
    }


def _methods(methods: Mapping[str, dict[str, Any]], metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each method, the best first and the model before its equals."""
    order = sorted(methods, key=lambda name: (-exact_match(methods[name]), name != MODEL, name))
    return [
        {
            "name": name,
            "is_model": name == MODEL,
            "overall": methods[name]["overall"],
            "macro": methods[name]["macro"],
            "costs": metrics.get("costs", {}).get(name, {}),
            "comparison": metrics.get("comparison", {}).get(name),
        }
        for name in order
    ]


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


def _why_state(own: Mapping[str, Any], promise: str) -> str:
    """Why a company doesn't share the threshold of all in a regime; "" where it does."""
    state, promised = own["states"][promise], _promise(promise)
    if state == TAKEN_OUT:
        sure = own["misfit"]
        return (
            f"of {sure['rows']} confident answers in the calibration {sure['right']} were right, "
            f"{sure['expected']:.1f} should have been: all entries are reviewed"
        )
    if state == RAISED:
        return f"kept less than {promised} at the threshold of all; its own is {own['thresholds'][promise]:.3f}"
    return f"kept less than {promised} at any confidence: all entries are reviewed" if state == REVIEWED else ""


def _own_states(companies: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each company, regime and state other than pooled, with its promises."""
    rows: list[dict[str, Any]] = []
    for entity, by_regime in companies.items():
        for regime, own in by_regime.items():
            by_why: dict[tuple[str, str], list[str]] = {}
            for promise, state in own["states"].items():
                if state in _STATE_COLORS:
                    by_why.setdefault((state, _why_state(own, promise)), []).append(promise)
            rows += [
                {"entity": entity, "regime": regime, "own": own, "state": state, "why": why, "promises": named}
                for (state, why), named in by_why.items()
            ]
    return rows


def _broken_promises(by_entity: Mapping[str, dict[str, Any]]) -> dict[str, list[str]]:
    """The entities whose interval of precision lies below the promise, by promise."""
    broken: dict[str, list[str]] = {}
    for entity, metrics in by_entity.items():
        for promise, automation in metrics["automation"].items():
            interval = automation["precision_interval"]
            if interval is not None and interval[1] < float(promise):
                broken.setdefault(promise, []).append(entity)
    return broken


def _verdict(promise: str, automation: Mapping[str, Any]) -> str:
    """Whether the test entries kept a promise: "kept", "below", "broken" (by the whole interval) or "none"."""
    if not automation["n_auto"]:
        return "none"
    if automation["precision_interval"][1] < float(promise):
        return "broken"
    return "kept" if automation["precision"] >= float(promise) else "below"


def _comparison(methods: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for key, label, less_is_better in _METRICS:
        values = {name: method["overall"].get(key) for name, method in methods.items()}
        rows.append({"label": label, "values": values, "best": _best(values, less_is_better)})
        if key in ("entry_exact_match", "line_f1"):
            values = {name: method["macro"].get(key) for name, method in methods.items()}
            rows.append({"label": f"{label}, mean of entities", "values": values, "best": _best(values)})
    return rows


def _best(values: Mapping[str, float | None], less_is_better: bool = False) -> float | None:
    known = [value for value in values.values() if value is not None]
    if len(set(known)) < 2:
        return None  # nothing stands out
    return min(known) if less_is_better else max(known)


def _example(example: Mapping[str, Any]) -> dict[str, Any]:
    """The example, in which "hit" marks the lines that are in both, each as often as it is in both."""

    def marked(lines: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        left = Counter((line["account"], line["side"]) for line in others)
        result = []
        for line in lines:
            pair = (line["account"], line["side"])
            result.append({**line, "hit": left[pair] > 0})
            left[pair] -= 1
        return result

    predicted, true = example["predicted"], example["true"]
    optional: dict[str, Any] = {"reason": None, "evidence": []}
    return {**optional, **example, "predicted": marked(predicted, true), "true": marked(true, predicted)}


def _promise(value: str) -> str:
    return f"{100 * float(value):g}%"


def _interval(value: Sequence[float] | None) -> str:
    return "" if value is None else f"{100 * value[0]:.1f}–{100 * value[1]:.1f}%"


def _readable(name: str) -> str:
    return name.replace("_", " ")


def _memory(mib: float | None) -> str:
    if mib is None:
        return "–"
    return f"{mib:.0f} MiB" if mib < 1024 else f"{mib / 1024:.1f} GiB"


def _risk_coverage(curves: Mapping[str, Sequence[Sequence[float]]]) -> Markup:
    figure, axes = axes_of("Coverage: share of entries booked", "Error among them")
    for i, (name, points) in enumerate(curves.items()):
        is_model = name == MODEL
        axes.plot(
            [point[0] for point in points],
            [point[1] for point in points],
            color=ACCENT if is_model else BASELINE_COLORS[(i - 1) % len(BASELINE_COLORS)],
            linestyle="-" if is_model else _DASHES[(i - 1) % len(_DASHES)],
            linewidth=2.2 if is_model else 1.4,
            label=_readable(name if len(name) <= 24 else f"{name[:23]}…"),
            zorder=3 if is_model else 2,
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    show_shares(axes.xaxis)
    for label in axes.legend(frameon=False, labelcolor=INK, loc="upper left").get_texts():
        label.set_parse_math(False)  # a name may contain dollars
    return svg_of(figure, "risk_coverage")


def _reliability(bins: Sequence[Sequence[float]], salt: str) -> Markup:
    figure, axes = axes_of("Confidence", "Share right")
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1.2)
    confidence, right, n = ([point[i] for point in bins] for i in range(3))
    largest = max(n, default=1)
    axes.plot(confidence, right, color=ACCENT, linewidth=1.2, zorder=2)
    axes.scatter(confidence, right, s=[18 + 240 * count / largest for count in n], color=ACCENT, zorder=3)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.05)
    show_shares(axes.xaxis)
    return svg_of(figure, salt)


def _learning_curve(points: Sequence[Mapping[str, Any]]) -> Markup:
    figure, axes = axes_of("Entries that the company had booked before", "")
    # Evenly spaced, since the curve changes most in the first fifty entries.
    places = range(len(points))
    drawn = (
        ("entry_exact_match", "Exact match", "-", ACCENT),
        ("svm_exact_match", "Exact match of an SVM", ":", BASELINE_COLORS[1]),
        ("line_f1", "Line F1", "--", BASELINE_COLORS[0]),
    )
    for key, label, style, color in drawn:
        values = [float("nan") if point[key] is None else point[key] for point in points]
        axes.plot(places, values, style, color=color, marker="o", markersize=5, linewidth=2, label=label)
    axes.set_xticks(places, [str(point["history"]) for point in points], parse_math=False)
    axes.set_ylim(0, 1.03)
    axes.legend(frameon=False, labelcolor=INK, loc="best")
    return svg_of(figure, "learning_curve")
