"""The options of `jet clean`."""

from __future__ import annotations

import jsonargparse

HELP = (
    "Show what killed runs left in a folder and beside it, and remove it with --yes. Else the command that was "
    "killed would go on with it."
)
PARTS = ("runtime",)
TEN = ("runtime.log_format",)
RAY = False
"""The job needs no Ray: it is neither imported nor asked for."""


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--folder", nargs="+", required=True, help="outputs, or folders with outputs in them")
    parser.add_argument(
        "--older_than_hours",
        type=float,
        default=24.0,
        help="leave alone what was written since: jobs may be at work",
    )
    parser.add_argument("--yes", action="store_true", help="remove it; without, it is only shown")
