"""`jet finetune`: a sentence encoder, fine-tuned on booked entries under DDP (`ray_jobs.ddp.finetune`).

What comes out is a folder that `retrieval.encoder` takes in every other job. It begins with the encoder that
`retrieval.encoder` names. The same command resumes a run that broke off, as in `jet train`.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import jsonargparse

from jet.artifacts.artifact import Manifest, artifact_writer, digest_of, finished, refuse_foreign
from jet.artifacts.storage import remove
from jet.retrieval.neighbors import make_encoder
from jet.training.finetune import load_base, save_encoder
from jet.training.settings import FinetuneSettings
from ray_jobs.ddp import finetune as ddp
from ray_jobs.ddp.checkpoints import checkpoints
from ray_jobs.options import finetune as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect
from ray_jobs.runtime.settings import JobConfig

KIND = "encoder"

log = logging.getLogger("jet.finetune")


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
    entries = ddp.open_entries(folder)
    inputs = {"entries": entries.manifest.fingerprint, "encoder": encoder.identity}
    # The workers bear on the content, as nowhere else: negatives are each worker's own.
    workers = config.runtime.train_workers
    made_with = config.part("split") | {"finetune": asdict(settings), "train_workers": workers}
    done = finished(output, KIND, made_with, inputs)
    if done is not None:
        log.info("%s holds the same encoder already", output)
        return done
    refuse_foreign(output)
    settings.refuse_uneven(workers)
    pairs = ddp.read_pairs(entries, config.split)
    log.info("fine-tuning %s on %d texts", encoder.identity, len(pairs.texts))
    connect(config.runtime)
    state, facts = ddp.finetune(folder, output, settings, config, digest_of([made_with, inputs]))
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


if __name__ == "__main__":
    sys.exit(main("finetune", options, run))
