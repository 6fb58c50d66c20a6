"""A parquet file as a table: cells keep their types, and a row counts as a line of the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from jet.artifacts.tables import runs_code
from jet.books.importers.common import UnreadableFile
from jet.books.importers.tables.rows import Columns, Row, blank
from jet.books.schema import PREDICTIONS
from jet.books.settings import ImportSettings

MAGIC = b"PAR1"

_BATCH_ROWS = 10_000
_ERRORS = (pa.ArrowException, OSError, OverflowError, ValueError)


class ParquetTable:
    """A parquet file. Raises UnreadableFile where it isn't one, or lacks columns."""

    def __init__(self, stream: BinaryIO, file: str, settings: ImportSettings) -> None:
        self._file = file
        self._line_count = 0
        stream.seek(0)
        try:
            self._table = pq.ParquetFile(stream)
            names = self._table.schema_arrow.names
        except _ERRORS as error:
            raise self._unreadable(error, 0) from None
        if set(names) >= {field.name for field in PREDICTIONS}:
            raise UnreadableFile(
                f"{file}: these are jet's predictions, which nobody has reviewed; give the entries as they "
                "were booked, as the accounting system exports them"
            )
        found = Columns(names, f"{file}: ", settings)
        self._read = [names[place] for place in sorted(set(found.used()))]
        for name in self._read:
            if runs_code(type_ := self._table.schema_arrow.field(name).type):
                raise UnreadableFile(
                    f"{file}: column {name!r} is of the type {type_}, which runs code when it is read; "
                    "write it anew as text, number or date"
                )
        self.columns = Columns(self._read, f"{file}: ", settings)

    def rows(self) -> Iterator[Row]:
        """The rows, numbered from 1."""
        number = 0
        try:
            for batch in self._table.iter_batches(_BATCH_ROWS, columns=self._read):
                values = [batch.column(name).to_pylist() for name in self._read]
                for cells in zip(*values, [""] * len(batch), strict=True):
                    number += 1
                    size = sum(len(cell) for cell in cells if isinstance(cell, str | bytes))
                    yield Row(number, 1, cells, size, passed="blank" if all(map(blank, cells)) else "")
        except UnreadableFile:
            raise
        except _ERRORS as error:
            raise self._unreadable(error, number) from None
        self._line_count = number

    def line_count(self) -> int:
        return self._line_count

    def _unreadable(self, error: Exception, number: int) -> UnreadableFile:
        reason = " ".join(str(error).split())[:200]
        return UnreadableFile(
            f"{self._file}: the parquet file can't be read after row {number} ({reason}); write it anew"
        )
