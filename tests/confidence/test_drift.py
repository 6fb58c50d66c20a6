"""Entries that aren't like those of the calibration are noticed, for what they are, and nobody else's are."""

from __future__ import annotations

from dataclasses import replace

import made_up
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from jet.books.importers import ImportSettings, import_file, to_tables
from jet.books.sorting import sort_entries
from jet.books.split import CALIBRATION, TEST, TRAIN
from jet.confidence.drift import (
    ALL_COMPANIES,
    HELD_BACK,
    UNKNOWN_COMPANIES,
    DriftStatistics,
    compare,
    drift_sentences,
    hold_drifted,
    one_sided_distance,
    summary,
)
from jet.confidence.settings import DriftSettings
from jet.demo import DemoSettings, write_demo_ledger
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings

QUICK = settings(deadline=None, max_examples=60)
SETTINGS = DriftSettings(new_text=0.1, similarity=0.1, least=50)
FIGURES = st.lists(st.integers(0, 10), min_size=1, max_size=40)


def statistics(rows, seed=0, company="acme", new=0.2, similarity=None):
    """So many answers of a company; known texts are as similar as can be."""
    draw = np.random.default_rng(seed)
    new_text = draw.random(rows) < new
    nearest = np.where(new_text, draw.uniform(0.3, 0.9, rows), 1.0)
    if similarity is not None:
        nearest = np.full(rows, similarity)
    return DriftStatistics.of([company] * rows, new_text, nearest)


def together(*several):
    return DriftStatistics.concat(several)


def found(groups):
    return {group.name for group in groups if group.drifted}


# --- the distance ----------------------------------------------------------------------------------------


@QUICK
@given(FIGURES, FIGURES)
def test_the_distance_is_scipys_one_sided_one(old, new):
    old, new = np.array(old, float), np.array(new, float)
    expected = ks_2samp(new, old, alternative="greater").statistic
    assert one_sided_distance(old, np.ones(len(old)), new, np.ones(len(new))) == pytest.approx(
        expected, abs=1e-12
    )


@QUICK
@given(FIGURES, FIGURES, st.integers(1, 3))
def test_a_row_of_weight_two_counts_like_two_rows(old, new, times):
    old, new = np.array(old, float), np.array(new, float)
    weight = np.arange(len(old)) % times + 1
    repeated = np.repeat(old, weight)
    each = np.ones(len(new))
    expected = one_sided_distance(repeated, np.ones(len(repeated)), new, each)
    assert one_sided_distance(old, weight, new, each) == pytest.approx(expected)
    expected = one_sided_distance(new, each, repeated, np.ones(len(repeated)))
    assert one_sided_distance(new, each, old, weight) == pytest.approx(expected)


def test_what_is_higher_everywhere_is_not_lower_by_anything():
    assert one_sided_distance(np.array([0.1, 0.2]), np.ones(2), np.array([0.3, 0.4]), np.ones(2)) == 0
    assert one_sided_distance(np.array([0.3, 0.4]), np.ones(2), np.array([0.1, 0.2]), np.ones(2)) == 1


# --- what is found ---------------------------------------------------------------------------------------


def test_the_same_habits_are_no_drift_in_ninety_nine_of_a_hundred_runs():
    loud = [
        bool(found(compare(statistics(200, 2 * n), statistics(100, 2 * n + 1), SETTINGS))) for n in range(200)
    ]
    assert np.mean(loud) <= 0.01


@pytest.mark.parametrize(
    ("changed", "sign"),
    [({"new": 0.8}, "new_text"), ({"similarity": 0.5}, "similarity")],
)
def test_each_sign_is_found_and_named_with_its_figures(changed, sign):
    [group] = compare(statistics(200), statistics(200, 1, **changed), SETTINGS)
    assert group.drifted
    assert group.shifts[sign].excess > 0
    said = group.sentence()
    assert f"{group.shifts[sign].before:.2f} in the calibration" in said
    assert "train again" in said


def test_what_is_better_known_than_before_is_no_drift():
    [group] = compare(statistics(200), statistics(200, 1, new=0.0), SETTINGS)
    assert not group.drifted


def test_a_few_entries_prove_nothing_and_many_do():
    few, many = (compare(statistics(200), statistics(rows, 1, new=0.6), SETTINGS)[0] for rows in (8, 200))
    assert few.shifts["new_text"].chance > 0.5
    assert not few.drifted
    assert many.drifted


