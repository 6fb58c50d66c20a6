"""The importer of CSV, TSV and parquet tables."""

import csv
import datetime
import io
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from counting import only
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.checks import Rule
from jet.books.importers import (
    Account,
    Entry,
    FileEnd,
    ImportSettings,
    Line,
    Passed,
    Rejection,
    Source,
    UnreadableFile,
)
from jet.books.importers.common import parse_date
from jet.books.importers.tabular import TabularImporter

HEADER = "entry_id,date,description,account,account_name,side,amount,text\n"
BOTH = "1,2020-01-31,Bröd,5410,Förbrukning,D,80.10,x\n1,2020-01-31,Bröd,1930,,C,80.1,\n"


def read_bytes(data, file="books/book.csv", **options):
    return list(TabularImporter().records(Source(file, io.BytesIO(data)), ImportSettings(**options)))


def read(text, **options):
    return read_bytes(text.encode(), **options)


def read_parquet(columns, **options):
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return read_bytes(sink.getvalue(), file="books/book.parquet", **options)


def sides(records):
    (entry,) = only(Entry, records)
    return [(line.account, line.side, line.amount) for line in entry.lines]


def test_adjacent_rows_become_an_entry():
    records = read(HEADER + BOTH + "2,20200201,next,,,,,\n")
    first, second = only(Entry, records)
    assert first == Entry(
        entity="book",
        entry_id="1",
        date=datetime.date(2020, 1, 31),
        description="Bröd",
        currency="",
        journal="",
        total=Decimal("80.1"),
        lines=[Line("5410", "D", Decimal("80.1"), "", "x"), Line("1930", "C", Decimal("80.1"))],
        file="books/book.csv",
        file_line=2,
        file_lines=2,
    )
    assert (second.lines, second.file_line) == (None, 4)
    assert only(Account, records) == [Account("book", "5410", "Förbrukning"), Account("book", "1930", "")]


def test_columns_are_called_as_the_settings_say():
    text = (
        "Nr;Datum;Text;Konto;Belopp;Firma;Valuta\n"
        "1;31.01.2020;Bröd;5410;1.080,10;E;SEK\n"
        "1;31.01.2020;;1930;-1 080,10;E;\n"
    )
    columns = {
        "entry_id": "Nr",
        "date": "Datum",
        "description": "Text",
        "account": "Konto",
        "amount": "Belopp",
        "entity": "Firma",
        "currency": "Valuta",
    }
    records = read(text, columns=columns, date_format="%d.%m.%Y", decimal_comma=True)
    assert sides(records) == [("5410", "D", Decimal("1080.10")), ("1930", "C", Decimal("1080.10"))]
    (entry,) = only(Entry, records)
    assert (entry.entity, entry.currency, entry.lines[1].currency) == ("E", "SEK", "SEK")


def test_debit_and_credit_come_as_two_columns():
    text = (
        "entry_id\tdate\tdescription\taccount\tdebit\tcredit\n"
        "1\t2020-01-31\tx\t1\t5.00\t\n"
        "1\t2020-01-31\tx\t2\t0\t5\n"
        "1\t2020-01-31\tx\t3\t0\t0\n"
    )
    assert sides(read(text)) == [("1", "D", 5), ("2", "C", 5)]


@pytest.mark.parametrize("word", ["D", "d", "debit", "DR"])
def test_sides_come_in_words(word):
    assert sides(read(HEADER + f"1,2020-01-31,x,1,,{word},5,\n")) == [("1", "D", 5)]


def test_an_amount_may_be_unknown():
    (entry,) = only(Entry, read(HEADER + "1,2020-01-31,x,1,,D,,\n1,2020-01-31,x,2,,C,,\n"))
    assert [line.amount for line in entry.lines] == [None, None]
    assert entry.total is None


def test_an_entry_to_predict_may_have_a_total_and_no_columns_for_lines():
    records = read('entry_id,date,description,total\n1,2020-01-31,"a, ""b""\nc","1,234.50"\n')
    (entry,) = only(Entry, records)
    assert (entry.lines, entry.total, entry.description) == (None, Decimal("1234.50"), 'a, "b"\nc')


