"""`jet predict` on entries that aren't like those of the calibration: it warns, and holds all of them back
where `drift.hold` says so."""

from __future__ import annotations

import logging

import pyarrow as pa
import pytest
from job_runs import assert_same, keys, read, run_job, succeed

from jet.artifacts.artifact import artifact_writer, open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES, REJECTED
from jet.confidence.drift import HELD_BACK
from jet.prediction import written as written_parts

HOLD = "--drift.hold=true"


@pytest.fixture(scope="module")
def strange(pipeline, in_many_parts, tmp_path_factory):
    """The 600 entries, in six files, as if another program wrote their texts."""
    entries = open_artifact(str(in_many_parts), "entries").read_table(ENTRIES)
    place = entries.schema.get_field_index("description")
    texts = [f"{text} / booking {number}" for number, text in enumerate(entries["description"].to_pylist())]
    entries = entries.set_column(place, entries.schema.field(place), pa.array(texts))
    accounts = open_artifact(str(pipeline.folder / "entries"), "entries").read_table(ACCOUNTS, "accounts")
    folder = tmp_path_factory.mktemp("strange") / "entries"
    with artifact_writer(str(folder), "entries", {}, {}) as writer:
        for number in range(6):
            writer.write_table(f"data/part-{number:05}.parquet", entries.slice(100 * number, 100))
        writer.write_table("rejected/part-0.parquet", REJECTED.empty_table())
        writer.write_table("accounts/part-0.parquet", accounts)
        writer.publish({"entries": len(entries)})
    return folder


@pytest.fixture(scope="module")
def given(pipeline, strange, settings):
    return (
        "--ledgers",
        strange,
        "--model",
        pipeline.folder / "model",
        "--config",
        settings,
        "--predict.promise=.3",
    )


@pytest.fixture(scope="module")
def unchecked(given, tmp_path_factory):
    """What comes out with all limits off."""
    folder = tmp_path_factory.mktemp("unchecked") / "p"
    off = [f"--drift.{sign}=0" for sign in ("new_text", "similarity")]
    line = succeed("predict", *given, "--output", folder, *off)
    assert (line["drift"]["found"], line["drift"]["held_back"]) == (0, 0)
    return read(folder), line


@pytest.fixture(scope="module")
def checked(given, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checked") / "p"
    return folder, succeed("predict", *given, "--output", folder, HOLD)


def test_drift_is_a_warning_unless_it_shall_hold_back(given, checked, unchecked, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "jet.predict"):
        line = succeed("predict", *given, "--output", tmp_path / "p")
    before, line_before = unchecked
    assert_same(read(tmp_path / "p"), before)
    assert line["decisions"] == line_before["decisions"]
    assert line["drift"] == checked[1]["drift"] | {"held_back": 0}
    assert any("aren't like those of the calibration" in message for message in caplog.messages)


def test_what_has_drifted_is_reviewed_and_the_reason_and_the_line_say_so(checked, unchecked):
    folder, line = checked
    before, line_before = unchecked
    autos = line_before["decisions"]["auto"]
    assert autos > 0
    assert line["drift"]["found"] > 0
    assert line["drift"]["held_back"] == autos
    assert "auto" not in line["decisions"]
    assert line["decisions"]["review"] == line_before["decisions"]["review"] + autos
    assert open_artifact(str(folder), "predictions").manifest.facts["drift"] == line["drift"]
    rows, rows_before = read(folder), before.to_pylist()
    for row, old in zip(rows.to_pylist(), rows_before, strict=True):
        assert (HELD_BACK in row["reason"]) == (old["decision"] == "auto")
    same = [name for name in rows.column_names if name not in ("decision", "reason")]
    assert_same(rows.select(same), before.select(same))


def test_drift_depends_on_no_number_of_actors_or_rows(checked, given, tmp_path):
    folder, line = checked
    spread = ("--runtime.actors", 2, "--runtime.block_rows", 50)
    again = succeed("predict", *given, "--output", tmp_path / "p", HOLD, *spread)
    assert again["drift"] == line["drift"]
    assert_same(read(tmp_path / "p"), read(folder))


def test_a_run_that_broke_off_after_some_parts_were_held_back_ends_like_any_other(
    checked, given, tmp_path, monkeypatch
):
    folder, line = checked
    hold_back, written = written_parts.hold_drifted, []

    def breaks_off(table, why):
        if len(written) == 3:
            raise RuntimeError("out of memory")
        written.append(len(table))
        return hold_back(table, why)

    monkeypatch.setattr(written_parts, "hold_drifted", breaks_off)
    with pytest.raises(RuntimeError, match="out of memory"):
        run_job("predict", *given, "--output", tmp_path / "p", HOLD)
    monkeypatch.undo()
    again = succeed("predict", *given, "--output", tmp_path / "p", HOLD)
    assert again["drift"] == line["drift"]
    assert again["decisions"] == line["decisions"]
    assert keys(read(tmp_path / "p")) == keys(read(folder))
    assert_same(read(tmp_path / "p"), read(folder))
