from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_calibrations import NAMES, all_right, fit, of_rows, plausible, thresholds_of

from jet.confidence.calibration import Calibration
from jet.confidence.promises import Calibrations, Thresholds
from jet.confidence.threshold import threshold_for

QUICK = settings(deadline=None, max_examples=60)


def test_the_rows_it_was_fitted_on_are_kept_for_thresholds():
    features, right = plausible(1000)
    fitted = fit(features, right)
    assert np.array_equal(fitted.rows.right, right)
    threshold = thresholds_of(fitted, 0.9).pooled
    assert fitted.rows.right[fitted.confidence >= threshold].mean() > 0.9


def test_rows_that_may_be_wrong_together_raise_the_threshold():
    features, right = plausible(1000)
    order = np.lexsort((np.arange(1000), ~right))  # wrong rows beside each other
    group = np.empty(1000, dtype=np.int64)
    group[order] = np.arange(1000) // 10
    alone, together = fit(features, right), fit(features, right, group=group)
    assert thresholds_of(together, 0.9).pooled > thresholds_of(alone, 0.9).pooled


def test_before_a_calibration_nothing_is_promised():
    thresholds = thresholds_of(Calibration.unfitted(NAMES), 0.5)
    assert thresholds == Thresholds(None, {})
    assert thresholds.of(["a", "b"]).tolist() == [np.inf, np.inf]


def test_all_companies_share_a_threshold_and_one_that_keeps_less_has_a_higher_one():
    rows = [("steady", 16, True)] * 900 + [("hasty", 16, False)] * 15 + [("hasty", 18, True)] * 60
    thresholds = thresholds_of(of_rows(rows), 0.95)
    assert thresholds.pooled == 0.8
    assert set(thresholds.by_entity) == {"hasty"}
    steady, hasty, new = thresholds.of(["steady", "hasty", "new"])
    assert steady == new == 0.8
    assert 0.8 < hasty <= 0.9  # above the wrong ones, and not above the right ones


def test_a_company_that_kept_the_promise_at_no_confidence_is_for_people():
    rows = [("steady", 16, True)] * 900 + [("sloppy", 17, True), ("sloppy", 18, False), ("sloppy", 18, False)]
    thresholds = thresholds_of(of_rows(rows), 0.95)
    assert thresholds.of(["steady", "sloppy"]).tolist() == [0.8, np.inf]


def test_a_company_that_is_never_wrong_is_not_let_below_the_threshold_of_all():
    rows = [("exact", 10, True)] * 1000 + [("hasty", 12, False)] * 100 + [("hasty", 18, True)] * 400
    thresholds = thresholds_of(of_rows(rows), 0.95)
    assert thresholds.pooled == 0.9
    assert thresholds.of(["exact", "hasty", "new"]).tolist() == [0.9, 0.9, 0.9]


ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.sampled_from([True] * 9 + [False])), max_size=400
)


@QUICK
@given(ROWS, st.floats(0.1, 1), st.floats(0.1, 1))
def test_a_stricter_promise_never_lowers_a_threshold(rows, one, other):
    calibration = of_rows(rows)
    lax, strict = (thresholds_of(calibration, promise) for promise in sorted((one, other)))
    assert (lax.of([*"abc", "new"]) <= strict.of([*"abc", "new"])).all()
    assert strict.pooled is None or lax.least_history <= strict.least_history


def test_a_stricter_promise_never_lowers_the_threshold_of_a_company_whose_wrong_rows_it_leaves_out():
    rows = [("steady", 17, True)] * 900 + [("steady", 14, False)] * 50
    rows += [("half", 18, True)] * 30 + [("half", 14, False)] * 60 + [("worse", 14, False)] * 30
    lax, strict = (thresholds_of(of_rows(rows), promise) for promise in (0.5, 0.95))
    assert (lax.pooled, strict.pooled) == (0.7, 0.85)
    assert set(lax.by_entity) == {"half", "worse"}
    assert (lax.of(["half", "worse"]) <= strict.of(["half", "worse"])).all()


@QUICK
@given(ROWS, st.sampled_from([0.5, 0.8, 0.95]))
def test_a_companys_own_threshold_is_only_ever_higher_and_the_lowest_that_its_rows_allow(rows, promise):
    thresholds = thresholds_of(of_rows(rows), promise)
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
            if kept.sum() + 50 * (1 + promise) / 2 >= promise * (len(kept) + 50) - 1e-12:
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


# --- regimes ---------------------------------------------------------------------------------------------


def test_the_rows_of_all_regimes_choose_one_threshold():
    sure, unsure = (
        of_rows([("a", 18, True)] * 20),
        of_rows([("b", 17, True)] * 20 + [("b", 10, False)] * 9, first=20),
    )
    assert thresholds_of(sure, 0.95).pooled is None
    assert thresholds_of(unsure, 0.95).pooled is None  # neither has enough
    assert [each.pooled for each in Calibrations((sure, unsure)).thresholds(0.95)] == [0.85, 0.85]


def test_nothing_is_promised_in_a_regime_without_rows():
    sure = of_rows([("a", 18, True)] * 100)
    of_sure, of_none = Calibrations((sure, of_rows([]))).thresholds(0.95)
    assert of_sure.pooled == 0.9
    assert of_none == Thresholds(None)
    assert of_none.of(["a"]).tolist() == [np.inf]


def test_a_text_that_is_asked_in_two_regimes_counts_once():
    """Twenty-five texts that are right in both regimes are worth no more than in one."""
    group = np.arange(25)
    twice = Calibrations((all_right(group), all_right(group)))
    other_texts = Calibrations((all_right(group), all_right(group + 25)))
    assert twice.thresholds(0.95)[0].pooled is None
    assert other_texts.thresholds(0.95)[0].pooled is not None


def test_a_company_that_keeps_less_in_one_regime_has_a_higher_threshold_there_alone():
    steady = [("steady", 16, True)] * 900
    kept, missed = of_rows([*steady, ("hasty", 16, True)]), of_rows([*steady, *[("hasty", 16, False)] * 30])
    of_kept, of_missed = Calibrations((kept, missed)).thresholds(0.95)
    assert of_kept.by_entity == {}
    assert of_missed.by_entity == {"hasty": np.inf}


def test_a_company_that_misfits_in_one_regime_is_taken_out_there_alone():
    rows = [("steady", 18, True)] * 200 + [("turned", 19, False)] * 20
    fits, misfits = of_rows([("steady", 18, True)] * 200), of_rows(rows, {"turned": None})
    of_fits, of_misfits = Calibrations((fits, misfits)).thresholds(0.95)
    assert of_fits.of(["turned"]).tolist() == [0.9]
    assert of_misfits.of(["turned"]).tolist() == [np.inf]
