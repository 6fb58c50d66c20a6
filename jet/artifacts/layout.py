"""Where the files of an artifact's tables lie: in a folder for each table, and in one of it for each bucket."""

from __future__ import annotations

from pathlib import PurePosixPath

DATA = "data"
"""The folder of an artifact's main table: entries, neighbors or predictions."""

BUCKET = "bucket="
"""How the names of folders begin that hold a bucket of a table (`jet.books.buckets`)."""


def table_and_bucket(name: PurePosixPath) -> tuple[str, str]:
    """The folder of the table that a file is of, and the bucket's; "" for none."""
    folder, bucket = name.parent, ""
    if folder.name.startswith(BUCKET):
        folder, bucket = folder.parent, folder.name
    return "" if folder == PurePosixPath() else folder.as_posix(), bucket


def in_bucket(bucket: str, name: str, table: str = DATA) -> str:
    """The file `name` of a table's bucket (see `Artifact.buckets`)."""
    return f"{table}/{bucket}/{name}" if bucket else f"{table}/{name}"
