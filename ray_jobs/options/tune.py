"""The options of `jet tune`."""

from __future__ import annotations

import jsonargparse

from jet.experiments.sweep.settings import GRID_LIMIT, TuneSettings
from ray_jobs.options.train import PARTS as PARTS
from ray_jobs.runtime.paths import DATA, NEW

HELP = "Search the settings of a training, above all the schedules of its losses, on the calibration split."
DEFAULTS = {"train.watched_rows": 0}
TEN = (
    "train.max_epochs",
    "train.batch_size",
    "train.seed",
    "split.train",
    "split.calibration",
    "tracking.wandb",
    "runtime.address",
    "runtime.train_workers",
    "runtime.train_gpu",
)
PATHS = {"data": DATA, "output": NEW}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--data", required=True, help="folder with what `jet ingest` and `jet neighbors` wrote")
    parser.add_argument("--output", required=True, help="folder for trials, best config and report")
    parser.add_argument("--yes", action="store_true", help=f"run a grid of more than {GRID_LIMIT} trials")
    parser.add_class_arguments(TuneSettings, "tune")
