"""The header of a table of which nobody said what its columns are called: the line with most known names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from jet.books.importers.common import Source, text_lines
from jet.books.importers.guessing.words import FIELD_WORDS, ID_WORDS, word
from jet.books.importers.tables.header import DELIMITERS, MOST_LINES_BEFORE, beginning, named_delimiter
from jet.books.importers.tables.quoting import Quoting, Splitter
from jet.books.importers.tables.spreadsheet import beginnings
from jet.books.importers.tabular import PARQUET_MAGIC, ZIP
from jet.books.settings import ImportSettings

NEEDED = 3
"""So many of a table's essential columns has a header at least."""

_ESSENTIAL = (
    ID_WORDS,
    *(FIELD_WORDS[field] for field in ("date", "account", "description")),
    (*FIELD_WORDS["debit"], *FIELD_WORDS["credit"], *FIELD_WORDS["amount"]),
)


class Header(NamedTuple):
    """A line that may be a table's header."""

    names: list[str]
    line: int
    delimiter: str = ""
    """The delimiter of a text; "" in a workbook."""
    sheet: str = ""


def header_of(source: Source, settings: ImportSettings) -> Header | None:
    """The line that is taken for the header: of those with the most known names the first, of several
    delimiters that with the most columns. None where no line has enough, and for parquet."""
    best: Header | None = None
    for header in _candidates(source, settings):
        if _known(header.names) >= NEEDED and (best is None or _rank(header) > _rank(best)):
            best = header
    return best


def _rank(header: Header) -> tuple[int, int, int]:
    return _known(header.names), -header.line, len(header.names)


def _known(names: Sequence[str]) -> int:
    """The number of essential columns that a line names."""
    words = {word(name) for name in names}
    return sum(any(words & some for some in lists) for lists in _ESSENTIAL)


def _candidates(source: Source, settings: ImportSettings) -> Iterator[Header]:
    source.stream.seek(0)
    magic = source.stream.read(4)
    if magic == PARQUET_MAGIC:
        return
    if magic == ZIP:
        for sheet, number, names in beginnings(source.stream, source.file, settings):
            yield Header(names, number, sheet=sheet)
        return
    source.stream.seek(0)
    skipped = settings.skip_lines or 0
    lines = text_lines(source.stream, source.file, settings.encoding)
    first = list(beginning(lines, skipped + MOST_LINES_BEFORE))
    for delimiter in settings.delimiter or (first and named_delimiter(first[0][1])) or DELIMITERS:
        quoting = Quoting(delimiter, '"' if settings.quote is None else settings.quote)
        for row in Splitter(quoting, 0, lambda _: False).rows(first[skipped:]):
            if not row.passed:
                names = [name.strip().strip(quoting.quote or " ") for name in row.cells]
                yield Header(names, row.number, delimiter)
