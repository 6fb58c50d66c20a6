from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jet.books.buckets import deal

COMPANIES = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3), st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=30
)


def dealt(companies, most):
    sizes = {name: size for name, (size, _) in companies.items()}
    return deal(sizes, {name: family for name, (_, family) in companies.items()}, most)


@given(COMPANIES, st.integers(1, 20))
def test_every_company_is_in_one_bucket_which_is_no_larger_than_it_may_be_unless_it_has_one_alone(
    companies, most
):
    buckets = dealt(companies, most)
    assert sorted(name for names in buckets for name in names) == sorted(companies)
    for names in buckets:
        assert names == sorted(names)
        assert (
            sum(companies[name][0] for name in names) <= most or len([n for n in names if companies[n][0]]) == 1
        )


@given(COMPANIES, st.integers(1, 20))
def test_a_family_that_fits_in_a_bucket_is_in_one(companies, most):
    buckets = dealt(companies, most)
    for family in range(4):
        members = {name for name, (_, own) in companies.items() if own == family}
        if sum(companies[name][0] for name in members) <= most:
            assert sum(bool(members & set(names)) for names in buckets) <= 1


@given(COMPANIES)
def test_books_that_fit_are_one_bucket(companies):
    assert dealt(companies, 1000) == [sorted(companies)]


@given(COMPANIES, st.integers(1, 20), st.randoms(use_true_random=False))
def test_the_order_of_the_companies_does_not_matter(companies, most, random):
    names = random.sample(sorted(companies), len(companies))
    assert dealt({name: companies[name] for name in names}, most) == dealt(companies, most)


def test_a_bucket_without_room_is_refused():
    with pytest.raises(ValueError, match="1 entry or more"):
        deal({}, {}, 0)
