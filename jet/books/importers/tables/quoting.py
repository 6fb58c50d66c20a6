"""Splitting a table's text into cells: delimiters, quotes, and cells with newlines.

Three conventions are in use: a quote within a quoted cell is doubled (the standard), or has a backslash before
it, or nothing is quoted and a quote is an ordinary character, such as the mark for inches. The convention is
detected from the file, since under a wrong one rows vanish in a cell. A line that can't be split is a row with
a problem, and reading goes on with the next line.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from jet.books.importers.common import LONGEST_ENTRY
from jet.books.importers.tables.rows import Row

Numbered = tuple[int, str]

MOST_LINES_OF_A_CELL = 10_000
_MANY = 100

_OPEN = "unexpected end of data"  # what the csv module says of a quoted cell that the text ends within
_ESCAPE = re.compile(r"\\(.)")
_ESCAPED = {"n": " ", "r": " ", "t": " ", "N": ""}  # newline and tab, and MySQL's null


class Quoting:
    """A quoting convention: an empty `quote` quotes nothing; with `escapes` a backslash escapes a character."""

    def __init__(self, delimiter: str, quote: str = '"', escapes: bool = False) -> None:
        self.delimiter = delimiter
        self.quote = quote
        self.escapes = escapes
        self._text: str | None = None
        self._reader = csv.reader(  # one for all rows: to make it takes longer than to read a row
            self,
            delimiter=delimiter,
            quotechar=quote or None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
            escapechar="\\" if escapes else None,
            skipinitialspace=delimiter != " ",
            strict=True,
        )

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """The text for the csv module, once."""
        text, self._text = self._text, None
        if text is None:
            raise StopIteration
        return text

    def is_plain(self, line: str) -> bool:
        """Whether a line has no special characters but the delimiter."""
        return not self.quote or (self.quote not in line and not (self.escapes and "\\" in line))

    def cells(self, text: str) -> list[str]:
        """The cells of a row. Raises csv.Error where its quotes are wrong."""
        if not self.quote:
            return text.split(self.delimiter)
        self._text = _ESCAPE.sub(_unescaped, text) if self.escapes else text
        return next(self._reader)


def _unescaped(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[1], found[0])


class Splitter:
    """Splits lines into rows.

    `is_row` says whether cells look like a row of the table: a quoted cell over lines that do is taken for a
    quote that was never closed.
    """

    def __init__(self, quoting: Quoting, width: int, is_row: Callable[[list[str]], bool]) -> None:
        self.quoting = quoting
        self.width = width
        self._is_row = is_row
        self._limit = MOST_LINES_OF_A_CELL
        self.raw = ""
        """The text of the last row that has quotes."""

    def rows(self, lines: Iterable[Numbered]) -> Iterator[Row]:
        """All lines as rows, each once."""
        source = _Lines(lines)
        delimiter = self.quoting.delimiter
        quote = self.quoting.quote or "\n"  # no line holds one
        escape = "\\" if self.quoting.escapes else "\n"
        while True:
            for number, line in source.lines:
                if quote in line or escape in line:
                    yield self._quoted(number, line, source)
                    if source.back:
                        break
                elif line and not line.isspace():
                    yield Row(number, 1, line.split(delimiter), len(line))
                else:
                    yield Row(number, 1, (), passed="blank")
            else:
                return
            while source.back:
                yield self._row(*source.back.popleft(), source)

    def _row(self, number: int, line: str, source: _Lines) -> Row:
        if not line or line.isspace():
            return Row(number, 1, (), passed="blank")
        if self.quoting.is_plain(line):
            return Row(number, 1, line.split(self.quoting.delimiter), len(line))
        return self._quoted(number, line, source)

    def _quoted(self, number: int, line: str, source: _Lines) -> Row:
        self.raw = line
        try:
            cells = self.quoting.cells(line)
        except csv.Error as error:
            if _OPEN in str(error):
                return self._open(number, line, source)
            return self._broken(number, line, _stray(error))
        if len(cells) < self.width and self.splits_evenly(line):
            return self._broken(
                number, line, "a quoted cell takes in delimiters, and the row is too short without them"
            )
        return Row(number, 1, cells, len(line))

    def splits_evenly(self, line: str) -> bool:
        """Whether a line has as many cells as the header if quotes are ordinary characters."""
        return line.count(self.quoting.delimiter) + 1 == self.width

    def _open(self, number: int, line: str, source: _Lines) -> Row:
        """The row of a line that ends within a quoted cell, with the lines up to the cell's end unless these
        are rows themselves."""
        taken: list[Numbered] = []
        size, rows_inside = len(line), 0
        is_closed = False
        for at, text in source:
            taken.append((at, text))
            size += len(text)
            rows_inside += self._looks_like_row(text)
            state = self._within(text)
            is_closed = state == "closed"
            if state != "open" or len(taken) >= self._limit or size > LONGEST_ENTRY:
                break
        whole = "\n".join([line, *(text for _, text in taken)])
        if is_closed and not rows_inside:
            try:
                cells = self.quoting.cells(whole)
            except csv.Error as error:
                return self._broken(number, line, _stray(error))._replace(lines=1 + len(taken))
            self.raw = whole
            return Row(number, 1 + len(taken), cells, size)
        source.give_back(taken)
        if len(taken) >= min(self._limit, _MANY):  # or a file of such lines would be read over and over
            self._limit = max(1, self._limit // 2)
        inside = (
            f", and {rows_inside} row{'s' * (rows_inside > 1)} of the table would be in it"
            if rows_inside
            else ""
        )
        return self._broken(number, line, f"a quote opens a cell that doesn't end{inside}")

    def _within(self, text: str) -> str:
        """Whether a cell that is open before a line is open after it, is closed, or has a quote too many."""
        if self.quoting.is_plain(text):
            return "open"
        try:
            self.quoting.cells(f"{self.quoting.quote}{text}")
        except csv.Error as error:
            return "open" if _OPEN in str(error) else "broken"
        return "closed"

    def _looks_like_row(self, text: str) -> bool:
        cells = text.split(self.quoting.delimiter)
        if len(cells) != self.width:
            try:
                cells = self.quoting.cells(text)
            except csv.Error:
                return False
        return len(cells) == self.width and self._is_row(
            [cell.strip(f" {self.quoting.quote}") for cell in cells]
        )

    def _broken(self, number: int, line: str, problem: str) -> Row:
        way_out = "correct the quotes, or set ingest.quote to '' where the file quotes nothing"
        cells = [cell.strip(f" {self.quoting.quote}") for cell in line.split(self.quoting.delimiter)]
        return Row(number, 1, cells, len(line), f"line {number}: {problem}: {way_out}")


def _stray(error: csv.Error) -> str:
    return f"the row can't be read ({error})"


class _Lines:
    """An iterator of lines that can be given back to be read again."""

    def __init__(self, lines: Iterable[Numbered]) -> None:
        self.lines = iter(lines)
        self.back: deque[Numbered] = deque()

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> Numbered:
        return self.back.popleft() if self.back else next(self.lines)

    def give_back(self, lines: list[Numbered]) -> None:
        self.back.extendleft(reversed(lines))


def convention_of(
    lines: Iterable[Numbered], splitter: Splitter, text_places: set[int], is_standard: bool, may_escape: bool
) -> Quoting:
    """The quoting convention of a table's lines.

    `splitter` splits by the standard. `text_places` are the cells of free text: only a quote around another
    cell shows that the file quotes. With `is_standard`, it is known that quotes quote, but not how they are
    escaped. With `may_escape`, there are backslashes before quotes or delimiters.
    """
    quoting, width = splitter.quoting, splitter.width
    escaping = Quoting(quoting.delimiter, quoting.quote, escapes=True)
    escaped_delimiter = f"\\{quoting.delimiter}"
    standard, enclosed, escapes, nothing = int(is_standard), 0, 0, 0
    for row in splitter.rows(lines):
        if standard and not may_escape:
            break
        raw, splitter.raw = splitter.raw, ""
        if not raw:
            raw = quoting.delimiter.join(row.cells)
            if escaped_delimiter not in raw:
                continue
        fits = not row.problem and len(row.cells) == width
        if len(raw) > csv.field_size_limit():
            continue
        if "\\" in raw:
            escapes += _fits(escaping, raw, width) - fits
        if row.problem:
            nothing += splitter.splits_evenly(raw)
        elif fits and quoting.quote in raw:
            standard += _shows_standard(row, raw, splitter, text_places)
            enclosed += not any(quoting.quote in cell for cell in row.cells)
    if escapes > 0:
        return escaping
    is_unquoted = nothing > 0 and not standard and nothing >= enclosed
    return Quoting(quoting.delimiter, "") if is_unquoted else quoting


def _fits(quoting: Quoting, raw: str, width: int) -> bool:
    try:
        return len(quoting.cells(raw)) == width
    except csv.Error:
        return False


def _shows_standard(row: Row, raw: str, splitter: Splitter, text_places: set[int]) -> bool:
    """Whether a row proves that quotes delimit cells."""
    quote = splitter.quoting.quote
    if row.lines > 1 or not splitter.splits_evenly(raw):
        return True
    if quote * 2 in raw and any(quote in cell for cell in row.cells):
        return True
    written = raw.split(splitter.quoting.delimiter)
    return any(cell.startswith(quote) for place, cell in enumerate(written) if place not in text_places)
