"""The training loop: plain PyTorch over batches, for one process or many.

What a step does depends only on the seed and the step's number: the global batch is a slice of the epoch's
permutation and every rank takes its part of it, so N workers see what one would see, no row is dropped,
and a run that resumes at an epoch goes on as if nothing had happened. Early stopping follows the likelihood
of the calibration split. Steps whose gradient is not finite are skipped, counted, and fatal past a limit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

from jet.books.tokens import NOTHING
from jet.model.batch import Batch
from jet.model.network import JetNetwork, Step, TextInputs
from jet.training.losses import entry_losses
from jet.training.optim import build_optimizer, clip_gradients, clip_groups, learning_rate
from jet.training.settings import LOSSES, LossSettings, OptimSettings, TrainSettings
from jet.training.tracking import NoTracker, Tracker


class TrainBatch(NamedTuple):
    """What the network's `forward` takes; made by `jet.model.network.localized`."""

    batches: tuple[Batch, ...]
    """Entries of similar length together."""
    texts: TextInputs
    accounts: TextInputs
    account_rows: Tensor

    def to(self, device: torch.device) -> TrainBatch:
        """The same on `device`."""
        batches = tuple(batch.to(device) for batch in self.batches)
        return TrainBatch(
            batches, self.texts.to(device), self.accounts.to(device), self.account_rows.to(device)
        )


Reduce = Callable[[dict[str, float]], dict[str, float]]
"""Sums figures over all ranks."""


