"""The rows of a FEC, and what only all of them together show: how it writes amounts, dates and sides, and which
rows are one entry.

A number of an entry (EcritureNum) is unique in its journal, so journal and number group the rows, wherever in
the file they are. In a draft all rows of a journal may share one number, or have none: then the days group
them, and within a day the documents (PieceRef) where each of them balances.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import BinaryIO, NamedTuple

from jet.books.importers.common import UnreadableFile, text_lines
from jet.books.importers.dates import Orders
from jet.books.importers.numbers import Amount, ambiguity, read_amount
from jet.books.importers.tables.rows import plain
from jet.books.importers.tables.words import Sides
from jet.books.settings import ImportSettings

DELIMITERS = "\t|;"
NEEDED = ("journalcode", "ecriturenum", "ecrituredate", "comptenum", "ecriturelib")
AMOUNTS = (("debit", "credit"), ("montant", "sens"))
MOST_WORDS = 1_000
_OTHERS = ("journallib", "comptelib", "compauxnum", "pieceref")
_SIGNS = {"+1": "+", "1": "+", "-1": "-"}
_OPENING = ("a nouveau", "ouverture")
_OPENING_CODES = {"an", "ano", "ran"}

Group = tuple[str, ...]
"""Journal and number of an entry, and where it takes these to tell entries apart, day and document."""


class Row(NamedTuple):
    """A row of the file, with its cells as they are written."""

    number: int
    raw: str
    passed: str = ""
    """Why it makes no entry and breaks no rule; "" where it is one of an entry."""
    problem: str = ""
    """Why it can't be read; "" where it can."""
    journalcode: str = ""
    ecriturenum: str = ""
    ecrituredate: str = ""
    comptenum: str = ""
    ecriturelib: str = ""
    journallib: str = ""
    comptelib: str = ""
    compauxnum: str = ""
    pieceref: str = ""
    debit: str = ""
    credit: str = ""
    montant: str = ""
    sens: str = ""

    @property
    def key(self) -> Group:
        """Journal and number."""
        return self.journalcode, self.ecriturenum


_FIELDS = Row._fields[4:]


def columns(line: str, delimiters: str = DELIMITERS) -> tuple[str, dict[str, int]] | None:
    """The delimiter of a header and the places of the columns that are read; None where it is no FEC's."""
    for delimiter in delimiters:
        at: dict[str, int] = {}
        for place, name in enumerate(line.split(delimiter)):
            at.setdefault(_without_accents(plain(name)), place)
        if at.keys() >= set(NEEDED) and any(at.keys() >= set(pair) for pair in AMOUNTS):
            return delimiter, {name: at[name] for name in _FIELDS if name in at}
    return None


def guess_encoding(data: bytes) -> str:
    """The encoding of bytes that aren't UTF-8: the law's, or that of Windows by what only it has."""
    return "cp1252" if any(0x80 <= byte < 0xA0 for byte in set(data)) else "iso8859-15"


class FecTable:
    """The rows of a FEC, which can be read more than once. Raises UnreadableFile where it has no header."""

    def __init__(self, stream: BinaryIO, file: str, settings: ImportSettings) -> None:
        self._stream = stream
        self._file = file
        self._encoding = settings.encoding
        first = next((line for _, line in self._lines()), "")
        found = columns(first, settings.delimiter or DELIMITERS)
        if found is None:
            raise UnreadableFile(
                f"{file}: the first line is no header of a FEC: name JournalCode, EcritureNum, EcritureDate, "
                "CompteNum, EcritureLib, and Debit and Credit or Montant and Sens, between tabs or |"
            )
        self._delimiter, self._at = found
        self._width = first.count(self._delimiter) + 1
        self._openings: dict[tuple[str, str], bool] = {}

    def rows(self) -> Iterator[Row]:
        """All lines of the file as rows."""
        places, delimiter = list(self._at.items()), self._delimiter
        reach = max(self._at.values())
        for number, line in self._lines():
            if number == 1 or not line.strip():
                yield Row(number, line, passed="blank" if number > 1 else "header")
                continue
            cells = line.split(delimiter)
            problem = ""
            if len(cells) <= reach:
                problem = f"the row has {len(cells)} fields of {self._width}: join it with the rest of its text"
                cells += [""] * (reach + 1 - len(cells))
            elif any(cells[self._width :]):
                problem = f"the row has more than {self._width} fields: take the delimiter out of its texts"
            row = Row(number, line, "", problem, **{name: cells[at].strip() for name, at in places})
            yield row._replace(passed="opening balance") if self._is_opening(row) else row

    def _lines(self) -> Iterator[tuple[int, str]]:
        self._stream.seek(0)
        return text_lines(self._stream, self._file, self._encoding, guess_encoding)

    def _is_opening(self, row: Row) -> bool:
        """Whether a row carries a balance forward: its journal is that of the "à-nouveaux"."""
        journal = row.journalcode, row.journallib
        if journal not in self._openings:
            name = _without_accents(row.journallib).casefold().replace("-", " ").replace(".", "")
            short = name or row.journalcode.casefold()
            self._openings[journal] = short in _OPENING_CODES or any(word in name for word in _OPENING)
        return self._openings[journal]


