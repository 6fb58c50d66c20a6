"""The report: `metrics.json` for machines and one HTML page for people, from the trees that `evaluate` gives.

The page stands alone. Its pictures are inline SVG, drawn by matplotlib and colored by the page's own style,
so that they follow light and dark; it runs no script, and its content security policy forbids any request.
Descriptions and account names come from other people's books, so the template escapes everything.

Nothing here opens a file: text is returned, and who calls decides where it goes.
"""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import jinja2
import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

MODEL = "model"
"""What the page calls the model, beside the names of the baselines."""

_ENTITIES_SHOWN = 200
_FIGURES = (
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
# matplotlib draws in colors that nobody would choose, and the page's variables take their place.
_INK, _FAINT, _ACCENT = "#010203", "#040506", "#070809"
_RIVALS = ("#0a0b0c", "#0d0e0f", "#101112")
_VARIABLES = {
    _INK: "var(--ink)",
    _FAINT: "var(--faint)",
    _ACCENT: "var(--accent)",
    _RIVALS[0]: "var(--rival-1)",
    _RIVALS[1]: "var(--rival-2)",
    _RIVALS[2]: "var(--rival-3)",
}
_DASHES = ("--", "-.", ":")


def build_metrics(
    model: dict[str, Any], baselines: Mapping[str, dict[str, Any]], facts: dict[str, Any]
) -> dict[str, Any]:
    """The tree of `metrics.json`: what `evaluate` gave for the model and for each baseline, and the facts.

    `facts` is whatever a reader needs to repeat the run: data, fingerprints, config, command.
    """
    return {"facts": facts, "test": {"model": model, "baselines": dict(baselines)}}


def write_report(metrics: dict[str, Any], examples: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The text of `metrics.json` and of `index.html`, from what `build_metrics` gives.

    `examples` are as in `render_html`. Raises ValueError where a figure is NaN or infinite, which JSON can't
    hold.
    """
    text = json.dumps(metrics, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return text, render_html(metrics, examples)


def render_html(metrics: dict[str, Any], examples: Sequence[Mapping[str, Any]]) -> str:
    """The page, self-contained, from what `build_metrics` gives.

    An example is a mapping with "entity", "date", "description", "predicted" (lines with "account", "name",
    "side", "probability"), "true" (lines with "account", "name", "side"), "confidence", "decision" and
    "right".
    """
    model, baselines = metrics["test"]["model"], metrics["test"]["baselines"]
    methods = {MODEL: model, **baselines}
    entities = sorted(model["by_entity"], key=lambda name: (-model["by_entity"][name]["n"], name))
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(percent=_percent, promise=_promise, interval=_interval)
    template = resources.files(__package__).joinpath("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        model=model,
        baselines=baselines,
        methods=methods,
        figures=_comparison(methods),
        entities=entities[:_ENTITIES_SHOWN],
        entities_left_out=max(0, len(entities) - _ENTITIES_SHOWN),
        strata_labels=_STRATA_LABELS,
        risk_coverage=_risk_coverage({name: method["risk_coverage"] for name, method in methods.items()}),
        reliability=_reliability(model["reliability"]),
        examples=[_example(example) for example in examples],
        facts={name: _fact(value) for name, value in metrics["facts"].items()},
    )


def _comparison(methods: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for key, label, less_is_better in _FIGURES:
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
    """The example with every line marked "hit" or not, a pair as often as it is in both."""

    def marked(lines: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        left = Counter((line["account"], line["side"]) for line in others)
        result = []
        for line in lines:
            pair = (line["account"], line["side"])
            result.append({**line, "hit": left[pair] > 0})
            left[pair] -= 1
        return result

    predicted, true = example["predicted"], example["true"]
    return {**example, "predicted": marked(predicted, true), "true": marked(true, predicted)}


def _fact(value: Any) -> dict[str, Any]:
    nested = isinstance(value, dict | list | tuple)
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str) if nested else str(value)
    return {"nested": nested, "text": text}


def _percent(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f}%"


def _promise(value: str) -> str:
    return f"{100 * float(value):g}%"


def _interval(value: Sequence[float] | None) -> str:
    return "" if value is None else f"{100 * value[0]:.1f}–{100 * value[1]:.1f}%"


def _risk_coverage(curves: Mapping[str, Sequence[Sequence[float]]]) -> Markup:
    figure, axes = _axes("Coverage: share of entries booked", "Error among them")
    for i, (name, points) in enumerate(curves.items()):
        is_model = name == MODEL
        axes.plot(
            [point[0] for point in points],
            [point[1] for point in points],
            color=_ACCENT if is_model else _RIVALS[(i - 1) % len(_RIVALS)],
            linestyle="-" if is_model else _DASHES[(i - 1) % len(_DASHES)],
            linewidth=2.2 if is_model else 1.4,
            label=name if len(name) <= 24 else f"{name[:23]}…",
            zorder=3 if is_model else 2,
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    for label in axes.legend(frameon=False, labelcolor=_INK, loc="upper left").get_texts():
        label.set_parse_math(False)  # a name is a name, whatever dollars are in it
    return _svg(figure, "risk_coverage")


def _reliability(bins: Sequence[Sequence[float]]) -> Markup:
    figure, axes = _axes("Confidence", "Share right")
    axes.plot([0, 1], [0, 1], color=_FAINT, linestyle="--", linewidth=1.2)
    said, was, n = ([point[i] for point in bins] for i in range(3))
    largest = max(n, default=1)
    axes.plot(said, was, color=_ACCENT, linewidth=1.2, zorder=2)
    axes.scatter(said, was, s=[18 + 240 * count / largest for count in n], color=_ACCENT, zorder=3)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.05)
    return _svg(figure, "reliability")


def _axes(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.4, 3.8), layout="constrained")
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.set_xlabel(x_label, color=_INK)
    axes.set_ylabel(y_label, color=_INK)
    axes.tick_params(colors=_FAINT, labelcolor=_INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(color=_FAINT, alpha=0.25, linewidth=0.6)
    return figure, axes


def _svg(figure: Figure, salt: str) -> Markup:
    buffer = io.StringIO()
    # A salt of its own keeps the ids of two pictures on one page apart, and the text the same every time.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, variable)
    return Markup(svg)  # matplotlib escaped the labels
