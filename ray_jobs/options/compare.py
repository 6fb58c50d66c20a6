"""The options of `jet compare`."""

from __future__ import annotations

import jsonargparse

from ray_jobs.runtime.paths import REPORTS

HELP = (
    "Put two reports of the same test entries side by side: what got better, what got worse, by company, and "
    "which settings differ."
)
PARTS = ("runtime",)
TEN = ("runtime.log_format",)
RAY = False
"""The job needs no Ray: it is neither imported nor asked for."""
PATHS = {"run_1": REPORTS, "run_2": REPORTS}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("run_1", metavar="RUN1", help="what `jet evaluate` or `jet pipeline` wrote")
    parser.add_argument("run_2", metavar="RUN2", help="the same of another model, on the same entries")
    parser.add_argument(
        "--output", default=None, help="an HTML file to write the comparison to, with all entries"
    )
