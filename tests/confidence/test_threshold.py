import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from jet.confidence.threshold import LEVEL, precision_lower_bound, threshold_for

QUICK = settings(deadline=None, max_examples=60)
CALIBRATION = st.lists(st.tuples(st.integers(0, 20), st.sampled_from([True, True, True, False])), max_size=400)


def columns(rows):
    return np.array([c / 20 for c, _ in rows]), np.array([r for _, r in rows], dtype=bool)


@pytest.mark.parametrize(("right", "total"), [(0, 5), (1, 1), (3, 10), (95, 100), (230, 230), (990, 1000)])
def test_the_bound_is_scipys_exact_one(right, total):
    low = binomtest(right, total, alternative="greater").proportion_ci(LEVEL, method="exact").low
    assert precision_lower_bound(right, total) == pytest.approx(low, abs=1e-12)


def test_faultless_rows_are_bounded_by_the_root_of_what_is_left_to_chance():
    assert precision_lower_bound(45, 45) == pytest.approx(0.2 ** (1 / 45))


def test_nothing_is_bounded_by_zero():
    assert precision_lower_bound([0, 0], [0, 7]).tolist() == [0, 0]


def test_a_promise_of_99_takes_161_faultless_rows():
    enough, too_few = np.full(161, 0.9), np.full(160, 0.9)
    assert threshold_for(0.99, enough, np.ones(161, bool)) == 0.9
    assert threshold_for(0.99, too_few, np.ones(160, bool)) is None


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


# --- rows that are wrong together --------------------------------------------------------------------------

GROUPED = st.lists(
    st.tuples(st.integers(0, 12), st.sampled_from([True] * 7 + [False]), st.integers(-3, 3)), max_size=200
)


def plain_design_effect(right, group):
    """The design effect of the number of wrong rows, group by group."""
    rows, wrong = len(right), sum(not each for each in right)
    share = (wrong + 0.5) / (rows + 1)
    spread = 0.0
    for number in set(group):
        mine = [each for each, of in zip(right, group, strict=True) if of == number]
        spread += (sum(not each for each in mine) - len(mine) * share) ** 2
    return max(1.0, spread / (rows * share * (1 - share)))


def plain_threshold(promise, confidence, right, group):
    """`threshold_for` over every value of the confidence in turn."""
    for value in sorted(set(confidence)):
        places = [place for place, each in enumerate(confidence) if each >= value]
        effect = plain_design_effect([right[place] for place in places], [group[place] for place in places])
        hits = sum(right[place] for place in places)
        if precision_lower_bound(hits / effect, len(places) / effect) >= promise:
            return value
    return None


@QUICK
@given(GROUPED, st.sampled_from([0.3, 0.5, 0.8, 0.95]))
def test_the_threshold_of_groups_is_that_of_a_plain_loop_over_groups(rows, promise):
    confidence, right, group = ([row[place] for row in rows] for place in range(3))
    confidence = [each / 12 for each in confidence]
    found = threshold_for(promise, confidence, right, np.array(group, dtype=np.int64))
    assert found == plain_threshold(promise, confidence, right, group)


@QUICK
@given(CALIBRATION, st.sampled_from([0.5, 0.8, 0.95]))
def test_rows_without_groups_and_in_groups_of_one_have_the_exact_bound(rows, promise):
    confidence, right = columns(rows)
    plain = threshold_for(promise, confidence, right)
    expected = None
    for value in sorted(set(confidence.tolist())):
        kept = right[confidence >= value]
        exact = binomtest(int(kept.sum()), len(kept), alternative="greater").proportion_ci(LEVEL, "exact").low
        if exact >= promise:
            expected = value
            break
    assert plain == expected
    assert threshold_for(promise, confidence, right, np.arange(len(rows))) == plain


@QUICK
@given(GROUPED, st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_stricter_promise_never_automates_more_of_groups(rows, one, other):
    confidence, right, group = (np.array([row[place] for row in rows]) for place in range(3))
    lax, strict = (threshold_for(promise, confidence, right, group) for promise in sorted((one, other)))
    if strict is not None:
        assert lax is not None
        assert lax <= strict


@QUICK
@given(GROUPED, st.randoms(use_true_random=False))
def test_neither_the_order_of_rows_nor_the_numbers_of_groups_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    found = [
        threshold_for(0.8, *(np.array([row[place] for row in some], dtype=np.int64) for place in range(3)))
        for some in (rows, shuffled, [(*row[:2], 7 - 5 * row[2]) for row in rows])
    ]
    assert found[0] == found[1] == found[2]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from([0.7, 0.8, 0.9]), st.sampled_from([True] * 19 + [False])), max_size=150),
    st.integers(1, 6),
)
def test_the_answers_to_one_entry_are_worth_no_more_than_one_of_them(rows, times):
    confidence, right = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=bool)
    number = np.arange(len(rows))
    once = threshold_for(0.9, confidence, right, number)
    again = [np.repeat(column, times) for column in (confidence, right, number, number)]
    assert threshold_for(0.9, *again) == once


def test_where_errors_come_in_groups_a_bound_on_groups_keeps_a_promise_and_one_on_rows_does_not():
    """The entries of a text are right or wrong together, twenty at a time, as often as the confidence says."""
    draw = np.random.default_rng(0)
    groups, size, promise = 200, 20, 0.95
    group = np.repeat(np.arange(groups), size)
    broken = {"rows": 0, "groups": 0}
    automated = 0
    for _ in range(300):
        sure = draw.uniform(0.8, 1, groups)
        right = np.repeat(draw.random(groups) < sure, size)
        confidence = np.repeat(sure, size) + draw.uniform(-1e-6, 1e-6, groups * size)
        for name, of in (("rows", None), ("groups", group)):
            threshold = threshold_for(promise, confidence, right, of)
            # Calibrated, so that the precision from a threshold on is the middle of it and 1.
            broken[name] += threshold is not None and (threshold + 1) / 2 < promise
            automated += name == "groups" and threshold is not None
    assert broken["rows"] / 300 > 0.3
    assert broken["groups"] / 300 <= 0.2
    assert automated / 300 > 0.3


@pytest.mark.parametrize("promise", [0.9, 0.95])
@pytest.mark.parametrize("rows", [200, 600])
def test_a_promise_is_kept_on_new_rows_as_often_as_is_said_and_without_a_bound_it_is_not(promise, rows):
    """The short form of `benchmarks.promise`; there a promise is kept in 75 of 100 calibrations or more."""
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
    assert kept / 300 >= 0.75
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
    assert automated(0.94) < 0.35
    assert automated(0.92) < 0.15


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
        threshold_for(promise, confidence, right, level=level)


def test_more_right_than_there_are_is_refused():
    with pytest.raises(ValueError, match="from 0 to total"):
        precision_lower_bound(3, 2)
