"""Plain entries of JSON Lines, checked by Arrow's kernels over columns in place of one object after another.

A row is plain where these kernels can tell that it breaks no rule and asks for no decision. That is all that
they tell: any other row, whether wrong, unusual or only too large for 64 bits, is left to the careful reader
(`jet.books.importers.jsonl`, `jet.books.checks`), which alone knows the rules' messages and exceptions. So a
rule that changes there may have to become stricter here, and a test reads everything both ways.

What has few distinct values (days, sides, currencies) goes through the careful reader's own functions, once for
each value.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.checks import FIRST_DAY, LAST_DAY, MAX_LINES, MAX_TEXT_BYTES, SMALLEST_UNIT
from jet.books.currencies import currency_code
from jet.books.importers.common import parse_date
from jet.books.schema import AMOUNT, DIMENSION, DIRECTIONS, ENTRIES, LINE, NATURES
from jet.books.settings import ImportSettings
from jet.books.words import SIDES

Flags = npt.NDArray[np.bool_]
Units = npt.NDArray[np.int64]  # of money: 1e-8 of the currency

_LARGEST = 2**62
_SEPARATOR = "\x1f"  # in no text of an entry or account
_CHART = ("account_name", "parent", "nature")


class Reader(Protocol):
    """What the careful reader of a file knows and does."""

    file: str
    settings: ImportSettings
    default_entity: str
    signed_totals: bool

    def side(self, word: str) -> str:
        """D or C for a word for it; other words unchanged."""

    def use(self, row: dict[str, Any], entity: str, code: str) -> None:
        """Add the account of a line to the chart."""


class PlainRows:
    """Rows of a file as the parser has them, and the entries that the plain ones are.

    R rows have L lines. The columns are an entry's keys; nulls in them are what isn't said.
    """

    def __init__(self, rows: pa.Table, numbers: Units, reader: Reader) -> None:
        self._reader = reader
        self._odd: Flags = np.zeros(len(rows), np.bool_)
        rows = rows.combine_chunks()
        self._rows = {name: _whole(rows[name]) for name in rows.column_names}
        self.entries = self._entries(numbers)
        """`ENTRIES` [R]; of rows that aren't plain it says nothing of use."""
        self.is_plain = ~self._odd
        """[R] which rows are."""

    def use_accounts(self, first: int, end: int) -> None:
        """Add the accounts of the lines of the rows from `first` to before `end` to the reader's chart."""
        said = self._charts.slice(self._offsets[first], self._offsets[end] - self._offsets[first])
        for key in pc.unique(said).to_pylist():
            entity, code, *chart = key.split(_SEPARATOR)
            self._reader.use(dict(zip(_CHART, chart, strict=True)), entity, code)

    def _entries(self, numbers: Units) -> pa.Table:
        count = len(self._odd)
        if "type" in self._rows:
            self._refuse(~_flags(pc.equal(self._rows["type"], "entry")))
        entity = self._entity()
        currency = self._currency()
        lines, debits, of_lines = self._lines(entity, currency)
        direction = self._text(self._rows, "direction")
        self._refuse(~_flags(pc.is_in(direction, pa.array(DIRECTIONS))))
        names = ("entry_id", "description", "journal")
        entry_id, description, journal = (self._text(self._rows, name) for name in names)
        self._refuse(_flags(pc.equal(entry_id, "")))
        for texts in (entry_id, entity, description, currency, journal):
            self._refuse(_long(texts))
        columns = {
            "entity": entity,
            "entry_id": entry_id,
            "date": self._date(),
            "description": description,
            "currency": currency,
            "journal": journal,
            "total": self._total(debits, of_lines),
            "lines": lines,
            "file": pa.repeat(self._reader.file, count),
            "file_line": pa.array(numbers),
            "direction": direction,
            "known_lines": pa.nulls(count, ENTRIES.field("known_lines").type),
        }
        return pa.table([columns[name] for name in ENTRIES.names], schema=ENTRIES)

    def _refuse(self, odd: Flags) -> None:
        self._odd |= odd

    def _refuse_lines(self, odd: Flags) -> None:
        self._odd[self._of_row[odd]] = True

    def _text(self, columns: dict[str, pa.Array], name: str) -> pa.Array:
        """The texts at `name`, without white space around them; whole numbers as their digits."""
        said = columns[name]
        if said.null_count == len(said):
            return pa.repeat("", len(said))
        return pc.utf8_trim_whitespace(pc.fill_null(said.cast(pa.string()), ""))

    def _entity(self) -> pa.Array:
        if self._reader.settings.entity is not None:
            return pa.repeat(self._reader.settings.entity, len(self._odd))
        said = self._text(self._rows, "entity")
        return pc.if_else(pc.equal(said, ""), self._reader.default_entity, said)

    def _currency(self) -> pa.Array:
        default = self._reader.settings.default_currency
        said = self._text(self._rows, "currency")
        return _each_once(said, lambda text: currency_code(text) or default, pa.string())

    def _date(self) -> pa.Array:
        days = _each_once(self._text(self._rows, "date"), _day, pa.date32())
        self._refuse(_flags(days.is_null()))
        return days

    def _lines(self, entity: pa.Array, currency: pa.Array) -> tuple[pa.Array, Units, Flags]:
        """The lines of the rows; the sum of the debits [R], and where it is known [R]."""
        lists = self._rows["lines"]
        missing = _flags(lists.is_null())
        counts = np.where(missing, 0, pc.fill_null(pc.list_value_length(lists), 0).to_numpy()).astype(np.int64)
        self._offsets: Units = np.concatenate([[0], np.cumsum(counts)])
        self._of_row = np.repeat(np.arange(len(counts)), counts)
        self._refuse(~missing & ((counts == 0) | (counts > MAX_LINES)))
        flat = lists.flatten()
        self._refuse_lines(_flags(flat.is_null()))
        found = dict(zip(flat.type.names, flat.flatten(), strict=True))
        account, side, text = (self._text(found, name) for name in ("account", "side", "text"))
        side = _each_once(side, self._reader.side, pa.string())
        is_debit, is_credit = (_flags(pc.equal(side, each)) for each in SIDES)
        self._refuse_lines(_flags(pc.equal(account, "")) | ~(is_debit | is_credit))
        for texts in (account, text):
            self._refuse_lines(_long(texts))
        own = self._line_currency(found, currency.take(self._of_row))
        amount = found["amount"]
        debits, is_known = self._balance(amount, is_debit, is_credit, counts)
        self._collect_charts(found, entity.take(self._of_row), account)
        dimensions = pa.ListArray.from_arrays(
            np.zeros(len(flat) + 1, np.int32), pa.array([], DIMENSION), type=LINE.field("dimensions").type
        )
        values = pa.StructArray.from_arrays([account, side, amount, own, text, dimensions], fields=list(LINE))
        lines = pa.ListArray.from_arrays(
            self._offsets.astype(np.int32), values, type=ENTRIES.field("lines").type, mask=pa.array(missing)
        )
        return lines, debits, is_known & ~missing

    def _line_currency(self, found: dict[str, pa.Array], of_entry: pa.Array) -> pa.Array:
        """The currency of each line, where it is its entry's."""
        said = _each_once(self._text(found, "currency"), currency_code, pa.string())
        self._refuse_lines(_flags(pc.and_(pc.not_equal(said, ""), pc.not_equal(said, of_entry))))
        return of_entry

    def _balance(
        self, amount: pa.Array, is_debit: Flags, is_credit: Flags, counts: Units
    ) -> tuple[Units, Flags]:
        """The sum of the debits of each row, and where it is known; refuses rows that don't balance."""
        units, fits = _units(amount)
        self._refuse_lines(~fits | (units > _LARGEST // np.maximum(counts, 1)[self._of_row]))
        debits, credits_ = (self._sums(np.where(of_side, units, 0)) for of_side in (is_debit, is_credit))
        has_both = (self._sums(is_debit) > 0) & (self._sums(is_credit) > 0)
        is_known = self._sums(_flags(amount.is_null())) == 0
        is_balanced = np.abs(debits - credits_) <= self._tolerance()
        self._refuse((counts > 0) & ~(has_both & (is_balanced | ~is_known)))
        return debits, is_known

    def _sums(self, values: Units | Flags) -> Units:
        """The sums of the lines' values over each row."""
        sums: Units = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])  # may wrap; differences don't
        return sums[self._offsets[1:]] - sums[self._offsets[:-1]]

    def _tolerance(self) -> int:
        """The most by which sums may differ, in units."""
        return int(min(Decimal(str(self._reader.settings.tolerance)) / SMALLEST_UNIT, Decimal(_LARGEST)))

    def _total(self, debits: Units, is_known: Flags) -> pa.Array:
        """The total that a row says, or else the sum of its debits."""
        said = self._rows["total"]
        units, fits = _units(said)
        is_said = _flags(said.is_valid())
        has_lines = np.diff(self._offsets) > 0
        self._refuse(~fits | (is_said & ~has_lines & self._reader.signed_totals))
        self._refuse(is_said & is_known & ~(np.abs(units - debits) <= self._tolerance()))
        return _amounts(np.where(is_said, units, debits), is_said | is_known)

    def _collect_charts(self, found: dict[str, pa.Array], entity: pa.Array, account: pa.Array) -> None:
        """Keep what each line says of its account."""
        chart = [self._text(found, name) for name in _CHART]
        self._refuse_lines(~_flags(pc.is_in(chart[-1], pa.array(["", *NATURES]))))
        self._charts = pc.binary_join_element_wise(entity, account, *chart, _SEPARATOR)


