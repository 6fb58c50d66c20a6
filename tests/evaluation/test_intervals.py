"""What a share of few entries can say."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.evaluation.intervals import interval_of, share_interval, too_few, verdict


def test_the_interval_is_that_of_clopper_and_pearson():
    low, high = share_interval(8, 10)
    assert (round(low, 4), round(high, 4)) == (0.4439, 0.9748)  # R: binom.test(8, 10)
    assert share_interval(10, 10)[0] == pytest.approx(0.025 ** (1 / 10))
    assert share_interval(0, 0) is None
    assert interval_of(0.8, 10) == share_interval(8, 10)
    assert interval_of(None, 0) is None


@pytest.mark.parametrize(
    ("right", "n", "few"), [(17, 17, False), (16, 16, True), (40, 50, True), (80, 100, False)]
)
def test_too_few_are_those_whose_interval_is_wider_than_twenty_points(right, n, few):
    assert too_few(share_interval(right, n)) is few


def test_a_share_of_nothing_is_of_too_few():
    assert too_few(None)


@pytest.mark.parametrize(
    ("right", "n", "said"),
    [(71, 71, "too few to say"), (72, 72, "kept"), (9, 10, "too few to say"), (80, 100, "broken")],
)
def test_a_promise_is_kept_or_broken_by_the_whole_interval(right, n, said):
    """72 in a row are needed for 95 %."""
    assert verdict(0.95, share_interval(right, n)) == said


def test_what_automates_nothing_keeps_and_breaks_nothing():
    assert verdict(0.95, None) == "none"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.99))
def test_a_verdict_never_contradicts_the_share(counts, promise):
    right, n = counts
    interval = share_interval(right, n)
    assert interval[0] <= right / n <= interval[1]
    said = verdict(promise, interval)
    assert said != "kept" or right / n >= promise
    assert said != "broken" or right / n < promise
