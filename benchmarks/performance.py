"""All benchmarks of speed, one after another, and the table of docs/performance.md.

    python -m benchmarks.performance --output DIR [--data ../shared/data] [--large] [--table]

With `--data`, ledgers are those of its folders; without, demo ledgers. `--large` adds what takes an hour:
neighbors of a million entries. `--table` runs nothing and prints the table of what is in
`benchmarks/results/`. Run nothing else on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.side_by_side import RESULTS


def main() -> None:
    """Run all, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("bench-output"))
    parser.add_argument("--data", type=Path, help="a folder with a folder of ledger files for each source")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    if not args.table:
        for module, *given in commands(args.output, args.data, args.large):
            subprocess.run([sys.executable, "-m", module, *map(str, given)], check=True)
    print(table())


def commands(output: Path, data: Path | None, large: bool) -> list[list[Any]]:
    """The benchmarks with their arguments; first the run that some of them read."""
    run, books = output / "run", output / "books"
    ledgers = sorted(path for path in data.iterdir() if path.is_dir()) if data else [books]
    own = ["--data", data] if data else []
    found: list[list[Any]] = []
    if not data and not books.exists():
        found.append(["ray_jobs.demo_ledger", "--companies", 8, "--entries", 3000, "--output", books])
    found += [
        ["ray_jobs.pipeline", "--ledgers", *ledgers, "--output", run],
        ["benchmarks.peaks"],
        ["benchmarks.ingest", *own],
        ["benchmarks.text_encoding", *own],
        ["benchmarks.nearest", "--entries", 100_000, "--asked", 0.1],
        ["benchmarks.training_step", "--data", run],
        ["benchmarks.predicting", "--run", run],
        ["benchmarks.driver_cost"],
        ["benchmarks.whole", "--output", output / "whole", "--config", Path(__file__).parent / "fast.yaml"],
    ]
    if large:
        found.append(
            ["benchmarks.nearest", "--entries", 1_000_000, "--asked", 0.02, "--only", "ivf", "--rounds", 1]
        )
    return found


def table() -> str:
    """Markdown: a row for each row of the results, then what the machine can do."""
    lines = [
        "| stage | beside | jet, a second | the other | ratio | to reach | reached |",
        "|---|---|---|---|---|---|---|",
    ]
    peaks = ["| of the machine, one thread | a second |", "|---|---|"]
    for path in sorted(RESULTS.glob("*.json")):
        for row in json.loads(path.read_text())["rows"]:
            if path.stem == "peaks":
                peaks.append(f"| {row['stage']} | {number(row['jet'])} {row['unit']} |")
                continue
            spread = "" if row["least"] == row["most"] else f" ({row['least']:.2f} to {row['most']:.2f})"
            reached = {None: "", True: "yes", False: "no"}[row["reached"]]
            rates = f"{number(row['jet'])} {row['unit']} | {number(row['other'])}"
            ratio = f"{row['ratio']:.2f}{spread} | {row['target']} | {reached}"
            lines.append(f"| {row['stage']} | {row['beside']} | {rates} | {ratio} |")
    return "\n".join([*lines, "", *peaks])


def number(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
