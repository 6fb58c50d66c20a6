"""Counts of a file's lines: those of entries, those passed over, and rejected ones."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator

import pyarrow as pa

from jet.books.records import Columns, Entry, FileEnd, Passed, Record, Rejection
from jet.books.schema import FILES

log = logging.getLogger("jet.ingest")


class LineCounts:
    """Counts the lines of files by their records.

    Lines that are counted twice or not at all are a bug of the importer, which is logged.
    """

    def __init__(self) -> None:
        self._entries: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._passed: dict[str, Counter[str]] = {}
        self._ended: list[FileEnd] = []

    def add(self, record: Record) -> None:
        """Count the lines of a record."""
        match record:
            case Entry():
                self._entries[record.file] += record.file_lines
            case Columns():
                self._entries[record.file] += len(record.entries)
            case Rejection():
                self._rejected[record.file] += record.file_lines
            case Passed():
                self._passed.setdefault(record.file, Counter())[record.reason] += record.lines
            case FileEnd():
                self._ended.append(record)

    def has_ended(self) -> bool:
        """Whether a file has ended since the last table."""
        return bool(self._ended)

    def table(self) -> pa.Table:
        """The files that have ended since the last table (`FILES`)."""
        ended, self._ended = self._ended, []
        return pa.Table.from_pylist(list(self._rows(ended)), schema=FILES)

    def _rows(self, ended: list[FileEnd]) -> Iterator[dict[str, object]]:
        for end in ended:
            entries, rejected = self._entries.pop(end.file, 0), self._rejected.pop(end.file, 0)
            passed = self._passed.pop(end.file, Counter())
            counted = entries + rejected + passed.total()
            if counted != end.lines:  # the import goes on: a night's work is worth more than a count
                log.error(
                    "%s: of %d lines %d are entries', %d passed over, %d rejected: a fault of jet; report it",
                    *(end.file, end.lines, entries, passed.total(), rejected),
                )
            yield {
                "file": end.file,
                "format": end.format,
                "dialect": end.dialect,
                "entity": end.entity,
                "org_number": end.org_number,
                "lines": end.lines,
                "entry_lines": entries,
                "passed_lines": passed.total(),
                "rejected_lines": rejected,
                "passed_over": sorted(passed.items()),
            }
