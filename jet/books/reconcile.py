"""What only all files of a run together can tell: which entries have the same id, and which companies are one.

Ids that were made from what an entry says (`jet.books.identity`) are numbered over all files. An id that the
books give stands for one entry: a second one of the same day and journal is the same entry read twice, a
duplicate. One of another day or journal is another entry, called by id and date: voucher numbers begin anew
with a year, and in each journal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.checks import reject_duplicate
from jet.books.identity import MADE, WITH_DAY, Ids
from jet.books.records import entry_of, lines_of
from jet.books.schema import ENTRIES, REJECTED, joined_keys


class Settled(NamedTuple):
    """Entries of some companies with an id of its own each."""

    entries: pa.Table
    """`ENTRIES`, in the order of reading, without duplicates."""
    duplicates: pa.Table
    """`REJECTED`: the entries that were read before."""
    dated: int
    """Entries whose id has the date added, since one of another file has it too."""
    repeated: int
    """Entries that say the same as one of another file."""


def settle(entries: pa.Table) -> Settled:
    """The `entries` (`ENTRIES`) that were read of some companies, in the order of reading, as they are called
    from here on."""
    were = entries["entry_id"]
    entry_id, duplicate, elsewhere = settle_ids(entries)
    entries = entries.set_column(
        entries.schema.get_field_index("entry_id"), ENTRIES.field("entry_id"), entry_id
    )
    other = _flags(pc.not_equal(entries["entry_id"], were)) & elsewhere
    made = _flags(pc.match_substring_regex(entries["entry_id"], f"^{MADE}$"))
    return Settled(
        entries.filter(pa.array(~duplicate)),
        _duplicates(entries.filter(pa.array(duplicate))),
        int((other & ~made & ~duplicate).sum()),
        int((other & made).sum()),
    )


def settle_ids(keys: pa.Table) -> tuple[pa.Array, np.ndarray, np.ndarray]:
    """What the entries of `keys` (entity, entry_id, date, journal, file) are called from here on, in the order
    of the files; bool [N] which of them came earlier; and bool [N] of which another file has the first with
    their id."""
    ids = keys["entry_id"].combine_chunks()
    bases = pc.replace_substring_regex(ids, f"^{MADE}$", r"\1")
    bases = pc.replace_substring_regex(bases, f"^{WITH_DAY}$", r"\1")
    names = joined_keys(keys["entity"].combine_chunks(), bases).dictionary_encode().indices.to_numpy()
    rows = np.flatnonzero(np.bincount(names)[names] > 1) if len(names) else np.empty(0, dtype=np.int64)
    duplicate, elsewhere = np.zeros((2, len(keys)), dtype=bool)
    if not len(rows):
        return ids, duplicate, elsewhere
    file = keys["file"].combine_chunks().dictionary_encode().indices.to_numpy()
    _, first, own = np.unique(names[rows], return_index=True, return_inverse=True)
    elsewhere[rows] = file[rows][first][own] != file[rows]
    giving = Ids()
    some = keys.take(pa.array(rows))
    columns = (some[name].to_pylist() for name in ("entity", "entry_id", "date", "journal"))
    given = [giving.of(*row) for row in zip(*columns, strict=True)]
    duplicate[rows] = [name is None for name in given]
    settled = ids.to_pylist()
    for row, name in zip(rows.tolist(), given, strict=True):
        settled[row] = settled[row] if name is None else name
    return pa.array(settled, pa.string()), duplicate, elsewhere


def companies(numbers: Iterable[tuple[str | None, str]]) -> dict[str, str]:
    """What companies are called that have several names and one organization number: from each other name to
    the first one. `numbers` are organization numbers (none: not known) and names."""
    first: dict[str, str] = {}
    renamed: dict[str, str] = {}
    for number, entity in numbers:
        if number and first.setdefault(number, entity) != entity:
            renamed.setdefault(entity, renamed.get(first[number], first[number]))
    return {old: new for old, new in renamed.items() if old != new}


def renamed(table: pa.Table, names: Mapping[str, str]) -> pa.Table:
    """`table` with what `companies` says in its column entity."""
    for old, new in names.items():
        column = pc.if_else(pc.fill_null(pc.equal(table["entity"], old), False), new, table["entity"])
        field = table.schema.field("entity")
        table = table.set_column(table.schema.get_field_index("entity"), field, column)
    return table


def _duplicates(entries: pa.Table) -> pa.Table:
    """Entries (`ENTRIES`) that were read before, as rows of the rejected table."""
    found = (reject_duplicate(entry_of(row, lines_of(row))) for row in entries.to_pylist())
    rows = [{name: getattr(each, name) for name in REJECTED.names} for each in found]
    return pa.Table.from_pylist(rows, schema=REJECTED)


def notes(names: Mapping[str, str], like_files: Sequence[str], dated: int, repeated: int) -> Iterator[str]:
    """What whoever gave the files should know, a line each: of the companies `names` that are renamed, those
    `like_files` that are called like their files, and the counts of `Settled`."""
    for old, new in names.items():
        yield (
            f"{old} and {new} have one organization number: they are one company, {new}; set "
            "ingest.entity_from to org_number to call it by its number, whatever its name"
        )
    if len(like_files) == 1:
        yield (
            f"the company is called like its file or folder, which doesn't say whose books it has "
            f"({like_files[0]}); set ingest.entity to the company's name"
        )
    elif like_files:
        yield (
            f"{len(like_files)} companies are called like their files or folders ({_some(like_files)}), which "
            "don't say whose books they have; where these are one company's, set ingest.entity to its name"
        )
    if dated:
        yield (
            f"{dated} entries have an id that an entry of another day or journal has too, as numbers do that "
            "begin anew with a year: their ids have the date added"
        )
    if repeated:
        yield (
            f"{repeated} entries say the same as one of another file (date, text and lines) and are kept: if "
            "the files overlap, leave one out"
        )


def accidents(said: Iterable[tuple[str | None, str]], apart: int) -> Iterator[str]:
    """What may have been brought together, or taken apart, by accident, a line each.

    `said` are the organization numbers and names that files say, `apart` counts entries whose rows aren't
    together."""
    numbers: dict[str, dict[str, None]] = {}
    for number, entity in said:
        if number:
            numbers.setdefault(entity, {})[number] = None
    for entity, own in numbers.items():
        if len(own) > 1:
            yield (
                f"files of {len(own)} organization numbers ({_some(list(own))}) are read as one company, "
                f"{entity}; set ingest.entity_from to name_and_org_number, and no ingest.entity, to keep them "
                "apart"
            )
    if apart:
        yield (
            f"rows of {apart} entries aren't together: other entries' stand between them; sort the file by the "
            "id (a query, by ORDER BY), or give each entry an id of its own"
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (" and so on" if len(names) > 3 else "")


def guesses_of(files: pa.Table) -> dict[str, list[str]]:
    """The guesses (`jet.books.importers.guessing`) by which some `files` (`FILES`) were read, each the part
    `ingest` of a config as JSON, with its files."""
    found: dict[str, list[str]] = {}
    for row in files.filter(pc.equal(files["format"], "tabular")).select(["file", "dialect"]).to_pylist():
        if row["dialect"]:
            found.setdefault(row["dialect"], []).append(row["file"])
    return found


def guess_notes(guesses: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """What was guessed, a line for each guess."""
    for guess, files in guesses.items():
        yield f"guessed of {_some(files)}: {guess}; give it as the part ingest of a config to have it always so"


def called_like_their_file(entries: pa.Table) -> set[str]:
    """The companies of `entries` (`ENTRIES`) that are called like a file of theirs, or like its folder."""
    pairs = entries.select(["file", "entity"]).group_by(["file", "entity"]).aggregate([]).to_pylist()
    names = [(row["entity"], PurePath(row["file"])) for row in pairs]
    return {entity for entity, path in names if entity in (path.stem, path.parent.name)}


def _flags(column: pa.ChunkedArray) -> np.ndarray:
    return column.combine_chunks().to_numpy(zero_copy_only=False)
