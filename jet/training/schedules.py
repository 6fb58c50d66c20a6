"""Schedules: a number as a function of the training's progress, declared in the config.

A spec is a number (constant), or a mapping with a `form`:

    0.1
    {form: linear, start: 0.0, end: 0.1, until: 0.3}
    {form: cosine, start: 1.0, end: 0.0}
    {form: step, values: [1.0, 0.2], at: [0.5]}
    {form: warmup, over: 0.1, then: {form: cosine, start: 1.0, end: 0.0}}
    {form: product, of: [0.5, {form: linear, start: 0, end: 1}]}

Progress runs from 0 (first step) to 1 (last), so a schedule means the same for a short run and a long one.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Schedule = Callable[[float], float]
ScheduleSpec = float | dict[str, Any]

_FIELDS: dict[str, set[str]] = {
    "constant": {"value"},
    "linear": {"start", "end", "until"},
    "cosine": {"start", "end", "until"},
    "step": {"values", "at"},
    "warmup": {"over", "then"},
    "product": {"of"},
}


def build_schedule(spec: ScheduleSpec, name: str = "schedule") -> Schedule:
    """The schedule that `spec` declares. Raises `ValueError` with `name` where `spec` is not valid."""
    if isinstance(spec, (int, float)) and not isinstance(spec, bool):
        return _constant(_number(spec, name))
    if not isinstance(spec, Mapping) or "form" not in spec:
        raise ValueError(f"{name}: a schedule is a number or a mapping with a 'form', not {spec!r}")
    form = spec["form"]
    if not isinstance(form, str) or form not in _FIELDS:
        raise ValueError(f"{name}: form {form!r} is unknown; there are {', '.join(_FIELDS)}")
    unknown = set(spec) - _FIELDS[form] - {"form"}
    if unknown:
        raise ValueError(f"{name}: {form} has no {sorted(unknown)}; it has {sorted(_FIELDS[form])}")
    if form == "constant":
        return _constant(_number(spec.get("value"), f"{name}.value"))
    if form in ("linear", "cosine"):
        start, end = (_number(spec.get(key), f"{name}.{key}") for key in ("start", "end"))
        until = _share(spec.get("until", 1.0), f"{name}.until")
        return _ramp(start, end, until, cosine=form == "cosine")
    if form == "step":
        return _step(spec, name)
    if form == "warmup":
        over = _share(spec.get("over"), f"{name}.over")
        then = build_schedule(spec.get("then", 1.0), f"{name}.then")
        return lambda progress: then(progress) * min(1.0, progress / over)
    parts = [build_schedule(part, f"{name}.of[{i}]") for i, part in enumerate(_list(spec, "of", name))]
    if not parts:
        raise ValueError(f"{name}: a product needs at least one schedule in 'of'")
    return lambda progress: math.prod(part(progress) for part in parts)


def _constant(value: float) -> Schedule:
    return lambda _progress: value


def _ramp(start: float, end: float, until: float, cosine: bool) -> Schedule:
    def value(progress: float) -> float:
        done = min(1.0, progress / until)
        if cosine:
            done = (1.0 - math.cos(math.pi * done)) / 2.0
        return start + (end - start) * done

    return value


def _step(spec: Mapping[str, Any], name: str) -> Schedule:
    values = [_number(value, f"{name}.values") for value in _list(spec, "values", name)]
    at = [_share(value, f"{name}.at") for value in _list(spec, "at", name)]
    if len(values) != len(at) + 1 or at != sorted(at):
        raise ValueError(f"{name}: a step has one value more than its rising places 'at'; got {dict(spec)}")
    return lambda progress: values[bisect.bisect_right(at, progress)]


def _list(spec: Mapping[str, Any], key: str, name: str) -> Sequence[Any]:
    value = spec.get(key, [])
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{name}.{key}: must be a list, not {value!r}")
    return value


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name}: must be a number, not {value!r}")
    if value < 0:
        raise ValueError(f"{name}: must not be negative, got {value}")
    return float(value)


def _share(value: Any, name: str) -> float:
    number = _number(value, name)
    if not 0 < number <= 1:
        raise ValueError(f"{name}: must be a share of the training above 0 and up to 1, got {value}")
    return number
