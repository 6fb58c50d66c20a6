"""A training from its first epoch to its best one, for one process or for one rank of many.

`run_epochs` is the only loop over epochs: `fit_network` runs it in this process, `ray_jobs.ddp.training` on
every worker. Results depend on data, settings and seed alone, so one process and one worker agree to the bit.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jet.books.split import CALIBRATION, SPLITS, TRAIN
from jet.model.decode import exact_matches
from jet.model.network import JetNetwork, Tables
from jet.model.settings import ModelSettings
from jet.ranking.examples import Examples, newest, with_and_without_totals
from jet.ranking.ranker import Ranker
from jet.ranking.settings import RankerSettings
from jet.ranking.statistics import Statistics
from jet.texts.encoder import one_thread
from jet.training.data import TrainingData
from jet.training.loop import TrainBatch, Trainer, epoch_rows
from jet.training.settings import LossSettings, OptimSettings, TrainSettings

NO_FINITE_EPOCH = "the training failed: no epoch had a finite likelihood; lower optim.learning_rate"

log = logging.getLogger("jet.train")


@dataclass(frozen=True)
class Epoch:
    """The result of an epoch."""

    figures: dict[str, float]
    """Metrics of the training rows (`train/...`) and of the calibration rows (`val/...`)."""
    best: bool
    """Whether its calibration likelihood is the highest so far."""


def refuse_too_few(data: TrainingData, parts: Sequence[int] = (TRAIN,)) -> None:
    """Raise `ValueError` where one of the `parts` of the split has no row that the network can write.

    Without rows to calibrate on, a training is possible, but nothing is promised.
    """
    log.info("entries: %s; learnable %d", data.sizes(), len(data.learnable(TRAIN)))
    if not all(len(data.learnable(part)) for part in parts):
        raise ValueError(
            f"too few entries to train on: the split leaves {data.sizes()}. It takes booked entries of at most "
            f"{data.model.max_lines} lines in {' and '.join(SPLITS[part] for part in parts)}"
        )


def build_network(data: TrainingData, model: ModelSettings, seed: int) -> JetNetwork:
    """A network of the data's sizes, its weights drawn from the seed."""
    torch.manual_seed(seed)
    return JetNetwork.for_corpus(model, data.corpus)


def steps_per_epoch(data: TrainingData, settings: TrainSettings) -> int:
    """How many steps every rank takes in an epoch."""
    rows = data.learnable(TRAIN)
    return len(epoch_rows(rows, settings.seed, 0, settings.batch_size, 0, 1, most=settings.epoch_rows))


def run_epochs(
    trainer: Trainer, data: TrainingData, beams: int, rank: int = 0, until: int | None = None
) -> Iterator[Epoch]:
    """Train from the trainer's next epoch on; yields each when it is done.

    Ends early where the calibration likelihood has not risen for `train.patience` epochs, and after epoch
    `until`, if that is given. Every rank of `trainer.world` must run it.
    """
    settings, world = trainer.settings, trainer.world
    rows, held_out = data.learnable(TRAIN), data.learnable(CALIBRATION)
    count = min(settings.watched_rows or len(held_out), len(held_out))
    watched = held_out[np.linspace(0, len(held_out) - 1, count).astype(int)]
    last = until or settings.max_epochs
    while trainer.progress.epoch < last and not trainer.progress.stopped(settings):
        epoch = trainer.progress.epoch
        order = epoch_rows(
            rows, settings.seed, epoch, settings.batch_size, rank, world, most=settings.epoch_rows
        )
        figures = trainer.train_epoch(data.batches(order), rank)
        figures |= trainer.evaluate(data.batches(rank_batches(held_out, rank, world, settings.batch_size)))
        figures |= watch(trainer, data, rank_batches(watched, rank, world, settings.batch_size), beams)
        yield Epoch(figures, trainer.record(figures))


def rank_batches(rows: np.ndarray, rank: int, world: int, batch_size: int) -> list[np.ndarray]:
    """A rank's part of `rows` in batches; all ranks together have every row once."""
    part = rows[rank::world]
    return [part[start : start + batch_size] for start in range(0, len(part), batch_size)]


