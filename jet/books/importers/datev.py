"""DATEV's format (EXTF, and DTVF of DATEV's own programs): rows of bookings, and names of accounts.

Notable:

- A row is an entry: a gross amount, the side of the account in column 7, and a contra account. Lines of tax are
  implied, see `jet.books.importers.datev_taxes`. A row whose tax isn't known is rejected with its key.
- A day has no year (TTMM): the header's period has it, or else its fiscal year.
- Numbers of accounts lack the zeros in front that the header's length of accounts shows: 420 is 0420.
- A document's number isn't one of an entry, so ids are made from what the row says.
- The company is adviser and client of the header (29098-55003), in all files of one client. So the names that a
  file of `Kontenbeschriftungen` or `Debitoren/Kreditoren` gives are those of the accounts of its bookings.
"""

from __future__ import annotations

import csv
import datetime
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from jet.books.checks import Rule, reject
from jet.books.identity import made_id
from jet.books.importers.common import (
    BrokenRuleError,
    Source,
    UnreadableFile,
    by_prefix,
    entity_of,
    parse_date,
    text_lines,
    unsigned,
    without_mark,
)
from jet.books.importers.datev_taxes import Booking, lines_of
from jet.books.importers.numbers import parse_amount
from jet.books.records import Account, Entry, FileEnd, Line, Passed, Record, Rejection, total_of
from jet.books.settings import ImportSettings

_FIRST = re.compile(rb'"?(?:EXTF|DTVF)"?;')
_NAMES = {"20": (1,), "16": (1, 3)}
"""The places of names in the files of accounts, by the header's category."""

_AMOUNT, _SIDE, _CURRENCY, _BASE, _BASE_CURRENCY, _ACCOUNT, _CONTRA, _KEY, _DAY = 0, 1, 2, 4, 5, 6, 7, 8, 9
_DOCUMENT, _DISCOUNT, _TEXT, _COST_1, _COST_2 = 10, 12, 13, 36, 37
_NATURES = {
    "03": {"08": "equity", "0": "asset", "16": "liability", "17": "liability", "18": "equity", "1": "asset"}
    | {"3": "expense", "4": "expense", "8": "income"},
    "04": {"0": "asset", "1": "asset", "2": "equity", "3": "liability", "4": "income"}
    | {"5": "expense", "6": "expense"},
}
_PARTNERS = dict.fromkeys("123456", "asset") | dict.fromkeys("789", "liability")
"""Of customers and suppliers, whose accounts have a digit more."""


class DatevImporter:
    """Reads DATEV's Buchungsstapel, Kontenbeschriftungen and Debitoren/Kreditoren."""

    name = "datev"

    def recognizes(self, path: str, head: bytes) -> bool:  # noqa: ARG002 (the extension is that of CSV)
        """Whether the file begins with DATEV's mark."""
        return _FIRST.match(without_mark(head)) is not None

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order of the file, then the accounts."""
        lines = _lines(source, settings)
        _, first = next(lines, (1, ""))
        header = _Header(_cells(first), source.file, settings)
        header.find_chart(_cells(text) for _, text in lines)
        book = _Book(source, settings, header)
        yield from book.records()


def _lines(source: Source, settings: ImportSettings) -> Iterator[tuple[int, str]]:
    source.stream.seek(0)
    return text_lines(source.stream, source.file, settings.encoding)


def _cells(text: str) -> list[str]:
    """The fields of a line; [] where its quotes are wrong."""
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=";", strict=True), [])]
    except csv.Error:
        return []


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""


class _Header:
    """The first line: whose books, of which time, by which chart."""

    def __init__(self, cells: Sequence[str], file: str, settings: ImportSettings) -> None:
        self.category = _cell(cells, 2)
        if self.category not in ("21", *_NAMES):
            raise UnreadableFile(
                f"{file}: the DATEV file holds {_cell(cells, 3)[:100]!r}, no entries and no accounts; leave it "
                "out and name its Buchungsstapel and Kontenbeschriftungen"
            )
        client = "-".join(filter(None, (_cell(cells, 10), _cell(cells, 11))))
        self.entity = entity_of(settings, client, "", file)
        length = _cell(cells, 13)
        self.length = int(length) if length in ("4", "5", "6", "7", "8") else 4
        self.currency = _cell(cells, 21).upper() or settings.default_currency or "EUR"
        self.chart = _cell(cells, 26)
        self.years = [start for at in (14, 12) if (start := _day(_cell(cells, at))) is not None]

    def find_chart(self, rows: Iterator[list[str]]) -> None:
        """Find the chart where the header doesn't say it: only SKR03 has accounts 8…, only SKR04 5… and 6…."""
        if self.chart or self.category != "21":
            return
        classes = {self.account(_cell(row, at))[:1] for row in rows for at in (_ACCOUNT, _CONTRA)}
        is_three, is_four = "8" in classes, bool(classes & {"5", "6"})
        if is_three != is_four:
            self.chart = "03" if is_three else "04"

    def account(self, text: str) -> str:
        """The full number of an account of the chart; "" for one of a customer or supplier."""
        number = self.full(text)
        return number if len(number) == self.length else ""

    def full(self, text: str) -> str:
        """A number of an account with the zeros in front that numbers lose."""
        return text.zfill(self.length) if text.isdecimal() else text

    def date(self, text: str) -> datetime.date:
        """The day of a row, TTMM or TTMMJJJJ. Raises ValueError."""
        if not text.isdecimal() or len(text) not in (3, 4, 7, 8):
            raise ValueError(f"date {text[:40]!r} is not like 3101 (day, month): correct it")
        text = text.zfill(4 if len(text) < 5 else 8)
        if len(text) == 8:
            return parse_date(text[4:] + text[2:4] + text[:2])
        for start in self.years:
            for year in (start.year, start.year + 1):
                day = _day(f"{year}{text[2:]}{text[:2]}")
                if day is not None and start <= day and (day - start).days < 366:
                    return day
        raise ValueError(
            f"date {text} has no day in the year that the header's fields 13 and 15 say: correct one"
        )