@pytest.mark.parametrize("sign", ["new_text", "similarity"])
def test_a_limit_of_zero_is_off(sign):
    off = replace(SETTINGS, new_text=0.0, similarity=0.0)
    new = statistics(200, 1, new=0.9)
    assert not found(compare(statistics(200), new, off))
    assert found(compare(statistics(200), new, replace(off, **{sign: 0.1})))


@pytest.mark.parametrize(("wrong", "named"), [({"new_text": -0.1}, "new_text"), ({"least": 0}, "least")])
def test_settings_that_can_not_be_are_refused(wrong, named):
    with pytest.raises(ValueError, match=rf"drift\.{named}"):
        DriftSettings(**wrong)


def test_without_a_calibration_or_new_entries_there_is_nothing_to_compare():
    nothing = statistics(0)
    assert compare(nothing, statistics(50), SETTINGS) == compare(statistics(50), nothing, SETTINGS) == []


# --- whose drift it is -----------------------------------------------------------------------------------


def test_a_company_with_enough_entries_is_compared_alone_and_holds_back_nobody_else():
    calibration = together(statistics(60), statistics(800, 1, "calm"))
    alone = compare(calibration, statistics(800, 2, "calm"), SETTINGS)
    assert [group.name for group in alone] == ["calm"]
    with_other = compare(
        calibration, together(statistics(60, 3, new=0.9), statistics(800, 2, "calm")), SETTINGS
    )
    assert {group.name for group in with_other} == {"acme", "calm", ALL_COMPANIES}
    assert found(with_other) == {"acme"}
    [same] = [group for group in with_other if group.name == "calm"]
    for sign, shift in alone[0].shifts.items():
        assert same.shifts[sign].distance == shift.distance
    assert set(drift_sentences(with_other)) == {"acme"}


def test_a_drift_of_all_together_holds_back_all_and_a_companys_own_is_told_first():
    calibration = together(statistics(200), statistics(200, 1, "calm"))
    groups = compare(calibration, together(statistics(400, 2, new=1.0), statistics(100, 3, "calm")), SETTINGS)
    assert found(groups) == {ALL_COMPANIES, "acme"}
    why = drift_sentences(groups)
    assert ALL_COMPANIES in why["calm"]
    assert "of this company" in why["acme"]


def test_another_mix_of_small_companies_is_no_drift():
    """One has many new texts and the other none, as ever; now the first writes most of the entries."""
    calibration = together(statistics(40, 1, "busy", new=0.9), statistics(400, 2, "calm", new=0.0))
    new = together(statistics(49, 3, "busy", new=0.9), statistics(5, 4, "calm", new=0.0))
    [group] = compare(calibration, new, SETTINGS)
    assert group.name == ALL_COMPANIES
    assert group.shifts["new_text"].before == pytest.approx(0.82, abs=0.06)
    assert not group.drifted


def test_small_companies_that_all_change_are_found_together():
    names = [f"c{number}" for number in range(20)]
    calibration = together(*(statistics(20, number, name) for number, name in enumerate(names)))
    new = together(*(statistics(10, 50 + number, name, new=0.8) for number, name in enumerate(names)))
    [group] = compare(calibration, new, SETTINGS)
    assert group.drifted
    assert set(drift_sentences([group])) == set(names)


def test_companies_that_the_calibration_does_not_know_are_compared_with_all_of_it():
    calibration = together(statistics(200), statistics(200, 1, "calm"))
    like, unlike = (
        compare(calibration, statistics(100, 2, "new", new=share), SETTINGS) for share in (0.2, 1.0)
    )
    assert [group.name for group in like] == [group.name for group in unlike] == [UNKNOWN_COMPANIES]
    assert not found(like)
    assert found(unlike)


def test_many_companies_without_a_change_raise_no_alarm():
    """A thousand comparisons: at one in a hundred each, some would."""
    names = [f"company {number}" for number in range(300)]
    calibration = together(*(statistics(60, number, name) for number, name in enumerate(names)))
    new = together(*(statistics(60, 1000 + number, name) for number, name in enumerate(names)))
    groups = compare(calibration, new, replace(SETTINGS, new_text=1e-6, similarity=1e-6))
    assert len(groups) == 301
    assert not found(groups)


