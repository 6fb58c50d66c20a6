"""Workbooks as tables: read like CSV, but that cells have types."""

import csv
import io
import re
import zipfile
from datetime import date, datetime
from decimal import Decimal

import openpyxl
import pytest
from counting import only
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_tables import DAY, assert_all_lines_are_counted, booked, passed, read, rules
from workbooks import as_excel_writes_it

from jet.books.checks import Rule
from jet.books.importers import Account, Entry, FileEnd, ImportSettings, UnreadableFile, import_file, recognize
from jet.books.importers.tables import spreadsheet

HEADER = ["entry_id", "date", "description", "account", "account_name", "debit", "credit"]
RENT = [
    ["7", date(2025, 1, 31), "Rent", "6310", "Rent", 1200.1, None],
    ["7", date(2025, 1, 31), "Rent", "1800", "Bank", None, 1200.1],
]


def workbook(*rows, change=None, **sheets):
    """The bytes of a workbook with these rows in its first sheet, and other sheets by their titles."""
    book = openpyxl.Workbook()
    for title, content in {"Sheet": rows, **sheets}.items():
        sheet = book[title] if title in book.sheetnames else book.create_sheet(title)
        for row in content:
            sheet.append(row)
    if change is not None:
        change(book)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


def repacked(data, **changed):
    """A workbook with some of its files (by a part of their names) as `changed` says."""
    sink = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name)
            for part, change in changed.items():
                content = change(content) if part in name else content
            new.writestr(name, content)
    return sink.getvalue()


def test_a_workbook_as_excel_writes_it_is_read():
    records = read(as_excel_writes_it())
    (entry,) = only(Entry, records)
    assert (entry.entry_id, str(entry.date), entry.description) == ("R-7", DAY, "Rent")
    amount = Decimal("1200.1")
    assert booked(records) == {"R-7": [("0420", "D", amount), ("1800", "C", amount)]}
    assert passed(records) == {"header": 1, "blank": 1}


def test_a_sheet_is_a_table():
    records = read(workbook(HEADER, *RENT), file="books/book.xlsx")
    (entry,) = only(Entry, records)
    assert (entry.entity, entry.date, entry.total) == ("book", date(2025, 1, 31), Decimal("1200.1"))
    assert booked(records) == {"7": [("6310", "D", Decimal("1200.1")), ("1800", "C", Decimal("1200.1"))]}
    assert only(Account, records) == [Account("book", "6310", "Rent"), Account("book", "1800", "Bank")]
    assert only(FileEnd, records) == [FileEnd("books/book.xlsx", 3, "tabular")]
    assert passed(records) == {"header": 1}


def test_a_workbook_is_recognized_and_read_from_a_file(tmp_path):
    for name in ("a.xlsx", "a.xlsm", "a"):
        (tmp_path / name).write_bytes(workbook(HEADER, *RENT))
        assert len(only(Entry, import_file(str(tmp_path / name), ImportSettings()))) == 1


def test_a_title_blank_rows_totals_and_the_header_again_are_passed_over():
    rows = [
        ["Acme 2025"],
        [],
        HEADER,
        *RENT,
        [None, " "],
        HEADER,
        [None, None, "Total", None, None, 1200.1, 1200.1],
    ]
    records = read(workbook(*rows))
    assert passed(records) == {"preamble": 1, "blank": 2, "header": 2, "total": 1}
    assert [entry.file_line for entry in only(Entry, records)] == [4]
    assert_all_lines_are_counted(records)


def test_columns_are_mapped_and_others_are_left_out():
    names = ["Voucher", "Day", "Text", "Account", "Name", "Debit", "Credit", None, "Note"]
    rows = [names, [*RENT[0], "x", "y", "z"], RENT[1]]
    records = read(workbook(*rows), columns={"entry_id": "Voucher", "date": "Day", "description": "Text"})
    assert len(only(Entry, records)) == 1


def test_a_number_shown_with_zeros_in_front_is_what_one_sees():
    def change(book):
        for cells in book.active["D2:D3"]:
            cells[0].number_format = "0000"

    rows = [[7, *RENT[0][1:3], 420, "Land", 5, None], [7.0, *RENT[1][1:3], 1800, "Bank", None, 5]]
    records = read(workbook(HEADER, *rows, change=change))
    assert booked(records) == {"7": [("0420", "D", 5), ("1800", "C", 5)]}


def test_days_may_have_a_time_or_be_text_but_no_number():
    for day in (datetime(2025, 1, 31, 23, 59), "31.01.2025", DAY):
        records = read(workbook(HEADER, *([row[0], day, *row[2:]] for row in RENT)))
        assert only(Entry, records)[0].date == date(2025, 1, 31)
    assert rules(read(workbook(HEADER, *([row[0], 45688, *row[2:]] for row in RENT)))) == [(Rule.BAD_DATE, 2)]


def test_amounts_may_be_text_and_errors_of_formulas_are_rejected():
    rows = [["7", DAY, "x", "1", "", "1.200,50", None], ["7", DAY, "x", "2", "", None, "1.200,50"]]
    assert booked(read(workbook(HEADER, *rows)))["7"][0] == ("1", "D", Decimal("1200.5"))
    rows = [["7", DAY, "x", "1", "", "#REF!", None], ["7", DAY, "x", "2", "", None, 5], *RENT]
    assert rules(read(workbook(HEADER, *rows))) == [(Rule.BAD_AMOUNT, 2)]
    rows = [["7", DAY, "x", "1", "", "=1+1", None], ["7", DAY, "x", "2", "", None, 2]]
    assert rules(read(workbook(HEADER, *rows))) == [(Rule.BAD_SIDE, 2)]  # no program has computed it


