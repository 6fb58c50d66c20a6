"""A soak: predict over millions of entries, and look at the memory of every process while it runs.

    python -m benchmarks.soak --output DIR [--entries 2000000] [--config FILE]

A small model is trained on a demo ledger, and `jet predict` answers a large one of the same companies.
Every few seconds the proportional set size of each process of the job and its Ray is taken (pages that
processes share count once in all), and how much of it is Ray's object store. In the end it is checked that
every id came out once and no other did. DIR gets `memory.csv`, `memory.png` and `soak.json`; what is
finished there is not done again.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jet.books.schema import joined_keys

PAUSE_S = 5.0


def main() -> None:
    """Run what is not finished; print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--entries", type=int, default=2_000_000)
    parser.add_argument("--companies", type=int, default=40)
    parser.add_argument("--config", help="settings for the jobs, a YAML file")
    args = parser.parse_args()
    out, given = args.output, ["--config", args.config] if args.config else []
    made_up = ["--companies", str(args.companies), "--seed", "7"]
    for name, entries in (("small", 150 * args.companies), ("large", args.entries)):
        if not (out / f"{name}-books").exists():
            jet("demo-ledger", *made_up, "--entries", str(entries), "--output", str(out / f"{name}-books"))
    small, large = str(out / "small"), str(out / "large")
    jet("pipeline", "--ledgers", str(out / "small-books"), "--output", small, *given)
    jet("ingest", "--ledgers", str(out / "large-books"), "--output", large, *given)
    predictions = out / "predictions"
    if not predictions.exists():
        predict = ["predict", "--ledgers", large, "--bundle", f"{small}/model", "--output", str(predictions)]
        watch([sys.executable, "-m", "ray_jobs.cli", *predict, *given], out / "memory.csv")
    figures = flatness(out / "memory.csv", out / "memory.png") | same_ids(Path(large), predictions)
    (out / "soak.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1))


def jet(*arguments: str) -> None:
    """Run a job to its end."""
    subprocess.run([sys.executable, "-m", "ray_jobs.cli", *arguments], check=True)


def watch(command: list[str], log: Path) -> None:
    """Run `command`, and write the memory of its processes every `PAUSE_S` seconds."""
    process = subprocess.Popen(command)
    start = time.monotonic()
    with log.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["seconds", "pid", "name", "megabytes", "of_the_store"])
        while process.poll() is None:
            time.sleep(PAUSE_S)
            seconds = round(time.monotonic() - start, 1)
            for pid, name, size, shared in memory_of(process.pid):
                writer.writerow([seconds, pid, name, round(size / 1e6, 1), round(shared / 1e6, 1)])
            stream.flush()
    if process.returncode:
        sys.exit(process.returncode)


def memory_of(pid: int) -> list[tuple[int, str, int, int]]:
    """Proportional set size in bytes of a process and all that it started, and how much of it is memory that
    processes share: Ray's object store. Read from Linux's `smaps_rollup`."""
    found = []
    for each in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
        try:
            kind = kind_of(each.name(), " ".join(each.cmdline()))
            lines = Path(f"/proc/{each.pid}/smaps_rollup").read_text().splitlines()[1:]
        except (psutil.Error, OSError):  # it has ended meanwhile
            continue
        size = {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines}
        found.append((each.pid, kind, size.get("Pss", 0), size.get("Pss_Shmem", 0)))
    return found


def kind_of(name: str, command: str) -> str:
    """What a process is, of its name and command line."""
    if name in ("raylet", "gcs_server"):
        return name
    for part, kind in {
        "WritePart": "predicting actor",
        "ray::": "other worker",
        "ray_jobs": "driver",
    }.items():
        if part in command:
            return kind
    return "other of Ray's"


def flatness(log: Path, picture: Path) -> dict[str, object]:
    """The growth of each kind of process over the middle of the run, and the picture of all.

    Growth is a straight line through the largest process of the kind, over the middle half of the run, in
    megabytes an hour.
    """
    series: dict[str, dict[float, float]] = defaultdict(dict)
    shared: dict[float, float] = defaultdict(float)
    with log.open() as stream:
        for row in csv.DictReader(stream):
            at, kind = float(row["seconds"]), row["name"]
            series[kind][at] = max(series[kind].get(at, 0.0), float(row["megabytes"]))
            shared[at] += float(row["of_the_store"])
    end = max(max(each) for each in series.values())
    middle = [size for at, size in shared.items() if end / 4 < at < 3 * end / 4]
    found: dict[str, object] = {"seconds": end}
    if middle:
        found["object store, mapped by all processes together"] = {
            "megabytes": round(float(np.median(middle)), 1)
        }
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    for kind, values in sorted(series.items()):
        at, size = np.array(list(values)), np.array(list(values.values()))
        axes.plot(at, size, label=kind)
        half = (at > end / 4) & (at < 3 * end / 4)
        slope = float(np.polyfit(at[half], size[half], 1)[0] * 3600) if half.sum() > 2 else float("nan")
        found[kind] = {"largest_mb": float(size.max()), "growth_mb_an_hour": round(slope, 1)}
    axes.set(xlabel="seconds", ylabel="proportional set size of the largest, MB", ylim=(0, None))
    axes.legend()
    figure.savefig(picture, dpi=120)
    return found


def same_ids(entries: Path, predictions: Path) -> dict[str, int]:
    """How many entries and predictions there are. Exits where one is missing or doubled."""
    keys = [_keys(folder) for folder in (entries, predictions)]
    distinct = [len(pc.unique(each)) for each in keys]
    missing = int(pc.sum(pc.invert(pc.is_in(keys[0], value_set=keys[1]))).as_py())
    if missing or distinct[0] != distinct[1] or len(keys[1]) != distinct[1]:
        sys.exit(f"{distinct[0]} entries, {len(keys[1])} predictions of {distinct[1]}; {missing} are missing")
    return {"entries": len(keys[0]), "predictions": len(keys[1])}


def _keys(folder: Path) -> pa.Array:
    table = pq.read_table(sorted(folder.glob("part-*.parquet")), columns=["entity", "entry_id"])
    return joined_keys(table["entity"], table["entry_id"])


if __name__ == "__main__":
    os.environ.pop("RAY_ADDRESS", None)  # a Ray of its own, whose processes are the job's
    main()
