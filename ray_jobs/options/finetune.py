"""The options of `jet finetune`."""

from __future__ import annotations

import jsonargparse

from jet.texts.names import PACKAGED
from jet.training.settings import FinetuneSettings
from ray_jobs.runtime.paths import BOOKS, NEW

HELP = "Fine-tune the sentence encoder on booked entries, and publish it as a folder for retrieval.encoder."
DEFAULTS = {"retrieval.encoder": PACKAGED}
"""The usual default is no transformer, and only those can be tuned."""
PARTS = ("split", "retrieval", "runtime")
TEN = (
    "retrieval.encoder",
    "retrieval.max_tokens",
    "split.train",
    "runtime.address",
    "runtime.train_workers",
    "runtime.train_gpu",
    "runtime.log_format",
)
PATHS = {"data": BOOKS, "output": NEW}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--data", required=True, help="folder with what `jet ingest` or `jet pipeline` wrote")
    parser.add_argument("--output", required=True, help="folder for the encoder; must not exist yet")
    parser.add_class_arguments(FinetuneSettings, "finetune")
