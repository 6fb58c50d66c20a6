"""CSV, TSV and parquet tables with one row a line of an entry.

The rows of one entry follow one another, so that a table of any size streams; an id that comes back later is
rejected. A row whose account and amount are empty is an entry to predict. Sides come as a column of sides
beside unsigned amounts, as two amount columns (debit and credit), or as the sign of the amount (positive: a
debit). A line whose side only the sign or column could tell and that is zero is on no side, and is dropped.

What belongs to the entry (date, description, journal, total) is taken from its first row; rows that disagree
on the date are rejected with their entry.
"""

from __future__ import annotations

import csv
import datetime
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain, groupby
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from jet.books.checks import EXACT, SMALLEST_UNIT, Rule, reject
from jet.books.importers.common import (
    FIELDS,
    BrokenRuleError,
    Extent,
    ImportSettings,
    Source,
    UnreadableFile,
    checked_amount,
    file_stem,
    has_suffix,
    parse_amount,
    parse_date,
    text_lines,
    without_mark,
)
from jet.books.records import Account, Entry, Line, Record, Rejection, total_of
from jet.books.schema import PREDICTIONS, runs_code

PARQUET_MAGIC = b"PAR1"

_DELIMITERS = ",;\t|"
_BATCH_ROWS = 10_000
_SIDES = {"d": "D", "debit": "D", "dr": "D", "c": "C", "credit": "C", "cr": "C"}
_REQUIRED = ("entry_id", "date", "description")


class _Row(NamedTuple):
    """A row by our fields; `problem` where its cells can't be told apart."""

    number: int
    cells: dict[str, Any]
    problem: str = ""


class TabularImporter:
    """Reads tables."""

    name = "tabular"

    def recognizes(self, path: str, head: bytes) -> bool:
        """By the extension, parquet's first bytes, or a first line with at least two delimiters."""
        if has_suffix(path, ".csv", ".tsv", ".parquet") or head.startswith(PARQUET_MAGIC):
            return True
        header = without_mark(head).split(b"\n", 1)[0]
        return b"date" in header.lower() and max(header.count(mark.encode()) for mark in _DELIMITERS) >= 2

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order of the table, then the accounts that they use."""
        stream, file = source.stream, source.file
        magic = stream.read(len(PARQUET_MAGIC))
        stream.seek(0)
        rows = (_parquet_rows if magic == PARQUET_MAGIC else _csv_rows)(stream, file, settings)
        reader = _Reader(file, settings)
        for (entity, entry_id, _), group in groupby(rows, reader.key):
            yield reader.entry(entity, entry_id, *_kept(group))
        yield from reader.accounts()


def _kept(rows: Iterable[_Row]) -> tuple[list[_Row], Extent]:
    """The rows of an entry, as many as are kept, and how long the entry is."""
    kept: list[_Row] = []
    extent = Extent()
    for row in rows:
        fits = extent.add(sum(len(cell) for cell in row.cells.values() if isinstance(cell, str | bytes)))
        if fits or not kept:
            kept.append(row)
    return kept, extent


def _parquet_rows(stream: BinaryIO, file: str, settings: ImportSettings) -> Iterator[_Row]:
    number = 0
    try:
        table = pq.ParquetFile(stream)
        if set(table.schema_arrow.names) >= {field.name for field in PREDICTIONS}:
            raise UnreadableFile(
                f"{file}: these are jet's predictions, which nobody has reviewed; give the entries as they "
                "were booked, as the accounting system exports them"
            )
        columns = _columns(table.schema_arrow.names, file, settings)
        for name in columns.values():
            if runs_code(type_ := table.schema_arrow.field(name).type):
                raise UnreadableFile(
                    f"{file}: column {name!r} is of the type {type_}, which runs code when it is read; "
                    "write it anew as text, number or date"
                )
        for batch in table.iter_batches(_BATCH_ROWS, columns=list(columns.values())):
            values = [batch.column(name).to_pylist() for name in columns.values()]
            for cells in zip(*values, strict=True):
                number += 1
                yield _Row(number, dict(zip(columns, cells, strict=True)))
    except UnreadableFile:
        raise
    except (pa.ArrowException, OSError, OverflowError, ValueError) as error:
        raise UnreadableFile(
            f"{file}: the parquet file can't be read after row {number} ({_one_line(error)}); write it anew"
        ) from None


def _csv_rows(stream: BinaryIO, file: str, settings: ImportSettings) -> Iterator[_Row]:
    lines = (f"{line}\n" for _, line in text_lines(stream, file, settings.encoding))
    header_line = next(lines, "")
    delimiter = settings.delimiter or max(_DELIMITERS, key=header_line.count)
    table = csv.reader(chain([header_line], lines), delimiter=delimiter)
    try:
        header = [name.strip() for name in next(table)]
    except csv.Error as error:
        raise UnreadableFile(f"{file}: the header can't be read ({error}); check its quotes") from None
    columns = _columns(header, file, settings)
    places = {field: header.index(name) for field, name in columns.items()}
    while True:
        number = table.line_num + 1
        try:
            row = next(table, None)
        except csv.Error as error:
            yield _Row(number, {}, f"the row can't be read ({error}): check its quotes")
            continue
        if row is None:
            return
        if not any(row):
            continue
        problem = ""
        if any(row[len(header) :]):
            problem = f"the row has more than the header's {len(header)} cells: quote those with a delimiter"
        cells = {field: row[place] if place < len(row) else "" for field, place in places.items()}
        yield _Row(number, cells, problem)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _columns(names: Sequence[str], file: str, settings: ImportSettings) -> dict[str, str]:
    """The file's column for each of our fields that it has."""
    found = f"it has {', '.join(names)[:1000]}"
    columns = {field: settings.columns.get(field, field) for field in FIELDS}
    missing = [field for field in FIELDS if columns[field] not in names]
    for field in missing:
        if field in settings.columns or field in _REQUIRED:
            raise UnreadableFile(
                f"{file}: no column {columns[field]!r} for {field}; {found}; "
                f"name the right one in the setting columns, as in {{{field}: ...}}"
            )
        del columns[field]
    repeated = [name for name, count in Counter(names).items() if count > 1 and name in columns.values()]
    if repeated:
        raise UnreadableFile(f"{file}: column {repeated[0]!r} comes more than once; rename all but one")
    if "account" in columns and not columns.keys() & {"amount", "side", "debit", "credit"}:
        raise UnreadableFile(
            f"{file}: accounts without sides; {found}; "
            "name a column for side, for a signed amount, or for debit and credit in the setting columns"
        )
    return columns


