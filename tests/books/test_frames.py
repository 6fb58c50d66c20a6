"""Rows of a notebook's frame are read by the rules of JSONL, with the kinds of values that frames hold."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from jet.books.frames import entries_of

LINES = [{"account": "5010", "side": "D", "amount": 80.0}, {"account": "1930", "side": "C", "amount": 80.0}]


def entry(**changes):
    return {"date": "2025-01-31", "description": "Rent"} | changes


def read(*rows, entities=("acme",)):
    return entries_of(list(rows), entities).entries.to_pylist()


@pytest.mark.parametrize(
    "day",
    [
        "2025-01-31",
        datetime.date(2025, 1, 31),
        datetime.datetime(2025, 1, 31, 23, 59),
        np.datetime64("2025-01-31"),
    ],
)
def test_a_day_is_read_from_whatever_frames_hold(day):
    [found] = read(entry(date=day))
    assert found["date"] == datetime.date(2025, 1, 31)


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (80, "80"),
        (80.0, "80"),
        (0.1 + 0.2, "0.3"),  # without the noise of a float's last digits
        (np.float64(12.34), "12.34"),
        (Decimal("12.34"), "12.34"),
        ("12.34", "12.34"),
        (float("nan"), None),
        (None, None),
    ],
)
def test_a_total_is_a_decimal_and_missing_ones_are_not_known(total, expected):
    [found] = read(entry(total=total))
    assert found["total"] == (None if expected is None else Decimal(expected))


def test_a_code_that_a_frame_made_a_float_is_the_code_again():
    lines = [{**line, "account": float(line["account"])} for line in LINES]
    [found] = read(entry(lines=lines))
    assert [line["account"] for line in found["lines"]] == ["5010", "1930"]


def test_rows_without_an_id_get_the_same_one_whenever_they_are_read():
    first, again = (read(entry(), entry(), entry(description="Other")) for _ in range(2))
    assert [row["entry_id"] for row in first] == [row["entry_id"] for row in again]
    assert len({row["entry_id"] for row in first}) == 3


def test_a_minus_is_the_direction_of_money_as_in_jsonl():
    assert [row["direction"] for row in read(entry(total=-5), entry(total=5))] == ["out", "in"]


def test_the_lines_of_a_prediction_are_lines():
    predicted = [{**line, "name": "Rent", "probability": 0.5, "guess": False} for line in LINES]
    tables = entries_of([entry(lines=predicted)], ["acme"])
    assert tables.entries["lines"].to_pylist()[0][0]["amount"] == Decimal(80)
    assert tables.accounts["name"].to_pylist() == ["Rent", "Rent"]


def test_lines_that_do_not_balance_teach_accounts_and_sides_and_the_row_is_told(caplog):
    [found] = read(entry(lines=[LINES[0], {**LINES[1], "amount": 70}]))
    assert [line["amount"] for line in found["lines"]] == [None, None]
    assert "row 1 of the frame: " in caplog.text


def test_all_rows_that_cannot_be_read_are_counted_and_the_first_ones_told():
    rows = [entry(), *(entry(date="someday") for _ in range(5))]
    with pytest.raises(ValueError, match=r"^5 rows of .* can't be read .*: row 2: .*; row 3: .*; row 4: "):
        read(*rows)


def test_a_column_of_another_meaning_is_left_alone():
    [found] = read(entry(type="invoice", color="red"))
    assert found["description"] == "Rent"


def test_a_row_without_an_entity_is_of_the_only_one_or_refused():
    assert [row["entity"] for row in read(entry(entity="other"), entry())] == ["other", "acme"]
    two = ("acme", "other")
    assert [row["entity"] for row in read(entry(entity="other"), entities=two)] == ["other"]
    with pytest.raises(ValueError, match="row 2 of the frame has no entity, and there are 2 that it"):
        read(entry(entity="other"), entry(), entities=two)


def test_an_arrow_table_without_rows_is_no_entries():
    empty = pa.table({"date": pa.array([], pa.date32()), "description": pa.array([], pa.string())})
    assert len(entries_of(empty, ["acme"]).entries) == 0
