"""The options of `jet review`."""

from __future__ import annotations

import jsonargparse

from ray_jobs.options import add_predicted
from ray_jobs.runtime.paths import LEDGERS

HELP = (
    "Make a page on which a person confirms and corrects predictions: all that aren't `auto`, and a random "
    "audit of those that are. What it saves, `jet learn` and `jet export` take as --reviewed."
)
PARTS = ("review", "ingest", "runtime")
TEN = (
    "review.audit",
    "ingest.columns",
    "ingest.delimiter",
    "ingest.decimal_comma",
    "ingest.date_format",
    "runtime.log_format",
)
RAY = False
"""The job needs no Ray: it is neither imported nor asked for."""
PATHS = {"predictions": "predictions", "ledgers": LEDGERS, "books": LEDGERS}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--predictions", required=True, help="what `jet predict` wrote")
    add_predicted(parser)
    parser.add_argument(
        "--books",
        nargs="+",
        default=[],
        help="the companies' books, as for --ledgers: accounts to choose from that the ledgers don't have",
    )
    parser.add_argument("--company", nargs="+", default=[], help="review only these companies")
    parser.add_argument("--reviewer", default="", help="who reviews: stands on the page already")
    parser.add_argument(
        "--serve",
        action="store_true",
        help="serve the page to this machine's browser, and save into the folder --output what is decided",
    )
    parser.add_argument("--port", type=int, default=0, help="port of --serve; by default any free one")
    parser.add_argument(
        "--output", required=True, help="HTML file to write; with --serve, folder to save in, which may exist"
    )
