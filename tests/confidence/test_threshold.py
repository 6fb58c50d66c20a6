import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from jet.confidence.threshold import precision_lower_bound, threshold_for

QUICK = settings(deadline=None, max_examples=60)
CALIBRATION = st.lists(st.tuples(st.integers(0, 20), st.sampled_from([True, True, True, False])), max_size=400)


def columns(rows):
    return np.array([c / 20 for c, _ in rows]), np.array([r for _, r in rows], dtype=bool)


@pytest.mark.parametrize(("right", "total"), [(0, 5), (1, 1), (3, 10), (95, 100), (230, 230), (990, 1000)])
def test_the_bound_is_scipys_exact_one(right, total):
    low = binomtest(right, total, alternative="greater").proportion_ci(0.9, method="exact").low
    assert precision_lower_bound(right, total) == pytest.approx(low, abs=1e-12)


def test_faultless_rows_are_bounded_by_the_root_of_what_is_left_to_chance():
    assert precision_lower_bound(45, 45) == pytest.approx(0.1 ** (1 / 45))


def test_nothing_is_bounded_by_zero():
    assert precision_lower_bound([0, 0], [0, 7]).tolist() == [0, 0]


def test_a_promise_of_99_takes_230_faultless_rows():
    enough, too_few = np.full(230, 0.9), np.full(229, 0.9)
    assert threshold_for(0.99, enough, np.ones(230, bool)) == 0.9
    assert threshold_for(0.99, too_few, np.ones(229, bool)) is None


def test_the_lowest_threshold_that_keeps_the_promise_is_taken():
    confidence = np.repeat([0.9, 0.8, 0.7], 100)
    right = np.r_[np.ones(100), np.ones(99), 0, np.zeros(100)].astype(bool)
    assert threshold_for(0.95, confidence, right) == 0.8


def test_a_dip_on_the_way_down_does_not_hide_a_lower_threshold():
    confidence = np.r_[0.99, np.linspace(0.9, 0.5, 500)]
    right = np.r_[False, np.ones(500, bool)]  # the most confident row of all is wrong
    assert threshold_for(0.95, confidence, right) == 0.5


def test_equal_confidence_stands_and_falls_together():
    right = np.r_[np.ones(100), np.zeros(100)].astype(bool)
    assert threshold_for(0.95, np.full(200, 0.9), right) is None


@pytest.mark.parametrize("n", [0, 1, 30])
def test_too_few_rows_have_no_threshold(n):
    assert threshold_for(0.95, np.ones(n), np.ones(n, bool)) is None


def test_no_threshold_promises_certainty():
    assert threshold_for(1.0, np.ones(10_000), np.ones(10_000, bool)) is None


@QUICK
@given(CALIBRATION, st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_stricter_promise_never_automates_more(rows, one, other):
    confidence, right = columns(rows)
    lax, strict = (threshold_for(promise, confidence, right) for promise in sorted((one, other)))
    if strict is not None:
        assert lax is not None
        assert lax <= strict


@QUICK
@given(CALIBRATION, st.sampled_from([0.5, 0.8, 0.95]))
def test_the_threshold_keeps_its_promise_and_no_lower_one_does(rows, promise):
    confidence, right = columns(rows)
    kept = [
        value
        for value in sorted(set(confidence.tolist()))
        if precision_lower_bound(right[confidence >= value].sum(), (confidence >= value).sum()) >= promise
    ]
    assert threshold_for(promise, confidence, right) == (kept[0] if kept else None)


@QUICK
@given(CALIBRATION, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    assert threshold_for(0.9, *columns(rows)) == threshold_for(0.9, *columns(shuffled))


@pytest.mark.parametrize("promise", [0.9, 0.95])
@pytest.mark.parametrize("rows", [200, 600])
def test_a_promise_is_kept_on_new_rows_as_often_as_is_said_and_without_a_bound_it_is_not(promise, rows):
    """The short form of `benchmarks.promise`; there a promise is kept in 85 of 100 calibrations or more."""
    rng = np.random.default_rng(0)
    kept = by_luck = 0
    for _ in range(300):
        confidence = rng.uniform(0.5, 1, rows)
        right = rng.random(rows) < confidence
        threshold = threshold_for(promise, confidence, right)
        # Calibrated, so that the precision from a threshold on is the middle of it and 1.
        kept += threshold is None or (threshold + 1) / 2 >= promise
        order = np.argsort(-confidence)
        luckiest = np.flatnonzero(right[order].cumsum() >= promise * np.arange(1, rows + 1))
        by_luck += not len(luckiest) or (confidence[order][luckiest[-1]] + 1) / 2 >= promise
    assert kept / 300 >= 0.85
    assert by_luck / 300 < 0.6


@pytest.mark.parametrize("rows", [200, 1000])
def test_where_confidence_says_nothing_a_promise_is_missed_by_a_hair_but_seldom_by_more(rows):
    """The worst case: looking at many thresholds finds one that luck lifts over the promise."""
    rng = np.random.default_rng(0)

    def automated(precision):
        confidence, right = rng.random((300, rows)), rng.random((300, rows)) < precision
        found = [threshold_for(0.95, *row) is not None for row in zip(confidence, right, strict=True)]
        return np.mean(found)

    assert automated(0.95 - 1e-9) > 0.1  # more often than the level of a single threshold
    assert automated(0.94) < 0.25
    assert automated(0.93) < 0.1


@pytest.mark.parametrize(
    ("promise", "confidence", "right", "level", "rule"),
    [
        (0.0, [0.5], [True], 0.9, "promise"),
        (1.1, [0.5], [True], 0.9, "promise"),
        (0.9, [0.5], [True], 1.0, "level"),
        (0.9, [0.5, 0.6], [True], 0.9, "one length"),
        (0.9, [0.5, np.nan], [True, True], 0.9, "row 1"),
    ],
)
def test_what_can_not_be_is_refused(promise, confidence, right, level, rule):
    with pytest.raises(ValueError, match=rule):
        threshold_for(promise, confidence, right, level)


def test_more_right_than_there_are_is_refused():
    with pytest.raises(ValueError, match="from 0 to total"):
        precision_lower_bound(3, 2)
