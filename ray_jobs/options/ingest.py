"""The options of `jet ingest`."""

from __future__ import annotations

import jsonargparse

from ray_jobs.runtime.paths import LEDGERS, NEW

HELP = "Read ledger files of any known format (SIE 4, ledger-cli, CSV/TSV/parquet, JSONL) into checked parquet."
PARTS = ("ingest", "runtime")
TEN = (
    "ingest.format",
    "ingest.dialect",
    "ingest.entity",
    "ingest.columns",
    "ingest.encoding",
    "ingest.date_format",
    "ingest.decimal_comma",
    "ingest.default_currency",
    "ingest.strict",
    "runtime.address",
)
PATHS = {"ledgers": LEDGERS, "output": NEW}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument(
        "--ledgers", nargs="+", required=True, help="files, globs or folders, local or on s3:// and gs://"
    )
    parser.add_argument("--output", help="folder to write; must not exist yet")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write no folder: say all that is wrong with the files, and print a config for them",
    )