def _text(value: Any) -> str:
    """A cell as text; "" for null. Whole floats are integers that a table with nulls holds as floats."""
    if isinstance(value, str):
        return value.strip()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (int, float, Decimal, datetime.date)):
        return str(value)
    raise BrokenRuleError(
        Rule.MALFORMED, f"a cell of type {type(value).__name__} holds no text: convert the column"
    )


class _Reader:
    """Turns the rows of an entry into the entry, and remembers ids and accounts."""

    def __init__(self, file: str, settings: ImportSettings) -> None:
        self.file = file
        self.settings = settings
        self.default_entity = file_stem(file)
        self.finished: set[tuple[str, str]] = set()
        self.names: dict[tuple[str, str], str] = {}

    def key(self, row: _Row) -> tuple[str, str, int]:
        """Entity and id of the entry that a row belongs to; a row without an id is by itself."""
        try:
            entity = self.settings.entity or _text(row.cells.get("entity")) or self.default_entity
            entry_id = _text(row.cells.get("entry_id"))
            return entity, entry_id, 0 if entry_id else row.number
        except BrokenRuleError:
            return self.settings.entity or self.default_entity, "", row.number

    def entry(self, entity: str, entry_id: str, rows: list[_Row], extent: Extent) -> Entry | Rejection:
        """The entry of adjacent rows that share entity and id."""
        try:
            for row in rows:
                if row.problem:
                    raise BrokenRuleError(Rule.MALFORMED, row.problem)
            if not entry_id:
                raise BrokenRuleError(Rule.MISSING_ID, "the row has no entry_id: give it one")
            if (entity, entry_id) in self.finished:
                raise BrokenRuleError(
                    Rule.NOT_ADJACENT, "the id came earlier in the file: sort the rows by entry"
                )
            self.finished.add((entity, entry_id))
            if (fault := extent.fault()) is not None:
                raise BrokenRuleError(*fault)
            return self._read(entity, entry_id, rows)
        except BrokenRuleError as error:
            return reject(
                error.rule,
                str(error),
                file=self.file,
                file_line=rows[0].number,
                entity=entity,
                entry_id=entry_id or None,
                excerpt=" | ".join(str(value) for value in rows[0].cells.values()),
            )

    def accounts(self) -> Iterator[Account]:
        """The accounts that the lines use, by the first name that a line gives them."""
        for (entity, code), name in self.names.items():
            yield Account(entity, code, name)

    def _read(self, entity: str, entry_id: str, rows: list[_Row]) -> Entry:
        first = rows[0].cells
        date = self._date(first)
        if any(self._date(row.cells) != date for row in rows[1:]):
            raise BrokenRuleError(
                Rule.INCONSISTENT, "rows of the entry differ in their date: give all the same"
            )
        currency = _text(first.get("currency")) or self.settings.default_currency
        total = self._amount(first, "total")
        lines: list[Line] | None = None
        if len(rows) > 1 or not self._is_to_predict(first):
            lines = []
            for row in rows:
                if (line := self._line(row.cells, currency)) is not None:
                    lines.append(line)
                    self._use(entity, line.account, _text(row.cells.get("account_name")))
            total = total_of(lines, currency) if total is None else total
        return Entry(
            entity=entity,
            entry_id=entry_id,
            date=date,
            description=_text(first["description"]),
            currency=currency,
            journal=_text(first.get("journal")),
            total=total,
            lines=lines,
            file=self.file,
            file_line=rows[0].number,
        )

    def _is_to_predict(self, cells: dict[str, Any]) -> bool:
        return not any(_text(cells.get(field)) for field in ("account", "amount", "debit", "credit"))

    def _use(self, entity: str, code: str, name: str) -> None:
        if code and not self.names.get((entity, code)):
            self.names[entity, code] = name

    def _line(self, cells: dict[str, Any], currency: str) -> Line | None:
        """The line of a row; None for a zero that is on no side."""
        side, amount = self._side_and_amount(cells)
        if not side:
            return None
        return Line(
            account=_text(cells.get("account")),
            side=side,
            amount=amount,
            currency=_text(cells.get("currency")) or currency,
            text=_text(cells.get("text")),
        )

    def _side_and_amount(self, cells: dict[str, Any]) -> tuple[str, Decimal | None]:
        amount = self._amount(cells, "amount")
        if "side" in cells:
            side = _text(cells["side"])
            if not side:
                raise BrokenRuleError(Rule.BAD_SIDE, "a line has no side: write D or C")
            return _SIDES.get(side.lower(), side), amount
        if amount is None:
            debit, credit = self._amount(cells, "debit"), self._amount(cells, "credit")
            if debit is None and credit is None:
                raise BrokenRuleError(Rule.BAD_SIDE, "a line has neither side nor amount: give it an amount")
            if debit and credit:
                raise BrokenRuleError(
                    Rule.BAD_SIDE, "a line has both a debit and a credit: make two lines of it"
                )
            if (debit or credit or 0) < 0:
                raise BrokenRuleError(
                    Rule.NEGATIVE_AMOUNT, "a debit or credit is negative: use the other column"
                )
            amount = debit or (credit or Decimal(0)).copy_negate()
        if not amount:
            return "", amount
        return "D" if amount > 0 else "C", amount.copy_abs()

    def _amount(self, cells: dict[str, Any], field: str) -> Decimal | None:
        value = cells.get(field)
        try:
            match value:
                case str():
                    return parse_amount(value, bool(self.settings.decimal_comma)) if value.strip() else None
                case float():  # has no exact decimals
                    return (
                        None
                        if math.isnan(value)
                        else checked_amount(Decimal(str(value))).quantize(SMALLEST_UNIT, context=EXACT)
                    )
                case bool():
                    raise ValueError("true and false are no amounts: convert the column")
                case int() | Decimal():
                    return checked_amount(Decimal(value))
                case None:
                    return None
            raise ValueError(f"a cell of type {type(value).__name__} holds no amount: convert the column")
        except ValueError as error:
            raise BrokenRuleError(Rule.BAD_AMOUNT, f"{field}: {error}") from None

    def _date(self, cells: dict[str, Any]) -> datetime.date:
        value = cells["date"]
        if isinstance(value, datetime.datetime):
            return value.date()
        if isinstance(value, datetime.date):
            return value
        text = _text(value)
        try:
            if self.settings.date_format is None:
                return parse_date(text)
            return datetime.datetime.strptime(text, self.settings.date_format).date()
        except ValueError as error:
            raise BrokenRuleError(Rule.BAD_DATE, str(error)) from None