@torch.no_grad()
def watch(trainer: Trainer, data: TrainingData, batches: list[np.ndarray], beams: int) -> dict[str, float]:
    """The exact match of beam search on the watched calibration rows (`val/exact_match`)."""
    network = trainer.inner.eval()
    right, size = 0.0, 0.0
    for parts in data.batches(batches):
        exact = decoded_exactly(network, parts.to(trainer.device), beams)
        right += float(exact.sum())
        size += len(exact)
    sums = trainer.reduce({"right": right, "size": size})
    return {"val/exact_match": sums["right"] / max(1.0, sums["size"])}


@torch.no_grad()
def decoded_exactly(network: JetNetwork, parts: TrainBatch, beams: int) -> Tensor:
    """bool [B]: for which entries the best set by beam search is exactly the target; batch by batch."""
    batches, texts, accounts, rows = parts
    tables = Tables(network.text_table(texts), network.account_table(accounts, rows))
    return torch.cat([exact_matches(network, batch, tables, beams) for batch in batches])


def log_epoch(trainer: Trainer, epoch: Epoch) -> None:
    """Log one line about an epoch."""
    figures = epoch.figures
    log.info(
        "epoch %d/%d: loss %.3f, calibration likelihood %.3f, exact match %.3f%s",
        trainer.progress.epoch,
        trainer.settings.max_epochs,
        figures.get("train/loss", float("nan")),  # missing where all steps were bad
        figures["val/likelihood"],
        figures["val/exact_match"],
        " (best so far)" if epoch.best else "",
    )


def training_facts(epochs: int, best: Mapping[str, float], workers: int) -> dict[str, Any]:
    """The facts of a model card about a training of `epochs` epochs, with the metrics of the best one."""
    return {
        "epochs": epochs,
        "best_epoch": int(best["epoch"]),
        "calibration_likelihood": round(best["val/likelihood"], 4),
        "calibration_exact_match_watched": round(best["val/exact_match"], 4),
        "workers": workers,
    }


def fit_network(
    data: TrainingData,
    settings: TrainSettings,
    losses: LossSettings,
    optim: OptimSettings,
    beams: int,
    device: torch.device | None = None,
) -> tuple[JetNetwork, dict[str, Any]]:
    """Train a network in this process; returns it as it was after its best epoch, and the `training_facts`.

    Raises `ValueError` where no epoch had a finite likelihood.
    """
    best: dict[str, float] = {}
    weights: dict[str, Tensor] = {}
    with one_thread():
        network = build_network(data, data.model, settings.seed).to(device or torch.device("cpu"))
        trainer = Trainer(network, settings, losses, optim, steps_per_epoch(data, settings), device)
        for epoch in run_epochs(trainer, data, beams):
            log_epoch(trainer, epoch)
            if epoch.best:
                best = {"epoch": trainer.progress.epoch, **epoch.figures}
                weights = {name: value.clone() for name, value in network.state_dict().items()}
    if not weights:
        raise ValueError(NO_FINITE_EPOCH)
    network.load_state_dict(weights)
    return network.cpu(), training_facts(trainer.progress.epoch, best, workers=1)


def fit_ranker(data: TrainingData, settings: RankerSettings, seed: int) -> Ranker:
    """Train the set ranker on the training rows, in this process."""
    rows, hidden = with_and_without_totals(ranker_rows(data, settings))
    examples = Examples.of(ranker_statistics(data), rows, data.hits.take(rows), settings, hidden)
    return examples.fit(settings, seed)


def ranker_rows(data: TrainingData, settings: RankerSettings) -> np.ndarray:
    """int64: the rows that the ranker learns from."""
    return newest(data.learnable(TRAIN), data.corpus.rows.entity, settings.rows)


def ranker_statistics(data: TrainingData) -> Statistics:
    """The counts for the features of the ranker's rows."""
    return Statistics.of(data.corpus, data.retrieval, data.model.max_lines)
