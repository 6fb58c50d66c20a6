"""Columns hold what the tables say, and the lines of other companies in the own chart's accounts."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import made_up
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.tokens import NOTHING, in_order, set_key
from jet.retrieval.columns import entry_columns, neighbor_lines


@pytest.fixture(scope="module")
def family():
    return made_up.family_data()


OTHERWISE = {"alder": "D2611 C7010", "ash": "D1940 C7010", "birch": "D20 C40"}
BOOKED = {"alder": "D3001 C2440", "ash": "D3001 C1940", "birch": "D30 C20"}
"""Lines that none of them books."""


def test_an_account_that_the_chart_does_not_have_is_an_error_that_names_it(data):
    rows = made_up.entries_table([made_up.entry("birch", "odd one", 0, "rent", "D30 C9999")])
    with pytest.raises(ValueError, match=r"'odd one' of birch .*'9999'"):
        entry_columns(rows, data.corpus.catalog, data.corpus.store)
    # 1930 is alder's: what another company has, this one doesn't.
    rows = made_up.entries_table([made_up.entry("birch", "odd one", 0, "rent", "D30 C1930")])
    with pytest.raises(ValueError, match="'1930'"):
        entry_columns(rows, data.corpus.catalog, data.corpus.store)


def test_a_text_that_the_store_does_not_have_is_an_error_that_names_the_entry(data):
    rows = made_up.entries_table([made_up.entry("birch", "new one", 0, "never seen before", "D30 C10")])
    with pytest.raises(ValueError, match="'new one'"):
        entry_columns(rows, data.corpus.catalog, data.corpus.store)


def test_columns_of_a_sliced_or_chunked_table_are_those_of_its_rows(data):
    whole = entry_columns(data.entries, data.corpus.catalog, data.corpus.store)
    part = entry_columns(data.entries.slice(40, 30), data.corpus.catalog, data.corpus.store)
    pieces = pa.concat_tables([data.entries.slice(40, 11), data.entries.slice(51, 19)])
    chunked = entry_columns(pieces, data.corpus.catalog, data.corpus.store)
    for columns in (part, chunked):
        for name in ("entity", "date", "text", "journal", "currency", "total"):
            expected = getattr(whole, name)[40:70]
            assert np.array_equal(getattr(columns, name), expected, equal_nan=name == "total")
        assert np.array_equal(columns.tokens, whole.tokens[whole.offsets[40] : whole.offsets[70]])
        assert np.array_equal(columns.lengths, whole.lengths[40:70])


def spelled_as(data, tokens):
    """A neighbor's tokens as words like "D1930"."""
    codes = data.corpus.catalog.accounts["code"].to_pylist()
    return [f"{'DC'[t % 2]}{codes[t // 2]}" for t in tokens.tolist() if t != NOTHING]


def test_the_lines_of_an_entitys_own_entries_are_the_entries_tokens(family):
    columns, rows = family.corpus.rows, np.arange(len(family.corpus.rows))
    lines = neighbor_lines(columns, rows[:, None], columns.entity, family.corpus.catalog, made_up.MAX_LINES)[
        :, 0
    ]
    for row in rows:
        tokens = columns.tokens[columns.offsets[row] : columns.offsets[row + 1]].tolist()
        assert lines[row].tolist() == tokens + [NOTHING] * (made_up.MAX_LINES - len(tokens))


