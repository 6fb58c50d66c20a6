"""Predictions in a table of parquet folders: every night once, for whoever reads it, whatever breaks."""

from __future__ import annotations

import shutil
import signal
from datetime import date
from pathlib import Path

import duckdb
import nights
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jet.artifacts.leftovers import leftovers
from jet.artifacts.storage import files_under, resolve, write_whole
from jet.books.schema import PREDICTIONS
from jet.prediction.delivery import TableSettings, deliver, refuse_table
from jet.prediction.delivery.hive import folder_key
from jet.prediction.delivery.night import Night

FEW = ("Acme", "Birch / 50%", "Cedar")
DAY = date(2026, 11, 30)
PARTITIONS = ("day", "company")


@pytest.fixture
def table(tmp_path):
    return str(tmp_path / "table")


@pytest.fixture(params=PARTITIONS)
def named(request):
    """Settings of a night with a name."""
    return {"partition": request.param, "night": str(DAY)}


def in_two_parts(folder, companies=FEW, **other):
    """A night whose companies share the parts, the middle one both."""
    rows = nights.of(companies)
    return nights.night(folder, rows.slice(0, len(rows) // 2), rows.slice(len(rows) // 2), **other)


def state(folder):
    return {path: path.stat().st_mtime_ns for path in Path(folder).rglob("*")}


@pytest.mark.parametrize("reader", nights.READERS)
def test_each_reader_finds_every_row_of_companies_with_any_name(tmp_path, table, named, reader):
    found = in_two_parts(tmp_path / "out", nights.COMPANIES)
    assert nights.add(found, table, **named) == 3 * len(nights.COMPANIES)
    expected = nights.rows_of(found, names=(str(DAY),), day=DAY)
    assert nights.READERS[reader](table) == expected


@pytest.mark.parametrize("company", nights.COMPANIES)
def test_readers_find_a_company_by_the_name_of_its_folder(tmp_path, table, company):
    nights.add(in_two_parts(tmp_path / "out", nights.COMPANIES), table, partition="company")
    with duckdb.connect() as connection:
        query = f"SELECT DISTINCT entity FROM '{table}/**/*.parquet' WHERE company = ?"
        assert connection.execute(query, [company]).fetchall() == [(company,)]
    frame = pl.scan_parquet(table, hive_partitioning=True).filter(pl.col("company") == company)
    assert frame.select("entity").unique().collect().rows() == [(company,)]


def test_a_company_of_digits_keeps_its_zeros_where_readers_take_the_folder_for_a_number(tmp_path, table):
    nights.add(nights.night(tmp_path / "out", nights.of(["0420"])), table, partition="company")
    [(company, entity)] = (
        pl.scan_parquet(table, hive_partitioning=True).select("company", "entity").unique().collect().rows()
    )
    assert (company, entity) == (420, "0420")


@pytest.mark.parametrize("partition", PARTITIONS)
def test_all_columns_of_the_predictions_come_through(tmp_path, table, partition):
    found = in_two_parts(tmp_path / "out")
    nights.add(found, table, partition=partition)
    there = pa.concat_tables(pq.ParquetFile(path).read() for path in sorted(Path(table).rglob("*.parquet")))
    there = there.select(PREDICTIONS.names).replace_schema_metadata(None)
    assert there.cast(PREDICTIONS).sort_by("entry_id") == found.read_table(PREDICTIONS).sort_by("entry_id")


@pytest.mark.parametrize("partition", PARTITIONS)
def test_a_second_run_of_a_night_changes_nothing(tmp_path, table, partition):
    nights.add(in_two_parts(tmp_path / "out"), table, partition=partition)
    before = state(table)
    again = in_two_parts(tmp_path / "made-again")
    assert nights.add(again, table, partition=partition) == 0
    assert state(table) == before


def test_nights_stand_beside_one_another(tmp_path, table, named):
    named.pop("night")
    first, second = (in_two_parts(tmp_path / name, entries=name) for name in ("one", "two"))
    assert nights.add(first, table, night="2026-11-30", **named) == 9
    assert nights.add(second, table, night="2026-12-01", **named) == 9
    expected = nights.rows_of(first, names=("2026-11-30",), day=DAY)
    expected += nights.rows_of(second, names=("2026-12-01",), day=date(2026, 12, 1))
    assert nights.by_duckdb(table) == nights.by_polars(table) == sorted(expected)


def test_without_a_name_the_night_is_told_by_what_it_was_made_from(tmp_path):
    one, same, other = (
        Night.of(in_two_parts(tmp_path / name, settings=settings), None)
        for name, settings in (("one", 0), ("same", 0), ("other", 1))
    )
    assert one.name == same.name != other.name
    assert one.day.isoformat() == one.artifact.manifest.created[:10]
    assert Night.of(one.artifact, "2024-02-29").day == date(2024, 2, 29)
    assert Night.of(one.artifact, "nightly").day == one.day


@pytest.mark.parametrize("written", range(3))
def test_a_run_by_company_that_is_killed_leaves_whole_companies_and_the_next_adds_the_rest(
    tmp_path, table, written
):
    night = in_two_parts(tmp_path / "out")
    process = nights.starting(night, table, {"partition": "company"}, before=nights.killed_at(written))
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    there = nights.by_polars(table) if written else []
    assert {company for company, *_ in there} == set(FEW[:written])
    assert len(there) == 3 * written
    assert nights.add(night, table, partition="company") == 9 - 3 * written
    name = Night.of(night, None)
    assert (
        nights.by_polars(table)
        == nights.by_duckdb(table)
        == nights.rows_of(night, names=(name.name,), day=name.day)
    )
    [left] = leftovers(table)
    assert left.kind == "staging"


def test_a_run_by_day_that_is_killed_leaves_nothing_and_the_next_adds_it(tmp_path, table):
    night = in_two_parts(tmp_path / "out")
    process = nights.starting(night, table, {}, before=nights.killed_at(0))
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert list(Path(table).rglob("*.parquet")) == []
    assert nights.add(night, table) == 9
    assert len(nights.by_duckdb(table)) == len(nights.by_polars(table)) == 9


@pytest.mark.parametrize("partition", PARTITIONS)
def test_runs_at_the_same_time_add_a_night_once(tmp_path, table, partition):
    night = in_two_parts(tmp_path / "out")
    processes = [nights.starting(night, table, {"partition": partition}) for _ in range(3)]
    for process in processes:
        _, complaint = process.communicate()
        assert process.returncode == 0, complaint
    name = Night.of(night, None)
    assert nights.by_duckdb(table) == nights.rows_of(night, names=(name.name,), day=name.day)
    assert leftovers(table) == []


def test_of_two_runs_at_midnight_the_earlier_day_stays(tmp_path, table):
    """The other run has put its file under the next day just before this one looks."""
    night = in_two_parts(tmp_path / "out")
    nights.add(night, table)
    [file] = Path(table).rglob("*.parquet")
    later = Path(table) / "day=2999-01-01" / file.name
    later.parent.mkdir()
    shutil.copy(file, later)
    assert nights.add(night, table) == 0
    assert list(Path(table).rglob("*.parquet")) == [file]


@pytest.mark.parametrize("partition", PARTITIONS)
def test_a_table_on_a_store_is_the_one_that_a_folder_would_hold(tmp_path, place, partition):
    night = in_two_parts(tmp_path / "out", nights.COMPANIES)
    settings = {"partition": partition, "night": str(DAY)}
    assert nights.add(night, place, **settings) == 3 * len(nights.COMPANIES)
    assert nights.add(night, place, **settings) == 0
    assert nights.by_arrow(place) == nights.rows_of(night, names=(str(DAY),), day=DAY)
    nights.add(night, tmp_path / "here", **settings)
    assert list(files_under(*resolve(place))) == list(files_under(*resolve(str(tmp_path / "here"))))


@pytest.mark.parametrize("written", range(3))
def test_a_store_that_refuses_a_file_has_the_ones_before_it_and_gets_the_rest(
    tmp_path, store, request, written
):
    place = f"s3://books/{request.node.name}"
    night = in_two_parts(tmp_path / "out")
    seen = []

    def refuse(method, path):
        seen.extend([path] if method == "PUT" and path not in seen else [])
        return "AccessDenied" if len(seen) > written else None

    store.refuse = refuse
    with pytest.raises(OSError, match="ACCESS_DENIED"):
        nights.add(night, place, partition="company")
    store.reset()
    assert {company for company, *_ in nights.by_arrow(place)} == set(FEW[:written])
    assert nights.add(night, place, partition="company") == 9 - 3 * written
    assert len(nights.by_arrow(place)) == 9


def test_a_table_with_other_columns_is_not_changed(tmp_path, table, named):
    nights.add(in_two_parts(tmp_path / "out"), table, **named)
    for path in Path(table).rglob("*.parquet"):
        old = pq.ParquetFile(path).read()
        old = old.drop_columns(["held"]).append_column("score", pa.array([1.0] * len(old)))
        pq.write_table(
            old.set_column(
                old.schema.get_field_index("confidence"), "confidence", old["confidence"].cast(pa.float64())
            ),
            path,
        )
    before = state(table)
    settings = TableSettings(uri=table, partition=named["partition"])
    told = r"no held; score besides; confidence is double\). A table that others read is not changed under them"
    with pytest.raises(ValueError, match=told):
        deliver(in_two_parts(tmp_path / "next", entries="next"), settings)
    assert state(table) == before


def test_a_name_that_stands_for_other_predictions_is_refused(tmp_path, table, named):
    nights.add(in_two_parts(tmp_path / "out"), table, **named)
    before = state(table)
    other = nights.night(tmp_path / "other", nights.of(["Someone else"]), entries="other")
    with pytest.raises(ValueError, match="has a night '2026-11-30' already, of other predictions"):
        nights.add(other, table, **named)
    assert state(table) == before


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("company=Acme/a.parquet", "is partitioned by company: give --table.partition company"),
        ("_delta_log/00000000000000000000.json", "is a Delta table: give --table.format delta"),
        ("thesis.txt", "is no such table \\(it has thesis.txt\\)"),
    ],
)
def test_a_folder_of_something_else_is_refused_before_anything_is_predicted(tmp_path, table, file, told):
    write_whole(*resolve(f"{table}/{file}"), b"x")
    with pytest.raises(ValueError, match=told):
        refuse_table(TableSettings(uri=table), str(tmp_path / "out"))


