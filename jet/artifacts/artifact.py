"""Reading and writing artifacts: directories with a manifest, on any filesystem, either complete or invisible.

A writer works in a staging directory beside the output. Publishing writes `manifest.json` (row counts, files
with sizes and SHA-256, resolved config, fingerprints of the inputs) and then renames the staging directory, an
atomic step. So a killed job leaves nothing that looks finished, and of two jobs that publish to one path the
second fails. A reader trusts the manifest and nothing else.

Object stores have no rename. There each run writes to its own folder within the output, and publishes with one
put of the manifest, which names the folder. Files of different runs never mix. Two jobs that publish at the
same moment aren't detected: the later manifest wins.

Each table lies in a folder of its own with nothing else in it, so that pandas, Polars, Spark and DuckDB read
it by the name of the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs as pafs

from jet.artifacts.manifest import MANIFEST, ArtifactError, Manifest, read_manifest
from jet.artifacts.places import RUN_FOLDER, WRITERS, refuse_foreign, why_none
from jet.artifacts.storage import files_under, has_rename, patiently, read_whole, resolve, write_whole
from jet.artifacts.tables import validate

DATA = "data"
"""The folder of an artifact's main table: entries, neighbors or predictions."""

BUCKET = "bucket="
"""How the names of folders begin that hold a bucket of a table (`jet.books.buckets`)."""


_TABLES = ("entries", "neighbors", "predictions")  # the kinds with a main table


def beside(output: str, what: str) -> str:
    """The hidden path beside `output` where a run keeps `what` until the output is published."""
    parent, _, name = output.rstrip("/").rpartition("/")
    return f"{parent}/.{name}.{what}"


def digest_of(value: Any) -> str:
    """A fingerprint of a JSON value, 16 hex digits; the same on every machine."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Artifact:
    """A published artifact, open for reading."""

    path: str
    filesystem: pafs.FileSystem
    root: str  # the folder of its files on `filesystem`
    manifest: Manifest

    def files(self, table: str = DATA, buckets: Collection[str] | None = None) -> list[str]:
        """The full paths (on `filesystem`) of a table's parquet files, those of some `buckets` or all.

        They lie in the table's folder, or in folders `bucket=...` in it.
        """
        names = [
            name
            for name, (of, bucket) in self._tables().items()
            if of == table and (buckets is None or bucket in buckets)
        ]
        return [f"{self.root}/{name}" for name in sorted(names)]

    def buckets(self, table: str = DATA) -> list[str]:
        """The names of a table's buckets, sorted: folders `bucket=...`; "" for files that lie in none."""
        return sorted({bucket for of, bucket in self._tables().values() if of == table})

    def _tables(self) -> dict[str, tuple[str, str]]:
        """The table and the bucket of each parquet file."""
        names = (PurePosixPath(name) for name in self.manifest.files if name.endswith(".parquet"))
        return {name.as_posix(): _table_and_bucket(name) for name in names}

    def read_table(
        self, schema: pa.Schema, table: str = DATA, buckets: Collection[str] | None = None
    ) -> pa.Table:
        """A table, or some `buckets` of it, which must fit in memory, validated against `schema`."""
        names = self.files(table, buckets)
        parts = [read_parquet(self.filesystem, name) for name in names]
        whole = pa.concat_tables(parts) if parts else schema.empty_table()
        return validate(whole, schema, f"{self.path}/{table}")

    def read_bytes(self, name: str) -> bytes:
        """The content of a file; raises `ArtifactError` where the manifest doesn't name it."""
        if name not in self.manifest.files:
            raise ArtifactError(f"{self.path}: the manifest names no file {name!r}")
        return read_whole(self.filesystem, f"{self.root}/{name}")

    def verify(self) -> None:
        """Raise `ArtifactError` where a file is missing, differs from its digest, or isn't in the manifest.

        Hidden files are ignored: file managers leave them, and no reader opens them.
        """
        for name in files_under(self.filesystem, self.root):
            hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)
            if name not in self.manifest.files and name != MANIFEST and not hidden:
                raise ArtifactError(
                    f"{self.path}: {name} is not of this artifact (the manifest doesn't name it): a finished "
                    "artifact is never changed, so move that file away"
                )

        def check(item: tuple[str, dict[str, Any]]) -> None:
            name, expected = item
            try:
                found = patiently(_file_facts, self.filesystem, f"{self.root}/{name}")
            except FileNotFoundError:
                raise ArtifactError(f"{self.path}: {name} is missing") from None
            if found["sha256"] != expected["sha256"]:
                raise ArtifactError(f"{self.path}: {name} is not the file that was published (digest differs)")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(check, self.manifest.files.items()))


