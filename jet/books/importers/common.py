"""What the importers share: their protocol and settings, and how text, dates and amounts are read.

Text is decoded as it streams. With encoding "auto", the first part of a file that is not plain ASCII decides:
UTF-8 where it is valid, else what the format's own guess says.
"""

from __future__ import annotations

import codecs
import datetime
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from pathlib import PurePath
from typing import BinaryIO, Literal, Protocol

from jet.books.checks import AMOUNT_LIMIT, EXACT, MAX_LINES, SMALLEST_UNIT, Rule
from jet.books.records import Record
from jet.books.schema import SIDES

FORMATS = ("sie", "jsonl", "ledger", "tabular")
"""The importers' names, in the order in which they are asked whether a file is theirs."""

FIELDS = (
    "entry_id",
    "entity",
    "date",
    "description",
    "currency",
    "journal",
    "account",
    "account_name",
    "side",
    "amount",
    "debit",
    "credit",
    "text",
    "total",
    "direction",
)
"""What a column of a table can hold."""

CHUNK_BYTES = 1 << 20
LONGEST_LINE = 1 << 24
LONGEST_ENTRY = 1 << 24
"""Characters of an entry over all of its lines."""

KEPT_LINES = 2 * MAX_LINES
"""Lines that are kept of an entry while it is read; some may be zero, or outside of the balance."""
BYTE_ORDER_MARK = codecs.BOM_UTF8


class UnreadableFile(ValueError):  # noqa: N818 (it names the file's state; the message is for people)
    """A file that can't be imported at all: missing, empty, binary or of an unknown format."""


