"""The style, pictures and number formats that all report pages share.

A page is self-contained. Its pictures are inline SVG, drawn by matplotlib and colored by the page's own style,
so that they follow light and dark mode; it runs no script, and its content security policy forbids any request.
On a narrow screen its tables are lists (`jet.evaluation.tables`).
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from jet.evaluation.intervals import TOO_FEW, interval_of, too_few
from jet.evaluation.tables import label_cells
from jet.extras import needed_for

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Placeholder colors for matplotlib, which `svg_of` replaces by the page's variables.
INK, FAINT, ACCENT = "#010203", "#040506", "#070809"
BASELINE_COLORS = ("#0a0b0c", "#0d0e0f", "#101112")
_VARIABLES = {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    ACCENT: "var(--accent)",
    BASELINE_COLORS[0]: "var(--baseline-1)",
    BASELINE_COLORS[1]: "var(--baseline-2)",
    BASELINE_COLORS[2]: "var(--baseline-3)",
}


def render(package: str, template: str, filters: Mapping[str, Any], **values: Any) -> str:
    """The page that a package's template renders from `values`; everything that isn't `Markup` is escaped.

    A template may import and include others of its package.
    """
    with needed_for("a report page"):
        import jinja2
        from markupsafe import Markup
    folder = resources.files(package)
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=percent, points=points, duration=duration, interval=interval, readable=readable, **filters
    )
    environment.globals.update(interval_of=interval_of, too_few=too_few, TOO_FEW=TOO_FEW)
    style = resources.files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    page = environment.get_template(template).render(style=Markup(style), **values)  # noqa: S704 (our own file)
    return label_cells(page)


def axes_of(x_label: str, y_label: str, size: tuple[float, float] = (5.4, 3.8)) -> tuple[Figure, Axes]:
    """An empty picture in the style of the page, with shares on its y axis."""
    with needed_for("a picture"):
        from matplotlib.figure import Figure
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.patch.set_alpha(0)
    axes.set_xlabel(x_label, color=INK)
    axes.set_ylabel(y_label, color=INK)
    axes.tick_params(colors=FAINT, labelcolor=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    show_shares(axes.yaxis)
    axes.grid(color=FAINT, alpha=0.25, linewidth=0.6)
    return figure, axes


def show_shares(axis: Axis) -> None:
    """Label the axis in percent."""
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1))


def svg_of(figure: Figure, salt: str) -> Markup:
    """The picture as inline SVG. `salt` must be unique among the pictures of a page."""
    import matplotlib as mpl
    from markupsafe import Markup

    buffer = io.StringIO()
    # The salt keeps the ids of two pictures on a page apart, and the text the same every time.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, variable)
    return Markup(svg)  # noqa: S704 (matplotlib escaped the labels)


def fact(value: Any) -> dict[str, Any]:
    """The text of a fact, and whether it is nested, so that the page folds it."""
    nested = isinstance(value, dict | list | tuple)
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str) if nested else str(value)
    return {"nested": nested, "text": text}


def percent(value: float | None, digits: int = 1) -> str:
    """A share in percent."""
    return "–" if value is None else f"{100 * value:.{digits}f}%"


def promised(value: str) -> str:
    """A promise, which is a share as text, in percent."""
    return f"{100 * float(value):g}%"


def interval(value: Sequence[float] | None) -> str:
    """The ends of a share's interval in percent; "" where there is none."""
    return "" if value is None else f"{100 * value[0]:.1f}–{100 * value[1]:.1f}%"


def readable(name: str) -> str:
    """The name of a method in words."""
    return name.replace("_", " ")


def points(value: float) -> str:
    """A difference of two shares, in percentage points, with its sign."""
    text = f"{100 * value:+.1f}".replace("-", "−")
    return "0.0" if text[1:] == "0.0" else text


def duration(seconds: float | None) -> str:
    """Seconds in seconds, minutes or hours."""
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
