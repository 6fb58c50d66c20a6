"""The network's training under Ray Train: started here, and run on every worker.

`jet.training.fitting` does the work on a worker; this file starts workers and keeps their checkpoints. Every
rank takes its slice of the same global batches (no row is dropped, as an equal split of a dataset would), and
reports equally often, since Ray's report is a barrier over all ranks. `jet train` runs one training, `jet tune`
and `jet ablate` run many: there is no other loop.
"""

from __future__ import annotations

import contextlib
import logging
import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray.train
import torch
from ray.train import (
    CheckpointConfig,
    FailureConfig,
    LoggingConfig,
    Result,
    RunConfig,
    ScalingConfig,
    TrainingFailedError,
)
from ray.train.torch import TorchTrainer, get_device, prepare_model
from safetensors.numpy import load as load_safetensors

from jet.artifacts.artifact import Artifact, open_artifact
from jet.artifacts.places import finished_at
from jet.artifacts.storage import absolute, kept_in, resolve
from jet.books.catalog import Catalog
from jet.books.schema import ACCOUNTS, ENTRIES, NEIGHBORS
from jet.books.split import CALIBRATION, TRAIN
from jet.retrieval.collection import Hits
from jet.retrieval.corpus import Corpus
from jet.retrieval.settings import RetrievalSettings
from jet.training.data import TrainingData, booked_hits
from jet.training.fitting import (
    NO_FINITE_EPOCH,
    build_network,
    log_epoch,
    refuse_too_few,
    run_epochs,
    steps_per_epoch,
    training_facts,
)
from jet.training.loop import Trainer
from jet.training.tracking import NoTracker, Tracker, build_tracker
from ray_jobs.ddp.checkpoints import STATE, checkpoints, report, resume
from ray_jobs.runtime.connection import require
from ray_jobs.runtime.ray_quirks.signals import interruptible
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.sample import refuse_other_neighbors, training_buckets
from ray_jobs.spread.texts import read_store

PARTS = ("split", "retrieval", "model", "losses", "optim", "train", "ranker", "predict")
"""The parts of the settings that bear on a trained bundle."""

log = logging.getLogger("jet.train")


def open_training_data(folder: str, verified: bool = False) -> tuple[Artifact, Artifact, dict[str, str]]:
    """The entries and the neighbors in `folder`, and their fingerprints; `verified` as in `open_artifact`."""
    if (manifest := finished_at(folder)) is not None:
        raise ValueError(
            f"{folder} holds {manifest.kind}: --data is the folder in which entries and neighbors lie"
        )
    entries = open_artifact(f"{folder}/entries", "entries", verified)
    neighbors = open_artifact(f"{folder}/neighbors", "neighbors", verified)
    return entries, neighbors, {each.manifest.kind: each.manifest.fingerprint for each in (entries, neighbors)}


def checked_data(
    entries: Artifact, neighbors: Artifact, config: JobConfig, parts: Sequence[int] = (TRAIN, CALIBRATION)
) -> TrainingData:
    """`load_data`, where each of the `parts` of the split has entries. Raises `ValueError` where it can't be
    trained on, with what to do."""
    refuse_other_neighbors(neighbors, entries, config.part("retrieval")["retrieval"])
    if config.train.batch_size < config.runtime.train_workers:
        raise ValueError(
            f"train.batch_size {config.train.batch_size} can't be shared by runtime.train_workers "
            f"{config.runtime.train_workers}: change one of them"
        )
    data = load_data(entries, neighbors, config)
    refuse_too_few(data, parts)
    return data


def load_data(entries: Artifact, neighbors: Artifact, config: JobConfig) -> TrainingData:
    """What the training reads, from the two artifacts: the buckets that train (`jet.books.sample`)."""
    buckets = training_buckets(entries, config.split)
    store = read_store(neighbors.filesystem, neighbors.files("texts", buckets))
    idf = load_safetensors(neighbors.read_bytes("idf.safetensors"))["idf"]
    catalog = Catalog.from_accounts(entries.read_table(ACCOUNTS, "accounts", buckets))
    booked, hits = neighbors_of(buckets, entries, neighbors, config.retrieval)
    corpus = Corpus.of(booked, catalog, store, idf)
    return TrainingData.build(booked, corpus, hits, config.split, config.model, config.retrieval)


def neighbors_of(
    buckets: Sequence[str], entries: Artifact, neighbors: Artifact, settings: RetrievalSettings
) -> tuple[pa.Table, Hits]:
    """The booked entries of some buckets, sorted, and their neighbors."""
    parts = (
        (entries.read_table(ENTRIES, buckets=[each]), neighbors.read_table(NEIGHBORS, buckets=[each]))
        for each in buckets
    )
    return booked_hits(parts, settings)