def test_every_row_without_an_id_is_rejected_by_itself():
    records = read(HEADER + ",2020-01-31,x,1,,D,5,\n" * 3)
    assert [record.file_line for record in only(Rejection, records)] == [2, 3, 4]


def test_an_id_that_comes_back_is_rejected():
    records = read(HEADER + BOTH + "2,2020-01-31,x,,,,,\n" + BOTH)
    assert [entry.entry_id for entry in only(Entry, records)] == ["1", "2"]
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line, rejection.entry_id) == (Rule.NOT_ADJACENT, 5, "1")


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (",2020-01-31,x,1,,D,5,\n", Rule.MISSING_ID),
        ("9,31.13.2020,x,1,,D,5,\n", Rule.BAD_DATE),
        ("9,,x,1,,D,5,\n", Rule.BAD_DATE),
        ("9,2020-01-31,x,1,,,5,\n", Rule.BAD_SIDE),
        ("9,2020-01-31,x,1,,D,five,\n", Rule.BAD_AMOUNT),
        ("9,2020-01-31,x,1,,D,1e30,\n", Rule.BAD_AMOUNT),
        ("9,2020-01-31,x,1,,D,5,t,more\n", Rule.MALFORMED),
        ("9,2020-01-31,x,1,,D,5,\n9,2020-02-01,x,2,,C,5,\n", Rule.INCONSISTENT),
        ('9,2020-01-31,"' + "x" * 200_000 + '",1,,D,5,\n', Rule.MALFORMED),
    ],
)
def test_rows_that_break_a_rule_are_rejected_and_the_rest_goes_on(rows, rule):
    records = read(HEADER + rows + BOTH)
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line) == (rule, 2)
    assert len(only(Entry, records)) == 1


@pytest.mark.parametrize(
    ("cells", "rule"), [("5,5", Rule.BAD_SIDE), (",", Rule.BAD_SIDE), ("-5,-5", Rule.BAD_SIDE)]
)
def test_a_line_has_a_debit_or_a_credit(cells, rule):
    text = f"entry_id,date,description,account,debit,credit\n1,2020-01-31,x,1,{cells}\n"
    assert [record.rule for record in only(Rejection, read(text))] == [rule]


@pytest.mark.parametrize(
    ("header", "options", "names"),
    [
        ("id,date,description", {}, ["entry_id", "id, date", "columns"]),
        ("entry_id,date,description", {"columns": {"account": "Konto"}}, ["Konto", "account", "columns"]),
        ("entry_id,date,description,account", {}, ["side", "debit", "columns"]),
        ("entry_id,date,date,description", {}, ["date", "more than once"]),
        ("entry_id,da\rte", {}, ["date", "columns"]),
    ],
)
def test_missing_columns_name_what_there_is_and_the_setting(header, options, names):
    with pytest.raises(UnreadableFile) as error:
        read(f"{header}\n1,2,3\n", **options)
    assert all(name in str(error.value) for name in ["books/book.csv", *names])


def test_empty_rows_and_short_rows_are_fine():
    (entry,) = only(Entry, read(HEADER + "\n,,,,,,,\n1,2020-01-31,x\n"))
    assert (entry.lines, entry.file_line) == (None, 4)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_newlines_of_spreadsheets_are_read(encoding, newline):
    records = read_bytes((HEADER + BOTH).replace("\n", newline).encode(encoding))
    assert only(Entry, records)[0].description == "Bröd"


