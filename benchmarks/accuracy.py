"""The table of docs/accuracy.md: jet beside every baseline on real ledgers, one model for all of them.

    python -m benchmarks.accuracy --data ../shared/data --output DIR [--seeds 0 1 2]

For each seed `jet pipeline` runs on all folders of the data together (a finished seed is not run again); the
first seed measures all baselines, which are the same for every seed but those that are trained at random. The
figures come from each report's `rows.parquet` and `metrics.json`, by the folder that an entry's file lies in.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jet.artifacts.artifact import open_artifact
from jet.books.schema import ENTRIES
from jet.bundle.saved import load_bundle
from jet.confidence.calibration import Calibration
from jet.confidence.stack import METHODS
from jet.experiments.ablation.sources import sources_of

RESAMPLES = 10_000


def main() -> None:
    """Run what is not finished, and print the tables in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with a folder of ledger files for each source")
    parser.add_argument("--output", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    folders = [_run(args.data, args.output, seed, seed == args.seeds[0]) for seed in args.seeds]
    rows = [_rows(folder) for folder in folders]
    names = sorted(set(rows[0]["source"].to_pylist()))
    baselines = [name for name in _methods(rows[0]) if name not in METHODS]
    print(_exact_match(rows, names, baselines), "\n")
    print(_confidence(rows, folders, names), "\n")
    print(_by_stratum(rows, names), "\n")
    print(_new_companies(folders[0], names))


def _run(data: str, output: str, seed: int, first: bool) -> Path:
    folder = Path(output) / f"seed-{seed}"
    ledgers = sorted(str(path) for path in Path(data).iterdir() if path.is_dir())
    # Baselines, the frozen protocol and the learning curve are measured once.
    rest = ["--evaluate.baselines", "none", "--evaluate.frozen", "false", "--evaluate.curve_rows", "0"]
    report = ["--evaluate.baselines", "all"] if first else rest
    command = [sys.executable, "-m", "ray_jobs.pipeline", "--ledgers", *ledgers, "--output", str(folder)]
    subprocess.run(
        [*command, "--train.seed", str(seed), *report],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return folder


def _rows(folder: Path, table: str = "rows.parquet") -> pa.Table:
    """The test rows of a run, with their source."""
    rows = pq.read_table(folder / "report" / table)
    entries = open_artifact(str(folder / "entries"), "entries").read_table(ENTRIES)
    keys = dict(zip(_keys(entries), sources_of(entries).tolist(), strict=True))
    return rows.append_column("source", pa.array([keys[key] for key in _keys(rows)]))


def _keys(table: pa.Table) -> list[tuple[str, str]]:
    return list(zip(table["entity"].to_pylist(), table["entry_id"].to_pylist(), strict=True))


def _methods(rows: pa.Table) -> list[str]:
    return [name.removesuffix("_right") for name in rows.column_names if name.endswith("_right")]


def _right(rows: list[pa.Table], method: str, mask: np.ndarray) -> np.ndarray:
    """[seeds, rows] which predictions are right, of the seeds that measured the method."""
    return np.stack(
        [t[f"{method}_right"].to_numpy()[mask] for t in rows if f"{method}_right" in t.column_names]
    )


def _exact_match(rows: list[pa.Table], names: list[str], baselines: list[str]) -> str:
    masks = {name: pc.equal(rows[0]["source"], name).to_numpy() for name in names}
    masks["together"] = np.ones(len(rows[0]), dtype=bool)
    heads = [f"{name} ({mask.sum()} test)" for name, mask in masks.items()]
    lines = ["| exact match | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for method in [*baselines, *METHODS]:
        cells = []
        for mask in masks.values():
            right = _right(rows, method, mask)
            cell = f"{right.mean():.3f}"
            if method in baselines:
                low, high = _interval(_right(rows, "stacked", mask).mean(axis=0) - right.mean(axis=0))
                cell += f" (jet {low:+.3f} to {high:+.3f})"
            elif len(right) > 1:
                cell += " (" + ", ".join(f"{each:.3f}" for each in right.mean(axis=1)) + ")"
            cells.append(cell)
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _interval(difference: np.ndarray) -> tuple[float, float]:
    """95 % of the means of paired resamples of the entries."""
    drawn = np.random.default_rng(0).integers(len(difference), size=(RESAMPLES, len(difference)))
    low, high = np.quantile(difference[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _confidence(rows: list[pa.Table], folders: list[Path], names: list[str]) -> str:
    lines = [
        "| stacked, by seed | promise | automated | right among these | calibration error |",
        "|---|---|---|---|---|",
    ]
    calibrations = [load_bundle(f"{folder}/model").judgment.calibrations["stacked"] for folder in folders]
    for name in [*names, "together"]:
        for promise in (0.9, 0.95, 0.99):
            given = zip(rows, calibrations, strict=True)
            found = [_automated(table, calibration, name, promise) for table, calibration in given]
            cells = [", ".join("–" if v[i] is None else f"{v[i]:.3f}" for v in found) for i in range(3)]
            lines.append(f"| {name} | {promise} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _automated(
    rows: pa.Table, calibration: Calibration, name: str, promise: float
) -> tuple[float, float | None, float]:
    """Coverage, precision and calibration error of a source's test rows, by the run's own thresholds."""
    mask = np.ones(len(rows), bool) if name == "together" else pc.equal(rows["source"], name).to_numpy()
    cut = calibration.thresholds(promise).of(rows["entity"].to_pylist())[mask]
    sure, right = rows["stacked_confidence"].to_numpy()[mask], rows["stacked_right"].to_numpy()[mask]
    auto = sure >= cut
    bins = np.clip((sure * 10).astype(int), 0, 9)
    error = sum(abs(sure[bins == b].sum() - right[bins == b].sum()) for b in np.unique(bins)) / len(sure)
    return float(auto.mean()), float(right[auto].mean()) if auto.any() else None, float(error)


def _by_stratum(rows: list[pa.Table], names: list[str]) -> str:
    lines = ["| stacked | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for column in [name for name in rows[0].column_names if name.startswith("stratum_")]:
        for value in sorted(set(rows[0][column].to_pylist())):
            cells = []
            for name in names:
                chosen = pc.and_(pc.equal(rows[0]["source"], name), pc.equal(rows[0][column], value))
                right = _right(rows, "stacked", chosen.to_numpy())
                cells.append(f"{right.mean():.3f} (n {right.shape[1]})" if right.size else "–")
            lines.append(f"| {column.removeprefix('stratum_')}: {value} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _new_companies(folder: Path, names: list[str]) -> str:
    rows = _rows(folder, "new-companies/rows.parquet")
    histories = sorted(set(rows["history"].to_pylist()))
    lines = ["| entries known | " + " | ".join(map(str, histories)) + " |", "|---|" + "---|" * len(histories)]
    for name in [*names, "together"]:
        own = rows if name == "together" else rows.filter(pc.equal(rows["source"], name))
        for label, column in ((name, "right"), (f"{name}, SVM on the same entries", "svm_right")):
            cells = [own.filter(pc.equal(own["history"], history))[column].to_numpy() for history in histories]
            lines.append(f"| {label} | " + " | ".join(f"{each.mean():.3f}" for each in cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
