"""`jet predict`: book new entries with a bundle and the books that it knows.

Every row in comes out once, with its lines, a confidence, a decision and the evidence. The same command
started again after a break skips the parts that are finished; a finished output is never changed.

What the bundle doesn't know yet it learns for this run, without training: the charts of accounts that come with
the entries (new companies, new accounts), and entries that people have reviewed since the training
(`--reviewed`), which join the memory.

When all parts are answered, all entries together are compared with the calibration (`jet.confidence.drift`).
Where they aren't like it any more, the parts are written once more with `review` in place of `auto`. What is
compared doesn't change by that, so a run that is killed in between comes to the same end when it is started
again.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from functools import partial
from typing import Any

import jsonargparse
import pyarrow as pa

from jet.artifacts.artifact import (
    Artifact,
    Manifest,
    artifact_writer,
    digest_of,
    finished,
)
from jet.artifacts.storage import remove
from jet.books.schema import REJECTED, uses
from jet.bundle.bundle import Bundle
from jet.bundle.saved import load_bundle
from jet.confidence.drift import compare, summary
from jet.prediction.written import counted, hold_back, statistics_of
from ray_jobs.runtime import metrics
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect, require
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.extending import descriptions, extended_by, prediction_metrics
from ray_jobs.spread.importing import open_or_import
from ray_jobs.spread.parts import do_parts
from ray_jobs.spread.predicting import PredictRowGroup, row_groups, shared_predictor

HELP = (
    "Book new entries with a bundle; every entry comes out once, with lines, confidence, decision and evidence."
)
KIND = "predictions"
ALSO = {"--model": "--bundle"}

log = logging.getLogger("jet.predict")


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument(
        "--ledgers", nargs="+", required=True, help="ledger files of any format, or what `jet ingest` wrote"
    )
    parser.add_argument("--bundle", required=True, help="what `jet train` wrote; --model means the same")
    parser.add_argument(
        "--reviewed",
        nargs="+",
        default=[],
        help="booked entries that people reviewed since the training, as for --ledgers; they join the memory",
    )
    parser.add_argument("--output", required=True, help="folder to write; must not exist yet")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Predict the entries of `args.ledgers`."""
    bundle = load_bundle(args.bundle)
    staged: list[str] = []
    entries = open_or_import(args.ledgers, "entries", args.output, config, staged)
    reviewed = open_or_import(args.reviewed, "reviewed", args.output, config, staged) if args.reviewed else None
    manifest = predict(entries, bundle, args.output, config, reviewed)
    for folder in staged:
        remove(folder)
    return {
        "output": args.output,
        **manifest.rows,
        "decisions": manifest.facts["decisions"],
        "drift": manifest.facts["drift"],
    }


def predict(
    artifact: Artifact, bundle: Bundle, output: str, config: JobConfig, reviewed: Artifact | None = None
) -> Manifest:
    """Predict all entries of an artifact, knowing those `reviewed` too, and publish the predictions."""
    inputs = {"entries": artifact.manifest.fingerprint, "model": bundle.fingerprint}
    if reviewed is not None:
        inputs["reviewed"] = reviewed.manifest.fingerprint
    settings = config.part("predict", "drift")
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same predictions already", output)
        return done
    connect(config.runtime)
    runtime = config.runtime
    require(
        runtime,
        runtime.actors * runtime.actor_cpus,
        0,
        f"{runtime.actors} actors of {runtime.actor_cpus:g} CPUs each",
        "lower runtime.actors or runtime.actor_cpus",
    )
    bundle = extended_by(bundle, artifact, reviewed, config)
    units = row_groups(artifact.files(), artifact.filesystem)
    shared = shared_predictor(bundle, config.predict, descriptions(artifact), runtime)
    with artifact_writer(
        output, KIND, settings, inputs, run=digest_of([settings, inputs]), resolved=asdict(config)
    ) as writer:
        build = partial(PredictRowGroup, [shared], artifact.filesystem)
        rows = do_parts(units, build, writer, runtime, "predictions", prediction_metrics)
        signs = bundle.judgment.drift_statistics(config.predict.method)
        groups = compare(signs, statistics_of(writer), config.drift)
        hold_back(writer, groups)
        decisions, held = counted(writer, rows)
        for decision, count in decisions.items():
            metrics.count(metrics.ANSWERS, count, decision)
        rejected = pa.concat_tables(
            each.read_table(REJECTED, "rejected") for each in (artifact, reviewed) if each is not None
        )
        writer.write_table("rejected/part-0.parquet", rejected)
        return writer.publish(
            {"predictions": rows, **uses(rejected)},
            {"decisions": decisions, "model": bundle.identity, "drift": summary(groups, held)},
        )


if __name__ == "__main__":
    sys.exit(main("predict", sys.modules[__name__]))
