"""`jet evaluate`: its baselines, and the same figures in one process."""

from __future__ import annotations

import json
import re

import pyarrow.parquet as pq
import pytest
from job_runs import run_job, succeed

from jet.artifacts.artifact import open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.books.split import SplitSettings
from jet.bundle.saved import load_bundle
from jet.confidence.settings import DriftSettings
from jet.evaluation.baselines import OF_SENTENCES
from jet.evaluation.exam import Exam
from jet.evaluation.executor import InProcess
from jet.evaluation.measure import measure
from jet.evaluation.settings import ALL_BASELINES, EvaluateSettings, ExamSettings
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings


@pytest.fixture(scope="module")
def folder(pipeline, settings, tmp_path_factory):
    """The report of all baselines and nothing beside."""
    output = tmp_path_factory.mktemp("evaluated") / "report"
    given = ("--entries", pipeline.folder / "entries", "--model", pipeline.folder / "model", "--output", output)
    alone = ("--evaluate.regimes", "false", "--evaluate.curve_rows", 0)
    succeed("evaluate", *given, "--config", settings, "--baselines", "all", *alone)
    return output


def test_neighbors_of_other_entries_are_refused(pipeline, settings, tmp_path):
    given = ("--entries", pipeline.folder / "to-predict", "--model", pipeline.folder / "model")
    others = ("--neighbors", pipeline.folder / "neighbors", "--output", tmp_path / "report")
    done = run_job("evaluate", *given, *others, "--config", settings)
    assert done.status == 2
    assert "were not made from" in done.complaint


def test_every_baseline_is_measured_with_what_it_cost(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    names = set(ALL_BASELINES) - set(OF_SENTENCES)  # the pipeline's texts have no sentence vectors
    assert set(metrics["costs"]) == set(metrics["comparison"]) == set(metrics["test"]["baselines"]) == names
    for name in names:
        assert metrics["costs"][name]["seconds"] > 0
        assert metrics["costs"][name]["cpu_seconds"] > 0
        assert metrics["costs"][name]["peak_mib"] >= 0
        assert 0 <= metrics["test"]["baselines"][name]["overall"]["entry_exact_match"] < 1
        assert f"{name}_answer" in pq.read_schema(folder / "rows.parquet").names


def test_what_was_not_asked_for_is_not_in_the_report(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert not {"regimes", "learning_curve", "learning_curve_note"} & set(metrics)


def test_the_model_s_figures_are_those_of_the_pipeline_s_report(folder, pipeline):
    one, other = (
        json.loads((path / "metrics.json").read_text())["test"] for path in (folder, pipeline.folder / "report")
    )
    assert (one["model"], one["methods"]) == (other["model"], other["methods"])


def test_one_process_measures_the_same_as_the_cluster(pipeline):
    report = json.loads((pipeline.folder / "report" / "metrics.json").read_text())
    kinds = {
        "split": SplitSettings,
        "predict": PredictSettings,
        "drift": DriftSettings,
        "evaluate": EvaluateSettings,
    }
    settings = {name: kind(**report["facts"]["settings"][name]) for name, kind in kinds.items()}
    books = open_artifact(str(pipeline.folder / "entries"), "entries")
    exam = Exam(
        books.read_table(ENTRIES),
        books.read_table(ACCOUNTS, "accounts"),
        load_bundle(str(pipeline.folder / "model")),
        ExamSettings(**settings),
        books.manifest.fingerprint,
    )
    alone = measure(exam, InProcess())
    assert alone.rows.equals(pq.read_table(pipeline.folder / "report" / "rows.parquet"))
    for name, part in json.loads(json.dumps(alone.metrics)).items():
        if name != "costs":
            assert part == report[name], name
    assert alone.curve_rows is not None
    curve = pq.read_table(pipeline.folder / "report" / "new-companies" / "rows.parquet")
    assert alone.curve_rows.equals(curve)


def test_the_chosen_method_can_be_measured_without_the_other(pipeline, settings, tmp_path):
    given = ("--entries", pipeline.folder / "entries", "--model", pipeline.folder / "model")
    alone = ("--evaluate.parts", "false", "--evaluate.regimes", "false", "--evaluate.curve_rows", 0)
    asked = ("--config", settings, "--baselines", "none", "--predict.method", "decoder", *alone)
    succeed("evaluate", *given, "--output", tmp_path / "report", *asked)
    test = json.loads((tmp_path / "report" / "metrics.json").read_text())["test"]
    whole = json.loads((pipeline.folder / "report" / "metrics.json").read_text())["test"]
    assert "methods" not in test
    assert test["model"] == whole["methods"]["decoder"]
    assert test["model"]["overall"]["automation"]["0.95"]["n_auto"] == 0
    assert "ranker_answer" not in pq.read_schema(tmp_path / "report" / "rows.parquet").names
    bundle = load_bundle(str(pipeline.folder / "model"))
    entries = open_artifact(str(pipeline.folder / "entries"), "entries").read_table(ENTRIES)
    answers = Predictor.for_entries(bundle, PredictSettings(method="decoder"), entries, None)(entries)
    expected = {
        (row["entity"], row["entry_id"]): sorted(f"{line['side']} {line['account']}" for line in row["lines"])
        for row in answers.to_pylist()
    }
    for row in pq.read_table(tmp_path / "report" / "rows.parquet").to_pylist():
        answer = " ".join(expected[row["entity"], row["entry_id"]])
        assert " ".join(sorted(re.findall(r"[DC] \S+", row["decoder_answer"]))) == answer


def test_a_baseline_that_the_texts_do_not_allow_is_refused_where_it_is_asked_for_by_name(
    pipeline, settings, tmp_path
):
    given = (
        "--entries",
        pipeline.folder / "entries",
        "--model",
        pipeline.folder / "model",
        "--config",
        settings,
    )
    done = run_job("evaluate", *given, "--output", tmp_path / "out", "--baselines", "nearest_sentence")
    assert done.status == 2
    assert "nearest_sentence needs sentence vectors" in done.complaint


def test_a_baseline_that_is_none_is_refused_with_those_that_are(tmp_path):
    given = ("--entries", "x", "--model", "x", "--output", tmp_path / "out", "--baselines", "nonsense")
    done = run_job("evaluate", *given)
    assert done.status == 2
    assert "'nonsense' is none of default, all, none" in done.complaint
    assert all(name in done.complaint for name in ALL_BASELINES)
