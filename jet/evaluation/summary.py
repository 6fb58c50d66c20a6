"""The outcome in plain text, for a terminal: entries beside what was predicted, and a table of scores.

What the HTML report shows at length, in the form that fits under a command. Both read the same trees:
`examples_text` the examples of `jet.evaluation.report.render_html`, `scores_text` what `build_metrics` gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

WIDTH = 110
"""Columns of a terminal that the text keeps to."""

_COLUMN = 50
_LABELS = {
    "model": "jet",
    "last_same_text": "last entry with the same text",
    "tfidf_vote": "vote of similar texts (TF-IDF)",
}

Line = Mapping[str, Any]


def examples_text(examples: Sequence[Mapping[str, Any]]) -> str:
    """Every example with its predicted lines on the left and the true ones on the right.

    Lines that are in both stand in the same row; those that are in one only have a "!".
    """
    blocks = []
    for number, example in enumerate(examples, start=1):
        right = example["right"]
        rows = [
            f"{number:3}. {example['date']}  {example['entity']}  {_cut(example['description'], 70)!r}",
            f"     {'predicted':{_COLUMN}}  true",
        ]
        for predicted, true in _beside(example["predicted"], example["true"]):
            rows.append(f"   {predicted:{_COLUMN}}  {true}".rstrip())
        verdict = "✓ right" if right else "✗ wrong"
        rows.append(f"     {verdict}; confidence {example['confidence']:.2f}, decision {example['decision']}")
        blocks.append("\n".join(rows))
    return "\n\n".join(blocks)


def scores_text(metrics: Mapping[str, Any], promise: float) -> str:
    """The table of scores on the test split: the model and the baselines, the model first."""
    test = metrics["test"]
    methods = {"model": test["model"], **test["baselines"]}
    promised = f"{100 * promise:g}%"
    heads = ("exact match", "line F1", f"automated at {promised}", "of these right")
    rows = [f"{'':32}" + "".join(f"{head:>18}" for head in heads)]
    for name, method in methods.items():
        overall = method["overall"]
        automation = overall["automation"][f"{promise:g}"]
        values = (
            overall["entry_exact_match"],
            overall["line_f1"],
            automation["coverage"],
            automation["precision"],
        )
        rows.append(f"{_LABELS.get(name, name):32}" + "".join(f"{_percent(value):>18}" for value in values))
    return "\n".join(rows)


def _beside(predicted: Iterable[Line], true: Iterable[Line]) -> list[tuple[str, str]]:
    """Rows of both columns: lines in both first, then each side's own."""
    here, there = (
        [(line["side"], line["account"], line["name"]) for line in some] for some in (predicted, true)
    )
    both = Counter(here) & Counter(there)
    rows = [(_line(line, " "), _line(line, " ")) for line in sorted(both.elements(), key=_place)]
    only = (sorted((Counter(some) - both).elements(), key=_place) for some in (here, there))
    for left, right in zip_longest(*only):
        rows.append((_line(left, "!") if left else "", _line(right, "!") if right else ""))
    return rows


def _place(line: tuple[str, str, str]) -> tuple[bool, str]:
    return line[0] == "C", line[1]


def _line(line: tuple[str, str, str], mark: str) -> str:
    side, account, name = line
    return _cut(f"{mark} {side} {account} {name}", _COLUMN)


def _cut(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}%"
