from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jet.training.schedules import build_schedule


def at(spec, *places):
    schedule = build_schedule(spec)
    return [schedule(place) for place in places]


def test_a_number_is_constant():
    assert at(0.3, 0, 0.5, 1) == [0.3] * 3
    assert at(2, 0, 1) == [2.0] * 2
    assert at({"form": "constant", "value": 0.5}, 0, 1) == [0.5] * 2


def test_linear_goes_straight_and_stays_at_its_end():
    assert at({"form": "linear", "start": 1, "end": 3}, 0, 0.25, 0.5, 1) == [1, 1.5, 2, 3]
    assert at({"form": "linear", "start": 0, "end": 1, "until": 0.5}, 0.25, 0.5, 0.75, 1) == [0.5, 1, 1, 1]
    assert at({"form": "linear", "start": 1, "end": 0}, 0, 1) == [1, 0]


def test_cosine_is_flat_at_both_ends():
    spec = {"form": "cosine", "start": 1.0, "end": 0.0}
    assert at(spec, 0, 0.5, 1) == pytest.approx([1, 0.5, 0])
    assert at(spec, 0.25) == pytest.approx([(1 + math.cos(math.pi / 4)) / 2])
    assert at(spec | {"until": 0.5}, 0.25, 0.5, 0.9) == pytest.approx([0.5, 0, 0], abs=1e-12)


def test_a_step_changes_at_its_places():
    spec = {"form": "step", "values": [1.0, 0.2, 0.5], "at": [0.5, 0.75]}
    assert at(spec, 0, 0.49, 0.5, 0.74, 0.75, 1) == [1, 1, 0.2, 0.2, 0.5, 0.5]


def test_a_warmup_rises_to_what_comes_then():
    assert at({"form": "warmup", "over": 0.2}, 0, 0.1, 0.2, 1) == pytest.approx([0, 0.5, 1, 1])
    inner = {"form": "linear", "start": 2, "end": 0}
    assert at({"form": "warmup", "over": 0.5, "then": inner}, 0, 0.25, 0.5, 1) == pytest.approx([0, 0.75, 1, 0])


def test_schedules_compose():
    ramp = {"form": "linear", "start": 0, "end": 1}
    assert at({"form": "product", "of": [0.5, ramp]}, 0, 0.5, 1) == [0, 0.25, 0.5]
    deep = {"form": "product", "of": [{"form": "warmup", "over": 0.5, "then": ramp}, 2.0]}
    assert at(deep, 0.25, 1) == pytest.approx([0.25, 2.0])


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ("high", r"losses\.side"),
        (True, r"losses\.side"),
        (None, r"losses\.side"),
        (-0.1, r"losses\.side"),
        (math.nan, r"losses\.side"),
        ({"start": 1}, r"losses\.side.*form"),
        ({"form": "sine"}, r"losses\.side.*'sine'"),
        ({"form": ["linear"]}, r"losses\.side"),
        ({"form": "linear", "start": 0, "end": 1, "untl": 0.3}, r"losses\.side.*untl"),
        ({"form": "linear", "end": 1}, r"losses\.side\.start"),
        ({"form": "linear", "start": 0, "end": "x"}, r"losses\.side\.end"),
        ({"form": "linear", "start": 0, "end": math.inf}, r"losses\.side\.end"),
        ({"form": "cosine", "start": 0, "end": 1, "until": 0}, r"losses\.side\.until"),
        ({"form": "cosine", "start": 0, "end": 1, "until": 1.5}, r"losses\.side\.until"),
        ({"form": "constant"}, r"losses\.side\.value"),
        ({"form": "step", "values": [1], "at": [0.5]}, r"losses\.side.*one value more"),
        ({"form": "step", "values": [1, 2, 3], "at": [0.5, 0.2]}, r"losses\.side.*rising"),
        ({"form": "step", "values": [1, -2], "at": [0.5]}, r"losses\.side\.values"),
        ({"form": "step", "values": 1, "at": []}, r"losses\.side\.values"),
        ({"form": "step", "values": [1, 2], "at": 0.5}, r"losses\.side\.at"),
        ({"form": "warmup"}, r"losses\.side\.over"),
        ({"form": "warmup", "over": 0.1, "then": {"form": "x"}}, r"losses\.side\.then"),
        ({"form": "product"}, r"losses\.side.*'of'"),
        ({"form": "product", "of": 3}, r"losses\.side\.of"),
        (
            {"form": "product", "of": [1, {"form": "linear", "start": -1, "end": 1}]},
            r"losses\.side\.of\[1\]\.start",
        ),
    ],
)
def test_what_declares_no_schedule_is_an_error_that_names_the_field(spec, named):
    with pytest.raises(ValueError, match=named):
        build_schedule(spec, "losses.side")


numbers = st.floats(0, 100)
shares = st.floats(0.01, 1)
simple = st.one_of(
    numbers,
    st.fixed_dictionaries(
        {"form": st.sampled_from(["linear", "cosine"]), "start": numbers, "end": numbers, "until": shares}
    ),
    st.lists(shares, max_size=3).flatmap(
        lambda places: st.fixed_dictionaries(
            {
                "form": st.just("step"),
                "values": st.lists(numbers, min_size=len(places) + 1, max_size=len(places) + 1),
                "at": st.just(sorted(places)),
            }
        )
    ),
)
specs = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.fixed_dictionaries({"form": st.just("warmup"), "over": shares, "then": inner}),
        st.fixed_dictionaries({"form": st.just("product"), "of": st.lists(inner, min_size=1, max_size=3)}),
    ),
    max_leaves=5,
)


@given(specs, st.floats(0, 1))
def test_a_schedule_is_never_negative_and_always_finite(spec, progress):
    value = build_schedule(spec)(progress)
    assert math.isfinite(value)
    assert value >= 0


@given(simple, st.floats(0, 1))
def test_a_simple_schedule_stays_within_its_values(spec, progress):
    if isinstance(spec, float):
        values = [spec]
    else:
        values = spec["values"] if spec["form"] == "step" else [spec["start"], spec["end"]]
    value = build_schedule(spec)(progress)
    assert min(values) - 1e-9 <= value <= max(values) + 1e-9
