"""CSV, TSV and similar text files as a table of rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from jet.books.importers.common import CHUNK_BYTES, text_lines
from jet.books.importers.dates import day_by, is_day
from jet.books.importers.tables.header import find_header
from jet.books.importers.tables.quoting import Numbered, Quoting, Splitter, convention_of
from jet.books.importers.tables.rows import AMOUNTS, Row, plain
from jet.books.settings import ImportSettings

_DRAWN = ("---", "===", "___")
_DRAWN_WITH = set("-=_+| ")


class DelimitedTable:
    """A delimited text file. Raises UnreadableFile where it has no header with the required columns."""

    def __init__(self, stream: BinaryIO, file: str, settings: ImportSettings) -> None:
        self._stream = stream
        self._file = file
        self._settings = settings
        self._line_count = 0
        header = find_header(self._lines(), file, settings)
        self.columns = header.columns
        self._before, self._data = header.before, header.before + header.lines
        self._header = [plain(name) for name in header.columns.names]
        self._extra: int | None = None
        self._quoting = self._convention(header.quoting, header.is_quoted)

    def rows(self) -> Iterator[Row]:
        """All lines of the file as rows.

        From the second pass on, rows with more cells than most are known, and marked with a problem.
        """
        lines = self._lines()
        row = Row(0, 1, ())
        for _ in range(self._data):
            number, line = next(lines)
            row = Row(number, 1, (), passed=_reason(line, number > self._before))
            yield row
        width, reach = self.columns.width, self.columns.reach
        widths: Counter[int] = Counter()  # of the rows that are longer than the header
        exact = 0
        at = self.columns.place("entry_id")
        name = self.columns.names[at]
        for row in self._splitter(self._quoting).rows(lines):
            cells = row.cells
            if row.passed:
                yield row
                continue
            assert isinstance(cells, list)
            if not any(cells):
                yield row._replace(passed="blank")
                continue
            if len(cells) > at and cells[at].startswith(_DRAWN) and not set("".join(cells)) - _DRAWN_WITH:
                yield row._replace(passed="line drawn", problem="")
                continue
            beyond = len(cells) - width
            if beyond == 0:
                exact += 1
                cells.append("")
            elif beyond < 0:
                cells.extend([""] * (1 + max(0, reach - len(cells))))
            else:
                widths[beyond] += 1
                row = self._longer(row)
            if cells[at] == name and self._is_header(cells):
                row = row._replace(passed="header", problem="")
            yield row
        usual = widths.most_common(1)
        self._extra = usual[0][0] if usual and usual[0][1] > exact else 0
        self._line_count = row.number + row.lines - 1

    def line_count(self) -> int:
        return self._line_count

    def _lines(self) -> Iterator[Numbered]:
        self._stream.seek(0)
        return text_lines(self._stream, self._file, self._settings.encoding)

    def _longer(self, row: Row) -> Row:
        """A row with more cells than the header. Empty ones are fine where most rows have them."""
        width, cells, extra = self.columns.width, row.cells, self._extra
        problem = row.problem
        if not problem and (any(cells[width:]) or (extra is not None and len(cells) - width > extra)):
            problem = (
                f"the row has more than the header's {width} cells: quote those with a delimiter "
                f"{self._quoting.delimiter!r}"
            )
        return row._replace(cells=[*cells[:width], ""], problem=problem)

    def _is_header(self, cells: Sequence[str]) -> bool:
        """Whether a row repeats the header, as at the top of a printed page."""
        return [plain(cell) for cell in cells[: self.columns.width]] == self._header

    def _convention(self, quoting: Quoting, is_quoted: bool) -> Quoting:
        """The file's quoting convention, by its content; `quoting` has the characters that may be used."""
        escapes = [f"\\{quoting.delimiter}", f"\\{quoting.quote}"]
        if not quoting.quote or not self._holds(quoting.quote, *escapes):
            return quoting
        lines = self._lines()
        for _ in range(self._data):
            next(lines)
        texts = {self.columns.place(field) for field in ("description", "text", "account_name")}
        is_standard = is_quoted or bool(self._settings.quote)
        return convention_of(lines, self._splitter(quoting), texts, is_standard, self._holds(*escapes))

    def _holds(self, *marks: str) -> bool:
        """Whether the file has any of `marks`, texts of one or two characters."""
        encoded = [mark.encode() for mark in marks]
        self._stream.seek(0)
        end = b""
        while chunk := self._stream.read(CHUNK_BYTES):
            if any(mark in chunk or mark in end + chunk[:1] for mark in encoded):
                return True
            end = chunk[-1:]
        return False

    def _splitter(self, quoting: Quoting) -> Splitter:
        return Splitter(quoting, self.columns.width, self._is_row)

    def _is_row(self, cells: list[str]) -> bool:
        """Whether cells, as many as the header's, look like a row's: with a day, or with amounts and no id."""
        date = cells[self.columns.place("date")]
        if not date:
            amounts = [cells[self.columns.place(field)] for field in AMOUNTS if self.columns.has(field)]
            return any(amounts) and not any(set(text) - set("0123456789.,'- ") for text in amounts)
        if self._settings.date_format is None:
            return is_day(date)
        try:
            day_by(self._settings.date_format, date)
        except ValueError:
            return False
        return True


def _reason(line: str, is_header: bool) -> str:
    if not line.strip():
        return "blank"
    return "header" if is_header else "preamble"