def runs(flags: Flags, least: int) -> Iterator[tuple[int, int, bool]]:
    """The runs of equal flags as (first, end, flag), of which true ones shorter than `least` count as false."""
    edges = np.flatnonzero(np.diff(flags)) + 1
    bounds = [0, *edges.tolist(), len(flags)] if len(flags) else []
    for first, end in pairwise(bounds):
        yield first, end, bool(flags[first]) and end - first >= least


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _flags(values: pa.Array) -> Flags:
    """Flags of an Arrow array, null as false."""
    return np.asarray(pc.fill_null(values, False))


def _long(texts: pa.Array) -> Flags:
    return _flags(pc.greater(pc.binary_length(texts), MAX_TEXT_BYTES))


def _each_once(texts: pa.Array, function: Callable[[str], Any], type_: pa.DataType) -> pa.Array:
    """The results of a function for all texts, asked once for each distinct one."""
    found = texts.dictionary_encode()
    return pa.array([function(text) for text in found.dictionary.to_pylist()], type_).take(found.indices)


def _day(text: str) -> datetime.date | None:
    """The date of a text; None where it is none that a posting may have."""
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None


def _units(amounts: pa.Array) -> tuple[Units, Flags]:
    """Amounts (`AMOUNT`) in units of 1e-8, null as 0, and which are neither negative nor wider than 63 bits."""
    filled = pc.fill_null(amounts, Decimal(0))
    words = np.frombuffer(filled.buffers()[1], np.int64).reshape(-1, 2)  # the low one first
    words = words[filled.offset : filled.offset + len(filled)]
    fits = (words[:, 0] >= 0) & (words[:, 1] == 0)
    return np.where(fits, words[:, 0], 0), fits


def _amounts(units: Units, is_valid: Flags) -> pa.Array:
    """Amounts (`AMOUNT`) of units of 1e-8, none negative, and null where they aren't valid."""
    words = np.zeros((len(units), 2), np.int64)
    words[:, 0] = units
    amounts = pa.Array.from_buffers(AMOUNT, len(units), [None, pa.py_buffer(words)])
    return pc.if_else(pa.array(is_valid), amounts, pa.scalar(None, AMOUNT))
