"""The whole pipeline beside the cheap baseline: a single-process script with a TF-IDF vote.

    python -m benchmarks.whole --output DIR [--entries 100000] [--companies 40] [--config FILE]

Both read the same demo ledger and book the last 15 % of every company's entries, `jet pipeline` with checks,
training, calibration and report, `benchmarks.cheap_baseline` without. Wall-clock seconds, each once: it takes
minutes. Exact match is that of whole sets of (account, side) on the same entries.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.cheap_baseline import lines_of
from benchmarks.side_by_side import Row, report
from jet.books.importers import ImportSettings, expand, import_file, to_tables
from jet.demo import DemoSettings, write_demo_ledger

FACTOR = 3.0
"""How much longer jet may take."""


def main() -> None:
    """Run both, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--companies", type=int, default=40)
    parser.add_argument("--config", help="settings for jet, a YAML file")
    args = parser.parse_args()
    books, out = args.output / "books", args.output
    if not books.exists():
        write_demo_ledger(
            books, DemoSettings(companies=args.companies, entries=args.entries, open_entries=0, seed=7)
        )
    other = timed([sys.executable, "-m", "benchmarks.cheap_baseline", books, out / "baseline.parquet"])
    shutil.rmtree(out / "run", ignore_errors=True)
    given = ["--config", args.config] if args.config else []
    own = timed(
        [sys.executable, "-m", "ray_jobs.pipeline", "--ledgers", books, "--output", out / "run", *given]
    )
    truth = {key: lines for file in expand([str(books)]) for key, lines in booked(file)}
    predicted = {
        "jet": of_jet(out / "run" / "predictions"),
        "the cheap baseline": of_baseline(out / "baseline.parquet"),
    }
    both = predicted["jet"].keys() & predicted["the cheap baseline"].keys()
    scores = {
        name: round(sum(each[key] == truth[key] for key in both) / len(both), 4)
        for name, each in predicted.items()
    }
    row = Row(
        stage="whole pipeline",
        beside="the cheap baseline",
        unit="entries",
        jet=args.entries / own,
        other=args.entries / other,
        ratio=other / own,
        least=other / own,
        most=other / own,
        target=f"at most {FACTOR:g} times as long, at a higher exact match",
        reached=own <= FACTOR * other and scores["jet"] > scores["the cheap baseline"],
        notes={
            "seconds": {"jet": round(own), "the cheap baseline": round(other)},
            "exact match": scores,
            "entries that both answer": len(both),
        },
    )
    report("whole", "python -m benchmarks.whole --output DIR" + (" --config FILE" if given else ""), [row])


def timed(command: list[object]) -> float:
    """Seconds that a command takes."""
    start = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True)
    return time.perf_counter() - start


def booked(file: str) -> list[tuple[tuple[str, str], str]]:
    """What every entry of a file was booked on."""
    found = []
    for entries, *_ in to_tables(import_file(file, ImportSettings())):
        for row in entries.select(["entity", "entry_id", "lines"]).to_pylist():
            found.append(((row["entity"], row["entry_id"]), lines_of(row)))
    return found


def of_jet(predictions: Path) -> dict[tuple[str, str], str]:
    """What jet predicted, in the form of the baseline."""
    columns = ["entity", "entry_id", "lines"]
    parts = [pq.read_table(path, columns=columns) for path in predictions.glob("data/part-*.parquet")]
    rows = pa.concat_tables(parts).to_pylist()
    return {(row["entity"], row["entry_id"]): lines_of({"lines": row["lines"] or []}) for row in rows}


def of_baseline(path: Path) -> dict[tuple[str, str], str]:
    """What the baseline predicted."""
    rows = pq.read_table(path).to_pylist()
    return {(row["entity"], row["entry_id"]): row["lines"] for row in rows}


if __name__ == "__main__":
    main()
