"""The options of `jet train`."""

from __future__ import annotations

import jsonargparse

from ray_jobs.runtime.paths import DATA, NEW

HELP = "Train the model on booked entries and their neighbors, calibrate it, and publish its bundle."
PARTS = ("split", "retrieval", "model", "losses", "optim", "train", "tracking", "ranker", "predict", "runtime")
TEN = (
    "train.max_epochs",
    "train.batch_size",
    "train.seed",
    "model.hidden",
    "optim.learning_rate",
    "split.train",
    "split.calibration",
    "predict.promise",
    "runtime.train_workers",
    "runtime.train_gpu",
)
PATHS = {"data": DATA, "output": NEW}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--data", required=True, help="folder with what `jet ingest` and `jet neighbors` wrote")
    parser.add_argument("--output", required=True, help="folder for the bundle; must not exist yet")
