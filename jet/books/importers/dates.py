"""Dates as people and programs write them, and the order of day, month and year.

A date with a leading year of four digits or a month's name has one reading, and so has 31/01/2025; 01/02/2025
has two, and nothing here guesses. So all cells of a file are checked for the orders that fit them (`Orders`)
before any is read. Between dots the day comes first unless a cell contradicts; a year of two digits comes last
between dots or slashes.
"""

from __future__ import annotations

import datetime
import re
from functools import lru_cache

from jet.books.importers.common import parse_date

LONGEST_DATE = 60
"""The most characters of a date with its time; bounds the time to parse one."""

_NAMES = {"ymd": "year first", "dmy": "day first", "mdy": "month first"}
_FORMATS = {"y": "%Y", "m": "%m", "d": "%d"}
_TIME = re.compile(r"(?:T|,? {1,3})[0-9]{1,2}:[0-9]{2}(?![0-9]).*", re.DOTALL)
_NUMBERS = re.compile(r"([0-9]{1,4})([-./])([0-9]{1,2})\2([0-9]{1,4})\.?")
_SPACED = re.compile(r"([0-9]{1,4})(\.? |\. ?)([0-9]{1,2})\2([0-9]{1,4})\.?")
_COMPACT = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{4}|[0-9]{2})")
_YEAR_FIRST = re.compile(r"([0-9]{4}) ?([-./年년]) ?([0-9]{1,2}) ?(?:\2|月|월) ?([0-9]{1,2}) ?[.日일]?")
_WORD = r"([^\W\d_]{3,10})\.?"
_PART = r"(?:[-/., ]|de){1,6}"
_DAY = r"([0-9]{1,2})(?:st|nd|rd|th)?"
_WITH_NAME = (
    ("dmy", re.compile(rf"{_DAY}{_PART}{_WORD}{_PART}([0-9]{{4}}|[0-9]{{2}})")),
    ("mdy", re.compile(rf"{_WORD}{_PART}{_DAY}{_PART}([0-9]{{4}})")),
    ("ymd", re.compile(rf"([0-9]{{4}}){_PART}{_WORD}{_PART}{_DAY}")),
)
_MONTHS = (
    *(
        "jan gen ene",
        "feb fev fév",
        "mar mär mrz mrt maa",
        "apr avr abr",
        "may mai maj mei mag",
        "jun giu juin",
    ),
    *("jul lug juil", "aug aou aoû ago", "sep set", "oct okt ott out", "nov", "dec dez dic déc des"),
)
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_EXCEL_DAYS = re.compile(r"[2-7][0-9]{4}(?:\.[0-9]*)?")
_EXCEL_START = datetime.date(1899, 12, 30)


class Orders:
    """The orders of day, month and year that fit the cells of a file."""

    def __init__(self) -> None:
        self._fitting = set(_NAMES)
        self._against: dict[str, tuple[int, str]] = {}  # for an order that doesn't fit, the first such cell
        self._has_dots_only = True
        self._open: dict[tuple[tuple[str, int], ...], str] = {}  # the first cell of each way to read one as two
        self._ordered = ""  # the first cell that some order reads otherwise than another, or not at all

    def add(self, text: str, line: int) -> None:
        """Narrow the orders down by a cell."""
        days = _readings(text[:LONGEST_DATE])
        if len(set(days.values())) > 1:
            distinct = sorted(set(days.values()))
            self._open.setdefault(tuple((order, distinct.index(day)) for order, day in days.items()), text)
            self._has_dots_only &= "." in text
        if days and not self._ordered and (len(days) < len(_NAMES) or len(set(days.values())) > 1):
            self._ordered = text.strip()
        if not days or len(days) == len(_NAMES):
            return
        for order in _NAMES.keys() - days.keys():
            self._against.setdefault(order, (line, text.strip()))
        self._fitting &= days.keys()
        self._has_dots_only &= "." in text

    @property
    def contradiction(self) -> list[tuple[int, str]]:
        """Cells, with their lines, that no single order fits; [] where one fits all."""
        return [] if self._fitting else sorted(set(self._against.values()))

    @property
    def undecided(self) -> str:
        """Why some cell has two readings, with the way out; "" where all cells have one."""
        for text in self._open.values():
            try:
                self.day(text)
            except ValueError as error:
                return str(error)
        return ""

    @property
    def format(self) -> str | None:
        """How the first cell is written whose reading depends on the order, as `day_by` has it; None where none
        does, or the order isn't known."""
        fitting = {"dmy"} if self._has_dots_only and "dmy" in self._fitting else self._fitting
        return _format(self._ordered, *fitting) if self._ordered and len(fitting) == 1 else None

    def day(self, text: str) -> datetime.date:
        """The day of a cell. Raises ValueError where it has no reading, or two."""
        days = _readings(text[:LONGEST_DATE])
        fitting = self._fitting or _NAMES.keys()
        if self._has_dots_only and "dmy" in self._fitting:  # those who write dots write the day first
            fitting = {"dmy"}
        days = {order: day for order, day in days.items() if order in fitting}
        if not days:
            raise ValueError(_unreadable(text))
        if len(set(days.values())) > 1:
            raise ValueError(_ambiguity(text.strip(), days, is_mixed=not self._fitting))
        return next(iter(days.values()))


