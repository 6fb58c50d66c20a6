"""Prediction of this checkout beside that of an earlier one: in one run, in turn, and are the answers the same?

    git worktree add /tmp/before COMMIT
    python -m benchmarks.before --run RUN --before /tmp/before [--entries 2000]

RUN is what `jet pipeline` wrote. A process of each checkout loads the same bundle and predicts the same booked
entries without their lines, from all over RUN, when it is told to: one thread each, one process at a time,
who begins changes from round to round. What is timed is a `Predictor`'s call, from a table to a table; bundle,
index and texts were loaded before. Processor seconds count, since others may use the machine too.

Then both tables are compared: exact match, decisions, and how far confidences differ.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.side_by_side import ROUNDS, compared, report
from jet.artifacts.artifact import open_artifact
from jet.books.schema import ENTRIES

WORKER = """
import sys, time
import pyarrow.parquet as pq
import torch
from jet.books.schema import ENTRIES
from jet.books.withheld import without_lines
from jet.bundle.saved import load_bundle
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings
from jet.retrieval.neighbors import make_encoder

model, entries, output = sys.argv[1:]
torch.set_num_threads(1)
bundle = load_bundle(model)
table = without_lines(pq.read_table(entries).cast(ENTRIES))
predictor = Predictor.for_entries(bundle, PredictSettings(), table, make_encoder(bundle.retrieval))
for line in sys.stdin:
    start = time.process_time()
    predictions = predictor(table)
    print("seconds", time.process_time() - start, flush=True)
pq.write_table(predictions, output)
"""
"""What a process of either checkout runs, by what both have."""


class Checkout:
    """A process of a checkout, which predicts `entries` (a parquet file) each time it is asked."""

    def __init__(self, folder: Path, model: str, entries: Path, output: Path) -> None:
        given = [sys.executable, "-c", WORKER, model, str(entries), str(output)]
        named = {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            given, cwd=folder, env={**os.environ, **named}, stdin=pipe, stdout=pipe, text=True
        )
        self.output = output

    def seconds(self) -> float:
        """Predict, and return the processor seconds that it took."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("seconds "):
                return float(line.split()[1])
        raise SystemExit("the process of a checkout ended: its error is above")

    def predictions(self) -> pa.Table:
        """The last predictions; ends the process."""
        self.process.communicate()
        return pq.read_table(self.output)


def main() -> None:
    """Measure, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--run", required=True, help="what `jet pipeline` wrote")
    parser.add_argument("--before", type=Path, required=True, help="a checkout of an earlier commit")
    parser.add_argument("--entries", type=int, default=2_000)
    args = parser.parse_args()
    booked = open_artifact(f"{args.run}/entries", "entries").read_table(ENTRIES)
    booked = booked.filter(pc.is_valid(booked["lines"]))
    rows = np.unique(np.linspace(0, len(booked) - 1, args.entries).astype(np.int64))
    booked = booked.take(pa.array(rows))
    with tempfile.TemporaryDirectory() as folder:
        entries = Path(folder) / "entries.parquet"
        pq.write_table(booked, entries)
        model = str(Path(args.run).resolve() / "model")
        folders = {"jet": Path(__file__).resolve().parents[1], "before": args.before.resolve()}
        checkouts = {
            name: Checkout(where, model, entries, Path(folder) / f"{name}.parquet")
            for name, where in folders.items()
        }
        seconds: dict[str, list[float]] = {name: [] for name in checkouts}
        for number in range(ROUNDS + 1):
            for name in list(checkouts)[:: 1 if number % 2 else -1]:
                taken = checkouts[name].seconds()
                if number:
                    seconds[name].append(taken)
        after, before = (checkouts[name].predictions() for name in ("jet", "before"))
    row = compared(
        seconds,
        len(booked),
        stage="predict, default settings",
        unit="entries",
        beside="before",
        notes=differences(booked, after, before),
    )
    report("before", "python -m benchmarks.before --run RUN --before CHECKOUT", [row])


def differences(booked: pa.Table, after: pa.Table, before: pa.Table) -> dict[str, float | int]:
    """How many of the `booked` entries are predicted as booked, and what of two tables of predictions
    differs."""
    true, ours, theirs = (list(map(line_set, each["lines"].to_pylist())) for each in (booked, after, before))

    def differing(name: str) -> int:
        return sum(
            one != other for one, other in zip(after[name].to_pylist(), before[name].to_pylist(), strict=True)
        )

    def right(answers: list[Counter[tuple[str, str]]]) -> int:
        return sum(map(Counter.__eq__, answers, true))

    confidence = after["confidence"].to_numpy() - before["confidence"].to_numpy()
    return {
        "right": right(ours),
        "right before": right(theirs),
        "other lines": sum(one != other for one, other in zip(ours, theirs, strict=True)),
        "other decisions": differing("decision"),
        "other reasons": differing("reason"),
        "largest difference of a confidence": float(np.abs(confidence).max(initial=0)),
    }


def line_set(lines: list[dict[str, str]] | None) -> Counter[tuple[str, str]]:
    """The lines by account and side, however often each."""
    return Counter((line["account"], line["side"]) for line in lines or ())


if __name__ == "__main__":
    main()
