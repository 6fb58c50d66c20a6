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
from ray_jobs.options import clean as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.settings import JobConfig

log = logging.getLogger("jet.clean")


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
    sys.exit(main("clean", options, run))
