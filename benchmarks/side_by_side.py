"""Jet and other tools side by side: each does the same work in turn, round after round; the result is a ratio.

Rates of different machines, or of different hours on a shared one, can't be compared. So all tools of
a benchmark run in one process group within one run, alternating; of every round the ratio of jet's time to the
other's is taken, and the median of the ratios is reported with the smallest and the largest. The first round
warms up (imports, compiled kernels, files in the page cache) and doesn't count; the start of a tool is timed
apart.

Each benchmark writes `results/NAME.json` with the date, the machine and the versions beside the figures;
`python -m benchmarks.performance` runs them all and puts the table into docs/performance.md.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("torch", "transformers", "ray", "scann", "pyarrow", "numpy", "scipy", "scikit-learn", "pandas")
COMPARED = ("faiss-cpu", "sentence-transformers")
ROUNDS = 5


@dataclass(frozen=True)
class Row:
    """The rates of a stage of jet and of one other tool."""

    stage: str
    beside: str
    unit: str
    """What is counted, per second."""
    jet: float
    """Median rate, `unit` a second."""
    other: float
    """The contender's median rate."""
    ratio: float
    """Median over the rounds of jet's rate to the contender's of the same round."""
    least: float
    most: float
    target: str = ""
    """What the ratio (or jet's rate) should reach."""
    reached: bool | None = None
    notes: dict[str, Any] = field(default_factory=dict)


def alternate(contenders: Mapping[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds that each contender took, round by round; who begins changes from round to round."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds + 1):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            gc.collect()
            start = time.perf_counter()
            contenders[name]()
            taken = time.perf_counter() - start
            if number:
                seconds[name].append(taken)
    return seconds


def compared(  # noqa: PLR0913 - the columns of a row, by keyword
    seconds: Mapping[str, list[float]],
    work: float,
    *,
    stage: str,
    unit: str,
    beside: str,
    jet: str = "jet",
    least: float | None = None,
    notes: Mapping[str, Any] | None = None,
) -> Row:
    """Jet beside one other tool, each of which did `work` units a round; `least` is the ratio to reach."""
    ratios = [other / own for own, other in zip(seconds[jet], seconds[beside], strict=True)]
    middle = statistics.median(ratios)
    return Row(
        stage=stage,
        beside=beside,
        unit=unit,
        jet=work / statistics.median(seconds[jet]),
        other=work / statistics.median(seconds[beside]),
        ratio=middle,
        least=min(ratios),
        most=max(ratios),
        target="" if least is None else f"{least:g}×",
        reached=None if least is None else middle >= least,
        notes=dict(notes or {}),
    )


def report(name: str, command: str, rows: list[Row], facts: Mapping[str, Any] | None = None) -> None:
    """Print the rows, and keep them in `results/NAME.json` with the date and the machine."""
    RESULTS.mkdir(exist_ok=True)
    found = {
        "benchmark": name,
        "command": command,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "rows": [asdict(row) for row in rows],
        **(facts or {}),
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    for row in rows:
        verdict = "" if row.reached is None else f"; to reach {row.target}: {'yes' if row.reached else 'NO'}"
        print(
            f"{row.stage}: {row.jet:,.0f} {row.unit}/s, {row.beside} {row.other:,.0f}; "
            f"{row.ratio:.2f}× ({row.least:.2f} to {row.most:.2f}){verdict} {row.notes or ''}"
        )


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    versions = {}
    for library in (*LIBRARIES, *COMPARED):
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    cpu = ""
    if (info := Path("/proc/cpuinfo")).exists():
        cpu = next((line.split(":")[1].strip() for line in info.open() if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": cpu or platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**30),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": versions,
    }
