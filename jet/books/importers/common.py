"""The importers' protocol and settings, and the reading of text, dates and amounts that they share.

Text is decoded as it streams. With encoding "auto", the first part of a file that isn't plain ASCII decides:
UTF-8 where it is valid, otherwise the format's guess.
"""

from __future__ import annotations

import codecs
import datetime
import io
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from pathlib import Path, PurePath
from typing import BinaryIO, Protocol

from jet.artifacts.uris import database_name, is_database, is_uri
from jet.books.checks import AMOUNT_LIMIT, EXACT, MAX_LINES, SMALLEST_UNIT, Rule
from jet.books.records import Record
from jet.books.settings import ImportSettings
from jet.books.words import SIDES

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
        return self.fits()

    def fits(self) -> bool:
        """Whether the entry is within the limits."""
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
    identity: str = ""
    """What identified the content of a database on a server when the run began; "" where nobody asked."""
    columns: bool = False
    """Whether plain entries may come many at once, as `Columns`, where the format knows how."""

    @classmethod
    def of_server(cls, url: str, identity: str = "") -> Source:
        """A database on a server, which has no stream."""
        return cls(url, io.BytesIO(), url, identity=identity)


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


def entity_of(settings: ImportSettings, name: str, org_number: str, file: str) -> str:
    """The entity of a file of one company, by the settings, what the file says of it, or the file's name."""
    if settings.entity is not None:
        return settings.entity
    if settings.entity_from == "name":
        own = name or org_number
    elif settings.entity_from == "org_number":
        own = org_number or name
    else:
        own = " ".join(part for part in (name, org_number) if part)
    return own or file_stem(file)


def file_stem(file: str) -> str:
    """The file's name without folder and extension; of a URL the database's name."""
    if is_database(file):
        return database_name(file)
    return PurePath(file).stem


@contextmanager
def on_disk(source: Source) -> Iterator[Path]:
    """A ledger file as a file on this machine: where it is, or a copy for the time being."""
    if source.path and not is_uri(source.path):
        yield Path(source.path)
        return
    with tempfile.TemporaryDirectory(prefix="jet-") as folder:
        path = Path(folder) / "book"
        source.stream.seek(0)
        with path.open("wb") as copy:
            shutil.copyfileobj(source.stream, copy)
        yield path


def has_suffix(path: str, *suffixes: str) -> bool:
    """Whether the path ends in one of the (lower-case) extensions."""
    return PurePath(path).suffix.lower() in suffixes


def without_mark(head: bytes) -> bytes:
    """`head` without a UTF-8 byte order mark."""
    return head.removeprefix(BYTE_ORDER_MARK)


def _windows_1252(_: bytes) -> str:
    return "cp1252"


class Readable(Protocol):
    """A binary stream, as far as it is read once."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end."""


class Block:
    """Whole lines of a text file, not decoded yet."""

    def __init__(self, number: int, data: bytes, codec: str, newline: bytes) -> None:
        self.number = number  # of the first line, counted from 1
        self.data = data
        self.codec = codec
        self.newline = newline

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends; what is invalid in the encoding becomes replacement characters."""
        text = self.data.decode(self.codec, "replace").replace("\r\n", "\n")
        lines = text.split(self.newline.decode())
        if not lines[-1]:
            lines.pop()
        return lines

    @cached_property
    def is_utf_8(self) -> bool:
        """Whether the lines are valid UTF-8, and end at every byte of a newline and nowhere else."""
        named = codecs.lookup(self.codec).name in ("ascii", "utf-8")
        return named and self.newline == b"\n" and (self.data.isascii() or codec_of(self.data) == "utf-8")

    @cached_property
    def length(self) -> int:
        """The number of lines."""
        if not self.is_utf_8:
            return len(self.lines)
        return self.data.count(b"\n") + (not self.data.endswith(b"\n") and self.data != b"")


def text_lines(
    stream: Readable, file: str, encoding: str, guess: Callable[[bytes], str] = _windows_1252
) -> Iterator[tuple[int, str]]:
    """The numbered lines of a text, without their ends, as `text_blocks` finds them."""
    for block in text_blocks(stream, file, encoding, guess):
        yield from enumerate(block.lines, block.number)


def text_blocks(
    stream: Readable,
    file: str,
    encoding: str,
    guess: Callable[[bytes], str] = _windows_1252,
    lines_before: int = 0,
) -> Iterator[Block]:
    """The lines of a text (which end in LF, CRLF, or CR where there is no LF), some CHUNK_BYTES at a time.

    Unlike with `str.splitlines`, no other separators end a line, since those occur within real texts.
    `lines_before` are those of the file before the stream begins, at a line's start: they end with LF.
    """
    codec = None if encoding == "auto" else encoding
    newline = b"\n" if lines_before else b""
    number = lines_before + 1
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
                f"{file}: line {number} and on has more than {LONGEST_LINE:,} bytes without a newline; "
                "check that it is a text file"
            )
        if codec is None:
            codec = codec_of(data, guess)
        block = Block(number, data, codec or "ascii", newline)
        yield block
        number += block.length
        if not chunk:
            return


def codec_of(data: bytes, guess: Callable[[bytes], str] = _windows_1252) -> str | None:
    """The encoding that some whole lines show; None where they are plain ASCII, which says nothing."""
    if data.isascii():
        return None
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return guess(data)
    return "utf-8"


_day = lru_cache(maxsize=100_000)(datetime.date.fromisoformat)


def parse_date(text: str) -> datetime.date:
    """The date of a text in ISO 8601 (a time is dropped) or YYYYMMDD. Raises ValueError for any other."""
    try:
        return _day(text[:10] if len(text) > 10 and text[10] in " T" else text)
    except ValueError:
        raise ValueError(f"date {text[:40]!r} is not like 2025-01-31 or 20250131: correct it") from None


def exact_amount(text: str) -> Decimal:
    """An amount with a decimal point, or with a decimal comma where it can't be a separator of thousands.

    Digits beyond the 8th decimal come from programs that compute with floats, and are rounded away. Raises
    ValueError where the text is none.
    """
    whole, comma, decimals = text.partition(",")
    if comma and decimals.isdecimal() and len(decimals) != 3:
        text = f"{whole}.{decimals}"
    try:
        return checked_amount(Decimal(text)).quantize(SMALLEST_UNIT, context=EXACT)
    except ArithmeticError:
        raise ValueError(f"amount {text[:40]!r} can't be read: write it like -1234.50") from None


def unsigned(side: str, amount: Decimal) -> tuple[str, Decimal]:
    """Side ("D" or "C") and amount of a line without a sign: a debit of -5 is a credit of 5."""
    return (SIDES[1 - SIDES.index(side)], amount.copy_abs()) if amount < 0 else (side, amount)


def by_prefix(code: str, natures: Mapping[str, str]) -> str | None:
    """The nature of an account by the longest beginning of its code in `natures`; None where there is none."""
    found = (natures[code[:length]] for length in range(len(code), 0, -1) if code[:length] in natures)
    return next(found, None)


def checked_amount(amount: Decimal) -> Decimal:
    """`amount` without zeros beyond the 8th decimal. Raises ValueError where it can't be stored or summed."""
    if not amount.is_finite() or abs(amount) >= AMOUNT_LIMIT:
        raise ValueError(f"amount {str(amount)[:40]} is not finite or too large: correct it")
    rounded = amount.quantize(SMALLEST_UNIT, context=EXACT)
    return rounded if rounded == amount else amount
