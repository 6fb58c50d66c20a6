"""A table of plain parquet files in folders named by hive's convention, `day=2026-11-30/` or `company=Acme/`.

Files are named after their night, `day=2026-11-30/NIGHT.parquet` or `company=Acme/NIGHT-DIGEST.parquet` (the
digest is the company's), and appear whole: by a rename in a folder, by the last request of an upload on a
store. So whoever delivers a night again finds its files or puts the same ones in their place, and no row is
there twice.

Partitioned by day, a night is one file: readers see all of it or nothing. Partitioned by company, a night is
a file a company, each of which readers see whole, but the companies appear one after another.

Nothing but finished files is ever in the table: Polars and DuckDB also read hidden files and folders. What is
being written lies beside it, and `jet clean` finds it there.

The key of a company's folder isn't `entity`, which stays a column of the files: pyarrow and pandas refuse a
column that folders and files both have, and most readers take the key of a folder for a number where it looks
like one (0420 becomes 420).
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs as pafs

from jet.artifacts import disk
from jet.artifacts.artifact import beside, read_parquet
from jet.artifacts.storage import files_under, has_rename, patiently, remove_file, resolve
from jet.prediction.delivery.night import TABLE, Night, refuse_other_columns, refuse_taken

MADE_FROM = b"jet.made_from"
"""The key in a file's metadata under which it says what its night was made from."""
LONGEST_NAME = 255
"""Bytes of a file's or folder's name on most filesystems."""
NO_KEY = "__HIVE_DEFAULT_PARTITION__"
"""The key of a folder that all readers take for a null; pandas can't read a table with it."""
ROW_GROUP = 65_536
PIECE = 1 << 24
ESCAPED = re.compile(r"[\x00-\x7f]")
PLAIN = re.compile(r"[A-Za-z0-9_.~-]")


@dataclass(frozen=True)
class NightFile:
    """A file that a night adds to the table."""

    name: str
    """Relative to the table."""
    rows: int
    tables: Callable[[], Iterator[pa.Table]]
    """Its rows (`TABLE`), some at a time."""


class HiveFolder:
    """The table at a path or URI. Raises `OSError` where it can't be read or written."""

    def __init__(self, uri: str, partition: Literal["day", "company"]) -> None:
        self.uri, self.partition = uri, partition
        self.filesystem, self.root = resolve(uri)
        held = TABLE.remove(TABLE.get_field_index("day")) if partition == "day" else TABLE
        self.schema: pa.Schema = held  # of its files; a folder's key is in no file
        self.prefix = f"{partition}="

    def refuse(self) -> None:
        """Raise `ValueError` where other files are there than those of such a table."""
        bucket = self.root.partition("/")[0]
        if not has_rename(self.filesystem) and not self._exists(bucket):
            raise ValueError(f"{self.uri}: there is no bucket {bucket!r}: check its name, or make it first")
        if self.filesystem.get_file_info(self.root).type == pafs.FileType.File:
            raise ValueError(f"{self.uri} is a file; a table is a folder: give another --table")
        newest = None
        for name in self._files():
            if name.startswith("_delta_log/"):
                raise ValueError(f"{self.uri} is a Delta table: give --table.format delta, or another --table")
            if name.startswith((".", "_")):  # what other programs leave, such as _SUCCESS
                continue
            if re.match("(day|company)=", name) and not name.startswith(self.prefix):
                key = name.partition("=")[0]
                raise ValueError(f"{self.uri} is partitioned by {key}: give --table.partition {key}")
            if not name.startswith(self.prefix):
                raise ValueError(f"{self.uri} is no such table (it has {name}): give another --table")
            newest = name if name.endswith(".parquet") else newest
        if newest is not None:
            found = patiently(pq.read_schema, f"{self.root}/{newest}", filesystem=self.filesystem)
            refuse_other_columns(f"{self.uri} ({newest})", found, self.schema)

    def add(self, night: Night) -> int:
        """Add a night's files that aren't there yet; returns the number of rows in them."""
        there = self._of_night(night)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: self._refuse_other(night, name), there))
        if self.partition == "day":
            missing = [] if there else _of_a_day(night)
        else:
            missing = [each for each in _of_companies(night) if each.name not in there]
        if missing:
            with self._staging() as folder:
                for each in missing:
                    self._write(night, each, folder)
        if self.partition == "day":
            self._keep_one(night)
        return sum(each.rows for each in missing)

    def _of_night(self, night: Night) -> list[str]:
        """The files of a night that are there, by name, so the earliest day first."""
        digest = "" if self.partition == "day" else "-[0-9a-f]{8}"
        own = re.compile(f"[^/]+/{re.escape(night.name)}{digest}\\.parquet")
        return [name for name in self._files() if own.fullmatch(name)]

    def _files(self) -> dict[str, pafs.FileInfo]:
        return files_under(self.filesystem, self.root)

    def _exists(self, path: str) -> bool:
        return self.filesystem.get_file_info(path).type != pafs.FileType.NotFound

    def _refuse_other(self, night: Night, name: str) -> None:
        """Raise `ValueError` where a file of the night's name was made from something else."""
        facts = patiently(pq.read_metadata, f"{self.root}/{name}", filesystem=self.filesystem).metadata or {}
        refuse_taken(self.uri, night, facts.get(MADE_FROM, b"").decode())

    def _write(self, night: Night, file: NightFile, folder: Path) -> None:
        """Write one file, which appears whole or not at all."""
        staged = folder / PurePosixPath(file.name).name
        schema = self.schema.with_metadata({MADE_FROM: night.made_from.encode()})
        written = 0
        with disk.new_file(str(staged)) as sink, pq.ParquetWriter(sink, schema, compression="zstd") as out:
            for table in file.tables():
                out.write_table(table.select(schema.names).cast(schema), row_group_size=ROW_GROUP)
                written += len(table)
        if written != file.rows:
            raise RuntimeError(f"{file.name} has {written} rows, and {file.rows} were to be added")
        self._publish(staged, file.name)

    def _publish(self, staged: Path, name: str) -> None:
        target = f"{self.root}/{name}"
        if not has_rename(self.filesystem):
            with ThreadPoolExecutor(1) as thread:  # where Ctrl-C doesn't reach it
                thread.submit(_upload, self.filesystem, staged, target).result()
            staged.unlink()
            return
        disk.make_folder(target.rpartition("/")[0])
        disk.move(str(staged), target)

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """A folder for files that aren't finished: beside the table, or for a store on this machine's disk."""
        if not has_rename(self.filesystem):
            with tempfile.TemporaryDirectory() as temporary:
                yield Path(temporary)
            return
        folder = Path(beside(self.root, f"staging-{uuid.uuid4().hex[:8]}"))
        disk.make_folder(str(folder))
        try:
            yield folder
        finally:
            with suppress(OSError):
                disk.remove_folder(str(folder))

    def _keep_one(self, night: Night) -> None:
        """Remove a night's later days: two runs at midnight may have taken it for different ones.

        Both look after they have written, so at least one of them sees both files, and both keep the same one.
        """
        for name in self._of_night(night)[1:]:
            with suppress(FileNotFoundError):  # the other run was faster
                remove_file(self.filesystem, f"{self.root}/{name}")


