"""The header of a delimited file, and its delimiter.

The header is the first line with all required columns; lines before it (a title, a company's name, `sep=;`)
are passed over. Its names may be on two lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from jet.books.importers.common import CHUNK_BYTES, UnreadableFile
from jet.books.importers.tables.quoting import Numbered, Quoting, Splitter
from jet.books.importers.tables.rows import Columns, Row, plain, sought
from jet.books.settings import ImportSettings

DELIMITERS = ",;\t|"
MOST_LINES_BEFORE = 200


class Header(NamedTuple):
    """The header's place, and the columns and quoting that it shows."""

    columns: Columns
    quoting: Quoting
    before: int
    """The number of lines before it."""
    lines: int
    is_quoted: bool


class _Candidate(NamedTuple):
    """Lines that may be the header."""

    missing: int
    """The number of required columns that it lacks."""
    before: int
    names: list[str]
    quoting: Quoting
    lines: int
    is_quoted: bool


def find_header(lines: Iterable[Numbered], file: str, settings: ImportSettings) -> Header:
    """The header among the first lines of a file. Raises UnreadableFile where there is none."""
    skipped = settings.skip_lines or 0
    first = list(beginning(lines, skipped + MOST_LINES_BEFORE))
    delimiters = settings.delimiter or (first and named_delimiter(first[0][1])) or DELIMITERS
    quote = '"' if settings.quote is None else settings.quote
    best: _Candidate | None = None
    for delimiter in delimiters:
        for candidate in _candidates(first[skipped:], Quoting(delimiter, quote), settings):
            if best is None or _rank(candidate) < _rank(best):
                best = candidate
    if best is None:
        raise UnreadableFile(f"{file}: there is no header after {skipped} lines; correct ingest.skip_lines")
    wanted = sought(settings)
    if best.missing == len(wanted) and settings.skip_lines is None:
        begins = " / ".join(line[:60] for _, line in first[:3])
        raise UnreadableFile(
            f"{file}: no header: none of the first {len(first)} lines has a column "
            f"{', '.join(wanted.values())}; they begin with {begins!r}; name the file's own in "
            f"ingest.columns, as in {{{next(iter(wanted))}: ...}}, and where the header comes later, the lines "
            "before it in ingest.skip_lines"
        )
    start = f"{file}: line {best.before + 1}: " if best.before else f"{file}: "
    columns = Columns(best.names, start, settings)
    return Header(columns, best.quoting, best.before, best.lines, best.is_quoted)


def _rank(candidate: _Candidate) -> tuple[int, int, int]:
    return candidate.missing, candidate.before, -len(candidate.names)


def beginning(lines: Iterable[Numbered], most: int) -> Iterator[Numbered]:
    """The first lines, at most so many."""
    size = 0
    for number, line in lines:
        yield number, line
        size += len(line)
        if number >= most or size > CHUNK_BYTES:
            return


def named_delimiter(line: str) -> str:
    """The delimiter of Excel's first line, `sep=;`."""
    line = line.strip('"')
    return line[4] if len(line) == 5 and line[:4].lower() == "sep=" and line[4] not in '"\\' else ""


def _candidates(lines: Sequence[Numbered], quoting: Quoting, settings: ImportSettings) -> Iterator[_Candidate]:
    """The rows that may be the header, up to the first with all required columns."""
    wanted = {plain(name) for name in sought(settings).values()}
    splitter = Splitter(quoting, 0, lambda _: False)

    def candidate(names: list[str], rows: list[Row], is_quoted: bool = False) -> _Candidate:
        missing = len(wanted - {plain(name) for name in names})
        return _Candidate(
            missing, rows[0].number - 1, names, quoting, sum(row.lines for row in rows), is_quoted
        )

    before: Row | None = None
    joined: _Candidate | None = None
    for row in splitter.rows(lines):
        is_quoted, splitter.raw = bool(splitter.raw) and not row.problem, ""
        if row.passed:
            continue
        names = [name.strip().strip(quoting.quote or " ") for name in row.cells]
        found = candidate(names, [row], is_quoted)
        yield found
        if found.missing == 0 or settings.skip_lines is not None:
            return
        if joined is None and before is not None and len(before.cells) == len(row.cells) > 1:
            both = [f"{a.strip()} {b.strip()}".strip() for a, b in zip(before.cells, names, strict=True)]
            if before.number + before.lines == row.number:
                joined = candidate(both, [before, row])
                joined = joined if joined.missing == 0 else None
        before = row
    if joined is not None:
        yield joined
