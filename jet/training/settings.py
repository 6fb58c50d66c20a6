"""The settings of trainings, which every process reads: without PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from jet.training.schedules import Schedule, build_schedule

LOSSES = ("pointer", "side", "stop")

LEARNING_RATES = {"full": 5e-5, "lora": 5e-4}
"""The defaults of `FinetuneSettings.learning_rate`; an adapter starts at zero, so its weights must change
more."""


@dataclass(kw_only=True)
class TrainSettings:
    """The training."""

    seed: int = 0
    """Of the weights, the order of the rows and everything dropped at random."""
    batch_size: int = 128
    """Entries a step, over all workers."""
    max_epochs: int = 12
    """Most epochs, passes over the training rows; the learning rate falls over this many."""
    epoch_rows: int = 0
    """Most training rows of an epoch, others in each; 0: all. Of many millions of rows an epoch takes hours,
    and only at its end there is a checkpoint and a look at the calibration."""
    patience: int = 4
    """Epochs without a better calibration likelihood before the training stops."""
    watched_rows: int = 128
    """Calibration rows that are decoded freely after every epoch, spread over the split; 0: all of them."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 where the device is a GPU that has it, fp32 elsewhere."""
    max_bad_steps: int = 20
    """Steps with a gradient that is not finite, before the training gives up."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "max_epochs", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"train.{name} must be at least 1, got {getattr(self, name)}")
        for name in ("epoch_rows", "watched_rows"):
            if getattr(self, name) < 0:
                raise ValueError(f"train.{name} must be at least 0, got {getattr(self, name)}")


@dataclass(kw_only=True)
class OptimSettings:
    """AdamW, a cosine learning rate with warm-up, and gradient clipping."""

    learning_rate: float = 1.5e-3
    """Peak learning rate, reached after the warm-up."""
    weight_decay: float = 0.05
    """Weight decay of matrices; vectors and norms have none."""
    warmup: float = 0.05
    """Share of the training over which the learning rate rises from 0."""
    final_share: float = 0.05
    """Learning rate at the end, as a share of the peak."""
    clip: float = 1.0
    """Largest gradient norm of each group of parameters: heads, decoder, tables, everything else."""

    def __post_init__(self) -> None:
        if self.learning_rate <= 0:
            raise ValueError(f"optim.learning_rate must be above 0, got {self.learning_rate}")
        if not 0 <= self.warmup < 1 or not 0 <= self.final_share <= 1:
            raise ValueError("optim.warmup must be at least 0 and below 1, optim.final_share from 0 to 1")
        if self.clip <= 0:
            raise ValueError(f"optim.clip must be above 0, got {self.clip}")


class LossScaling(Protocol):
    """Rescales the weights of the losses by the losses so far; part of a training's state."""

    def scaled(self, weights: Mapping[str, float]) -> dict[str, float]:
        """The rescaled weights for the next step."""

    def observe(self, losses: Mapping[str, float]) -> None:
        """Record a step's unweighted mean losses per entry over all ranks, by name."""

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a `state`."""


@dataclass(kw_only=True)
class LossSettings:
    """The weight of each loss: a number, or a schedule over the training (see `jet.training.schedules`)."""

    pointer: float | dict = field(default=1.0)
    """Loss of which account comes next."""
    side: float | dict = field(default=1.0)
    """Loss of debit or credit, given the account."""
    stop: float | dict = field(default=1.0)
    """Loss of whether the entry ends."""

    def __post_init__(self) -> None:
        self.schedules()

    def schedules(self) -> dict[str, Schedule]:
        """The schedule of each loss by name. Raises `ValueError` where one can't be built."""
        return {name: build_schedule(getattr(self, name), f"losses.{name}") for name in LOSSES}

    def scaling(self) -> LossScaling | None:
        """None: the weights aren't rescaled.

        A method, so that `jet.experiments` can override it to measure the ancestor's scaling; no setting does.
        """
        return None


@dataclass(kw_only=True)
class FinetuneSettings:
    """The fine-tuning of an encoder."""

    method: Literal["full", "lora"] = "full"
    """full: all weights. lora: low-rank changes of the linear layers, which are merged into them at the end; it
    needs less memory for the optimizer. Needs the package peft."""
    seed: int = 0
    """Of the pairs, their order, dropout and the adapter's initial weights."""
    batch_size: int = 64
    """Pairs a step, over all workers. A pair's negatives are the others of its worker's part."""
    epochs: int = 3
    """Passes over the distinct texts; each draws other pairs."""
    max_pairs: int = 200_000
    """Most pairs of an epoch."""
    learning_rate: float | None = None
    """Highest learning rate; null: 5e-5, or 5e-4 with lora."""
    weight_decay: float = 0.01
    """On matrices; vectors and norms have none."""
    warmup: float = 0.1
    """Share of the fine-tuning over which the learning rate rises from 0; then it falls to 0."""
    temperature: float = 0.05
    """Cosines are divided by it before the softmax."""
    clip: float = 1.0
    """Largest gradient norm."""
    lora_rank: int = 16
    """Rank of the changes that lora learns."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 where the device is a GPU that has it, fp32 elsewhere."""

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 2), ("epochs", 1), ("max_pairs", 2), ("lora_rank", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"finetune.{name} must be at least {least}, got {getattr(self, name)}")
        for name in ("temperature", "clip", "learning_rate"):
            if getattr(self, name) is not None and getattr(self, name) <= 0:
                raise ValueError(f"finetune.{name} must be above 0, got {getattr(self, name)}")
        self.optim()

    def refuse_uneven(self, workers: int) -> None:
        """Raise `ValueError` where `workers` can't share a batch evenly, two pairs or more each."""
        if self.batch_size % workers or self.batch_size < 2 * workers:
            raise ValueError(
                f"finetune.batch_size {self.batch_size} can't be shared evenly, two pairs or more each, by "
                f"runtime.train_workers {workers}: change one of them"
            )

    def optim(self) -> OptimSettings:
        """The optimizer's settings: the learning rate falls to 0."""
        return OptimSettings(
            learning_rate=self.learning_rate or LEARNING_RATES[self.method],
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            final_share=0.0,
        )
