"""A table of Delta Lake, by delta-rs (`deltalake`).

A night is one commit: readers see all of it or nothing. The commit carries an application transaction,
`jet-NIGHT`, whose version is the fingerprint of what the night was made from. A run that finds it in the log
adds nothing; of two runs that commit the same night, the log takes one, since delta-rs refuses a commit on a
log that has got the same application transaction meanwhile. Both hold for a log that was compacted, and where
the store's answer to a commit was lost. What a killed run has written is in no commit: nobody reads it, and a
vacuum removes it.

Delta and not Iceberg, November 2026: deltalake 1.6 is 140 MB with two small dependencies, and needs a folder
and no more. pyiceberg 0.12 has twelve dependencies and SQLAlchemy for a catalog, which every Iceberg table
needs and every reader must reach; it doesn't stream rows into a partitioned table; and it has no application
transactions: it repeats a commit that lost, so of two runs of a night both add it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

from jet.artifacts.storage import absolute, listed, resolve
from jet.artifacts.uris import is_uri
from jet.extras import needed_for
from jet.prediction.delivery.night import TABLE, Night, refuse_other_columns, refuse_taken

if TYPE_CHECKING:
    from deltalake import DeltaTable

COLUMN_OF = {"day": "day", "company": "entity"}
"""The column that a table is partitioned by."""
ATTEMPTS = 20
"""How often a commit is tried that others' commits are in the way of."""
COLORS = re.compile("\x1b\\[[0-9;]*m")


class DeltaFolder:
    """The table at a path or URI. Raises `OSError` where it can't be read or written, `MissingExtra` without
    deltalake."""

    def __init__(self, uri: str, partition: Literal["day", "company"]) -> None:
        with needed_for("table.format delta"):
            import deltalake  # noqa: F401 (asked for before anything is predicted)
        self.uri, self.column = uri, COLUMN_OF[partition]
        self.place = absolute(uri).rstrip("/").replace("://anonymous@", "://")
        self.options = storage_options(uri)

    def refuse(self) -> None:
        """Raise `ValueError` where something else than such a table is there."""
        from deltalake import Schema

        table = self._open()
        if table is None:
            return
        found, expected = (pa.schema(each.to_arrow()) for each in (table.schema(), Schema.from_arrow(TABLE)))
        refuse_other_columns(self.uri, found, expected)
        columns = table.metadata().partition_columns
        if columns != [self.column]:
            raise ValueError(
                f"{self.uri} is partitioned by {', '.join(columns) or 'nothing'}, and --table.partition asks "
                f"for {self.column}: give the table's, or another --table"
            )

    def add(self, night: Night) -> int:
        """Commit a night, unless the log has it; returns the number of rows that were added."""
        from deltalake.exceptions import CommitFailedError

        for _ in range(ATTEMPTS):
            try:
                return self._added(night)
            except CommitFailedError as error:  # others' commit came first, perhaps of the same night
                why = error
        raise OSError(f"{self.uri}: {ATTEMPTS} commits failed, the last since {why}")

    def _added(self, night: Night) -> int:
        table = self._open() or self._created()
        if not night.rows or self._has(table, night):
            return 0
        try:
            self._commit(table, night)
        except OSError:  # perhaps the commit was made, and only the answer to it was lost
            now = self._open()
            if now is None or not self._has(now, night):
                raise
        return night.rows

    def _has(self, table: DeltaTable, night: Night) -> bool:
        """Whether the log has a night; raises `ValueError` where it has another one of this name."""
        with self._failing():
            found = table.transaction_version(_application(night))
        if found is not None:
            refuse_taken(self.uri, night, f"{found:015x}")
        return found is not None

    def _commit(self, table: DeltaTable, night: Night) -> None:
        from deltalake import CommitProperties, Transaction, write_deltalake

        properties = CommitProperties(
            custom_metadata={"jet.night": night.name, "jet.made_from": night.made_from},
            app_transactions=[Transaction(_application(night), _version(night))],
        )
        rows = pa.RecordBatchReader.from_batches(TABLE, _batches(night))
        with self._failing():
            write_deltalake(table, rows, mode="append", commit_properties=properties)

    def _open(self) -> DeltaTable | None:
        """The table as it is now; None where there is none yet."""
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            with self._failing():
                return DeltaTable(self.place, storage_options=self.options)
        except TableNotFoundError:
            self._refuse_foreign()
            return None

    def _refuse_foreign(self) -> None:
        """Raise `ValueError` where the place of a new table isn't empty."""
        filesystem, root = resolve(self.uri)
        infos = listed(filesystem, root)
        # `_delta_log` alone is what a run leaves that was killed before its first commit.
        if names := sorted(info.base_name for info in infos if info.base_name != "_delta_log"):
            raise ValueError(
                f"{self.uri} is no Delta table, and not empty (it has {names[0]}): give another --table"
            )

    def _created(self) -> DeltaTable:
        from deltalake import DeltaTable, Schema

        if not is_uri(self.place):
            Path(self.place).mkdir(parents=True, exist_ok=True)
        with self._failing():
            return DeltaTable.create(
                self.place,
                Schema.from_arrow(TABLE),
                mode="ignore",
                partition_by=[self.column],
                storage_options=self.options,
            )

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Tell in one line what a disk or a store fails at. What a caller answers to passes: a commit that
        others' are in the way of, and that there is no table."""
        from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

        try:
            yield
        except (CommitFailedError, TableNotFoundError):
            raise
        except (DeltaError, OSError) as error:
            raise OSError(f"{self.uri}: {' '.join(COLORS.sub('', str(error)).split())[:500]}") from error


def storage_options(uri: str) -> dict[str, str]:
    """What delta-rs must be told of a store beside what it reads in the environment, so that a table lies
    where `resolve` finds it."""
    if not uri.startswith("s3://"):
        return {}
    filesystem, _ = resolve(uri)
    options = {"aws_region": filesystem.region}
    if filesystem.endpoint:
        options["aws_endpoint_url"] = filesystem.endpoint
        options["allow_http"] = str(filesystem.endpoint.startswith("http://")).lower()
    if uri.startswith("s3://anonymous@"):
        options["skip_signature"] = "true"
    return options


def _batches(night: Night) -> Iterator[pa.RecordBatch]:
    """The rows of a night. What is raised here ends the write without a commit."""
    written = 0
    for rows in night.tables():
        written += len(rows)
        yield from rows.to_batches()
    if written != night.rows:
        raise RuntimeError(f"night {night.name} has {written} rows, and {night.rows} were to be added")


def _application(night: Night) -> str:
    return f"jet-{night.name}"


def _version(night: Night) -> int:
    """What a night was made from, as the version of its transaction: Delta keeps 63 bits, these are 60."""
    return int(night.made_from[:15], 16)
