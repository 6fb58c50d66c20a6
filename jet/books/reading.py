"""Ledger files of a run, read together: here in one process, or by whoever spreads the same pieces.

`Reading` says which files a run reads. `batches` turns some of them into tables, and `jet.books.reconcile`
brings all of them together. `read` does all of it in memory.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import chain
from os import PathLike, fspath
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jet.artifacts.manifest import MANIFEST
from jet.artifacts.places import finished_at
from jet.artifacts.storage import resolve
from jet.artifacts.uris import is_database, refuse_keys, without_scheme
from jet.books.catalog import Catalog
from jet.books.checks import Rule
from jet.books.importers import (
    ImportSettings,
    Tables,
    UnreadableFile,
    expand,
    import_file,
    import_stretch,
    to_tables,
)
from jet.books.importers.databases import identity
from jet.books.importers.files import given_folder, logs_beside
from jet.books.importers.journal import includes_of
from jet.books.importers.stretches import Stretch
from jet.books.reconcile import (
    accidents,
    called_like_their_file,
    companies,
    guess_notes,
    guesses_of,
    notes,
    renamed,
    settle,
)
from jet.books.records import Record, Rejection
from jet.books.schema import ACCOUNTS, ENTRIES, FILES, REJECTED, SAID, uses
from jet.books.sorting import sort_entries

log = logging.getLogger("jet.ingest")


@dataclass(frozen=True, repr=False)
class Ledger:
    """What was read of ledger files: Arrow tables, with the schemas of `jet.books.schema`."""

    entries: pa.Table
    """`ENTRIES`, one row an entry; `lines` is null in those that are to be predicted."""
    accounts: pa.Table
    """`ACCOUNTS`: the charts of all entities."""
    rejected: pa.Table
    """`REJECTED`: what broke a rule, with file, line and the way out."""
    files: pa.Table
    """`FILES`: what became of every line of every file."""
    notes: tuple[str, ...] = ()
    """What whoever gave the files should know, a sentence each."""

    def __repr__(self) -> str:
        entries, entities = self.entries, len(self.entries["entity"].unique())
        said = (
            f"{_counted(len(entries), 'entry', 'entries')} ({entries['lines'].null_count:,} without lines) of "
            f"{_counted(entities, 'entity', 'entities')}, {_counted(len(self.accounts), 'account', 'accounts')}"
        )
        if len(self.rejected):
            used = uses(self.rejected)
            rules = Counter(self.rejected["rule"].to_pylist())
            counts = ", ".join(f"{rule} {count:,}" for rule, count in rules.most_common())
            rejected = _counted(used["rejected"], "row", "rows")
            said += f"; {rejected} rejected, {used['partly_used']:,} used in part, see .rejected ({counts})"
        return "\n".join([f"<Ledger: {said}>", *self.notes])


def _counted(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"


@dataclass(frozen=True)
class Reading:
    """The files that a run reads."""

    files: Mapping[str, int]
    """Their names, sorted, and sizes in bytes; those that others include are left out."""
    folders: Mapping[str, str]
    """Of each file the folder that it may include from."""
    named: frozenset[str]
    """Files that were named, and not only lie in a folder or fit a pattern."""
    inputs: Mapping[str, str]
    """Of every file, and of all that is included, size and time; of a database by URL a digest of its rows."""

    @classmethod
    def of(cls, paths: Sequence[str], settings: ImportSettings) -> Reading:
        """For files, globs and folders, local or on object stores, and URLs of databases.

        Raises `UnreadableFile` where a path stands for no file, and `ValueError` where one lies in what jet
        wrote itself.
        """
        servers = {}
        for url in filter(is_database, paths):
            refuse_keys(url)
            servers[url] = identity(url, settings)
        paths = [without_scheme(path) for path in paths if not is_database(path)]
        found = expand(paths)
        beside = logs_beside(found)
        found = {name: info for name, info in found.items() if name not in beside}
        logs = {name: info for name, info in beside.items() if info.size and not name.endswith("-shm")}
        _refuse_artifacts(found)
        folders = {name: given_folder(name, paths) for name in found}
        includes = includes_of(folders, settings.format)
        if includes.by_others:
            log.info("%d files are included by others, and read with these", len(includes.by_others))
        everything = found | logs | (expand(includes.beyond) if includes.beyond else {})
        given = [resolve(path) for path in paths]
        return cls(
            files={name: info.size for name, info in found.items() if name not in includes.by_others}
            | {url: size for url, (size, _) in servers.items()},
            folders=folders | dict.fromkeys(servers, ""),
            named=frozenset(name for name in found if resolve(name) in given) | servers.keys(),
            inputs={name: f"{info.size}:{info.mtime_ns}" for name, info in everything.items()}
            | {url: digest for url, (_, digest) in servers.items()},
        )

    def groups(self, group_bytes: int) -> list[list[str]]:
        """The files in groups of about that size: neither one for every tiny file nor one for everything. A
        large file is a group of its own."""
        groups: list[list[str]] = [[]]
        size = 0
        for name, own in self.files.items():
            if own >= group_bytes or size >= group_bytes:
                groups.append([])
                size = 0
            groups[-1].append(name)
            size += own
        return [group for group in groups if group]


def batches(reading: Reading, files: Iterable[str], settings: ImportSettings) -> Iterator[Tables]:
    """What importing some files of a run gives, batch by batch, in the order of reading."""
    yield from to_tables(chain.from_iterable(_records(file, reading, settings) for file in files))


def batches_of_stretch(file: str, stretch: Stretch, settings: ImportSettings) -> Iterator[Tables]:
    """What importing a stretch of a file gives, batch by batch; its accounts as `SAID`."""
    try:
        yield from to_tables(import_stretch(file, settings, stretch), charts=SAID)
    except OSError as error:
        raise OSError(f"{file} can't be read now: {error}") from error


def read(paths: str | PathLike[str] | Sequence[str | PathLike[str]], **settings: Any) -> Ledger:
    """Read ledger files of any known format: paths, globs, folders, `s3://` or `gs://` URIs; one or several.

    `settings` are those of `ImportSettings`, the part `ingest` of the jobs' settings: `jet.read("x.csv",
    entity="Acme")`. What breaks a rule is in `rejected`, with file, line and the way out. Raises
    `UnreadableFile` where a file that is named can't be read at all, or no entry of any of them can.

    >>> read("*.jsonl")
    <Ledger: 400 entries (20 without lines) of 3 entities, 274 accounts>
    """
    unknown = settings.keys() - {each.name for each in fields(ImportSettings)}
    if unknown:
        known = ", ".join(each.name for each in fields(ImportSettings))
        raise ValueError(
            f"{', '.join(sorted(unknown))} is no setting of how ledgers are read: these are {known}"
        )
    how = ImportSettings(**settings)
    given = [paths] if isinstance(paths, str | PathLike) else paths
    reading = Reading.of([fspath(path) for path in given], how)
    ledger = together(batches(reading, reading.files, how))
    refuse_nothing(len(ledger.entries), len(reading.folders), ledger.rejected)
    return replace(ledger, notes=(*guess_notes(guesses_of(ledger.files)), *ledger.notes))


def together(parts: Iterable[Tables]) -> Ledger:
    """All that was read of the files of a run, in the order of reading."""
    empty = Tables(*(each.empty_table() for each in (ENTRIES, ACCOUNTS, REJECTED, FILES)))
    found = [pa.concat_tables(tables) for tables in zip(empty, *parts, strict=True)]
    said = list(zip(*(found[-1][name].to_pylist() for name in ("org_number", "entity")), strict=True))
    names = companies(said)
    like_files = sorted(called_like_their_file(found[0]) - names.keys())
    entries, accounts, rejected, read_files = (renamed(table, names) for table in found)
    settled = settle(entries)
    rejected = pa.concat_tables([rejected, settled.duplicates]).combine_chunks()
    apart = pc.sum(pc.equal(rejected["rule"], Rule.NOT_ADJACENT.value)).as_py() or 0
    return Ledger(
        sort_entries(settled.entries),
        Catalog.from_accounts(accounts).accounts,
        rejected,
        read_files.combine_chunks(),
        (
            *notes(names, like_files, settled.dated, settled.repeated),
            *accidents(said, apart),
        ),
    )


def refuse_nothing(entries: int, files: int, rejected: pa.Table) -> None:
    """Raise `UnreadableFile`, with the first reason, where no entry was imported."""
    if entries:
        return
    why = ""
    for first in rejected.slice(0, 1).to_pylist():
        why = f"; the first: {first['file']}:{first['file_line']}: {first['message']}"
    raise UnreadableFile(f"no entry could be imported from {files} files, {len(rejected)} rejected{why}")


def _refuse_artifacts(files: Iterable[str]) -> None:
    """Raise `ValueError` where ledger files lie in what jet wrote itself."""
    for name in files:
        folder, _, file = name.rpartition("/")
        if file == MANIFEST and (manifest := finished_at(folder)) is not None:
            raise ValueError(
                f"{folder} holds {manifest.kind} that jet wrote, and no ledgers: name ledger files, or folders "
                "with nothing else in them. Entries of `jet ingest` are named alone, to the jobs that read them"
            )


def _records(file: str, reading: Reading, settings: ImportSettings) -> Iterator[Record]:
    """The records of a file. One that can't be read is an error where it was named; where it only lies in a
    folder or fits a pattern, it is rejected and the rest goes on."""
    try:
        content = reading.inputs[file] if is_database(file) else ""
        yield from import_file(file, settings, reading.folders[file], content, columns=True)
    except UnreadableFile as error:
        if file in reading.named:
            raise
        yield Rejection(file, 1, "unreadable_file", str(error), None, None, "", file_lines=0)
    except OSError as error:
        raise OSError(f"{file} can't be read now: {error}") from error
