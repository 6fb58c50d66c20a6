"""Checks everything that describes a cluster: `make check-cluster`, or `python -m cluster.check [FOLDER]`.

It prints one line for each problem, with file, place and fault; the exit status is 1 where there is any.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType

from cluster.checks import documents, image, kuberay, launcher, locks, monitoring, node_config

CHECKS: tuple[ModuleType, ...] = (launcher, node_config, locks, kuberay, monitoring, image, documents)


def main(root: Path) -> int:
    """Run all checks on the repository at `root`; returns the exit status."""
    logging.getLogger("ray").setLevel(logging.WARNING)
    found = [line for check in CHECKS for line in check.problems(root)]
    for line in found:
        print(line)
    names = ", ".join(check.__name__.rpartition(".")[2] for check in CHECKS)
    print(f"{len(found)} problems found by: {names}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1])))
