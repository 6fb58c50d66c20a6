"""The options of `jet ablate`."""

from __future__ import annotations

import jsonargparse

from ray_jobs.options.train import PARTS as PARTS
from ray_jobs.runtime.paths import DATA, NEW

HELP = "Measure what each part of the network earns: an ablation grid with several seeds and paired intervals."
DEFAULTS = {"runtime.train_workers": 1}
"""Trainings side by side use a machine better than the workers of one."""
ROWS = (
    "baseline",
    "l2-off",
    "rebuilt-catalog",
    "forgotten-residuals",
    "adaptive-scaling",
    "no-retrieval",
    "memory-labels",
    "memory-labels-no-copy",
    "memory-texts-no-copy",
    "noncausal-neighbors",
    "zeroed-retrieval",
    "random-split",
    "random-split-undated",
    "teacher-forced",
    "teacher-forced-length",
    "cut-at-length",
)
"""The rows of `jet.experiments.ablation.ablation.GRID`, which imports PyTorch."""
TEN = (
    "train.max_epochs",
    "train.batch_size",
    "model.hidden",
    "optim.learning_rate",
    "split.train",
    "split.calibration",
    "runtime.address",
    "runtime.train_workers",
    "runtime.train_gpu",
)
PATHS = {"data": DATA, "output": NEW}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--data", required=True, help="folder with what `jet ingest` and `jet neighbors` wrote")
    parser.add_argument("--output", required=True, help="folder for the table; must not exist yet")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], help="each row is trained once with each"
    )
    parser.add_argument(
        "--rows",
        nargs="+",
        help=f"some rows only, and the baseline; default: all of {', '.join(ROWS)}",
    )
