import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jet.books.split import SPLITS, SplitSettings, date_order, split_by_date

QUICK = settings(deadline=None, max_examples=60)
ROWS = st.integers(0, 60).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.int64, n, elements=st.integers(0, 3)),
        hnp.arrays(np.int64, n, elements=st.integers(0, 25)),
    )
)


def split(entity, date, **settings):
    return split_by_date(np.asarray(entity), np.asarray(date), SplitSettings(**settings)).tolist()


def test_without_ties_the_shares_are_exact():
    assert np.bincount(split(["a"] * 20, range(20))).tolist() == [14, 3, 3]
    assert np.bincount(split(["a"] * 10, range(10))).tolist() == [7, 2, 1]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_very_few_entries_all_train(n):
    assert split(["a"] * n, range(n)) == [0] * n


def test_a_day_on_the_boundary_goes_to_the_split_of_its_first_entry():
    dates = [0, 1, 2, 3, 4, 5, 6, 6, 6, 9]  # the boundaries lie after seven entries and after nine
    assert split(["a"] * 10, dates) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 2]


def test_an_entity_with_one_day_trains_on_it():
    assert split(["a"] * 50, [7] * 50) == [0] * 50


def test_names_and_datetimes_do_as_numbers_do():
    rng = np.random.default_rng(0)
    entity, days = rng.integers(0, 3, 200), rng.integers(0, 90, 200)
    names = np.array([f"entity {number}" for number in entity], dtype=object)
    dates = np.datetime64("2024-01-01") + days
    assert split(names, dates) == split(entity, days)


def test_no_rows_give_no_splits():
    assert split(np.array([], dtype=str), np.array([], dtype="datetime64[D]")) == []


@QUICK
@given(ROWS)
def test_no_day_of_an_entity_is_cut(rows):
    entity, date = rows
    found: dict = {}
    for key, part in zip(zip(entity.tolist(), date.tolist(), strict=True), split(*rows), strict=True):
        assert found.setdefault(key, part) == part


@QUICK
@given(ROWS)
def test_within_each_entity_the_split_is_by_date(rows):
    entity, date = rows
    parts = np.array(split(*rows))
    for one in np.unique(entity):
        own = np.argsort(date[entity == one], kind="stable")
        assert np.all(np.diff(parts[entity == one][own]) >= 0)


@QUICK
@given(ROWS)
def test_every_boundary_moves_by_less_than_a_day_and_only_later(rows):
    entity, date = rows
    parts = np.array(split(*rows))
    for one in np.unique(entity):
        own, size = parts[entity == one], (entity == one).sum()
        largest_day = np.bincount(date[entity == one]).max()
        for boundary, share in ((1, 0.7), (2, 0.85)):
            moved = (own < boundary).sum() - size * share
            assert -1e-9 <= moved < largest_day


@QUICK
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rows, random):
    order = list(range(len(rows[0])))
    random.shuffle(order)
    assert split(rows[0][order], rows[1][order]) == np.array(split(*rows), dtype=int)[order].tolist()


@QUICK
@given(ROWS)
def test_one_entity_does_not_move_the_boundaries_of_another(rows):
    entity, date = rows
    own = entity == 0
    assert split(entity[own], date[own]) == np.array(split(*rows), dtype=int)[own].tolist()


@QUICK
@given(ROWS)
def test_what_stands_before_the_day_start_is_what_is_strictly_earlier(rows):
    entity, date = rows
    order = date_order(entity, date)
    for place, row in enumerate(order.row):
        earlier = set(order.row[order.entity_start[place] : order.day_start[place]].tolist())
        assert earlier == set(np.flatnonzero((entity == entity[row]) & (date < date[row])).tolist())


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"train": 0.0}, "train must"),
        ({"train": 1.2}, "train must"),
        ({"calibration": -0.1}, "calibration must"),
        ({"train": 0.9, "calibration": 0.2}, "together"),
    ],
)
def test_impossible_shares_are_refused_by_the_rule_they_break(settings, rule):
    with pytest.raises(ValueError, match=rule):
        SplitSettings(**settings)


def test_shares_may_leave_nothing_for_test():
    assert max(split(["a"] * 40, range(40), train=0.7, calibration=0.3)) == SPLITS.index("calibration")


def test_a_missing_date_is_refused():
    with pytest.raises(ValueError, match="row 1 has no date"):
        split(["a", "a"], np.array(["2024-01-01", "NaT"], dtype="datetime64[D]"))


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="one length"):
        split(["a", "a"], [1])