def epoch_rows(  # noqa: PLR0913 - which epoch, and which worker's share of it
    rows: np.ndarray, seed: int, epoch: int, batch_size: int, rank: int, world: int, most: int = 0
) -> np.ndarray:
    """int64 [steps, about batch_size / world]: the rows that `rank` sees in each step of `epoch`; `most`
    rows in all, where that isn't 0.

    The last batch is filled up from the permutation's beginning, so every rank has the same number of steps of
    the same size; the sizes of two ranks differ by one row at most. Raises `ValueError` where a rank would have
    none.
    """
    if batch_size < world:
        raise ValueError(f"a batch of {batch_size} entries can't be shared by {world} workers")
    order = np.random.default_rng([seed, epoch]).permutation(rows)[: most or None]
    steps = math.ceil(len(order) / batch_size)
    order = np.resize(order, steps * batch_size)
    start, stop = (batch_size * each // world for each in (rank, rank + 1))
    return order.reshape(steps, batch_size)[:, start:stop]


@dataclass
class Progress:
    """Where a training stands; part of its checkpoint."""

    epoch: int = 0  # epochs done
    step: int = 0
    bad_steps: int = 0
    best_likelihood: float = -math.inf
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    def stopped(self, settings: TrainSettings) -> bool:
        """Whether there is nothing left to do."""
        return self.epoch >= settings.max_epochs or self.epoch - self.best_epoch >= settings.patience


class Trainer:
    """Trains a network epoch by epoch.

    `network` is what computes (possibly wrapped for DDP), `reduce` sums over all `world` ranks.
    """

    def __init__(  # noqa: PLR0913 - three rooms' settings, and this process's place among the workers
        self,
        network: nn.Module,
        settings: TrainSettings,
        losses: LossSettings,
        optim: OptimSettings,
        steps_per_epoch: int,
        device: torch.device | None = None,
        reduce: Reduce = dict,
        tracker: Tracker | None = None,
        world: int = 1,
    ) -> None:
        self.network = network
        self.settings, self.optim_settings = settings, optim
        self.schedules = losses.schedules()
        self.scaling = losses.scaling()
        self.optimizer = build_optimizer(network, optim)
        self.groups = clip_groups(self.inner)
        self.total_steps = settings.max_epochs * steps_per_epoch
        self.device = device or torch.device("cpu")
        self.reduce = reduce
        # DDP averages over ranks: each divides its sum by the same number, whatever its own share of the batch.
        self.share = settings.batch_size / world
        self.world = world
        self.tracker = tracker or NoTracker()
        self.progress = Progress()
        bf16 = settings.precision == "bf16" or (
            settings.precision == "auto" and self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        )
        self.autocast = torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=bf16)

    @property
    def inner(self) -> JetNetwork:
        """The network itself, without DDP's wrapping."""
        return cast(JetNetwork, getattr(self.network, "module", self.network))

    def train_epoch(self, batches: Iterator[TrainBatch], rank: int = 0) -> dict[str, float]:
        """One pass; returns the epoch's mean figures over all ranks (`train/...`)."""
        seeds = np.random.SeedSequence([self.settings.seed, self.progress.epoch, rank])
        torch.manual_seed(int(seeds.generate_state(1)[0]))
        self.network.train()
        sums: dict[str, float] = {"steps": 0.0}
        for batch in batches:
            figures = self._step(batch)
            sums["steps"] += bool(figures)
            for name, value in figures.items():
                sums[name] = sums.get(name, 0.0) + value
        sums = self.reduce(sums)
        steps = sums.pop("steps")
        self.progress.epoch += 1
        return {f"train/{name}": value / steps for name, value in sums.items()}

    def _step(self, parts: TrainBatch) -> dict[str, float]:
        done = self.progress.step / self.total_steps
        weights = {name: schedule(done) for name, schedule in self.schedules.items()}
        if self.scaling is not None:
            weights = self.scaling.scaled(weights)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.optim_settings, done)
        self.optimizer.zero_grad(set_to_none=True)
        figures = self._backward(parts, weights)
        norms = clip_gradients(self.groups, self.optim_settings)
        self.progress.step += 1
        if not all(map(math.isfinite, norms.values())):
            # DDP has averaged the gradients, so every rank sees the same norms and takes the same way.
            self._count_bad_step()
            return {}  # it is not in the epoch's means
        self.optimizer.step()
        if self.scaling is not None:
            self.scaling.observe(self._mean_losses(figures))
        self.tracker.log(
            {f"train/{name}": value for name, value in figures.items()}
            | {f"train/weight_{name}": value for name, value in weights.items()}
            | {f"train/gradient_norm_{name}": value for name, value in norms.items()}
            | {
                "train/learning_rate": self.optimizer.param_groups[0]["lr"],
                "train/pointer_scale": self.inner.head.scale(),
            },
            step=self.progress.step,
        )
        return figures

    def _backward(self, parts: TrainBatch, weights: Mapping[str, float]) -> dict[str, float]:
        """Add the gradients of one step; returns its figures."""
        parts = parts.to(self.device)
        with self.autocast:
            steps: list[Step] = self.network(*parts)
        found = [
            entry_losses(step.log_probs, batch.target) for step, batch in zip(steps, parts.batches, strict=True)
        ]
        losses = {name: torch.cat([each[name] for each in found]).sum() / self.share for name in found[0]}
        total = torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()
        total.backward()
        figures = {"loss": total.item()} | {f"loss_{name}": loss.item() for name, loss in losses.items()}
        for step, batch in zip(steps, parts.batches, strict=True):
            share = len(batch.text) / self.share
            for name, value in gate_statistics(step, batch).items():
                figures[name] = figures.get(name, 0.0) + share * value
        return figures

    def _mean_losses(self, figures: Mapping[str, float]) -> dict[str, float]:
        losses = {name: figures[f"loss_{name}"] for name in LOSSES}
        sums = self.reduce({**losses, "ranks": 1.0})
        ranks = sums.pop("ranks")
        return {name: value / ranks for name, value in sums.items()}

    def _count_bad_step(self) -> None:
        self.progress.bad_steps += 1
        if self.progress.bad_steps > self.settings.max_bad_steps:
            raise FloatingPointError(
                f"{self.progress.bad_steps} steps had a gradient that is not finite (train.max_bad_steps is "
                f"{self.settings.max_bad_steps}): lower optim.learning_rate, or train with precision=fp32"
            )

    @torch.no_grad()
    def evaluate(self, batches: Iterator[TrainBatch]) -> dict[str, float]:
        """Mean log-likelihood per entry over all ranks' batches, and each loss (`val/...`)."""
        self.network.eval()
        # Every figure from the start: ranks sum them up together, and one may have no batch at all.
        sums = {"entries": 0.0, "likelihood": 0.0} | {f"loss_{name}": 0.0 for name in LOSSES}
        for parts in batches:
            with self.autocast:
                steps = self.inner(*parts.to(self.device))
            for step, batch in zip(steps, parts.batches, strict=True):
                losses = entry_losses(step.log_probs, batch.target.to(self.device))
                sums["entries"] += len(batch.text)
                sums["likelihood"] -= float(sum(losses[name].sum() for name in LOSSES))
                for name, loss in losses.items():
                    sums[f"loss_{name}"] += float(loss.sum())
        sums = self.reduce(sums)
        entries = max(1.0, sums.pop("entries"))
        return {f"val/{name}": value / entries for name, value in sums.items()}

    def record(self, figures: Mapping[str, float]) -> bool:
        """Add an epoch's metrics to the history; returns whether it is the best so far."""
        self.progress.history.append({"epoch": float(self.progress.epoch), **figures})
        self.tracker.log(figures, step=self.progress.step)
        if not figures["val/likelihood"] > self.progress.best_likelihood:  # nor is nan a best one
            return False
        self.progress.best_likelihood = figures["val/likelihood"]
        self.progress.best_epoch = self.progress.epoch
        return True

    def state(self) -> dict[str, Any]:
        """The content of a checkpoint. Random state follows from seed and epoch."""
        state = {
            "network": self.inner.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": self.progress.__dict__ | {"history": list(self.progress.history)},
        }
        return state if self.scaling is None else state | {"scaling": self.scaling.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a `state`."""
        self.inner.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])
        if self.scaling is not None:
            self.scaling.load_state(state["scaling"])


def gate_statistics(step: Step, batch: Batch) -> dict[str, float]:
    """Over the real steps of a batch: the copy's share, how often there was something to copy, and how
    concentrated the copying was (the largest attention weight)."""
    copied = step.copied.detach()
    real = batch.target != NOTHING
    could = copied.sum(-1) > 0
    share = step.copy_share.detach().squeeze(-1)[real]
    used = could & real
    return {
        "gate_copy_share": float(share.mean()),
        "gate_could_copy": float(could[real].float().mean()),
        "gate_top_attention": float(copied.amax(-1)[used].mean()) if bool(used.any()) else 0.0,
    }
