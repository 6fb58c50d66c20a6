"""The options of `jet demo`."""

from __future__ import annotations

import jsonargparse

from jet.demo import DemoSettings
from ray_jobs.options.pipeline import PARTS as PARTS

HELP = "The whole way on the books of made-up companies; ends with example predictions and a table of scores."
DEFAULTS = {"entries": 4_000, "train.max_epochs": 6, "ranker.rows": 2_000, "evaluate.curve_rows": 160}
"""Enough for these books; more would only make a first run longer."""
TEN = (
    "retrieval.encoder",
    "train.max_epochs",
    "train.seed",
    "predict.promise",
    "evaluate.baselines",
    "runtime.address",
    "runtime.train_workers",
    "runtime.actors",
)


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_class_arguments(DemoSettings)
    parser.add_argument(
        "--output", default="demo-output", help="folder for everything; goes on there if it broke off"
    )
