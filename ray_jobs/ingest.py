"""`jet ingest`: ledger files of any known format into checked parquet.

What fails a rule goes to `rejected/` with file, line, rule and message; the rest goes on
(`ray_jobs.spread.importing`).
"""

from __future__ import annotations

import sys
from typing import Any

import jsonargparse

from ray_jobs.runtime.command import main
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.importing import import_ledgers

HELP = "Read ledger files of any known format (SIE 4, ledger-cli, CSV/TSV/parquet, JSONL) into checked parquet."


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument(
        "--ledgers", nargs="+", required=True, help="files, globs or folders, local or on s3:// and gs://"
    )
    parser.add_argument("--output", required=True, help="folder to write; must not exist yet")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Import `args.ledgers` into an artifact at `args.output`."""
    done = import_ledgers(args.ledgers, args.output, config)
    return {"output": args.output, **done.rows, "rules": done.facts["rules"]}


if __name__ == "__main__":
    sys.exit(main("ingest", sys.modules[__name__]))
