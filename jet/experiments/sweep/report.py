"""The report of a sweep, one HTML page.

Everything but the gain is measured on the calibration split, by which the winner was chosen, so the best of
many trials is partly lucky. The gain over the base config, which comes first, is that of new trainings on the
test split.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from jet.config import JetConfig, with_settings
from jet.evaluation.page import ACCENT, BASELINE_COLORS, FAINT, INK, axes_of, fact, render, show_shares, svg_of
from jet.experiments.sweep.finals import CONTENDERS, Final
from jet.experiments.sweep.importance import LEAST_TRIALS, Importance, importance
from jet.experiments.sweep.outcome import Outcome
from jet.experiments.sweep.settings import TuneSettings
from jet.experiments.sweep.space import Choice, Range, Space, weights_over_training
from jet.experiments.sweep.trials import Trial, objective
from jet.training.settings import LOSSES

if TYPE_CHECKING:
    from markupsafe import Markup

_SHOWN = 60
"""Trials in the table."""
_LINES = 200
"""Trials whose schedules and parallel coordinates are drawn, the best ones."""


def render_sweep(outcome: Outcome, space: Space, config: JetConfig, settings: TuneSettings) -> str:
    """The page."""
    trials, best, rows = outcome.trials, outcome.best, outcome.rows
    scored = sorted(
        (trial for trial in trials if trial.best is not None),
        key=lambda trial: objective(trial.rungs, rows),
        reverse=True,
    )
    drawn = [best, *(trial for trial in scored[:_LINES] if trial is not best)]
    whole = [trial for trial in scored if trial.status == "finished"]
    names = [each.field for each in space.dimensions]
    searched = [{name: trial.settings[name] for name in names} for trial in whole]
    importances = importance(searched, [_exact(trial) for trial in whole])
    planned = sum(with_settings(config, trial.settings).train.max_epochs for trial in trials)
    return render(
        __package__,
        "sweep.html.j2",
        {},
        best=best,
        trials=[*scored[:_SHOWN], *(trial for trial in trials if trial.best is None)],
        left_out=max(0, len(scored) - _SHOWN),
        changed={trial.key: {name: _text(trial.settings.get(name)) for name in names} for trial in trials},
        names=names,
        count=len(trials),
        statuses={status: sum(trial.status == status for trial in trials) for status in _STATUSES},
        rows=rows,
        method=settings.method,
        finals=[_final(each) for each in outcome.finals],
        gain=outcome.gain,
        scatters={name: _scatter(name, i, drawn, space) for i, name in enumerate(names)},
        parallel=_parallel(drawn, space, settings.method) if len(names) > 1 and len(drawn) > 1 else None,
        schedules=_schedules(drawn, config, [name for name in names if name.startswith("losses.")]),
        importance=importances,
        importance_picture=_importance(importances) if importances else None,
        importance_trials=len(whole),
        least_trials=LEAST_TRIALS,
        learning=_learning(drawn),
        seconds=sum(trial.seconds for trial in outcome.trainings),
        sweep_seconds=sum(trial.seconds for trial in trials),
        trainings=len(outcome.trainings),
        epochs=sum(len(trial.rungs) for trial in trials),
        planned=planned,
        facts={
            "best config": fact(best.settings),
            "sweep": fact(asdict(settings)),
            "base config": fact(config.part("model", "losses", "optim", "train", "retrieval", "split")),
        },
    )


_STATUSES = ("finished", "stopped", "diverged", "failed")


def _exact(trial: Trial) -> float:
    return trial.best["exact_match"] if trial.best else float("nan")


def _final(final: Final) -> dict[str, Any]:
    test = {name: float(final.right[name].mean()) for name in CONTENDERS}
    return {"seed": final.seed, "calibration": final.calibration, "test": test}


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return json.dumps({name: _rounded(each) for name, each in value.items()}).replace('"', "")
    return str(_rounded(value))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.3g}")
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return {name: _rounded(each) for name, each in value.items()} if isinstance(value, Mapping) else value


def _places(name: str, trials: Sequence[Trial], space: Space) -> tuple[list[float], list[str] | None, bool]:
    """Each trial's position on a setting's axis; labels of the positions, for values that are no numbers;
    whether the axis is logarithmic. The position of a schedule is its mean weight."""
    dimension = next(each for each in space.dimensions if each.field == name)
    values = [trial.settings[name] for trial in trials]
    if isinstance(dimension, Range):
        return [_mean(value) for value in values], None, dimension.log
    if isinstance(dimension, Choice) and not all(type(value) in (int, float) for value in dimension.values):
        labels = [_text(value) for value in dimension.values]
        return [float(labels.index(_text(value))) for value in values], labels, False
    return [_mean(value) for value in values], None, False


def _mean(value: Any) -> float:
    """A number, or a schedule's mean over the training."""
    if not isinstance(value, Mapping):
        return float(value)
    return float(np.mean(weights_over_training(value)[1]))


