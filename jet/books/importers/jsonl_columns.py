"""Blocks of JSON Lines parsed by Arrow into columns, as far as their rows are plain.

The careful reader (`jet.books.importers.jsonl`) makes Python objects of every row. Most rows of most files are
plain, and these are parsed and checked here a block at a time; all others are handed back as lines, in their
places. Arrow's parser is stricter than Python's, or is asked to be: it refuses repeated keys, unknown ones, and
amounts that don't fit, and reads amounts as decimals. Where it refuses, the block is halved until few rows are
left to be read with care.

Arrow doesn't look where lines end, and isn't made for values that are no objects. So it only gets lines of
which the bytes show that they hold one object: they begin with a brace, end with one, and none that closes is
followed by anything but a comma, another end, or the end of the line. What is nested deeper than an entry's
lines is refused where it begins.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json as paj

from jet.books.importers.common import Block
from jet.books.importers.plain_rows import PlainRows, Reader, Units, runs
from jet.books.records import Columns
from jet.books.schema import AMOUNT

LEAST = 16
"""Fewer plain rows between others are read with care too: they wouldn't repay the calls."""
LEAST_PARSED = 64
"""Fewer rows aren't given to the parser."""

_AFTER_OBJECT = re.compile(rb"\}[ \t\r]*[^ \t\r\n,}\]]")
_ODD_TEXT = re.compile(rb"\\u(?:0000|001[fF]|[dD][89a-fA-F])")
"""What no text may hold, and surrogates, of which only pairs are allowed."""
_ACCOUNT_ROW = re.compile(rb'"type"\s{0,9}:\s{0,9}"account"')
_TEXTS = ("entry_id", "entity", "date", "description", "currency", "journal", "direction")
_LINE_TEXTS = ("account", "account_name", "side", "currency", "text", "parent", "nature")
_NOTHING = ("dimensions", "opened", "closed")
"""Keys of a line that a plain one has no value for."""

Part = Columns | tuple[int, str]
"""Plain entries, or a line to read with care, with its number."""


def parts_of(block: Block, reader: Reader) -> Iterator[Part]:
    """The rows of a block in their order: plain ones in `Columns`, others as lines with their numbers.

    The accounts of plain rows are in the reader's chart when they are yielded, and no later ones."""
    if not block.is_utf_8 or block.length < LEAST_PARSED:
        yield from careful_parts(block, reader)
        return
    lines = _Lines(block)
    for first, end, is_safe in runs(lines.is_safe, 1):
        yield from _parts(lines, first, end, reader) if is_safe else lines.careful(first, end)


def careful_parts(block: Block, _: Reader) -> Iterator[Part]:
    """All rows of a block as lines to read with care."""
    yield from enumerate(block.lines, block.number)


class _Lines:
    """The lines of a block as bytes."""

    def __init__(self, block: Block) -> None:
        self.number = block.number
        self._data = block.data
        found = np.frombuffer(block.data, np.uint8)
        self._ends = np.flatnonzero(found == ord("\n"))
        if not block.data.endswith(b"\n"):
            self._ends = np.append(self._ends, len(found))
        self._starts = np.concatenate([[0], self._ends[:-1] + 1])
        lasts = self._ends - 1
        lasts = lasts - (found[lasts] == ord("\r"))
        self.is_safe = (found[self._starts] == ord("{")) & (found[lasts] == ord("}"))
        for place in self._odd_places():
            self.is_safe[np.searchsorted(self._starts, place, "right") - 1] = False

    def _odd_places(self) -> Iterator[int]:
        """The places in the block of what no plain row has."""
        for pattern, sign in ((_AFTER_OBJECT, b"}"), (_ODD_TEXT, b"\\"), (_ACCOUNT_ROW, b'"type"')):
            if sign in self._data:
                yield from (match.start() for match in pattern.finditer(self._data))
        place = self._data.find(b"\0")
        while place >= 0:
            yield place
            place = self._data.find(b"\0", place + 1)

    def bytes_of(self, first: int, end: int) -> bytes:
        """The lines from `first` to before `end`, with their ends."""
        return self._data[self._starts[first] : self._ends[end - 1] + 1]

    def numbers(self, first: int, end: int) -> Units:
        """Their numbers in the file."""
        return np.arange(self.number + first, self.number + end, dtype=np.int64)

    def careful(self, first: int, end: int) -> Iterable[tuple[int, str]]:
        """Them as texts, with their numbers."""
        block = Block(self.number + first, self.bytes_of(first, end), "utf-8", b"\n")
        return enumerate(block.lines, block.number)


def _parts(lines: _Lines, first: int, end: int, reader: Reader) -> Iterator[Part]:
    """The parts of safe lines; those that the parser refuses are halved until few are left."""
    rows = _parsed(lines.bytes_of(first, end)) if end - first >= LEAST_PARSED else None
    if rows is not None and len(rows) == end - first:
        plain = PlainRows(rows, lines.numbers(first, end), reader)
        for begin, stop, is_plain in runs(plain.is_plain, LEAST):
            if is_plain:
                plain.use_accounts(begin, stop)
                yield Columns(reader.file, plain.entries.slice(begin, stop - begin))
            else:
                yield from lines.careful(first + begin, first + stop)
    elif end - first < 2 * LEAST_PARSED:
        yield from lines.careful(first, end)
    else:
        middle = (first + end) // 2
        yield from _parts(lines, first, middle, reader)
        yield from _parts(lines, middle, end, reader)


def _parsed(data: bytes) -> pa.Table | None:
    """The rows of some lines; None where not all can be parsed, or are as the first one is."""
    try:
        first = json.loads(data.partition(b"\n")[0])
        return paj.read_json(
            pa.BufferReader(data),
            read_options=paj.ReadOptions(use_threads=False, block_size=len(data) + 1),
            parse_options=paj.ParseOptions(explicit_schema=_schema(first), unexpected_field_behavior="error"),
        )
    except (ValueError, RecursionError, pa.ArrowException):
        return None


def _schema(first: dict[str, Any]) -> pa.Schema:
    """The columns that plain rows may have; ids and codes are whole numbers where the first row has such."""
    lines = first.get("lines")
    line = lines[0] if isinstance(lines, list) and lines and isinstance(lines[0], dict) else {}
    of_line = [
        *((key, _text_type(line.get(key))) for key in _LINE_TEXTS),
        ("amount", AMOUNT),
        *((key, pa.null()) for key in _NOTHING),
    ]
    texts = (*_TEXTS, *(("type",) if "type" in first else ()))  # where null isn't the same as nothing
    return pa.schema(
        [
            *((key, _text_type(first.get(key))) for key in texts),
            ("total", AMOUNT),
            ("lines", pa.list_(pa.struct(of_line))),
            ("known_lines", pa.null()),
        ]
    )


def _text_type(value: Any) -> pa.DataType:
    return pa.int64() if isinstance(value, int) and not isinstance(value, bool) else pa.string()
