from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_calibrations import NAMES, fit, plausible, thresholds_of

from jet.confidence.calibration import Calibration

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
            assert thresholds_of(again, promise) == thresholds_of(one, promise)


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
    return calibration.confidence >= thresholds_of(calibration, promise).of(calibration.rows.entity.tolist())


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
    assert thresholds_of(every, 0.95).of(["company 0"]).tolist() == [np.inf]
    assert thresholds_of(every, 0.95).misfits == {"company 0"}
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
