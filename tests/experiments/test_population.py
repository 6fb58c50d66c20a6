from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.experiments.sweep.population import evolve, explored, first_weights, schedule_of
from jet.experiments.sweep.space import Range
from jet.experiments.sweep.trials import NO_SCORE
from jet.training.schedules import build_schedule

RANGES = {
    "losses.stop": Range("losses.stop", 0.1, 2.0),
    "losses.side": Range("losses.side", 1e-3, 1.0, log=True),
}


def rng(seed=0):
    return np.random.default_rng(seed)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(2, 12))
def test_weights_stay_in_their_ranges_whatever_happens(seed, members):
    draws = rng(seed)
    weights = first_weights(RANGES, members, draws)
    for _ in range(5):
        weights = [new for _, new in evolve(weights, draws.random(members).tolist(), RANGES, draws)]
    for each in weights:
        assert each.keys() == RANGES.keys()
        assert all(RANGES[name].low <= value <= RANGES[name].high for name, value in each.items())


def test_the_worst_quarter_goes_on_from_the_best_and_the_others_from_themselves():
    weights = first_weights(RANGES, 8, rng())
    following = evolve(weights, [0.1, 0.9, 0.5, 0.4, 0.8, 0.3, 0.2, 0.6], RANGES, rng(1))
    parents = [parent for parent, _ in following]
    assert parents[1:6] + parents[7:] == [1, 2, 3, 4, 5, 7]
    assert {parents[0], parents[6]} <= {1, 4}
    for member, (parent, new) in enumerate(following):
        assert (new == weights[member]) == (parent == member)


def test_equal_members_are_left_alone():
    weights = first_weights(RANGES, 4, rng())
    assert evolve(weights, [0.5] * 4, RANGES, rng()) == list(enumerate(weights))


def test_members_without_a_score_are_replaced_all_of_them():
    weights = first_weights(RANGES, 4, rng())
    following = evolve(weights, [NO_SCORE, 0.3, NO_SCORE, NO_SCORE], RANGES, rng())
    assert [parent for parent, _ in following] == [1, 1, 1, 1]
    with pytest.raises(ValueError, match="no member of the population has a score"):
        evolve(weights, [NO_SCORE] * 4, RANGES, rng())


def test_the_same_seed_takes_the_same_turns():
    weights = first_weights(RANGES, 4, rng(5))
    assert weights == first_weights(RANGES, 4, rng(5))
    scores = [0.1, 0.2, 0.3, 0.4]
    assert evolve(weights, scores, RANGES, rng(6)) == evolve(weights, scores, RANGES, rng(6))


def test_what_is_explored_is_near_or_new():
    near = {"losses.stop": 1.0, "losses.side": 0.1}
    factors = [explored(near, RANGES, rng(seed))["losses.stop"] for seed in range(200)]
    share = np.mean([any(value == pytest.approx(f) for f in (0.8, 1.2)) for value in factors])
    assert 0.6 < share < 0.9


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=10), st.integers(1, 4), st.integers(1, 30))
def test_a_schedule_has_in_every_step_the_weight_of_the_line(values, every, steps_per_epoch):
    epochs = every * len(values)
    spec = schedule_of([{"losses.stop": value} for value in values], every, epochs)["losses.stop"]
    schedule = build_schedule(spec)
    total = epochs * steps_per_epoch
    for step in range(total):
        assert schedule(step / total) == values[step // (every * steps_per_epoch)]


def test_a_weight_that_never_changed_is_a_number():
    lived = [{"losses.stop": 1.0, "losses.side": x} for x in (0.1, 0.1, 0.2)]
    assert schedule_of(lived, 2, 6) == {
        "losses.stop": 1.0,
        "losses.side": {"form": "step", "values": [0.1, 0.2], "at": [4 / 6]},
    }
