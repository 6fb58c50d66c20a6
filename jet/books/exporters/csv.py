"""CSV with one row for each line of an entry, which `jet ingest` reads back by the same settings.

Columns have the names that `ingest.columns` gives them: so the config by which a company's own tables are read
writes its bookings in these columns, with its delimiter, quotes, encoding, decimal mark, dates and words for
sides. Where it maps
`debit` or `credit`, amounts stand in two columns; where it maps `amount` and no `side`, they have a sign.

An amount has two decimals or at least four, since `1.080` could be a thousand.
"""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import BinaryIO

from jet.books.exporters.common import (
    About,
    Booking,
    Place,
    Unsayable,
    Writer,
    amount_text,
    encoded,
    one_blank,
    signed,
    with_head,
)
from jet.books.records import Entry, Line
from jet.books.settings import ImportSettings

_ENTRY = ("entry_id", "entity", "date", "description", "journal", "direction", "currency")
_LINE = ("account", "account_name", "text")
AMOUNTS = ("amount", "debit", "credit")
_KEYS = ("entry_id", "entity", "account")
_AMBIGUOUS_DECIMALS = 3


class CsvExporter:
    """Writes CSV, in UTF-8 unless `ingest.encoding` names another."""

    prefix, suffix = "", ".csv"
    marks = False
    dimensions = False

    def place(self, _entry: Entry, _about: About) -> Place:
        """One file for all companies."""
        return Place()

    def begin(self, _place: Place, about: About) -> Writer:
        """The writer of a file."""
        return _Rows(about)


class Table:
    """The columns of a table of entries, and its rows as texts."""

    def __init__(self, about: About) -> None:
        self._about, self._ingest = about, about.ingest
        self._amounts = _amount_fields(about.ingest)
        fields = [*_ENTRY[:4], *_LINE[:2], *self._amounts, "currency", *_ENTRY[4:6], "text"]
        self.fields = [each for each in fields if about.ingest.columns.get(each, each)]
        self._turned = about.ingest.sides.get("+") == "C"
        self.header = [about.ingest.columns.get(each, each) for each in self.fields]

    def rows(self, booking: Booking) -> list[list[str]]:
        """A row for each line, with dates and amounts in ISO 8601 and with a decimal point.

        Raises `Unsayable` where they don't say the entry.
        """
        entry = booking.entry
        lines = entry.lines or []
        if (lines[0].currency or entry.currency) != entry.currency:
            raise Unsayable("its first line has another currency than the entry, which a table can't say")
        if any(not line.amount for line in lines) and self._amounts == ("amount",):
            raise Unsayable("an amount is zero, which has no side in a column of signed amounts")
        return [self._row(line, booking) for line in lines]

    def _row(self, line: Line, booking: Booking) -> list[str]:
        entry = booking.entry
        amount = amount_text(line.amount or Decimal(0))
        account = self._about.account(line.account, booking)
        values = {
            "entry_id": entry.entry_id,
            "entity": entry.entity,
            "date": entry.date.isoformat(),
            "description": entry.description,
            "account": self._about.settings.accounts.get(line.account, line.account),
            "account_name": account.name,
            "side": next((word for word, side in self._ingest.sides.items() if side == line.side), line.side),
            "amount": self._signed(line) if self._amounts == ("amount",) else amount,
            "debit": amount if line.side == "D" else "",
            "credit": amount if line.side == "C" else "",
            "currency": line.currency or entry.currency,
            "journal": entry.journal,
            "direction": entry.direction,
            "text": line.text,
        }
        return [_key(values[each]) if each in _KEYS else one_blank(values[each]) for each in self.fields]

    def _signed(self, line: Line) -> str:
        return amount_text(-signed(line) if self._turned else signed(line))


class _Rows:
    def __init__(self, about: About) -> None:
        self._ingest = about.ingest
        self._table = Table(about)
        self._mark = "," if about.ingest.decimal_comma else "."

    def add(self, booking: Booking) -> bytes:
        rows = self._table.rows(booking)
        for row in rows:
            for place, field in enumerate(self._table.fields):
                if field in AMOUNTS:
                    row[place] = self._amount(row[place])
                elif field == "date" and self._ingest.date_format:
                    row[place] = booking.entry.date.strftime(self._ingest.date_format)
        return self._text(rows)

    def finish(self, body: BinaryIO, file: BinaryIO) -> None:
        before = "\n" * (self._ingest.skip_lines or 0)
        with_head(before.encode() + self._text([self._table.header]), body, file)

    def _amount(self, text: str) -> str:
        whole, point, rest = text.partition(".")
        if len(rest) == _AMBIGUOUS_DECIMALS:
            rest += "0"
        return f"{whole}{self._mark if point else ''}{rest}"

    def _text(self, rows: list[list[str]]) -> bytes:
        """The rows as a table has them: each field in quotes where its text needs it."""
        text = io.StringIO()
        quote = '"' if self._ingest.quote is None else self._ingest.quote
        writer = csv.writer(
            text,
            delimiter=self._ingest.delimiter or ",",
            quotechar=quote or None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
            lineterminator="\n",
        )
        try:
            writer.writerows(rows)
        except csv.Error:
            raise Unsayable(
                "a text has the delimiter, and by ingest.quote nothing is quoted: correct it, or give a quote"
            ) from None
        encoding = self._ingest.encoding
        return encoded(text.getvalue(), "utf-8" if encoding == "auto" else encoding)


def _key(text: str) -> str:
    """A text that must stay as it is. Raises `Unsayable` where a cell may not come back so."""
    if not text.isprintable() or text != text.strip():
        raise Unsayable(f"{text!r} has characters that a table may lose: correct it")
    return text


def _amount_fields(ingest: ImportSettings) -> tuple[str, ...]:
    """The fields that amounts and sides stand in."""
    columns = {field for field, name in ingest.columns.items() if name}
    if columns & {"debit", "credit"}:
        return "debit", "credit"
    return ("amount",) if "amount" in columns and "side" not in columns else ("side", "amount")
