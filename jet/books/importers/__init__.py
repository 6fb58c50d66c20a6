"""Importers: ledger files of several formats, read as streams of records and turned into Arrow tables.

Each format is one module behind one protocol; what the formats share happens here: recognizing the format,
opening the file, checking every entry, and building the tables. An entry that can't be imported becomes a
rejection with a reason, so that every line of a file is accounted for. Only a file that can't be read at all is
an error.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

import pyarrow as pa

from jet.artifacts.uris import is_database
from jet.books import checks
from jet.books.identity import Ids
from jet.books.importers.auditfile import AuditFileImporter
from jet.books.importers.camt import CamtImporter
from jet.books.importers.common import Importer, Source, UnreadableFile, without_mark
from jet.books.importers.databases import DatabaseImporter
from jet.books.importers.datev import DatevImporter
from jet.books.importers.fec import FecImporter
from jet.books.importers.files import expand, open_file, parent
from jet.books.importers.gnucash import GnuCashImporter
from jet.books.importers.guessing import Guess, Undecided, guess
from jet.books.importers.journal import LedgerImporter
from jet.books.importers.jsonl import JsonlImporter
from jet.books.importers.lines import LineCounts
from jet.books.importers.mt940 import Mt940Importer
from jet.books.importers.ofx import OfxImporter
from jet.books.importers.sie import SieImporter
from jet.books.importers.stretches import Chart, Stretch
from jet.books.importers.tabular import PARQUET_MAGIC, ZIP, TabularImporter
from jet.books.records import (
    Account,
    Columns,
    Entry,
    FileEnd,
    Line,
    Passed,
    Record,
    Rejection,
    entry_of,
    lines_of,
)
from jet.books.schema import ACCOUNTS, AMOUNT, DIMENSION, ENTRIES, LINE, REJECTED
from jet.books.settings import FORMATS, ImportSettings

__all__ = [
    "FORMATS",
    "IMPORTERS",
    "Account",
    "Columns",
    "Entry",
    "FileEnd",
    "Guess",
    "ImportSettings",
    "Importer",
    "Line",
    "Passed",
    "Record",
    "Rejection",
    "Source",
    "Tables",
    "Undecided",
    "UnreadableFile",
    "checked",
    "expand",
    "import_file",
    "recognize",
    "to_tables",
]

log = logging.getLogger("jet.ingest")

HEAD_BYTES = 1 << 16
BATCH_CHARACTERS = 1 << 27
"""The most characters in a batch, which bounds the memory for long entries; see `_characters`."""

_DIVISIBLE = JsonlImporter()

IMPORTERS: dict[str, Importer] = {
    importer.name: importer
    for importer in (
        SieImporter(),
        FecImporter(),
        DatevImporter(),
        AuditFileImporter(),
        CamtImporter(),
        Mt940Importer(),
        OfxImporter(),
        DatabaseImporter(),
        GnuCashImporter(),
        _DIVISIBLE,
        LedgerImporter(),
        TabularImporter(),
    )
}
"""The importers by name, in the order in which they are tried on a file."""

_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_IN_WORKBOOKS = (b"[Content_Types].xml", b"xl/")
_IN_ODS = b"opendocument.spreadsheet"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def import_file(
    path: str, settings: ImportSettings, folder: str = "", identity: str = "", *, columns: bool = False
) -> Iterator[Record]:
    """The records of one ledger file (a path or URI, or the URL of a database), with every entry checked and
    faulty ones rejected in place.

    Included files must lie in `folder` (default: the file's own). A database on a server must have the content
    of `identity`, where it is given. With `columns`, entries may come many at once, as `Columns`: faster, for
    `to_tables`.

    Raises UnreadableFile where the file is missing, empty, binary or of no known format: at the call where the
    first bytes show it, otherwise during iteration. Raises `OSError` where an object store fails.
    """
    if is_database(path):
        records = IMPORTERS["database"].records(Source.of_server(path, identity), settings)
        return checked(records, settings, path)
    with open_file(path) as stream:
        head = stream.read(HEAD_BYTES)
    importer = recognize(path, head, settings.format)
    return _checked_records(path, importer, settings, folder or parent(path), columns)


def stretches_of(path: str, settings: ImportSettings, size: int) -> list[Stretch]:
    """The stretches of some `size` bytes that a ledger file can be read in; none where it is read as a whole.
    Raises what `import_file` does."""
    with open_file(path) as stream:
        importer = recognize(path, stream.read(HEAD_BYTES), settings.format)
        stream.seek(0)
        if importer is not _DIVISIBLE:
            return []
        return _DIVISIBLE.stretches(Source(checks.clean(path), stream, path), settings, size)


def import_stretch(path: str, settings: ImportSettings, stretch: Stretch) -> Iterator[Record]:
    """The records of a stretch of a file, with every entry checked. Its accounts are only what it says of them
    (`Chart.said`), and aren't checked: `accounts_of_stretches` does it. Raises what `import_file` does."""
    file = checks.clean(path)
    with open_file(path) as stream:
        records = _DIVISIBLE.stretch(Source(file, stream, path, columns=True), settings, stretch)
        yield from checked(records, settings, file, charts=False)


def accounts_of_stretches(said: Iterable[pa.Table], path: str) -> Tables:
    """The accounts of a file, checked, by what its stretches say (`SAID`), in their order."""
    chart, file = Chart(), checks.clean(path)
    for table in said:
        for row in table.to_pylist():
            chart.add(Account(**row))
    found = [checks.check_account(account, file) or account for account in chart.accounts()]
    return next(to_tables(found, batch=len(found) + 1))


def recognize(path: str, head: bytes, format_: str = "auto") -> Importer:
    """The importer for a file, by its name and first bytes. Raises UnreadableFile where none recognizes it."""
    if not head.strip():
        raise UnreadableFile(f"{path}: the file is empty; leave it out, or export it again")
    is_read = (
        (head.startswith(ZIP) and any(name in head for name in _IN_WORKBOOKS))
        or head.startswith(PARQUET_MAGIC)
        or any(IMPORTERS[name].recognizes(path, head) for name in ("gnucash", "database"))
    )
    if head.startswith(_OLD_EXCEL) or (head.startswith(ZIP) and _IN_ODS in head):
        raise UnreadableFile(
            f"{path}: the file is an OpenDocument, an old Excel file or one with a password; save it as .xlsx "
            "without a password, or the sheet with the entries as CSV"
        )
    for magic, packing in _PACKED.items():
        if head.startswith(magic) and not is_read:
            raise UnreadableFile(f"{path}: the file is packed with {packing}; unpack it first")
    if head.startswith(_UTF_16_MARKS):
        raise UnreadableFile(f"{path}: the file is UTF-16 text; save it as UTF-8")
    if b"\0" in head and not is_read:
        raise UnreadableFile(f"{path}: the file is binary, and of no kind that is read; export it as text")
    if format_ != "auto":
        return IMPORTERS[format_]
    for importer in IMPORTERS.values():
        if importer.recognizes(path, head):
            return importer
    if without_mark(head).lstrip().startswith(b"<"):
        raise UnreadableFile(
            f"{path}: the file is XML or HTML, of which SAF-T, XAF, camt.053, OFX and GnuCash are read; export "
            "it as CSV"
        )
    raise UnreadableFile(f"{path}: no known format; set format to one of {', '.join(FORMATS)}, or leave it out")


class Tables(NamedTuple):
    """The tables of one batch of records."""

    entries: pa.Table
    accounts: pa.Table
    rejected: pa.Table
    files: pa.Table


def to_tables(records: Iterable[Record], batch: int = 20_000, charts: pa.Schema = ACCOUNTS) -> Iterator[Tables]:
    """Turn records into tables of entries, accounts (`charts`), rejections and files, `batch` records each.

    A batch has fewer records where they are very long, and more where they come as `Columns`; there is at least
    one."""
    entries: list[Entry | Columns] = []
    accounts: list[Account] = []
    rejections: list[Rejection] = []
    counts = LineCounts()
    is_first = True
    rows = characters = 0

    def tables() -> Tables:
        return Tables(
            _entries_table(entries), _table(accounts, charts), _table(rejections, REJECTED), counts.table()
        )

    for record in records:
        counts.add(record)
        characters += _characters(record)
        if isinstance(record, Entry | Columns):
            entries.append(record)
            rows += len(record.entries) if isinstance(record, Columns) else 1
        elif isinstance(record, Account):
            accounts.append(record)
        elif isinstance(record, Rejection):
            rejections.append(record)
        if rows + len(accounts) + len(rejections) >= batch or characters >= BATCH_CHARACTERS:
            yield tables()
            entries, accounts, rejections = [], [], []
            rows = characters = 0
            is_first = False
    if is_first or entries or accounts or rejections or counts.has_ended():
        yield tables()


def _checked_records(
    path: str, importer: Importer, settings: ImportSettings, folder: str, columns: bool
) -> Iterator[Record]:
    file = checks.clean(path)
    with open_file(path) as stream:
        source = Source(file, stream, path, folder, columns=columns)
        found = guess(source, settings) if importer is IMPORTERS["tabular"] else None
        how = settings if found is None else found.settings
        for line in found.said if found is not None else ():
            log.info(line)
        for record in checked(importer.records(source, how), how, file):
            if found is not None and isinstance(record, FileEnd):
                record = replace(record, dialect=json.dumps(found.config, ensure_ascii=False))
            yield record


def checked(
    records: Iterable[Record], settings: ImportSettings, file: str = "", *, charts: bool = True
) -> Iterator[Record]:
    """The records of a `file`, of which a faulty entry or account is rejected in its place, or used for what it
    is good for and rejected for the rest. Accounts of no whole `charts` are let through."""
    tolerance = Decimal(str(settings.tolerance))
    ids = Ids()
    for record in records:
        if isinstance(record, Entry):
            yield from _checked_entry(record, ids, settings, tolerance)
        elif isinstance(record, Columns):
            yield from _checked_columns(record, ids)
        elif isinstance(record, Account) and charts:
            yield checks.check_account(record, file) or record
        else:
            yield record


def _checked_entry(
    entry: Entry, ids: Ids, settings: ImportSettings, tolerance: Decimal
) -> Iterator[Entry | Rejection]:
    """The usable part of the entry, under a unique id, and its rejection; either may be None."""
    used, rejection = checks.admit(entry, tolerance, settings.strict)
    if used is not None:
        entry_id = ids.of(used.entity, used.entry_id, used.date, used.journal)
        if entry_id is None:
            yield checks.reject_duplicate(entry)
            return
        used.entry_id = entry_id
        yield used
        rejection = rejection and replace(rejection, entry_id=entry_id)
    if rejection is not None:
        yield rejection


def _checked_columns(record: Columns, ids: Ids) -> Iterator[Columns | Rejection]:
    """The entries under unique ids, and the rejections of those whose ids aren't."""
    entries = record.entries
    said = (entries[name].to_numpy().tolist() for name in ("entity", "entry_id", "date", "journal"))
    found = pa.chunked_array([ids.of_all(*said)], pa.string())
    if found.null_count or found != entries["entry_id"]:
        at = entries.schema.get_field_index("entry_id")
        named = entries.set_column(at, ENTRIES.field(at), found)
        yield Columns(record.file, named.filter(found.is_valid()))
        for row in entries.filter(found.is_null()).to_pylist():
            yield checks.reject_duplicate(entry_of(row, lines_of(row)))
    else:
        yield record


def _characters(record: Record) -> int:
    """The approximate length of a record, counting only what has no bound of its own."""
    if isinstance(record, Columns):
        return record.entries.nbytes
    if isinstance(record, Account):
        return len(record.entity) + len(record.code) + len(record.name) + len(record.parent or "")
    if isinstance(record, Rejection):
        return len(record.file) + len(record.message)
    if not isinstance(record, Entry):
        return 0
    found = len(record.entity) + len(record.entry_id) + len(record.description)
    found += len(record.currency) + len(record.journal) + len(record.file)
    for line in (*(record.lines or ()), *(record.known_lines or ())):
        found += 100 + len(line.account) + len(line.currency) + len(line.text)
        for dimension, name in line.dimensions:
            found += 100 + len(dimension) + len(name)
    return found


def _table(records: Sequence[Account] | Sequence[Rejection], schema: pa.Schema) -> pa.Table:
    return pa.table(
        [
            pa.array([getattr(record, name) for record in records], schema.field(name).type)
            for name in schema.names
        ],
        schema=schema,
    )


def _entries_table(records: Sequence[Entry | Columns]) -> pa.Table:
    """The entries of all records, in their order."""
    tables = [ENTRIES.empty_table()]
    for _, own in groupby(records, type):
        found = list(own)
        tables += [each.entries for each in found if isinstance(each, Columns)] or [
            _table_of([each for each in found if isinstance(each, Entry)])
        ]
    return pa.concat_tables(tables).combine_chunks()


def _table_of(entries: Sequence[Entry]) -> pa.Table:
    columns = []
    for field in ENTRIES:
        if pa.types.is_list(field.type):
            columns.append(_lines_array([getattr(entry, field.name) for entry in entries]))
        else:
            columns.append(pa.array([getattr(entry, field.name) for entry in entries], field.type))
    return pa.table(columns, schema=ENTRIES)


def _lines_array(of_entries: Sequence[list[Line] | None]) -> pa.Array:
    """The lines of all entries as a list array, built from one flat array for each field."""
    lines = [line for own in of_entries for line in own or ()]
    pairs = [pair for line in lines for pair in line.dimensions]
    dimensions = pa.StructArray.from_arrays(
        [pa.array([pair[at] for pair in pairs], pa.string()) for at in (0, 1)], fields=list(DIMENSION)
    )
    fields = [
        pa.array([line.account for line in lines], pa.string()),
        pa.array([line.side for line in lines], pa.string()),
        pa.array([line.amount for line in lines], AMOUNT),
        pa.array([line.currency for line in lines], pa.string()),
        pa.array([line.text for line in lines], pa.string()),
        _lists(dimensions, [len(line.dimensions) for line in lines], LINE.field("dimensions").type),
    ]
    return _lists(
        pa.StructArray.from_arrays(fields, fields=list(LINE)),
        [len(own or ()) for own in of_entries],
        ENTRIES.field("lines").type,
        [own is None for own in of_entries],
    )


def _lists(values: pa.Array, lengths: list[int], type_: pa.DataType, missing: list[bool] | None = None) -> Any:
    offsets = [0]
    for length in lengths:
        offsets.append(offsets[-1] + length)
    mask = None if missing is None else pa.array(missing, pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values, type=type_, mask=mask)
