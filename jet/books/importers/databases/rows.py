"""The rows of a query as a table: numbered from 1 in the order in which the database gave them.

What a server or DuckDB sends goes into a file in Arrow's format first: a table is read more than once, and
without an ORDER BY the second answer may have another order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from jet.books.importers.common import UnreadableFile
from jet.books.importers.tables.rows import AMOUNTS, Columns, Row, blank
from jet.books.settings import ImportSettings

Cells = Iterable[tuple[Any, ...]]


class QueryTable:
    """The answer to a query, whose cells `cells` gives anew at each call."""

    def __init__(
        self, names: list[str], cells: Callable[[], Cells], file: str, settings: ImportSettings
    ) -> None:
        self.columns = Columns(names, f"{file}: ", settings)
        self._cells = cells
        self._line_count = 0

    def rows(self) -> Iterator[Row]:
        """The rows, numbered from 1."""
        number = 0
        for number, cells in enumerate(self._cells(), 1):
            size = sum(len(cell) for cell in cells if isinstance(cell, str | bytes))
            yield Row(number, 1, (*cells, ""), size, passed="blank" if all(map(blank, cells)) else "")
        self._line_count = number

    def line_count(self) -> int:
        """The number of rows, known once they were read."""
        return self._line_count


def spooled(answer: pa.RecordBatchReader, path: Path) -> Callable[[], Cells]:
    """Write an answer to a file at `path`; returns what reads its rows from there."""
    schema = answer.schema
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema, options=options) as writer:
        for batch in answer:
            writer.write_batch(batch)

    def cells() -> Cells:
        with pa.OSFile(str(path), "rb") as file, pa.ipc.open_stream(file) as batches:
            for batch in batches:
                yield from cells_of(batch)

    return cells


def cells_of(batch: pa.RecordBatch) -> Cells:
    """The rows of a batch; exact numbers are decimals, and UUIDs text."""
    columns = []
    for field, column in zip(batch.schema, batch.columns, strict=True):
        values = column.to_pylist()
        if is_numeric(field.type):
            values = [None if value is None else exact(value) for value in values]
        elif isinstance(field.type, pa.UuidType):
            values = [None if value is None else str(value) for value in values]
        columns.append(values)
    return zip(*columns, strict=True)


def exact(value: str) -> Decimal | str:
    """A NUMERIC, which comes as text, as a decimal; what is none, such as NaN, stays text."""
    number = Decimal(value)
    return number if number.is_finite() else value


def is_numeric(type_: pa.DataType) -> bool:
    """Whether a column is one of PostgreSQL's NUMERIC."""
    return isinstance(type_, pa.OpaqueType) and type_.type_name == "numeric"


def refuse_types(schema: pa.Schema, columns: Columns, file: str) -> None:
    """Raise UnreadableFile where a column's type doesn't say what it holds."""
    for field in AMOUNTS:
        column = schema.field(columns.place(field)) if columns.has(field) else None
        if column is not None and (column.metadata or {}).get(b"POSTGRESQL:type") == b"money":
            raise UnreadableFile(
                f"{file}: column {column.name!r} is of the type money, whose decimals depend on the server's "
                f"settings; cast it in ingest.query: {column.name}::numeric AS {field}"
            )
    if columns.has("date"):
        column = schema.field(columns.place("date"))
        if pa.types.is_timestamp(column.type) and column.type.tz is not None:
            raise UnreadableFile(
                f"{file}: column {column.name!r} is a moment, which is on two days in two zones; say whose "
                f"in ingest.query: CAST({column.name} AT TIME ZONE 'Europe/Stockholm' AS date) AS date"
            )
