"""DDP: how many workers there are, and whether one dies, shows in nothing but rounding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from job_runs import SETTINGS, actors, in_background, kill_one, run_job, wait_until

from jet.bundle import Bundle
from ray_jobs import train
from ray_jobs.runtime import JobConfig, job_parser


def config_of(settings: Path, **runtime: int) -> JobConfig:
    parser = job_parser("train", train)
    given = parser.instantiate(parser.parse_args(["--data=x", "--output=x", f"--config={settings}"]))
    config = JobConfig(**{name: given[name] for name in JobConfig.__dataclass_fields__})
    return replace(config, runtime=replace(config.runtime, **runtime))


def run(pipeline, config: JobConfig, folder: Path, name: str) -> dict:
    """The best epoch's state; its progress holds the figures of all epochs up to there."""
    state, _ = train.fit(str(pipeline.folder), str(folder / "model"), config, name)
    return state


@pytest.fixture(scope="module")
def disturbed(head, pipeline, settings, tmp_path_factory) -> dict:
    """Two workers, one of them killed after the first epoch was reported."""
    folder = tmp_path_factory.mktemp("two")
    with in_background(lambda: run(pipeline, config_of(settings), folder, "two")) as result:
        workers = wait_until(
            lambda: len(found := actors(head.dashboard, "RayTrainWorker")) == 2 and found, "two workers"
        )
        wait_until(lambda: list(folder.glob(".model.training/two/checkpoint_*")), "a checkpoint")
        killed = kill_one(head.dashboard, "RayTrainWorker")
        assert killed in {worker.pid for worker in workers}
        return result()


@pytest.fixture(scope="module")
def alone(pipeline, settings, tmp_path_factory) -> dict:
    """One worker."""
    return run(pipeline, config_of(settings, train_workers=1), tmp_path_factory.mktemp("one"), "one")


def test_a_killed_worker_ends_no_training(disturbed):
    epochs = yaml.safe_load(SETTINGS)["train"]["max_epochs"]
    assert disturbed["progress"]["epoch"] == epochs
    assert [figures["epoch"] for figures in disturbed["progress"]["history"]] == [1.0, 2.0, 3.0, 4.0]


def test_after_a_killed_worker_comes_out_what_would_have_come_out(disturbed, pipeline):
    """The pipeline's training had the same settings and was left in peace."""
    expected = Bundle.load(str(pipeline.folder / "model")).weights
    assert expected.keys() == disturbed["network"].keys()
    for name, weights in disturbed["network"].items():
        np.testing.assert_allclose(weights.numpy(), expected[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_one_worker_and_two_agree_in_the_losses_of_every_epoch(alone, disturbed):
    """The same global batches: what differs is the order of float32 sums."""
    first, second = alone["progress"]["history"], disturbed["progress"]["history"]
    assert len(first) == len(second) == 4
    for one, two in zip(first, second, strict=True):
        for name in ("train/loss", "train/loss_pointer", "train/loss_side", "val/likelihood"):
            assert one[name] == pytest.approx(two[name], rel=1e-3), (one["epoch"], name)
    assert first[0]["train/loss"] > first[-1]["train/loss"]


def test_a_batch_that_workers_cannot_share_is_refused_before_they_start(pipeline, settings, tmp_path):
    given = ("--data", pipeline.folder, "--output", tmp_path / "m", "--config", settings)
    done = run_job("train", *given, "--runtime.train_workers", 3)
    assert done.status == 2
    assert "train.batch_size 64 can't be shared evenly by runtime.train_workers 3" in done.complaint


def test_neighbors_of_other_entries_are_refused(pipeline, settings, tmp_path):
    (tmp_path / "entries").symlink_to(pipeline.folder / "to-predict")
    (tmp_path / "neighbors").symlink_to(pipeline.folder / "neighbors")
    done = run_job("train", "--data", tmp_path, "--output", tmp_path / "m", "--config", settings)
    assert done.status == 2
    assert "were not made from" in done.complaint