def test_a_file_and_a_bucket_that_is_not_there_are_refused(tmp_path, store):
    assert store
    (tmp_path / "file").write_text("mine")
    for uri, told in ((str(tmp_path / "file"), "is a file"), ("s3://nowhere/table", "no bucket 'nowhere'")):
        with pytest.raises(ValueError, match=told):
            refuse_table(TableSettings(uri=uri), str(tmp_path / "out"))


@pytest.mark.parametrize("uri", ["out", "out/table", "."])
def test_output_and_table_are_kept_apart(tmp_path, uri):
    with pytest.raises(ValueError, match="lie in one another: keep them apart"):
        refuse_table(TableSettings(uri=str((tmp_path / uri).resolve())), str(tmp_path / "out"))


def test_a_table_within_a_finished_artifact_is_refused(tmp_path):
    in_two_parts(tmp_path / "out")
    with pytest.raises(ValueError, match="which holds finished predictions and is never changed"):
        refuse_table(TableSettings(uri=str(tmp_path / "out" / "table")), str(tmp_path / "next"))


def test_what_other_programs_leave_in_a_table_is_no_reason_to_refuse_it(tmp_path, table):
    write_whole(*resolve(f"{table}/_SUCCESS"), b"")
    assert nights.add(in_two_parts(tmp_path / "out"), table) == 9


