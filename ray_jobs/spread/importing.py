"""Ledger files, imported into an artifact by tasks that the cluster runs side by side.

Files are imported in groups, large ones in stretches (`ray_jobs.spread.large_files`), then companies are dealt
into buckets, and each bucket's entries are brought together, settled and sorted (`ray_jobs.spread.buckets`).
The driver knows of files, companies and counts alone.
What fails a rule goes to `rejected/` with file, line, rule and message; the rest goes on. Ids are unique within
an entity over all files: the first one stands, the others are rejected.

`jet ingest` imports into its output. Jobs that take ledger files in place of what `jet ingest` wrote import
them into a folder beside their own output (`open_or_import`).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import pyarrow as pa

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
from jet.artifacts.uris import is_database
from jet.books.buckets import deal
from jet.books.checks import Rule
from jet.books.importers import UnreadableFile
from jet.books.importers.files import with_content
from jet.books.reading import Reading, refuse_nothing
from jet.books.reconcile import accidents, companies, notes, renamed
from jet.books.schema import ACCOUNTS, REJECTED, uses
from ray_jobs.runtime import metrics
from ray_jobs.runtime.progress import progress
from ray_jobs.runtime.settings import JobConfig, RuntimeSettings
from ray_jobs.spread.buckets import (
    CHARTS,
    RUNS,
    Bucket,
    Group,
    Runs,
    bucket_file,
    families_of,
    group_file,
    import_group,
    write_settled,
)
from ray_jobs.spread.executor import SMALL_BYTES, begin, decided, once, share
from ray_jobs.spread.large_files import divided_files, unite, units_of
from ray_jobs.spread.parts import over_units

KIND = "entries"
GROUP_BYTES = 32 * 2**20

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
    config = decided(config, is_small=sum(reading.files.values()) <= SMALL_BYTES)
    begin(config.runtime)
    with artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer:
        groups = _import(reading, writer, config)
        names = companies(number for group in groups for number in group.numbers)
        runs = _runs(writer, names)
        buckets = _settle(runs, _companies_by_bucket(groups, runs, config), config.runtime)
        writer.drop("runs")
        _rename(writer, names)
        rules, used = Counter[str](), Counter[str](uses(REJECTED.empty_table()))
        for rejections in (each.rejections for part in (groups, buckets) for each in part):
            rules.update(rejections.rules)
            used.update(rejections.uses)
        like_files = sorted({name for group in groups for name in group.like_files} - names.keys())
        counts = (sum(each.dated for each in buckets), sum(each.repeated for each in buckets))
        said = [number for group in groups for number in group.numbers]
        apart = rules[Rule.NOT_ADJACENT.value]
        for note in (*notes(names, like_files, *counts), *accidents(said, apart)):
            log.warning(note)
        for rule, rows in sorted(rules.items()):
            metrics.count(metrics.ROWS_REJECTED, rows, rule)
        entries = sum(bucket.entries for bucket in buckets)
        if not entries and (rules or not may_be_empty):
            refuse_nothing(entries, len(reading.folders), _rejected(writer))
        accounts = sum(bucket.accounts for bucket in buckets)
        facts: dict[str, Any] = {"rules": dict(rules), "files": len(reading.folders), "buckets": len(buckets)}
        guesses: dict[str, list[str]] = {}
        for group in groups:
            for guess, files in group.guesses.items():
                guesses.setdefault(guess, []).extend(files)
        if guesses:
            facts["guesses"] = guesses
        return writer.publish({"entries": entries, "accounts": accounts, **used}, facts)


def _import(reading: Reading, writer: ArtifactWriter, config: JobConfig) -> list[Group]:
    """Import all groups of files, side by side; returns what each gave, in their order."""
    units = units_of(reading, GROUP_BYTES, config.ingest, config.runtime)
    log.info("importing %d files in %d groups", len(reading.files), len(units))
    shared = [share(reading, config.runtime)]
    how = {"reading": shared, "writer": writer, "settings": config.ingest, "job": metrics.job_name()}
    groups: dict[int, Group] = {}
    with (
        metrics.stage("ingest", len(units)) as finished_group,
        progress("ingest", len(units), "groups of files") as so_far,
    ):
        for number, found in over_units(units, import_group, how, config.runtime):
            group = Group.from_dict(found)
            if group.unreadable:
                raise UnreadableFile(group.unreadable)
            groups[number] = group
            finished_group(group.entries.total())
            so_far.add(1, group_file(number))
    how = {"writer": writer, "job": metrics.job_name()}
    united = dict(over_units(divided_files(units), unite, how, config.runtime))
    return [
        *(groups[number] for number in sorted(groups)),
        *(Group.from_dict(united[number]) for number in sorted(united)),
    ]


def _runs(writer: ArtifactWriter, names: Mapping[str, str]) -> Runs:
    entries, accounts = (
        [f"{writer.staging}/{name}" for name in writer.written(folder)] for folder in (RUNS, CHARTS)
    )
    return Runs(writer, names, entries, accounts)


def _companies_by_bucket(groups: Sequence[Group], runs: Runs, config: JobConfig) -> list[list[str]]:
    """The companies of each bucket. Where all fit in one, nobody looks at their charts."""
    sizes: Counter[str] = Counter()
    for group in groups:
        for name, count in group.entries.items():
            sizes[runs.names.get(name, name)] += count
    alone = {name: -number for number, name in enumerate(sorted(sizes), start=1)}
    together = sizes.total() <= config.runtime.bucket_rows
    family = {} if together else once(families_of, config.runtime, runs)
    return deal(sizes, alone | family, config.runtime.bucket_rows)


def _settle(runs: Runs, dealt: Sequence[list[str]], runtime: RuntimeSettings) -> list[Bucket]:
    """Write all buckets, side by side."""
    units = [{"number": number, "companies": names} for number, names in enumerate(dealt) if names]
    done: list[Bucket] = []
    with progress("ingest", len(units), "buckets") as so_far:
        how = {"runs": runs, "job": metrics.job_name()}
        for number, found in over_units(units, write_settled, how, runtime):
            done.append(Bucket.from_dict(found))
            so_far.add(1, bucket_file(number))
    return done


def _rename(writer: ArtifactWriter, names: Mapping[str, str]) -> None:
    """Call companies as their entries are called, in the tables of files and of rejected rows."""
    for name in [*writer.written("files"), *writer.written("rejected")] if names else ():
        table = read_parquet(writer.filesystem, f"{writer.staging}/{name}")
        writer.write_table(name, renamed(table, names))


def _rejected(writer: ArtifactWriter) -> pa.Table:
    names = writer.written("rejected")
    parts = [read_parquet(writer.filesystem, f"{writer.staging}/{name}") for name in names]
    return pa.concat_tables([REJECTED.empty_table(), *parts])


def refuse_within(ledgers: Sequence[str], output: str) -> None:
    """Raise `ValueError` where `output` lies in a folder of ledgers: the next run would read it too."""
    above = [resolve(folder) for folder in folders_above(output)]
    for given in filter(None, ledgers):
        if not is_database(given) and resolve(given) in above:
            raise ValueError(
                f"--output {output} lies inside of {given}, which is read: the next run would take for ledgers "
                "what this one writes; give an --output outside of it"
            )


@contextmanager
def open_or_import(
    ledgers: list[str], name: str, output: str, config: JobConfig, *, may_be_empty: bool = False
) -> Iterator[Artifact]:
    """The entries that `ledgers` name. Ledger files are imported first, into a folder beside the output; where
    they `may_be_empty`, so may be what comes out.

    The folder is removed where the block ends well; where it fails, the next start finds it.
    """
    if len(ledgers) == 1 and not is_database(ledgers[0]) and read_manifest(ledgers[0]) is not None:
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
