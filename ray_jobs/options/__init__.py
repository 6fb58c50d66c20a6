"""The options of each job, one module a job: what a command line is read and explained with.

Nothing here imports Ray, PyTorch or pyarrow, so that a help or an error takes no time. A module has `HELP`,
`arguments(parser)`, and

- `PARTS`: the parts of the settings that bear on what the job gives or where it runs. `--help all` tells these;
  all others are taken too, so that one config file serves every job.
- `TEN`: the at most ten settings that `--help` tells: those that users set first, since they change the result,
  say how the files are read, or how far the job spreads.
- perhaps `DEFAULTS`, settings that differ from the usual defaults, `ALSO`, other names of the options, and
  `PATHS`, what must lie at the paths that are given (`ray_jobs.runtime.paths`).
"""

from __future__ import annotations

import jsonargparse


def add_predicted(parser: jsonargparse.ArgumentParser) -> None:
    """Add --ledgers to a job that takes predictions: the entries that they are of."""
    parser.add_argument(
        "--ledgers",
        nargs="+",
        required=True,
        help="what was predicted: ledger files, or what `jet ingest` wrote (of `jet pipeline`: to-predict)",
    )
