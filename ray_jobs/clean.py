"""`jet clean`: show what killed runs left, and remove it with --yes.

Needs no Ray. What was written within the last hours is left alone: a job may be at work on it, and the same
command would go on with it.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonargparse

from jet.artifacts.leftovers import leftovers
from jet.artifacts.storage import remove
from ray_jobs.runtime.command import main
from ray_jobs.runtime.settings import JobConfig

HELP = (
    "Show what killed runs left in a folder and beside it, and remove it with --yes. Else the command that was "
    "killed would go on with it."
)

log = logging.getLogger("jet.clean")


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


def run(args: jsonargparse.Namespace, _config: JobConfig) -> dict[str, Any]:
    """Clean `args.folder`."""
    if args.older_than_hours < 0:
        raise ValueError(f"--older_than_hours must not be negative, got {args.older_than_hours:g}")
    found = {each.path: each for folder in args.folder for each in leftovers(folder)}
    last = datetime.now(UTC) - timedelta(hours=args.older_than_hours)
    old = [each for each in found.values() if each.changed <= last]
    for each in found.values():
        if each not in old:
            log.info("left alone, since it was written within %g hours: %s", args.older_than_hours, each)
    for each in old:
        if args.yes:
            remove(each.path)
        log.info("%s: %s", "removed" if args.yes else "would be removed", each)
    if old and not args.yes:
        log.info("nothing was removed: give --yes for that")
    return {
        "found": len(found),
        "removed": len(old) if args.yes else 0,
        "megabytes": round(sum(each.size for each in old) / 1e6, 1),
    }


if __name__ == "__main__":
    sys.exit(main("clean", sys.modules[__name__]))
