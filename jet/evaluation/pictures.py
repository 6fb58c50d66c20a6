"""The pictures of the report (`jet.evaluation.page` says how they are drawn)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jet.evaluation.intervals import interval_of, too_few
from jet.evaluation.measurements import MODEL
from jet.evaluation.page import ACCENT, BASELINE_COLORS, FAINT, INK, axes_of, readable, show_shares, svg_of

if TYPE_CHECKING:
    from markupsafe import Markup

_DASHES = ("--", "-.", ":")


def risk_coverage(curves: Mapping[str, Sequence[Sequence[float]]]) -> Markup:
    """The error of each method among the entries that it would book, by how many these are."""
    figure, axes = axes_of("Coverage: share of entries booked", "Error among them")
    for i, (name, points) in enumerate(curves.items()):
        is_model = name == MODEL
        axes.plot(
            [point[0] for point in points],
            [point[1] for point in points],
            color=ACCENT if is_model else BASELINE_COLORS[(i - 1) % len(BASELINE_COLORS)],
            linestyle="-" if is_model else _DASHES[(i - 1) % len(_DASHES)],
            linewidth=2.2 if is_model else 1.4,
            label="jet" if is_model else readable(name if len(name) <= 24 else f"{name[:23]}…"),
            zorder=3 if is_model else 2,
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    show_shares(axes.xaxis)
    for label in axes.legend(frameon=False, labelcolor=INK, loc="upper left").get_texts():
        label.set_parse_math(False)  # a name may contain dollars
    return svg_of(figure, "risk_coverage")


def reliability(bins: Sequence[Sequence[float]], salt: str) -> Markup:
    """How often answers were right, by their confidence, with the interval of each bin's share.

    `bins` are `jet.evaluation.reliability.reliability`; a bin of too few rows to say is hollow.
    """
    figure, axes = axes_of("Confidence", "Share right")
    axes.plot([0, 1], [0, 1], color=FAINT, linestyle="--", linewidth=1.2)
    largest = max((point[2] for point in bins), default=1)
    for confidence, right, n in bins:
        interval = interval_of(right, int(n))
        if interval is not None:
            axes.plot([confidence] * 2, interval, color=ACCENT, linewidth=1.4, alpha=0.7, zorder=2)
        hollow = too_few(interval)
        size = 18 + 200 * n / largest
        face = "none" if hollow else ACCENT
        axes.scatter([confidence], [right], s=size, facecolors=face, edgecolors=ACCENT, zorder=3)
    axes.set_xlim(0, 1.03)
    axes.set_ylim(0, 1.05)
    show_shares(axes.xaxis)
    return svg_of(figure, salt)


def learning_curve(points: Sequence[Mapping[str, Any]]) -> Markup:
    """How right the model is on a new company, by the entries that the company had booked before."""
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
