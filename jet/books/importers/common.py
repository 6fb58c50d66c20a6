"""The importers' protocol and settings, and the reading of text, dates and amounts that they share.

Text is decoded as it streams. With encoding "auto", the first part of a file that isn't plain ASCII decides:
UTF-8 where it is valid, otherwise the format's guess.
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
"""The importers' names, in the order in which they are tried on a file."""

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
"""The fields that columns of a table can have."""

CHUNK_BYTES = 1 << 20
LONGEST_LINE = 1 << 24
LONGEST_ENTRY = 1 << 24
"""The most characters of an entry, over all of its lines."""

KEPT_LINES = 2 * MAX_LINES
"""The most lines that are kept while an entry is read; zero and unbalanced ones may be dropped later."""
BYTE_ORDER_MARK = codecs.BOM_UTF8


class UnreadableFile(ValueError):  # noqa: N818 (it names the file's state; the message is for people)
    """A file can't be imported at all: it is missing, empty, binary or of an unknown format."""


class BrokenRuleError(ValueError):
    """An entry or directive that breaks a rule; the message is shown to users."""

    def __init__(self, rule: Rule, message: str) -> None:
        super().__init__(message)
        self.rule = rule


@dataclass(slots=True)
class Extent:
    """The length of an entry that is read line by line.

    Lines beyond the limits aren't kept, so that no entry fills the memory, and the entry is rejected at its
    end.
    """

    lines: int = 0
    characters: int = 0

    def add(self, characters: int) -> bool:
        """Count a line; returns whether the entry is still within the limits."""
        self.lines += 1
        self.characters += characters
        return self.lines <= KEPT_LINES and self.characters <= LONGEST_ENTRY

    def fault(self) -> tuple[Rule, str] | None:
        """The rule and message where the entry is too long; otherwise None."""
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
    """How ledger files are read. By default, everything is recognized from the files."""

    format: str = "auto"
    """An importer's name (sie, jsonl, ledger, tabular), or auto to recognize the format of each file."""

    entity: str | None = None
    """The entity of every entry; by default the one that the file names, or the name of the file."""

    entity_from: Literal["name", "org_number", "name_and_org_number"] = "name"
    """What names the entity of a SIE file: the company's name, its organization number, or both."""

    encoding: str = "auto"
    """The text encoding, such as utf-8, cp437 or latin-1; auto detects it from the content."""

    tolerance: float = 0.005
    """The most by which debits and credits of an entry may differ in a currency."""

    columns: dict[str, str] = field(default_factory=dict)
    """For CSV, TSV and parquet: the file's column for each field whose column has another name."""

    date_format: str | None = None
    """For CSV and TSV: the format of dates, such as %d.%m.%Y; by default detected from the file's cells."""

    decimal_comma: bool | None = None
    """Whether the decimal mark is a comma, so that "1,234" is less than two; by default detected from the
    file's other numbers and directives."""

    dialect: Literal["auto", "ledger", "hledger"] = "auto"
    """For plain-text journals: the program whose rules apply; auto detects it from the file."""

    strict: bool = False
    """Whether to reject every entry that breaks a rule. By default, accounts and sides of an entry that doesn't
    balance are still used, and too many decimals are rounded; the rejected table says so."""

    delimiter: str | None = None
    """For CSV and TSV: the character between two fields; by default detected from the header."""

    quote: str | None = None
    """For CSV and TSV: the character around a field with delimiters in it, "" for none; by default the double
    quote, unless the file shows that it quotes nothing."""

    skip_lines: int | None = None
    """For CSV and TSV: the number of lines before the header; by default detected from the columns needed."""

    sides: dict[str, str] = field(default_factory=dict)
    """For CSV, TSV and parquet: D or C for each word in the column of sides that jet doesn't know or reads
    wrongly."""

    default_currency: str = ""
    """The currency of entries without one."""

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
    """An open ledger file."""

    file: str
    """The file's name in records and messages."""
    stream: BinaryIO
    path: str = ""
    """The path or URI that it was opened by; "" for a file in memory, which can't include others."""
    folder: str = ""
    """The folder in which included files must lie."""


class Importer(Protocol):
    """Recognizes the files of one format, and reads their records as a stream."""

    name: str

    def recognizes(self, path: str, head: bytes) -> bool:
        """Whether the file at `path`, whose first bytes are `head`, is of this format."""

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The records of `source`, with a `Rejection` for each part that can't be read, and a `FileEnd` last.

        Every line of the file is counted once: in `Entry.file_lines`, in `Rejection.file_lines`, or in a
        `Passed`.
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
    """The file's name without folder and extension."""
    return PurePath(file).stem


def has_suffix(path: str, *suffixes: str) -> bool:
    """Whether the path ends in one of the (lower-case) extensions."""
    return PurePath(path).suffix.lower() in suffixes


def without_mark(head: bytes) -> bytes:
    """`head` without a UTF-8 byte order mark."""
    return head.removeprefix(BYTE_ORDER_MARK)


def _windows_1252(_: bytes) -> str:
    return "cp1252"


def text_lines(
    stream: BinaryIO, file: str, encoding: str, guess: Callable[[bytes], str] = _windows_1252
) -> Iterator[tuple[int, str]]:
    """The numbered lines of a text, without their ends (LF, CRLF, or CR where there is no LF).

    Unlike with `str.splitlines`, no other separators end a line, since those occur within real texts. Bytes
    that are invalid in the encoding become replacement characters.
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
    """The date of a text in ISO 8601 (a time is dropped) or YYYYMMDD. Raises ValueError for any other."""
    try:
        return _day(text[:10] if len(text) > 10 and text[10] in " T" else text)
    except ValueError:
        raise ValueError(f"date {text[:40]!r} is not like 2025-01-31 or 20250131: correct it") from None


def checked_amount(amount: Decimal) -> Decimal:
    """`amount` without zeros beyond the 8th decimal. Raises ValueError where it can't be stored or summed."""
    if not amount.is_finite() or abs(amount) >= AMOUNT_LIMIT:
        raise ValueError(f"amount {str(amount)[:40]} is not finite or too large: correct it")
    rounded = amount.quantize(SMALLEST_UNIT, context=EXACT)
    return rounded if rounded == amount else amount
