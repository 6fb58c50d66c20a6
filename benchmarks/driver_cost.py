"""The driver's time for an empty part: the unit cost that `benchmarks.scale` needs.

    python -m benchmarks.driver_cost [--parts 500 2500]

Parts of one row go through `ray_jobs.spread.parts.do_parts`, the loop of `jet neighbors` and `jet predict`, on
two actors. The difference between many and few parts, divided by their number, leaves the start out of it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from functools import partial
from typing import Any

import pyarrow as pa

from jet.artifacts.artifact import artifact_writer
from jet.artifacts.layout import DATA
from ray_jobs.runtime.connection import connect
from ray_jobs.runtime.settings import RuntimeSettings
from ray_jobs.spread.parts import Rows, do_parts, part_name


class Nothing:
    """Makes one row of nothing."""

    def __call__(self, unit: dict[str, Any]) -> pa.Table:
        return pa.table({"row": [unit["rows"]]})


def nothing_counted(_: pa.Table) -> str:
    """No metric."""
    return "[]"


def main() -> None:
    """Print seconds of wall-clock and of the driver's CPU for a part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--parts", type=int, nargs=2, default=[500, 2500])
    args = parser.parse_args()
    runtime = RuntimeSettings(actors=2)
    connect(runtime)
    taken = []
    for count in args.parts:
        with (
            tempfile.TemporaryDirectory() as folder,
            artifact_writer(f"{folder}/out", "things", {}, {}) as writer,
        ):
            wall, cpu = time.perf_counter(), time.process_time()
            units = [{"name": f"{DATA}/{part_name(number)}", "rows": 1} for number in range(count)]
            do_parts(units, partial(Nothing), writer, runtime, Rows("nothing", nothing_counted))
            taken.append((time.perf_counter() - wall, time.process_time() - cpu))
            writer.discard()
    more = args.parts[1] - args.parts[0]
    wall, cpu = (taken[1][at] - taken[0][at] for at in (0, 1))
    print(
        json.dumps({"seconds a part": round(wall / more, 5), "CPU-seconds of the driver": round(cpu / more, 5)})
    )


if __name__ == "__main__":
    main()
