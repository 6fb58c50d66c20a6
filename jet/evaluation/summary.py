"""Plain text for a terminal: predictions beside the true lines, and a table of scores.

It reads the same trees as the HTML report:
`examples_text` the examples of `jet.evaluation.report.render_html`, `scores_text` the tree of `Measurements`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from jet.evaluation.measurements import BASELINES_SHOWN, best_baselines

WIDTH = 110
"""The width of the text in columns."""

_COLUMN = 50
_LABELS = {
    "model": "jet",
    "last_same_text": "last entry with the same text",
    "tfidf_vote": "vote of similar texts (TF-IDF)",
}

Line = Mapping[str, Any]


def examples_text(examples: Sequence[Mapping[str, Any]]) -> str:
    """The examples, with the predicted lines on the left and the true ones on the right.

    Lines that are in both share a row; those that are in one only have a "!".
    """
    return "\n\n".join(_block(number, example) for number, example in enumerate(examples, start=1))


def _block(number: int, example: Mapping[str, Any]) -> str:
    entity, text = cut(example["entity"], 30), cut(example["description"], 55)
    rows = [f"{number:3}. {example['date']}  {entity}  “{text}”", f"     {'predicted':{_COLUMN}}  true"]
    for left, right in _beside(example["predicted"], example["true"]):
        rows.append(f"   {left:{_COLUMN}}  {right}".rstrip())
    verdict = "✓ right" if example["right"] else "✗ wrong"
    rows.append(f"     {verdict}; confidence {example['confidence']:.2f}, decision {example['decision']}")
    return "\n".join(rows)


def scores_text(metrics: Mapping[str, Any], promise: float) -> str:
    """The table of scores on the test split: the model, in its other regimes of use, then the best baselines.

    Automation is shown where it was measured at this promise; amounts have a line where they were measured.
    """
    test = metrics["test"]
    shown = best_baselines(test["baselines"])
    key = f"{promise:g}"
    heads = ["exact match", "line F1"]
    if key in test["model"]["overall"]["automation"]:
        heads += [f"automated at {100 * promise:g}%", "right among these"]
    rows = [_row("", heads)]
    regimes = {f"jet: {name}": figures for name, figures in metrics.get("regimes", {}).items()}
    baselines = {name: test["baselines"][name] for name in shown}
    for name, method in ({"model": test["model"]} | regimes | baselines).items():
        overall = method["overall"]
        values = [overall["entry_exact_match"], overall["line_f1"]]
        if len(heads) > len(values):
            automation = overall["automation"][key]
            values += [automation["coverage"], automation["precision"]]
        label = _LABELS.get(name, name.replace("_", " "))
        rows.append(_row(label, [_percent(value) for value in values]))
    if len(test["baselines"]) > len(shown):
        rows.append(f"The best {BASELINES_SHOWN} of {len(test['baselines'])} baselines; the report has all.")
    for name, method in ({"": test["model"]} | metrics.get("regimes", {})).items():
        rows += _promise_text(method["overall"]["automation"].get(key), promise, name)
    if metrics.get("drift", {}).get("found"):
        rows.append(
            "The test entries aren't like those of the calibration any more (drift): the report says in what."
        )
    if "amounts" in metrics:
        right = _percent(metrics["amounts"]["all_right_given_set"])
        rows.append(f"Amounts: all right in {right} of the entries whose lines are right.")
    return "\n".join(rows)


def _promise_text(automation: Mapping[str, Any] | None, promise: float, regime: str) -> list[str]:
    """A line where the model realized less than it promised, in a `regime` of use; "": the first."""
    if automation is None or automation["precision"] is None or automation["precision"] >= promise:
        return []
    low, high = automation["precision_interval"]
    chance = "more than chance explains" if high < promise else "which chance explains"
    promised = f"{100 * promise:g}% ({regime})" if regime else f"the promise of {100 * promise:g}%"
    return [
        f"Fell below {promised}: {_percent(automation['precision'])} of "
        f"{automation['n_auto']} right ({_percent(low)} to {_percent(high)}), {chance}."
    ]


def _row(label: str, cells: Sequence[str]) -> str:
    return f"{cut(label, 34):34}" + "".join(f"{cell:>18}" for cell in cells)


def _beside(predicted: Iterable[Line], true: Iterable[Line]) -> list[tuple[str, str]]:
    """The rows of both columns: the lines that are in both, then those that are in one only."""
    left_lines, right_lines = (
        Counter((line["side"], line["account"], line["name"]) for line in some) for some in (predicted, true)
    )
    both = [(_line(line, " "), _line(line, " ")) for line in _sorted(left_lines & right_lines)]
    left, right = (
        [_line(line, "!") for line in _sorted(some)]
        for some in (left_lines - right_lines, right_lines - left_lines)
    )
    return both + list(zip_longest(left, right, fillvalue=""))


def _sorted(lines: Counter[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return sorted(lines.elements(), key=lambda line: (line[0] == "C", line[1]))


def _line(line: tuple[str, str, str], mark: str) -> str:
    return f"{mark} {cut(' '.join(line), _COLUMN - 2)}"


def cut(text: str, width: int) -> str:
    """`text` on one line, without control characters, in at most `width` characters."""
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}%"
