"""What `jet predict` counts in the end, part by part: nothing lost, nothing doubled."""

from __future__ import annotations

import made_up
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jet.artifacts.artifact import artifact_writer
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
            writer.write_table(f"part-{number}.parquet", table)
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
        writer.write_table("part-0.parquet", table)
        decisions, facts = predictions.settled(writer, came, calibrated, DriftSettings(hold=hold))
    assert decisions == ({"review": 100} if hold else {"auto": 100})
    assert (facts["found"], facts["held_back"]) == (1, 100 if hold else 0)
    assert "the new entries of this company aren't like those of the calibration" in caplog.text
