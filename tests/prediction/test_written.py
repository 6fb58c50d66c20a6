"""What `jet predict` counts in the end, part by part: nothing lost, nothing doubled."""

from __future__ import annotations

from decimal import Decimal

import duckdb
import made_up
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jet.artifacts.artifact import artifact_writer
from jet.books.schema import PREDICTED_LINES, REJECTED
from jet.confidence.drift import HELD_BACK, DriftStatistics
from jet.confidence.settings import DriftSettings
from jet.prediction import written as predictions
from jet.prediction.written import Keys


def in_parts(folder, *parts):
    """A writer with parts of (entity, id, decision, reason)."""
    with artifact_writer(str(folder / "out"), "predictions", {}, {}, run="a") as writer:
        for number, rows in enumerate(parts):
            columns = dict(
                zip(("entity", "entry_id", "decision", "reason"), zip(*rows, strict=True), strict=True)
            )
            table = pa.table({name: pa.array(column) for name, column in columns.items()})
            writer.write_table(f"data/part-{number}.parquet", table)
        return writer


PARTS = (
    [("a", "1", "auto", ""), ("a", "2", "review", "")],
    [("b", "1", "review", f"{HELD_BACK}: why"), ("b", "2", "none", "no chart")],
)


KEY = ("entity", "entry_id")


def keys(*rows):
    """Of pairs of an entity and an id."""
    names = [[row[place] for row in rows] for place in (0, 1)]
    return Keys.of(
        [pa.table({"entity": pa.array(names[0], pa.string()), "entry_id": pa.array(names[1], pa.string())})]
    )


ALL = (("b", "2"), ("a", "1"), ("b", "1"), ("a", "2"))


def test_decisions_of_all_parts_are_counted(tmp_path):
    writer = in_parts(tmp_path, *PARTS)
    assert predictions.counted(writer, keys(*ALL)) == ({"auto": 1, "review": 2, "none": 1}, 1)


def test_an_entry_that_came_out_twice_is_an_error(tmp_path):
    writer = in_parts(tmp_path, *PARTS, [("a", "2", "auto", "")])
    with pytest.raises(RuntimeError, match="4 entries went in, 5 predictions came out"):
        predictions.counted(writer, keys(*ALL))


def test_an_entry_that_came_out_twice_does_not_make_up_for_one_that_is_missing(tmp_path):
    writer = in_parts(tmp_path, *PARTS, [("a", "2", "auto", "")])
    with pytest.raises(RuntimeError, match="5 entries went in, 5 predictions came out, not one for each"):
        predictions.counted(writer, keys(*ALL, ("a", "3")))


def test_an_entry_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="5 entries went in, 4 predictions came out"):
        predictions.counted(in_parts(tmp_path, *PARTS), keys(*ALL, ("a", "3")))


def test_no_predictions_at_all_are_none(tmp_path):
    assert predictions.counted(in_parts(tmp_path), keys()) == ({}, 0)


PAIRS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("123")), max_size=6)


@given(PAIRS, PAIRS, st.integers(0, 6))
def test_keys_are_equal_for_the_same_entries_alone_in_any_order_and_parts(some, others, cut):
    assert (keys(*some) == keys(*others)) == (sorted(some) == sorted(others))
    rows = [pa.table({"entity": [entity], "entry_id": [name]}) for entity, name in some]
    assert Keys.of([*rows[cut:], *rows[:cut]]) == keys(*some)


@pytest.mark.parametrize("hold", [False, True])
def test_drift_is_a_warning_and_holds_nothing_back_unless_that_is_set(tmp_path, caplog, hold):
    """A company whose texts are all new now."""
    table = made_up.predictions(["a"] * 100, ["auto"] * 100, text_known=False, similarity=0.3)
    calibrated = DriftStatistics.of(["a"] * 100, np.zeros(100), np.ones(100))
    came = Keys.of([table])
    with artifact_writer(str(tmp_path / "out"), "predictions", {}, {}, run="a") as writer:
        predictions.write_predictions(writer, "data/part-0.parquet", table)
        decisions, facts = predictions.settled(writer, came, calibrated, DriftSettings(hold=hold))
        flat = pq.read_table(f"{writer.staging}/lines/part-0.parquet")
    assert set(flat["decision"].to_pylist()) == {"review" if hold else "auto"}
    assert decisions == ({"review": 100} if hold else {"auto": 100})
    assert (facts["found"], facts["held_back"]) == (1, 100 if hold else 0)
    assert "the new entries of this company aren't like those of the calibration" in caplog.text


def line(account, side, amount):
    known = {"account": account, "name": "Bank", "side": side, "probability": 0.5, "guess": False}
    return known | {"amount": Decimal(amount)}


def test_flat_lines_are_a_row_each_and_an_entry_without_lines_is_one():
    rows = made_up.predictions(["a", "b", "b"], ["auto", "none", "review"]).to_pylist()
    rows[0]["lines"] = [line("5010", "D", "8"), line("2640", "D", "2"), line("1930", "C", "10")]
    rows[2]["lines"] = [line("6000", "D", "1"), line("1930", "C", "1")]
    whole = pa.Table.from_pylist(rows, schema=made_up.PREDICTIONS)
    for table in (
        whole,
        pa.concat_tables([whole.slice(2), whole]).slice(1),
    ):  # with an offset in its lists, too
        flat = predictions.flat_lines(table)
        assert flat.schema == PREDICTED_LINES
        found = [(r["entity"], r["entry_id"], r["line"], r["account"], r["side"]) for r in flat.to_pylist()]
        assert found == [
            ("a", "0", 1, "5010", "D"),
            ("a", "0", 2, "2640", "D"),
            ("a", "0", 3, "1930", "C"),
            ("b", "1", None, None, None),
            ("b", "2", 1, "6000", "D"),
            ("b", "2", 2, "1930", "C"),
        ]
        assert flat["amount"].to_pylist()[:4] == [8, 2, 10, None]
        assert set(flat["description"].to_pylist()) == {"Hyra"}
    assert len(predictions.flat_lines(whole.slice(0, 0))) == 0
    assert [row["line"] for row in predictions.flat_lines(whole.slice(1, 1)).to_pylist()] == [None]


def by_pandas(folder):
    return pd.read_parquet(folder)["entry_id"].tolist()


def by_polars(folder):
    return pl.read_parquet(folder)["entry_id"].to_list()


def by_duckdb(folder):
    return [row[0] for row in duckdb.sql(f"SELECT entry_id FROM '{folder}/*.parquet'").fetchall()]


def by_arrow(folder):
    return ds.dataset(folder).to_table()["entry_id"].to_pylist()


@pytest.mark.parametrize("reader", [by_pandas, by_polars, by_duckdb, by_arrow])
def test_every_tool_reads_a_table_by_the_name_of_its_folder(reader, tmp_path):
    table = made_up.predictions(["a"] * 3, ["auto", "none", "review"])
    with artifact_writer(str(tmp_path / "out"), "predictions", {}, {}) as writer:
        predictions.write_predictions(writer, "data/part-0.parquet", table.slice(0, 2))
        predictions.write_predictions(writer, "data/part-1.parquet", table.slice(2))
        writer.write_table("rejected/part-0.parquet", REJECTED.empty_table())
        writer.publish({"predictions": 3})
    for name in ("data", "lines"):
        assert sorted(reader(str(tmp_path / "out" / name))) == ["0", "1", "2"]
