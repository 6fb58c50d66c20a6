"""The one door from tables to tensors: nothing later and nothing of an entry's own lines comes through it."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta
from decimal import Decimal

import made_up
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.sorting import sort_entries
from jet.books.tokens import CLOSED, NOTHING
from jet.books.withheld import without_lines
from jet.model.batch import DATE_FEATURES, collate, date_features, with_target
from jet.model.neighbor_features import same_roundness
from jet.retrieval.collection import Hits
from jet.retrieval.columns import entry_columns
from jet.retrieval.retriever import Retriever


def batch_from(entries, row_id, data):
    """The batch of one entry, all the way from the tables: columns, search, collate."""
    entries = sort_entries(entries)
    columns = entry_columns(entries, data.corpus.catalog, data.corpus.store)
    row = np.array([entries["entry_id"].to_pylist().index(row_id)])
    corpus = replace(data.corpus, rows=columns)
    hits = Retriever.of(corpus, data.retrieval).hits(columns.queries(row))
    batch = collate(columns, row, corpus, hits, made_up.MAX_LINES)
    batch = with_target(batch, columns, row, data.corpus.catalog)
    ids = [entries["entry_id"][r].as_py() for r in hits.row[0] if r >= 0]
    return batch, ids


@pytest.fixture(scope="module")
def family():
    return made_up.family_data()


OTHERWISE = {"alder": "D2611 C7010", "ash": "D1940 C7010", "birch": "D20 C40"}
BOOKED = {"alder": "D3001 C2440", "ash": "D3001 C1940", "birch": "D30 C20"}
"""Lines that none of them books."""


def assert_same_but_target(left, right, skip=("target",)):
    for field in fields(left):
        if field.name not in skip:
            assert torch.equal(getattr(left, field.name), getattr(right, field.name)), field.name


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), place=st.floats(0, 0.999))
def test_nothing_that_an_entry_is_told_comes_from_later_entries_or_its_own_lines(family, seed, place):
    data = family
    draw = np.random.default_rng(seed)
    rows = data.entries.to_pylist()
    chosen = rows[int(place * len(rows))]
    changed = []
    for row in rows:
        row = dict(row)
        later = row["date"] > chosen["date"]
        own = row["entry_id"] == chosen["entry_id"]
        if own:
            row["lines"] = list(reversed(made_up.lines(BOOKED[row["entity"]])))
        elif later or row["date"] == chosen["date"]:
            row["lines"] = made_up.lines(OTHERWISE[row["entity"]])
            row["total"] = Decimal(int(draw.integers(1, 100)))
            row["journal"] = "AB"[draw.integers(2)]
            row["description"] = rows[draw.integers(len(rows))]["description"]
            if later:
                row["date"] += timedelta(days=int(draw.integers(0, 300)))
        changed.append(row)
    before, ids_before = batch_from(data.entries, chosen["entry_id"], data)
    after, ids_after = batch_from(made_up.entries_table(changed), chosen["entry_id"], data)
    assert ids_before == ids_after
    assert_same_but_target(before, after)
    # And the change was a change: the target says what was booked.
    assert not torch.equal(before.target, after.target)


def test_an_entry_without_lines_has_the_same_features_and_no_target(data):
    rows = np.arange(0, len(data.corpus.rows), 7)
    plain = entry_columns(without_lines(data.entries), data.corpus.catalog, data.corpus.store)
    hits = made_up.hits_for(data, rows)
    with_lines = collate(data.corpus.rows, rows, data.corpus, hits, made_up.MAX_LINES)
    without = collate(plain, rows, data.corpus, hits, made_up.MAX_LINES)
    assert_same_but_target(with_lines, without, skip=())
    assert without.target.shape == (len(rows), 0)


@pytest.mark.parametrize("books", ["data", "family"])
def test_what_predicts_sees_the_same_neighbors_as_what_trained(books, request):
    data = request.getfixturevalue(books)
    rows = np.arange(len(data.corpus.rows))
    hits = made_up.hits_for(data, rows)
    assert np.array_equal(hits.row, data.hits.row)
    assert np.array_equal(hits.similarity, data.hits.similarity)
    one = collate(data.corpus.rows, rows, data.corpus, hits, made_up.MAX_LINES)
    other = collate(data.corpus.rows, rows, data.corpus, data.hits, made_up.MAX_LINES)
    assert_same_but_target(one, other)


def test_the_date_features_of_training_and_prediction_come_from_the_date_alone(data):
    days = data.corpus.rows.date
    trained = made_up.batch_of(data, np.arange(len(days))).date
    assert torch.equal(trained, torch.from_numpy(date_features(days)))
    booked_later = entry_columns(without_lines(data.entries), data.corpus.catalog, data.corpus.store).date
    assert np.array_equal(booked_later, days)


@given(st.dates(date(1990, 1, 1), date(2099, 12, 31)))
def test_date_features_are_the_calendars(day):
    features = date_features(np.array([(day - date(1970, 1, 1)).days], dtype=np.int32))[0]
    assert features.shape == (DATE_FEATURES,)
    month_length = ((day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)).day
    turns = [(day.month - 1) / 12, (day.day - 1) / 31, day.weekday() / 7]
    circles = [wave(2 * np.pi * turn) for turn in turns for wave in (np.sin, np.cos)]
    ends = [day.day <= 3, day.day > month_length - 3, day.weekday() >= 5]
    expected = [(day.year - 2015) / 20, *circles, *ends]
    np.testing.assert_allclose(features, np.array(expected, dtype=np.float32), atol=1e-6)


def test_lines_are_local_tokens_in_the_catalogs_order_then_stop(data):
    rows = np.arange(len(data.corpus.rows))
    batch = made_up.batch_of(data, rows)
    entries = data.entries.to_pylist()
    for number, row in enumerate(rows):
        tokens = made_up.spelled(batch.target[number])
        assert tokens[-1] == batch.stop
        ranks = [int(batch.rank[number, t]) for t in tokens[:-1]]
        known = [r for r in ranks if r != CLOSED]
        assert known == sorted(known)
        codes = data.corpus.catalog.accounts["code"].to_pylist()
        spelled = sorted(f"{'DC'[t % 2]}{codes[batch.chart[number, t // 2]]}" for t in tokens[:-1])
        assert spelled == sorted(f"{line['side']}{line['account']}" for line in entries[row]["lines"])


def test_a_chart_is_the_entitys_own_and_closed_accounts_have_no_rank(data):
    rows = np.arange(len(data.corpus.rows))
    batch = made_up.batch_of(data, rows)
    codes = data.corpus.catalog.accounts["code"].to_pylist()
    owners = data.corpus.catalog.accounts["entity"].to_pylist()
    closed = {"6110": lambda d: d > made_up.CLOSED_ON, "6111": lambda d: d < made_up.OPENED_ON}
    seen = set()
    for number, row in enumerate(data.entries.to_pylist()):
        for place, account in enumerate(batch.chart[number].tolist()):
            ranks = batch.rank[number, 2 * place : 2 * place + 2]
            if account == NOTHING:
                assert (ranks == CLOSED).all()
                continue
            assert owners[account] == row["entity"]
            shut = codes[account] in closed and closed[codes[account]](row["date"])
            assert bool((ranks == CLOSED).all()) == shut
            assert bool((ranks == CLOSED).any()) == shut
            seen.add((codes[account], shut))
    assert {("6110", True), ("6110", False), ("6111", True), ("6111", False)} <= seen


def test_a_neighbor_with_too_many_lines_is_left_out_and_the_others_stay(data):
    rows = np.arange(len(data.corpus.rows))
    wide = collate(data.corpus.rows, rows, data.corpus, data.hits, 6)
    narrow = collate(data.corpus.rows, rows, data.corpus, data.hits, 3)
    lengths = data.corpus.rows.lengths[np.maximum(data.hits.row, 0)]
    there = data.hits.row >= 0
    assert np.array_equal(wide.neighbor_row.numpy() >= 0, there)
    assert np.array_equal(narrow.neighbor_row.numpy() >= 0, there & (lengths <= 3))
    assert (there & (lengths > 3)).any()
    assert (narrow.neighbor_tokens[narrow.neighbor_row == NOTHING] == NOTHING).all()


def test_a_fixed_width_pads_and_changes_nothing_else(data):
    rows = np.arange(30)
    free, fixed = made_up.batch_of(data, rows), made_up.batch_of(data, rows, width=32)
    accounts = free.chart.shape[1]
    assert fixed.chart.shape[1] == 32
    assert torch.equal(fixed.chart[:, :accounts], free.chart)
    assert (fixed.chart[:, accounts:] == NOTHING).all()
    assert (fixed.rank[:, 2 * accounts :] == CLOSED).all()
    assert fixed.neighbor_tokens.shape[2] == made_up.MAX_LINES + 1
    was_stop = free.target == free.stop
    assert torch.equal(torch.where(was_stop, fixed.stop, free.target), fixed.target)


def test_neighbor_features_say_how_a_neighbor_relates():
    rows = [
        made_up.entry("birch", "1", 0, "rent", "D30 C10", "100.00", journal="A"),
        made_up.entry("birch", "2", 31, "rent", "D30 C10", "50.00", journal="B"),
        made_up.entry("birch", "3", 59, "rent", "D30 C10", None, journal="A"),
        made_up.entry("birch", "4", 90, "rent x", "D30 C10", "100.00", journal="A"),
    ]
    data = made_up.training_data(made_up.entries_table(rows), made_up.accounts_table(made_up.chart_rows()))
    batch = made_up.batch_of(data, [1, 3])
    assert (batch.neighbor_features[batch.neighbor_row == NOTHING] == 0).all()
    # One neighbor is all the votes; then three spans of forgetting; then how the two relate.
    np.testing.assert_allclose(batch.neighbor_features[0, 0, :2], [1, 1], rtol=1e-5)
    spans = np.exp(-31 / np.array([7, 30, 120]))
    np.testing.assert_allclose(batch.neighbor_features[0, 0, 2:5], spans, rtol=1e-5)
    relation = batch.neighbor_features[..., 5:]
    first = relation[0, 0]
    assert batch.neighbor_row[0].tolist() == [0] + [NOTHING] * (batch.neighbor_row.shape[1] - 1)
    similarity = data.hits.similarity[1, 0]
    # Both are on the 2nd; 100 and 50 are whole in the same units but for hundreds.
    expected = [similarity, 1, 0, 0, np.log1p(31) / 8, 1, 1, 51 / 101, 0, 10 / 11, 1]
    np.testing.assert_allclose(first, expected, rtol=1e-5)
    by_neighbor = dict(zip(batch.neighbor_row[1].tolist(), relation[1], strict=True))
    assert by_neighbor[0][1:4].tolist() == [0, 1, 0]  # another text, the same journal, no other currency
    assert by_neighbor[0][6:10].tolist() == [1, 1, 1, 1]  # the same total
    assert by_neighbor[2][6:10].tolist() == [0, 0, 0, 0]  # no total is known


def test_neighbors_vote_for_the_sets_that_they_were_booked_to():
    rows = [
        made_up.entry("birch", "1", 0, "rent", "D30 C10"),
        made_up.entry("birch", "2", 1, "rent", "D40 C10"),
        made_up.entry("birch", "3", 2, "rent", "D30 C10"),
        made_up.entry("birch", "4", 3, "rent", "D30 D30 C10"),
        made_up.entry("birch", "5", 4, "rent"),
    ]
    data = made_up.training_data(made_up.entries_table(rows[:4]), made_up.accounts_table(made_up.chart_rows()))
    keys = data.corpus.rows.set_keys
    assert keys[0] == keys[2]
    assert len(set(keys.tolist())) == 3  # a line that comes twice makes another set
    queries = entry_columns(made_up.entries_table(rows[4:]), data.corpus.catalog, data.corpus.store)
    even = Hits(np.array([[0, 1, 2, 3, NOTHING]]), np.array([[0.5, 0.5, 0.5, 0.5, -np.inf]], dtype=np.float32))
    batch = collate(queries, np.array([0]), data.corpus, even, made_up.MAX_LINES)
    np.testing.assert_allclose(batch.neighbor_features[0, :, 0], [0.5, 0.25, 0.5, 0.25, 0], rtol=1e-5)
    by_age = np.exp(-np.array([4, 3, 2, 1]) / 30)
    expected = np.array([by_age[0] + by_age[2], by_age[1], by_age[0] + by_age[2], by_age[3], 0]) / by_age.sum()
    np.testing.assert_allclose(batch.neighbor_features[0, :, 1], expected, rtol=1e-5)


def test_unknown_totals_are_told_apart_from_zero():
    rows = [
        made_up.entry("birch", "1", 0, "rent", "D30 C10", "0.00"),
        made_up.entry("birch", "2", 1, "rent", "D30 C10", None),
        made_up.entry("birch", "3", 2, "rent", "D30 C10", "-100.00"),
        made_up.entry("birch", "4", 3, "rent", "D30 C10", "100.00"),
    ]
    data = made_up.training_data(made_up.entries_table(rows), made_up.accounts_table(made_up.chart_rows()))
    amount = made_up.batch_of(data, [0, 1, 2, 3]).amount
    assert amount[:, 1].tolist() == [1, 0, 1, 1]
    assert amount[:2, 0].tolist() == [0, 0]
    assert amount[2, 0] == amount[3, 0] > 0


quarters = st.integers(-4000, 40_000).map(lambda number: number / 4)


@given(one=quarters, other=quarters)
def test_totals_are_as_round_as_each_other_and_fully_so_as_themselves(one, other):
    totals = np.array([one, other, np.nan])
    result = same_roundness(totals[:, None], totals[None, :])
    assert np.array_equal(result, result.T)
    assert ((result >= 0) & (result <= 1)).all()
    assert result[0, 0] == result[1, 1] == 1
    assert (result[2] == 0).all()  # one that isn't known is like no other


def test_totals_over_whole_net_amounts_are_alike():
    taxed, another, rounded = 1250.0, 2125.0, 1251.0  # net of a quarter: 1000, 1700 and 1000.80
    assert same_roundness(np.array(taxed), np.array(another)) > same_roundness(
        np.array(taxed), np.array(rounded)
    )
