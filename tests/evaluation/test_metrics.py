import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_books import FOOD, RENT, SALE, scored

from jet.confidence.promises import Thresholds
from jet.evaluation.automation import AutomationThresholds
from jet.evaluation.metrics import evaluate, group_metrics
from jet.evaluation.reliability import reliability, risk_coverage

QUICK = settings(deadline=None, max_examples=60)
PAIR = st.tuples(st.sampled_from(["1", "2", "3"]), st.sampled_from(["D", "C"]))
LINES = st.lists(PAIR, min_size=1, max_size=5)


def figures(rows, thresholds=None, **more):
    one = scored(rows, **more)
    return group_metrics(one, np.ones(len(one), bool), thresholds_of(**(thresholds or {})))


def thresholds_of(**pooled):
    """Thresholds of all companies together, by promise."""
    return AutomationThresholds({promise: {"": Thresholds(cut)} for promise, cut in pooled.items()})


def figures_of(calibration, test):
    """`evaluate` with the thresholds that the calibration rows decide."""
    return evaluate(test, AutomationThresholds.of_scored(calibration))


# The multiset


def test_four_extra_lines_cost_f1_though_every_true_line_is_there():
    extra = [("4000", "D"), ("4001", "D"), ("4002", "C"), ("4003", "C")]
    metrics = figures([(RENT, [*RENT, *extra])])
    assert metrics["line_recall"] == 1
    assert metrics["line_precision"] == pytest.approx(2 / 6)
    assert metrics["line_f1"] == pytest.approx(0.5)
    assert metrics["entry_exact_match"] == 0
    assert metrics["line_count_accuracy"] == 0


def test_a_prediction_is_not_cut_at_the_true_length():
    assert figures([(RENT, [*RENT, ("9999", "C")])])["entry_exact_match"] == 0
    assert figures([(SALE, SALE[:2])])["entry_exact_match"] == 0


def test_only_what_was_predicted_decides_not_the_order_of_the_lines():
    assert figures([(SALE, SALE[::-1])])["entry_exact_match"] == 1


def test_a_repeated_line_must_be_predicted_as_often_as_it_is_booked():
    true = [("5810", "D"), ("5810", "D"), ("1930", "C")]
    once = figures([(true, FOOD)])
    assert once["entry_exact_match"] == 0
    assert (once["line_precision"], once["line_recall"]) == (1, pytest.approx(2 / 3))
    twice_for_one = figures([(FOOD, true)])
    assert (twice_for_one["line_precision"], twice_for_one["line_recall"]) == (pytest.approx(2 / 3), 1)
    assert figures([(true, true)])["entry_exact_match"] == 1


def test_f1_is_over_all_lines_together_not_the_mean_of_entries():
    metrics = figures([(RENT, RENT), (SALE, FOOD)])
    assert metrics["line_f1"] == pytest.approx(2 * 2 / (5 + 4))


def test_sides_are_measured_on_the_accounts_that_were_found():
    swapped = [("5010", "C"), ("1930", "D")]
    metrics = figures([(RENT, swapped), (RENT, RENT), (RENT, [("7", "D"), ("8", "C")])])
    assert metrics["account_f1"] == pytest.approx(4 / 6)
    assert metrics["side_accuracy"] == pytest.approx(2 / 4)
    assert metrics["line_f1"] == pytest.approx(2 / 6)


def test_no_answer_is_not_right_and_costs_recall_only():
    metrics = figures([(RENT, []), (FOOD, FOOD)])
    assert metrics["entry_exact_match"] == 0.5
    assert metrics["answered"] == 0.5
    assert (metrics["line_precision"], metrics["line_recall"]) == (1, 0.5)


def test_three_distinct_answers_count_and_no_fourth():
    assert figures([(SALE, RENT, 0.5, [FOOD, SALE])])["exact_match_top3"] == 1
    assert figures([(SALE, RENT, 0.5, [RENT, FOOD, SALE])])["exact_match_top3"] == 1
    assert figures([(SALE, RENT, 0.5, [FOOD, [("1", "D")], SALE])])["exact_match_top3"] == 0


@QUICK
@given(st.lists(st.tuples(LINES, LINES), min_size=1, max_size=6))
def test_f1_is_one_exactly_where_every_entry_is_exact(rows):
    metrics = figures(rows)
    assert (metrics["line_f1"] == 1) == (metrics["entry_exact_match"] == 1)
    assert metrics["line_f1"] <= metrics["account_f1"] + 1e-12
    assert metrics["entry_exact_match"] <= metrics["line_count_accuracy"]


