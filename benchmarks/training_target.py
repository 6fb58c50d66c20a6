"""CPU-seconds of a training until it reaches a calibration score: this checkout beside an earlier one.

    git worktree add /tmp/before 5b74f6e
    python -m benchmarks.training_target --data RUN --before /tmp/before [--seeds 0 1 2]

RUN is a folder with what `jet ingest` and `jet neighbors` wrote. Each checkout trains the network by its own
defaults in one process with one thread: epochs, evaluation on the calibration split and the watched rows, as a
worker of `jet train` does. The target is the lower of the two best mean log-likelihoods of an entry, so that
both reach it; what counts is the process' CPU time until the end of the first epoch that does.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Train in both checkouts in turn, or, started with `--epochs-of`, in this one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs-of", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.epochs_of is not None:
        print(json.dumps(epochs(args.data, args.epochs_of)))
        return
    from benchmarks.side_by_side import compared, report

    seconds: dict[str, list[float]] = {"jet": [], "before": []}
    notes = {}
    for number, seed in enumerate(args.seeds):
        found = {}
        for name in ("jet", "before") if number % 2 else ("before", "jet"):
            found[name] = trained(args.data, seed, ROOT if name == "jet" else args.before)
        target = min(max(score for _, score in epochs) for epochs in found.values())
        for name, each in found.items():
            seconds[name].append(next(taken for taken, score in each if score >= target))
        notes[f"seed {seed}"] = {
            name: f"{len(each)} epochs, best {max(score for _, score in each):.3f}, all in {each[-1][0]:.0f} s"
            for name, each in found.items()
        }
    row = compared(
        seconds,
        1,
        stage="training to the same score",
        unit="trainings",
        beside="before",
        least=2.0,
        notes=notes,
    )
    row.notes["CPU-seconds"] = {name: round(statistics.median(each), 1) for name, each in seconds.items()}
    report("training_target", "python -m benchmarks.training_target --data RUN --before CHECKOUT", [row])


def trained(data: str, seed: int, checkout: Path) -> list[tuple[float, float]]:
    """CPU-seconds and likelihood of each epoch, of a training in `checkout`."""
    environment = {**os.environ, "PYTHONPATH": str(checkout.absolute()), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--data", str(Path(data).absolute()), "--epochs-of", str(seed)]
    done = subprocess.run(command, env=environment, cwd=checkout, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def epochs(folder: str, seed: int) -> list[tuple[float, float]]:
    """Train in this process, with whatever checkout is imported."""
    import torch

    from jet.training.fitting import build_network, run_epochs, steps_per_epoch
    from jet.training.loop import Trainer
    from ray_jobs.ddp.training import load_data, open_training_data
    from ray_jobs.runtime.settings import JobConfig

    torch.set_num_threads(1)
    config = JobConfig()
    config.train.seed = seed
    entries, neighbors, _ = open_training_data(folder)
    data = load_data(entries, neighbors, config)
    network = build_network(data, config.model, seed)
    steps = steps_per_epoch(data, config.train)
    trainer = Trainer(network, config.train, config.losses, config.optim, steps)
    start = time.process_time()
    found = []
    for epoch in run_epochs(trainer, data, config.predict.beams):
        found.append((time.process_time() - start, epoch.figures["val/likelihood"]))
    return found


if __name__ == "__main__":
    main()
