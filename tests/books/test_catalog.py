"""The catalog: companies are slices, tokens have an order, content has a fingerprint."""

from __future__ import annotations

from datetime import date, timedelta

import made_up
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jet.artifacts.tables import SchemaError
from jet.books.catalog import MAX_DEPTH, Catalog
from jet.books.schema import ACCOUNTS

account = made_up.account


def catalog_of(*rows):
    return Catalog.from_accounts(made_up.accounts_table(rows))


def days(day):
    return (day - date(1970, 1, 1)).days


def test_a_companys_accounts_are_one_slice_sorted_by_code():
    catalog = catalog_of(
        account("b", "20"), account("a", "2"), account("b", "3"), account("ä", "1"), account("a", "10")
    )
    assert catalog.entities == ["a", "b", "ä"]
    assert catalog.offsets.tolist() == [0, 2, 4, 5]
    found = [
        catalog.accounts["code"].to_pylist()[start:stop]
        for start, stop in zip(catalog.offsets[:-1], catalog.offsets[1:], strict=True)
    ]
    assert found == [["10", "2"], ["20", "3"], ["1"]]
    assert len(catalog) == 5


def test_an_account_is_found_by_company_and_code_only():
    catalog = catalog_of(account("a", "1"), account("b", "1"), account("b", "2"))
    rows = catalog.rows(pa.array(["b", "a", "a", "c"]), pa.array(["1", "1", "2", "1"]))
    assert rows.tolist() == [1, 0, -1, -1]
    assert catalog.entity_numbers(pa.array(["b", "c", "a"])).tolist() == [1, -1, 0]


def test_tokens_are_ordered_debits_first_then_by_how_often_they_were_booked():
    catalog = catalog_of(account("a", "1"), account("a", "2"), account("b", "1"), account("b", "2"))
    # Of a: account 2 debited twice, 1 once; 1 credited once. Of b: account 2 credited.
    catalog = catalog.with_booked(np.array([2, 2, 0, 1, 7]))
    assert catalog.booked.tolist() == [[1, 1], [2, 0], [0, 0], [0, 1]]
    assert catalog.token_rank.tolist() == [[1, 2], [0, 3], [0, 3], [1, 2]]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), sizes=st.lists(st.integers(1, 6), min_size=1, max_size=4))
def test_the_token_order_of_each_company_is_a_permutation_with_debits_first(seed, sizes):
    rows = [account(f"e{e}", str(c)) for e, size in enumerate(sizes) for c in range(size)]
    draw = np.random.default_rng(seed)
    catalog = catalog_of(*rows).with_booked(draw.integers(0, 2 * len(rows), 20))
    for start, stop in zip(catalog.offsets[:-1], catalog.offsets[1:], strict=True):
        rank, booked = catalog.token_rank[start:stop], catalog.booked[start:stop]
        size = stop - start
        assert sorted(rank.ravel().tolist()) == list(range(2 * size))
        assert rank[:, 0].max() < rank[:, 1].min()
        for side in (0, 1):
            in_order = booked[np.argsort(rank[:, side]), side]
            assert (np.diff(in_order) <= 0).all()


def test_an_account_is_open_from_its_first_to_its_last_day():
    first, last = date(2024, 1, 10), date(2024, 3, 31)
    catalog = catalog_of(
        account("a", "1"),
        account("a", "2", opened=first),
        account("a", "3", closed=last),
        account("a", "4", opened=first, closed=first),
    )
    when = [first - timedelta(days=1), first, last, last + timedelta(days=1)]
    found = catalog.is_open(np.arange(4)[:, None], np.array([days(day) for day in when], dtype=np.int32))
    assert found.tolist() == [
        [True, True, True, True],
        [False, True, True, True],
        [True, True, True, False],
        [False, True, False, False],
    ]


def test_an_account_that_closes_before_it_opens_is_an_error_that_names_it():
    with pytest.raises(ValueError, match=r"account 7 of a closes on 2024-01-01.*opens on 2024-01-02"):
        catalog_of(account("a", "7", opened=date(2024, 1, 2), closed=date(2024, 1, 1)))


