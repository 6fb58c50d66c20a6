"""What is hidden of entries, so that a training knows entries that state less."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.ranking.examples import with_and_without_totals
from jet.retrieval.columns import EntryColumns
from jet.retrieval.hiding import ALSO, SHARE, also_hidden, drawn, hide
from jet.retrieval.similarity import NO_CURRENCY, NO_JOURNAL

ROWS = np.arange(20_000)
NUMBERS = st.lists(st.integers(0, 10**12), min_size=1, max_size=50).map(
    lambda rows: np.array(rows, dtype=np.int64)
)


def half(rows):
    return drawn(rows, 0.5, len(ALSO))


@settings(deadline=None)
@given(NUMBERS, st.randoms(use_true_random=False))
def test_what_is_hidden_follows_from_the_row_number_whatever_else_is_asked(rows, random):
    order = np.array(random.sample(range(len(rows)), len(rows)))
    assert np.array_equal(half(rows)[order], half(rows[order]))
    assert np.array_equal(half(rows)[:1], half(rows[:1]))
    for name, some in also_hidden(rows).items():
        assert np.array_equal(some[order], also_hidden(rows[order])[name])


def test_a_share_of_the_rows_is_drawn_and_a_tenth_of_what_may_be_hidden_beside_totals():
    assert half(ROWS).mean() == pytest.approx(0.5, abs=0.015)
    assert set(also_hidden(ROWS)) == set(ALSO)
    for some in also_hidden(ROWS).values():
        assert some.mean() == pytest.approx(SHARE, abs=0.01)
    for share in (0.0, 0.03, 0.9):
        assert drawn(ROWS, share, 1).mean() == pytest.approx(share, abs=0.01)


def test_one_thing_is_hidden_regardless_of_another():
    everything = {"total": half(ROWS), **also_hidden(ROWS)}
    for name, some in everything.items():
        for other, more in everything.items():
            if name < other:
                assert more[some].mean() == pytest.approx(more.mean(), abs=0.03), (name, other)


def differing(one, other):
    """By name, where the columns are not the same bit for bit."""
    found = {}
    for each in fields(EntryColumns):
        old, new = getattr(one, each.name), getattr(other, each.name)
        assert (old.dtype, old.shape) == (new.dtype, new.shape)
        bits = f"u{old.dtype.itemsize}"
        if len(places := np.flatnonzero(old.view(bits) != new.view(bits))):
            found[each.name] = places
    return found


@pytest.mark.parametrize("first", [0, 7_000_000])
def test_hiding_changes_what_it_says_and_nothing_else(fixed, first):
    columns = fixed.corpus.rows.take(np.arange(len(fixed.corpus)).repeat(20))
    columns = replace(columns, direction=np.ones(len(columns), dtype=np.int8))
    rows = first + np.arange(len(columns))
    hidden = np.arange(len(columns)) % 3 == 0
    found = hide(columns, rows, hidden)
    also = also_hidden(rows)
    assert np.isnan(found.total[hidden]).all()
    assert (found.journal[hidden & also["journal"]] == NO_JOURNAL).all()
    assert (found.currency[hidden & also["currency"]] == NO_CURRENCY).all()
    assert (found.direction[hidden & also["direction"]] == 0).all()
    changed = differing(columns, found)
    assert set(changed) == {"total", *ALSO}
    assert hidden[changed["total"]].all()
    for name in ALSO:
        assert (hidden & also[name])[changed[name]].all()
        assert len(changed[name]) > 10
    assert np.isnan(found.log_amount[hidden]).all()


def test_nothing_is_hidden_where_nothing_is_to_be(fixed):
    columns = fixed.corpus.rows
    found = hide(columns, np.arange(len(columns)), np.zeros(len(columns), dtype=bool))
    assert differing(columns, found) == {}


def test_a_ranker_sees_every_entry_with_its_total_and_without():
    rows, hidden = with_and_without_totals(np.array([5, 2, 9]))
    assert rows.tolist() == [5, 2, 9, 5, 2, 9]
    assert hidden.tolist() == [False] * 3 + [True] * 3
