"""The peak rates of this machine, one thread: the limits that the stages are compared with.

    python -m benchmarks.peaks

A matrix product in float32, a copy of memory, parquet read into Arrow, JSON parsed to Python objects.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from benchmarks.side_by_side import ROUNDS, Row, report


def main() -> None:
    """Measure all four."""
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    size = 1024
    left, right = torch.randn(size, size), torch.randn(size, size)
    block = np.ones(1 << 25)
    target = np.empty_like(block)
    line = json.dumps({"date": "2026-01-31", "lines": [{"account": "1930", "amount": "12.50"}] * 3})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        texts = pa.array([f"hyra {number % 5000}" for number in range(1_000_000)])
        pq.write_table(
            pa.table({"text": texts, "amount": np.random.default_rng(0).random(1_000_000)}),
            path,
            compression="zstd",
        )
        rows = [
            peak("matrix product, float32", "GFLOP", 2e-9 * size**3, lambda: left @ right),
            peak("memory, copied", "GB", 1e-9 * block.nbytes, lambda: np.copyto(target, block)),
            peak(
                "parquet, zstd, to Arrow",
                "MB on disk",
                1e-6 * path.stat().st_size,
                lambda: pq.read_table(path, use_threads=False),
            ),
            peak(
                "JSON to Python objects",
                "MB",
                1e-6 * 10_000 * len(line),
                lambda: [json.loads(line) for _ in range(10_000)],
            ),
        ]
    report("peaks", "python -m benchmarks.peaks", rows)


def peak(stage: str, unit: str, work: float, do: Callable[[], object]) -> Row:
    """The median rate."""
    do()
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - start)
    rate = work / statistics.median(seconds)
    return Row(stage, "-", unit, rate, rate, 1.0, 1.0, 1.0)


if __name__ == "__main__":
    main()
