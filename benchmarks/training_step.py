"""Steps a second of the training: Ray Train beside torchrun, with the same loop on the same data.

    python -m benchmarks.training_step --data RUN [--epochs 4]

RUN is a folder with what `jet ingest` and `jet neighbors` wrote. Both launchers start 1 and then 2 workers,
which train for some epochs with `jet.training.loop.Trainer`, one thread each, two of them under DDP on gloo, as
`jet train` does. What counts is the time in `Trainer.train_epoch` alone; the time from the launch to the first
epoch is given beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.side_by_side import ROUNDS, Row, compared, report
from jet.books.split import TRAIN
from jet.training.fitting import build_network
from jet.training.loop import Trainer, epoch_rows
from jet.training.tracking import NoTracker
from ray_jobs.ddp.training import load_data, open_training_data, sum_over_ranks
from ray_jobs.runtime.settings import JobConfig

MODULE = "benchmarks.training_step"


def main() -> None:
    """Measure both launchers in turn, or, started by one of them, train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 2], help="numbers of workers")
    parser.add_argument("--launcher", choices=["ray", "torchrun"], help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--report", help=argparse.SUPPRESS)
    args = parser.parse_args()
    given = {
        "data": str(Path(args.data).absolute()),
        "epochs": args.epochs,
        "report": args.report,
        "launcher": args.launcher,
    }
    if args.launcher == "torchrun":
        torch.distributed.init_process_group("gloo")
        steps(given)
        torch.distributed.destroy_process_group()
    elif args.launcher == "ray":
        under_ray(given, args.workers)
    else:
        rows = [beside_torchrun(args.data, args.epochs, workers) for workers in args.counts]
        report("training_step", f"python -m {MODULE} --data RUN", rows)


def beside_torchrun(data: str, epochs: int, workers: int) -> Row:
    """Both launchers with so many workers, alternating."""
    seconds: dict[str, list[float]] = {"jet": [], "torchrun": []}
    start_up: dict[str, list[float]] = {"jet": [], "torchrun": []}
    count = 0
    for number in range(ROUNDS + 1):
        for name in sorted(seconds, reverse=bool(number % 2)):
            found = launched(name, data, epochs, workers)
            count = found["steps"]
            if number:
                seconds[name].append(found["seconds"])
                start_up[name].append(found["before"])
    notes = {
        f"seconds to the first epoch: {name}": round(sorted(each)[ROUNDS // 2], 1)
        for name, each in start_up.items()
    }
    stage = f"training step, {workers} worker{'s' * (workers > 1)}"
    return compared(seconds, count, stage=stage, unit="steps", beside="torchrun", least=0.97, notes=notes)


def launched(name: str, data: str, epochs: int, workers: int) -> dict[str, Any]:
    """Run one training in processes of its own; returns the report of rank 0."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        given = ["--data", data, "--epochs", str(epochs), "--report", str(path), "--workers", str(workers)]
        launcher = [sys.executable, "-m", MODULE, "--launcher", "ray"]
        if name == "torchrun":
            torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python"]
            launcher = [
                *torchrun,
                f"--nproc-per-node={workers}",
                sys.executable,
                "-m",
                MODULE,
                "--launcher",
                "torchrun",
            ]
        start = time.time()
        done = subprocess.run(
            [*launcher, *given],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(done.stdout + done.stderr)
        found = json.loads(path.read_text())
        return found | {"before": found["began"] - start}


def under_ray(given: dict[str, Any], workers: int) -> None:
    """The training by Ray Train."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from ray_jobs.runtime.connection import connect
    from ray_jobs.runtime.settings import RuntimeSettings

    connect(RuntimeSettings(train_workers=workers))
    with tempfile.TemporaryDirectory() as storage:
        TorchTrainer(
            steps,
            train_loop_config=given,
            scaling_config=ScalingConfig(num_workers=workers),
            run_config=RunConfig(storage_path=storage),
        ).fit()


def steps(given: dict[str, Any]) -> None:
    """What each worker does: the first epoch warms up, the others are timed."""
    from ray.train.torch import prepare_model

    torch.set_num_threads(1)
    config = JobConfig()
    entries, neighbors, _ = open_training_data(given["data"])
    data = load_data(entries, neighbors, config)
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    network: torch.nn.Module = build_network(data, config.model, config.train.seed)
    if given["launcher"] == "ray":
        network = prepare_model(network)
    elif world > 1:
        network = torch.nn.parallel.DistributedDataParallel(network)
    rows, size, seed = data.learnable(TRAIN), config.train.batch_size, config.train.seed
    count = len(epoch_rows(rows, seed, 0, size, rank, world))
    device = torch.device("cpu")
    trainer = Trainer(
        network, config.train, config.losses, config.optim, count, device, sum_over_ranks, NoTracker(), world
    )
    began, seconds = time.time(), 0.0
    for epoch in range(given["epochs"] + 1):
        batches = data.batches(epoch_rows(rows, seed, epoch, size, rank, world))
        torch.distributed.barrier()
        start = time.perf_counter()
        trainer.train_epoch(batches, rank)
        if epoch:
            seconds += time.perf_counter() - start
    if rank == 0:
        found = {"steps": count * given["epochs"], "seconds": seconds, "began": began}
        Path(given["report"]).write_text(json.dumps(found))


if __name__ == "__main__":
    main()
