from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.config import JetConfig, with_settings
from jet.experiments.sweep.declared import build_space
from jet.experiments.sweep.space import FORMS, RandomDraws, weights_over_training
from jet.training.schedules import build_schedule
from jet.training.settings import LOSSES

CONFIG = JetConfig()
STOP = {"schedule": list(FORMS), "low": 0.1, "high": 2.0}
SPACE = {
    "optim.learning_rate": {"log_uniform": [3e-4, 3e-3]},
    "model.dropout": {"uniform": [0.0, 0.3], "points": 4},
    "model.neighbors": {"integer": [3, 8]},
    "model.hidden": {"choice": [64, 128]},
    "losses.side": {"choice": [0.0, {"form": "step", "values": [0.1, 0.01], "at": [0.5]}]},
    "losses.stop": STOP,
}


def space_of(**declared):
    return build_space({name.replace("__", "."): spec for name, spec in declared.items()}, CONFIG)


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32))
def test_what_is_drawn_is_a_config(seed):
    space = build_space(SPACE, CONFIG)
    point = space.draw(RandomDraws(np.random.default_rng(seed)))
    changed = space.settings(json.loads(json.dumps(point)))
    assert set(changed) == set(SPACE)
    config = with_settings(CONFIG, changed)
    assert 3e-4 <= config.optim.learning_rate <= 3e-3
    assert 3 <= config.model.neighbors <= 8
    assert config.model.hidden in (64, 128)
    assert config.losses.stop == changed["losses.stop"]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.sampled_from(LOSSES), st.booleans())
def test_every_schedule_stays_within_its_limits_or_warms_up_to_them(seed, loss, log):
    space = build_space({f"losses.{loss}": {**STOP, "log": log, "turn": [0.2, 0.7]}}, CONFIG)
    point = space.draw(RandomDraws(np.random.default_rng(seed)))
    spec = space.settings(point)[f"losses.{loss}"]
    _, weights = weights_over_training(spec)
    low = 0.0 if point[f"losses.{loss}.form"] == "warmup" else 0.1
    assert weights.min() >= low - 1e-9
    assert weights.max() <= 2.0 + 1e-9
    assert build_schedule(spec)(1.0) >= 0.1 - 1e-9


def test_a_seed_gives_the_same_points_and_another_one_others():
    space = build_space(SPACE, CONFIG)
    assert space.sample(20, 3) == space.sample(20, 3)
    assert space.sample(20, 3)[:5] == space.sample(5, 3)
    assert space.sample(20, 3) != space.sample(20, 4)


def test_points_are_different_and_end_where_there_are_no_more():
    space = space_of(model__hidden={"choice": [16, 32, 64]})
    assert sorted(point["model.hidden"] for point in space.sample(10, 0)) == [16, 32, 64]


def test_a_choice_that_is_named_twice_is_refused():
    with pytest.raises(ValueError, match=r"tune.space.model.hidden.choice: has 64 twice"):
        space_of(model__hidden={"choice": [64, 128, 64]})


def test_a_grid_over_many_whole_numbers_asks_how_many_of_them_to_take():
    space = space_of(model__hidden={"integer": [8, 10**9]})
    with pytest.raises(ValueError, match="a grid needs to know how many values to take"):
        space.grid_size()


def test_each_form_becomes_what_a_config_holds():
    made = {form: space_of(losses__stop={**STOP, "schedule": [form]}).sample(1, 0)[0] for form in FORMS}
    space = space_of(losses__stop=STOP)
    specs = {form: space.settings(point)["losses.stop"] for form, point in made.items()}
    assert isinstance(specs["constant"], float)
    assert list(specs["linear"]) == list(specs["cosine"]) == ["form", "start", "end", "until"]
    assert len(specs["step"]["values"]) == 2
    assert list(specs["warmup"]) == ["form", "over", "then"]
    assert "losses.stop.end" not in made["constant"]
    assert "losses.stop.turn" not in made["constant"]
    assert "losses.stop.end" not in made["warmup"]


def test_a_grid_has_every_combination_once():
    space = space_of(
        model__hidden={"choice": [16, 32]},
        model__dropout={"uniform": [0.0, 0.3], "points": 4},
        model__neighbors={"integer": [3, 5]},
    )
    points = list(space.grid())
    assert len(points) == space.grid_size() == 2 * 4 * 3
    assert len({json.dumps(point) for point in points}) == len(points)
    assert {round(point["model.dropout"], 6) for point in points} == {0.0, 0.1, 0.2, 0.3}


