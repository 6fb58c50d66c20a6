"""The options of `jet predict`."""

from __future__ import annotations

import jsonargparse

from ray_jobs.runtime.paths import LEDGERS, NEW

HELP = "Book new entries with a bundle; each comes out once, with lines, confidence, decision and evidence."
ALSO = {"--model": "--bundle", "--table": "--table.uri"}
PARTS = ("ingest", "predict", "drift", "table", "runtime")
TEN = (
    "predict.promise",
    "table.uri",
    "table.format",
    "drift.hold",
    "ingest.format",
    "ingest.columns",
    "runtime.address",
    "runtime.actors",
    "runtime.text_cache",
    "runtime.log_format",
)
PATHS = {
    "bundle": "model",
    "ledgers": LEDGERS,
    "reviewed": LEDGERS,
    "books": "entries",
    "neighbors": "neighbors",
    "output": NEW,
}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument(
        "--ledgers", nargs="+", required=True, help="ledger files of any format, or what `jet ingest` wrote"
    )
    parser.add_argument("--bundle", required=True, help="what `jet train` wrote; --model means the same")
    parser.add_argument(
        "--reviewed",
        nargs="+",
        default=[],
        help="booked entries that people reviewed since the training, as for --ledgers; they join the memory",
    )
    parser.add_argument(
        "--books",
        help="booked entries that `jet ingest` wrote, of any number of companies, beside those of the training",
    )
    parser.add_argument(
        "--neighbors", help="what `jet neighbors` wrote of --books: their texts aren't encoded once more then"
    )
    parser.add_argument("--output", required=True, help="folder to write; must not exist yet")
