from __future__ import annotations

import json

import numpy as np
import pytest

from jet.prediction.calibration import FIGURES, Calibration

LOG_ODDS = FIGURES.index("log_odds")


def plausible(rows=400, seed=0):
    """Figures as a decoder makes them, its log odds twice as sure as they should be, and what was right."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(1.0, 1.5, rows)
    right = draw.random(rows) < 1 / (1 + np.exp(-truth))
    figures = draw.random((rows, len(FIGURES)))
    figures[:, LOG_ODDS] = 2 * truth
    figures[:, FIGURES.index("margin")] = np.clip(truth + draw.normal(0, 1, rows), 0, 10)
    return figures, right


def test_more_log_odds_are_never_less_confidence():
    figures, right = plausible()
    fitted = Calibration.fit(figures, right)
    ladder = np.tile(figures.mean(axis=0), (50, 1))
    ladder[:, LOG_ODDS] = np.linspace(-13, 13, 50)
    assert (np.diff(fitted(ladder)) > 0).all()


def test_an_overconfident_decoder_is_brought_down_to_how_often_it_is_right():
    figures, right = plausible(4000)
    other, truth = plausible(4000, seed=1)
    fitted = Calibration.fit(figures, right)
    raw = Calibration.none()

    def error(confidence):  # expected calibration error over ten bins
        bins = np.minimum((confidence * 10).astype(int), 9)
        return sum(
            (bins == b).mean() * abs(truth[bins == b].mean() - confidence[bins == b].mean())
            for b in np.unique(bins)
        )

    assert error(fitted(other)) < 0.03
    assert error(raw(other)) > 2 * error(fitted(other))


def test_a_confidence_is_a_probability():
    figures, right = plausible()
    confidence = Calibration.fit(figures, right)(10 * figures)
    assert ((confidence >= 0) & (confidence <= 1)).all()


@pytest.mark.parametrize(
    "right",
    [np.arange(19) % 2 == 0, np.ones(100, dtype=bool), np.zeros(100, dtype=bool), np.empty(0, dtype=bool)],
)
def test_with_few_rows_or_one_outcome_only_the_decoders_own_probability_stands(right):
    figures, _ = plausible(max(1, len(right)))
    figures = figures[: len(right)]
    fitted = Calibration.fit(figures, right)
    assert fitted.weights.tolist() == Calibration.none().weights.tolist()
    assert fitted.bias == 0.0
    odds = np.array([[0.0, 1.0, 2.0]]).T * (np.arange(len(FIGURES)) == LOG_ODDS)
    np.testing.assert_allclose(fitted(odds), [0.5, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-2))])
    assert len(fitted.right) == len(fitted.confidence) == len(right)


def test_a_figure_that_never_varies_does_no_harm():
    figures, right = plausible()
    figures[:, FIGURES.index("support")] = 0.5
    fitted = Calibration.fit(figures, right)
    assert np.isfinite(fitted.weights).all()


def test_it_comes_back_from_json_as_it_was():
    figures, right = plausible()
    for one in (Calibration.fit(figures, right), Calibration.none()):
        again = Calibration.from_dict(json.loads(json.dumps(one.as_dict())))
        assert np.array_equal(again.weights, one.weights)
        assert again.bias == one.bias
        assert np.array_equal(again.confidence, one.confidence)
        assert np.array_equal(again.right, one.right)
        assert again.right.dtype == bool
        assert np.array_equal(again(figures), one(figures))
        assert again.threshold(0.9) == one.threshold(0.9)


def test_the_rows_it_was_fitted_on_are_kept_for_thresholds():
    figures, right = plausible()
    fitted = Calibration.fit(figures, right)
    assert np.array_equal(fitted.confidence, fitted(figures))
    threshold = fitted.threshold(0.9)
    assert fitted.right[fitted.confidence >= threshold].mean() > 0.9
    strict = fitted.threshold(0.95)
    assert strict is None or strict >= threshold


def test_before_a_calibration_nothing_is_promised():
    assert Calibration.none().threshold(0.5) is None


def test_figures_of_another_version_are_refused():
    content = Calibration.none().as_dict()
    content["figures"] = content["figures"][:-1]
    with pytest.raises(ValueError, match="this jet has"):
        Calibration.from_dict(content)
