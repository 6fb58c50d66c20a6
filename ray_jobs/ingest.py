"""`jet ingest`: ledger files of any known format into checked parquet.

Files are imported in groups, one Ray task a group, and written as they are read. What fails a rule goes to
`rejected/` with file, line, rule and message; the rest goes on. Ids are unique within an entity over all
files: the first one stands, the others are rejected.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any

import jsonargparse
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import ray
from pyarrow.fs import FileInfo

from jet.artifacts.artifact import ArtifactWriter, Manifest, artifact_writer, finished, read_parquet
from jet.artifacts.manifest import MANIFEST
from jet.artifacts.places import finished_at, folders_above
from jet.artifacts.storage import resolve
from jet.books.catalog import Catalog
from jet.books.importers import ImportSettings, UnreadableFile, expand, import_file, to_tables
from jet.books.importers.files import given_folder
from jet.books.importers.journal import includes_of
from jet.books.reconcile import Imported, Reconciled, reconcile
from jet.books.records import Record, Rejection
from jet.books.schema import ENTRIES, uses
from ray_jobs.runtime import metrics
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect
from ray_jobs.runtime.logs import about
from ray_jobs.runtime.settings import JobConfig

HELP = "Read ledger files of any known format (SIE 4, ledger-cli, CSV/TSV/parquet, JSONL) into checked parquet."
KIND = "entries"
GROUP_BYTES = 32 * 2**20
ROW_GROUP = 4096
"""Entries of a row group: what later jobs take at a time."""

LOGGED_REJECTIONS = 100
"""Lines about rejected rows that a block logs at most; all rows are in the rejected table."""

log = logging.getLogger("jet.ingest")


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument(
        "--ledgers", nargs="+", required=True, help="files, globs or folders, local or on s3:// and gs://"
    )
    parser.add_argument("--output", required=True, help="folder to write; must not exist yet")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Import `args.ledgers` into an artifact at `args.output`."""
    done = import_ledgers(args.ledgers, args.output, config)
    return {"output": args.output, **done.rows, "rules": done.facts["rules"]}


def import_ledgers(ledgers: Sequence[str], output: str, config: JobConfig) -> Manifest:
    """Import ledger files and publish the artifact. Raises `UnreadableFile` where one can't be read at all."""
    refuse_within(ledgers, output)
    files = expand(ledgers)
    refuse_artifacts(files)
    folders = {name: given_folder(name, ledgers) for name in files}
    includes = includes_of(folders, config.ingest.format)
    everything = files | (expand(includes.beyond) if includes.beyond else {})
    inputs = {name: f"{info.size}:{info.mtime_ns}" for name, info in everything.items()}
    done = finished(output, KIND, config.part("ingest"), inputs)
    if done is not None:
        log.info("%s holds the same import already", output)
        return done
    connect(config.runtime)
    if includes.by_others:
        log.info("%d files are included by others, and read with these", len(includes.by_others))
    groups = _groups({name: info for name, info in files.items() if name not in includes.by_others})
    named = {name for name in files if resolve(name) in [resolve(given) for given in ledgers]}
    log.info("importing %d files in %d groups", len(files), len(groups))
    with artifact_writer(output, KIND, config.part("ingest"), inputs, resolved=asdict(config)) as writer:
        reconciled = reconcile(_import(groups, named, folders, writer, config))
        for note in reconciled.notes:
            log.warning(note)
        imported = reconciled.imported
        _rewrite(writer, reconciled)
        count_rejected(imported.rejected)
        accounts = Catalog.from_accounts(imported.accounts).accounts
        writer.write_table("accounts/part-0.parquet", accounts)
        writer.write_table("rejected/part-0.parquet", imported.rejected)
        writer.write_table("files/part-0.parquet", imported.files)
        rows = {
            "entries": len(imported.keys) - int(reconciled.duplicate.sum()),
            "accounts": len(accounts),
            **uses(imported.rejected),
        }
        if not rows["entries"]:
            raise UnreadableFile(_nothing_imported(len(files), imported.rejected))
        rules = dict(Counter(imported.rejected["rule"].to_pylist()))
        return writer.publish(rows, {"rules": rules, "files": len(files)})


def _nothing_imported(files: int, rejected: pa.Table) -> str:
    why = ""
    for first in rejected.slice(0, 1).to_pylist():
        why = f"; the first: {first['file']}:{first['file_line']}: {first['message']}"
    return f"no entry could be imported from {files} files, {len(rejected)} rejected{why}"


