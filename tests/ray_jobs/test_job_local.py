"""Small work in the job's own process: no Ray is started, and every bit is the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from job_runs import assert_same, parts_in, read, run_job, succeed, succeed_without_ray

from jet.artifacts.artifact import open_artifact
from ray_jobs.runtime.settings import JobConfig, RuntimeSettings
from ray_jobs.spread.executor import decided

LOCAL = ("--runtime.executor", "local")


@pytest.fixture
def given(in_many_parts, pipeline, settings):
    return ["--ledgers", in_many_parts, "--model", pipeline.folder / "model", "--config", settings]


def test_predictions_are_those_of_a_cluster(given, predicted, tmp_path):
    succeed("predict", *given, *LOCAL, "--output", tmp_path / "p")
    assert_same(read(tmp_path / "p"), predicted)


def test_what_a_cluster_left_unfinished_is_finished_here(given, predicted, tmp_path, monkeypatch):
    """The parts that are there stay as they are."""
    with monkeypatch.context() as patch:
        patch.setattr("ray_jobs.predict.settled", _interrupted)
        assert run_job("predict", *given, "--output", tmp_path / "p").status == 130
    before = {path.name: path.stat().st_mtime_ns for path in parts_in(tmp_path / "p")}
    assert len(before) == 30
    succeed("predict", *given, *LOCAL, "--output", tmp_path / "p")
    assert {name: (tmp_path / "p" / "data" / name).stat().st_mtime_ns for name in before} == before
    assert_same(read(tmp_path / "p"), predicted)


def _interrupted(*_):
    raise KeyboardInterrupt


def test_an_import_is_that_of_a_cluster(pipeline, settings, tmp_path):
    given = ("--ledgers", pipeline.ledgers, "--config", settings, "--runtime.bucket_rows", 1)
    for name, how in (("here", LOCAL), ("there", ("--runtime.executor", "ray"))):
        succeed("ingest", *given, *how, "--output", tmp_path / name)
    here, there = (open_artifact(str(tmp_path / name), "entries").manifest for name in ("here", "there"))
    assert here.fingerprint == there.fingerprint
    assert here.rows == there.rows


def test_a_small_batch_starts_no_ray(pipeline, settings, tmp_path):
    given = ["--ledgers", pipeline.folder / "to-predict", "--model", pipeline.folder / "model"]
    line = succeed_without_ray("predict", *given, "--config", settings, "--output", tmp_path / "p")
    assert line["predictions"] == 12
    assert_same(read(tmp_path / "p"), read(pipeline.folder / "predictions"))


@pytest.mark.parametrize(
    ("settings", "is_small", "executor"),
    [
        (RuntimeSettings(), True, "local"),
        (RuntimeSettings(), False, "ray"),
        (RuntimeSettings(address="host:6379"), True, "ray"),
        (RuntimeSettings(executor="ray"), True, "ray"),
        (RuntimeSettings(executor="local"), False, "local"),
    ],
)
def test_where_a_job_runs_is_decided_by_its_size_and_the_ray_that_is_named(
    settings, is_small, executor, monkeypatch
):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("ray_jobs.spread.executor.is_connected", lambda: False)
    config = JobConfig(runtime=settings)
    assert decided(config, is_small=is_small).runtime == replace(settings, executor=executor)


def test_a_ray_that_is_named_or_connected_to_is_used(monkeypatch):
    monkeypatch.setattr("ray_jobs.spread.executor.is_connected", lambda: False)
    monkeypatch.setenv("RAY_ADDRESS", "host:6379")
    assert decided(JobConfig(), is_small=True).runtime.executor == "ray"
    monkeypatch.delenv("RAY_ADDRESS")
    monkeypatch.setattr("ray_jobs.spread.executor.is_connected", lambda: True)
    assert decided(JobConfig(), is_small=True).runtime.executor == "ray"
