"""What the report says of each company is what its thresholds are."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jet.confidence.calibration import Calibration, CalibrationRows, Misfit
from jet.confidence.judgment import Judgment
from jet.confidence.promises import Calibrations
from jet.confidence.regimes import REGIMES
from jet.evaluation.companies import POOLED, RAISED, REVIEWED, TAKEN_OUT, company_states

SURE = Misfit(rows=40, right=10, expected=37.5)


def calibration(rows, misfits=()):
    """Of rows (company, confidence, right, how often)."""
    entity, confidence, right, times = zip(*rows, strict=True)
    each = np.repeat(np.arange(len(rows)), times)
    of_rows = CalibrationRows.independent(np.array(entity)[each].tolist(), np.array(right)[each])
    return Calibration(
        ("log_odds",), np.ones(1), 0.0, of_rows, np.array(confidence)[each], dict.fromkeys(misfits, SURE)
    )


def judgment(**regimes):
    """With calibrations of some regimes; the others have no rows."""
    judged = Judgment.unfitted()
    chosen = [regimes.get(name, each) for name, each in zip(REGIMES, judged.calibrations, strict=True)]
    return replace(judged, calibrations=Calibrations(tuple(chosen)))


@pytest.fixture
def states():
    rows = [
        ("steady", 0.99, True, 300),
        ("weak", 0.97, True, 20),  # enough to keep the promise from here on
        ("weak", 0.95, True, 4),
        ("weak", 0.95, False, 6),
        ("poor", 0.95, True, 2),
        ("poor", 0.95, False, 18),
        ("wrong", 0.99, True, 10),
        ("wrong", 0.99, False, 30),
    ]
    rolling = calibration(rows, misfits=["wrong"])
    return company_states(judgment(rolling=rolling), [0.9], ["new", "wrong", "poor", "weak", "steady"])


def test_each_company_has_the_state_that_its_rows_gave_it(states):
    assert {name: own["rolling"]["states"]["0.9"] for name, own in states.items()} == {
        "new": POOLED,
        "poor": REVIEWED,
        "steady": POOLED,
        "weak": RAISED,
        "wrong": TAKEN_OUT,
    }
    assert {name: own["rolling"]["thresholds"]["0.9"] for name, own in states.items()} == {
        "new": 0.95,
        "poor": None,
        "steady": 0.95,
        "weak": 0.95,  # just above the rows that kept too little
        "wrong": None,
    }


def test_each_company_has_its_own_rows_and_how_many_should_have_been_right(states):
    figures = {
        name: [own["rolling"][key] for key in ("rows", "right", "expected")] for name, own in states.items()
    }
    assert figures == {
        "new": [0, 0, 0.0],
        "poor": [20, 2, 19.0],
        "steady": [300, 300, 297.0],
        "weak": [30, 24, 28.9],
        "wrong": [40, 10, 39.6],
    }


def test_why_a_company_is_taken_out_stands_beside_it_and_beside_no_other(states):
    misfits = {name: own["rolling"]["misfit"] for name, own in states.items()}
    assert misfits.pop("wrong") == {"rows": 40, "right": 10, "expected": 37.5}
    assert set(misfits.values()) == {None}


def test_a_regime_without_rows_promises_nobody_anything(states):
    for own in states.values():
        assert list(own) == list(REGIMES)
        assert own["batch"]["states"] == {"0.9": POOLED}
        assert own["batch"]["thresholds"] == {"0.9": None}


ROWS = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from([0.6, 0.8, 0.9, 0.95, 0.99]), st.booleans(), st.integers(1, 150)
    ),
    min_size=1,
    max_size=12,
)


@given(ROWS, st.sets(st.sampled_from("abc")))
def test_the_state_says_how_a_company_s_threshold_lies_to_that_of_all(rows, misfits):
    batch = calibration(rows, misfits)
    states = company_states(judgment(batch=batch), [0.6, 0.9], ["a", "b", "c", "d"])
    assert json.loads(json.dumps(states, allow_nan=False)) == states
    for promise in (0.6, 0.9):
        pooled, key = Calibrations((batch,)).thresholds(promise)[0].pooled, f"{promise:g}"
        for name, own in states.items():
            state, cut = own["batch"]["states"][key], own["batch"]["thresholds"][key]
            assert (state == TAKEN_OUT) == (name in misfits)
            if state == POOLED:
                assert cut == pooled
            elif state == RAISED:
                assert cut >= pooled  # rounded: it may lie just above
            else:
                assert cut is None
    assert sum(own["batch"]["rows"] for own in states.values()) == len(batch.rows)
