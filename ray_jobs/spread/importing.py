"""Ledger files, imported into an artifact by tasks that the cluster runs side by side.

Files are imported in groups, one Ray task a group, and written as they are read. In the end all entries are
sorted (`jet.books.sorting`), so that no later job needs to. What fails a rule goes to `rejected/` with file,
line, rule and message; the rest goes on. Ids are unique within an entity over all files: the first one stands,
the others are rejected.

`jet ingest` imports into its output. Jobs that take ledger files in place of what `jet ingest` wrote import
them into a folder beside their own output (`open_or_import`).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq
import ray

from jet.artifacts.artifact import (
    Artifact,
    ArtifactError,
    ArtifactWriter,
    Manifest,
    artifact_writer,
    beside,
    finished,
    open_artifact,
    read_manifest,
    read_parquet,
    refuse_foreign,
)
from jet.artifacts.places import folders_above
from jet.artifacts.storage import absolute, remove, resolve
from jet.books.catalog import Catalog
from jet.books.importers import ImportSettings, UnreadableFile
from jet.books.importers.files import with_content
from jet.books.reading import Reading, import_files, refuse_nothing
from jet.books.reconcile import Imported, Reconciled, reconcile
from jet.books.schema import ACCOUNTS, ENTRIES, REJECTED, uses
from jet.books.sorting import sort_entries
from ray_jobs.runtime import metrics
from ray_jobs.runtime.connection import connect
from ray_jobs.runtime.logs import about
from ray_jobs.runtime.settings import JobConfig

KIND = "entries"
GROUP_BYTES = 32 * 2**20
UNSORTED = "unsorted"
ROW_GROUP = 4096
"""Entries of a row group: what later jobs take at a time."""
PART_ROWS = 64 * ROW_GROUP
"""Entries of a file."""

LOGGED_REJECTIONS = 100
"""Lines about rejected rows that a block logs at most; all rows are in the rejected table."""

log = logging.getLogger("jet.ingest")


def import_ledgers(
    ledgers: Sequence[str], output: str, config: JobConfig, *, may_be_empty: bool = False
) -> Manifest:
    """Import ledger files and publish the artifact. Raises `UnreadableFile` where one can't be read at all, and
    where they have no entry, unless they `may_be_empty` and nothing of them was rejected."""
    refuse_within(ledgers, output)
    reading = Reading.of(ledgers, config.ingest)
    settings, inputs = config.part("ingest"), dict(reading.inputs)
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same import already", output)
        return done
    connect(config.runtime)
    with artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer:
        parts = _import(reading, writer, config)
        reconciled = reconcile(Imported.concat(parts))
        for note in reconciled.notes:
            log.warning(note)
        _write_sorted(reconciled, len(parts), writer)
        imported = reconciled.imported
        count_rejected(imported.rejected)
        accounts = Catalog.from_accounts(imported.accounts).accounts
        writer.write_table("accounts/part-0.parquet", accounts)
        writer.write_table("rejected/part-0.parquet", imported.rejected)
        writer.write_table("files/part-0.parquet", imported.files)
        entries = len(imported.keys) - int(reconciled.duplicate.sum())
        if len(imported.rejected) or not may_be_empty:
            refuse_nothing(entries, len(reading.folders), imported.rejected)
        rows = {"entries": entries, "accounts": len(accounts), **uses(imported.rejected)}
        rules = dict(Counter(imported.rejected["rule"].to_pylist()))
        return writer.publish(rows, {"rules": rules, "files": len(reading.folders)})


def _write_sorted(reconciled: Reconciled, groups: int, writer: ArtifactWriter) -> None:
    """Write what the groups left as the artifact's entries: called as they are from here on, and sorted."""
    names = [writer.file(f"{UNSORTED}/{part_name(number)}") for number in range(groups)]
    entries = pa.concat_tables([read_parquet(writer.filesystem, name) for name in names])
    writer.drop(UNSORTED)
    write_entries(sort_entries(reconciled.settled(entries)), writer)


def write_entries(entries: pa.Table, writer: ArtifactWriter) -> None:
    """Write `entries` (schema `ENTRIES`) as the main table of an artifact, in row groups that jobs read one by
    one."""
    for number, start in enumerate(range(0, len(entries), PART_ROWS)):
        writer.write_table(part_name(number), entries.slice(start, PART_ROWS), ROW_GROUP)


def refuse_within(ledgers: Sequence[str], output: str) -> None:
    """Raise `ValueError` where `output` lies in a folder of ledgers: the next run would read it too."""
    above = [resolve(folder) for folder in folders_above(output)]
    for given in filter(None, ledgers):
        if resolve(given) in above:
            raise ValueError(
                f"--output {output} lies inside of {given}, which is read: the next run would take for ledgers "
                "what this one writes; give an --output outside of it"
            )


