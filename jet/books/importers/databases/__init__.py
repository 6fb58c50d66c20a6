"""Databases: PostgreSQL by its URL, files of DuckDB and SQLite. (GnuCash's own are read as GnuCash's.)

Rows are those of `ingest.query`, or of the tables journal_entry, entry_line and ledger_account, and are read as
those of any table (`jet.books.importers.tabular`). As a line of the file counts a row of the answer, or an
account of the chart.

A database on a server has neither size nor time: what identifies its content is a digest of the rows that are
asked for, which the server computes (`identity`). Whoever reads them later compares it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from jet.books.checks import check_account
from jet.books.importers.common import Source, UnreadableFile, file_stem
from jet.books.importers.databases.engines import DuckDb, Postgres, Sqlite, digest_of, engine_of, opened
from jet.books.importers.databases.queries import ENTRY, Queries, parameters
from jet.books.importers.gnucash import GnuCashImporter
from jet.books.importers.tables.rows import text_of
from jet.books.importers.tabular import records_of
from jet.books.records import Account, FileEnd, Passed, Record
from jet.books.settings import ImportSettings

NAME = "database"
_OF_GNUCASH = frozenset(("commodities", "slots", "splits"))


class DatabaseImporter:
    """Reads databases."""

    name = NAME

    def recognizes(self, path: str, head: bytes) -> bool:  # noqa: ARG002 (whatever the file is called)
        """Whether a file is of SQLite or DuckDB."""
        return bool(engine_of(head))

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order of the answer, then the chart of accounts."""
        with opened(source, parameters(settings)) as database:
            if settings.query is None and _is_gnucash(database):
                yield from GnuCashImporter().records(source, settings)
                return
            asked, chart, settings = _queries(database, source.file, settings)
            table = database.table(asked, settings)
            if isinstance(database, Postgres) and source.identity:
                _refuse_changed(source, _identity(database, asked, chart)[1])
            for record in records_of(source.file, table, settings, NAME):
                if isinstance(record, FileEnd):
                    accounts = database.cells(chart) if chart else ()
                    yield from _accounts(accounts, record, database.kind, settings)
                else:
                    yield record


def identity(url: str, settings: ImportSettings) -> tuple[int, str]:
    """The approximate size in bytes of what a run reads of a database on a server, and what identifies its
    content. Raises UnreadableFile where it can't be read."""
    with opened(Source.of_server(url), parameters(settings)) as database:
        assert isinstance(database, Postgres)
        asked, chart, _ = _queries(database, url, settings)
        return _identity(database, asked, chart)


def _queries(
    database: Postgres | DuckDb | Sqlite, file: str, settings: ImportSettings
) -> tuple[str, str | None, ImportSettings]:
    """The queries of entries and of accounts, and the settings that the former are read by."""
    if settings.query is not None:
        return settings.query.strip().rstrip(";"), None, settings
    queries = Queries(database.tables(), settings, database.dialect, f"{file}: ")
    if isinstance(database, Sqlite) and (days := queries.other_days(settings)):
        for (day,) in database.cells(days):
            raise UnreadableFile(
                f"{file}: the date {str(day)[:40]!r} can't be compared with ingest.since and ingest.until: "
                "SQLite knows days like 2025-01-31; leave the two out, or write an ingest.query"
            )
    return queries.entries, queries.accounts, replace(settings, columns={})


def _identity(database: Postgres, asked: str, chart: str | None) -> tuple[int, str]:
    return digest_of(lambda: (database.digest(query) for query in (asked, chart) if query))


def _refuse_changed(source: Source, now: str) -> None:
    if now != source.identity:
        raise UnreadableFile(
            f"{source.file}: its rows changed while the run began ({source.identity.partition(',')[0]}, then "
            f"{now.partition(',')[0]}); run it again, or end with ingest.until before "
            "the days that are being booked"
        )


def _is_gnucash(database: Postgres | DuckDb | Sqlite) -> bool:
    if not isinstance(database, Sqlite):
        return False
    tables = database.tables().keys()
    return ENTRY not in tables and bool(_OF_GNUCASH & tables)


def _accounts(rows: Any, end: FileEnd, kind: str, settings: ImportSettings) -> Iterator[Record]:
    """The accounts of the chart, and the end of the file with these in its count."""
    number, passed = end.lines, 0
    for number, cells in enumerate(rows, end.lines + 1):
        entity, code, name, parent, nature = map(text_of, cells)
        entity = settings.entity or entity or file_stem(end.file)
        account = Account(entity, code, name, parent or None, nature.lower() or None)
        fault = check_account(account, end.file, number)
        passed += fault is None
        yield fault or account
    if passed:
        yield Passed(end.file, "account", passed)
    yield replace(end, lines=number, dialect=kind)
