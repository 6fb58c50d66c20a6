"""A soak: neighbors and predict over millions of entries, and the memory of every process while they run.

    python -m benchmarks.soak --output DIR [--entries 2000000] [--config FILE] [--actors 1 2 4] [--every 5]

A small model is trained on a demo ledger, `jet neighbors` searches a large one of the same companies, and
`jet predict` predicts it, once for each number of actors. Every few seconds the proportional set size of each
process of the job and its Ray is taken (pages that processes share count once in all), and how much of it is
Ray's object store. In the end it checks that each id came out once, and no other. DIR gets
`memory-JOB.csv`, `memory-JOB.png` and `soak.json`; finished steps there are not repeated.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from jet.artifacts.artifact import open_artifact
from jet.books.schema import joined_keys


def main() -> None:
    """Run what is not finished; print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--entries", type=int, default=2_000_000)
    parser.add_argument("--companies", type=int, default=40)
    parser.add_argument("--config", help="settings for the jobs, a YAML file")
    parser.add_argument("--actors", type=int, nargs="*", default=[2], help="numbers of predicting actors")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two samples of the memory")
    args = parser.parse_args()
    out, given = args.output, ["--config", args.config] if args.config else []
    made_up = ["--companies", str(args.companies), "--seed", "7"]
    for name, entries in (("small", 150 * args.companies), ("large", args.entries)):
        if not (out / f"{name}-books").exists():
            jet("demo-ledger", *made_up, "--entries", str(entries), "--output", str(out / f"{name}-books"))
    small, large = str(out / "small"), str(out / "large")
    jet("pipeline", "--ledgers", str(out / "small-books"), "--output", small, *given)
    jet("ingest", "--ledgers", str(out / "large-books"), "--output", large, *given)
    bundle = f"{small}/model"
    jobs = {"neighbors": ["neighbors", "--entries", large]} | {
        f"predict-{actors}": [
            "predict",
            "--ledgers",
            large,
            "--bundle",
            bundle,
            "--runtime.actors",
            str(actors),
        ]
        for actors in args.actors
    }
    figures: dict[str, object] = {}
    for name, job in jobs.items():
        answers, log = out / name, out / f"memory-{name}.csv"
        if not answers.exists():
            watch([*job, "--output", str(answers), *given], log, args.every)
        figures[name] = memory_figures(log) | same_ids(Path(large), answers)
    (out / "soak.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1))


def jet(*arguments: str) -> None:
    """Run a job to its end."""
    subprocess.run([sys.executable, "-m", "ray_jobs.cli", *arguments], check=True)


def watch(job: list[str], log: Path, every: float) -> None:
    """Run a job, and write the memory of its processes every so many seconds."""
    process = subprocess.Popen([sys.executable, "-m", "ray_jobs.cli", *job])
    start = time.monotonic()
    with log.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["seconds", "pid", "name", "megabytes", "of_the_store"])
        while process.poll() is None:
            time.sleep(every)
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
        "WritePart": "actor",
        "IndexShard": "index shard",
        "ray::": "other worker",
        "ray_jobs": "driver",
    }.items():
        if part in command:
            return kind
    return "other of Ray's"


def memory_figures(log: Path) -> dict[str, object]:
    """What a job took, in megabytes; draws the picture beside `log`.

    `all_processes` and the `object_store`, which they share, are medians of the middle half of the run. Of each
    kind of process there is what the largest one has to itself, the store left out: the most ever, and the
    growth an hour, a straight line through the middle half. (A process's part of the store grows while it reads
    more of it, and the others' parts shrink.)
    """
    table = pcsv.read_csv(log).to_pandas()
    table["own"] = table["megabytes"] - table["of_the_store"]
    end = float(table["seconds"].max())
    in_the_middle = table["seconds"].between(end / 4, 3 * end / 4)
    together = table.groupby("seconds")[["megabytes", "of_the_store"]].sum()
    steady = together[together.index.isin(table["seconds"][in_the_middle])].median()
    found: dict[str, object] = {
        "seconds": end,
        "all_processes": round(float(steady["megabytes"]), 1),
        "object_store": round(float(steady["of_the_store"]), 1),
    }
    figure, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    axes.plot(together.index, together["of_the_store"], label="object store, shared by all", linestyle="--")
    for kind, rows in table.groupby("name"):
        largest = rows.groupby("seconds")["own"].max()
        axes.plot(largest.index, largest.values, label=kind)
        middle = rows[in_the_middle[rows.index]]
        line = middle.groupby("seconds")["own"].max()
        slope = np.polyfit(line.index, line.values, 1)[0] * 3600 if len(line) > 2 else np.nan
        found[str(kind)] = {
            "processes": int(middle.groupby("seconds")["pid"].nunique().max()) if len(middle) else 0,
            "largest": round(float(largest.max()), 1),
            "growth_an_hour": round(float(slope), 1),
        }
    axes.set(xlabel="seconds", ylabel="memory of the largest process of a kind, MB", ylim=(0, None))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(log.with_suffix(".png"), dpi=120)
    return found


def same_ids(entries: Path, answers: Path) -> dict[str, int]:
    """How many entries and predictions there are. Exits where one is missing or doubled."""
    keys = [_keys(folder, kind) for folder, kind in ((entries, "entries"), (answers, "predictions"))]
    distinct = [len(pc.unique(each)) for each in keys]
    missing = int(pc.sum(pc.invert(pc.is_in(keys[0], value_set=keys[1]))).as_py())
    if missing or distinct[0] != distinct[1] or len(keys[1]) != distinct[1]:
        sys.exit(f"{distinct[0]} entries, {len(keys[1])} answers to {distinct[1]}; {missing} are missing")
    return {"entries": len(keys[0]), "answers": len(keys[1])}


def _keys(folder: Path, kind: str) -> pa.Array:
    files = open_artifact(str(folder), kind, verified=True).files()
    table = pq.read_table(files, columns=["entity", "entry_id"], partitioning=None)
    return joined_keys(table["entity"], table["entry_id"])


if __name__ == "__main__":
    os.environ.pop("RAY_ADDRESS", None)  # a Ray of its own, whose processes are the job's
    main()