def _day(text: str) -> datetime.date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


class _Book:
    """The import of one file."""

    def __init__(self, source: Source, settings: ImportSettings, header: _Header) -> None:
        self.source = source
        self.file = source.file
        self.settings = settings
        self.header = header
        self.reversed_at = -1
        self.names: dict[str, str] = {}

    def records(self) -> Iterator[Record]:
        passed: Counter[str] = Counter()
        number = 0
        for number, text in _lines(self.source, self.settings):
            cells = _cells(text)
            if number == 1 or (number == 2 and not _cell(cells, 0)[:1].isdecimal()):
                names = [cell.startswith("Generalumkehr") for cell in cells]
                self.reversed_at = names.index(True) if True in names else -1
                passed["header"] += 1
                continue
            if not text.strip(" ;") or self._is_opening(cells):
                passed["opening balance" if text.strip(" ;") else "blank"] += 1
                continue
            try:
                if not cells:
                    raise BrokenRuleError(
                        Rule.MALFORMED, "the row's quotes are wrong: write a quote within a text as two"
                    )
                if self.header.category == "21":
                    yield self._entry(cells, number)
                else:
                    self._read_name(cells)
                    passed["account"] += 1
            except BrokenRuleError as error:
                yield self._rejection(error, text, number)
        natures = _NATURES.get(self.header.chart, {})
        for code, name in self.names.items():
            is_partner = len(code) > self.header.length
            nature = by_prefix(code, _PARTNERS if is_partner else natures)
            yield Account(self.header.entity, code, name, nature=nature)
        for reason, lines in passed.items():
            yield Passed(self.file, reason, lines)
        yield FileEnd(self.file, number, DatevImporter.name, entity=self.header.entity)

    def _is_opening(self, cells: Sequence[str]) -> bool:
        """Whether a row carries a balance forward: one of its accounts is among 9000 to 9009."""
        accounts = (self.header.account(_cell(cells, at)) for at in (_ACCOUNT, _CONTRA))
        return self.header.category == "21" and any(each.startswith("900") for each in accounts)

    def _read_name(self, cells: Sequence[str]) -> None:
        code = self.header.full(_cell(cells, 0))
        if not code:
            raise BrokenRuleError(Rule.MISSING_ACCOUNT, "the account has no number: give it one")
        places = _NAMES[self.header.category]
        self.names[code] = next((cells[at] for at in places if _cell(cells, at)), "")

    def _entry(self, cells: Sequence[str], number: int) -> Entry:
        try:
            date = self.header.date(_cell(cells, _DAY))
        except ValueError as error:
            raise BrokenRuleError(Rule.BAD_DATE, str(error)) from None
        amount, currency = self._amount(cells)
        text = _cell(cells, _TEXT)
        costs = zip(("KOST1", "KOST2"), (_cell(cells, _COST_1), _cell(cells, _COST_2)), strict=True)
        dimensions = tuple((name, code) for name, code in costs if code)
        account, contra = (self.header.full(_cell(cells, at)) for at in (_ACCOUNT, _CONTRA))
        if not (account and contra):
            raise BrokenRuleError(Rule.MISSING_ACCOUNT, "the row has no Konto or no Gegenkonto: give it both")
        booking = Booking(account, contra, amount, _cell(cells, _KEY), date)
        lines = [
            Line(account, *unsigned("D", value), currency, text, dimensions)
            for account, value in lines_of(booking, self.header.chart, self.header.length)
            if value
        ]
        for line in lines:
            self.names.setdefault(line.account, "")
        document = _cell(cells, _DOCUMENT)
        said = (f"{line.account} {line.side} {line.amount}" for line in lines)
        return Entry(
            entity=self.header.entity,
            entry_id=made_id(date, [document, text, *said]),
            date=date,
            description=text or document,
            currency=currency,
            journal="",
            total=total_of(lines, currency),
            lines=lines,
            file=self.file,
            file_line=number,
        )

    def _amount(self, cells: Sequence[str]) -> tuple[Decimal, str]:
        """The gross amount on the side of the account, debits positive, and its currency."""
        side = _cell(cells, _SIDE).upper()
        if side not in ("S", "H"):
            raise BrokenRuleError(Rule.BAD_SIDE, f"the side {side[:40]!r} must be S or H")
        in_base = bool(_cell(cells, _BASE).strip("0,"))
        comma = self.settings.decimal_comma is not False
        try:
            amount = parse_amount(_cell(cells, _BASE if in_base else _AMOUNT), comma)
            discount = parse_amount(_cell(cells, _DISCOUNT) or "0", comma)
        except ValueError as error:
            raise BrokenRuleError(Rule.BAD_AMOUNT, str(error)) from None
        if discount:
            raise BrokenRuleError(
                Rule.TAX_KEY,
                f"the row has a discount (Skonto) of {discount:f}, whose accounts the file lacks: export it as "
                "rows of its own",
            )
        if self.reversed_at >= 0 and _cell(cells, self.reversed_at) in ("1", "G"):
            amount = -amount
        currency = _cell(cells, _BASE_CURRENCY if in_base else _CURRENCY).upper() or self.header.currency
        return (amount if side == "S" else -amount), currency

    def _rejection(self, error: BrokenRuleError, text: str, number: int) -> Rejection:
        return reject(
            error.rule,
            str(error),
            file=self.file,
            file_line=number,
            entity=self.header.entity,
            excerpt=text,
        )