def _upload(filesystem: pafs.FileSystem, staged: Path, target: str) -> None:
    """Upload a file piece by piece. An error between two pieces would leave a truncated object.

    (`pyarrow.fs.copy_files` loses the error of an upload that fails: no file, and no word of it.)
    """
    with staged.open("rb") as source, filesystem.open_output_stream(target) as out:
        while piece := source.read(PIECE):
            out.write(piece)
            out.flush()  # waits for it: otherwise all pieces are held in memory until they are sent


class _OnePart:
    """Reads a night's rows by company, and keeps the last part, since neighboring companies share one."""

    def __init__(self, night: Night) -> None:
        self.night = night
        self.name, self.table = "", TABLE.empty_table()

    def of(self, company: str, parts: list[str]) -> Callable[[], Iterator[pa.Table]]:
        """What gives the rows of a company, which are in `parts`."""

        def tables() -> Iterator[pa.Table]:
            for part in parts:
                if part != self.name:
                    self.name, self.table = part, self.night.part(part)
                yield self.table.filter(pc.equal(self.table["entity"], company))

        return tables


def _of_a_day(night: Night) -> list[NightFile]:
    name = f"day={night.day.isoformat()}/{night.name}.parquet"
    return [NightFile(name, night.rows, night.tables)] if night.rows else []


def _of_companies(night: Night) -> list[NightFile]:
    """A file for each company of a night; raises `ValueError` for a name that no folder can have."""
    parts: dict[str, list[str]] = {}
    rows: Counter[str] = Counter()
    for part in night.parts:
        owners = read_parquet(night.artifact.filesystem, part, ["entity"])["entity"].value_counts()
        for each in owners.to_pylist():
            parts.setdefault(each["values"], []).append(part)
            rows[each["values"]] += each["counts"]
    reader = _OnePart(night)
    return [
        NightFile(_company_file(night, company), rows[company], reader.of(company, parts[company]))
        for company in parts
    ]


def _company_file(night: Night, company: str) -> str:
    """The name of a company's file, `company=KEY/NIGHT-DIGEST.parquet`.

    The digest keeps companies apart whose folders a filesystem takes for one (Acme and ACME on a Mac).
    """
    folder = f"company={folder_key(company)}"
    if len(folder.encode()) > LONGEST_NAME or company == NO_KEY:
        why = "readers take for none" if company == NO_KEY else "is too long for a folder"
        raise ValueError(f"the company {company[:60]!r} has a name that {why}: give --table.partition day")
    digest = hashlib.sha256(company.encode()).hexdigest()[:8]
    return f"{folder}/{night.name}-{digest}.parquet"


def folder_key(text: str) -> str:
    """A text as the key of a folder: ASCII but for letters, digits and `_.~-` is percent-encoded.

    Other letters stay as they are: encoded, forty Cyrillic ones would be too long for a folder's name.
    """

    def escaped(match: re.Match[str]) -> str:
        return match[0] if PLAIN.match(match[0]) else f"%{ord(match[0]):02X}"

    return ESCAPED.sub(escaped, text)
