"""Finding and opening ledger files, in folders and on object stores."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from fsspec.utils import glob_translate
from pyarrow import fs as pafs

from jet.artifacts.storage import files_under, resolve
from jet.artifacts.uris import is_database, is_uri
from jet.books.importers.common import UnreadableFile, has_suffix

_DATABASES = (".db", ".db3", ".duckdb", ".gnucash", ".sqlite", ".sqlite3")


def expand(paths: Sequence[str]) -> dict[str, pafs.FileInfo]:
    """The distinct files of `paths`, sorted, with size and time; a path or URI is a file, a pattern or a
    folder.

    Hidden files and folders within folders and patterns are left out. Raises UnreadableFile for a path that
    matches nothing.
    """
    found: dict[str, tuple[str, pafs.FileInfo]] = {}
    for path in paths:
        files = list(_on_store(path) if is_uri(path) else _local(path))
        if not files:
            raise UnreadableFile(f"{path}: {_why_none(path)}")
        for name, info in files:
            found.setdefault(name if is_uri(name) else os.path.realpath(name), (name, info))
    return dict(sorted(found.values(), key=lambda file: file[0]))


def logs_beside(files: Iterable[str]) -> dict[str, pafs.FileInfo]:
    """What lies beside local databases of SQLite and DuckDB: logs, which hold what was written last, and change
    while the databases don't; and memory that SQLite shares."""
    databases = [name for name in files if not is_uri(name) and has_suffix(name, *_DATABASES)]
    names = [f"{name}{end}" for name in databases for end in ("-wal", ".wal", "-shm")]
    found = {name: pafs.LocalFileSystem().get_file_info(str(Path(name).absolute())) for name in names}
    return {name: info for name, info in found.items() if info.type == pafs.FileType.File}


def with_content(paths: Sequence[str]) -> list[str]:
    """`paths` without folders that have no file, and without JSONL files that have not one byte.

    That is how whoever writes new entries says that there are none: a query's output of no rows, or a folder
    that was emptied. A table without rows has its header, so an empty one is broken, and stays; and so does a
    pattern, which may be wrong.
    """
    kept = []
    for path in paths:
        if is_database(path):
            kept.append(path)
            continue
        filesystem, root = resolve(path)
        info = filesystem.get_file_info(root)
        is_folder = info.type == pafs.FileType.Directory and not glob.has_magic(path)
        if is_folder and not list(_on_store(path) if is_uri(path) else _local(path)):
            continue
        if info.type == pafs.FileType.File and not info.size and has_suffix(path, ".jsonl", ".ndjson"):
            continue
        kept.append(path)
    return kept


def given_folder(file: str, paths: Sequence[str]) -> str:
    """The folder among `paths`, or the fixed part of a pattern, that `file` was found in; otherwise its own."""
    for path in paths:
        parts = path.rstrip("/").split("/")
        if not Path(path).exists():
            parts = list(takewhile(lambda part: not glob.has_magic(part), parts))
        folder = "/".join(parts) or ("/" if path.startswith("/") else ".")
        if file != path and (folder == "." or file.startswith(folder.rstrip("/") + "/")):
            return folder
    return parent(file)


def _why_none(path: str) -> str:
    """The reason why a path matches no files, with the way out."""
    if not path:
        return "an empty path; name a file or a folder"
    if not is_uri(path) and Path(path).is_dir():
        return "no file is in this folder (hidden ones don't count); check the path"
    return "no such file; check the path, or the pattern"


def parent(path: str) -> str:
    """The folder of a file, as a path or URI."""
    return path.rpartition("/")[0] if is_uri(path) else str(Path(path).parent)


def open_file(path: str) -> BinaryIO:
    """A binary stream of a ledger file.

    Raises UnreadableFile where there is no such file, and `OSError` where the store fails.
    """
    filesystem, name = resolve(path)
    try:
        if not is_uri(path) and not Path(path).is_file() and Path(path).exists() and not Path(path).is_dir():
            raise UnreadableFile(f"{path}: not a regular file, but a pipe or device; write it to a file first")
        return filesystem.open_input_file(name)
    except FileNotFoundError:
        raise UnreadableFile(f"{path}: no such file; check the path") from None
    except OSError as error:
        if is_uri(path):
            raise
        if Path(path).is_dir():
            raise UnreadableFile(f"{path}: a folder; name the files in it") from None
        raise UnreadableFile(f"{path}: can't be opened ({error.strerror or error}); check it") from None


def _on_store(path: str) -> Iterator[tuple[str, pafs.FileInfo]]:
    """The files of a URI: one, those in a folder, or those that match a pattern or lie in a match."""
    filesystem, root = resolve(path)
    info = filesystem.get_file_info(root)
    if info.type == pafs.FileType.File:
        yield path, info
        return
    scheme, _, rest = path.partition("://")
    start = f"{scheme}://{'anonymous@' * rest.startswith('anonymous@')}"
    is_pattern = info.type == pafs.FileType.NotFound and glob.has_magic(root)
    parts = list(takewhile(lambda part: not (is_pattern and glob.has_magic(part)), root.split("/")))
    fits = re.compile(glob_translate(root) if is_pattern else re.escape(root)).fullmatch
    for name, file in files_under(filesystem, "/".join(parts)).items():
        is_hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)
        if not is_hidden and (fits(file.path) or any(fits(str(at)) for at in PurePosixPath(file.path).parents)):
            yield start + file.path, file


def _local(path: str) -> Iterator[tuple[str, pafs.FileInfo]]:
    """The files of a local path."""
    matches = [path] if Path(path).exists() else glob.glob(path, recursive=True)  # noqa: PTH207 (absolute patterns)
    for match in matches:
        for name in _in_folder(match) if Path(match).is_dir() else [match]:
            filesystem, file = resolve(name)
            yield name, filesystem.get_file_info(file)


def _in_folder(path: str) -> Iterator[str]:
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (str(Path(folder) / name) for name in names if not name.startswith("."))
