"""The options of `jet learn`."""

from __future__ import annotations

from typing import Literal

import jsonargparse

from ray_jobs.runtime.paths import LEDGERS, NEW

HELP = (
    "Add reviewed entries to a bundle, without training: the next prediction of such a text follows them. "
    "Writes another bundle. --undo removes an addition."
)
ALSO = {"--model": "--bundle"}
PARTS = ("ingest", "predict", "runtime")
TEN = (
    "ingest.format",
    "ingest.entity",
    "ingest.columns",
    "ingest.date_format",
    "predict.batch_size",
    "runtime.address",
    "runtime.actors",
    "runtime.text_cache",
    "runtime.log_format",
)
PATHS = {"bundle": "model", "reviewed": LEDGERS, "output": NEW}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument(
        "--bundle", required=True, help="what `jet train` or `jet learn` wrote; --model means the same"
    )
    parser.add_argument("--reviewed", nargs="+", default=[], help="reviewed booked entries, as for --ledgers")
    parser.add_argument("--reviewer", default="", help="who reviewed them and vouches for them")
    parser.add_argument(
        "--undo", type=int | Literal["last"], default=None, help="remove this addition: its number, or last"
    )
    parser.add_argument("--output", required=True, help="folder for the bundle; must not exist yet")
