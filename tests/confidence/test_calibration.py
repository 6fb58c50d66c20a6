from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.confidence.calibration import Calibration, CalibrationRows, Thresholds
from jet.confidence.threshold import threshold_for

NAMES = ("log_odds", "margin", "support")
QUICK = settings(deadline=None, max_examples=60)


def plausible(rows=400, seed=0):
    """Figures of answers, their log odds twice as sure as they should be, and which were right."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(1.0, 1.5, rows)
    right = draw.random(rows) < 1 / (1 + np.exp(-truth))
    features = draw.random((rows, len(NAMES)))
    features[:, 0] = 2 * truth
    features[:, 1] = np.clip(truth + draw.normal(0, 1, rows), 0, 10)
    return features, right


def rows_of(right, entity=None, **columns):
    """Rows of companies a and b by turns, or of `entity`, with other `columns`."""
    entity = ["ab"[number % 2] for number in range(len(right))] if entity is None else entity
    given = {"history": np.full(len(right), 100)} | columns
    return replace(CalibrationRows.independent(entity, right), **given)


def fit(features, right, **columns):
    return Calibration.fit(NAMES, features, rows_of(right, **columns))


def of_rows(rows, misfits=None):
    """A calibration whose rows are given as (entity, confidence in twentieths, right)."""
    right = np.array([is_right for _, _, is_right in rows], dtype=bool)
    confidence = np.array([twentieths / 20 for _, twentieths, _ in rows])
    columns = rows_of(right, [name for name, _, _ in rows])
    return Calibration(NAMES, np.zeros(len(NAMES)), 0.0, columns, confidence, misfits or {})


# --- confidence -----------------------------------------------------------------------------------------


def test_more_log_odds_are_never_less_confidence():
    features, right = plausible()
    fitted = fit(features, right)
    ladder = np.tile(features.mean(axis=0), (50, 1))
    ladder[:, 0] = np.linspace(-13, 13, 50)
    assert (np.diff(fitted(ladder)) > 0).all()


def test_an_overconfident_answer_is_brought_down_to_how_often_it_is_right():
    features, right = plausible(4000)
    other, truth = plausible(4000, seed=1)
    fitted = fit(features, right)
    raw = Calibration.unfitted(NAMES)

    def error(confidence):  # expected calibration error over ten bins
        bins = np.minimum((confidence * 10).astype(int), 9)
        return sum(
            (bins == b).mean() * abs(truth[bins == b].mean() - confidence[bins == b].mean())
            for b in np.unique(bins)
        )

    assert error(fitted(other)) < 0.03
    assert error(raw(other)) > 2 * error(fitted(other))


def test_a_confidence_is_a_probability():
    features, right = plausible()
    confidence = fit(features, right)(10 * features)
    assert ((confidence >= 0) & (confidence <= 1)).all()


@pytest.mark.parametrize(
    "right",
    [np.arange(19) % 2 == 0, np.ones(100, dtype=bool), np.zeros(100, dtype=bool), np.empty(0, dtype=bool)],
)
def test_with_few_rows_or_one_outcome_only_the_first_figure_stands(right):
    features, _ = plausible(max(1, len(right)))
    features = features[: len(right)]
    fitted = fit(features, right)
    assert fitted.weights.tolist() == [1.0, 0.0, 0.0]
    assert fitted.bias == 0.0
    odds = np.array([[0.0, 5.0, 5.0], [1.0, 5.0, 5.0], [2.0, 5.0, 5.0]])
    np.testing.assert_allclose(fitted(odds), [0.5, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-2))])
    assert len(fitted.rows) == len(fitted.confidence) == len(right)


def test_a_figure_that_never_varies_does_no_harm():
    features, right = plausible()
    features[:, 2] = 0.5
    fitted = fit(features, right)
    assert np.isfinite(fitted.weights).all()


def test_it_comes_back_from_json_as_it_was():
    features, right = plausible()
    columns = {
        "group": np.arange(400) // 3,
        "newest": np.arange(400) >= 200,
        "most": np.linspace(0, 1, 400),
        "held": np.arange(400) % 7 == 0,
    }
    bad = fit(*with_a_bad_company())
    assert bad.misfits
    for one in (fit(features, right, **columns), bad, Calibration.unfitted(NAMES)):
        again = Calibration.from_dict(json.loads(json.dumps(one.as_dict())), NAMES)
        assert again.as_dict() == one.as_dict()
        assert (again.names, again.bias, again.misfits) == (one.names, one.bias, one.misfits)
        assert np.array_equal(again.weights, one.weights)
        assert np.array_equal(again.confidence, one.confidence)
        for name in ("entity", "right", "held", "history"):  # the rest is needed for the fit alone
            new, old = getattr(again.rows, name), getattr(one.rows, name)
            assert np.array_equal(new, old), name
            assert new.dtype == old.dtype, name
        assert np.array_equal(again(features), one(features))
        for promise in (0.6, 0.8, 0.9):
            assert again.thresholds(promise) == one.thresholds(promise)


@pytest.mark.parametrize("names", [NAMES[:-1], NAMES[::-1]])
def test_figures_of_another_version_are_refused(names):
    with pytest.raises(ValueError, match="this jet has"):
        Calibration.from_dict(Calibration.unfitted(NAMES).as_dict(), names)


# --- the confidence of the rows themselves ----------------------------------------------------------------


@settings(deadline=None, max_examples=4)
@given(st.integers(0, 199), st.integers(0, 50))
def test_no_row_has_its_confidence_of_a_regression_that_saw_its_fold(row, seed):
    features, right = plausible(200, seed)
    changed = right.copy()
    changed[row] = ~changed[row]
    fold = np.arange(200) % 5
    before, after = (fit(features, labels, fold=fold).confidence for labels in (right, changed))
    same_fold = fold == fold[row]
    assert np.array_equal(before[same_fold], after[same_fold])
    assert not np.array_equal(before[~same_fold], after[~same_fold])


def test_the_confidence_of_a_row_is_what_a_calibration_on_the_other_folds_gives():
    features, right = plausible(600)
    fold = np.arange(600) // 200
    fitted = fit(features, right, fold=fold)
    for number in range(3):
        others = fit(features[fold != number], right[fold != number])
        expected = others(features[fold == number])
        np.testing.assert_allclose(fitted.confidence[fold == number], expected, atol=1e-6)


def test_no_confidence_of_a_row_is_above_the_most_that_it_may_have():
    features, right = plausible()
    most = np.random.default_rng(3).random(400)
    free, bounded = fit(features, right), fit(features, right, most=most)
    np.testing.assert_allclose(bounded.confidence, np.minimum(free.confidence, most), atol=1e-6)
    assert (bounded.confidence <= most).all()


# --- companies whose confidence misfits -------------------------------------------------------------------


def with_a_bad_company(rows=300, companies=5, seed=0, good=0.0):
    """Figures of companies of which the first turned bad: of its answers, sure as the others', most are wrong.

    `good` is the share of its answers, the older ones, before it turned.
    """
    draw = np.random.default_rng(seed)
    size = rows * companies
    truth = draw.normal(3.0, 2.0, size)
    features = draw.random((size, len(NAMES)))
    features[:, 0] = truth
    right = draw.random(size) < 1 / (1 + np.exp(-truth))
    bad = np.arange(size) % companies == 0
    turned = bad & (np.arange(size) >= good * size)
    right[turned] &= draw.random(size)[turned] < 0.3
    return features, right


def companies_of(size, companies=5):
    return [f"company {number % companies}" for number in range(size)]


def automated(calibration, promise=0.95):
    return calibration.confidence >= calibration.thresholds(promise).of(calibration.rows.entity.tolist())


@pytest.mark.parametrize("seed", range(3))
def test_a_company_that_turns_bad_is_taken_out_and_the_others_are_automated_as_without_it(seed):
    features, right = with_a_bad_company(seed=seed)
    names = companies_of(len(right))
    others = np.array(names) != "company 0"
    every = fit(features, right, entity=names)
    without = Calibration.fit(NAMES, features[others], every.rows.take(others))
    assert set(every.misfits) == {"company 0"}
    misfit = every.misfits["company 0"]
    sure = ~others & (every.confidence >= 0.8)
    assert (misfit.rows, misfit.right) == (sure.sum(), right[sure].sum())
    assert misfit.expected > 0.9 * misfit.rows > 2 * misfit.right
    assert not without.misfits
    assert every.thresholds(0.95).of(["company 0"]).tolist() == [np.inf]
    assert every.thresholds(0.95).misfits == {"company 0"}
    assert automated(without).mean() > 0.5
    assert abs(automated(every)[others].mean() - automated(without).mean()) < 0.02


def test_a_bad_company_that_stayed_would_cost_all_others_their_automation():
    """So that the test before this one shows something."""
    features, right = with_a_bad_company()
    names = companies_of(len(right))
    every = fit(features, right, entity=names)
    staying = replace(every, misfits={})
    others = np.array(names) != "company 0"
    assert automated(staying)[others].mean() < automated(every)[others].mean() - 0.1


def test_a_company_that_turned_bad_in_the_newest_rows_only_is_taken_out_as_well():
    features, right = with_a_bad_company(good=0.9)
    names, newest = companies_of(len(right)), np.arange(len(right)) >= 0.9 * len(right)
    assert not fit(features, right, entity=names).misfits
    assert set(fit(features, right, entity=names, newest=newest).misfits) == {"company 0"}


def test_where_all_companies_are_alike_none_is_taken_out():
    for seed in range(3):
        features, right = with_a_bad_company(seed=seed, good=1.0)
        assert not fit(features, right, entity=companies_of(len(right))).misfits


def test_wrong_answers_that_a_rule_holds_take_no_company_out():
    features, right = with_a_bad_company()
    names = companies_of(len(right))
    held = ~right & (np.array(names) == "company 0")
    assert not fit(features, right, entity=names, held=held).misfits


# --- thresholds -----------------------------------------------------------------------------------------


def test_the_rows_it_was_fitted_on_are_kept_for_thresholds():
    features, right = plausible(1000)
    fitted = fit(features, right)
    assert np.array_equal(fitted.rows.right, right)
    threshold = fitted.thresholds(0.9).pooled
    assert fitted.rows.right[fitted.confidence >= threshold].mean() > 0.9


def test_rows_that_may_be_wrong_together_raise_the_threshold():
    features, right = plausible(1000)
    order = np.lexsort((np.arange(1000), ~right))  # wrong rows beside each other
    group = np.empty(1000, dtype=np.int64)
    group[order] = np.arange(1000) // 10
    alone, together = fit(features, right), fit(features, right, group=group)
    assert together.thresholds(0.9).pooled > alone.thresholds(0.9).pooled


def test_before_a_calibration_nothing_is_promised():
    thresholds = Calibration.unfitted(NAMES).thresholds(0.5)
    assert thresholds == Thresholds(None, {})
    assert thresholds.of(["a", "b"]).tolist() == [np.inf, np.inf]


def test_all_companies_share_a_threshold_and_one_that_keeps_less_has_a_higher_one():
    rows = [("steady", 16, True)] * 900 + [("hasty", 16, False)] * 15 + [("hasty", 18, True)] * 60
    thresholds = of_rows(rows).thresholds(0.95)
    assert thresholds.pooled == 0.8
    assert set(thresholds.by_entity) == {"hasty"}
    steady, hasty, new = thresholds.of(["steady", "hasty", "new"])
    assert steady == new == 0.8
    assert 0.8 < hasty <= 0.9  # above the wrong ones, and not above the right ones


def test_a_company_that_kept_the_promise_at_no_confidence_is_for_people():
    rows = [("steady", 16, True)] * 900 + [("sloppy", 17, True), ("sloppy", 18, False), ("sloppy", 18, False)]
    thresholds = of_rows(rows).thresholds(0.95)
    assert thresholds.of(["steady", "sloppy"]).tolist() == [0.8, np.inf]


def test_a_company_that_is_never_wrong_is_not_let_below_the_threshold_of_all():
    rows = [("exact", 10, True)] * 1000 + [("hasty", 12, False)] * 100 + [("hasty", 18, True)] * 400
    thresholds = of_rows(rows).thresholds(0.95)
    assert thresholds.pooled == 0.9
    assert thresholds.of(["exact", "hasty", "new"]).tolist() == [0.9, 0.9, 0.9]


ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.sampled_from([True] * 9 + [False])), max_size=400
)


@QUICK
@given(ROWS, st.floats(0.1, 1), st.floats(0.1, 1))
def test_a_stricter_promise_never_lowers_a_threshold(rows, one, other):
    calibration = of_rows(rows)
    lax, strict = (calibration.thresholds(promise) for promise in sorted((one, other)))
    assert (lax.of([*"abc", "new"]) <= strict.of([*"abc", "new"])).all()
    assert strict.pooled is None or lax.least_history <= strict.least_history


def test_a_stricter_promise_never_lowers_the_threshold_of_a_company_whose_wrong_rows_it_leaves_out():
    rows = [("steady", 17, True)] * 900 + [("steady", 14, False)] * 50
    rows += [("half", 18, True)] * 30 + [("half", 14, False)] * 60 + [("worse", 14, False)] * 11
    lax, strict = (of_rows(rows).thresholds(promise) for promise in (0.5, 0.95))
    assert (lax.pooled, strict.pooled) == (0.7, 0.85)
    assert set(lax.by_entity) == {"half", "worse"}
    assert (lax.of(["half", "worse"]) <= strict.of(["half", "worse"])).all()


@QUICK
@given(ROWS, st.sampled_from([0.5, 0.8, 0.95]))
def test_a_companys_own_threshold_is_only_ever_higher_and_the_lowest_that_its_rows_allow(rows, promise):
    thresholds = of_rows(rows).thresholds(promise)
    confidence, right = (np.array([row[place] for row in rows]) for place in (1, 2))
    pooled = threshold_for(promise, confidence / 20, right) if rows else None
    assert thresholds.pooled == pooled
    if pooled is None:
        assert not thresholds.by_entity
        return
    for name in {row[0] for row in rows}:
        mine = np.array([row[0] == name for row in rows])
        values = sorted({value for value in (confidence[mine] / 20).tolist() if value >= pooled})
        values = values or [(confidence[mine] / 20).max()]
        keeping = []
        for value in values:
            kept = right[mine & (confidence / 20 >= value)]
            if kept.sum() + 20 * (1 + promise) / 2 >= promise * (len(kept) + 20) - 1e-12:
                keeping.append(value)
        own = thresholds.of([name])[0]
        assert own >= pooled
        assert (name in thresholds.by_entity) == (own > pooled)
        if not keeping:
            assert own == np.inf
        elif keeping[0] == values[0]:
            assert own == pooled
        else:  # right above the next lower value
            below = values[values.index(keeping[0]) - 1]
            assert below < own <= keeping[0]
            assert own == np.nextafter(below, 1)
