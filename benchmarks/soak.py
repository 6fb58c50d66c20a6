"""A soak: ingest, neighbors, train and predict over millions of entries, and the memory of every process while
they run.

    python -m benchmarks.soak --output DIR [--entries 2000000] [--companies 200] [--sample 300000]
                              [--new 200000] [--config FILE] [--actors 2] [--every 5]

A made-up ledger is imported into buckets, its neighbors are searched, a model is trained on a sample of the
buckets, and the newest entries of all companies are predicted, without their lines, once for each number of
actors. Every few seconds the proportional set size of each process of the job and its Ray is taken (pages that
processes share count once in all), and how much of it is Ray's object store. In the end it checks that each id
came out once, and no other. DIR gets `memory-JOB.csv`, `memory-JOB.png` and `soak.json`; finished steps there
are not repeated.
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
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from jet.artifacts.artifact import artifact_writer, open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES, REJECTED, joined_keys
from jet.books.withheld import without_lines
from jet.texts.normalize import stable_hashes
from ray_jobs.spread.buckets import write_bucket


def main() -> None:
    """Run what is not finished; print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--entries", type=int, default=2_000_000)
    parser.add_argument("--companies", type=int, default=200)
    parser.add_argument("--sample", type=int, default=300_000, help="entries that train (split.sample)")
    parser.add_argument("--new", type=int, default=200_000, help="entries to predict, about")
    parser.add_argument("--config", help="settings for the jobs, a YAML file")
    parser.add_argument("--actors", type=int, nargs="*", default=[2], help="numbers of predicting actors")
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two samples of the memory")
    args = parser.parse_args()
    out = args.output
    given = [*(["--config", args.config] if args.config else []), "--split.sample", str(args.sample)]
    books, entries, neighbors = out / "books", out / "entries", out / "neighbors"
    if not entries.exists() and not books.exists():
        made_up = ["--companies", str(args.companies), "--seed", "7", "--entries", str(args.entries)]
        jet("demo-ledger", *made_up, "--output", str(books))
    jobs = {
        "ingest": (entries, ["ingest", "--ledgers", books]),
        "neighbors": (neighbors, ["neighbors", "--entries", entries]),
        "train": (out / "model", ["train", "--data", out]),
    }
    for actors in args.actors:
        asked = ["predict", "--ledgers", out / "new", "--bundle", out / "model", "--books", entries]
        asked += ["--neighbors", neighbors, "--runtime.actors", actors]
        jobs[f"predict-{actors}"] = (out / f"predict-{actors}", asked)
    figures: dict[str, dict[str, object]] = {}
    for name, (answers, job) in jobs.items():
        log = out / f"memory-{name}.csv"
        if name.startswith("predict") and not (out / "new").exists():
            write_newest(entries, out / "new", args.new)
        if not answers.exists():
            watch([*map(str, job), "--output", str(answers), *given], log, args.every)
        figures[name] = memory_figures(log)
    figures["neighbors"] |= same_ids(entries, neighbors, "neighbors")
    for actors in args.actors:
        figures[f"predict-{actors}"] |= same_ids(out / "new", out / f"predict-{actors}", "predictions")
    (out / "soak.json").write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures, indent=1))


def write_newest(entries: Path, output: Path, count: int) -> None:
    """Write about `count` entries without their lines, the newest of each company."""
    books = open_artifact(str(entries), "entries", verified=True)
    share = count / sum(pq.read_metadata(name).num_rows for name in books.files())
    with artifact_writer(str(output), "entries", {}, {"entries": books.manifest.fingerprint}) as writer:
        rows = 0
        for number, bucket in enumerate(books.buckets()):
            table = books.read_table(ENTRIES, buckets=[bucket])
            entity = table["entity"].combine_chunks().dictionary_encode().indices.to_numpy()
            last = np.searchsorted(entity, entity, side="right")  # entries are sorted
            size = last - np.searchsorted(entity, entity)
            chosen = np.flatnonzero(last - np.arange(len(table)) <= np.ceil(share * size))
            new = without_lines(table.take(pa.array(chosen)))
            write_bucket(number, new, books.read_table(ACCOUNTS, "accounts", [bucket]), writer)
            rows += len(new)
        writer.write_table("rejected/part-0.parquet", REJECTED.empty_table())
        writer.publish({"entries": rows})


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
        "MapWorker": "actor",
        "Map(": "task",
        "RayTrainWorker": "training worker",
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


def same_ids(entries: Path, answers: Path, kind: str) -> dict[str, int]:
    """How many entries and answers there are. Exits where one is missing or doubled."""
    keys = [_keys(folder, each) for folder, each in ((entries, "entries"), (answers, kind))]
    if not np.array_equal(*keys) or len(np.unique(keys[1])) != len(keys[1]):
        sys.exit(f"{len(keys[0])} entries and {len(keys[1])} {kind} are not one for one")
    return {"entries": len(keys[0]), "answers": len(keys[1])}


def _keys(folder: Path, kind: str) -> np.ndarray:
    """int64, sorted: a hash of each row's company and id."""
    found = []
    for name in open_artifact(str(folder), kind, verified=True).files():
        table = pq.read_table(name, columns=["entity", "entry_id"], partitioning=None)
        found.append(stable_hashes(joined_keys(table["entity"], table["entry_id"])))
    return np.sort(np.concatenate(found))


if __name__ == "__main__":
    os.environ.pop("RAY_ADDRESS", None)  # a Ray of its own, whose processes are the job's
    main()
