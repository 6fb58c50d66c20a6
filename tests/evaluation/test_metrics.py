import json
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_books import FOOD, RENT, SALE, entries, entry, lines, prediction, predictions

from jet.books.schema import ACCOUNTS
from jet.evaluation.automation import AutomationThresholds
from jet.evaluation.line_sets import line_set, line_sets
from jet.evaluation.metrics import evaluate, group_metrics
from jet.evaluation.reliability import reliability, risk_coverage
from jet.evaluation.scored import Scored, score_predictions
from jet.evaluation.strata import STRATA, strata

QUICK = settings(deadline=None, max_examples=60)
PAIR = st.tuples(st.sampled_from(["1", "2", "3"]), st.sampled_from(["D", "C"]))
LINES = st.lists(PAIR, min_size=1, max_size=5)


def scored(rows, **more):
    """Of rows (true, predicted[, confidence[, alternatives]])."""
    rows = [(*row, *(0.5, [])[len(row) - 2 :]) for row in rows]
    columns = {
        "entity": np.array(["a"] * len(rows)),
        "entry_id": [str(i) for i in range(len(rows))],
        "true": [tuple(sorted(row[0])) for row in rows],
        "predicted": [tuple(sorted(row[1])) for row in rows],
        "confidence": np.array([row[2] for row in rows], dtype=float),
        "alternatives": [[tuple(sorted(a)) for a in row[3]] for row in rows],
        "valid": np.ones(len(rows), bool),
    }
    return Scored(**(columns | more))


def figures(rows, thresholds=None, **more):
    one = scored(rows, **more)
    return group_metrics(one, np.ones(len(one), bool), AutomationThresholds(thresholds or {}))


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