def fit(
    folder: str, output: str, config: JobConfig, name: str, tracked: str | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the workers; returns the best epoch's state and what a model card tells.

    Raises `ValueError` with the reason where the training failed.
    """
    workers = config.runtime.train_workers
    least = config.runtime.train_min_workers or workers
    require(
        config.runtime,
        least,
        least * config.runtime.train_gpu,
        f"training with {least} workers",
        "lower runtime.train_workers",
    )
    log.info("training with %d workers, up to %d epochs", workers, config.train.max_epochs)
    try:
        with interruptible():
            result = trainer_of(folder, config, checkpoints(output), name, tracked=tracked).fit()
    except TrainingFailedError as error:
        raise ValueError(f"the training failed: {reason(str(error))}") from error
    state, figures = best_state(result)
    return state, training_facts((result.metrics or figures)["epoch"], figures, workers)


def reason(text: str) -> str:
    """The one line of a traceback that says why: the last that names an exception."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or ["it gave no reason"]
    said = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Exit|Interrupt)\b.*:", line)]
    return (said or lines)[-1][:500]


def trainer_of(  # noqa: PLR0913 - what a training, a trial and a unit of an ablation each need of it
    folder: str,
    config: JobConfig,
    storage: str,
    name: str,
    *,
    start: str | None = None,
    until: int | None = None,
    retries: int = 3,
    quiet: bool = False,
    tracked: str | None = None,
    callbacks: Sequence[Any] = (),
) -> TorchTrainer:
    """The training of what is in `folder`, with its checkpoints in `storage`/`name`.

    It goes on from its own newest checkpoint; without one, from the checkpoint at `start`, if that is given. It
    ends after epoch `until`, if that comes before the config's end. What W&B writes stays in `tracked`, by
    default the folder that `storage` is in.
    """
    runtime = config.runtime
    workers, least = runtime.train_workers, runtime.train_min_workers
    tracked = tracked or storage.rpartition("/")[0]
    given = {"folder": absolute(folder), "tracked": tracked, "config": config, "start": start, "until": until}
    filesystem, root = resolve(storage)
    return TorchTrainer(
        train_worker,
        train_loop_config=given | {"quiet": quiet},
        scaling_config=ScalingConfig(  # type: ignore[call-arg]  # mypy sees the old Train's class
            num_workers=workers if least is None else (least, workers),  # type: ignore[arg-type]
            elastic_resize_monitor_interval_s=runtime.train_resize_s,
            use_gpu=runtime.train_gpu,
            resources_per_worker=runtime.worker_resources,
        ),
        run_config=RunConfig(  # type: ignore[call-arg]
            name=name,
            storage_path=root,
            storage_filesystem=filesystem,
            failure_config=FailureConfig(max_failures=retries),
            logging_config=LoggingConfig(log_level="CRITICAL" if quiet else "ERROR"),
            checkpoint_config=CheckpointConfig(
                num_to_keep=1, checkpoint_score_attribute="val/likelihood", checkpoint_score_order="max"
            ),
            callbacks=[*callbacks],
        ),
    )


def best_state(result: Result) -> tuple[dict[str, Any], dict[str, Any]]:
    """The checkpoint of a training's best epoch, and the figures of that epoch.

    Raises `ValueError` where there is none: the latest checkpoint is kept even if its likelihood is not finite.
    """
    kept = result.best_checkpoints or []
    finite = [pair for pair in kept if math.isfinite(pair[1]["val/likelihood"])]
    if not finite:
        raise ValueError(NO_FINITE_EPOCH)
    checkpoint, figures = max(finite, key=lambda pair: pair[1]["val/likelihood"])
    with checkpoint.as_directory() as local:
        return torch.load(Path(local) / STATE, weights_only=True, map_location="cpu"), figures


def train_worker(given: dict[str, Any]) -> None:
    """What every worker runs: epochs of `Trainer`, a checkpoint and a report after each."""
    config: JobConfig = given["config"]
    logging.getLogger().setLevel(logging.WARNING)  # Ray logs all figures of all ranks, at INFO
    logging.getLogger("jet").setLevel(logging.WARNING if given["quiet"] else logging.INFO)
    context = ray.train.get_context()
    rank, world = context.get_world_rank(), context.get_world_size()
    torch.set_num_threads(1)  # workers share the machine's cores; and sums come out the same everywhere
    entries, neighbors, _ = open_training_data(given["folder"], verified=True)
    data = load_data(entries, neighbors, config)
    network = prepare_model(build_network(data, config.model, config.train.seed))
    tracker: Tracker = NoTracker()
    kept = contextlib.ExitStack()
    if rank == 0:
        tracked = kept.enter_context(kept_in(given["tracked"]))
        tracker = build_tracker(config.tracking, asdict(config), tracked, context.get_experiment_name())
    steps = steps_per_epoch(data, config.train)
    trainer = Trainer(
        network, config.train, config.losses, config.optim, steps, get_device(), sum_over_ranks, tracker, world
    )
    resume(trainer, given["start"])
    for epoch in run_epochs(trainer, data, config.predict.beams, rank, given["until"]):
        report(trainer, {"epoch": trainer.progress.epoch, **epoch.figures}, rank)
        if rank == 0:
            log_epoch(trainer, epoch)
    tracker.close()
    kept.close()


def sum_over_ranks(figures: dict[str, float]) -> dict[str, float]:
    """Each figure summed over all ranks. A rank that had no rows may lack some."""
    if not torch.distributed.is_initialized():
        return figures
    found: list[dict[str, float]] = [{} for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather_object(found, figures)
    names = dict.fromkeys(name for each in found for name in each)
    return {name: sum(each.get(name, 0.0) for each in found) for name in names}
