"""The search space: which settings are varied, and how, declared in YAML.

    optim.learning_rate: {log_uniform: [3.0e-4, 3.0e-3]}
    model.dropout:       {uniform: [0.0, 0.3], points: 4}      # points: how many of them a grid takes
    model.neighbors:     {integer: [3, 8]}
    model.hidden:        {choice: [64, 128]}
    losses.side:         {choice: [1.0, {form: step, values: [0.1, 0.01], at: [0.5]}]}
    losses.stop:         {schedule: [constant, linear, cosine, step, warmup], low: 0.1, high: 2.0}

A schedule is searched by its form and its numbers: the weights it starts and ends with, between low and high,
and the share of the training at which it turns (the ramp's end, the step's place, the warm-up's length). Which
of these numbers there are depends on the form, so a space is no box but a small program that draws one
coordinate after another. Every searcher runs that same program (`Space.draw`) and only the source of the
numbers differs: a seeded generator, or Optuna's trial. Coordinates are flat (`losses.stop.form`,
`losses.stop.start`, ...) and turn into settings (`losses.stop`: a schedule) in one place.

Why the grid is not Optuna's: `GridSampler` takes a box, and over a schedule it tries a form without an end once
for each end; `BruteForceSampler` takes ranges by an even step alone, not the even ratios of `log_uniform`.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from jet.training.schedules import build_schedule

Coordinates = dict[str, Any]

FORMS = ("constant", "linear", "cosine", "step", "warmup")
_LISTED = 1000
"""The most whole numbers of a range in a grid, where `points` is not given."""


class Draws(Protocol):
    """A source of numbers for a space. `optuna.Trial` is one."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        """A number from low to high; with `log`, even over its logarithm."""

    def suggest_int(self, name: str, low: int, high: int) -> int:
        """A whole number from low to high."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""


class RandomDraws:
    """Numbers from a seed."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:  # noqa: ARG002
        """See `Draws`."""
        if log:
            return float(np.clip(math.exp(self.rng.uniform(math.log(low), math.log(high))), low, high))
        return float(self.rng.uniform(low, high))

    def suggest_int(self, name: str, low: int, high: int) -> int:  # noqa: ARG002
        """See `Draws`."""
        return int(self.rng.integers(low, high, endpoint=True))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:  # noqa: ARG002
        """See `Draws`."""
        return choices[int(self.rng.integers(len(choices)))]


class Dimension(Protocol):
    """One setting that is varied."""

    @property
    def field(self) -> str:
        """Its dotted name."""

    def draw(self, draws: Draws) -> Coordinates:
        """Coordinates of one value."""

    def grid(self) -> list[Coordinates]:
        """Coordinates of every value that a grid takes. Raises `ValueError` where that isn't said."""

    def setting(self, coordinates: Coordinates) -> Any:
        """The value that stands in the config."""

    def examples(self) -> list[Any]:
        """Values that show whether all can stand in the config."""


@dataclass(frozen=True)
class Choice:
    """One of a list of values, which may be whole schedules."""

    field: str
    values: tuple[Any, ...]

    def draw(self, draws: Draws) -> Coordinates:
        """See `Dimension`."""
        return {self.field: draws.suggest_categorical(self.field, [_label(value) for value in self.values])}

    def grid(self) -> list[Coordinates]:
        """See `Dimension`."""
        return [{self.field: _label(value)} for value in self.values]

    def setting(self, coordinates: Coordinates) -> Any:
        """See `Dimension`."""
        wanted = coordinates[self.field]
        return next(v for v in self.values if _label(v) == wanted and type(_label(v)) is type(wanted))

    def examples(self) -> list[Any]:
        """See `Dimension`."""
        return list(self.values)


@dataclass(frozen=True)
class Range:
    """A number between two others."""

    field: str
    low: float
    high: float
    log: bool = False
    whole: bool = False
    points: int | None = None

    def draw(self, draws: Draws) -> Coordinates:
        """See `Dimension`."""
        if self.whole:
            return {self.field: draws.suggest_int(self.field, int(self.low), int(self.high))}
        return {self.field: draws.suggest_float(self.field, self.low, self.high, log=self.log)}

    def grid(self) -> list[Coordinates]:
        """See `Dimension`."""
        if self.whole and self.points is None and self.high - self.low < _LISTED:
            return [{self.field: value} for value in range(int(self.low), int(self.high) + 1)]
        if self.points is None:
            raise ValueError(
                f"tune.space.{self.field}: a grid needs to know how many values to take of a range: add "
                "points, or list them as a choice"
            )
        levels = _levels(self.low, self.high, self.points, self.log)
        if self.whole:
            return [{self.field: value} for value in dict.fromkeys(round(level) for level in levels)]
        return [{self.field: level} for level in levels]

    def setting(self, coordinates: Coordinates) -> Any:
        """See `Dimension`."""
        return coordinates[self.field]

    def examples(self) -> list[Any]:
        """See `Dimension`."""
        if self.whole:
            return [int(self.low), int(self.high)]
        return [self.low, self.high, self.low + (self.high - self.low) / math.pi]  # the last is never whole