def _scatter(name: str, number: int, trials: Sequence[Trial], space: Space) -> Markup:
    places, labels, log = _places(name, trials, space)
    scheduled = any(isinstance(trial.settings[name], Mapping) for trial in trials) and labels is None
    figure, axes = axes_of(f"{name}, mean over the training" if scheduled else name, "Exact match", (4.2, 2.9))
    for place, trial in list(zip(places, trials, strict=True))[::-1]:
        first = trial is trials[0]
        form = trial.settings[name].get("form") if isinstance(trial.settings[name], Mapping) else "constant"
        axes.plot(
            place,
            _exact(trial),
            _MARKERS.get(str(form), "o"),
            color=ACCENT if first else INK,
            alpha=1 if first else 0.45,
            markersize=10 if first else 6,
            markeredgewidth=0,
        )
    if log:
        axes.set_xscale("log")
        ticks = np.geomspace(min(places), max(places), 3)
        axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
        axes.xaxis.minorticks_off()
    if labels is not None:
        axes.set_xticks(range(len(labels)), labels, parse_math=False, rotation=15)
        axes.set_xlim(-0.5, len(labels) - 0.5)
    return svg_of(figure, f"scatter{number}")


_MARKERS = {"linear": "^", "cosine": "s", "step": "D", "warmup": "v"}


def _parallel(trials: Sequence[Trial], space: Space, method: str) -> Markup:
    """Parallel coordinates: a line for each trial through its settings and its score; the best tenth dark, the
    winner in color."""
    names = [each.field for each in space.dimensions]
    figure, axes = axes_of("", "", (11, 4.2))
    columns = []
    for i, name in enumerate(names):
        places, labels, log = _places(name, trials, space)
        values = np.log(places) if log else np.array(places)
        low, high = (0.0, len(labels) - 1.0) if labels else (values.min(), values.max())
        columns.append((values - low) / (high - low) if high > low else np.full(len(values), 0.5))
        ends = (labels[0], labels[-1]) if labels else (f"{min(places):.3g}", f"{max(places):.3g}")
        for y, text, at in ((-0.04, ends[0], "top"), (1.04, ends[1], "bottom")):
            label = text if len(text) <= 18 else f"{text[:17]}…"
            axes.text(i, y, label, ha="center", va=at, color=INK, fontsize=8, parse_math=False)
    score = np.array([_exact(trial) for trial in trials])
    low, high = score.min(), score.max()
    columns.append((score - low) / (high - low) if high > low else np.full(len(score), 0.5))
    for y, value, at in ((-0.04, low, "top"), (1.04, high, "bottom")):
        axes.text(len(names), y, f"{100 * value:.1f}%", ha="center", va=at, color=INK, fontsize=8)
    good = np.quantile(score, 0.9)
    for i in range(len(trials))[::-1]:
        line = [column[i] for column in columns]
        style: dict[str, Any] = {"color": FAINT, "linewidth": 0.9, "alpha": 0.6}
        if i == 0:
            style = {"color": ACCENT, "linewidth": 2.6}
        elif score[i] >= good:
            style = {"color": INK, "linewidth": 1.3, "alpha": 0.8}
        axes.plot(range(len(columns)), line, **style)
    axes.set_xticks(range(len(columns)), [*names, "exact match"], parse_math=False, rotation=12)
    axes.set_yticks([])
    axes.set_ylim(-0.14, 1.14)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.grid(visible=False)
    for i in range(len(columns)):
        axes.axvline(i, color=FAINT, linewidth=0.8, zorder=0)
    return svg_of(figure, f"parallel_{method}")


def _schedules(trials: Sequence[Trial], config: JetConfig, searched: Sequence[str]) -> dict[str, Markup]:
    """The weight of each searched loss over the training, of all trials; the winner's in color."""
    pictures = {}
    for loss in LOSSES:
        name = f"losses.{loss}"
        if name not in searched:
            continue
        figure, axes = axes_of("Share of the training", f"Weight of {loss}", (4.2, 2.9))
        axes.yaxis.set_major_formatter("{x:g}")
        show_shares(axes.xaxis)
        scores = [_exact(trial) for trial in trials]
        span = max(scores) - min(scores)
        for trial, score in list(zip(trials, scores, strict=True))[::-1]:
            first = trial is trials[0]
            axes.plot(
                *weights_over_training(trial.settings[name]),
                color=ACCENT if first else INK,
                linewidth=2.6 if first else 1,
                alpha=1 if first else 0.12 + 0.45 * ((score - min(scores)) / span if span else 0),
                zorder=3 if first else 2,
            )
        base = weights_over_training(getattr(config.losses, loss))
        axes.plot(*base, "--", color=BASELINE_COLORS[0], linewidth=1.6, zorder=4)
        axes.set_xlim(0, 1)
        axes.set_ylim(bottom=0)
        pictures[loss] = svg_of(figure, f"schedule_{loss}")
    return pictures


def _importance(importances: Importance) -> Markup:
    names = list(importances.drops)[::-1]
    figure, axes = axes_of("Explained variance lost when it is shuffled", "", (5.4, 0.7 + 0.36 * len(names)))
    axes.barh(range(len(names)), [importances.drops[name] for name in names], color=ACCENT, height=0.6)
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    return svg_of(figure, "importance")


def _learning(trials: Sequence[Trial]) -> Markup:
    """Exact match by epoch of all trials, which shows the early stopping."""
    figure, axes = axes_of("Epoch", "Exact match", (5.4, 3.2))
    for trial in trials[::-1]:
        first = trial is trials[0]
        epochs = [rung["epoch"] for rung in trial.rungs]
        axes.plot(
            epochs,
            [rung["exact_match"] for rung in trial.rungs],
            color=ACCENT if first else INK,
            linewidth=2.4 if first else 0.9,
            alpha=1 if first else 0.35,
            marker="." if len(epochs) == 1 else None,
        )
    return svg_of(figure, "learning")
