from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.confidence.calibration import Calibration, Thresholds
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


def fit(features, right):
    return Calibration.fit(NAMES, features, right, ["a", "b"] * (len(right) // 2) + ["a"] * (len(right) % 2))


def of_rows(rows):
    """A calibration whose rows are given as (entity, confidence in twentieths, right)."""
    entity = tuple(name for name, _, _ in rows)
    confidence = np.array([twentieths / 20 for _, twentieths, _ in rows])
    right = np.array([is_right for _, _, is_right in rows], dtype=bool)
    held, history = np.zeros(len(rows), dtype=bool), np.full(len(rows), 100)
    return Calibration(NAMES, np.zeros(len(NAMES)), 0.0, confidence, right, entity, held, history)


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
    assert len(fitted.right) == len(fitted.confidence) == len(fitted.entity) == len(right)


def test_a_figure_that_never_varies_does_no_harm():
    features, right = plausible()
    features[:, 2] = 0.5
    fitted = fit(features, right)
    assert np.isfinite(fitted.weights).all()


def test_it_comes_back_from_json_as_it_was():
    features, right = plausible()
    for one in (fit(features, right), Calibration.unfitted(NAMES)):
        again = Calibration.from_dict(json.loads(json.dumps(one.as_dict())), NAMES)
        assert np.array_equal(again.weights, one.weights)
        assert again.bias == one.bias
        assert again.names == one.names
        assert again.entity == one.entity
        assert np.array_equal(again.confidence, one.confidence)
        assert np.array_equal(again.right, one.right)
        assert again.right.dtype == bool
        assert np.array_equal(again(features), one(features))
        assert again.thresholds(0.9) == one.thresholds(0.9)


@pytest.mark.parametrize("names", [NAMES[:-1], NAMES[::-1]])
def test_figures_of_another_version_are_refused(names):
    with pytest.raises(ValueError, match="this jet has"):
        Calibration.from_dict(Calibration.unfitted(NAMES).as_dict(), names)


# --- thresholds -----------------------------------------------------------------------------------------


def test_the_rows_it_was_fitted_on_are_kept_for_thresholds():
    features, right = plausible(1000)
    fitted = fit(features, right)
    assert np.array_equal(fitted.confidence, fitted(features))
    threshold = fitted.thresholds(0.9).pooled
    assert fitted.right[fitted.confidence >= threshold].mean() > 0.9


def test_before_a_calibration_nothing_is_promised():
    thresholds = Calibration.unfitted(NAMES).thresholds(0.5)
    assert thresholds == Thresholds(None, {})
    assert thresholds.of(["a", "b"]).tolist() == [np.inf, np.inf]


def test_a_company_with_enough_faultless_rows_has_its_own_threshold_and_one_with_few_the_pooled():
    # A promise of 95 % takes 67 faultless rows of a company, if it is one of three.
    rows = [("large", 10, True)] * 67 + [("small", 12, True)] * 44 + [("large", 8, False)] * 20
    thresholds = of_rows(rows).thresholds(0.95)
    assert thresholds.pooled == 0.5
    assert thresholds.of(["large", "small", "new"]).tolist() == [0.5, 0.5, 0.5]
    rows += [("sloppy", 11, False)] * 40
    thresholds = of_rows(rows).thresholds(0.95)
    assert thresholds.by_entity == {"large": 0.5}
    assert thresholds.pooled is None
    assert thresholds.of(["large", "small", "sloppy", "new"]).tolist() == [0.5, np.inf, np.inf, np.inf]


def test_a_company_is_never_held_to_more_than_the_pooled_threshold():
    rows = [("exact", 10, True)] * 1000 + [("hasty", 10, False)] * 20 + [("hasty", 18, True)] * 60
    thresholds = of_rows(rows).thresholds(0.95)
    assert thresholds.pooled == 0.5
    assert thresholds.of(["exact", "hasty", "new"]).tolist() == [0.5, 0.5, 0.5]


ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.sampled_from([True] * 9 + [False])), max_size=400
)


@QUICK
@given(ROWS, st.floats(0.1, 1), st.floats(0.1, 1))
def test_a_stricter_promise_never_lowers_a_threshold(rows, one, other):
    calibration = of_rows(rows)
    lax, strict = (calibration.thresholds(promise) for promise in sorted((one, other)))
    assert (lax.of(["a", "b", "new"]) <= strict.of(["a", "b", "new"])).all()


@QUICK
@given(ROWS, st.sampled_from([0.5, 0.8, 0.95]))
def test_a_companys_own_threshold_is_that_of_its_rows_alone_where_it_is_the_lower_one(rows, promise):
    thresholds = of_rows(rows).thresholds(promise)
    pooled = np.inf if thresholds.pooled is None else thresholds.pooled
    for name in "ab":
        mine = [(confidence / 20, right) for entity, confidence, right in rows if entity == name]
        level = 1 - 0.1 / len({entity for entity, _, _ in rows}) if rows else 0.9
        alone = threshold_for(promise, [c for c, _ in mine], [r for _, r in mine], level)
        assert thresholds.by_entity.get(name) == (alone if alone is not None and alone < pooled else None)