@dataclass
class Survey:
    """What all rows together show."""

    marks: set[str] = field(default_factory=set)
    """The decimal marks that cells with one reading have."""
    mark: str = ""
    """The file's decimal mark; "" where the law decides, whose mark is the comma."""
    orders: Orders = field(default_factory=Orders)
    words: set[str] = field(default_factory=set)
    """The words for sides."""
    sides_by_sign: set[tuple[str, bool]] = field(default_factory=set)
    """Pairs of a word for a side and whether the amount is negative."""
    days: dict[Group, str | None] = field(default_factory=dict)
    """Of a journal and number the day; None where there are several, or no number."""
    last: dict[Group, int] = field(default_factory=dict)
    """The last row of each group."""
    by_day: set[Group] = field(default_factory=set)
    """Journals and numbers whose days are entries of their own."""
    by_document: set[Group] = field(default_factory=set)
    """Of these, days whose documents are entries of their own."""

    def group(self, row: Row) -> Group:
        """The group of a row: those with the same one are an entry."""
        key = row.key
        if key in self.by_day:
            key = (*key, row.ecrituredate)
            if key in self.by_document:
                key = (*key, row.pieceref)
        return key


class Reading:
    """Reads the cells of a surveyed file."""

    def __init__(self, found: Survey, settings: ImportSettings) -> None:
        self._mark = found.mark
        self._has_both = len(found.marks) > 1 and not found.mark
        self._sides = Sides(found.words, settings.sides)
        self._sides_are_signs = self._sides.are_signs(found.sides_by_sign)

    def amount(self, text: str) -> Decimal:
        """An amount, zero for an empty cell. Raises ValueError where it has none, or two readings."""
        if not text:
            return Decimal(0)
        amount = read_amount(text)
        law = "," if "," in text and not self._has_both else ""  # it knows no separator of thousands
        value = amount.value(self._mark or law)
        if value is None:
            raise ValueError(ambiguity(text, amount, self._has_both))
        return value

    def by_side(self, row: Row) -> Decimal:
        """The amount of a row with a word for its side; debits are positive. Raises ValueError."""
        amount = self.amount(row.montant)
        side = self._sides.side(side_word(row.sens))
        if self._sides_are_signs:
            amount = amount.copy_abs()
        return amount if side == "D" else -amount


def side_word(text: str) -> str:
    """The word for a side, of which +1 and -1 are + and -."""
    return _SIGNS.get(text, text)


def survey(table: FecTable, settings: ImportSettings) -> Survey:
    """The survey of all rows, twice where numbers don't tell the entries apart."""
    found = Survey()
    for row in table.rows():
        if row.passed:
            continue
        found.last[row.key] = row.number
        if found.days.setdefault(row.key, row.ecrituredate or None) != row.ecrituredate or not row.ecriturenum:
            found.days[row.key] = None
        found.orders.add(row.ecrituredate, row.number)
        for text in (row.debit, row.credit, row.montant):
            amount = _read(text)
            if amount is not None and amount.mark in (".", ","):
                found.marks.add(amount.mark)
        if row.sens and len(found.words) < MOST_WORDS:
            amount = _read(row.montant)
            value = None if amount is None else amount.point if amount.comma is None else amount.comma
            found.words.add(side_word(row.sens))
            if value:
                found.sides_by_sign.add((side_word(row.sens), value < 0))
    if settings.decimal_comma is not None:
        found.mark = "," if settings.decimal_comma else "."
    elif len(found.marks) == 1:
        found.mark = next(iter(found.marks))
    shared = {key for key, day in found.days.items() if day is None}
    if shared:
        _part(shared, table, found, settings)
    return found


def _part(shared: set[Group], table: FecTable, found: Survey, settings: ImportSettings) -> None:
    """Find what parts the rows that share journal and number: their days, and their documents."""
    reading = Reading(found, settings)
    tolerance = Decimal(str(settings.tolerance))
    sums: dict[Group, Decimal] = {}
    parts: dict[Group, set[Group]] = {}
    for row in table.rows():
        if row.passed or row.key not in shared:
            continue
        try:
            amount = (
                reading.by_side(row) if row.sens else reading.amount(row.debit) - reading.amount(row.credit)
            )
        except ValueError:
            amount = Decimal(0)  # its entry is rejected later
        day = (*row.key, row.ecrituredate)
        document = (*day, row.pieceref)
        for group in (row.key, day, document):
            sums[group] = sums.get(group, Decimal(0)) + amount
            found.last[group] = row.number
        parts.setdefault(row.key, set()).add(day)
        parts.setdefault(day, set()).add(document)

    def balances(group: Group) -> bool:
        return abs(sums[group]) <= tolerance

    for key in shared:
        days = parts[key]
        if balances(key) and len(days) > 1 and not any(map(balances, days)):
            continue  # one entry, whose rows have days of their own
        found.by_day.add(key)
        found.by_document |= {day for day in days if len(parts[day]) > 1 and all(map(balances, parts[day]))}


def _read(text: str) -> Amount | None:
    try:
        return read_amount(text) if text else None
    except ValueError:
        return None


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
