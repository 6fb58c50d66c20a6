"""Databases that are read: PostgreSQL by ADBC, DuckDB and SQLite by their own libraries; none is written to.

- PostgreSQL: all is read in one transaction that is REPEATABLE READ and READ ONLY. Parameters are settings of
  that transaction, since ADBC streams only the answers of queries without parameters of their own.
- DuckDB: the file is opened for reading, without the right to open other files.
- SQLite: `mode=ro`, and an authorizer lets nothing but SELECT pass.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from urllib.parse import quote

import pyarrow as pa

from jet.artifacts.uris import is_database
from jet.books.importers.common import LONGEST_ENTRY, Source, UnreadableFile, on_disk
from jet.books.importers.databases.queries import ACCOUNT, ENTRY, LINE, Dialect
from jet.books.importers.databases.rows import Cells, QueryTable, cells_of, refuse_types, spooled
from jet.books.importers.tables.rows import Columns
from jet.books.settings import ImportSettings
from jet.extras import needed_for

SQLITE, DUCKDB = b"SQLite format 3\0", b"DUCK"
BATCH_ROWS = 10_000
_READING = frozenset(
    (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
)


def engine_of(head: bytes) -> str:
    """The kind of the database that a file begins like; "" for none."""
    if head.startswith(SQLITE):
        return "SQLite"
    return "DuckDB" if head[8:12] == DUCKDB else ""


class Database(Protocol):
    """An open database."""

    kind: str
    dialect: Dialect

    def tables(self) -> dict[str, list[str]]:
        """The columns of each of its tables that the default queries read, or that tell what it is."""

    def table(self, query: str, settings: ImportSettings) -> QueryTable:
        """The answer to a query. Raises UnreadableFile where it lacks columns."""

    def cells(self, query: str) -> Cells:
        """The rows of a short answer."""


class _PostgresDialect(Dialect):
    parameter = staticmethod("current_setting('jet.{}')".format)


class Postgres:
    """A database on a server, in one transaction."""

    kind = "PostgreSQL"
    dialect = _PostgresDialect()

    def __init__(self, cursor: Any, file: str, folder: str, asked: Mapping[str, str]) -> None:
        self._cursor, self._file, self._folder = cursor, file, folder
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for name, value in {"timezone": "UTC", "datestyle": "ISO", "extra_float_digits": "1"}.items():
            cursor.execute("SELECT set_config($1, $2, true)", [name, value])
        for name, value in asked.items():
            cursor.execute("SELECT set_config($1, $2, true)", [f"jet.{name}", value])
        cursor.fetchall()

    def tables(self) -> dict[str, list[str]]:
        """The columns of the tables (or views) on the search path."""
        wanted = ", ".join(f"to_regclass('{name}')" for name in (ENTRY, LINE, ACCOUNT))
        return _by_table(
            self.cells(
                "SELECT c.relname::text, a.attname::text FROM pg_attribute a JOIN pg_class c "
                f"ON c.oid = a.attrelid WHERE c.oid IN ({wanted}) AND a.attnum > 0 AND NOT a.attisdropped "
                "ORDER BY c.relname, a.attnum"
            )
        )

    def table(self, query: str, settings: ImportSettings) -> QueryTable:
        """The answer to a query, by way of a file."""
        self._cursor.execute(query)
        return _through_file(self._cursor.fetch_record_batch(), self._file, self._folder, settings)

    def cells(self, query: str) -> Cells:
        """The rows of an answer, batch by batch."""
        self._cursor.execute(query)
        for batch in self._cursor.fetch_record_batch():
            yield from cells_of(batch)

    def digest(self, query: str) -> tuple[int, int, str]:
        """The number of rows of an answer, their length as text, and a digest that no order of rows changes."""
        row = "octet_length(t::text)), 0)::bigint, coalesce(sum(hashtextextended(t::text, 0)), 0)::text"
        self._cursor.execute(
            f"SELECT count(*), coalesce(sum({row}, coalesce(sum(hashtextextended(t::text, 1)), 0)::text "
            f"FROM ({query}\n) AS t"
        )
        ((rows, size, one, other),) = self._cursor.fetchall()
        return rows, size, f"{rows} {one} {other}"


class DuckDb:
    """A file of DuckDB."""

    kind = "DuckDB"
    dialect = Dialect()

    def __init__(self, connection: Any, file: str, folder: str, asked: Mapping[str, str]) -> None:
        self._connection, self._file, self._folder, self._asked = connection, file, folder, asked

    def tables(self) -> dict[str, list[str]]:
        """The columns of the tables in the current schema; views don't count, as they run their own SQL."""
        return _by_table(
            self._connection.execute(
                "SELECT t.table_name, c.column_name FROM duckdb_tables() t JOIN duckdb_columns() c "
                "USING (table_oid, database_name, schema_name) WHERE NOT t.internal "
                "AND t.schema_name = current_schema() ORDER BY t.table_name, c.column_index"
            ).fetchall()
        )

    def table(self, query: str, settings: ImportSettings) -> QueryTable:
        """The answer to a query, by way of a file."""
        return _through_file(self._answer(query), self._file, self._folder, settings)

    def cells(self, query: str) -> Cells:
        """The rows of an answer, batch by batch."""
        for batch in self._answer(query):
            yield from cells_of(batch)

    def _answer(self, query: str) -> pa.RecordBatchReader:
        used = {name: value for name, value in self._asked.items() if f"${name}" in query}
        relation = self._connection.sql(query, params=used) if used else self._connection.sql(query)
        if relation is None:
            raise UnreadableFile(f"{self._file}: ingest.query asks for nothing; write a SELECT")
        return relation.to_arrow_reader(BATCH_ROWS)


