"""`jet pipeline`: the whole way, and that it is gone once."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from job_runs import keys, read, run_job

from jet.artifacts.artifact import open_artifact
from jet.books.schema import PREDICTIONS, REJECTED
from jet.confidence.regimes import REGIMES


@pytest.fixture(scope="module")
def metrics(pipeline) -> dict:
    return json.loads((pipeline.folder / "report" / "metrics.json").read_text())


def test_it_succeeds_with_one_json_line_on_standard_output(pipeline):
    assert pipeline.done.status == 0
    assert len(pipeline.done.out.splitlines()) == 1


def test_its_json_counts_what_ingest_rejected_and_what_predict_made(pipeline):
    entries = open_artifact(str(pipeline.folder / "entries"), "entries")
    assert pipeline.done.result["rows"] == {**entries.manifest.rows, "predictions": 12}
    assert entries.manifest.rows["rejected"] == len(entries.read_table(REJECTED, "rejected")) == 1


@pytest.mark.parametrize(
    "name",
    ["entries", "neighbors", "model", "predictions", "report/metrics.json", "report/index.html"],
)
def test_it_leaves_what_the_issue_names(pipeline, name):
    assert (pipeline.folder / name).exists()


def test_it_leaves_nothing_half_done(pipeline):
    hidden = [path.name for path in pipeline.folder.iterdir() if path.name.startswith(".")]
    assert hidden == []


def test_every_open_entry_has_exactly_one_prediction(pipeline):
    entries = read(pipeline.folder / "entries")
    opened = [row for row, lines in zip(keys(entries), entries["lines"], strict=True) if not lines.is_valid]
    predictions = read(pipeline.folder / "predictions")
    assert len(opened) == 12
    assert keys(predictions) == sorted(opened)
    assert predictions.schema.equals(PREDICTIONS)


def test_every_prediction_has_a_line_on_each_side(pipeline):
    for lines in read(pipeline.folder / "predictions")["lines"].to_pylist():
        assert {line["side"] for line in lines} == {"D", "C"}


def test_metrics_have_the_model_overall_and_by_entity_and_the_baselines(metrics, pipeline):
    test = metrics["test"]
    assert 0 < test["model"]["overall"]["entry_exact_match"] <= 1
    entities = set(read(pipeline.folder / "entries")["entity"].to_pylist())
    assert set(test["model"]["by_entity"]) == entities
    for name in ("last_same_text", "tfidf_vote"):
        assert 0 < test["baselines"][name]["overall"]["entry_exact_match"] <= 1
        assert set(test["baselines"][name]["by_entity"]) == entities


def test_metrics_have_all_that_an_evaluation_measures(metrics):
    assert set(metrics["test"]["methods"]) == {"decoder"}
    assert set(metrics["costs"]) == set(metrics["comparison"]) == set(metrics["test"]["baselines"])
    assert [point["history"] for point in metrics["learning_curve"]] == [0, 10, 50, 150, 500]
    assert all(point["entities"] == 3 for point in metrics["learning_curve"])
    assert {"regimes", "companies", "retrieval", "amounts", "learning_curve_note"} <= set(metrics)
    assert tuple(metrics["regimes"]) == REGIMES[1:]


def test_every_test_entry_has_a_row_with_what_each_method_made_of_it(metrics, pipeline):
    rows = pq.read_table(pipeline.folder / "report" / "rows.parquet")
    assert len(rows) == metrics["facts"]["entries"]["test"]
    figures = {
        "ranker": metrics["test"]["model"],
        **metrics["test"]["methods"],
        **metrics["test"]["baselines"],
    }
    for name, tree in figures.items():
        right = np.array(rows[f"{name}_right"].to_pylist())
        assert right.mean() == pytest.approx(tree["overall"]["entry_exact_match"])
        same = np.array(rows[f"{name}_answer"].to_pylist()) == np.array(rows["true"].to_pylist())
        assert right.tolist() == same.tolist()


def test_the_same_command_again_succeeds_and_writes_nothing(pipeline):
    def state() -> dict:
        return {path: path.stat().st_mtime_ns for path in pipeline.folder.rglob("*")}

    before = state()
    again = run_job("pipeline", *pipeline.arguments)
    assert again.status == 0
    first, second = pipeline.done.result, again.result
    assert {**first, "seconds": 0} == {**second, "seconds": 0}
    assert state() == before


def test_the_same_command_with_a_table_delivers_what_it_finds(pipeline, tmp_path):
    done = run_job("pipeline", *pipeline.arguments, "--table", tmp_path / "table")
    assert done.status == 0, done.err
    assert done.result["table"]["added"] == done.result["rows"]["predictions"] == 12
    found = pl.read_parquet(tmp_path / "table", hive_partitioning=True)
    assert sorted(found.select("entity", "entry_id").rows()) == keys(read(pipeline.folder / "predictions"))


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("model.hidden", "24"), ("split.train", "0.6"), ("predict.beams", "9"), ("ingest.tolerance", "0.5")),
        *(("ranker.epochs", "5"), ("evaluate.curve_rows", "61")),
    ],
)
def test_another_setting_into_the_same_folder_is_refused_by_name(pipeline, option, value):
    done = run_job("pipeline", *pipeline.arguments, f"--{option}", value)
    assert done.status == 2
    assert option in done.complaint
    assert value in done.complaint
