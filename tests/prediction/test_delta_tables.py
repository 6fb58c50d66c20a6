"""Predictions in a Delta table: a night is one commit, made once, whatever breaks.

Nothing here reads by `DeltaTable.to_pyarrow_table`, which now and then ends the process at its exit.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import nights
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import TableNotFoundError

from jet.books.schema import PREDICTIONS
from jet.prediction.delivery import TableSettings, deliver, refuse_table
from jet.prediction.delivery.delta import storage_options
from jet.prediction.delivery.night import TABLE, Night

FEW = ("Acme", "Birch / 50%", "Cedar")
DAY = date(2026, 11, 30)
NAMED = {"format": "delta", "night": str(DAY)}
DELTA = {"format": "delta"}
PARTITIONS = ("day", "company")
BOTH = {"polars": nights.delta_by_polars, "duckdb": nights.delta_by_duckdb}


@pytest.fixture
def table(tmp_path):
    return str(tmp_path / "table")


@pytest.fixture
def night(tmp_path):
    """One whose companies share the parts."""
    rows = nights.of(FEW)
    return nights.night(tmp_path / "out", rows.slice(0, 4), rows.slice(4))


@pytest.fixture
def on_store(store, request):
    """A table of the test's own on S3."""
    assert store.behind
    return f"s3://books/{request.node.name.replace('[', '-').replace(']', '')}"


def expected(night):
    name = Night.of(night, None)
    return nights.rows_of(night, names=(name.name,), day=name.day)


def there(uri):
    """The rows of a table on S3, as Polars reads it; none where there is no table yet."""
    options = storage_options(uri)
    try:
        DeltaTable(uri, storage_options=options)
    except TableNotFoundError:
        return []
    return nights.delta_by_polars(uri, options)


@pytest.mark.parametrize("reader", BOTH)
@pytest.mark.parametrize("partition", PARTITIONS)
def test_each_reader_finds_every_row_of_companies_with_any_name(tmp_path, table, partition, reader):
    night = nights.night(tmp_path / "out", nights.of(nights.COMPANIES))
    assert nights.add(night, table, partition=partition, **NAMED) == 3 * len(nights.COMPANIES)
    assert BOTH[reader](table) == nights.rows_of(night, names=(str(DAY),), day=DAY)


@pytest.mark.parametrize("company", nights.COMPANIES)
def test_readers_find_a_company_by_its_name(tmp_path, table, company):
    night = nights.night(tmp_path / "out", nights.of(nights.COMPANIES))
    nights.add(night, table, partition="company", **NAMED)
    found = pl.scan_delta(table).filter(pl.col("entity") == company).select("entity").unique().collect()
    assert found.rows() == [(company,)]


@pytest.mark.parametrize("partition", PARTITIONS)
def test_all_columns_of_the_predictions_come_through(table, night, partition):
    nights.add(night, table, partition=partition, **DELTA)
    found = pl.read_delta(table).select(PREDICTIONS.names).sort("entry_id").to_arrow().cast(PREDICTIONS)
    assert found == night.read_table(PREDICTIONS).sort_by("entry_id")


@pytest.mark.parametrize("partition", PARTITIONS)
def test_a_second_run_of_a_night_commits_nothing(tmp_path, table, night, partition):
    assert nights.add(night, table, partition=partition, **DELTA) == 9
    before = DeltaTable(table).version()
    again = nights.night(tmp_path / "again", nights.of(FEW))
    assert nights.add(again, table, partition=partition, **DELTA) == 0
    assert DeltaTable(table).version() == before


def test_a_night_is_known_after_the_log_was_compacted_and_the_files_rewritten(tmp_path, table, night):
    other = nights.night(tmp_path / "other", nights.of(FEW, first=100), entries="other")
    nights.add(night, table, **DELTA)
    nights.add(other, table, **DELTA)
    found = DeltaTable(table)
    found.optimize.compact()
    found.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    found.create_checkpoint()
    found.cleanup_metadata()
    assert nights.add(night, table, **DELTA) == 0
    assert nights.delta_by_polars(table) == sorted(expected(night) + expected(other))


def test_a_part_that_cannot_be_read_leaves_the_table_without_a_commit(table, night):
    whole = Path(night.files()[1])
    content = whole.read_bytes()
    whole.write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match="can't be read"):
        nights.add(night, table, **DELTA)
    assert DeltaTable(table).file_uris() == []
    whole.write_bytes(content)
    assert nights.add(night, table, **DELTA) == 9
    assert nights.delta_by_polars(table) == nights.delta_by_duckdb(table) == expected(night)