@pytest.mark.parametrize("partition", PARTITIONS)
def test_a_night_without_rows_adds_nothing(tmp_path, table, partition):
    empty = nights.night(tmp_path / "out", PREDICTIONS.empty_table())
    assert nights.add(empty, table, partition=partition) == 0
    assert not Path(table).exists()


@pytest.mark.parametrize(
    ("company", "told"), [("Ж" * 124, "too long for a folder"), ("__HIVE_DEFAULT_PARTITION__", "take for none")]
)
def test_a_name_that_no_folder_can_have_is_told_with_the_way_out(tmp_path, table, company, told):
    night = nights.night(tmp_path / "out", nights.of(["Acme", company]))
    with pytest.raises(ValueError, match=f"{told}: give --table.partition day"):
        nights.add(night, table, partition="company")
    assert not Path(table).exists()
    assert nights.add(night, table) == 6


def test_the_longest_name_that_a_folder_can_have_is_written(tmp_path, table):
    assert nights.add(nights.night(tmp_path / "out", nights.of(["Ж" * 123])), table, partition="company") == 3


def test_companies_whose_folders_are_one_to_some_filesystems_have_files_of_their_own(tmp_path, table):
    nights.add(nights.night(tmp_path / "out", nights.of(["ACME", "acme"])), table, partition="company")
    assert len({path.name for path in Path(table).rglob("*.parquet")}) == 2


def test_keys_of_folders_are_encoded_where_it_must_be():
    assert folder_key("Müller & Söhne/50%.x_y-z~") == "Müller%20%26%20Söhne%2F50%25.x_y-z~"


@pytest.mark.parametrize("name", ["", ".hidden", "_hidden", "a/b", "a b", "a" * 65, "ä"])
def test_names_of_nights_that_no_file_should_have_are_refused(name):
    with pytest.raises(ValueError, match=r"table\.night is"):
        TableSettings(night=name)