def test_the_lines_of_an_entry_longer_than_the_limit_are_nothing(family):
    columns, rows = family.corpus.rows, np.arange(len(family.corpus.rows))
    hit = np.stack([rows, np.full_like(rows, NOTHING)], axis=1)
    lines = neighbor_lines(columns, hit, columns.entity, family.corpus.catalog, 3)
    assert lines.shape == (len(rows), 2, 3)
    longer = columns.lengths > 3
    assert longer.any()
    assert (lines[longer] == NOTHING).all()
    assert (lines[:, 1] == NOTHING).all()
    assert ((lines[~longer, 0] != NOTHING).sum(axis=1) == columns.lengths[~longer]).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_lines_of_another_company_are_those_of_the_same_codes_in_the_own_charts_order(family, seed):
    columns, catalog = family.corpus.rows, family.corpus.catalog
    draw = np.random.default_rng(seed)
    hit = draw.integers(len(columns), size=(12, 8))
    entity = draw.integers(len(catalog.entities), size=12)
    lines = neighbor_lines(columns, hit, entity, catalog, made_up.MAX_LINES)
    entries = family.entries.to_pylist()
    for query in range(12):
        start, stop = catalog.offsets[entity[query]], catalog.offsets[entity[query] + 1]
        chart = set(catalog.accounts["code"].to_pylist()[start:stop])
        for place in range(8):
            booked = entries[hit[query, place]]["lines"]
            codes = {line["account"] for line in booked}
            tokens = lines[query, place][lines[query, place] != NOTHING]
            expected = [f"{line['side']}{line['account']}" for line in booked] if codes <= chart else []
            assert sorted(spelled_as(family, tokens)) == sorted(expected)
            assert ((start <= tokens // 2) & (tokens // 2 < stop)).all()
            ranks = catalog.token_rank.reshape(-1)[tokens]
            assert (np.diff(ranks) >= 0).all()
            assert (lines[query, place][len(tokens) :] == NOTHING).all()


def test_a_neighbors_lines_come_in_another_order_where_the_other_company_has_another(family):
    names = family.corpus.catalog.entities
    rows = np.flatnonzero(family.corpus.rows.entity == names.index("alder"))
    bought = next(r for r in rows if family.entries["description"][r].as_py().startswith("supplier acme"))
    hit = np.full((2, 1), bought)
    both = np.array([names.index("alder"), names.index("ash")])
    alders, ashs = neighbor_lines(family.corpus.rows, hit, both, family.corpus.catalog, made_up.MAX_LINES)[:, 0]
    assert spelled_as(family, alders) == ["D2641", "D5010", "C2440"]
    assert spelled_as(family, ashs) == ["D5010", "D2641", "C2440"]


def test_an_entry_of_a_company_that_is_not_known_has_no_lines_of_others(family):
    rows = np.arange(10)[:, None]
    unknown = np.full(10, NOTHING)
    assert (neighbor_lines(family.corpus.rows, rows, unknown, family.corpus.catalog, 6) == NOTHING).all()


@settings(deadline=None)
@given(sets=st.lists(st.lists(st.integers(0, 5), max_size=5), min_size=1, max_size=12), seed=st.integers(0, 99))
def test_a_sets_key_is_that_of_its_lines_in_any_order_and_of_no_other_set(sets, seed):
    draw = np.random.default_rng(seed)
    tokens = np.full((len(sets), 6), NOTHING)
    for row, one in enumerate(sets):
        tokens[row, draw.permutation(6)[: len(one)]] = one
    keys = set_key(tokens)
    assert keys.dtype == np.uint64
    for row, one in enumerate(sets):
        assert (keys[row] == 0) == (not one)
        for other, another in enumerate(sets):
            assert (keys[row] == keys[other]) == (sorted(one) == sorted(another))


def test_the_keys_of_entries_are_those_of_their_lines(family):
    columns, rows = family.corpus.rows, np.arange(len(family.corpus.rows))
    lines = neighbor_lines(columns, rows[:, None], columns.entity, family.corpus.catalog, made_up.MAX_LINES)[
        :, 0
    ]
    assert np.array_equal(columns.set_keys, set_key(lines))


def test_lines_are_brought_into_the_catalogs_order_and_padding_to_the_end(family):
    columns = family.corpus.rows
    lines = neighbor_lines(
        columns, np.arange(len(columns))[:, None], columns.entity, family.corpus.catalog, made_up.MAX_LINES
    )
    mixed = np.random.default_rng(0).permuted(lines, axis=2)
    assert not np.array_equal(mixed, lines)
    assert np.array_equal(in_order(mixed, family.corpus.catalog), lines)


amounts = st.one_of(st.none(), st.integers(1, 30).map(lambda quarters: Decimal(quarters) / 4))


@settings(max_examples=50, deadline=None)
@given(
    booked=st.lists(
        st.lists(st.tuples(st.sampled_from(["D30", "D40", "C10", "C60"]), amounts), min_size=1, max_size=6),
        min_size=1,
        max_size=4,
    )
)
def test_an_amount_stands_beside_its_line_and_of_equal_lines_the_larger_one_first(data, booked):
    rows = []
    for number, lines in enumerate(booked):
        row = made_up.entry("birch", str(number), number, "rent", " ".join(word for word, _ in lines))
        for line, (_, amount) in zip(row["lines"], lines, strict=True):
            line["amount"] = amount
        rows.append(row)
    columns = entry_columns(made_up.entries_table(rows), data.corpus.catalog, data.corpus.store)
    assert len(columns.amounts) == len(columns.tokens)
    for number, lines in enumerate(booked):
        own = slice(columns.offsets[number], columns.offsets[number + 1])
        words = spelled_as(data, columns.tokens[own])
        pairs = list(zip(words, columns.amounts[own].tolist(), strict=True))
        given = [(word, float("nan") if amount is None else float(amount)) for word, amount in lines]
        assert sorted(map(repr, pairs)) == sorted(map(repr, given))
        for (word, amount), (after, smaller) in pairwise(pairs):
            assert word != after or np.isnan(smaller) or amount >= smaller


def test_totals_are_in_major_units_and_unknown_ones_are_not_numbers(data):
    rows = [
        made_up.entry("birch", "1", 0, "rent", "D30 C10", "100.25"),
        made_up.entry("birch", "2", 1, "rent", "D30 C10", None),
    ]
    columns = entry_columns(made_up.entries_table(rows), data.corpus.catalog, data.corpus.store)
    assert columns.total[0] == 100.25
    assert np.isnan(columns.total[1])
    assert columns.log_amount[0] == pytest.approx(np.log1p(100.25))
    assert np.isnan(columns.log_amount[1])