@pytest.mark.parametrize("after", range(6))
def test_a_run_that_is_killed_at_any_write_has_added_all_or_nothing(store, on_store, night, after):
    """Each request that changes the store (the empty table, three files, the commit) is once the one at which
    the process is killed; at a sixth it would be, and isn't."""
    writes, processes = [], []

    def refuse(method, path):
        if method in ("PUT", "POST"):
            writes.append(path)
            if len(writes) > after and processes:
                os.kill(processes[0].pid, signal.SIGKILL)
                return "AccessDenied"
        return None

    store.refuse = refuse
    processes.append(nights.starting(night, on_store, {"format": "delta", "partition": "company"}))
    _, complaint = processes[0].communicate()
    was_killed = processes[0].returncode == -signal.SIGKILL
    assert was_killed or processes[0].returncode == 0, complaint
    processes.clear()
    store.reset()
    added = len(there(on_store))
    assert added in (0, 9)
    assert nights.add(night, on_store, partition="company", **DELTA) == 9 - added
    assert there(on_store) == expected(night)
    assert was_killed == (after < 5)


def test_a_commit_whose_answer_is_lost_is_made_once(store, on_store, night):
    nights.add(
        nights.night(Path(night.path).parent / "first", nights.of(FEW), entries="first"), on_store, **DELTA
    )
    lost = []

    def refuse(method, path):
        if method == "PUT" and "_delta_log" in path and not lost:
            lost.append(path)
            return "cut after"
        return None

    store.refuse = refuse
    assert nights.add(night, on_store, **DELTA) == 9
    assert lost
    store.reset()
    rows = there(on_store)
    assert [row for row in rows if row[3] == Night.of(night, None).name] == expected(night)
    assert len(rows) == 18


def test_a_store_that_refuses_is_told_in_one_line(store, on_store, night):
    store.refuse = lambda method, _: "AccessDenied" if method == "PUT" else None
    with pytest.raises(OSError, match="403 Forbidden") as told:
        nights.add(night, on_store, **DELTA)
    assert str(told.value).startswith(on_store)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("partition", PARTITIONS)
def test_runs_at_the_same_time_commit_a_night_once(table, night, partition):
    together = Barrier(6)

    def add(_):
        together.wait()
        return nights.add(night, table, partition=partition, **DELTA)

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(add, range(6))) == [0, 0, 0, 0, 0, 9]
    assert nights.delta_by_duckdb(table) == expected(night)


def test_processes_at_the_same_time_commit_a_night_once(on_store, night):
    running = [nights.starting(night, on_store, DELTA) for _ in range(3)]
    told = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], told
    assert sorted(out.strip() for out, _ in told) == ["0", "0", "9"]
    assert there(on_store) == expected(night)


def test_different_nights_at_the_same_time_all_come_in(tmp_path, table):
    many = [nights.night(tmp_path / str(n), nights.of(FEW, first=100 * n), entries=str(n)) for n in range(6)]
    together = Barrier(len(many))

    def add(night):
        together.wait()
        return nights.add(night, table, **DELTA)

    with ThreadPoolExecutor(len(many)) as pool:
        assert list(pool.map(add, many)) == [9] * len(many)
    assert len(nights.delta_by_polars(table)) == 9 * len(many)


def test_a_name_that_stands_for_other_predictions_is_refused(tmp_path, table, night):
    nights.add(night, table, **NAMED)
    other = nights.night(tmp_path / "other", nights.of(["Someone else"]), entries="other")
    with pytest.raises(ValueError, match="has a night '2026-11-30' already, of other predictions"):
        nights.add(other, table, **NAMED)
    assert len(nights.delta_by_polars(table)) == 9


def test_a_table_with_other_columns_is_not_changed(table, night):
    write_deltalake(table, TABLE.remove(0).append(pa.field("score", pa.float64())).empty_table())
    with pytest.raises(ValueError, match=r"no entity; score besides\). A table that others read"):
        nights.add(night, table, **DELTA)
    assert DeltaTable(table).version() == 0


def test_a_table_with_another_partition_is_refused(table, night):
    nights.add(night, table, **DELTA)
    with pytest.raises(ValueError, match=r"is partitioned by day, and .* asks for entity"):
        nights.add(night, table, partition="company", **DELTA)


@pytest.mark.parametrize("format", ["parquet", "delta"])
def test_a_table_of_the_other_format_is_refused(table, night, format):
    nights.add(night, table, format="delta" if format == "parquet" else "parquet")
    told = "is a Delta table" if format == "parquet" else "is no Delta table, and not empty"
    with pytest.raises(ValueError, match=told):
        refuse_table(TableSettings(uri=table, format=format), str(Path(table).parent / "next"))


def test_a_night_without_rows_adds_nothing(tmp_path, table):
    empty = nights.night(tmp_path / "empty", PREDICTIONS.empty_table())
    assert deliver(empty, TableSettings(uri=table, format="delta")).added == 0
    assert DeltaTable(table).file_uris() == []


def test_what_the_store_needs_to_be_told_comes_from_the_environment(store):
    assert store.behind
    assert storage_options("s3://books/table") == {
        "aws_region": "us-east-1",
        "aws_endpoint_url": store.endpoint,
        "allow_http": "true",
    }
    assert storage_options("s3://anonymous@books/table")["skip_signature"] == "true"
    assert storage_options("/a/folder") == {}
