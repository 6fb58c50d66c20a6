"""Entries from whatever holds them in a notebook: pandas, polars, Arrow, or a list of dictionaries.

Every row goes the way of a line of JSONL, so that the same rules hold and the same words say what is wrong:
columns are called as the keys there (docs/formats.md), and what is missing has the same defaults. Columns of
other names are left alone: people's tables have many.
"""

from __future__ import annotations

import datetime
import difflib
import io
import json
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from jet.books.identity import made_id
from jet.books.importers import ImportSettings, Tables, checked, to_tables
from jet.books.importers.common import Source
from jet.books.importers.jsonl import ENTRY_KEYS, KNOWN_LINE_KEYS, LINE_KEYS, JsonlImporter
from jet.books.records import Entry, Record, Rejection

KNOWN = ENTRY_KEYS - {"type"}
REQUIRED = ("date", "description")
_SHOWN = 3  # rows of which an error tells what is wrong
_WHERE = "frame"  # in place of a file's name

log = logging.getLogger("jet.books")


def entries_of(frame: Any, entities: Sequence[str] = ()) -> Tables:
    """The entries of a frame, one a row and in order, and the accounts that their lines name.

    A row without an `entity` is of the only one of `entities`; one without an `entry_id` is called by its date
    and what it says. Raises `ValueError`, with the rows, where one is missing something or can't be read.
    """
    rows = _rows(frame)
    _check_columns(rows)
    content = "\n".join(_json(row) for row in _owned(rows, entities)).encode()
    source, settings = Source(_WHERE, io.BytesIO(content), _WHERE, ""), ImportSettings()
    records = list(checked(_named(JsonlImporter().records(source, settings)), settings))
    _refuse_unread([record for record in records if isinstance(record, Rejection)])
    parts = list(to_tables(records))
    return Tables(*(pa.concat_tables(tables) for tables in zip(*parts, strict=True)))


def _rows(frame: Any) -> list[dict[str, Any]]:
    """The rows as dictionaries of what is known: without nulls and unknown columns."""
    if isinstance(frame, Iterable) and not hasattr(frame, "__arrow_c_stream__") and _is_rows(frame):
        rows: Iterable[Mapping[str, Any]] = frame
    else:
        try:
            rows = pa.table(frame).to_pylist()
        except (TypeError, ValueError, pa.ArrowException) as error:
            raise ValueError(
                f"a {type(frame).__name__} is no frame of entries ({error}): give a table of pandas, polars or "
                "Arrow, or a list of dictionaries"
            ) from None
    return [{key: value for key, value in row.items() if not _is_null(value)} for row in rows]


def _is_rows(frame: Iterable[Any]) -> bool:
    return isinstance(frame, Sequence) and all(isinstance(row, Mapping) for row in frame)


def _is_null(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in ("NaT", "<NA>")


def _owned(rows: Sequence[Mapping[str, Any]], entities: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The rows, each with an entity. Raises `ValueError` where one has none, and there are several."""
    for number, row in enumerate(rows, start=1):
        if "entity" in row:
            yield row
        elif len(entities) == 1:
            yield {**row, "entity": entities[0]}
        else:
            some = ", ".join(map(repr, entities[:5])) + (", …" if len(entities) > 5 else "")
            raise ValueError(
                f"row {number} of the frame has no entity, and there are {len(entities)} that it could be of: "
                f"add a column entity, with one of {some}"
            )


def _check_columns(rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise `ValueError` for a column that is missing, or that seems to be misspelled."""
    names = dict.fromkeys(name for row in rows for name in row)
    for name in names:
        if name in KNOWN:
            continue
        near = difflib.get_close_matches(str(name).strip().lower(), KNOWN - names.keys(), 1, 0.85)
        if near:
            raise ValueError(f"the frame has a column {name!r}, and none {near[0]!r}: rename it")
    missing = [name for name in REQUIRED if rows and name not in names]
    if missing:
        raise ValueError(
            f"the frame has no column {' and none '.join(missing)}: an entry has {' and '.join(REQUIRED)}, and "
            f"perhaps {', '.join(sorted(ENTRY_KEYS - {'type', *REQUIRED}))}"
        )


def _json(row: Mapping[str, Any]) -> str:
    """A row as a line of JSONL."""
    known = {key: _plain(value) for key, value in row.items() if key in KNOWN}
    for name, keys in (("lines", LINE_KEYS), ("known_lines", KNOWN_LINE_KEYS)):
        if isinstance(known.get(name), list):
            known[name] = [_line(line, keys) for line in known[name]]
    return json.dumps(known, ensure_ascii=False, default=str)


def _line(line: Any, keys: frozenset[str]) -> Any:
    """A line with what JSONL knows of it; those of a prediction have the account's name as `name`."""
    if not isinstance(line, Mapping):
        return line
    named = {"account_name" if key == "name" else key: value for key, value in line.items()}
    return {key: _plain(value) for key, value in named.items() if key in keys and not _is_null(value)}


def _plain(value: Any) -> Any:
    """A value as JSON has it: days as text, floats without the noise of their last digits."""
    if hasattr(value, "tolist") and not isinstance(value, Mapping):  # NumPy's scalars and arrays
        value = value.tolist()
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float) and math.isfinite(value):
        return int(value) if value.is_integer() else round(value, 8)
    return value


def _named(records: Iterable[Record]) -> Iterator[Record]:
    """The records, each entry with an id."""
    for record in records:
        if isinstance(record, Entry) and not record.entry_id:
            both = (*(record.lines or ()), *(record.known_lines or ()))
            lines = [f"{line.side}{line.account} {line.amount}" for line in both]
            said = (record.description, record.journal, record.currency, str(record.total), *lines)
            record.entry_id = made_id(record.date, said)
        yield record


def _refuse_unread(rejections: Sequence[Rejection]) -> None:
    """Raise `ValueError` where a row can't be used; say of those that can in part what is wrong."""
    unread = [each for each in rejections if each.used_for == "nothing"]
    if unread:
        said = "; ".join(f"row {each.file_line}: {each.message}" for each in unread[:_SHOWN])
        raise ValueError(f"{len(unread)} rows of the frame can't be read (counted from 1): {said}")
    for each in rejections[:_SHOWN]:
        log.warning("row %d of the frame: %s", each.file_line, each.message)
