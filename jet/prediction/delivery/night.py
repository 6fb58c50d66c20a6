"""A night: the predictions that one run adds to a table, and what tells them from those of every other run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa

from jet.artifacts.artifact import Artifact, digest_of, read_parquet
from jet.artifacts.tables import validate
from jet.books.schema import PREDICTIONS

TABLE = pa.schema(
    [
        *PREDICTIONS,
        pa.field("day", pa.date32(), nullable=False),  # of the night
        pa.field("night", pa.string(), nullable=False),
    ]
)
"""The rows of a table that predictions are delivered to."""


@dataclass(frozen=True)
class Night:
    """The predictions of an artifact under the name by which a table knows them."""

    artifact: Artifact
    name: str
    made_from: str
    """A fingerprint of entries, reviews, model and settings, 16 hex digits: the same work has the same one."""
    day: date
    """The night's name where that is a date, otherwise the UTC day on which the artifact was published."""

    @classmethod
    def of(cls, artifact: Artifact, name: str | None) -> Night:
        """The night of an artifact; without a name, what it was made from names it."""
        manifest = artifact.manifest
        made_from = digest_of([manifest.kind, manifest.config, manifest.inputs])
        day = datetime.fromisoformat(manifest.created).date()
        with suppress(ValueError):
            day = date.fromisoformat(name or "")
        return cls(artifact, name or made_from, made_from, day)

    @property
    def rows(self) -> int:
        """The number of its predictions."""
        return self.artifact.manifest.rows["predictions"]

    @property
    def parts(self) -> list[str]:
        """The full paths of its files."""
        return self.artifact.files()

    def part(self, name: str) -> pa.Table:
        """The rows (`TABLE`) of one of its files."""
        rows = validate(read_parquet(self.artifact.filesystem, name), PREDICTIONS, name)
        day = pa.array([self.day], pa.date32()).take(pa.array([0] * len(rows), pa.int32()))
        night = pa.array([self.name] * len(rows), pa.string())
        return pa.Table.from_arrays([*rows.columns, day, night], schema=TABLE)

    def tables(self) -> Iterator[pa.Table]:
        """All its rows (`TABLE`), a file at a time."""
        for name in self.parts:
            yield self.part(name)


def refuse_taken(uri: str, night: Night, found: str) -> None:
    """Raise `ValueError` where a table has a night of this name that was made from something else.

    `found` is what that one was made from, or the first digits of it.
    """
    if not found or not night.made_from.startswith(found):
        raise ValueError(
            f"{uri} has a night {night.name!r} already, of other predictions (of {found or '?'}, "
            f"these are of {night.made_from}): nothing was added. Give these another --table.night"
        )


def differences(found: pa.Schema, expected: pa.Schema) -> list[str]:
    """The columns in which two schemas differ, in words; none where only their order differs."""
    told = [f"no {name}" for name in expected.names if name not in found.names]
    told += [f"{name} besides" for name in found.names if name not in expected.names]
    for name in expected.names:
        if name in found.names and found.field(name).type != expected.field(name).type:
            told.append(f"{name} is {found.field(name).type}")
    return told


def refuse_other_columns(uri: str, found: pa.Schema, expected: pa.Schema) -> None:
    """Raise `ValueError` where a table doesn't have the columns that jet writes."""
    if told := differences(found, expected):
        raise ValueError(
            f"{uri} has other columns than this jet writes ({'; '.join(told)[:300]}). A table that others read "
            "is not changed under them: give another --table"
        )