def _import(reading: Reading, writer: ArtifactWriter, config: JobConfig) -> list[Imported]:
    """Import all groups, side by side; returns what each gave, in their order."""
    groups = reading.groups(GROUP_BYTES)
    log.info("importing %d files in %d groups", len(reading.files), len(groups))
    shared = ray.put(reading)
    pending = {
        _import_group.remote(shared, group, number, writer, config.ingest, metrics.job_name()): number
        for number, group in enumerate(groups)
    }
    parts: dict[int, Imported] = {}
    with metrics.stage("ingest", len(groups)) as finished_group:
        while pending:
            ready, _ = ray.wait(list(pending), num_returns=1)
            number = pending.pop(ready[0])
            parts[number] = _result(ready[0])
            finished_group(len(parts[number].keys))
            fields = about(stage="ingest", block=part_name(number))
            log.info("imported %d of %d groups", len(parts), len(groups), extra=fields)
    return [parts[number] for number in sorted(parts)]


def part_name(number: int) -> str:
    """The file of a group, or of a part of the sorted entries."""
    return f"part-{number:05}.parquet"


def _result(reference: ray.ObjectRef) -> Imported:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UnreadableFile):
            raise UnreadableFile(str(error.cause)) from None
        raise


@ray.remote
def _import_group(
    reading: Reading,
    files: Sequence[str],
    number: int,
    writer: ArtifactWriter,
    settings: ImportSettings,
    job: str,
) -> Imported:
    """Import some files into one part."""
    name = part_name(number)
    file = writer.file(f"{UNSORTED}/{name}")
    with pq.ParquetWriter(file, ENTRIES, filesystem=writer.filesystem, compression="zstd") as out:
        found = import_files(
            reading, files, settings, lambda entries: out.write_table(entries, row_group_size=ROW_GROUP)
        )
    log.info("%s: %d entries", name, len(found.keys), extra=about(job=job, stage="ingest", block=name))
    _log_rejected(found.rejected, name, job)
    return found


def count_rejected(rejected: pa.Table) -> None:
    """Add rows of the rejected table to the metrics."""
    for metric, value, rule in metrics.values_of(metrics.ROWS_REJECTED, rejected["rule"]):
        metrics.count(metric, value, rule)


def _log_rejected(rejected: pa.Table, block: str, job: str) -> None:
    """Say whose rows are rejected: a line an entity and rule, those with the most rows."""
    counts = rejected.group_by(["entity", "rule"]).aggregate([([], "count_all")])
    for row in counts.sort_by([("count_all", "descending")]).slice(0, LOGGED_REJECTIONS).to_pylist():
        fields = about(job=job, stage="ingest", entity=row["entity"], block=block)
        log.info("%d rows rejected: %s", row["count_all"], row["rule"], extra=fields)


@contextmanager
def open_or_import(
    ledgers: list[str], name: str, output: str, config: JobConfig, *, may_be_empty: bool = False
) -> Iterator[Artifact]:
    """The entries that `ledgers` name. Ledger files are imported first, into a folder beside the output; where
    they `may_be_empty`, so may be what comes out.

    The folder is removed where the block ends well; where it fails, the next start finds it.
    """
    if len(ledgers) == 1 and read_manifest(ledgers[0]) is not None:
        yield open_artifact(ledgers[0], "entries")
        return
    refuse_within(ledgers, output)
    if read_manifest(output) is None:
        refuse_foreign(output)  # before anything is written beside it
    full = with_content(ledgers) if may_be_empty else ledgers
    folder = _imported(full, beside(absolute(output), name), config, may_be_empty)
    yield open_artifact(folder, "entries")
    remove(folder)


def _imported(ledgers: list[str], folder: str, config: JobConfig, may_be_empty: bool) -> str:
    """`folder`, into which ledger files were imported; without any, an artifact of no entries."""
    if not ledgers:
        remove(folder)
        with artifact_writer(folder, KIND, {}, {}) as writer:
            writer.write_table("accounts/part-0.parquet", ACCOUNTS.empty_table())
            writer.write_table("rejected/part-0.parquet", REJECTED.empty_table())
            writer.publish({"entries": 0})
        return folder
    try:
        import_ledgers(ledgers, folder, config, may_be_empty=may_be_empty)
    except ArtifactError:  # left by a run with other files or settings
        remove(folder)
        import_ledgers(ledgers, folder, config, may_be_empty=may_be_empty)
    return folder
