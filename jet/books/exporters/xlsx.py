"""Excel workbooks: one sheet with a row for each line of an entry, in the columns of the CSV.

Dates and amounts are cells of these types. All else is text, so that an account 0420 keeps its zero, and a
text that begins with `=` is no formula. A cell's number has 15 digits: an amount with more is left out, and so
is what exceeds the 1,048,576 rows of a sheet.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from jet.books.exporters.common import About, Booking, Place, Unsayable, Writer
from jet.books.exporters.csv import AMOUNTS, Table
from jet.books.records import Entry

MOST_ROWS = 1 << 20
MOST_DIGITS = 15
LONGEST_CELL = 32_767
AMOUNT_FORMAT = "0.00######"
DAY_FORMAT = "yyyy-mm-dd"
FIRST_DAY = datetime.date(1900, 3, 1)
"""Excel takes 1900 for a leap year: dates before are a day off."""


class XlsxExporter:
    """Writes workbooks of Excel."""

    prefix, suffix = "", ".xlsx"
    marks = False
    dimensions = False

    def place(self, entry: Entry, _about: About) -> Place:
        """One file for all companies."""
        if entry.date < FIRST_DAY:
            raise Unsayable(f"Excel has no right date before {FIRST_DAY}, and this is {entry.date}: correct it")
        return Place()

    def begin(self, _place: Place, about: About) -> Writer:
        """The writer of a file."""
        return _Sheet(about)


class _Sheet:
    def __init__(self, about: About) -> None:
        self._table = Table(about)
        self._made = about.made
        self._rows = 1

    def add(self, booking: Booking) -> bytes:
        rows = self._table.rows(booking)
        if self._rows + len(rows) > MOST_ROWS:
            raise Unsayable(f"the sheet has its {MOST_ROWS:,} rows already: export fewer, or as CSV")
        for row in rows:
            for field, text in zip(self._table.fields, row, strict=True):
                if field in AMOUNTS and len(text.replace(".", "").strip("-0")) > MOST_DIGITS:
                    raise Unsayable(f"the amount {text} has more digits than a cell's number: export it as CSV")
                if len(text) > LONGEST_CELL:
                    raise Unsayable(f"{field} has more than {LONGEST_CELL:,} characters: shorten it")
        self._rows += len(rows)
        return "".join(f"{json.dumps(row)}\n" for row in rows).encode()

    def finish(self, body: BinaryIO, file: BinaryIO) -> None:
        book = Workbook(write_only=True)
        made = datetime.datetime.combine(self._made, datetime.time())
        book.properties.creator, book.properties.created, book.properties.modified = "jet", made, made
        sheet = book.create_sheet("entries")
        sheet.append([_text(sheet, name) for name in self._table.header])
        for row in map(json.loads, body):
            sheet.append(list(self._cells(sheet, row)))
        book.save(file)

    def _cells(self, sheet: Any, row: list[str]) -> Iterator[Any]:
        for field, text in zip(self._table.fields, row, strict=True):
            if not text:
                yield None
            elif field == "date":
                yield _formatted(sheet, datetime.date.fromisoformat(text), DAY_FORMAT)
            elif field in AMOUNTS:
                yield _formatted(sheet, Decimal(text), AMOUNT_FORMAT)
            else:
                yield _text(sheet, text)


def _formatted(sheet: Any, value: Any, format_: str) -> Any:
    cell = WriteOnlyCell(sheet, value)
    cell.number_format = format_
    return cell


def _text(sheet: Any, text: str) -> Any:
    """A cell of text, also where it begins like a formula."""
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    return cell