# --- what becomes of the predictions ------------------------------------------------------------------------


def test_nothing_of_a_company_that_drifts_stays_automatic_and_the_reason_says_so():
    before = made_up.predictions(["acme", "acme", "calm", "acme"], ["auto", "review", "auto", "none"])
    after = hold_drifted(before, {"acme": "why"})
    assert after["decision"].to_pylist() == ["review", "review", "auto", "none"]
    assert after["reason"].to_pylist() == [f"booked like 3 of 3{HELD_BACK}: why", *["booked like 3 of 3"] * 3]
    assert after.schema.equals(before.schema)
    assert hold_drifted(after, {"acme": "why"}) is after
    others = [name for name in before.column_names if name not in ("decision", "reason")]
    assert after.select(others).equals(before.select(others))


def test_answers_of_no_lines_are_not_compared():
    table = made_up.predictions(["acme", "acme", "calm"], ["auto", "none", "review"])
    assert DriftStatistics.of_predictions(table).entity.tolist() == ["acme", "calm"]


def test_the_summary_has_the_farthest_off_first_and_no_more_than_a_few():
    names = "abcde"
    calibration = together(*(statistics(60, n, name) for n, name in enumerate(names)))
    new = together(*(statistics(60, 40 + n, name, new=0.2, similarity=n / 5) for n, name in enumerate(names)))
    facts = summary(compare(calibration, new, replace(SETTINGS, new_text=0)), 5, shown=3)
    assert (facts["compared"], facts["held_back"], len(facts["groups"])) == (6, 5, 3)
    assert facts["found"] == 6
    figures = [group["signs"]["similarity"] for group in facts["groups"]]
    beyond = [each["distance"] - max(each["chance"], each["limit"]) for each in figures]
    assert beyond == sorted(beyond, reverse=True)


# --- the demo ledger, trained and calibrated -----------------------------------------------------------------

CHANGED = {"change_on": "2024-07-30", "change_share": 1.0}


def demo_data(folder, **changes):
    """The books of two made-up companies, all booked, as a training reads them."""
    path = folder / f"demo{len(changes)}.jsonl"
    write_demo_ledger(path, DemoSettings(companies=2, entries=1600, open_entries=0, seed=7, **changes))
    entries, accounts = [], []
    for tables in to_tables(import_file(str(path), ImportSettings())):
        entries.append(tables[0])
        accounts.append(tables[1])
    table = sort_entries(pa.concat_tables(entries))
    return made_up.training_data(table, pa.concat_tables(accounts), max_lines=16)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """By whether habits change after the calibration: what the bundle calibrated on, and its answers to the
    test split, which it remembers nothing of."""
    folder = tmp_path_factory.mktemp("demo")
    answered = {}
    for changes in ({}, CHANGED):
        data = demo_data(folder, **changes)
        bundle = made_up.calibrated(data, made_up.assembled(data, made_up.network(data))).for_report()
        known = np.sort(np.concatenate([data.rows(TRAIN), data.rows(CALIBRATION)]))
        queries = data.entries.take(pa.array(data.rows(TEST)))
        settings = PredictSettings(promise=0.8, method="ranker")
        found = Predictor.for_entries(bundle.with_rows(known), settings, queries, None)(queries)
        answered[bool(changes)] = (bundle.judgment.drift_statistics(), found)
    return answered


def test_habits_that_stay_are_no_drift(demo):
    calibration, answers = demo[False]
    assert "auto" in answers["decision"].to_pylist()
    groups = compare(calibration, DriftStatistics.of_predictions(answers), DriftSettings())
    assert not found(groups)
    assert hold_drifted(answers, drift_sentences(groups)) is answers


def test_habits_that_change_after_the_calibration_are_drift_and_may_hold_every_decision_back(demo):
    calibration, answers = demo[True]
    assert "auto" in answers["decision"].to_pylist()
    groups = compare(calibration, DriftStatistics.of_predictions(answers), DriftSettings())
    assert found(groups)
    held = hold_drifted(answers, drift_sentences(groups))
    assert set(held["decision"].to_pylist()) == {"review"}
    changed = [reason for reason in held["reason"].to_pylist() if HELD_BACK in reason]
    assert len(changed) == answers["decision"].to_pylist().count("auto")
    assert all("in the calibration" in reason and "train again" in reason for reason in changed)
