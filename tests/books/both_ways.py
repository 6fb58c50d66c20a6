"""JSON Lines read by objects and by columns, for the tests that both give the same tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa

from jet.books.importers import (
    Columns,
    ImportSettings,
    Tables,
    UnreadableFile,
    import_file,
    jsonl_columns,
    to_tables,
)


@contextmanager
def columns_of_any_row() -> Iterator[None]:
    """Let the parser have every row that is safe, and not only many in a row."""
    with patch.multiple(jsonl_columns, LEAST=1, LEAST_PARSED=1):
        yield


def equal_tables(path: Path, settings: ImportSettings) -> tuple[Tables | str, int]:
    """What a file holds, or why it is refused, and how many entries came as columns.

    Raises AssertionError where it isn't the same both ways."""
    (careful, _), (fast, came) = (_read(path, settings, columns) for columns in (False, True))
    if isinstance(careful, str) or isinstance(fast, str):
        assert careful == fast
        return careful, 0
    for one, other in zip(careful, fast, strict=True):
        assert one.schema == other.schema
        assert one.to_pylist() == other.to_pylist()
        other.validate(full=True)
    return careful, came


def _read(path: Path, settings: ImportSettings, columns: bool) -> tuple[Tables | str, int]:
    try:
        records = list(import_file(str(path), settings, columns=columns))
    except UnreadableFile as error:
        return str(error), 0
    found = zip(*to_tables(records, batch=50), strict=True)
    came = sum(len(record.entries) for record in records if isinstance(record, Columns))
    return Tables(*(pa.concat_tables(tables) for tables in found)), came
