"""Bank statements in tables: each row is an entry to predict, of which the bank's line is known."""

from __future__ import annotations

import datetime
from decimal import Decimal
from io import BytesIO

import pytest
from counting import lines_of, only

from jet.books.checks import Rule
from jet.books.importers import Entry, ImportSettings, Line, Rejection, Source, UnreadableFile
from jet.books.importers.tabular import TabularImporter

SIGNED = """Booked,Payee,Purpose,Amount,Balance
31/01/2025,Office Landlord,Rent,"-1,200.00",800.00
31/01/2025,Office Landlord,Rent,"-1,200.00",-400.00
01/02/2025,Ann,Invoice 7,450.00,50.00
"""
COLUMNS = {"date": "Booked", "description": "Payee", "text": "Purpose", "amount": "Amount"}
OURS = {"": "1930"}


def read(text, **options):
    settings = ImportSettings(**({"bank_accounts": OURS, "entity": "Acme"} | options))
    return list(TabularImporter().records(Source("bank.csv", BytesIO(text.encode())), settings))


def test_a_row_needs_no_id_and_its_sign_is_the_side_of_the_banks_line():
    records = read(SIGNED, columns=COLUMNS, default_currency="EUR")
    rent, again, paid = only(Entry, records)
    assert rent.known_lines == [Line("1930", "C", Decimal(1200), "EUR")]
    assert (rent.direction, rent.total, rent.lines, rent.file_line) == ("out", None, None, 2)
    assert (rent.date, rent.description) == (datetime.date(2025, 1, 31), "Office Landlord Rent")
    assert rent.entry_id == again.entry_id  # the import makes ids of one run different
    assert paid.known_lines == [Line("1930", "D", Decimal(450), "EUR")]
    assert lines_of(records) == 4


def test_a_statement_of_payments_in_alone_has_positive_amounts():
    (paid,) = only(Entry, read("date,description,amount\n2025-02-01,Ann,450.00\n"))
    assert (paid.direction, paid.known_lines) == ("in", [Line("1930", "D", Decimal(450), "")])


def test_two_columns_of_amounts_are_what_comes_in_and_what_goes_out():
    text = "Date;Text;Paid out;Paid in\n2025-01-31;Rent;1200,00;\n2025-02-01;Ann;;450,00\n"
    columns = {"date": "Date", "description": "Text", "debit": "Paid in", "credit": "Paid out"}
    rent, paid = only(Entry, read(text, columns=columns))
    assert rent.known_lines == [Line("1930", "C", Decimal(1200), "")]
    assert paid.known_lines == [Line("1930", "D", Decimal(450), "")]


def test_a_column_of_bank_accounts_tells_the_account_and_ids_stay():
    text = "IBAN,Id,Date,Text,Amount\nDE 1,a,2025-01-31,Rent,-12.00\nDE2,b,2025-01-31,Rent,-12.00\n"
    columns = {
        "entry_id": "Id",
        "date": "Date",
        "description": "Text",
        "amount": "Amount",
        "bank_account": "IBAN",
    }
    records = read(text, columns=columns, bank_accounts={"DE1": "1930"})
    (rent,) = only(Entry, records)
    assert (rent.entry_id, rent.known_lines) == ("a", [Line("1930", "C", Decimal(12), "")])
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line) == (Rule.UNKNOWN_ACCOUNT, 3)
    assert "DE2" in rejection.message


def test_an_amount_that_says_no_direction_is_rejected_and_one_beside_it_read():
    text = "date,description,amount,direction\n2025-01-31,Rent,12.00,\n2025-01-31,Ann,5.00,in\n"
    records = read(text)
    assert [each.known_lines for each in only(Entry, records)] == [[Line("1930", "D", Decimal(5), "")]]
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line) == (Rule.BAD_SIDE, 2)
    assert "ingest.columns" in rejection.message


def test_booked_rows_still_need_an_id():
    (rejection,) = only(Rejection, read("date,description,account,amount\n2025-01-31,Rent,5010,12.00\n"))
    assert rejection.rule == Rule.MISSING_ID


def test_a_table_needs_ids_where_no_bank_account_is_named_for_it():
    with pytest.raises(UnreadableFile, match="'entry_id' for entry_id"):
        read(SIGNED, columns=COLUMNS, bank_accounts={"DE1": "1930"})
