"""The checkpoints of a training under Ray Train: where they lie, one way to go on from one, one way to report.

`jet train` and `jet finetune` keep different states the same way.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Protocol

import ray.train
import torch
from ray.train import Checkpoint

from jet.artifacts.artifact import beside
from jet.artifacts.storage import absolute, resolve

STATE = "state.pt"
"""The file of a checkpoint."""


class Resumable(Protocol):
    """What goes on from a checkpoint."""

    device: torch.device

    def state(self) -> dict[str, Any]:
        """Everything needed to go on."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""


def checkpoints(output: str) -> str:
    """Where a training's checkpoints live until what it makes is published: beside the output."""
    return beside(absolute(output), "training")


def resume(trainer: Resumable, start: str | None = None) -> None:
    """Go on from the run's newest checkpoint, or else from the one at `start`, if there is one."""
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None and start:
        filesystem, path = resolve(start)
        checkpoint = Checkpoint(path, filesystem)
    if checkpoint is None:
        return
    with checkpoint.as_directory() as folder:
        trainer.load_state(torch.load(Path(folder) / STATE, weights_only=True, map_location=trainer.device))


def report(trainer: Resumable, figures: dict[str, float], rank: int) -> None:
    """Report the figures of an epoch; rank 0 attaches the checkpoint (figures without one would be dropped).

    Every rank calls it after every epoch: Ray's report waits for all of them.
    """
    if rank != 0:
        ray.train.report(figures)
        return
    with tempfile.TemporaryDirectory() as folder:
        torch.save(trainer.state(), Path(folder) / STATE)
        ray.train.report(figures, checkpoint=Checkpoint.from_directory(folder))
