"""Large files, which are read in stretches side by side and put together again.

Where stretches begin is found by a look through the file (`divide`), which is quick beside reading it.
Entries and rejected rows of a stretch stand where those of a file stand. What a stretch says of accounts, and
its counts of lines, is put together for the file when all of its stretches are read (`unite`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import count
from typing import Any

import pyarrow as pa

from jet.artifacts.artifact import ArtifactWriter, read_parquet
from jet.artifacts.uris import is_database
from jet.books.importers import ImportSettings, UnreadableFile, accounts_of_stretches, stretches_of
from jet.books.reading import Reading
from jet.books.schema import FILES
from ray_jobs.runtime.settings import RuntimeSettings
from ray_jobs.spread.buckets import (
    CHARTS,
    RUN_ROW_GROUP,
    SAID_CHARTS,
    SAID_FILES,
    Group,
    group_file,
    log_rejected,
    run_file,
)
from ray_jobs.spread.parts import over_units


def units_of(
    reading: Reading, group_bytes: int, settings: ImportSettings, runtime: RuntimeSettings
) -> list[dict[str, Any]]:
    """The units that `import_group` takes: groups of files, and stretches of files of twice `group_bytes` or
    more, in the order of reading."""
    groups = reading.groups(group_bytes)
    large = [
        {"number": number, "file": group[0]}
        for number, group in enumerate(groups)
        if not is_database(group[0]) and reading.files[group[0]] >= 2 * group_bytes
    ]
    how = {"size": group_bytes, "settings": settings}
    divided = {number: found["stretches"] for number, found in over_units(large, divide, how, runtime)}
    numbers = count()
    return [
        {"number": next(numbers), "files": group, **({"stretch": stretch} if stretch else {})}
        for at, group in enumerate(groups)
        for stretch in divided.get(at) or [None]
    ]


def divide(unit: Mapping[str, Any], size: int, settings: ImportSettings) -> dict[str, Any]:
    """The stretches of a file, if there are several."""
    try:
        found = stretches_of(unit["file"], settings, size)
    except UnreadableFile:  # whoever reads it says why
        found = []
    return {"stretches": [asdict(stretch) for stretch in found] if len(found) > 1 else []}


def divided_files(units: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What `unite` takes: the files that were read in stretches, each with the numbers of these."""
    numbers: dict[str, list[int]] = {}
    for unit in units:
        if "stretch" in unit:
            numbers.setdefault(unit["files"][0], []).append(unit["number"])
    return [{"number": own[0], "file": file, "stretches": own} for file, own in numbers.items()]


def unite(unit: Mapping[str, Any], writer: ArtifactWriter, job: str) -> dict[str, Any]:
    """Write the chart of a file and its counts of lines, by what its stretches say. Returns a `Group` as a
    dictionary."""
    tables = accounts_of_stretches(_said(unit, SAID_CHARTS, writer), unit["file"])
    tables = tables._replace(files=_summed(pa.concat_tables(_said(unit, SAID_FILES, writer))))
    name, group = run_file(unit["number"]), Group()
    group.add(tables)
    writer.write_table(f"{CHARTS}/{name}", tables.accounts.sort_by("entity"), RUN_ROW_GROUP)
    writer.write_table(f"files/{name}", tables.files)
    if len(tables.rejected):
        writer.write_table(f"rejected/accounts-{name}", tables.rejected)
    log_rejected(tables.rejected, group_file(unit["number"]), job)
    return group.as_dict()


def _said(unit: Mapping[str, Any], folder: str, writer: ArtifactWriter) -> Iterator[pa.Table]:
    """The tables in `folder` of a file's stretches, in their order."""
    written = writer.written(folder)
    for number in unit["stretches"]:
        for name in written:
            if name.startswith(f"{folder}/{group_file(number).removesuffix('.parquet')}-"):
                yield read_parquet(writer.filesystem, f"{writer.staging}/{name}")


def _summed(parts: pa.Table) -> pa.Table:
    """The one row of a file, of those of its stretches (`FILES`)."""
    rows = parts.to_pylist()
    found = rows[0]
    for row in rows[1:]:
        for name in ("lines", "entry_lines", "passed_lines", "rejected_lines"):
            found[name] += row[name]
    reasons = {reason for row in rows for reason, _ in row["passed_over"]}
    found["passed_over"] = [
        (reason, sum(dict(row["passed_over"]).get(reason, 0) for row in rows)) for reason in sorted(reasons)
    ]
    return pa.Table.from_pylist([found], schema=FILES)
