"""From the `tune.space` section of a config to a search space, or to what is wrong with it and the way out."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from jet.config import JetConfig, with_settings
from jet.experiments.sweep.settings import GRID_LIMIT, TuneSettings
from jet.experiments.sweep.space import FORMS, Choice, Dimension, Range, ScheduleRange, Space
from jet.training.settings import LOSSES

_SEARCHED = ("model", "losses", "optim", "train")
"""The parts of the config that bear on the decoder's training."""
_NO_SETTING = {
    "retrieval": "neighbors are found before a training; run `jet neighbors` with other settings into another "
    "folder, and sweep there",
    "split": "it decides which entries are scored, so trials could not be compared; fix it for the whole sweep",
    "ranker": "a trial trains and scores the decoder alone",
    "model.max_lines": "it decides which entries are scored, so trials could not be compared; fix it",
    "train.seed": "a seed is luck, no setting; tune.final_seeds repeats with several what was found",
    "train.watched_rows": "it decides which entries are scored, so trials could not be compared; fix it",
}


def build_space(declared: Mapping[str, Mapping[str, Any]], config: JetConfig) -> Space:
    """The space that a `tune.space` section declares over `config`.

    Raises `ValueError`, naming the setting and a way out, where it isn't one.
    """
    if not declared:
        raise ValueError(
            "tune.space is empty: name at least one setting, such as losses.stop: {uniform: [0.1, 2.0]}"
        )
    space = Space(tuple(_dimension(field, spec, config) for field, spec in declared.items()))
    for each in space.dimensions:
        for value in each.examples():
            try:
                with_settings(config, {each.field: value})
            except ValueError as error:
                raise ValueError(f"tune.space.{each.field}: {error}") from None
    return space


def _dimension(field: str, spec: Any, config: JetConfig) -> Dimension:
    _check_field(field, config)
    where = f"tune.space.{field}"
    kinds = ("choice", "uniform", "log_uniform", "integer", "schedule")
    named = [kind for kind in kinds if isinstance(spec, Mapping) and kind in spec]
    if len(named) != 1:
        example = "{uniform: [0, 1]}"
        raise ValueError(f"{where}: must be one of {', '.join(kinds)}, such as {example}; got {spec!r}")
    kind = named[0]
    allowed = {
        "choice": {"choice"},
        "integer": {"integer", "points"},
        "schedule": {"schedule", "low", "high", "log", "turn", "points"},
    }.get(kind, {kind, "points"})
    if unknown := set(spec) - allowed:
        raise ValueError(f"{where}: {kind} takes no {sorted(unknown)}; it takes {sorted(allowed - {kind})}")
    if not isinstance(spec[kind], Sequence) or isinstance(spec[kind], str) or not spec[kind]:
        raise ValueError(f"{where}.{kind}: must be a list with something in it, not {spec[kind]!r}")
    if kind == "choice":
        labels = [json.dumps(value) for value in spec[kind]]
        if twice := [label for label in labels if labels.count(label) > 1]:
            raise ValueError(f"{where}.choice: has {twice[0]} twice: name it once")
        return Choice(field, tuple(spec[kind]))
    points = spec.get("points")
    if points is not None and (not isinstance(points, int) or points < 2):
        raise ValueError(f"{where}.points: must be a whole number from 2 on, not {points!r}")
    if kind == "schedule":
        return _schedule(field, spec, where)
    low, high = _limits(spec[kind], f"{where}.{kind}")
    if kind == "integer" and (low != int(low) or high != int(high)):
        raise ValueError(f"{where}.integer: must be two whole numbers, not {spec[kind]!r}")
    if kind == "log_uniform" and low <= 0:
        raise ValueError(f"{where}.log_uniform: must begin above 0, not at {low:g}: use uniform, or raise it")
    return Range(field, low, high, log=kind == "log_uniform", whole=kind == "integer", points=points)


def _schedule(field: str, spec: Mapping[str, Any], where: str) -> ScheduleRange:
    part, _, name = field.partition(".")
    if part != "losses" or name not in LOSSES:
        names = ", ".join(LOSSES)
        raise ValueError(f"{where}: only the losses have schedules ({names}): use a range or a choice")
    for form in spec["schedule"]:
        if form not in FORMS:
            raise ValueError(f"{where}.schedule: {form!r} is no form; there are {', '.join(FORMS)}")
    low, high = _limits([spec.get("low"), spec.get("high")], f"{where}: low and high")
    if low < 0:
        raise ValueError(
            f"{where}.low: a schedule must not go negative, got {low:g}: that rewards mistakes; begin at 0"
        )
    log = bool(spec.get("log", False))
    if log and low == 0:
        raise ValueError(f"{where}.low: must be above 0 with log, or leave log out")
    turn = _limits(spec.get("turn", [0.1, 0.9]), f"{where}.turn")
    if not 0 < turn[0] < turn[1] <= 1:
        raise ValueError(
            f"{where}.turn: must be two shares of the training, from above 0 to 1, not {list(turn)}"
        )
    return ScheduleRange(field, tuple(spec["schedule"]), low, high, turn, log, spec.get("points") or 2)


def _limits(given: Any, where: str) -> tuple[float, float]:
    numbers = [v for v in given if type(v) in (int, float) and math.isfinite(v)]
    if len(given) != 2 or len(numbers) != 2:
        raise ValueError(f"{where}: must be two numbers, not {list(given)}; write 3.0e-4, not 3e-4, in YAML")
    low, high = numbers
    if not low < high:
        raise ValueError(f"{where}: the first must be below the second, got {low:g} and {high:g}")
    return low, high


def _check_field(field: str, config: JetConfig) -> None:
    """Raise `ValueError` unless the setting bears on a trial's score, and leaves scores comparable."""
    part = field.partition(".")[0]
    parts = {each.name: getattr(config, each.name) for each in fields(JetConfig)}
    known = [f"{p}.{each.name}" for p, settings in parts.items() for each in fields(settings)]
    if field not in known:
        near = difflib.get_close_matches(field, known, 1)
        hint = f"did you mean {near[0]}?" if near else "`jet tune --help` lists all"
        raise ValueError(f"tune.space.{field}: there is no such setting; {hint}")
    why = _NO_SETTING.get(field) or _NO_SETTING.get(part)
    if why is None and part not in _SEARCHED and field != "predict.beams":
        why = "it has no bearing on a trial's score"
    if why:
        raise ValueError(f"tune.space.{field}: can't be searched: {why}")


def checked_count(space: Space, settings: TuneSettings, sure: bool) -> int:
    """How many trials there will be. Raises `ValueError` where the space isn't one for the searcher."""
    if settings.method == "pbt":
        space.ranges()
    if settings.method != "grid":
        return settings.trials
    count = space.grid_size()
    if count > GRID_LIMIT and not sure:
        raise ValueError(
            f"the grid has {count} trials, more than {GRID_LIMIT}: lower points, leave a setting out, use "
            "another tune.searcher, or give `jet tune` --yes"
        )
    return count
