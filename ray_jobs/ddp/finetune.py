"""The fine-tuning of an encoder under Ray Train: started here, and run on every worker.

`jet.training.finetune` does the work on a worker; this file starts the workers and keeps their checkpoints.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import ray.train
import torch
from ray.train import CheckpointConfig, FailureConfig, LoggingConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device, prepare_model

from jet.artifacts.artifact import Artifact, open_artifact, read_manifest
from jet.artifacts.storage import absolute, resolve
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.books.split import SplitSettings
from jet.training.finetune import Embedder, Finetuner, load_base
from jet.training.pairs import Pairs
from jet.training.settings import FinetuneSettings
from ray_jobs.ddp.checkpoints import STATE, checkpoints, report, resume
from ray_jobs.ddp.training import sum_over_ranks
from ray_jobs.runtime.connection import require
from ray_jobs.runtime.ray_quirks.signals import interruptible
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.sample import training_buckets

log = logging.getLogger("jet.finetune")


def open_entries(folder: str, verified: bool = False) -> Artifact:
    """The entries at `folder`/entries, where `jet pipeline` leaves them, or at `folder` itself."""
    where = f"{folder}/entries"
    return open_artifact(folder if read_manifest(where) is None else where, "entries", verified)


def read_pairs(entries: Artifact, split: SplitSettings) -> Pairs:
    """The pairs of the training split, from the artifact of the ingest job."""
    buckets = training_buckets(entries, split)
    tables = entries.read_table(ENTRIES, buckets=buckets), entries.read_table(ACCOUNTS, "accounts", buckets)
    return Pairs.of(*tables, split)


def finetune(
    folder: str, output: str, settings: FinetuneSettings, config: JobConfig, name: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the workers; returns the last epoch's state and what a model card tells.

    A run of the same `name` and `output` is resumed.
    """
    runtime = config.runtime
    workers = runtime.train_workers
    require(
        runtime,
        workers,
        workers * runtime.train_gpu,
        f"fine-tuning with {workers} workers",
        "lower runtime.train_workers",
    )
    filesystem, storage = resolve(checkpoints(output))
    trainer = TorchTrainer(
        finetune_worker,
        train_loop_config={"folder": absolute(folder), "settings": settings, "config": config},
        scaling_config=ScalingConfig(
            num_workers=workers, use_gpu=runtime.train_gpu, resources_per_worker=runtime.worker_resources
        ),
        run_config=RunConfig(  # type: ignore[call-arg]  # mypy sees the old Train's class
            name=name,
            storage_path=storage,
            storage_filesystem=filesystem,
            failure_config=FailureConfig(max_failures=3),
            logging_config=LoggingConfig(log_level="ERROR"),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
        ),
    )
    with interruptible():
        result = trainer.fit()
    if result.checkpoint is None or result.metrics is None:
        raise RuntimeError("the fine-tuning ended without a checkpoint")
    with result.checkpoint.as_directory() as local:
        state = torch.load(Path(local) / STATE, weights_only=True, map_location="cpu")
    facts = {"epochs": result.metrics["epoch"], "loss": round(result.metrics["loss"], 4), "workers": workers}
    return state, facts


def finetune_worker(given: dict[str, Any]) -> None:
    """What every worker runs: epochs of `Finetuner`, a checkpoint and a report after each."""
    config: JobConfig = given["config"]
    settings: FinetuneSettings = given["settings"]
    logging.getLogger().setLevel(logging.WARNING)  # Ray logs all figures of all ranks, at INFO
    logging.getLogger("jet").setLevel(logging.INFO)
    context = ray.train.get_context()
    rank, world = context.get_world_rank(), context.get_world_size()
    torch.set_num_threads(1)  # workers share the machine's cores; and sums come out the same everywhere
    loaded = load_base(config.retrieval.encoder, settings, config.retrieval.max_tokens)
    # A transformer has weights that its last hidden states don't need, such as a pooler's.
    embedder = prepare_model(Embedder(loaded.model), parallel_strategy_kwargs={"find_unused_parameters": True})
    finetuner = Finetuner(
        embedder,
        loaded.tokenizer,
        read_pairs(open_entries(given["folder"], verified=True), config.split),
        settings,
        config.retrieval.max_tokens,
        get_device(),
        rank,
        world,
    )
    resume(finetuner)
    while finetuner.epoch < settings.epochs:
        sums = sum_over_ranks(finetuner.train_epoch())
        loss = sums["loss"] / sums["steps"]
        if rank == 0:
            log.info("epoch %d/%d: loss %.3f", finetuner.epoch, settings.epochs, loss)
        report(finetuner, {"epoch": finetuner.epoch, "loss": loss}, rank)