class BrokenRuleError(ValueError):
    """Raised within an importer for an entry or a directive that it can't take; the message is for people."""

    def __init__(self, rule: Rule, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(slots=True)
class Extent:
    """How long an entry is that is read line by line. Of one that is too long nothing more is kept, so that no
    entry fills the memory, and it is rejected at its end."""

    lines: int = 0
    characters: int = 0

    def add(self, characters: int) -> bool:
        """Count a line; returns whether the entry is still short enough to be kept."""
        self.lines += 1
        self.characters += characters
        return self.lines <= KEPT_LINES and self.characters <= LONGEST_ENTRY

    def fault(self) -> tuple[Rule, str] | None:
        """The rule that the entry breaks by its length, if any."""
        if self.lines > KEPT_LINES:
            return Rule.TOO_MANY_LINES, f"{self.lines:,} lines are more than {MAX_LINES:,}: split the entry"
        if self.characters > LONGEST_ENTRY:
            return Rule.TEXT_TOO_LONG, (
                f"the entry's lines have {self.characters:,} characters, more than {LONGEST_ENTRY:,}: "
                "shorten its texts, or split it"
            )
        return None


@dataclass(kw_only=True)
class ImportSettings:
    """How ledger files are read. The defaults fit files that say by themselves what they are."""

    format: str = "auto"
    """An importer's name (sie, jsonl, ledger, tabular), or auto to recognize the format of each file."""

    entity: str | None = None
    """The entity of every entry; by default the one that the file names, else the name of the file."""

    entity_from: Literal["name", "org_number", "name_and_org_number"] = "name"
    """What names the entity of a SIE file: the company's name, its organization number, or both."""

    encoding: str = "auto"
    """The text encoding, such as utf-8, cp437 or latin-1; auto recognizes it from the content."""

    tolerance: float = 0.005
    """How much debits and credits of an entry may differ in a currency."""

    columns: dict[str, str] = field(default_factory=dict)
    """For CSV, TSV and parquet: the file's column for each of our fields that is called differently."""

    date_format: str | None = None
    """For CSV and TSV: how dates are written, such as %d.%m.%Y; by default in the order that the file's cells
    show."""

    decimal_comma: bool | None = None
    """Whether "1.234" is a thousand and more, and "1,234" a bit more than one; by default as the file's other
    numbers, or its own directives, have it."""

    dialect: Literal["auto", "ledger", "hledger"] = "auto"
    """For plain-text journals: the program by whose rules they are read; auto takes the one that the file
    needs."""

    strict: bool = False
    """Whether an entry that breaks a rule is of no use at all. By default one that doesn't balance still
    teaches accounts and sides, and too many decimals are rounded; the rejected table says which."""

    delimiter: str | None = None
    """For CSV and TSV: the character between two fields; by default recognized from the header."""

    quote: str | None = None
    """For CSV and TSV: the character around a field that holds delimiters, "" where the file quotes nothing; by
    default the double quote, or none where the file shows it."""

    skip_lines: int | None = None
    """For CSV and TSV: the lines before the header; by default those before the columns sought."""

    sides: dict[str, str] = field(default_factory=dict)
    """For CSV, TSV and parquet: D or C for each word of the column of sides that jet doesn't know, or reads
    otherwise."""

    default_currency: str = ""
    """The currency of entries that name none."""

    def __post_init__(self) -> None:
        if self.format != "auto" and self.format not in FORMATS:
            raise ValueError(f"format {self.format!r} is not auto or one of {', '.join(FORMATS)}")
        if self.entity is not None and not self.entity.strip():
            raise ValueError("entity must not be empty: leave it out to take the file's own")
        if self.encoding != "auto" and not _splits_at_newlines(self.encoding):
            raise ValueError(f"encoding {self.encoding!r} is not a known one in which a newline is one byte")
        if not 0 <= self.tolerance < float("inf"):
            raise ValueError(f"tolerance {self.tolerance} must be zero or more, and finite")
        unknown = sorted(set(self.columns) - set(FIELDS))
        if unknown:
            raise ValueError(f"columns: {', '.join(unknown)} not among our fields, {', '.join(FIELDS)}")
        if self.date_format is not None and not _names_a_day(self.date_format):
            raise ValueError(f"date_format {self.date_format!r} must hold a year, a month and a day")
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise ValueError(f"delimiter {self.delimiter!r} must be one character, and not a quote or newline")
        if self.quote is not None and (len(self.quote) > 1 or self.quote in tuple("\\\r\n ")):
            raise ValueError(f'quote {self.quote!r} must be one character, or "" where nothing is quoted')
        if self.quote and self.quote == self.delimiter:
            raise ValueError(f"quote {self.quote!r} must not be the delimiter")
        if self.skip_lines is not None and self.skip_lines < 0:
            raise ValueError(f"skip_lines {self.skip_lines} must be zero or more")
        if any(side not in SIDES for side in self.sides.values()):
            raise ValueError(f"sides must name D or C for each word, not {', '.join(self.sides.values())}")


@dataclass(frozen=True)
class Source:
    """A ledger file that is being read."""

    file: str
    """What it is called in records and messages."""
    stream: BinaryIO
    path: str = ""
    """Path or URI that it was opened by; "": it is in memory only, and can include no other."""
    folder: str = ""
    """What it may include lies in this folder."""


class Importer(Protocol):
    """One format: recognizes its files, and reads their records as a stream."""

    name: str

    def recognizes(self, path: str, head: bytes) -> bool:
        """Whether the file at `path`, whose first bytes are `head`, is of this format."""

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The records of `source`; what can't be read becomes a rejection, and reading goes on.

        Every line of the file is counted once: as an entry's (`Entry.file_lines`), a rejection's
        (`Rejection.file_lines`), or in a `Passed`. A `FileEnd` ends it.
        """


def _splits_at_newlines(encoding: str) -> bool:
    try:
        bytes(range(256)).decode(encoding, "replace")  # some encodings can't replace what is wrong
        return "\n".encode(encoding) == b"\n"
    except (LookupError, ValueError):
        return False


def _names_a_day(date_format: str) -> bool:
    day = datetime.datetime(2001, 12, 30)
    try:
        return datetime.datetime.strptime(day.strftime(date_format), date_format) == day
    except (ValueError, re.error):
        return False


def file_stem(file: str) -> str:
    """The file's name without its folder and extension."""
    return PurePath(file).stem


def has_suffix(path: str, *suffixes: str) -> bool:
    """Whether the path ends in one of the (lower-case) extensions."""
    return PurePath(path).suffix.lower() in suffixes


def without_mark(head: bytes) -> bytes:
    """`head` without the byte order mark of UTF-8."""
    return head.removeprefix(BYTE_ORDER_MARK)


def _windows_1252(_: bytes) -> str:
    return "cp1252"


def text_lines(
    stream: BinaryIO, file: str, encoding: str, guess: Callable[[bytes], str] = _windows_1252
) -> Iterator[tuple[int, str]]:
    """The numbered lines of a text, without their ends (LF, CRLF, or CR where there is no LF).

    Only these end a line, unlike with `str.splitlines`: other separators do occur within real texts.
    Bytes that are wrong in the encoding become replacement characters.
    """
    codec = None if encoding == "auto" else encoding
    newline = b""
    number = 0
    rest = b""
    while True:
        chunk = stream.read(CHUNK_BYTES)
        data = rest + chunk
        if not newline:
            data = without_mark(data)
            newline = b"\r" if b"\r" in data and b"\n" not in data else b"\n"
        cut = data.rfind(newline) + 1 if chunk else len(data)
        data, rest = data[:cut], data[cut:]
        if len(rest) > LONGEST_LINE:
            raise UnreadableFile(
                f"{file}: line {number + 1} and on has more than {LONGEST_LINE:,} bytes without a newline; "
                "check that it is a text file"
            )
        if codec is None and not data.isascii():
            codec = "utf-8" if _is_utf_8(data) else guess(data)
        text = data.decode(codec or "ascii", "replace").replace("\r\n", "\n")
        lines = text.split(newline.decode())
        if not lines[-1]:
            lines.pop()
        for line in lines:
            number += 1
            yield number, line
        if not chunk:
            return


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


_day = lru_cache(maxsize=100_000)(datetime.date.fromisoformat)


def parse_date(text: str) -> datetime.date:
    """A date in ISO 8601 (a time after it is dropped) or as YYYYMMDD; raises ValueError."""
    try:
        return _day(text[:10] if len(text) > 10 and text[10] in " T" else text)
    except ValueError:
        raise ValueError(f"date {text[:40]!r} is not like 2025-01-31 or 20250131: correct it") from None


def checked_amount(amount: Decimal) -> Decimal:
    """`amount` without zeros beyond the 8th decimal; raises ValueError where it is unfit for sums."""
    if not amount.is_finite() or abs(amount) >= AMOUNT_LIMIT:
        raise ValueError(f"amount {str(amount)[:40]} is not finite or too large: correct it")
    rounded = amount.quantize(SMALLEST_UNIT, context=EXACT)
    return rounded if rounded == amount else amount
