"""Nights of predictions, whoever delivers them, and the tables that they come to, read as others would."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import made_up
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable

from jet.artifacts.artifact import Artifact, artifact_writer, open_artifact
from jet.artifacts.storage import files_under, resolve
from jet.prediction.delivery import TableSettings, deliver

COMPANIES = (
    *("Acme AB", "Müller & Söhne / 50% =?*", "ООО «Рога»", "日本", "0420", 'quote\'s "x"', "back\\slash"),
    *("%41+b", "null", "tab\t:;#[x]{y}", ".dot.", "2024-01-02"),
)
"""Names that are hard to make folders of."""

LINE = {"account": "5010", "name": "Hyra", "side": "D", "probability": 0.5, "guess": False}

DELIVER = """
import sys
from jet.artifacts.artifact import open_artifact
from jet.prediction.delivery import TableSettings, deliver
output, uri, format, partition = sys.argv[1:5]
settings = TableSettings(uri=uri, format=format, partition=partition)
print(deliver(open_artifact(output, "predictions"), settings).added)
"""


def of(companies, each=3, first=0) -> pa.Table:
    """So many predictions of each company, numbered from `first` on, sorted by company."""
    owners = [company for company in sorted(companies) for _ in range(each)]
    amounts = [Decimal(f"{number}.10") for number in range(len(owners))]
    rows = made_up.predictions(owners, ["review"] * len(owners)).to_pylist()
    for number, (row, amount) in enumerate(zip(rows, amounts, strict=True)):
        row |= {"entry_id": str(first + number), "lines": [{**LINE, "amount": amount}]}
    return pa.Table.from_pylist(rows, schema=made_up.PREDICTIONS)


def night(folder: Path, *parts: pa.Table, entries="e", settings=0) -> Artifact:
    """A published artifact of predictions, of the entries with this fingerprint."""
    with artifact_writer(str(folder), "predictions", {"predict": settings}, {"entries": entries}) as writer:
        for number, part in enumerate(parts):
            writer.write_table(f"data/part-{number:06}.parquet", part)
        writer.publish({"predictions": sum(map(len, parts))})
    return open_artifact(str(folder), "predictions")


def add(artifact: Artifact, uri: Any, **settings: Any) -> int:
    """Deliver it; returns the number of rows that were added."""
    return deliver(artifact, TableSettings(uri=str(uri), **settings)).added


def starting(artifact: Artifact, uri: Any, settings: dict[str, str], before: str = "") -> subprocess.Popen[str]:
    """A process of its own that delivers it, and runs the code `before` that."""
    given = [artifact.path, str(uri), settings.get("format", "parquet"), settings.get("partition", "day")]
    command = [sys.executable, "-c", before + DELIVER, *given]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


Rows = list[tuple[str, str, date, str, Decimal]]
"""Company, id, day, night and the first line's amount of each row, sorted."""


def rows_of(*artifacts: Artifact, names: tuple[str, ...], day: date) -> Rows:
    """What a table of these nights must have."""
    found = []
    for artifact, name in zip(artifacts, names, strict=True):
        for row in artifact.read_table(made_up.PREDICTIONS).to_pylist():
            found.append((row["entity"], row["entry_id"], day, name, row["lines"][0]["amount"]))
    return sorted(found)


def _from(rows: Any) -> Rows:
    return sorted((*row[:2], _day(row[2]), *row[3:]) for row in rows)


def _day(found: Any) -> date:
    return found if type(found) is date else date.fromisoformat(str(found)[:10])


def by_duckdb(table: str) -> Rows:
    """As DuckDB reads a folder of parquet."""
    columns = "entity, entry_id, day, night, lines[1].amount"
    with duckdb.connect() as connection:
        return _from(connection.sql(f"SELECT {columns} FROM '{table}/**/*.parquet'").fetchall())


def by_polars(table: str) -> Rows:
    """As Polars reads a folder of parquet."""
    amount = pl.col("lines").list.get(0).struct.field("amount")
    frame = pl.scan_parquet(table, hive_partitioning=True)
    return _from(frame.select("entity", "entry_id", "day", "night", amount).collect().rows())


def by_pandas(table: str) -> Rows:
    """As pandas reads a folder of parquet."""
    frame = pd.read_parquet(table)
    frame["amount"] = [lines[0]["amount"] for lines in frame["lines"]]
    columns = ["entity", "entry_id", "day", "night", "amount"]
    return _from(frame[columns].itertuples(index=False, name=None))


def by_arrow(table: str) -> Rows:
    """As pyarrow reads a folder of parquet, on a store too; without rows where nothing is there."""
    filesystem, root = resolve(table)
    if not files_under(filesystem, root):
        return []
    dataset = ds.dataset(root, filesystem=filesystem, format="parquet", partitioning="hive")
    names = ["entity", "entry_id", "day", "night", "lines"]
    found = dataset.to_table(columns=names).to_pylist()
    return _from((*list(row.values())[:4], row["lines"][0]["amount"]) for row in found)


def delta_by_polars(table: str, options: dict[str, str] | None = None) -> Rows:
    """As Polars reads a Delta table."""
    amount = pl.col("lines").list.get(0).struct.field("amount")
    frame = pl.scan_delta(table, storage_options=options)
    return _from(frame.select("entity", "entry_id", "day", "night", amount).collect().rows())


def delta_by_duckdb(table: str) -> Rows:
    """As DuckDB without its extension for Delta reads a Delta table: the files that the log names."""
    columns = "entity, entry_id, day, night, lines[1].amount"
    with duckdb.connect() as connection:
        query = f"SELECT {columns} FROM read_parquet(?, hive_partitioning = true)"
        return _from(connection.execute(query, [DeltaTable(table).file_uris()]).fetchall())


READERS: dict[str, Callable[[str], Rows]] = {
    "duckdb": by_duckdb,
    "polars": by_polars,
    "pandas": by_pandas,
    "arrow": by_arrow,
}


def killed_at(count: int) -> str:
    """Code that has the process killed when it would put its file number `count`, from 0, in its place."""
    return f"""
import os, signal, sys
seen = []
def watch(event, details):
    if event == "os.rename":
        if len(seen) == {count}: os.kill(os.getpid(), signal.SIGKILL)
        seen.append(details)
sys.addaudithook(watch)
"""