def test_a_grid_of_schedules_has_each_form_with_each_pair_of_weights():
    space = space_of(losses__stop={**STOP, "points": 3})
    points = list(space.grid())
    assert len(points) == 3 + 3 * 6 + 3
    assert {point.get("losses.stop.turn", 0.5) for point in points} == {0.5}
    for point in points:
        with_settings(CONFIG, space.settings(point))


def test_a_grid_over_a_range_asks_for_points():
    with pytest.raises(ValueError, match=r"tune\.space\.model\.dropout: .* add points"):
        space_of(model__dropout={"uniform": [0.0, 0.3]}).grid_size()


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({}, "tune.space is empty: name at least one setting"),
        ({"model.hiden": {"choice": [1]}}, "model.hiden: there is no such setting; did you mean model.hidden"),
        ({"nonsense": {"choice": [1]}}, "nonsense: there is no such setting"),
        ({"model.hidden": [16, 32]}, "model.hidden: must be one of choice"),
        ({"model.hidden": {"choice": [16], "uniform": [1, 2]}}, "model.hidden: must be one of"),
        ({"model.hidden": {"choice": []}}, "model.hidden.choice: must be a list with something in it"),
        ({"model.hidden": {"choice": [16, "wide"]}}, "model.hidden can't be set so"),
        ({"model.hidden": {"uniform": [16, 32]}}, "model.hidden can't be set so"),
        ({"model.dropout": {"uniform": [0.3, 0.1]}}, "the first must be below the second, got 0.3 and 0.1"),
        ({"model.dropout": {"uniform": [0.3]}}, "model.dropout.uniform: must be two numbers"),
        ({"model.dropout": {"uniform": ["3e-4", 0.5]}}, "write 3.0e-4, not 3e-4"),
        ({"model.dropout": {"uniform": [0, 1], "steps": 3}}, "uniform takes no ['steps']"),
        ({"model.dropout": {"uniform": [0, 0.5], "points": 1}}, "points: must be a whole number from 2 on"),
        ({"optim.learning_rate": {"log_uniform": [0.0, 1.0]}}, "must begin above 0"),
        ({"optim.learning_rate": {"uniform": [0.0, 1.0]}}, "optim.learning_rate must be above 0"),
        ({"model.neighbors": {"integer": [1.5, 3]}}, "must be two whole numbers"),
        ({"losses.stop": {**STOP, "low": -0.1}}, "losses.stop.low: a schedule must not go negative, got -0.1"),
        ({"losses.stop": {**STOP, "low": None}}, "losses.stop: low and high: must be two numbers"),
        ({"losses.stop": {**STOP, "schedule": ["sine"]}}, "'sine' is no form; there are constant"),
        ({"losses.stop": {**STOP, "turn": [0.0, 0.5]}}, "turn: must be two shares"),
        ({"losses.stop": {**STOP, "low": 0.0, "log": True}}, "must be above 0 with log"),
        ({"losses.stop": {"uniform": [-1.0, 1.0]}}, "losses.stop: must not be negative, got -1.0"),
        ({"losses.stop": {"choice": [{"form": "linear", "start": 1, "end": -1}]}}, "end: must not be negative"),
        ({"optim.learning_rate": STOP}, "only the losses have schedules"),
        ({"retrieval.neighbors": {"integer": [3, 8]}}, "run `jet neighbors` with other settings"),
        ({"split.train": {"uniform": [0.5, 0.7]}}, "it decides which entries are scored"),
        ({"model.max_lines": {"integer": [3, 8]}}, "it decides which entries are scored"),
        ({"ranker.hidden": {"choice": [8]}}, "the decoder alone"),
        ({"train.seed": {"integer": [0, 9]}}, "a seed is luck"),
        ({"predict.promise": {"choice": [0.9]}}, "it has no bearing on a trial's score"),
    ],
)
def test_what_is_no_space_is_refused_by_the_name_of_the_setting(declared, said):
    with pytest.raises(ValueError, match=r"tune\.space") as refused:
        build_space(declared, CONFIG)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_only_ranges_of_loss_weights_make_a_population():
    ranges = space_of(losses__stop={"uniform": [0.1, 2.0]}, losses__side={"log_uniform": [0.01, 1.0]}).ranges()
    assert list(ranges) == ["losses.stop", "losses.side"]
    for other in ({"model__dropout": {"uniform": [0.0, 0.5]}}, {"losses__stop": STOP}):
        with pytest.raises(ValueError, match="a population changes weights of losses"):
            space_of(**other).ranges()
