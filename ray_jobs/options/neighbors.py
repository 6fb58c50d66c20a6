"""The options of `jet neighbors`."""

from __future__ import annotations

import jsonargparse

from ray_jobs.runtime.paths import NEW

HELP = "Find every entry's most similar strictly earlier entries, for training."
PARTS = ("split", "retrieval", "runtime")
TEN = (
    "retrieval.encoder",
    "retrieval.encoder_precision",
    "retrieval.neighbors",
    "retrieval.latest",
    "retrieval.peers",
    "split.train",
    "runtime.address",
    "runtime.actors",
    "runtime.index_shards",
    "runtime.text_cache",
)
PATHS = {"entries": "entries", "output": NEW}


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--entries", required=True, help="what `jet ingest` wrote")
    parser.add_argument("--output", required=True, help="folder to write; must not exist yet")