@dataclass(frozen=True)
class ScheduleRange:
    """A schedule: one of some forms, its weights and its turning point between limits."""

    field: str
    forms: tuple[str, ...]
    low: float
    high: float
    turn: tuple[float, float]
    log: bool = False
    points: int = 2

    def draw(self, draws: Draws) -> Coordinates:
        """See `Dimension`."""
        form = draws.suggest_categorical(f"{self.field}.form", list(self.forms))
        result = {f"{self.field}.form": form}
        for name in _numbers(form):
            key = f"{self.field}.{name}"
            low, high = self.turn if name == "turn" else (self.low, self.high)
            result[key] = draws.suggest_float(key, low, high, log=self.log and name != "turn")
        return result

    def grid(self) -> list[Coordinates]:
        """All pairs of different weights for each form, turning in the middle."""
        levels = _levels(self.low, self.high, self.points, self.log)
        middle = sum(self.turn) / 2
        result = []
        for form in self.forms:
            names = _numbers(form)
            pairs = itertools.permutations(levels, 2) if "end" in names else ((level, 0.0) for level in levels)
            for start, end in pairs:
                numbers = {"start": start, "end": end, "turn": middle}
                chosen = {f"{self.field}.{name}": numbers[name] for name in names}
                result.append({f"{self.field}.form": form, **chosen})
        return result

    def setting(self, coordinates: Coordinates) -> Any:
        """See `Dimension`."""
        form = coordinates[f"{self.field}.form"]
        start, end, turn = (coordinates.get(f"{self.field}.{name}") for name in ("start", "end", "turn"))
        if form == "constant":
            return start
        if form == "step":
            return {"form": form, "values": [start, end], "at": [turn]}
        if form == "warmup":
            return {"form": form, "over": turn, "then": start}
        return {"form": form, "start": start, "end": end, "until": turn}

    def examples(self) -> list[Any]:
        """See `Dimension`."""
        corners = {"start": self.low, "end": self.high}
        return [
            self.setting({f"{self.field}.{k}": v for k, v in {"form": form, "turn": turn, **corners}.items()})
            for form in self.forms
            for turn in self.turn
        ]


@dataclass(frozen=True)
class Space:
    """All that is varied."""

    dimensions: tuple[Dimension, ...]

    def draw(self, draws: Draws) -> Coordinates:
        """The coordinates of one trial."""
        return {name: value for each in self.dimensions for name, value in each.draw(draws).items()}

    def sample(self, count: int, seed: int) -> list[Coordinates]:
        """Up to `count` different points from a seed; fewer where the space has no more."""
        draws = RandomDraws(np.random.default_rng(seed))
        result: dict[str, Coordinates] = {}
        for _ in range(50 * count):
            point = self.draw(draws)
            result.setdefault(json.dumps(point, sort_keys=True), point)
            if len(result) == count:
                break
        return list(result.values())

    def grid(self) -> Iterator[Coordinates]:
        """Every point of the grid."""
        for parts in itertools.product(*(each.grid() for each in self.dimensions)):
            yield {name: value for part in parts for name, value in part.items()}

    def grid_size(self) -> int:
        """How many points the grid has."""
        return math.prod(len(each.grid()) for each in self.dimensions)

    def settings(self, coordinates: Coordinates) -> dict[str, Any]:
        """What a point changes in the config: dotted name to value."""
        return {each.field: each.setting(coordinates) for each in self.dimensions}

    def ranges(self) -> dict[str, Range]:
        """The loss weights that a population changes. Raises `ValueError` where there is anything else."""
        result: dict[str, Range] = {}
        for each in self.dimensions:
            if not isinstance(each, Range) or not each.field.startswith("losses."):
                raise ValueError(
                    f"tune.space.{each.field}: a population changes weights of losses within a range: give "
                    "uniform or log_uniform of a losses field, and search anything else with another searcher"
                )
            result[each.field] = each
        return result


def weights_over_training(spec: Any, count: int = 101) -> tuple[np.ndarray, np.ndarray]:
    """Progress and weight of a schedule, float [count] each."""
    progress = np.linspace(0, 1, count)
    schedule = build_schedule(spec)
    return progress, np.array([schedule(float(p)) for p in progress])


def _numbers(form: str) -> tuple[str, ...]:
    return {"constant": ("start",), "warmup": ("start", "turn")}.get(form, ("start", "end", "turn"))


def _levels(low: float, high: float, count: int, log: bool) -> list[float]:
    result = np.geomspace(low, high, count) if log else np.linspace(low, high, count)
    return [float(value) for value in result]


def _label(value: Any) -> Any:
    """What stands for a value among coordinates: itself, or its JSON where it isn't a scalar."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else json.dumps(value)
