"""Processes that die in the middle: the work is done all the same, once, and comes out the same."""

from __future__ import annotations

import os
import signal
from functools import partial

import pytest
from job_runs import (
    actors,
    assert_same,
    in_background,
    kill_one,
    parts_in,
    read,
    run_job,
    start_job,
    succeed,
    wait_until,
)


@pytest.fixture(scope="module")
def arguments(pipeline, in_many_parts, settings) -> list:
    return ["--ledgers", in_many_parts, "--model", pipeline.folder / "model", "--config", settings]


def test_a_killed_predicting_actor_costs_no_prediction_and_doubles_none(head, arguments, predicted, tmp_path):
    output, spread = tmp_path / "p", ("--runtime.actors", 2)
    with in_background(lambda: run_job("predict", *arguments, "--output", output, *spread)) as result:
        wait_until(lambda: parts_in(output), "a first part")
        kill_one(head.dashboard, "PredictRowGroup")
        assert len(parts_in(output)) < 30, "it was too late to kill"
        done = result()
    assert done.status == 0, done.err
    assert_same(read(output), predicted)


def test_a_killed_job_goes_on_with_the_parts_that_it_has(head, arguments, predicted, tmp_path):
    output = tmp_path / "p"
    process = start_job(head.address, "predict", *arguments, "--output", output)
    wait_until(lambda: len(parts_in(output)) >= 2 or process.poll() is not None, "two parts")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not output.exists(), "it was too late to kill"
    there = partial(actors, head.dashboard, "PredictRowGroup")
    wait_until(lambda: not there(), "the end of the killed job's actors", pause=0.2)
    before = {path.name: path.stat().st_mtime_ns for path in parts_in(output)}
    assert 2 <= len(before) < 30

    line = succeed("predict", *arguments, "--output", output)
    assert line["predictions"] == len(predicted)
    assert_same(read(output), predicted)
    assert {name: (output / "data" / name).stat().st_mtime_ns for name in before} == before
    assert list(tmp_path.iterdir()) == [output]


def test_a_killed_index_shard_is_built_again(head, pipeline, settings, tmp_path):
    given = ("--entries", pipeline.folder / "entries", "--output", tmp_path / "n", "--config", settings)
    spread = ("--runtime.actors", 2, "--runtime.block_rows", 5, "--runtime.bucket_rows", 100)
    with in_background(lambda: run_job("neighbors", *given, *spread)) as result:
        wait_until(lambda: parts_in(tmp_path / "n"), "a first part")
        kill_one(head.dashboard, "IndexShard")
        assert not (tmp_path / "n").exists(), "it was too late to kill"
        done = result()
    assert done.status == 0, done.err
    assert_same(read(tmp_path / "n"), read(pipeline.folder / "neighbors"))
    wait_until(lambda: not actors(head.dashboard, "IndexShard"), "the end of the shards, the new one too")


def test_ctrl_c_ends_a_job_with_one_line(head, arguments, tmp_path):
    slowly = ("--predict.batch_size", 1)
    process = start_job(head.address, "predict", *arguments, *slowly, "--output", tmp_path / "p")
    wait_until(lambda: parts_in(tmp_path / "p") or process.poll() is not None, "a first part")
    assert process.poll() is None, "it was too late to interrupt"
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=180)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "jet predict: interrupted; what was finished stays"