class _SqliteDialect(Dialect):
    day = staticmethod("date({})".format)


class Sqlite:
    """A file of SQLite. Cells have the types that they were stored with, whatever their column's is."""

    kind = "SQLite"
    dialect = _SqliteDialect()

    def __init__(self, connection: sqlite3.Connection, file: str, asked: Mapping[str, str]) -> None:
        self._connection, self._file, self._asked = connection, file, asked
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_ENTRY)
        for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0", "query_only = ON"):
            connection.execute(f"PRAGMA {pragma}")
        self._tables = _by_table(
            (name, column)
            for (name,) in connection.execute(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE %'"
            ).fetchall()
            for _, column, *_ in connection.execute("SELECT * FROM pragma_table_info(?)", (name,))
        )
        connection.execute("BEGIN")
        connection.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY
        )

    def tables(self) -> dict[str, list[str]]:
        """The columns of its tables; views and virtual tables count for nothing, as they run their own SQL."""
        return self._tables

    def table(self, query: str, settings: ImportSettings) -> QueryTable:
        """The answer to a query, which is asked anew for each reading: in one transaction, by one plan, the
        rows come in one order."""
        with closing(self._connection.execute(query, self._asked)) as answer:
            if answer.description is None:
                raise UnreadableFile(f"{self._file}: ingest.query asks for nothing; write a SELECT")
            names = [column[0] for column in answer.description]
        return QueryTable(names, lambda: self.cells(query), self._file, settings)

    def cells(self, query: str) -> Cells:
        """The rows of an answer."""
        yield from self._connection.execute(query, self._asked)


@contextmanager
def opened(source: Source, asked: Mapping[str, str]) -> Iterator[Postgres | DuckDb | Sqlite]:
    """The database at a URL or in a file. Raises UnreadableFile for whatever it fails with."""
    if is_database(source.path):
        with needed_for("reading from PostgreSQL"):
            from adbc_driver_postgresql import dbapi
        with (
            _readable(source.file, dbapi.Error),
            TemporaryDirectory(prefix="jet-") as folder,
            closing(dbapi.connect(source.path)) as server,
            closing(server.cursor()) as cursor,
        ):
            yield Postgres(cursor, source.file, folder, asked)
        return
    source.stream.seek(0)
    kind = engine_of(source.stream.read(len(SQLITE)))
    if not kind:
        raise UnreadableFile(f"{source.file}: neither a database of SQLite nor of DuckDB; leave format out")
    with on_disk(source) as path:
        if kind == "SQLite":
            with (
                _readable(source.file, sqlite3.Error),
                closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)) as file,
            ):
                yield Sqlite(file, source.file, asked)
            return
        with needed_for("reading from DuckDB"):
            import duckdb
        rights = ("enable_external_access", "autoload_known_extensions", "python_enable_replacements")
        safe: dict[str, Any] = {**dict.fromkeys(rights, False), "lock_configuration": True}
        with (
            _readable(source.file, duckdb.Error),
            TemporaryDirectory(prefix="jet-") as folder,
            closing(duckdb.connect(str(path), read_only=True, config=safe)) as database,
        ):
            yield DuckDb(database, source.file, folder, asked)


@contextmanager
def _readable(file: str, *errors: type[Exception]) -> Iterator[None]:
    try:
        yield
    except (*errors, pa.ArrowException) as error:
        reason = " ".join(str(error).partition("Query was:")[0].split())[:300]
        raise UnreadableFile(
            f"{file}: the database can't be read ({reason}); check it, its rights, and ingest.query"
        ) from None


def _through_file(answer: pa.RecordBatchReader, file: str, folder: str, settings: ImportSettings) -> QueryTable:
    columns = Columns(answer.schema.names, f"{file}: ", settings)
    refuse_types(answer.schema, columns, file)
    return QueryTable(answer.schema.names, spooled(answer, Path(folder) / "rows.arrow"), file, settings)


def _by_table(pairs: Any) -> dict[str, list[str]]:
    tables: dict[str, list[str]] = {}
    for table, column in pairs:
        tables.setdefault(str(table).casefold(), []).append(str(column))
    return tables


def digest_of(parts: Callable[[], Iterator[tuple[int, int, str]]]) -> tuple[int, str]:
    """The length of all answers, and what identifies their content."""
    found = list(parts())
    digest = hashlib.sha256(" / ".join(each[2] for each in found).encode()).hexdigest()
    return sum(each[1] for each in found), f"{found[0][0]} rows, sha256:{digest[:32]}"
