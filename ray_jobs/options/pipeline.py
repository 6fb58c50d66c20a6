"""The options of `jet pipeline`."""

from __future__ import annotations

import jsonargparse

from ray_jobs.runtime.paths import LEDGERS

HELP = "The whole way: ingest, neighbors, train, evaluate, and predict the entries without lines."
ALSO = {"--table": "--table.uri"}
PARTS = (
    "ingest",
    "split",
    "retrieval",
    "model",
    "losses",
    "optim",
    "train",
    "tracking",
    "ranker",
    "predict",
    "drift",
    "table",
    "evaluate",
    "runtime",
)
TEN = (
    "ingest.format",
    "ingest.columns",
    "retrieval.encoder",
    "split.train",
    "split.calibration",
    "train.max_epochs",
    "predict.promise",
    "runtime.train_workers",
    "runtime.actors",
    "runtime.train_gpu",
)
PATHS = {"ledgers": LEDGERS}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument(
        "--ledgers", nargs="+", required=True, help="files, globs or folders, local or on s3:// and gs://"
    )
    parser.add_argument("--output", required=True, help="folder for everything; goes on there if it broke off")
