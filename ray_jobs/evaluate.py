"""`jet evaluate`: a bundle beside its baselines on the newest entries of every entity.

How it is measured says `jet.evaluation.measure`. `rows.parquet` has, for each test entry, its date and text
and what each method and baseline made of it, and `new-companies/rows.parquet` what would be made of it if its
company were new.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from typing import Any

import jsonargparse

from jet.artifacts.artifact import Artifact, Manifest, artifact_writer, finished, open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.bundle.bundle import Bundle
from jet.bundle.saved import load_bundle
from jet.evaluation.exam import Exam
from jet.evaluation.measure import measure
from jet.evaluation.measurements import MODEL
from jet.evaluation.report import write_report
from jet.evaluation.settings import ExamSettings
from jet.retrieval.collection import Hits
from ray_jobs.ddp.training import neighbors_of
from ray_jobs.options import evaluate as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.evaluation import OnCluster
from ray_jobs.spread.sample import refuse_other_neighbors, training_buckets

KIND = "report"

log = logging.getLogger("jet.evaluate")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Evaluate the bundle at `args.bundle`."""
    entries, bundle = open_artifact(args.entries, "entries"), load_bundle(args.bundle)
    neighbors = open_artifact(args.neighbors, "neighbors") if args.neighbors else None
    manifest = evaluate_bundle(entries, bundle, args.output, config, neighbors)
    return {"output": args.output, **manifest.facts}


def evaluate_bundle(
    artifact: Artifact, bundle: Bundle, output: str, config: JobConfig, neighbors: Artifact | None = None
) -> Manifest:
    """Measure the bundle on the artifact's entries and publish the report; returns its manifest.

    Raises `ValueError` where `neighbors` are not those of the entries, found by the bundle's settings.
    """
    if neighbors is not None:
        refuse_other_neighbors(neighbors, artifact, asdict(bundle.retrieval))
    inputs = {"entries": artifact.manifest.fingerprint, "model": bundle.fingerprint}
    settings = ExamSettings(
        split=config.split,
        predict=config.predict,
        drift=config.drift,
        evaluate=config.evaluate,
        seed=config.train.seed,
    )
    done = finished(output, KIND, settings.facts(), inputs)
    if done is not None:
        log.info("%s holds the same report already", output)
        return done
    buckets = training_buckets(artifact, config.split)

    def hits() -> Hits:
        assert neighbors is not None
        return neighbors_of(buckets, artifact, neighbors, bundle.retrieval)[1]

    exam = Exam(
        artifact.read_table(ENTRIES, buckets=buckets),
        artifact.read_table(ACCOUNTS, "accounts", buckets),
        bundle,
        settings,
        artifact.manifest.fingerprint,
        None if neighbors is None else hits,
    )
    connect(config.runtime)
    evaluation = measure(exam, OnCluster(config.runtime))
    text, page = write_report(evaluation.metrics, evaluation.examples, evaluation.mistakes)
    with artifact_writer(output, KIND, settings.facts(), inputs, resolved=asdict(config)) as writer:
        writer.write_bytes("metrics.json", text.encode())
        writer.write_bytes("index.html", page.encode())
        writer.write_table("rows.parquet", evaluation.rows)
        if evaluation.curve_rows is not None:
            writer.write_table("new-companies/rows.parquet", evaluation.curve_rows)
        test = evaluation.metrics["test"]
        methods = {MODEL: test[MODEL], **test["baselines"]}
        exact_match = {name: each["overall"]["entry_exact_match"] for name, each in methods.items()}
        return writer.publish({"test": len(evaluation.rows)}, {"entry_exact_match": exact_match})


if __name__ == "__main__":
    sys.exit(main("evaluate", options, run))
