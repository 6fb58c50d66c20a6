"""The rows of a table in any kind of file, and the reading of cells as text and days."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, BinaryIO, NamedTuple, Protocol

from jet.books.checks import Rule
from jet.books.importers.common import BrokenRuleError, UnreadableFile
from jet.books.importers.dates import Orders, day_by
from jet.books.settings import FIELDS, ImportSettings

REQUIRED = ("entry_id", "date", "description")
AMOUNTS = ("amount", "debit", "credit", "total")


class Row(NamedTuple):
    """A row of the table, or lines of the file that make none."""

    number: int
    """Its first line in the file, counted from 1."""
    lines: int
    """The number of lines of the file that it takes."""
    cells: Sequence[Any]
    """The cells that are read, in the order of the header; the last one is always empty."""
    size: int = 0
    """The number of characters of its texts."""
    problem: str = ""
    """Why it can't be split into cells; "" where it can."""
    passed: str = ""
    """Why it makes no entry and breaks no rule: one of the reasons of `Passed`."""


class Table(Protocol):
    """A file of rows, which can be read more than once."""

    columns: Columns

    def __init__(self, stream: BinaryIO, file: str, settings: ImportSettings) -> None: ...

    def rows(self) -> Iterator[Row]:
        """All lines of the file, as rows."""

    def line_count(self) -> int:
        """The number of lines of the file, known once its rows were read."""


class Columns:
    """The places of the fields among the cells of a row.

    Names of columns match whatever their case, blanks and underscores. Raises UnreadableFile, with a message
    that begins with `start`, where a required column is missing or comes twice.
    """

    def __init__(self, names: Sequence[str], start: str, settings: ImportSettings) -> None:
        self.names = list(names)
        self.width = len(self.names)
        self._places = _places(self.names, start, settings)
        self.reach = max(self._places.values()) + 1

    def place(self, field: str) -> int:
        """The place of a field's cell; for a field without a column, that of the empty cell at the end."""
        return self._places.get(field, -1)

    def has(self, field: str) -> bool:
        """Whether a field has a column."""
        return field in self._places

    def used(self) -> list[int]:
        """The places of all fields with a column, in the order of the fields."""
        return list(self._places.values())


def plain(name: str) -> str:
    """A column's name in the form that is compared."""
    return re.sub(r"[\s_-]+", "_", name.strip()).casefold()


def sought(settings: ImportSettings) -> dict[str, str]:
    """The required columns of a table: those that every entry needs, and those that the settings name."""
    needed = _needed(settings)
    named = {field: name for field, name in settings.columns.items() if name or field in needed}
    return {field: field for field in needed} | named


def _needed(settings: ImportSettings) -> tuple[str, ...]:
    """The columns that every entry needs; banks give their transactions no ids."""
    return tuple(each for each in REQUIRED if each != "entry_id" or not settings.tables_are_statements)


def _places(names: Sequence[str], start: str, settings: ImportSettings) -> dict[str, int]:
    found = f"it has {', '.join(names)[:1000]}"
    exact: dict[str, list[int]] = {}
    alike: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        exact.setdefault(name.strip(), []).append(place)
        alike.setdefault(plain(name), []).append(place)
    mapped = {plain(name) for field, name in settings.columns.items() if field != plain(name)}
    places: dict[str, int] = {}
    missing: list[str] = []
    for field in FIELDS:
        name = settings.columns.get(field, field)
        if not name and field not in _needed(settings):
            continue  # the settings say that no column is this field's, whatever is called so
        at = exact.get(name) or alike.get(plain(name), [])
        if field not in settings.columns and name not in exact and plain(name) in mapped:
            at = []  # the column "Text" that the settings give to another field
        if len(at) > 1:
            raise UnreadableFile(f"{start}column {name!r} comes more than once; rename all but one")
        if at:
            places[field] = at[0]
        elif field in sought(settings):
            missing.append(f"{name!r} for {field}")
    if missing:
        first = missing[0].rpartition(" ")[2]
        raise UnreadableFile(
            f"{start}no column {', and none '.join(missing)}; {found}; "
            f"name the right one in the setting columns, as in {{{first}: ...}}"
        )
    if "account" in places and not places.keys() & {"amount", "side", "debit", "credit"}:
        raise UnreadableFile(
            f"{start}accounts without sides; {found}; "
            "name a column for side, for a signed amount, or for debit and credit in the setting columns"
        )
    return places


def text_of(value: Any) -> str:
    """A cell as text, "" for null; a whole float as an integer, since columns with nulls are read as floats."""
    if type(value) is str:
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


def text_or_none(value: Any) -> str:
    """A cell as text; "" where it holds none."""
    try:
        return text_of(value)
    except BrokenRuleError:
        return ""


def day_of(value: Any, date_format: str | None, orders: Orders) -> datetime.date:
    """A cell as a day, by `date_format` or one of `orders`. Raises ValueError where it isn't one."""
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    text = text_of(value)
    return orders.day(text) if date_format is None else day_by(date_format, text)


def excerpt(row: Row) -> str:
    """The first cells of a row, for messages."""
    return " | ".join(str(value)[:200] for value in row.cells[:50])


def blank(value: Any) -> bool:
    """Whether a cell is empty."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))
