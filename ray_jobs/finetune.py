"""`jet finetune`: a sentence encoder, fine-tuned on booked entries under DDP.

`jet.training.finetune` does the work on every worker; this file starts the workers, keeps their checkpoints and
publishes what came out: a folder that `retrieval.encoder` takes in every other job. It begins with the encoder
that `retrieval.encoder` names. The same command resumes a run that broke off, as in `jet train`.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import jsonargparse
import ray.train
import torch
from ray.train import Checkpoint, CheckpointConfig, FailureConfig, LoggingConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer, get_device, prepare_model

from jet.artifacts.artifact import (
    Artifact,
    Manifest,
    artifact_writer,
    digest_of,
    finished,
    open_artifact,
    read_manifest,
    refuse_foreign,
)
from jet.artifacts.storage import absolute, remove, resolve
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.retrieval.neighbors import make_encoder
from jet.texts.encoder import PACKAGED
from jet.training.finetune import Embedder, Finetuner, FinetuneSettings, Loaded, Pairs, load_base, save_encoder
from ray_jobs.ddp.training import STATE, checkpoints, sum_over_ranks
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect, require
from ray_jobs.runtime.ray_quirks.signals import interruptible
from ray_jobs.runtime.settings import JobConfig

HELP = "Fine-tune the sentence encoder on booked entries, and publish it as a folder for retrieval.encoder."
DEFAULTS = {"retrieval.encoder": PACKAGED}
"""The usual default is no transformer, and only those can be tuned."""
KIND = "encoder"

log = logging.getLogger("jet.finetune")


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--data", required=True, help="folder with what `jet ingest` or `jet pipeline` wrote")
    parser.add_argument("--output", required=True, help="folder for the encoder; must not exist yet")
    parser.add_class_arguments(FinetuneSettings, "finetune")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Fine-tune on `args.data`."""
    settings = FinetuneSettings(**{each.name: args.finetune[each.name] for each in fields(FinetuneSettings)})
    manifest = finetune(args.data, args.output, settings, config)
    return {"output": args.output, **manifest.facts}


def finetune(folder: str, output: str, settings: FinetuneSettings, config: JobConfig) -> Manifest:
    """Fine-tune and publish; returns the encoder's manifest."""
    base = load_base(config.retrieval.encoder, settings, config.retrieval.max_tokens)
    encoder = make_encoder(config.retrieval, "cpu")
    assert encoder is not None  # or there would be no base
    entries = open_entries(folder)
    inputs = {"entries": entries.manifest.fingerprint, "encoder": encoder.identity}
    workers = config.runtime.train_workers
    # The workers bear on the content, as nowhere else: negatives are each worker's own.
    made_with = config.part("split") | {"finetune": asdict(settings), "train_workers": workers}
    done = finished(output, KIND, made_with, inputs)
    if done is not None:
        log.info("%s holds the same encoder already", output)
        return done
    refuse_foreign(output)
    if settings.batch_size % workers or settings.batch_size < 2 * workers:
        raise ValueError(
            f"finetune.batch_size {settings.batch_size} can't be shared evenly, two pairs or more each, by "
            f"runtime.train_workers {workers}: change one of them"
        )
    pairs = read_pairs(entries, config)
    log.info("fine-tuning %s on %d texts", encoder.identity, len(pairs.texts))
    connect(config.runtime)
    state, facts = fit(folder, output, settings, config, digest_of([made_with, inputs]))
    base.model.load_state_dict(state["model"])
    facts |= {"base": encoder.identity, "method": settings.method, "texts": len(pairs.texts)}
    resolved = asdict(config) | {"finetune": asdict(settings)}
    with (
        artifact_writer(output, KIND, made_with, inputs, resolved=resolved) as writer,
        tempfile.TemporaryDirectory() as local,
    ):
        save_encoder(base, Path(local))
        for path in Path(local).iterdir():
            writer.write_bytes(path.name, path.read_bytes())
        manifest = writer.publish({"texts": len(pairs.texts)}, facts)
    remove(checkpoints(output))
    return manifest


def open_entries(folder: str) -> Artifact:
    """The entries at `folder`/entries, where `jet pipeline` leaves them, or at `folder` itself."""
    where = f"{folder}/entries"
    return open_artifact(folder if read_manifest(where) is None else where, "entries")


def read_pairs(entries: Artifact, config: JobConfig) -> Pairs:
    """What is paired, from the artifact of the ingest job."""
    return Pairs.of(entries.read_table(ENTRIES), entries.read_table(ACCOUNTS, "accounts"), config.split)


def fit(
    folder: str, output: str, settings: FinetuneSettings, config: JobConfig, name: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run the workers; returns the last epoch's state and what a model card tells."""
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
    loaded: Loaded = load_base(config.retrieval.encoder, settings, config.retrieval.max_tokens)
    # A transformer has weights that its last hidden states don't need, such as a pooler's.
    embedder = prepare_model(Embedder(loaded.model), parallel_strategy_kwargs={"find_unused_parameters": True})
    finetuner = Finetuner(
        embedder,
        loaded.tokenizer,
        read_pairs(open_entries(given["folder"]), config),
        settings,
        config.retrieval.max_tokens,
        get_device(),
        rank,
        world,
    )
    resume(finetuner)
    while finetuner.epoch < settings.epochs:
        sums = sum_over_ranks(finetuner.train_epoch())
        report(finetuner, {"epoch": finetuner.epoch, "loss": sums["loss"] / sums["steps"]})


def resume(finetuner: Finetuner) -> None:
    """Go on from the run's newest checkpoint, if it has one."""
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        return
    with checkpoint.as_directory() as folder:
        state = torch.load(Path(folder) / STATE, weights_only=True, map_location=finetuner.device)
        finetuner.load_state(state)


def report(finetuner: Finetuner, figures: dict[str, Any]) -> None:
    """Report the epoch; rank 0 logs it and attaches the checkpoint."""
    if finetuner.rank != 0:
        ray.train.report(figures)
        return
    log.info("epoch %d/%d: loss %.3f", figures["epoch"], finetuner.settings.epochs, figures["loss"])
    with tempfile.TemporaryDirectory() as folder:
        torch.save(finetuner.state(), Path(folder) / STATE)
        ray.train.report(figures, checkpoint=Checkpoint.from_directory(folder))


if __name__ == "__main__":
    sys.exit(main("finetune", sys.modules[__name__]))
