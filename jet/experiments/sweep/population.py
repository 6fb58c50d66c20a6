"""Population-based training of loss weights, which finds schedules.

Members begin with the same network and different weights. After every few epochs the worst copy the state of
one of the best and perturb its weights: multiplied by 0.8 or 1.2, or drawn again. The weights along a surviving
line of members are a schedule, written as `form: step` over the training's progress. All members have the same
seed, so the schedule is selected and not a lucky seed, and a new training with the schedule and that seed takes
the same steps.

M. Jaderberg et al., "Population Based Training of Neural Networks", 2017 (arXiv:1711.09846): truncation
selection (section 4.1.1), perturbation and resampling.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jet.experiments.sweep.space import RandomDraws, Range
from jet.experiments.sweep.trials import NO_SCORE

Weights = dict[str, float]

SHARE = 0.25
"""The share of members that are replaced at a time, and of those that are copied."""
FACTORS = (0.8, 1.2)
RESAMPLED = 0.25
"""Probability that a weight is drawn again instead of multiplied by a factor."""


def first_weights(ranges: Mapping[str, Range], members: int, rng: np.random.Generator) -> list[Weights]:
    """The first weights of each member."""
    draws = RandomDraws(rng)
    return [{name: each.draw(draws)[name] for name, each in ranges.items()} for _ in range(members)]


def evolve(
    weights: Sequence[Weights], scores: Sequence[float], ranges: Mapping[str, Range], rng: np.random.Generator
) -> list[tuple[int, Weights]]:
    """For each member, the member whose state it continues (mostly itself) and its next weights.

    A member without a score is always replaced. Of members with equal scores none is replaced. Raises
    `ValueError` where no member has a score.
    """
    alive = [i for i, score in enumerate(scores) if score > NO_SCORE]
    if not alive:
        raise ValueError("no member of the population has a score: give the losses other ranges")
    count = math.ceil(SHARE * len(weights))
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    best = sorted(alive, key=lambda i: -scores[i])[:count]
    floor = min(scores[i] for i in best)
    worst = {i for i in order[:count] if scores[i] < floor} | set(range(len(scores))) - set(alive)
    following: list[tuple[int, Weights]] = []
    for member, own in enumerate(weights):
        if member in worst:
            parent = int(rng.choice(best))
            following.append((parent, explored(weights[parent], ranges, rng)))
        else:
            following.append((member, dict(own)))
    return following


def explored(weights: Weights, ranges: Mapping[str, Range], rng: np.random.Generator) -> Weights:
    """Weights near the given ones, within their ranges."""
    result = {}
    for name, each in ranges.items():
        if rng.random() < RESAMPLED:
            result[name] = each.draw(RandomDraws(rng))[name]
        else:
            result[name] = float(np.clip(weights[name] * rng.choice(FACTORS), each.low, each.high))
    return result


def schedule_of(history: Sequence[Weights], epochs: int, max_epochs: int) -> dict[str, Any]:
    """The config's losses for weights that changed every `epochs` of a training of `max_epochs`.

    A place is the quotient of two whole numbers of epochs, like the progress at which a training passes it: the
    step falls exactly between two epochs.
    """
    result: dict[str, Any] = {}
    for name in history[0]:
        values, places = [history[0][name]], []
        for number, weights in enumerate(history[1:], start=1):
            if weights[name] != values[-1]:
                values.append(weights[name])
                places.append(number * epochs / max_epochs)
        result[name] = {"form": "step", "values": values, "at": places} if places else values[0]
    return result
