"""`jet ingest`: ledger files of any known format into checked parquet.

What fails a rule goes to `rejected/` with file, line, rule and message; the rest goes on
(`ray_jobs.spread.importing`).
"""

from __future__ import annotations

import sys
from typing import Any

import jsonargparse

from ray_jobs.options import ingest as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.importing import import_ledgers


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Import `args.ledgers` into an artifact at `args.output`."""
    done = import_ledgers(args.ledgers, args.output, config)
    return {"output": args.output, **done.rows, "rules": done.facts["rules"]}


if __name__ == "__main__":
    sys.exit(main("ingest", options, run))
