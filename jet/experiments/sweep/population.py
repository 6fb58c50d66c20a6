"""Population-based training of loss weights: schedules are discovered while training.

All members begin alike but for their weights. After every few epochs the worst copy the state of one of the
best and change its weights a little: multiplied by 0.8 or 1.2, or drawn anew. What a surviving line of
members lived through is a schedule, written as `form: step` over the training's progress. All members have
the same seed, so what is selected is the schedule and not the luck of a seed, and a fresh training with the
schedule and that seed takes the same steps.

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
"""Of the members, those that are replaced at a time, and those that they copy."""
FACTORS = (0.8, 1.2)
RESAMPLED = 0.25
"""Probability that a weight is drawn anew, instead of multiplied by a factor."""


def first_weights(ranges: Mapping[str, Range], members: int, rng: np.random.Generator) -> list[Weights]:
    """The weights that each member begins with."""
    draws = RandomDraws(rng)
    return [{name: each.draw(draws)[name] for name, each in ranges.items()} for _ in range(members)]


def evolve(
    weights: Sequence[Weights], scores: Sequence[float], ranges: Mapping[str, Range], rng: np.random.Generator
) -> list[tuple[int, Weights]]:
    """For each member, whose state it goes on from (its own, mostly) and with which weights.

    A member without a score is always replaced. Members with equal scores are left alone: nothing says which of
    them is worse. Raises `ValueError` where nobody has a score.
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
    found = {}
    for name, each in ranges.items():
        if rng.random() < RESAMPLED:
            found[name] = each.draw(RandomDraws(rng))[name]
        else:
            found[name] = float(np.clip(weights[name] * rng.choice(FACTORS), each.low, each.high))
    return found


def lived_schedule(lived: Sequence[Weights], epochs: int, max_epochs: int) -> dict[str, Any]:
    """The config's losses for weights that changed every `epochs` of a training of `max_epochs`.

    A place is the quotient of two whole numbers of epochs, like the progress at which a training passes it: the
    step falls exactly between two epochs.
    """
    found: dict[str, Any] = {}
    for name in lived[0]:
        values, places = [lived[0][name]], []
        for number, weights in enumerate(lived[1:], start=1):
            if weights[name] != values[-1]:
                values.append(weights[name])
                places.append(number * epochs / max_epochs)
        found[name] = {"form": "step", "values": values, "at": places} if places else values[0]
    return found
