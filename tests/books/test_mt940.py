"""Bank statements in MT940: entries to predict, of which the bank's line is known."""

from __future__ import annotations

import datetime
from decimal import Decimal
from io import BytesIO

import pytest
from bank_statements import IBAN, MT940
from counting import lines_of, only

from jet.books.checks import Rule
from jet.books.importers import Entry, ImportSettings, Line, Rejection, Source
from jet.books.importers.mt940 import Mt940Importer


def read(text, **options):
    settings = ImportSettings(**({"bank_accounts": {IBAN: "1800"}} | options))
    return list(Mt940Importer().records(Source("bank/acme.sta", BytesIO(text.encode())), settings))


def test_each_line_is_an_entry_to_predict_with_the_banks_line_known():
    rent, back, interest = only(Entry, read(MT940))
    assert rent.lines is None
    assert (rent.entity, rent.date, rent.currency) == ("acme", datetime.date(2025, 1, 31), "EUR")
    assert rent.description == "Office Landlord Rent January"
    assert (rent.direction, rent.file_line, rent.file_lines) == ("out", 6, 2)
    assert rent.known_lines == [Line("1800", "C", Decimal(1200), "EUR")]
    assert back.known_lines == [Line("1800", "C", Decimal("80.1"), "EUR")]  # a credit that was taken back
    assert (back.description, back.file_lines) == ("Taken back with two lines", 4)
    assert interest.known_lines == [Line("1800", "D", Decimal(5), "EUR")]
    assert (interest.date, interest.description) == (datetime.date(2024, 12, 30), "INTEREST")


def test_every_line_is_counted_and_balances_that_add_up_say_nothing():
    records = read(MT940)
    assert only(Rejection, records) == []
    assert lines_of(records) == MT940.count("\n")


def test_lines_that_do_not_add_up_to_the_closing_balance_are_used_and_told():
    (rejection,) = only(Rejection, read(MT940.replace("724,90", "724,91")))
    assert (rejection.rule, rejection.used_for, rejection.file_line) == (Rule.INCONSISTENT, "all", 13)
    assert "724.9" in rejection.message


def test_an_entry_date_is_in_the_year_nearest_to_the_value_date():
    (first, *_) = only(Entry, read(MT940.replace(":61:2501310131", ":61:2501021231")))
    assert first.date == datetime.date(2024, 12, 31)
    (first, *_) = only(Entry, read(MT940.replace(":61:2501310131", ":61:2412310102")))
    assert first.date == datetime.date(2025, 1, 2)


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (f":25:{IBAN}", ":25:10020030/1234", Rule.UNKNOWN_ACCOUNT),
        ("D1200,00NTRF", "X1200,00NTRF", Rule.MALFORMED),
        (":61:2501310131", ":61:2513310131", Rule.BAD_DATE),
    ],
)
def test_what_cant_be_read_is_rejected_with_its_line(old, new, rule):
    rejection = only(Rejection, read(MT940.replace(old, new)))[0]
    assert (rejection.rule, rejection.file_line, rejection.file_lines) == (rule, 6, 2)
