"""Reading and writing artifacts: directories with a manifest, on any filesystem, either complete or invisible.

A writer works in a staging directory beside the output. Publishing writes `manifest.json` (row counts, files
with sizes and SHA-256, resolved config, fingerprints of the inputs) and then renames the staging directory, an
atomic step. So a killed job leaves nothing that looks finished, and of several jobs that publish to one path
one wins and the others fail. A reader trusts the manifest and nothing else.

Object stores have no rename. There each run writes to its own folder within the output, and publishes with one
put of the manifest, which names the folder and which the store refuses where there is one. Files of different
runs never mix.

Each table lies in a folder of its own with nothing else in it, so that pandas, Polars, Spark and DuckDB read
it by the name of the folder.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs as pafs

from jet.artifacts import disk
from jet.artifacts.digests import file_facts
from jet.artifacts.exclusive import Exclusive
from jet.artifacts.layout import DATA, table_and_bucket
from jet.artifacts.manifest import MANIFEST, ArtifactError, Manifest, read_manifest
from jet.artifacts.places import RUN_FOLDER, WRITERS, refuse_foreign, why_none
from jet.artifacts.storage import (
    files_under,
    has_rename,
    opened,
    patiently,
    read_whole,
    remove,
    remove_file,
    resolve,
)
from jet.artifacts.tables import validate

_PUBLISHED = "{} was published by another job while this one ran: what is there is whole, and stays"
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
        return {name.as_posix(): table_and_bucket(name) for name in names}

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
                found = patiently(file_facts, self.filesystem, f"{self.root}/{name}")
            except FileNotFoundError:
                raise ArtifactError(f"{self.path}: {name} is missing") from None
            if found["sha256"] != expected["sha256"]:
                raise ArtifactError(f"{self.path}: {name} is not the file that was published (digest differs)")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(check, self.manifest.files.items()))


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
        else:
            Exclusive(self.filesystem, f"{self.root}/{MANIFEST}")  # asks the store, before any work

    def _make_staging(self) -> None:
        try:
            disk.make_folder(self.staging)
        except OSError as error:
            raise ArtifactError(
                f"{self.path} can't be made ({error.strerror}): give an output where you may make folders"
            ) from None

    def written(self, folder: str = "") -> list[str]:
        """The names of the files written so far, or of those below `folder`; none that is half-written."""
        names = files_under(self.filesystem, f"{self.staging}/{folder}".rstrip("/"))
        whole = [name for name in names if not _is_unfinished(name)]
        return [f"{folder}/{name}" if folder else name for name in whole]

    def files(self) -> list[str]:
        """The full paths of the main table's parquet files written so far."""
        return [f"{self.staging}/{name}" for name in self.written(DATA) if name.endswith(".parquet")]

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """The file `name` to write piece by piece. Raises `ArtifactError` where another job has published."""
        with self._alone(), opened(self.filesystem, f"{self.staging}/{name}") as stream:
            yield stream

    def write_bytes(self, name: str, content: bytes | memoryview) -> None:
        """Write one small file, completely or not at all."""
        with self.open(name) as stream:
            stream.write(content)

    def write_table(self, name: str, table: pa.Table, row_group: int = 65_536) -> None:
        """Write one parquet file, completely or not at all, in row groups of so many rows."""
        content = pa.BufferOutputStream()
        pq.write_table(table, content, compression="zstd", row_group_size=row_group)
        self.write_bytes(name, content.getvalue())

    def drop(self, folder: str) -> None:
        """Remove what was written below `folder`, which is no part of the artifact."""
        remove(f"{self._place}/{folder}")

    def publish(self, rows: Mapping[str, int], facts: Mapping[str, Any] | None = None) -> Manifest:
        """Write the manifest and make the artifact visible in one step."""
        with self._alone():
            files = self._files_facts()
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
            writer=uuid.uuid4().hex[:16],
        )
        content = json.dumps(manifest.as_dict(), indent=1, ensure_ascii=False).encode()
        if self.local:
            self._publish_local(content)
        elif not Exclusive(self.filesystem, f"{self.root}/{MANIFEST}").create(content):
            raise ArtifactError(_PUBLISHED.format(self.path))
        return manifest

    def _files_facts(self) -> dict[str, dict[str, Any]]:
        """Size and digest of each file; removes those that a killed run left half-written."""
        names = []
        for name in files_under(self.filesystem, self.staging):
            if _is_unfinished(name):
                remove_file(self.filesystem, f"{self.staging}/{name}")
            elif name != MANIFEST:  # of a run that was killed just before it was published
                names.append(name)
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(
                lambda name: patiently(file_facts, self.filesystem, f"{self.staging}/{name}"), names
            )
            return dict(zip(names, found, strict=True))

    def _publish_local(self, content: bytes) -> None:
        self.write_bytes(MANIFEST, content)
        try:
            disk.move(self.staging, self.root)
        except OSError as error:
            self._refuse_published()
            raise ArtifactError(
                f"{self.path} can't be published ({error.strerror}). If it is not empty, it holds files that "
                "are none of jet's: move them away, and start the same command again."
            ) from None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Raise `ArtifactError` where a run of the same work, which has the same staging directory, has renamed
        it, or has taken a file of this one for one that was left half-written."""
        try:
            yield
        except FileNotFoundError as error:
            self._refuse_published()
            raise ArtifactError(
                f"{self.path}: another run of the same work is at it ({error.filename} is gone): start the "
                "same command again when it has ended"
            ) from None

    def _refuse_published(self) -> None:
        """Raise `ArtifactError` where another job has published."""
        if read_manifest(self.path) is not None:
            if self.local:
                self.discard()
            raise ArtifactError(_PUBLISHED.format(self.path)) from None

    def discard(self) -> None:
        """Remove the staged files after a failure; those that can't be removed stay, invisible to readers."""
        with suppress(OSError):
            remove(self._place)

    @property
    def _place(self) -> str:
        """The staging directory, as a path or URI."""
        return self.staging if self.local else f"{self.path.rstrip('/')}/{self.folder}"


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


def _is_unfinished(name: str) -> bool:
    return PurePosixPath(name).name.startswith(".")
