"""Stretches of one large file of lines, which several workers read side by side.

A file is looked through once, which takes a fraction of the time of reading it: where lines begin, what number
they have, and what only the whole file can tell (its encoding, say). Then each stretch is read alone, and what
it holds is the same as if the whole file had been read: `jet.books.importers.jsonl` is the format that can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from jet.books.importers.common import BYTE_ORDER_MARK, CHUNK_BYTES, LONGEST_LINE, Source, text_blocks
from jet.books.records import Account


@dataclass(frozen=True)
class Stretch:
    """Some lines of a file, and what must be known of the others to read them alone."""

    start: int
    """The first byte, at which a line begins."""
    stop: int
    """The byte after the last one."""
    lines_before: int
    encoding: str
    """Of the whole file."""
    signed_totals: bool = False
    """Whether the totals of the file have signs that mean a direction (`jet.books.importers.jsonl`)."""


def stretches(source: Source, size: int, encoding: str, look: Callable[[bytes], None]) -> list[Stretch]:
    """Stretches of a file of some `size` bytes each; none where its lines don't end with LF. `look` is shown
    all lines, some whole ones at a time. Raises UnreadableFile where a line is too long, as its reader does."""
    end = len(BYTE_ORDER_MARK) if source.stream.read(len(BYTE_ORDER_MARK)) == BYTE_ORDER_MARK else 0
    source.stream.seek(0)
    starts, codec = [(0, 0)], ""  # bytes and lines before each stretch
    for block in text_blocks(source.stream, source.file, encoding):
        if block.newline != b"\n":
            return []
        if end - starts[-1][0] >= size and block.data:
            starts.append((end, block.number - 1))
        look(block.data)
        end += len(block.data)
        codec = block.codec
    stops = [*(start for start, _ in starts[1:]), end]
    return [Stretch(start, stop, before, codec) for (start, before), stop in zip(starts, stops, strict=True)]


def whole_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes of a stream in blocks that end at a line's end. A line that is too long to be a record is left
    out, as its reader says."""
    rest = b""
    while chunk := stream.read(CHUNK_BYTES):
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        yield whole + newline
        if len(rest) > LONGEST_LINE:
            rest = b""
    yield rest


class Within:
    """The bytes of a stretch, as a stream."""

    def __init__(self, stream: BinaryIO, stretch: Stretch) -> None:
        self._stream = stream
        self._left = stretch.stop - stretch.start
        stream.seek(stretch.start)

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end of the stretch."""
        data = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


class Chart:
    """The accounts of a file: what rows of their own say, and what lines say of those without one."""

    def __init__(self) -> None:
        self._stated: dict[tuple[str, str], Account] = {}
        self._used: dict[tuple[str, str], Account] = {}

    def add(self, account: Account) -> None:
        """Add what a row of its own says, the last of which stands, or what a line says, the first of which
        stands."""
        key = account.entity, account.code
        if account.stated:
            self._stated[key] = account
            return
        known = self._used.get(key, account)
        self._used[key] = replace(
            known,
            name=known.name or account.name,
            parent=known.parent or account.parent,
            nature=known.nature or account.nature,
            opened=known.opened or account.opened,
            closed=known.closed or account.closed,
        )

    def accounts(self) -> Iterator[Account]:
        """Every account with a row, and every other one that lines use."""
        yield from (self._used | self._stated).values()

    def said(self) -> Iterator[Account]:
        """All that was added, as a stretch gives it: a chart to which the stretches' are added has the whole
        file's accounts."""
        yield from self._used.values()
        yield from self._stated.values()