def test_parquet_columns_keep_their_types():
    day = datetime.date(2020, 1, 31)
    records = read_parquet(
        {
            "entry_id": pa.array([1, 1, 2, 3]),
            "date": pa.array([day] * 4),
            "description": ["x", None, "y", "z"],
            "account": pa.array([5410.0, 1930.0, None, float("nan")]),
            "amount": pa.array([0.1 + 0.2, -0.3, None, float("nan")]),
            "unused": pa.array([b"a", b"b", b"c", b"d"]),
        }
    )
    first, second, third = only(Entry, records)
    assert [(line.account, line.side, line.amount) for line in first.lines] == [
        ("5410", "D", Decimal("0.3")),
        ("1930", "C", Decimal("0.3")),
    ]
    assert (second.lines, third.lines, third.entry_id) == (None, None, "3")
    assert [entry.file_line for entry in (first, second, third)] == [1, 3, 4]


def test_parquet_decimals_and_timestamps_are_exact():
    records = read_parquet(
        {
            "entry_id": ["1", "1"],
            "date": pa.array([datetime.datetime(2020, 1, 31, 23)] * 2),
            "description": pa.array(["x", "x"]).dictionary_encode(),
            "account": [5410, 1930],
            "side": ["D", "C"],
            "amount": pa.array([Decimal("80.10")] * 2, pa.decimal128(10, 2)),
        }
    )
    assert sides(records) == [("5410", "D", Decimal("80.1")), ("1930", "C", Decimal("80.1"))]


def test_parquet_cells_that_cannot_be_used_reject_their_entry():
    base = {"date": ["2020-01-31"], "description": ["x"], "account": ["1"], "side": ["D"]}
    for changes, rule in (
        ({"entry_id": [b"1"], "amount": [1]}, Rule.MISSING_ID),
        ({"entry_id": ["1"], "amount": [True]}, Rule.BAD_AMOUNT),
        ({"entry_id": ["1"], "amount": [[1]]}, Rule.BAD_AMOUNT),
    ):
        assert [record.rule for record in only(Rejection, read_parquet(base | changes))] == [rule]


def test_a_broken_parquet_file_is_unreadable():
    sink = io.BytesIO()
    pq.write_table(pa.table({"entry_id": ["1"], "date": ["2020-01-31"], "description": ["x"]}), sink)
    with pytest.raises(UnreadableFile, match=r"book\.csv: .*can't be read"):
        read_bytes(sink.getvalue()[:-20])
    with pytest.raises(UnreadableFile):
        read_bytes(b"PAR1" * 10)


def test_files_are_recognized_by_content_too():
    importer = TabularImporter()
    assert importer.recognizes("x.txt", b"Id;Date;Text\n1;2;3\n")
    assert importer.recognizes("x", b"PAR1\0\0")
    assert not importer.recognizes("x.txt", b"Dear reader, up to date, we are not.\n"[:20])


@given(st.dates())
def test_dates_come_back(date):
    assert parse_date(date.isoformat()) == parse_date(date.isoformat().replace("-", "")) == date


texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=12).map(str.strip)
lines = st.builds(
    Line,
    account=texts.filter(bool),
    side=st.sampled_from(["D", "C"]),
    amount=st.decimals(min_value=0, max_value=10**9, places=2),
    currency=st.sampled_from(["SEK", "EUR"]),
    text=texts,
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(lines, min_size=1, max_size=5), max_size=4),
    st.sampled_from(",;\t|"),
)
def test_entries_that_are_written_come_back(entries, delimiter):
    sink = io.StringIO()
    writer = csv.writer(sink, delimiter=delimiter)
    writer.writerow(["entry_id", "date", "description", "account", "side", "amount", "currency", "text"])
    for number, rows in enumerate(entries):
        for x in rows:
            writer.writerow([number, "2020-01-31", "d", x.account, x.side, x.amount, x.currency, x.text])
    assert [entry.lines for entry in only(Entry, read(sink.getvalue()))] == entries


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([HEADER.encode(), b"PAR1", b""]), st.lists(st.binary(max_size=30), max_size=5))
def test_no_bytes_break_the_importer(start, parts):
    try:
        records = read_bytes(start + b"\n".join(parts))
    except UnreadableFile:
        return
    assert all(isinstance(record, Entry | Account | Rejection | Passed | FileEnd) for record in records)