@QUICK
@given(LINES, LINES)
def test_more_wrong_lines_never_help(true, predicted):
    more = figures([(true, [*predicted, ("wrong", "D")])])
    assert more["line_f1"] <= figures([(true, predicted)])["line_f1"]


# Confidence


def test_automation_is_what_reaches_the_threshold_and_its_realized_precision():
    rows = [(RENT, RENT, 0.9), (RENT, RENT, 0.8), (RENT, FOOD, 0.8), (RENT, FOOD, 0.1)]
    auto = figures(rows, {"0.95": 0.8, "0.99": None})["automation"]
    assert (auto["0.95"]["n_auto"], auto["0.95"]["coverage"]) == (3, 0.75)
    assert auto["0.95"]["precision"] == pytest.approx(2 / 3)
    low, high = auto["0.95"]["precision_interval"]
    assert (low, high) == (pytest.approx(0.0943, abs=1e-4), pytest.approx(0.9916, abs=1e-4))
    assert auto["0.99"] == {
        "coverage": 0.0,
        "precision": None,
        "precision_interval": None,
        "n_auto": 0,
    }


def test_thresholds_come_from_calibration_alone():
    calibration = scored([(RENT, RENT, 0.9)] * 100 + [(RENT, FOOD, 0.4)] * 100)
    all_wrong = scored([(RENT, FOOD, 0.9)] * 10 + [(RENT, RENT, 0.89)] * 10)
    auto = figures_of(calibration, all_wrong)["overall"]["automation"]
    assert (auto["0.95"]["precision"], auto["0.95"]["coverage"]) == (0, 0.5)
    assert auto["0.99"]["n_auto"] == 0
    chosen = AutomationThresholds.of_scored(calibration).by_promise
    assert {promise: each[""].pooled for promise, each in chosen.items()} == {"0.95": 0.9, "0.99": None}


def test_rows_that_are_wrong_together_count_as_the_groups_that_they_are():
    rows = [(RENT, RENT, 0.9)] * 380 + [(RENT, FOOD, 0.9)] * 10
    together, apart = np.r_[np.arange(380), np.full(10, 380)], np.arange(390)
    pooled = [
        AutomationThresholds.of_scored(scored(rows), [0.95], group).by_promise["0.95"][""].pooled
        for group in (together, apart, None)
    ]
    assert pooled == [None, 0.9, 0.9]


def test_calibration_error_is_the_weighted_gap():
    rows = [(RENT, RENT, 0.95)] * 3 + [(RENT, FOOD, 0.95)] + [(RENT, FOOD, 0.25)] * 4
    assert figures(rows)["expected_calibration_error"] == pytest.approx((0.2 + 0.25) / 2)
    assert reliability(np.array([0.95] * 4 + [0.25] * 4), np.array([1, 1, 1, 0, 0, 0, 0, 0])) == [
        [pytest.approx(0.25), 0, 4],
        [pytest.approx(0.95), 0.75, 4],
    ]


def test_chance_alone_makes_as_much_calibration_error_as_draws_from_the_confidence_do():
    rng = np.random.default_rng(0)
    confidence = rng.beta(2, 1, 300)
    drawn = [
        sum(abs(said - was) * n for said, was, n in reliability(confidence, rng.random(300) < confidence)) / 300
        for _ in range(400)
    ]
    rows = [(RENT, RENT, sure) for sure in confidence]
    assert figures(rows)["calibration_error_by_chance"] == pytest.approx(np.mean(drawn), rel=0.1)
    assert figures([(RENT, RENT, 1.0)])["calibration_error_by_chance"] == 0


def test_certainty_that_is_right_has_no_calibration_error():
    assert figures([(RENT, RENT, 1.0), (RENT, FOOD, 0.0)])["expected_calibration_error"] == 0


def test_risk_rises_with_coverage_where_confidence_tells_right_from_wrong():
    confidence, right = np.array([0.9, 0.8, 0.8, 0.1]), np.array([True, True, False, False])
    curve = risk_coverage(confidence, right)
    assert curve == [[0.25, 0], [0.75, pytest.approx(1 / 3)], [1, 0.5]]


def test_the_curve_of_many_rows_has_few_points_and_ends_at_full_coverage():
    rng = np.random.default_rng(0)
    confidence = rng.random(5000)
    curve = risk_coverage(confidence, rng.random(5000) < confidence)
    assert len(curve) <= 200
    assert curve[-1][0] == 1
    assert np.all(np.diff([point[0] for point in curve]) > 0)


# Groups


