"""The work of `jet ingest` that the cluster does: groups of files become runs of tables, runs become buckets.

A run has at most RUN_ROWS entries, sorted by company, so that whoever wants some companies reads a few row
groups of it. A bucket (`jet.books.buckets`) is brought together from all runs. So neither a large file nor many
files make a worker hold more than a run or a bucket.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jet.artifacts.artifact import ArtifactWriter, read_parquet
from jet.artifacts.layout import BUCKET, DATA
from jet.artifacts.storage import patiently
from jet.books.catalog import Catalog
from jet.books.importers import ImportSettings, Tables, UnreadableFile
from jet.books.importers.stretches import Stretch
from jet.books.reading import batches, batches_of_stretch
from jet.books.reconcile import called_like_their_file, guesses_of, renamed, settle
from jet.books.schema import ACCOUNTS, ENTRIES, uses
from jet.books.sorting import sort_entries
from jet.retrieval.peers import chart_families
from ray_jobs.runtime.logs import about
from ray_jobs.spread.executor import fetch

RUNS, CHARTS = "runs/entries", "runs/accounts"
SAID_CHARTS, SAID_FILES = "runs/said-accounts", "runs/said-files"
"""Folders of the staging directory; the last two for what stretches of a file say, which stands nowhere yet."""
RUN_ROWS = 262_144
RUN_ROW_GROUP = 1024
ROW_GROUP = 4096
"""Entries of a row group of a bucket: what later jobs take at a time."""
LOGGED_REJECTIONS = 100
"""Lines about rejected rows that a group logs at most; all rows are in the rejected table."""

log = logging.getLogger("jet.ingest")


def group_file(number: int) -> str:
    """What a group of files is called in logs."""
    return f"part-{number:05}.parquet"


def run_file(number: int, run: int = 0) -> str:
    """The file of a run of a group."""
    return f"part-{number:05}-{run:05}.parquet"


def bucket_file(number: int) -> str:
    """The file of a bucket, in the folder of its table."""
    return f"{BUCKET}{number:05}/part-0.parquet"


def write_bucket(number: int, entries: pa.Table, accounts: pa.Table, writer: ArtifactWriter) -> None:
    """Write the `entries` (`ENTRIES`, sorted) and `accounts` (`ACCOUNTS`) of a bucket, in row groups that jobs
    read one by one."""
    writer.write_table(f"{DATA}/{bucket_file(number)}", entries, ROW_GROUP)
    writer.write_table(f"accounts/{bucket_file(number)}", accounts)


# --- groups of files ------------------------------------------------------------------------------------


@dataclass
class Rejections:
    """Counts of rejected rows. This and what has it come as JSON from the tasks."""

    rules: Counter[str] = field(default_factory=Counter)
    uses: Counter[str] = field(default_factory=Counter)  # `jet.books.schema.uses`

    def add(self, rejected: pa.Table) -> None:
        """Count some rows (`REJECTED`)."""
        self.rules.update(rejected["rule"].to_pylist())
        self.uses.update(uses(rejected))

    def as_dict(self) -> dict[str, Any]:
        """The counts as JSON types: `Rejections(**counts)` reads them."""
        return {"rules": dict(self.rules), "uses": dict(self.uses)}


@dataclass
class Group:
    """What importing a group of files gave, beside what it wrote."""

    numbers: list[tuple[str, str]] = field(default_factory=list)  # organization number and name of companies
    entries: Counter[str] = field(default_factory=Counter)  # of each company, also of those with a chart alone
    like_files: set[str] = field(default_factory=set)  # `called_like_their_file`
    guesses: dict[str, list[str]] = field(default_factory=dict)  # `guesses_of`
    rejections: Rejections = field(default_factory=Rejections)
    unreadable: str = ""  # why the job fails

    def add(self, tables: Tables) -> None:
        """Count a run."""
        said = zip(*(tables.files[name].to_pylist() for name in ("org_number", "entity")), strict=True)
        self.numbers = list(dict.fromkeys([*self.numbers, *(each for each in said if each[0])]))
        self.entries.update(dict.fromkeys(tables.accounts["entity"].unique().to_pylist(), 0))
        self.entries.update(tables.entries["entity"].to_pylist())
        self.like_files |= called_like_their_file(tables.entries)
        for guess, files in guesses_of(tables.files).items():
            self.guesses.setdefault(guess, []).extend(files)
        self.rejections.add(tables.rejected)

    def as_dict(self) -> dict[str, Any]:
        """The group as JSON types; `from_dict` reads it."""
        return {
            "numbers": self.numbers,
            "entries": dict(self.entries),
            "like_files": sorted(self.like_files),
            "guesses": self.guesses,
            "rejections": self.rejections.as_dict(),
            "unreadable": self.unreadable,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Group:
        """Read what `as_dict` wrote."""
        return cls(
            [(number, name) for number, name in content["numbers"]],
            Counter(content["entries"]),
            set(content["like_files"]),
            content["guesses"],
            Rejections(**content["rejections"]),
            content["unreadable"],
        )


def import_group(
    unit: Mapping[str, Any], reading: list[Any], writer: ArtifactWriter, settings: ImportSettings, job: str
) -> dict[str, Any]:
    """Import the files of a unit, or a stretch of one, and write what they hold in runs. Returns a `Group` as a
    dictionary."""
    number, group = int(unit["number"]), Group()
    charts, files = CHARTS, "files"
    parts = batches(fetch(reading), unit["files"], settings)
    if stretch := unit.get("stretch"):
        charts, files = SAID_CHARTS, SAID_FILES
        parts = batches_of_stretch(unit["files"][0], Stretch(**stretch), settings)
    try:
        for run, tables in enumerate(_runs(parts)):
            name = run_file(number, run)
            group.add(tables)
            entries = tables.entries.sort_by("entity")  # stable: a company's stay in the order of reading
            writer.write_table(f"{RUNS}/{name}", entries, RUN_ROW_GROUP)
            writer.write_table(f"{charts}/{name}", tables.accounts.sort_by("entity"), RUN_ROW_GROUP)
            writer.write_table(f"rejected/{name}", tables.rejected)
            writer.write_table(f"{files}/{name}", tables.files)
            fields = about(job=job, stage="ingest", block=group_file(number))
            log.info("%s: %d entries", name, len(entries), extra=fields)
            log_rejected(tables.rejected, group_file(number), job)
    except UnreadableFile as error:
        group.unreadable = str(error)
    return group.as_dict()


def _runs(parts: Iterator[Tables]) -> Iterator[Tables]:
    """The batches together, until they have RUN_ROWS entries."""
    run: list[Tables] = []
    for tables in parts:
        if run and sum(len(each.entries) for each in run) + len(tables.entries) > RUN_ROWS:
            yield _together(run)
            run = []
        run.append(tables)
    if run:
        yield _together(run)


def _together(run: Sequence[Tables]) -> Tables:
    return Tables(*(pa.concat_tables(tables).combine_chunks() for tables in zip(*run, strict=True)))


def log_rejected(rejected: pa.Table, block: str, job: str) -> None:
    """Say whose rows are rejected: a line an entity and rule, those with the most rows."""
    counts = rejected.group_by(["entity", "rule"]).aggregate([([], "count_all")])
    for row in counts.sort_by([("count_all", "descending")]).slice(0, LOGGED_REJECTIONS).to_pylist():
        fields = about(job=job, stage="ingest", entity=row["entity"], block=block)
        log.info("%d rows rejected: %s", row["count_all"], row["rule"], extra=fields)


# --- buckets --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Runs:
    """The runs of all groups, in the order of reading, and what companies are called from here on."""

    writer: ArtifactWriter
    names: Mapping[str, str]  # `jet.books.reconcile.companies`
    entries: Sequence[str]  # files
    accounts: Sequence[str]

    def of(self, companies: Sequence[str], files: Sequence[str], schema: pa.Schema) -> pa.Table:
        """The rows of some companies, those of each in the order of reading."""
        wanted = set(companies)
        ordered = sorted(wanted | {old for old, new in self.names.items() if new in wanted})
        tables = [patiently(self._rows, name, ordered) for name in files]
        return renamed(pa.concat_tables([schema.empty_table(), *tables]), self.names)

    def _rows(self, name: str, wanted: Sequence[str]) -> pa.Table:
        """The rows of the `wanted` companies, sorted, in a file. Row groups without any aren't read. (A dataset
        over all files reads these, and its memory grows with each scan.)"""
        with pq.ParquetFile(name, filesystem=self.writer.filesystem) as file:
            some = [number for number in range(file.num_row_groups) if _may_have(file, number, wanted)]
            table = file.read_row_groups(some, use_threads=False)
        return table.filter(pc.is_in(table["entity"], value_set=pa.array(wanted, pa.string())))


def _may_have(file: pq.ParquetFile, row_group: int, wanted: Sequence[str]) -> bool:
    """Whether a row group may have rows of one of the `wanted` companies, sorted, by its statistics."""
    column = file.schema_arrow.names.index("entity")
    statistics = file.metadata.row_group(row_group).column(column).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    at = bisect_left(wanted, statistics.min)
    return at < len(wanted) and wanted[at] <= statistics.max


@dataclass
class Bucket:
    """What came of a bucket, beside what was written."""

    entries: int
    accounts: int
    dated: int  # as in `Settled`
    repeated: int
    rejections: Rejections

    def as_dict(self) -> dict[str, Any]:
        """The bucket as JSON types; `from_dict` reads it."""
        return {**vars(self), "rejections": self.rejections.as_dict()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Bucket:
        """Read what `as_dict` wrote."""
        return cls(**{**content, "rejections": Rejections(**content["rejections"])})


def write_settled(unit: Mapping[str, Any], runs: Runs, job: str) -> dict[str, Any]:
    """Write the bucket `number` of a unit, which has the `companies` of it. Returns a `Bucket` as a
    dictionary."""
    number, companies = int(unit["number"]), unit["companies"]
    settled = settle(runs.of(companies, runs.entries, ENTRIES))
    accounts = Catalog.from_accounts(runs.of(companies, runs.accounts, ACCOUNTS)).accounts
    write_bucket(number, sort_entries(settled.entries), accounts, runs.writer)
    if len(settled.duplicates):
        runs.writer.write_table(f"rejected/part-duplicates-{number:05}.parquet", settled.duplicates)
    name, found = bucket_file(number), Rejections()
    found.add(settled.duplicates)
    log_rejected(settled.duplicates, name, job)
    log.info("%s: %d entries", name, len(settled.entries), extra=about(job=job, stage="ingest", block=name))
    return Bucket(len(settled.entries), len(accounts), settled.dated, settled.repeated, found).as_dict()


def families_of(runs: Runs) -> dict[str, int]:
    """The family of each company that has a chart (`jet.retrieval.peers`)."""
    charts = [read_parquet(runs.writer.filesystem, name) for name in runs.accounts]
    catalog = Catalog.from_accounts(renamed(pa.concat_tables(charts), runs.names))
    return dict(zip(catalog.entities, chart_families(catalog).tolist(), strict=True))
