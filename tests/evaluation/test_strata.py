"""Strata are what an entity had booked on strictly earlier days."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_books import FOOD, RENT, SALE, entries, entry

from jet.evaluation.strata import STRATA, strata

QUICK = settings(deadline=None, max_examples=60)
PAIR = st.tuples(st.sampled_from(["1", "2", "3"]), st.sampled_from(["D", "C"]))
LINES = st.lists(PAIR, min_size=1, max_size=5)


def test_strata_know_strictly_earlier_days_of_the_same_entity_only():
    books = entries(
        [
            entry("1", RENT, day=0, text="Rent"),
            entry("2", FOOD, day=1, text=" RENT "),
            entry("3", FOOD, day=1, text="Lunch"),
            entry("4", SALE, day=2, text="lunch"),
            entry("5", RENT, day=2, text="Rent", entity="b"),
            entry("6", None, day=2, text="a plan", entity="b"),
            entry("7", RENT, day=3, text="a plan", entity="b"),
        ]
    )
    found = strata(books, np.arange(7) != 5)
    assert found["text"].tolist() == ["new", "seen", "new", "seen", "new", "new"]
    assert found["set"].tolist() == ["new", "new", "new", "new", "new", "seen"]
    assert found["new_account"].tolist() == ["yes", "yes", "yes", "yes", "yes", "no"]
    assert found["lines"].tolist() == ["2", "2", "2", "3", "2", "2"]
    assert set(found["history"].tolist()) == {"0-9"}


def test_history_has_its_buckets_where_they_are_said_to_be():
    books = entries([entry(str(i), RENT, day=i) for i in range(502)])
    history = strata(books, np.array([0, 9, 10, 49, 50, 149, 150, 499, 500, 501]))["history"].tolist()
    assert history == [name for name in STRATA["history"] for _ in range(2)]


@QUICK
@given(st.integers(0, 2**32 - 1))
def test_strata_do_not_depend_on_the_order_of_the_rows_or_on_later_ones(seed):
    rng = np.random.default_rng(seed)
    rows = [
        entry(str(i), [RENT, FOOD, SALE][rng.integers(3)], day=int(rng.integers(6)), text=str(rng.integers(4)))
        for i in range(15)
    ]
    whole = strata(entries(rows), np.arange(15))
    order = rng.permutation(15)
    shuffled = strata(entries([rows[i] for i in order]), np.arange(15))
    early = [i for i in range(15) if rows[i]["date"] <= date(2024, 1, 4)]
    cut = strata(entries([rows[i] for i in early]), np.arange(len(early)))
    for name in STRATA:
        assert shuffled[name].tolist() == whole[name][order].tolist()
        assert cut[name].tolist() == whole[name][early].tolist()
