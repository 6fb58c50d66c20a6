"""The options of `jet evaluate`."""

from __future__ import annotations

import jsonargparse

from ray_jobs.runtime.paths import NEW

HELP = "Measure a bundle and its baselines on the newest entries: metrics.json, index.html, rows.parquet."
ALSO = {"--model": "--bundle", "--baselines": "--evaluate.baselines"}
PARTS = ("split", "retrieval", "train", "predict", "drift", "evaluate", "runtime")
TEN = (
    "evaluate.baselines",
    "evaluate.parts",
    "evaluate.regimes",
    "evaluate.curve_rows",
    "predict.promise",
    "split.train",
    "split.calibration",
    "runtime.address",
    "runtime.actors",
    "runtime.text_cache",
)
PATHS = {"entries": "entries", "bundle": "model", "neighbors": "neighbors", "output": NEW}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--entries", required=True, help="what `jet ingest` wrote: booked entries")
    parser.add_argument("--bundle", required=True, help="what `jet train` wrote; --model means the same")
    parser.add_argument(
        "--neighbors", default=None, help="what `jet neighbors` wrote of --entries; else they are found anew"
    )
    parser.add_argument("--output", required=True, help="folder for the report; must not exist yet")
