"""`jet demo`: the whole way on the books of made-up companies, ending in something to read.

Writes a demo ledger whose newest entries have no lines, and the answers beside it, hands the ledger to the
very function that `jet pipeline` runs, and prints some predictions next to the answers and a table of scores.
The output is for people: unlike the other jobs, this one ends without a JSON line. The same command goes on
where it broke off, and only prints again what is finished.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from dataclasses import asdict, fields
from pathlib import Path

import jsonargparse

from jet.artifacts.artifact import artifact_writer, content_of, finished, open_artifact
from jet.demo import DemoSettings, write_demo_ledger
from jet.evaluation.outcome import outcome_text
from ray_jobs import pipeline
from ray_jobs.options import demo as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.settings import JobConfig

KIND = "demo-ledger"

log = logging.getLogger("jet.demo")


def run(args: jsonargparse.Namespace, config: JobConfig) -> str:
    """Write the ledger and run the pipeline on it; returns what came out, for a person to read."""
    folder = args.output.rstrip("/")
    if args.open_entries < 1:
        raise ValueError("the demo shows entries that it booked: open_entries must be at least 1")
    settings = DemoSettings(**{each.name: args[each.name] for each in fields(DemoSettings)})
    log.info("the books of %d made-up companies: %d entries", settings.companies, settings.entries)
    ledger = write_ledger(settings, f"{folder}/ledger")
    steps = jsonargparse.Namespace(ledgers=[f"{ledger}/books"], output=folder)
    pipeline.run(steps, config)
    return outcome(folder, f"{ledger}/truth.jsonl", config.predict.promise)


def write_ledger(settings: DemoSettings, output: str) -> str:
    """Write the books and the answers (`truth.jsonl`) to `output`, unless the same are there; returns the
    folder that they are in."""
    manifest = finished(output, KIND, asdict(settings), {})
    if manifest is None:
        with (
            artifact_writer(output, KIND, asdict(settings), {}) as writer,
            tempfile.TemporaryDirectory() as local,
        ):
            made = write_demo_ledger(f"{local}/books", settings, truth=f"{local}/truth.jsonl")
            for path in Path(local).rglob("*.jsonl"):
                writer.write_bytes(path.relative_to(local).as_posix(), path.read_bytes())
            rows = {name: made[name] for name in ("entries", "accounts", "lines", "open_entries")}
            manifest = writer.publish(rows)
    return content_of(output, manifest)


def outcome(folder: str, truth: str, promise: float) -> str:
    """What a person reads in the end."""
    return outcome_text(
        truth,
        open_artifact(f"{folder}/entries", "entries"),
        open_artifact(f"{folder}/predictions", "predictions"),
        open_artifact(f"{folder}/report", "report"),
        promise,
    )


if __name__ == "__main__":
    sys.exit(main("demo", options, run))