def test_an_account_listed_twice_is_one_and_the_row_with_a_name_wins_then_the_last():
    catalog = catalog_of(
        account("a", "1", "Bank"),
        account("a", "1"),  # a chart repeated in another file, without names
        account("a", "2", "Old name"),
        account("a", "2", "New name", nature="asset"),
        account("b", "1", "Cash"),
        account("a", "3"),
        account("a", "3", nature="income"),
    )
    found = [(r["entity"], r["code"], r["name"], r["nature"]) for r in catalog.accounts.to_pylist()]
    assert found == [
        ("a", "1", "Bank", None),
        ("a", "2", "New name", "asset"),
        ("a", "3", "", "income"),
        ("b", "1", "Cash", None),
    ]


def test_a_text_is_code_name_parents_and_nature():
    catalog = catalog_of(
        account("a", "19", "Liquid assets", nature="asset"),
        account("a", "193", "Banks", parent="19"),
        account("a", "1930", "Bank", parent="193", nature="asset"),
        account("a", "Assets:Cash", "Assets:Cash"),
        account("a", "55", "Repairs", parent="5"),  # the chart doesn't list its parent
        account("a", "6", ""),
        account("b", "19", "Another company's"),
    )
    found = dict(zip(catalog.accounts["code"].to_pylist()[:6], catalog.texts(), strict=False))
    assert found["1930"] == "1930 | Bank | Banks | Liquid assets | asset"
    assert found["193"] == "193 | Banks | Liquid assets"
    assert found["Assets:Cash"] == "Assets:Cash"
    assert found["55"] == "55 | Repairs | 5"
    assert found["6"] == "6"


@pytest.mark.timeout(20)
def test_charts_with_a_cycle_of_parents_come_to_an_end():
    catalog = catalog_of(
        account("a", "1", "one", parent="2"),
        account("a", "2", "two", parent="3"),
        account("a", "3", "three", parent="1"),
        account("a", "4", "four", parent="4"),
    )
    assert catalog.texts() == [
        "1 | one | two | three",
        "2 | two | three | one",
        "3 | three | one | two",
        "4 | four",
    ]


def test_a_very_deep_chart_names_the_nearest_parents():
    rows = [account("a", "0", "n0")] + [account("a", str(i), f"n{i}", parent=str(i - 1)) for i in range(1, 30)]
    texts = catalog_of(*rows).texts()
    deepest = max(texts, key=lambda text: text.startswith("29 "))
    assert deepest.split(" | ") == ["29", "n29"] + [f"n{28 - i}" for i in range(MAX_DEPTH)]


BASE = [
    account("a", "1", "Bank", nature="asset", opened=date(2020, 1, 1)),
    account("a", "2", "Sales", parent="1", closed=date(2030, 1, 1)),
    account("b", "1", "Cash"),
]
short = st.text(st.characters(codec="utf-8", exclude_characters="\x1f"), max_size=4)
dates = st.one_of(st.none(), st.dates(date(2000, 1, 1), date(2019, 1, 1)))
VALUES = {
    "entity": short,
    "code": short,
    "name": short,
    "parent": st.one_of(st.none(), short),
    "nature": st.sampled_from([None, "asset", "income"]),
    "opened": dates,
    "closed": st.one_of(st.none(), st.dates(date(2031, 1, 1), date(2040, 1, 1))),
}


@settings(max_examples=150, deadline=None)
@given(data=st.data(), row=st.integers(0, 2), name=st.sampled_from(sorted(VALUES)))
def test_any_change_of_content_changes_the_fingerprint_and_no_change_does_not(data, row, name):
    changed = [dict(r) for r in BASE]
    changed[row][name] = data.draw(VALUES[name])
    before, after = catalog_of(*BASE), catalog_of(*changed)
    if before.accounts.equals(after.accounts):
        assert before.fingerprint == after.fingerprint
    else:
        assert before.fingerprint != after.fingerprint


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(made_up.chart_rows()))))
def test_the_order_of_the_rows_changes_nothing(order):
    rows = made_up.chart_rows()
    plain, shuffled = catalog_of(*rows), catalog_of(*[rows[i] for i in order])
    assert plain.fingerprint == shuffled.fingerprint
    assert plain.accounts.equals(shuffled.accounts)