def _table_and_bucket(name: PurePosixPath) -> tuple[str, str]:
    """The folder of the table that a file is of, and the bucket's; "" for none."""
    folder, bucket = name.parent, ""
    if folder.name.startswith(BUCKET):
        folder, bucket = folder.parent, folder.name
    return "" if folder == PurePosixPath() else folder.as_posix(), bucket


def in_bucket(bucket: str, name: str, table: str = DATA) -> str:
    """The file `name` of a table's bucket (see `Artifact.buckets`)."""
    return f"{table}/{bucket}/{name}" if bucket else f"{table}/{name}"


def read_parquet(filesystem: pafs.FileSystem, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """A parquet file, or some of its `columns`; raises `ArtifactError` or `OSError` where it can't be read."""
    try:
        names = None if columns is None else list(columns)
        return patiently(pq.read_table, name, columns=names, filesystem=filesystem)
    except FileNotFoundError:
        raise
    except OSError as error:  # a failing store, or a corrupt page
        raise OSError(f"{name} can't be read: {' '.join(str(error).split())[:200]}") from error
    except (pa.ArrowException, ValueError) as error:
        raise ArtifactError(f"{name} can't be read: {' '.join(str(error).split())[:200]}") from error


def open_artifact(path: str, kind: str, verified: bool = False) -> Artifact:
    """Open a published artifact of `kind`, with the digests of all files checked, unless they are `verified`:
    a job checks them once, and its workers take its word.

    Raises `ArtifactError`, with the way out, where there is none or a file was changed since.
    """
    artifact = _artifact(path, refuse_other(path, kind))
    if kind in _TABLES and "" in {table for table, _ in artifact._tables().values()}:
        raise ArtifactError(
            f"{path} was written by an earlier jet, which put tables beside the manifest instead of in "
            f"{DATA}/: write it again with {WRITERS[kind]}"
        )
    if not verified:
        artifact.verify()
    return artifact


def refuse_other(path: str, kind: str) -> Manifest:
    """The manifest at `path`. Raises `ArtifactError`, with the way out, where no `kind` is finished there."""
    manifest = read_manifest(path)
    if manifest is None:
        raise ArtifactError(why_none(path, kind))
    if manifest.kind != kind:
        by = f": what {WRITERS[kind]} writes" if kind in WRITERS else ""
        raise ArtifactError(f"{path} holds {manifest.kind}, and {kind} is wanted{by}")
    return manifest


def _artifact(path: str, manifest: Manifest) -> Artifact:
    filesystem, root = resolve(content_of(path, manifest))
    return Artifact(path, filesystem, root, manifest)


def content_of(path: str, manifest: Manifest | None) -> str:
    """The folder of the files that `manifest` names, for the artifact at `path`; without a manifest, `path`."""
    return f"{path.rstrip('/')}/{manifest.folder}" if manifest is not None and manifest.folder else path


class ArtifactWriter:
    """Writes one artifact; made by `artifact_writer`, which cleans up after a failure."""

    def __init__(
        self,
        path: str,
        kind: str,
        config: Mapping[str, Any],
        inputs: Mapping[str, str],
        run: str,
        resolved: Mapping[str, Any] | None = None,
    ) -> None:
        self.path, self.kind = path, kind
        self.config, self.inputs, self.resolved = dict(config), dict(inputs), dict(resolved or {})
        self.filesystem, self.root = resolve(path)
        self.local = has_rename(self.filesystem)
        self.folder = "" if self.local else f"{RUN_FOLDER}{run}"
        self.staging = beside(self.root, f"staging-{run}") if self.local else f"{self.root}/{self.folder}"
        if self.local:
            self._make_staging()

    def _make_staging(self) -> None:
        try:
            Path(self.staging).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ArtifactError(
                f"{self.path} can't be made ({error.strerror}): give an output where you may make folders"
            ) from None

    def file(self, name: str) -> str:
        """The full path (on `filesystem`) to write the file `name` at, its folder made."""
        target = f"{self.staging}/{name}"
        if self.local:  # object stores have no folders
            self.filesystem.create_dir(target.rpartition("/")[0], recursive=True)
        return target

    def files(self) -> list[str]:
        """The full paths of the main table's parquet files written so far."""
        folder = f"{self.staging}/{DATA}"
        return [
            f"{folder}/{name}" for name in files_under(self.filesystem, folder) if name.endswith(".parquet")
        ]

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write one small file, completely or not at all."""
        write_whole(self.filesystem, self.file(name), content)

    def write_table(self, name: str, table: pa.Table, row_group: int = 65_536) -> None:
        """Write one parquet file, completely or not at all, in row groups of so many rows."""
        content = pa.BufferOutputStream()
        pq.write_table(table, content, compression="zstd", row_group_size=row_group)
        write_whole(self.filesystem, self.file(name), content.getvalue())

    def drop(self, folder: str) -> None:
        """Remove what was written below `folder`, which is no part of the artifact."""
        if self.local:
            shutil.rmtree(f"{self.staging}/{folder}")
            return
        for name in files_under(self.filesystem, f"{self.staging}/{folder}"):
            self.filesystem.delete_file(f"{self.staging}/{folder}/{name}")

    def publish(self, rows: Mapping[str, int], facts: Mapping[str, Any] | None = None) -> Manifest:
        """Write the manifest and make the artifact visible in one step."""
        names = []
        for name in files_under(self.filesystem, self.staging):
            if PurePosixPath(name).name.startswith("."):  # left half-written by a killed run
                self.filesystem.delete_file(f"{self.staging}/{name}")
            else:
                names.append(name)
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(
                lambda name: patiently(_file_facts, self.filesystem, f"{self.staging}/{name}"), names
            )
            files = dict(zip(names, found, strict=True))
        manifest = Manifest(
            kind=self.kind,
            fingerprint=digest_of([self.kind, {name: facts["sha256"] for name, facts in files.items()}]),
            rows=dict(rows),
            files=files,
            config=self.config,
            inputs=self.inputs,
            resolved=self.resolved,
            facts=dict(facts or {}),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            folder=self.folder,
        )
        content = json.dumps(manifest.as_dict(), indent=1, ensure_ascii=False).encode()
        if self.local:
            self._publish_local(content)
        else:
            if read_manifest(self.path) is not None:
                raise ArtifactError(f"{self.path} was published by another job while this one ran")
            write_whole(self.filesystem, f"{self.root}/{MANIFEST}", content)
        return manifest

    def _publish_local(self, content: bytes) -> None:
        staged = Path(self.staging) / MANIFEST
        with staged.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            Path(self.staging).rename(self.root)  # replaces an empty directory; fails on any other
        except OSError as error:
            raise ArtifactError(
                f"{self.path} can't be published: it is not empty. Another job may have published there "
                f"meanwhile, or it holds files that are none of jet's ({error.strerror})."
            ) from None

    def discard(self) -> None:
        """Remove the staged files after a failure; those that can't be removed stay, invisible to readers."""
        if self.local:
            shutil.rmtree(self.staging, ignore_errors=True)
            return
        with suppress(OSError):
            for name in files_under(self.filesystem, self.staging):
                self.filesystem.delete_file(f"{self.staging}/{name}")


@contextmanager
def artifact_writer(
    path: str,
    kind: str,
    config: Mapping[str, Any],
    inputs: Mapping[str, str],
    run: str | None = None,
    resolved: Mapping[str, Any] | None = None,
) -> Iterator[ArtifactWriter]:
    """A writer for `path`, whose staging directory is removed when the block fails.

    `config` and `inputs` determine the content, `resolved` has all settings of the job. With `run`, a name that
    is the same for the same work only, the staging directory stays, and the next start resumes from it. Raises
    `ArtifactError` where `path` isn't free.
    """
    refuse_foreign(path)
    writer = ArtifactWriter(path, kind, config, inputs, run or uuid.uuid4().hex[:8], resolved)
    try:
        yield writer
    except BaseException:
        if run is None:
            writer.discard()
        raise


def finished(path: str, kind: str, config: Mapping[str, Any], inputs: Mapping[str, str]) -> Manifest | None:
    """The manifest at `path` where the same work was finished before; None where `path` is free.

    Raises `ArtifactError` where `path` holds anything else, or files that were changed. Jobs call it before any
    work, so that work which couldn't be published isn't started.
    """
    manifest = read_manifest(path)
    if manifest is None:
        refuse_foreign(path)
        return None
    expected = json.loads(json.dumps([dict(config), dict(inputs)], default=str))
    if manifest.kind == kind and [manifest.config, manifest.inputs] == expected:
        _artifact(path, manifest).verify()
        return manifest
    if manifest.kind != kind:
        why = f"it holds {manifest.kind}"
    elif manifest.inputs != expected[1]:
        why = "it was made from other inputs"
    else:
        why = f"it was made with another config ({', '.join(_differences(manifest.config, expected[0]))})"
    raise ArtifactError(
        f"{path} is already taken: {why}. A finished artifact is never changed: give another output, or "
        "remove that folder."
    )


def _differences(old: Any, new: Any, prefix: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        differences = []
        for key in sorted(old.keys() | new.keys()):
            differences += _differences(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else key)
        return differences
    return [] if old == new else [f"{prefix}: {old!r} there, {new!r} here"]


def _file_facts(filesystem: pafs.FileSystem, path: str) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with filesystem.open_input_stream(path) as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    return {"size": size, "sha256": digest.hexdigest()}