def test_the_sheet_with_the_columns_is_read_and_a_setting_says_which_of_several():
    data = workbook(["Read me"], Entries=[HEADER, *RENT])
    assert len(only(Entry, read(data))) == 1
    both = workbook(HEADER, *RENT, Other=[HEADER, ["8", *RENT[0][1:]], ["8", *RENT[1][1:]]])
    with pytest.raises(UnreadableFile, match=r"2 sheets have these columns \(Sheet, Other\); name"):
        read(both)
    assert booked(read(both, sheet="Other")).keys() == {"8"}
    with pytest.raises(UnreadableFile, match=r"no sheet 'X'; it has Sheet, Other; correct ingest.sheet"):
        read(both, sheet="X")


@pytest.mark.parametrize(
    ("data", "options", "why"),
    [
        (workbook(["a", "b"]), {}, r"no header: none of the first rows of Sheet has a column entry_id"),
        (
            workbook(["entry_id", "b"]),
            {},
            r"sheet 'Sheet', row 1: no column 'date' for date, and none 'description' for description; it has",
        ),
        (workbook(HEADER, *RENT), {"skip_lines": 1}, r"row 2: no column 'entry_id'"),
        (workbook([*HEADER, "Debit"], *RENT), {"columns": {"debit": "DEBIT"}}, r"comes more than once"),
        (workbook(), {}, r"no header"),
        (workbook(HEADER, *RENT)[:-100], {}, r"the workbook can't be read \(.*\); save it again"),
        (b"PK\x03\x04[Content_Types].xml", {}, r"the workbook can't be read"),
    ],
)
def test_a_workbook_that_is_not_read_is_refused_with_the_way_out(data, options, why):
    with pytest.raises(UnreadableFile, match=why) as error:
        read(data, file="a.xlsx", **options)
    assert str(error.value).startswith("a.xlsx: ")


def doctype(content):
    return content.replace(b"<worksheet", b"<!DOCTYPE worksheet><worksheet", 1)


def moved(content):
    return content.replace(b"/xl/sharedStrings.xml", b"/xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    ("changed", "limit", "why"),
    [
        ({"sheet1": doctype}, {}, r"sheet1.xml: line 1: the XML has a document type"),
        ({}, {"MOST_MEMBERS": 3}, r"files are packed in it"),
        ({}, {"LARGEST_OTHER": 50}, r"bytes when it is unpacked, more than 50; save the sheet"),
        ({}, {"_LARGE": {"worksheets/": 50, "sharedStrings": 1000}}, r"sheet1.xml has .* more than 50"),
        ({}, {"MOST_OTHERS": 5}, r"more than 5 elements beside the cells"),
        ({"Content_Types": moved}, {}, r"worksheets/sheet1.xml is said to be .*sharedStrings"),
        (
            {"sharedStrings": lambda text: text.replace(b"R-7", b"x" * (17 << 20), 1)},
            {},
            r"a cell has more than",
        ),
    ],
)
def test_a_workbook_that_would_fill_the_memory_is_refused(monkeypatch, changed, limit, why):
    for name, value in limit.items():
        monkeypatch.setattr(spreadsheet, name, value)
    with pytest.raises(UnreadableFile, match=why) as error:
        read(repacked(as_excel_writes_it(), **changed), file="a.xlsx")
    assert str(error.value).startswith("a.xlsx: ")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (
            b'<row r="4">',
            b'<row r="2">',
            r"sheet1.xml: line \d+: row '2' follows row 3; open the workbook in Excel",
        ),
        (b'<row r="4">', b'<row r="3">', r"row '3' follows row 3"),
        (b'<row r="4">', b'<row r="x">', r"row 'x' follows row 3"),
        (b'r="B4"', b'r="A4"', r"cell 'A4' isn't behind the one before it"),
        (b'r="D4"', b'r="B4"', r"cell 'B4' isn't behind the one before it"),
        (b'r="D4"', b'r="ABCDE4"', r"cell 'ABCDE4' isn't behind"),
    ],
)
def test_rows_and_cells_that_openpyxl_would_leave_out_are_named(old, new, why):
    data = repacked(as_excel_writes_it(), sheet1=lambda sheet: sheet.replace(old, new))
    with pytest.raises(UnreadableFile, match=why):
        read(data)


def test_rows_and_cells_without_a_place_follow_one_another():
    bare = repacked(as_excel_writes_it(), sheet1=lambda sheet: re.sub(rb' r="[A-Z]?[134]"', b"", sheet))
    assert rules(read(bare)) == [(Rule.BAD_SIDE, 3)]  # the amount of its second line has moved a column


def test_a_cell_far_to_the_right_or_below_fills_no_memory():
    def change(book):
        book.active.cell(100_000, 16_384, "x")

    records = read(workbook(HEADER, *RENT, change=change))
    assert len(only(Entry, records)) == 1
    assert passed(records)["blank"] == 99_997


@pytest.mark.parametrize(
    "head",
    [
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0",
        b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
    ],
)
def test_other_spreadsheets_are_refused_with_the_way_out(head):
    with pytest.raises(UnreadableFile, match=r"save it as .xlsx without a password, or the sheet"):
        recognize("a.xls", head)


cells = st.sampled_from(
    ["1", "2", "", "5", "2.50", "-5", DAY, "2025-02-01", "x", "D", "Total", "1.234", "Rent"]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(cells, min_size=7, max_size=7), min_size=1, max_size=6))
def test_a_sheet_of_texts_is_read_as_the_same_csv(rows):
    sink = io.StringIO()
    csv.writer(sink).writerows([HEADER, *rows])
    sheet, table = read(workbook(HEADER, *rows)), read(sink.getvalue())
    assert [record for record in sheet if not isinstance(record, FileEnd)] == [
        record for record in table if not isinstance(record, FileEnd)
    ]
    assert_all_lines_are_counted(sheet)
