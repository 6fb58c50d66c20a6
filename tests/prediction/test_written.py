"""What `jet predict` counts in the end, part by part: nothing lost, nothing doubled."""

from __future__ import annotations

import made_up
import numpy as np
import pyarrow as pa
import pytest

from jet.artifacts.artifact import artifact_writer
from jet.confidence.drift import HELD_BACK, DriftSettings, DriftStatistics
from jet.prediction import written as predictions


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


@pytest.fixture(params=["different hashes", "the same hash for all"])
def _hashed(request, monkeypatch):
    if request.param != "different hashes":
        monkeypatch.setattr(predictions, "stable_hashes", lambda texts: np.zeros(len(texts), dtype=np.int64))


@pytest.mark.usefixtures("_hashed")
def test_decisions_of_all_parts_are_counted(tmp_path):
    writer = in_parts(tmp_path, *PARTS)
    assert predictions.counted(writer, 4) == ({"auto": 1, "review": 2, "none": 1}, 1)


@pytest.mark.usefixtures("_hashed")
def test_an_entry_that_came_out_twice_is_an_error(tmp_path):
    writer = in_parts(tmp_path, *PARTS, [("a", "2", "auto", "")])
    with pytest.raises(RuntimeError, match="4 entries went in, 5 predictions of 4 entries came out"):
        predictions.counted(writer, 4)


@pytest.mark.usefixtures("_hashed")
def test_an_entry_that_came_out_twice_does_not_make_up_for_one_that_is_missing(tmp_path):
    writer = in_parts(tmp_path, *PARTS, [("a", "2", "auto", "")])
    with pytest.raises(RuntimeError, match="5 entries went in, 5 predictions of 4 entries came out"):
        predictions.counted(writer, 5)


def test_an_entry_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(RuntimeError, match="5 entries went in, 4 predictions of 4 entries came out"):
        predictions.counted(in_parts(tmp_path, *PARTS), 5)


def test_no_predictions_at_all_are_none(tmp_path):
    assert predictions.counted(in_parts(tmp_path), 0) == ({}, 0)


@pytest.mark.parametrize("hold", [False, True])
def test_drift_is_a_warning_and_holds_nothing_back_unless_that_is_set(tmp_path, caplog, hold):
    """A company whose texts are all new now."""
    table = made_up.predictions(["a"] * 100, ["auto"] * 100, text_known=False, similarity=0.3)
    calibrated = DriftStatistics.of(["a"] * 100, np.zeros(100), np.ones(100))
    with artifact_writer(str(tmp_path / "out"), "predictions", {}, {}, run="a") as writer:
        writer.write_table("part-0.parquet", table)
        decisions, facts = predictions.settled(writer, 100, calibrated, DriftSettings(hold=hold))
    assert decisions == ({"review": 100} if hold else {"auto": 100})
    assert (facts["found"], facts["held_back"]) == (1, 100 if hold else 0)
    assert "the new entries of this company aren't like those of the calibration" in caplog.text
