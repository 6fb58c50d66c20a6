"""CSV, TSV, XLSX and parquet tables with one row for each line of an entry.

The rows of an entry are adjacent, so that a table of any size streams; in a table that isn't too long they may
lie apart. Sides come from a column beside amounts, from two columns of amounts (debit and credit), or from the
sign of the amount (positive: a debit). A zero whose side only sign or column could tell has none, and is
dropped.

`jet.books.importers.tables` reads the table; this module turns its rows into records.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import chain, groupby
from operator import itemgetter
from sys import intern
from typing import Any

from jet.books.checks import Rule, check_entry, reject
from jet.books.importers.common import KEPT_LINES, BrokenRuleError, Extent, Source, has_suffix, without_mark
from jet.books.importers.tables.delimited import DelimitedTable
from jet.books.importers.tables.entries import EntryReader, RowFault
from jet.books.importers.tables.header import DELIMITERS
from jet.books.importers.tables.parquet import MAGIC, ParquetTable
from jet.books.importers.tables.rows import Row, Table, excerpt
from jet.books.importers.tables.shapes import NO_ID, Key, Keys
from jet.books.importers.tables.spreadsheet import SpreadsheetTable
from jet.books.importers.tables.survey import Survey, survey, undecided
from jet.books.records import Entry, FileEnd, Passed, Record, Rejection
from jet.books.settings import ImportSettings

PARQUET_MAGIC = MAGIC
ZIP = b"PK\x03\x04"
"""How a workbook begins, which is a packed folder."""


class TabularImporter:
    """Reads tables."""

    name = "tabular"

    def recognizes(self, path: str, head: bytes) -> bool:
        """Whether extension or first bytes are a table's, or a first line has a date among its columns."""
        if has_suffix(path, ".csv", ".tsv", ".parquet") or head.startswith((MAGIC, ZIP)):
            return True
        first, *others = without_mark(head).split(b"\n", 30)[:30]
        if b"date" in first.lower() and max(first.count(mark.encode()) for mark in DELIMITERS) >= 2:
            return True
        return any(_has_date_column(line) for line in others)

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order of the table, then the accounts that they use."""
        yield from records_of(source.file, table_of(source, settings), settings, self.name)


def table_of(source: Source, settings: ImportSettings) -> Table:
    """The table in a file. Raises UnreadableFile where it has none with the columns."""
    source.stream.seek(0)
    kinds: dict[bytes, type[Table]] = {MAGIC: ParquetTable, ZIP: SpreadsheetTable}
    return kinds.get(source.stream.read(4), DelimitedTable)(source.stream, source.file, settings)


def records_of(file: str, table: Table, settings: ImportSettings, format_: str) -> Iterator[Record]:
    """The entries of a table of any kind, in its order, then the accounts that they use, and its end."""
    yield from TableImport(file, table, settings, format_).records()


def _has_date_column(line: bytes) -> bool:
    for mark in DELIMITERS:
        cells = [cell.strip(b' "\r').lower() for cell in line.split(mark.encode())]
        if len(cells) >= 3 and b"date" in cells:
            return True
    return False


@dataclass(slots=True)
class _Run:
    """Adjacent rows of an entry, as far as they are kept, and their number."""

    rows: list[Row] = field(default_factory=list)
    extent: Extent = field(default_factory=Extent)
    lines: int = 0

    def add(self, row: Row) -> None:
        fits = self.extent.add(row.size)
        if fits or not self.rows:
            self.rows.append(row)
        self.lines += row.lines


_Runs = list[tuple[Key, _Run]]


@dataclass(slots=True)
class _Parts:
    """The runs of an id whose rows lie apart: all, or, where only their lines are counted, the first two, the
    second with the lines of all later ones."""

    runs: list[_Run] = field(default_factory=list)
    count: int = 0
    stands: bool = False
    """Whether the first is an entry by itself."""

    def add(self, run: _Run, is_held: bool) -> None:
        self.count += 1
        if is_held:
            run.rows = [row._replace(cells=_shared(row.cells)) for row in run.rows]
            self.runs.append(run)
        elif len(self.runs) < 2:
            run.rows = [run.rows[0]._replace(cells=())]
            self.runs.append(run)
        else:
            self.runs[1].lines += run.lines


def _shared(cells: Sequence[Any]) -> tuple[Any, ...]:
    """The cells with equal texts as one object, which saves memory since most repeat."""
    return tuple(intern(cell) if type(cell) is str else cell for cell in cells)


class TableImport:
    """The import of one table."""

    def __init__(self, file: str, table: Table, settings: ImportSettings, format_: str) -> None:
        self.file = file
        self.format = format_
        self.table = table
        self.settings = settings
        self.tolerance = Decimal(str(settings.tolerance))
        self.keys = Keys(table.columns, file, settings)
        self.passed: Counter[str] = Counter()
        self.apart: dict[Key, _Parts] = {}

    def surveyed(self) -> Survey:
        """What only the whole table shows."""
        found = survey(self.keys.of(self.table.rows()), self.table.columns, self.settings)
        if undecided(found):
            found.mark = self._mark_by_balance(found)
        return found

    def records(self, found: Survey | None = None) -> Iterator[Record]:
        """The entries, what is rejected and passed over, the accounts, and the end, by what was `found`."""
        found = found or self.surveyed()
        yield from self._contradiction(found)
        reader = EntryReader(self.file, self.table.columns, self.settings, found)
        for runs in _of_one_id(self._runs(self.passed)):
            if len(runs) > 1 and not any(key in found.runs or run.extent.fault() for key, run in runs):
                yield from self._several(reader, runs)
                continue
            for key, run in runs:
                if key in found.runs:
                    yield from self._part(reader, key, run, found)
                else:
                    yield from self._entry(reader, key, run)
        yield from reader.accounts()
        for reason, lines in self.passed.items():
            yield Passed(self.file, reason, lines)
        yield FileEnd(self.file, self.table.line_count(), self.format)

    def _runs(self, passed: Counter[str]) -> Iterator[tuple[Key, _Run]]:
        """The rows of the table in runs of adjacent rows of one entry."""
        for key, group in groupby(self.keys.of(self.table.rows()), itemgetter(0)):
            run = _Run()
            for _, row in group:
                if row.passed:
                    passed[row.passed] += row.lines
                else:
                    run.add(row)
            if run.rows:
                yield key, run

    def _several(self, reader: EntryReader, runs: _Runs) -> Iterator[Entry | Rejection]:
        """The entries of adjacent rows with one id and several days or journals: one each if these are entries,
        otherwise one of all."""
        by_day: dict[Key, _Run] = {}
        for key, run in runs:
            day = next((other for other in by_day if other.day == key.day), key)
            by_day[day] = _run_of([*(by_day[day].rows if day in by_day else ()), *run.rows])
        whole = [(runs[0][0], _run_of(row for _, run in runs for row in run.rows))]
        readings = [runs, list(by_day.items()), whole]
        fitting = (some for some in readings if all(self._complete(reader, *one) for one in some))
        some_fit = (some for some in readings[:2] if any(self._complete(reader, *one) for one in some))
        apart = (some for some in readings[1:2] if self._are_unbalanced(reader, some))
        for key, run in next(chain(fitting, some_fit, apart), whole):
            yield from self._entry(reader, key, run)

    def _are_unbalanced(self, reader: EntryReader, runs: _Runs) -> bool:
        """Whether all runs have two sides, and neither each of them nor all together balance."""
        try:
            entries = [self._read(reader, key, run) for key, run in runs]
        except BrokenRuleError:
            return False
        lines = [line for entry in entries for line in entry.lines or ()]
        together = replace(entries[0], lines=lines, total=None)
        faults = [check_entry(entry, self.tolerance) for entry in (*entries, together)]
        return all(fault is not None and fault.rule == Rule.UNBALANCED for fault in faults)

    def _entry(self, reader: EntryReader, key: Key, run: _Run) -> Iterator[Entry | Rejection]:
        """The entry of a run, without the rows without id at its end where it is complete without them."""
        named = run.rows
        if len(run.rows) == run.extent.lines and not reader.has_id(run.rows[-1]):
            named = [row for row in run.rows if reader.has_id(row)]
        if 2 <= len(named) < len(run.rows):
            part = _run_of(named)
            if (entry := self._complete(reader, key, part)) is not None:
                yield entry
                for row in run.rows:
                    if not reader.has_id(row):
                        yield self._rejection(
                            BrokenRuleError(*NO_ID), key._replace(entry_id=""), _run_of([row])
                        )
                return
        try:
            yield self._read(reader, key, run)
        except BrokenRuleError as error:
            yield self._rejection(error, key, run)

    def _read(self, reader: EntryReader, key: Key, run: _Run) -> Entry:
        if (fault := run.extent.fault()) is not None:
            raise BrokenRuleError(*fault)
        return reader.read(key, run.rows, run.lines)

    def _complete(self, reader: EntryReader, key: Key, run: _Run) -> Entry | None:
        """The entry of a run that breaks no rule."""
        try:
            entry = self._read(reader, key, run)
        except BrokenRuleError:
            return None
        return entry if check_entry(entry, self.tolerance) is None else None

    def _part(self, reader: EntryReader, key: Key, run: _Run, found: Survey) -> Iterator[Entry | Rejection]:
        """The entries after one more run of an id that has several: none before the last run.

        Where the first run is an entry by itself, later runs are other entries with the same id."""
        parts = self.apart.setdefault(key, _Parts())
        if not parts.runs:
            entry = self._complete(reader, key, run)
            if entry is not None and len({line.account for line in entry.lines or ()}) > 1:
                parts.stands = True
                yield entry
        parts.add(run, is_held=found.can_hold and not parts.stands)
        if parts.count == found.runs[key]:
            del self.apart[key]
            if parts.stands:
                yield self._again(key, parts.runs)
            elif found.can_hold:
                yield from self._together(reader, key, parts.runs)
            else:
                yield self._too_far_apart(key, parts.runs)

    def _together(self, reader: EntryReader, key: Key, runs: list[_Run]) -> Iterator[Entry | Rejection]:
        """The entry of all runs of an id; that of the first run where each is complete by itself."""
        whole = _run_of([row for run in runs for row in run.rows], sum(run.lines for run in runs))
        if all(self._complete(reader, key, run) is not None for run in runs):
            yield self._read(reader, key, runs[0])
            yield self._again(key, runs)
            return
        try:
            yield self._read(reader, key, whole)
        except BrokenRuleError as error:
            yield self._rejection(error, key, whole)

    def _again(self, key: Key, runs: list[_Run]) -> Rejection:
        """The rejection of all runs but the first, which is an entry by itself."""
        again = _run_of(runs[1].rows, sum(run.lines for run in runs[1:]))
        message = f"the id came earlier in the file, in line {runs[0].rows[0].number}: give each entry its own"
        return self._rejection(BrokenRuleError(Rule.NOT_ADJACENT, message), key, again)

    def _too_far_apart(self, key: Key, runs: list[_Run]) -> Rejection:
        """The rejection of an id whose rows lie apart in a file that is too long to wait for them."""
        message = (
            f"the rows of the entry lie apart, from line {runs[0].rows[0].number} and again from line "
            f"{runs[1].rows[0].number}, in a file too long to bring them together: sort it by entry_id "
            "(a query, by ORDER BY)"
        )
        whole = _run_of(runs[0].rows, sum(run.lines for run in runs))
        return self._rejection(BrokenRuleError(Rule.NOT_ADJACENT, message), key, whole)

    def _mark_by_balance(self, found: Survey) -> str:
        """The decimal mark with which entries balance that don't with the other; "" where it doesn't decide."""
        readers = {
            mark: EntryReader(self.file, self.table.columns, self.settings, replace(found, mark=mark))
            for mark in ".,"
        }
        votes = set()
        for key, run in self._runs(Counter()):
            marks = [mark for mark in readers if self._complete(readers[mark], key, run) is not None]
            if len(marks) == 1:
                votes.add(marks[0])
        return votes.pop() if len(votes) == 1 else ""

    def _contradiction(self, found: Survey) -> Iterator[Rejection]:
        """A rejection, once a file, where its amounts have both decimal marks or its dates several orders."""
        if self.settings.decimal_comma is None and found.contradicts_itself:
            (line, point), (other, comma) = found.proofs["."], found.proofs[","]
            message = (
                f"{point[:40]!r} in line {line} has a decimal point, and {comma[:40]!r} in line {other} a "
                "decimal comma: write all alike; amounts that have one reading are read, others only where "
                "ingest.decimal_comma decides"
            )
            yield self._note(Rule.BAD_AMOUNT, message, max(line, other), f"{point} | {comma}")
        if dates := found.orders.contradiction:
            (line, first), (other, second) = dates[0], dates[-1]
            message = (
                f"the dates {first[:40]!r} in line {line} and {second[:40]!r} in line {other} have day and "
                "month in different orders: write all alike; dates that have one reading are read, others only "
                "where ingest.date_format decides"
            )
            yield self._note(Rule.BAD_DATE, message, other, f"{first} | {second}")

    def _note(self, rule: Rule, message: str, line: int, excerpt: str) -> Rejection:
        return reject(
            rule, message, file=self.file, file_line=line, excerpt=excerpt, used_for="all", file_lines=0
        )

    def _rejection(self, error: BrokenRuleError, key: Key, run: _Run) -> Rejection:
        row = error.row if isinstance(error, RowFault) else run.rows[0]
        return reject(
            error.rule,
            str(error),
            file=self.file,
            file_line=row.number,
            entity=key.entity,
            entry_id=key.entry_id or None,
            excerpt=excerpt(row),
            file_lines=run.lines,
        )


def _of_one_id(runs: Iterable[tuple[Key, _Run]]) -> Iterator[_Runs]:
    """The adjacent runs of one id together; where there are very many, each by itself."""
    same: _Runs = []
    rows = 0
    for key, run in runs:
        if same and key[:3] != same[-1][0][:3]:
            yield same
            same, rows = [], 0
        elif rows > KEPT_LINES:
            yield from ([one] for one in same)
            same, rows = [], 0
        same.append((key, run))
        rows += len(run.rows)
    if same:
        yield same


def _run_of(rows: Iterable[Row], lines: int | None = None) -> _Run:
    run = _Run()
    for row in rows:
        run.add(row)
    if lines is not None:
        run.lines = lines
    return run
