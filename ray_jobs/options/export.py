"""The options of `jet export`."""

from __future__ import annotations

from typing import get_args

import jsonargparse

from jet.books.settings import ExportFormat
from ray_jobs.options import add_predicted
from ray_jobs.runtime.paths import LEDGERS, NEW

HELP = (
    "Write predictions as bookings that other programs import: `auto` as booked, `review` as pending, and a "
    "list of what is left out."
)
FORMATS = get_args(ExportFormat)
PARTS = ("export", "ingest", "runtime")
TEN = (
    "export.amounts",
    "export.accounts",
    "export.currency",
    "export.declare",
    "ingest.columns",
    "ingest.delimiter",
    "ingest.decimal_comma",
    "ingest.date_format",
    "runtime.log_format",
)
PATHS = {"predictions": "predictions", "ledgers": LEDGERS, "reviewed": LEDGERS, "books": LEDGERS, "output": NEW}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--predictions", required=True, help="what `jet predict` wrote")
    parser.add_argument("--format", type=ExportFormat, required=True, help=f"one of {', '.join(FORMATS)}")
    add_predicted(parser)
    parser.add_argument(
        "--reviewed",
        nargs="+",
        default=[],
        help="predicted entries as people corrected or completed them, as for --ledgers; they are booked so",
    )
    parser.add_argument(
        "--books",
        nargs="+",
        default=[],
        help="the companies' books, as for --ledgers: names and kinds of accounts that the ledgers don't tell",
    )
    parser.add_argument("--output", required=True, help="folder to write; must not exist yet")
