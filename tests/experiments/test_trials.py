from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.artifacts.tables import validate
from jet.books.schema import TRIALS
from jet.experiments.sweep.trials import NO_SCORE, Trial, best_rung, objective, rung_of, trials_table, winner


def rung(epoch, exact, likelihood, loss=1.0):
    return {"epoch": float(epoch), "exact_match": exact, "likelihood": likelihood, "loss": loss}


def trial(key, *rungs, status="finished", **more):
    return Trial(key=key, status=status, rungs=list(rungs), **more)


def test_a_trial_is_what_it_was_after_json():
    one = trial("a", rung(1, 0.5, -1.0), rung(2, 0.5, math.nan), settings={"losses.stop": {"form": "step"}})
    again = Trial.from_json(one.to_json())
    assert repr(again) == repr(one)  # nan is equal to nothing


def test_the_score_is_that_of_the_epoch_with_the_highest_likelihood():
    rungs = [rung(1, 0.9, -3.0), rung(2, 0.5, -1.0), rung(3, 0.7, -2.0), rung(4, 0.1, math.nan)]
    assert best_rung(rungs) == rungs[1]
    assert objective(rungs, 100) == pytest.approx(0.5, abs=0.01)
    assert best_rung([rung(1, 0.9, math.nan)]) is None


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 500),
    st.lists(st.tuples(st.integers(0, 500), st.floats(-500, 0)), min_size=2, max_size=2),
)
def test_exact_match_decides_and_likelihood_breaks_ties(rows, pairs):
    (one, one_likelihood), (two, two_likelihood) = ((min(right, rows), value) for right, value in pairs)
    scores = [
        objective([rung(1, right / rows, value)], rows)
        for right, value in ((one, one_likelihood), (two, two_likelihood))
    ]
    if one != two:
        assert (scores[0] > scores[1]) == (one > two)
    else:
        assert (scores[0] >= scores[1]) or (one_likelihood < two_likelihood)


def test_what_diverged_is_below_everything():
    assert (
        objective([], 10)
        == objective([rung(1, 1.0, math.nan)], 10)
        == NO_SCORE
        < objective([rung(1, 0, -9e9)], 9)
    )


def test_an_epoch_that_was_done_again_counts_once():
    one = trial("a")
    for epoch, exact in ((1, 0.1), (2, 0.2), (2, 0.3), (3, 0.4), (1, 0.5)):
        one.add(rung(epoch, exact, -1.0))
    assert [(each["epoch"], each["exact_match"]) for each in one.rungs] == [(1, 0.5), (2, 0.3), (3, 0.4)]


def test_the_winner_came_to_an_end_or_was_stopped_and_has_a_score():
    good = trial("good", rung(1, 0.5, -1.0))
    others = [
        trial("bad", rung(1, 0.2, -1.0)),
        trial("crashed", rung(1, 0.9, -1.0), status="failed", error="OSError: full"),
        trial("blind", rung(1, 0.9, math.nan), status="diverged"),
    ]
    assert winner([*others, good], 10) is good
    with pytest.raises(ValueError, match=r"none of the 2 trials came to a score \(OSError: full; diverged\)"):
        winner(others[1:], 10)


def test_the_table_has_a_row_a_trial_with_its_rungs():
    one = trial("a", rung(1, 0.5, -1.0), number=2, settings={"model.hidden": 16}, seconds=1.5)
    two = trial("b", number=1, status="failed", error="RuntimeError: no")
    table = validate(trials_table([one, two]), TRIALS, "trials")
    assert table["trial"].to_pylist() == ["b", "a"]
    assert json.loads(table["config"][1].as_py()) == {"model.hidden": 16}
    assert table["exact_match"].to_pylist() == [None, 0.5]
    assert table["rungs"].to_pylist()[1][0]["epoch"] == 1


def test_a_rung_has_the_loops_figures():
    figures = {
        "epoch": 2,
        "val/exact_match": 0.5,
        "val/likelihood": -1.0,
        "train/loss": 3.0,
        "val/loss_stop": 1.0,
    }
    assert rung_of(figures) == rung(2, 0.5, -1.0, 3.0)