@QUICK
@given(LINES, st.randoms(use_true_random=False))
def test_a_line_set_does_not_know_the_order(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    assert line_set(lines(pairs)) == line_set(lines(shuffled)) == tuple(sorted(pairs))


@QUICK
@given(st.lists(st.none() | st.lists(PAIR, max_size=3), max_size=8), st.integers(0, 8))
def test_the_sets_of_a_column_are_those_of_its_rows(rows, skip):
    table = entries([entry(str(i), pairs) for i, pairs in enumerate(rows)])
    table = pa.concat_tables([table.slice(skip), table])
    expected = [tuple(sorted(pairs or ())) for pairs in [*rows[skip:], *rows]]
    assert line_sets(table["lines"]) == expected


# Joining


def test_predictions_meet_their_entries_by_entity_and_id_whatever_their_order():
    books = entries([entry("1", RENT), entry("2", FOOD), entry("1", SALE, entity="b")])
    answers = predictions(
        [
            prediction("1", SALE, entity="b", confidence=0.25, alternatives=[RENT]),
            prediction("2", RENT, confidence=0.5, alternatives=[FOOD, SALE]),
            prediction("1", RENT, confidence=0.75),
            prediction("another", SALE),
        ]
    )
    one = score_predictions(books, answers)
    assert one.predicted == [tuple(sorted(pairs)) for pairs in (RENT, RENT, SALE)]
    assert one.confidence.tolist() == [0.75, 0.5, 0.25]
    assert one.counts["exact"].tolist() == [1, 0, 1]
    assert one.counts["top3"].tolist() == [1, 1, 1]
    assert one.entity.tolist() == ["a", "a", "b"]


def test_an_entry_without_a_prediction_is_named():
    books = entries([entry("1", RENT), entry("2", FOOD)])
    with pytest.raises(ValueError, match="without a prediction: a/2"):
        score_predictions(books, predictions([prediction("1", RENT), prediction("2", FOOD, entity="b")]))


def test_an_entry_with_two_predictions_is_named():
    books = entries([entry("1", RENT)])
    with pytest.raises(ValueError, match="more than one prediction: a/1"):
        score_predictions(books, predictions([prediction("1", RENT), prediction("1", FOOD)]))


def test_an_entry_that_stands_in_the_books_twice_is_named():
    with pytest.raises(ValueError, match="more than once: a/1"):
        score_predictions(entries([entry("1", RENT)] * 2), predictions([prediction("1", RENT)]))


def test_an_entry_without_truth_is_named():
    with pytest.raises(ValueError, match="without lines to measure against: a/1"):
        score_predictions(entries([entry("1", None)]), predictions([prediction("1", RENT)]))


def test_a_long_list_of_names_is_cut():
    books = entries([entry(str(i), RENT) for i in range(25)])
    with pytest.raises(ValueError, match=r"and 15 more$"):
        score_predictions(books, predictions([]))


def test_columns_that_do_not_line_up_are_refused():
    with pytest.raises(ValueError, match="valid has 1 rows"):
        scored([(RENT, RENT)] * 2, valid=np.ones(1, bool))
    with pytest.raises(ValueError, match="'0': no confidence"):
        scored([(RENT, RENT, float("nan"))])


def test_an_answer_is_valid_with_both_sides_and_accounts_open_on_the_day():
    def account(code, opened=None, closed=None):
        return {"entity": "a", "code": code, "name": "", "opened": opened, "closed": closed}

    chart = pa.Table.from_pylist(
        [
            account("1930"),
            account("5010", opened=date(2024, 1, 2)),
            account("5810", closed=date(2023, 12, 31)),
            account("6000", opened=date(2024, 1, 1), closed=date(2024, 1, 1)),
        ],
        schema=ACCOUNTS,
    )
    answers = {
        "open that day only": ([("6000", "D"), ("1930", "C")], True),
        "not yet open": (RENT, False),
        "closed": (FOOD, False),
        "unknown account": ([("7", "D"), ("1930", "C")], False),
        "debits only": ([("1930", "D"), ("6000", "D")], False),
        "no answer": ([], True),
    }
    books = entries([entry(name, SALE, day=0) for name in answers])
    given = predictions([prediction(name, pairs) for name, (pairs, _) in answers.items()])
    assert score_predictions(books, given, accounts=chart).valid.tolist() == [v for _, v in answers.values()]
    without_chart = score_predictions(books, given).valid
    assert without_chart.tolist() == [name != "debits only" for name in answers]


# Confidence


def test_automation_is_what_reaches_the_threshold_and_its_realized_precision():
    rows = [(RENT, RENT, 0.9), (RENT, RENT, 0.8), (RENT, FOOD, 0.8), (RENT, FOOD, 0.1)]
    auto = figures(rows, {"0.95": 0.8, "0.99": None})["automation"]
    assert (auto["0.95"]["n_auto"], auto["0.95"]["coverage"]) == (3, 0.75)
    assert auto["0.95"]["precision"] == pytest.approx(2 / 3)
    low, high = auto["0.95"]["precision_interval"]
    assert (low, high) == (pytest.approx(0.0943, abs=1e-4), pytest.approx(0.9916, abs=1e-4))
    assert auto["0.99"] == {
        "threshold": None,
        "coverage": 0.0,
        "precision": None,
        "precision_interval": None,
        "n_auto": 0,
    }


def test_thresholds_come_from_calibration_alone():
    calibration = scored([(RENT, RENT, 0.9)] * 100 + [(RENT, FOOD, 0.4)] * 100)
    all_wrong = scored([(RENT, FOOD, 0.9)] * 10)
    auto = figures_of(calibration, all_wrong)["overall"]["automation"]
    assert (auto["0.95"]["threshold"], auto["0.95"]["precision"], auto["0.95"]["coverage"]) == (0.9, 0, 1)
    assert auto["0.99"]["threshold"] is None


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


# Strata


def test_strata_know_strictly_earlier_days_of_the_same_entity_only():
    books = entries(
        [
            entry("1", RENT, day=0, text="Rent"),
            entry("2", FOOD, day=1, text=" RENT "),
            entry("3", FOOD, day=1, text="Lunch"),
            entry("4", SALE, day=2, text="lunch"),
            entry("5", RENT, day=2, text="Rent", entity="b"),
            entry("6", None, day=2, text="a plan", entity="b"),
            entry("7", RENT, day=3, text="a plan", entity="b"),
        ]
    )
    found = strata(books, np.arange(7) != 5)
    assert found["text"].tolist() == ["new", "seen", "new", "seen", "new", "new"]
    assert found["set"].tolist() == ["new", "new", "new", "new", "new", "seen"]
    assert found["new_account"].tolist() == ["yes", "yes", "yes", "yes", "yes", "no"]
    assert found["lines"].tolist() == ["2", "2", "2", "3", "2", "2"]
    assert set(found["history"].tolist()) == {"0-9"}


def test_history_has_its_buckets_where_they_are_said_to_be():
    books = entries([entry(str(i), RENT, day=i) for i in range(502)])
    history = strata(books, np.array([0, 9, 10, 49, 50, 149, 150, 499, 500, 501]))["history"].tolist()
    assert history == [name for name in STRATA["history"] for _ in range(2)]


@QUICK
@given(st.integers(0, 2**32 - 1))
def test_strata_do_not_depend_on_the_order_of_the_rows_or_on_later_ones(seed):
    rng = np.random.default_rng(seed)
    rows = [
        entry(str(i), [RENT, FOOD, SALE][rng.integers(3)], day=int(rng.integers(6)), text=str(rng.integers(4)))
        for i in range(15)
    ]
    whole = strata(entries(rows), np.arange(15))
    order = rng.permutation(15)
    shuffled = strata(entries([rows[i] for i in order]), np.arange(15))
    early = [i for i in range(15) if rows[i]["date"] <= date(2024, 1, 4)]
    cut = strata(entries([rows[i] for i in early]), np.arange(len(early)))
    for name in STRATA:
        assert shuffled[name].tolist() == whole[name][order].tolist()
        assert cut[name].tolist() == whole[name][early].tolist()


def test_a_company_with_a_threshold_of_its_own_is_held_to_that():
    n = 600
    entity = np.array(["a", "b", "c"])[np.arange(n) % 3]
    confidence = np.linspace(0.5, 1, n)
    rows = [(RENT, RENT, c) for c in confidence]
    one = scored(rows, entity=entity)
    own = {"b": {"0.95": 0.9, "0.99": None, "0.5": 0.1}}
    plain, held = figures_of(one, one), evaluate(one, replace(AutomationThresholds.of_scored(one), own=own))
    assert plain["by_entity"]["b"]["automation"]["0.95"]["coverage"] == 1
    b = held["by_entity"]["b"]["automation"]
    assert b["0.95"]["threshold"] == 0.9
    assert b["0.95"]["n_auto"] == int((confidence[entity == "b"] >= 0.9).sum())
    assert (b["0.99"]["threshold"], b["0.99"]["n_auto"]) == (None, 0)
    assert list(b) == ["0.95", "0.99"]
    for others in ("a", "c"):
        assert held["by_entity"][others] == plain["by_entity"][others]
    for promise, automation in held["overall"]["automation"].items():
        assert automation["threshold"] == plain["overall"]["automation"][promise]["threshold"]
        assert automation["n_auto"] == sum(
            e["automation"][promise]["n_auto"] for e in held["by_entity"].values()
        )


def test_what_a_rule_holds_is_not_automated_however_sure():
    rows = [([("1", "D"), ("2", "C")], [("1", "D"), ("2", "C")], 0.9)] * 4
    held, history = np.array([True, False, False, False]), np.array([50, 50, 50, 3])
    one = scored(rows, held=held, history=history)
    everything = np.ones(4, bool)
    of_any, of_four = (AutomationThresholds({"0.9": 0.5}, least_history={"0.9": n}) for n in (0, 4))
    assert group_metrics(one, everything, of_any)["automation"]["0.9"]["coverage"] == 0.75
    assert group_metrics(one, everything, of_four)["automation"]["0.9"]["n_auto"] == 2
    assert evaluate(one, of_four)["overall"]["automation"]["0.9"]["coverage"] == 0.5
