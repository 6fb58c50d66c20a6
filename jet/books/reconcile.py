"""What only all files of a run together can tell: which entries have the same id, and which companies are one.

Ids that were made from what an entry says (`jet.books.identity`) are numbered over all files. An id that the
books give stands for one entry: a second one of the same day and journal is the same entry read twice, a
duplicate. One of another day or journal is another entry, called by id and date: voucher numbers begin anew
with a year, and in each journal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.checks import Rule
from jet.books.identity import MADE, WITH_DAY, Ids
from jet.books.schema import ENTRIES, REJECTED, joined_keys


class Imported(NamedTuple):
    """What importing some files gave, beside the entries themselves."""

    keys: pa.Table
    """entity, entry_id, date, journal, file and file_line of every entry, in the order of reading."""
    accounts: pa.Table
    rejected: pa.Table
    files: pa.Table

    @classmethod
    def concat(cls, parts: Sequence[Imported]) -> Imported:
        """All of several, in their order."""
        return cls(*(pa.concat_tables(tables).combine_chunks() for tables in zip(*parts, strict=True)))


class Reconciled(NamedTuple):
    """The same, with one name for each company and an id of its own for each entry."""

    imported: Imported
    duplicate: np.ndarray
    """bool [N]: the entry was read before, and is rejected."""
    notes: list[str]
    """What whoever gave the files should know, a line each."""

    def settled(self, entries: pa.Table) -> pa.Table:
        """All `entries` (`ENTRIES`) that were read, in that order, as they are called from here on, without
        duplicates."""
        for column in ("entity", "entry_id"):
            place = ENTRIES.get_field_index(column)
            entries = entries.set_column(place, ENTRIES.field(column), self.imported.keys[column])
        return entries.filter(pa.array(~self.duplicate))


def reconcile(imported: Imported) -> Reconciled:
    """Bring the files of a run together."""
    names = companies(imported.files)
    keys, accounts, rejected, files = (_renamed(table, names) for table in imported)
    entry_id, duplicate = settle_ids(keys)
    was = imported.keys
    keys = keys.set_column(keys.schema.get_field_index("entry_id"), "entry_id", entry_id)
    doubles = _duplicates(keys.filter(pa.array(duplicate)))
    return Reconciled(
        Imported(keys, accounts, pa.concat_tables([rejected, doubles]).combine_chunks(), files),
        duplicate,
        list(_notes(names, was["entry_id"], keys, duplicate)),
    )


def settle_ids(keys: pa.Table) -> tuple[pa.Array, np.ndarray]:
    """What the entries of `keys` (entity, entry_id, date, journal) are called from here on, in the order of the
    files, and bool [N] which of them came earlier."""
    ids = keys["entry_id"].combine_chunks()
    bases = pc.replace_substring_regex(ids, f"^{MADE}$", r"\1")
    bases = pc.replace_substring_regex(bases, f"^{WITH_DAY}$", r"\1")
    names = joined_keys(keys["entity"].combine_chunks(), bases).dictionary_encode().indices.to_numpy()
    rows = np.flatnonzero(np.bincount(names)[names] > 1) if len(names) else np.empty(0, dtype=np.int64)
    duplicate = np.zeros(len(keys), dtype=bool)
    if not len(rows):
        return ids, duplicate
    giving = Ids()
    some = keys.take(pa.array(rows))
    columns = (some[name].to_pylist() for name in ("entity", "entry_id", "date", "journal"))
    given = [giving.of(*row) for row in zip(*columns, strict=True)]
    duplicate[rows] = [name is None for name in given]
    settled = ids.to_pylist()
    for row, name in zip(rows.tolist(), given, strict=True):
        settled[row] = settled[row] if name is None else name
    return pa.array(settled, pa.string()), duplicate


def companies(files: pa.Table) -> dict[str, str]:
    """What companies are called that have several names and one organization number, by `files` (`FILES`): from
    each other name to the first one."""
    first: dict[str, str] = {}
    renamed: dict[str, str] = {}
    for number, entity in zip(files["org_number"].to_pylist(), files["entity"].to_pylist(), strict=True):
        if number and first.setdefault(number, entity) != entity:
            renamed.setdefault(entity, renamed.get(first[number], first[number]))
    return {old: new for old, new in renamed.items() if old != new}


def _renamed(table: pa.Table, names: Mapping[str, str]) -> pa.Table:
    for old, new in names.items():
        column = pc.if_else(pc.fill_null(pc.equal(table["entity"], old), False), new, table["entity"])
        field = table.schema.field("entity")
        table = table.set_column(table.schema.get_field_index("entity"), field, column)
    return table


def _duplicates(keys: pa.Table) -> pa.Table:
    """Entries that were read before, as rows of the rejected table."""
    rows = [
        {
            "file": row["file"],
            "file_line": row["file_line"],
            "rule": Rule.DUPLICATE_ID.value,
            "message": f"entry {row['entry_id']!r} of {row['entity']} was already read from another place, for "
            "the same day: leave one out, or give it an id of its own",
            "entity": row["entity"],
            "entry_id": row["entry_id"],
            "excerpt": row["entry_id"],
            "used_for": "nothing",
        }
        for row in keys.to_pylist()
    ]
    return pa.Table.from_pylist(rows, schema=REJECTED)


def _notes(
    names: Mapping[str, str], were: pa.ChunkedArray, keys: pa.Table, duplicate: np.ndarray
) -> Iterator[str]:
    for old, new in names.items():
        yield (
            f"{old} and {new} have one organization number: they are one company, {new}; set "
            "ingest.entity_from to org_number to call it by its number, whatever its name"
        )
    by_file = _called_like_their_file(keys)
    if by_file:
        some = ", ".join(by_file[:3]) + (" and so on" if len(by_file) > 3 else "")
        yield (
            f"companies are called like their files or folders, which don't say whose books they are ({some}); "
            "set ingest.entity to the company's name"
        )
    other = _flags(pc.not_equal(keys["entry_id"], were))
    made = _flags(pc.match_substring_regex(keys["entry_id"], f"^{MADE}$"))
    if count := int((other & ~made & ~duplicate).sum()):
        yield (
            f"{count} entries have an id that an entry of another day or journal has too, as numbers do that "
            "begin anew with a year: their ids have the date added"
        )
    if count := int((other & made).sum()):
        yield (
            f"{count} entries say the same as one of another file (date, text and lines) and are kept: if the "
            "files overlap, leave one out"
        )


def _called_like_their_file(keys: pa.Table) -> list[str]:
    pairs = keys.select(["file", "entity"]).group_by(["file", "entity"]).aggregate([]).to_pylist()
    names = {row["entity"]: PurePath(row["file"]) for row in pairs}
    return sorted(entity for entity, path in names.items() if entity in (path.stem, path.parent.name))


def _flags(column: pa.ChunkedArray) -> np.ndarray:
    return column.combine_chunks().to_numpy(zero_copy_only=False)
