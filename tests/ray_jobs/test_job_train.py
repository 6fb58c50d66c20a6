"""DDP: how many workers there are, and whether one dies, shows in nothing but rounding."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from job_runs import SETTINGS, in_background, kill_one, run_job, wait_until

from jet.artifacts.artifact import open_artifact
from jet.bundle.saved import load_bundle
from jet.training.fitting import build_network, run_epochs, steps_per_epoch
from jet.training.loop import Trainer
from ray_jobs.ddp import training
from ray_jobs.options import train as options
from ray_jobs.runtime.arguments import job_parser
from ray_jobs.runtime.settings import JobConfig


def config_of(settings: Path) -> JobConfig:
    parser = job_parser("train", options)
    given = parser.instantiate(parser.parse_args(["--data=x", "--output=x", f"--config={settings}"]))
    return JobConfig(**{name: given[name] for name in JobConfig.__dataclass_fields__})


@pytest.fixture(scope="module")
def disturbed(head, pipeline, settings, tmp_path_factory) -> dict:
    """The best epoch's state of two workers, one of them killed after the first epoch was reported.

    The state's progress holds the figures of all epochs up to there.
    """
    folder = tmp_path_factory.mktemp("two")
    fit = partial(training.fit, str(pipeline.folder), str(folder / "model"), config_of(settings), "two")
    with in_background(fit) as result:
        wait_until(lambda: list(folder.glob(".model.training/two/checkpoint_*")), "a checkpoint")
        kill_one(head.dashboard, "RayTrainWorker")
        return result()[0]


@pytest.fixture(scope="module")
def alone(pipeline, settings) -> list[dict[str, float]]:
    """The figures of each epoch of the library alone, in this process: neither Ray nor DDP."""
    config = config_of(settings)
    opened = [open_artifact(str(pipeline.folder / name), name) for name in ("entries", "neighbors")]
    data = training.load_data(*opened, config)
    network = build_network(data, config.model, config.train.seed)
    steps = steps_per_epoch(data, config.train)
    trainer = Trainer(network, config.train, config.losses, config.optim, steps)
    return [epoch.figures for epoch in run_epochs(trainer, data, config.predict.beams)]


def test_a_killed_worker_ends_no_training(disturbed):
    epochs = yaml.safe_load(SETTINGS)["train"]["max_epochs"]
    assert disturbed["progress"]["epoch"] == epochs
    assert [figures["epoch"] for figures in disturbed["progress"]["history"]] == [1.0, 2.0, 3.0, 4.0]


def test_after_a_killed_worker_comes_out_what_would_have_come_out(disturbed, pipeline):
    """The pipeline's training had the same settings and was left in peace."""
    expected = load_bundle(str(pipeline.folder / "model")).weights
    assert expected.keys() == disturbed["network"].keys()
    for name, weights in disturbed["network"].items():
        np.testing.assert_allclose(weights.numpy(), expected[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_one_process_and_two_workers_agree_in_the_losses_of_every_epoch(alone, disturbed):
    """The same global batches: what differs is the order of float32 sums, here less than a thousandth."""
    history = disturbed["progress"]["history"]
    assert len(alone) == len(history) == 4
    for one, two in zip(alone, history, strict=True):
        for name in ("train/loss", "train/loss_pointer", "train/loss_side", "val/likelihood"):
            assert one[name] == pytest.approx(two[name], rel=1e-3), (two["epoch"], name)
    assert alone[0]["train/loss"] > alone[-1]["train/loss"]


def test_an_epoch_of_some_rows_has_so_many_steps(pipeline, settings, tmp_path):
    config = config_of(settings)
    config.train = replace(config.train, epoch_rows=100, max_epochs=2)
    state, facts = training.fit(str(pipeline.folder), str(tmp_path / "model"), config, "some")
    assert facts["epochs"] == 2
    assert state["progress"]["step"] == 2 * state["progress"]["epoch"]  # 64 rows, then 36, filled up


def test_a_batch_that_workers_cannot_share_is_refused_before_they_start(pipeline, settings, tmp_path):
    given = ("--data", pipeline.folder, "--output", tmp_path / "m", "--config", settings)
    done = run_job("train", *given, "--runtime.train_workers", 65)
    assert done.status == 2
    assert "train.batch_size 64 can't be shared by runtime.train_workers 65" in done.complaint


def test_neighbors_of_other_entries_are_refused(pipeline, settings, tmp_path):
    (tmp_path / "entries").symlink_to(pipeline.folder / "to-predict")
    (tmp_path / "neighbors").symlink_to(pipeline.folder / "neighbors")
    done = run_job("train", "--data", tmp_path, "--output", tmp_path / "m", "--config", settings)
    assert done.status == 2
    assert "were not made from" in done.complaint
