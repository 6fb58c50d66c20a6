from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jet.books.sample import sampled

BUCKETS = st.dictionaries(st.from_regex(r"bucket=0000[0-9]", fullmatch=True), st.integers(0, 9), min_size=1)


@given(BUCKETS, st.integers(1, 60))
def test_a_sample_is_no_larger_than_it_may_be_unless_no_bucket_fits(rows, most):
    drawn = sampled(rows, most)
    assert drawn == sorted(set(drawn))
    assert drawn
    if min(rows.values()) <= most:
        assert sum(rows[name] for name in drawn) <= most
        left = [rows[name] for name in rows if name not in drawn]
        assert all(size > most - sum(rows[name] for name in drawn) for size in left), "one more would fit"
    else:
        assert [rows[name] for name in drawn] == [min(rows.values())]


@given(BUCKETS)
def test_books_that_fit_are_their_own_sample(rows):
    assert sampled(rows, max(1, sum(rows.values()))) == sorted(rows)


def test_a_bucket_is_drawn_by_its_name_and_not_by_its_place():
    rows = {f"bucket={number:05}": 1 for number in range(1000)}
    drawn = [int(name[-5:]) for name in sampled(rows, 100)]
    assert len(drawn) == 100
    assert max(drawn) > 900
    assert drawn != list(range(100))