def test_the_token_order_is_content():
    catalog = catalog_of(*BASE)
    prints = {
        catalog.with_booked(np.array(tokens, dtype=np.int64)).fingerprint for tokens in ([], [0], [1], [0, 0])
    }
    assert len(prints) == 4
    assert catalog.fingerprint in prints  # no counts are no counts


def test_a_value_that_moves_to_the_next_column_is_another_catalog():
    one = catalog_of(account("a", "1", "x", parent="y"))
    other = catalog_of(account("a", "1", "y", parent="x"))
    assert one.fingerprint != other.fingerprint


def test_a_table_that_is_no_chart_is_refused():
    with pytest.raises(SchemaError, match="accounts: column 'code'"):
        Catalog.from_accounts(made_up.accounts_table(BASE).drop_columns(["code"]))


def test_no_accounts_are_an_empty_catalog():
    catalog = Catalog.from_accounts(ACCOUNTS.empty_table())
    assert len(catalog) == 0
    assert catalog.entities == []
    assert catalog.texts() == []
    assert catalog.offsets.tolist() == [0]


codes_of = st.lists(st.sampled_from(["1", "01", "10", "2", "1930", "a", "A", "å"]), unique=True, max_size=6)


@settings(deadline=None)
@given(charts=st.lists(codes_of, min_size=1, max_size=4), asked=st.lists(st.integers(-1, 23)), data=st.data())
def test_an_account_is_translated_to_the_one_with_the_same_code(charts, asked, data):
    rows = [account(f"e{e}", code) for e, codes in enumerate(charts) for code in codes]
    catalog = catalog_of(*rows)
    by_key = {(row["entity"], row["code"]): number for number, row in enumerate(catalog.accounts.to_pylist())}
    codes = catalog.accounts["code"].to_pylist()
    asked = np.array([row for row in asked if row < len(catalog)], dtype=np.int64)
    entity = np.array([data.draw(st.integers(-1, len(catalog.entities))) for _ in asked], dtype=np.int64)

    def expected(row, number):
        if row < 0 or not 0 <= number < len(catalog.entities):
            return -1
        return by_key.get((catalog.entities[number], codes[row]), -1)

    pairs = zip(asked.tolist(), entity.tolist(), strict=True)
    assert catalog.translate(asked, entity).tolist() == [expected(*pair) for pair in pairs]
    for number in range(-1, len(catalog.entities)):
        table = catalog.translate(asked[:, None], np.array([number, 0]))
        assert table.shape == (len(asked), 2)
        assert table[:, 0].tolist() == [expected(row, number) for row in asked.tolist()]
        assert np.array_equal(catalog.translate(asked, number), table[:, 0])


@settings(max_examples=50, deadline=None)
@given(charts=st.lists(codes_of, min_size=1, max_size=4))
def test_there_and_back_is_the_same_account_and_home_is_no_journey(charts):
    catalog = catalog_of(*[account(f"e{e}", code) for e, codes in enumerate(charts) for code in codes])
    rows = np.arange(len(catalog))
    home = np.repeat(np.arange(len(catalog.entities)), np.diff(catalog.offsets))
    assert np.array_equal(catalog.translate(rows, home), rows)
    for other in range(len(catalog.entities)):
        there = catalog.translate(rows, other)
        back = catalog.translate(there, home)
        assert np.array_equal(back, np.where(there >= 0, rows, -1))


def test_codes_are_numbered_alike_where_they_are_the_same():
    catalog = catalog_of(account("a", "1"), account("a", "2"), account("b", "2"), account("b", "02"))
    one, two, other, again = catalog.code_numbers  # a 1, a 2, b 02, b 2
    assert two == again
    assert len({one, two, other}) == 3


def test_an_empty_catalog_translates_nothing():
    empty = Catalog.from_accounts(ACCOUNTS.empty_table())
    assert empty.translate(np.array([-1, -1]), 0).tolist() == [-1, -1]
    assert empty.code_numbers.shape == (0,)