def test_entities_have_one_voice_each_in_the_macro_mean():
    entity = np.array(["big"] * 9 + ["small"])
    rows = [(RENT, RENT)] * 9 + [(RENT, FOOD)]
    tree = figures_of(scored(rows, entity=entity), scored(rows, entity=entity))
    assert tree["overall"]["entry_exact_match"] == 0.9
    assert tree["macro"]["entry_exact_match"] == 0.5
    assert tree["macro"]["entities"] == 2
    assert tree["by_entity"]["big"]["n"] == 9
    assert tree["by_entity"]["small"]["entry_exact_match"] == 0


def test_groups_add_up_to_the_whole():
    rng = np.random.default_rng(0)
    rows = [([RENT, FOOD, SALE][a], [RENT, FOOD, SALE][b]) for a, b in rng.integers(0, 3, (300, 2))]
    more = {
        "entity": rng.choice(["x", "y", "z"], 300),
        "strata": {"lines": np.array([str(len(true)) for true, _ in rows])},
    }
    tree = figures_of(scored(rows, **more), scored(rows, **more))
    for groups in (tree["by_entity"], tree["strata"]["lines"]):
        assert sum(group["n"] for group in groups.values()) == 300
        right = sum(group["n"] * group["entry_exact_match"] for group in groups.values())
        assert right == pytest.approx(300 * tree["overall"]["entry_exact_match"])


def test_nothing_to_measure_has_no_figures_and_no_error():
    tree = figures_of(scored([]), scored([]))
    assert tree["overall"]["n"] == 0
    assert tree["overall"]["entry_exact_match"] is None
    assert (tree["by_entity"], tree["risk_coverage"], tree["reliability"]) == ({}, [], [])


def test_the_tree_is_json():
    more = {"strata": {"set": np.array(["seen", "new", "new"])}}
    tree = figures_of(scored([(RENT, RENT)] * 3), scored([(RENT, RENT)] * 3, **more))
    assert json.loads(json.dumps(tree, allow_nan=False)) == tree
    assert tree["overall"]["repeat_ceiling"] == pytest.approx(1 / 3)
    assert list(tree["strata"]["set"]) == ["seen", "new"]


def test_a_company_with_a_threshold_of_its_own_or_none_is_held_to_that():
    n = 600
    entity = np.array(["a", "b", "c"])[np.arange(n) % 3]
    confidence = np.linspace(0.5, 1, n)
    one = scored([(RENT, RENT, c) for c in confidence], entity=entity)
    plain = evaluate(one, thresholds_of(**{"0.95": 0.5}))
    own = {"0.95": {"": Thresholds(0.5, {"b": 0.9}, frozenset({"c"}))}}
    held = evaluate(one, AutomationThresholds(own))
    assert plain["by_entity"]["b"]["automation"]["0.95"]["coverage"] == 1
    assert held["by_entity"]["a"] == plain["by_entity"]["a"]
    counts = {name: each["automation"]["0.95"]["n_auto"] for name, each in held["by_entity"].items()}
    assert counts == {"a": 200, "b": int((confidence[entity == "b"] >= 0.9).sum()), "c": 0}
    assert held["overall"]["automation"]["0.95"]["n_auto"] == sum(counts.values())


def test_every_row_is_held_to_the_threshold_of_its_regime():
    regime = np.array(["rolling", "batch", "rolling", "batch"], dtype=object)
    one = scored([(RENT, RENT, c) for c in (0.8, 0.8, 0.6, 0.95)], regime=regime)
    by_regime = {"rolling": Thresholds(0.7), "batch": Thresholds(0.9), "batch, no total": Thresholds(0.1)}
    automated = AutomationThresholds({"0.9": by_regime}).automated(one, np.ones(4, bool))
    assert automated["0.9"].tolist() == [True, False, False, True]
    unknown = AutomationThresholds({"0.9": {"rolling": Thresholds(0.7)}}).automated(one, np.ones(4, bool))
    assert unknown["0.9"].tolist() == [True, False, False, False]


def test_what_a_rule_holds_is_not_automated_however_sure():
    rows = [([("1", "D"), ("2", "C")], [("1", "D"), ("2", "C")], 0.9)] * 4
    held, history = np.array([True, False, False, False]), np.array([50, 50, 50, 3])
    one = scored(rows, held=held, history=history)
    everything = np.ones(4, bool)
    of_any, of_four = (AutomationThresholds({"0.9": {"": Thresholds(0.5, least_history=n)}}) for n in (0, 4))
    assert group_metrics(one, everything, of_any)["automation"]["0.9"]["coverage"] == 0.75
    assert group_metrics(one, everything, of_four)["automation"]["0.9"]["n_auto"] == 2
    assert evaluate(one, of_four)["overall"]["automation"]["0.9"]["coverage"] == 0.5
