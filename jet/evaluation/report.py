"""Renders the report: `metrics.json`, and one HTML page, from the tree of `Measurements`.

The page is self-contained (`jet.evaluation.page`). All baselines are in one table, the best first; pictures,
companies and strata show the best few only, to stay readable. Parts that were not measured are left out. Who
picks a company sees its rows alone: by the style, without a script.

The template escapes everything, since descriptions and account names come from other people's books. Nothing
here writes a file: the functions return text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from jet.evaluation.front import front
from jet.evaluation.measurements import MODEL, best_baselines, exact_match
from jet.evaluation.page import fact, promised, render
from jet.evaluation.pictures import learning_curve, reliability, risk_coverage
from jet.evaluation.promises import promises

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
SECTIONS = {
    "promise": "Was the promise kept?",
    "confidence": "Confidence",
    "methods": "Model and baselines",
    "companies": "Company by company",
    "mistakes": "The surest mistakes",
    "accounts": "Accounts taken for each other",
    "strata": "Where it is easy and where it is hard",
    "regimes": "Regimes of use",
    "parts": "Ranker and decoder",
    "amounts": "Amounts",
    "curve": "A new company: how right with how much history",
    "retrieval": "What retrieval found",
    "drift": "Do the test entries look like those of the calibration?",
    "examples": "Examples",
    "words": "What happens to an entry",
    "facts": "Facts",
}
"""The heading of each part of the page, in order, by the id that the contents lead to."""

_FOLDED = 20
"""How many mistakes, pairs of accounts and accounts are shown of all companies together."""
_FOLDED_OF_A_COMPANY = 10
"""And how many of a company, where the reader has chosen it."""
_MOST_ROWS = 1_000

Examples = Sequence[Mapping[str, Any]]


def write_report(metrics: dict[str, Any], examples: Examples, mistakes: Examples) -> tuple[str, str]:
    """The text of `metrics.json` and of `index.html`, from what `Measurements.tree` returns.

    `examples` and `mistakes` are as in `render_html`. Raises `ValueError` where a number is NaN or infinite,
    which JSON has no form for.
    """
    text = json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text, render_html(metrics, examples, mistakes)


def render_html(metrics: dict[str, Any], examples: Examples, mistakes: Examples = ()) -> str:
    """The page, self-contained, from what `Measurements.tree` returns.

    An example is a mapping with "entity", "date", "description", "predicted" (lines with "account", "name",
    "side", "probability"), "true" (lines with "account", "name", "side"), "confidence", "decision" and
    "right". It may have a "reason" (a sentence), and "evidence": past entries with any of "entry_id", "date",
    "description", "same_text", "similarity" and "age_days". A line may have an "amount" (as text) and be
    marked as a "guess". `mistakes` are such mappings too, the surest first.
    """
    model, baselines = metrics["test"][MODEL], metrics["test"]["baselines"]
    best = {name: baselines[name] for name in best_baselines(baselines)}
    entities = sorted(model["by_entity"], key=lambda name: (-model["by_entity"][name]["n"], name))
    shown = entities[:_ENTITIES_SHOWN]
    amounts, curve = metrics.get("amounts"), metrics.get("learning_curve")
    values: dict[str, Any] = {
        "front": front(metrics),
        "model": model,
        "baselines": baselines,
        "methods": _methods({MODEL: model, **baselines}, metrics),
        "costs_known": "costs" in metrics,
        "comparison_known": "comparison" in metrics,
        "best": best,
        "figures": _comparison({MODEL: model, **best}),
        "parts": {MODEL: model, **metrics["test"].get("methods", {})},
        **promises(metrics, shown),
        "retrieval": metrics.get("retrieval"),
        "retrieval_labels": _RETRIEVAL_LABELS,
        "amounts": amounts,
        "amounts_reliability": reliability(amounts["reliability"], "amounts") if amounts else None,
        "curve": curve,
        "curve_note": metrics.get("learning_curve_note"),
        "curve_picture": learning_curve(curve) if curve else None,
        "entities": shown,
        "entities_left_out": len(entities) - len(shown),
        "numbers": {name: number for number, name in enumerate(shown)},
        "drift": metrics.get("drift"),
        "statistics": _STATISTIC_LABELS,
        "strata_labels": _STRATA_LABELS,
        "risk_coverage": risk_coverage(
            {name: method["risk_coverage"] for name, method in {MODEL: model, **best}.items()}
        ),
        "reliability": reliability(model["reliability"], "reliability"),
        "mistakes": _folded([_example(mistake) for mistake in mistakes]),
        "confusion": _confusion(metrics["confusion"]) if "confusion" in metrics else None,
        "examples": [_example(example) for example in examples],
        "guesses": any(line.get("guess") for example in examples for line in example["predicted"]),
        "facts": {name: fact(value) for name, value in metrics["facts"].items()},
    }
    sections = _sections(values)
    return render(
        __package__, "report.html.j2", {"promise": promised, "memory": _memory}, sections=sections, **values
    )


def _sections(values: Mapping[str, Any]) -> dict[str, str]:
    """Id -> heading of the parts that this page has."""
    left_out = {
        name for name in ("mistakes", "amounts", "curve", "retrieval", "drift", "examples") if not values[name]
    }
    left_out |= {name for name in ("regimes", "parts") if len(values[name]) < 2}
    left_out |= set() if values["confusion"] else {"accounts"}
    return {name: heading for name, heading in SECTIONS.items() if name not in left_out}


def _confusion(confusion: Mapping[str, Any]) -> dict[str, Any]:
    """What the page shows of `account_confusion`; pairs that came once are "more" each."""
    pairs = confusion["pairs"]
    often = sum(sum(pair["entries"]) > 1 for pair in pairs)
    return {
        "accounts": _folded(confusion["accounts"]),
        "pairs": _folded(pairs, min(often, _FOLDED)),
        "often": min(often, _FOLDED),
        "left": len(pairs) - min(often, _FOLDED),
        "unclear": confusion["unclear"],
    }


def _folded(rows: Sequence[Mapping[str, Any]], count: int = _FOLDED) -> list[dict[str, Any]]:
    """The rows that the page shows: the first of all companies together, and, marked as "more", those that are
    among the first of a company; these are shown where the reader has chosen it."""
    seen, shown = Counter[str](), list[dict[str, Any]]()
    for place, row in enumerate(rows):
        if place < count or seen[row["entity"]] < _FOLDED_OF_A_COMPANY:
            shown.append({**row, "more": place >= count})
        seen[row["entity"]] += 1
    return shown[:_MOST_ROWS]


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


def _memory(mib: float | None) -> str:
    if mib is None:
        return "–"
    return f"{mib:.0f} MiB" if mib < 1024 else f"{mib / 1024:.1f} GiB"