def is_day(text: str) -> bool:
    """Whether a text is a date in some order."""
    return bool(_readings(text[:LONGEST_DATE]))


@lru_cache(maxsize=10_000)
def day_by(date_format: str, text: str) -> datetime.date:
    """The day of a text in `date_format`, with or without a time after it. Raises ValueError for any other."""
    text = text[:LONGEST_DATE].strip()
    for written in dict.fromkeys((text, without_time(text))):
        try:
            return datetime.datetime.strptime(written, date_format).date()
        except ValueError:
            continue
    raise ValueError(f"date {text[:40]!r} is not written as ingest.date_format {date_format} says: correct one")


def without_time(text: str) -> str:
    """The text of a date without the time after it."""
    return _TIME.sub("", text) if ":" in text else text


@lru_cache(maxsize=100_000)
def _readings(text: str) -> dict[str, datetime.date]:
    """The day of a text by each order that fits it; by every order where it has one reading."""
    text = without_time(text.strip())
    try:
        return dict.fromkeys(_NAMES, parse_date(text))
    except ValueError:
        pass
    if found := _YEAR_FIRST.fullmatch(text):
        return dict.fromkeys(_NAMES, day) if (day := _day(found[1], found[3], found[4])) else {}
    for order, pattern in _WITH_NAME:
        if found := pattern.fullmatch(text):
            parts = dict(zip(order, found.groups(), strict=True))
            month = _month(parts["m"])
            day = _day(parts["y"], month, parts["d"]) if month else None
            return dict.fromkeys(_NAMES, day) if day else {}
    if found := _NUMBERS.fullmatch(text) or _SPACED.fullmatch(text):
        numbers, separator = (found[1], found[3], found[4]), found[2]
    elif found := _COMPACT.fullmatch(text):
        numbers, separator = (found[1], found[2], found[3]), ""
    else:
        return {}
    days = {}
    for order in _NAMES:
        if order == "ymd" and separator not in ("-", ""):  # a year of two digits stands behind dots and slashes
            continue
        parts = dict(zip(order, numbers, strict=True))
        if day := _day(parts["y"], parts["m"], parts["d"]):
            days[order] = day
    return days


def _day(year: str, month: str | int, day: str) -> datetime.date | None:
    """A calendar day; years of two digits are those from 1969 to 2068."""
    if len(year) not in (2, 4) or len(day) > 2:
        return None
    number = int(year)
    if len(year) == 2:
        number += 1900 if number > 68 else 2000
    try:
        return datetime.date(number, int(month), int(day))
    except ValueError:
        return None


def _month(word: str) -> int | None:
    word = word.casefold()
    return _MONTH.get(word[:4]) or _MONTH.get(word[:3])


def _ambiguity(text: str, days: dict[str, datetime.date], is_mixed: bool) -> str:
    readings = " and ".join(f"{day} with the {_NAMES[order]}" for order, day in days.items())
    formats = " or ".join(_format(text, order) for order in days)
    why = "the file's other dates are written both ways" if is_mixed else "nothing in the file decides"
    return f"date {text!r} is {readings}, and {why}: set ingest.date_format to {formats}"


def _format(text: str, order: str) -> str:
    """How `text` is written, as the setting has it."""
    numbers = re.findall(r"[0-9]+|[^0-9]+", without_time(text))
    separator = numbers[1] if len(numbers) > 1 else ""
    is_short = len(text if not separator else numbers[2 * order.index("y")]) in (2, 6)
    return separator.join(_FORMATS[part] for part in order).replace("%Y", "%y" if is_short else "%Y")


def _unreadable(text: str) -> str:
    text = text.strip()
    if _EXCEL_DAYS.fullmatch(text):
        day = _EXCEL_START + datetime.timedelta(days=int(text[:5]))
        return (
            f"date {text!r} is how a spreadsheet counts days (from 1900 on, {day}): format the column as "
            "a date before you export it"
        )
    return (
        f"date {text[:40]!r} can't be read: write it like 2025-01-31, or say in ingest.date_format how it is "
        "written, as in %d.%m.%Y"
    )