def _import(
    groups: list[list[str]],
    named: set[str],
    folders: Mapping[str, str],
    writer: ArtifactWriter,
    config: JobConfig,
) -> Imported:
    """Import all groups, side by side."""
    pending = {
        _import_group.remote(
            {file: folders[file] for file in group}, named, number, writer, config.ingest, metrics.job_name()
        ): number
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
    return Imported.concat([parts[number] for number in sorted(parts)])


def refuse_within(ledgers: Sequence[str], output: str) -> None:
    """Raise `ValueError` where `output` lies in a folder of ledgers: the next run would read it too."""
    above = [resolve(folder) for folder in folders_above(output)]
    for given in filter(None, ledgers):
        if resolve(given) in above:
            raise ValueError(
                f"--output {output} lies inside of {given}, which is read: the next run would take for ledgers "
                "what this one writes; give an --output outside of it"
            )


def refuse_artifacts(files: Iterable[str]) -> None:
    """Raise `ValueError` where ledger files lie in what jet wrote itself."""
    for name in files:
        folder, _, file = name.rpartition("/")
        if file == MANIFEST and (manifest := finished_at(folder)) is not None:
            raise ValueError(
                f"{folder} holds {manifest.kind} that jet wrote, and no ledgers: name ledger files, or folders "
                "with nothing else in them. Entries of `jet ingest` are named alone, to the jobs that read them"
            )


def part_name(number: int) -> str:
    """The file of group `number`."""
    return f"part-{number:05}.parquet"


def count_rejected(rejected: pa.Table) -> None:
    """Add rows of the rejected table to the metrics."""
    for metric, value, rule in metrics.values_of(metrics.ROWS_REJECTED, rejected["rule"]):
        metrics.count(metric, value, rule)


def _groups(files: Mapping[str, FileInfo]) -> list[list[str]]:
    """Files in groups of some size each: neither a task for every tiny file nor one for everything."""
    groups: list[list[str]] = [[]]
    size = 0
    for name, info in files.items():
        groups[-1].append(name)
        size += info.size
        if size >= GROUP_BYTES:
            groups.append([])
            size = 0
    return [group for group in groups if group]


def _result(reference: ray.ObjectRef) -> Imported:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, UnreadableFile):
            raise UnreadableFile(str(error.cause)) from None
        raise


@ray.remote
def _import_group(
    folders: Mapping[str, str],
    named: set[str],
    number: int,
    writer: ArtifactWriter,
    settings: ImportSettings,
    job: str,
) -> Imported:
    """Import some files, each of which may include what is in its folder of `folders`, into one part."""
    name = part_name(number)
    keys, accounts, rejected, read = [], [], [], []
    records = chain.from_iterable(_records(file, folder, named, settings) for file, folder in folders.items())
    with pq.ParquetWriter(writer.file(name), ENTRIES, filesystem=writer.filesystem, compression="zstd") as out:
        for entries, some_accounts, some_rejected, some_files in to_tables(records):
            out.write_table(entries, row_group_size=ROW_GROUP)
            keys.append(entries.select(["entity", "entry_id", "date", "journal", "file", "file_line"]))
            accounts.append(some_accounts)
            rejected.append(some_rejected)
            read.append(some_files)
    found = pa.concat_tables(keys)
    found = found.append_column("part", pa.array([name] * len(found), pa.string()))
    refused = pa.concat_tables(rejected)
    log.info("%s: %d entries", name, len(found), extra=about(job=job, stage="ingest", block=name))
    _log_rejected(refused, name, job)
    return Imported(found, pa.concat_tables(accounts), refused, pa.concat_tables(read))


def _log_rejected(rejected: pa.Table, block: str, job: str) -> None:
    """Say whose rows are rejected: a line an entity and rule, those with the most rows."""
    counts = rejected.group_by(["entity", "rule"]).aggregate([([], "count_all")])
    for row in counts.sort_by([("count_all", "descending")]).slice(0, LOGGED_REJECTIONS).to_pylist():
        fields = about(job=job, stage="ingest", entity=row["entity"], block=block)
        log.info("%d rows rejected: %s", row["count_all"], row["rule"], extra=fields)


def _records(file: str, folder: str, named: set[str], settings: ImportSettings) -> Iterator[Record]:
    """The records of a file. One that can't be read is an error where it was `named`; where it only lies in a
    folder or fits a pattern, it is rejected and the rest goes on."""
    try:
        yield from import_file(file, settings, folder)
    except UnreadableFile as error:
        if file in named:
            raise
        yield Rejection(file, 1, "unreadable_file", str(error), None, None, "", file_lines=0)
    except OSError as error:
        raise OSError(f"{file} can't be read now: {error}") from error


def _rewrite(writer: ArtifactWriter, reconciled: Reconciled) -> None:
    """Write those parts anew of which some entries are called otherwise, or are duplicates."""
    touched = pa.array(reconciled.duplicate | reconciled.changed)
    keys = reconciled.imported.keys
    for name in pc.unique(keys["part"].filter(touched)).to_pylist():
        here = pc.equal(keys["part"], name)
        table = read_parquet(writer.filesystem, writer.file(name))
        for column in ("entity", "entry_id"):
            place = ENTRIES.get_field_index(column)
            table = table.set_column(place, ENTRIES.field(column), keys[column].filter(here))
        kept = pa.array(~reconciled.duplicate).filter(here.combine_chunks())
        writer.write_table(name, table.filter(kept))


if __name__ == "__main__":
    sys.exit(main("ingest", sys.modules[__name__]))
