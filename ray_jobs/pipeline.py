"""`jet pipeline`: the whole way from ledger files to predictions and a report, in one job.

Trains on the booked entries and predicts those without lines; where every entry is booked, the test split is
predicted instead, its lines unseen. Each stage is the same function that its own job runs, and a stage
whose output is finished is not done again: the same command goes on where it broke off.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from typing import Any

import jsonargparse
import pyarrow as pa
import pyarrow.compute as pc

from jet.artifacts.artifact import Artifact, artifact_writer, content_of, finished, open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES, REJECTED
from jet.books.sorting import sort_entries
from jet.books.split import TEST, split_by_date
from jet.books.withheld import without_lines
from jet.bundle.saved import load_bundle
from jet.prediction.delivery import refuse_table
from ray_jobs.evaluate import evaluate_bundle
from ray_jobs.neighbors import neighbors
from ray_jobs.options import pipeline as options
from ray_jobs.predict import delivered, predict
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.buckets import write_bucket
from ray_jobs.spread.importing import import_ledgers
from ray_jobs.train import train

log = logging.getLogger("jet.pipeline")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """All stages, one after another."""
    folder = args.output.rstrip("/")
    refuse_table(config.table, folder)
    connect(config.runtime)
    log.info("1/5 ingest")
    imported = import_ledgers(args.ledgers, f"{folder}/entries", config)
    log.info("%s; %d rejected rows in %s/entries/rejected", imported.rows, imported.rows["rejected"], folder)
    entries = open_artifact(f"{folder}/entries", "entries")
    log.info("2/5 neighbors")
    neighbors(entries, f"{folder}/neighbors", config)
    log.info("3/5 train")
    trained = train(folder, f"{folder}/model", config)
    bundle = load_bundle(f"{folder}/model")
    found = open_artifact(f"{folder}/neighbors", "neighbors", verified=True)  # by the training
    log.info("4/5 evaluate")
    report = evaluate_bundle(entries, bundle, f"{folder}/report", config, found)
    log.info("5/5 predict")
    predicted = predict(
        to_predict(entries, f"{folder}/to-predict", config), bundle, f"{folder}/predictions", config
    )
    return {
        "output": folder,
        "rows": {**imported.rows, "predictions": predicted.rows["predictions"]},
        "decisions": predicted.facts["decisions"],
        "drift": predicted.facts["drift"],
        "model": trained.facts["fingerprint"],
        "entry_exact_match": report.facts["entry_exact_match"],
        "report": f"{content_of(f'{folder}/report', report)}/index.html",
        **delivered(f"{folder}/predictions", config),
    }


def to_predict(artifact: Artifact, output: str, config: JobConfig) -> Artifact:
    """The entries to predict, as an artifact: those without lines, or else the test split without its lines."""
    settings = config.part("split")
    inputs = {"entries": artifact.manifest.fingerprint}
    if finished(output, "entries", settings, inputs) is None:
        entries = sort_entries(artifact.read_table(ENTRIES))
        chosen = entries.filter(pc.is_null(entries["lines"]))
        if not len(chosen):
            entity = pc.dictionary_encode(entries["entity"].combine_chunks()).indices.to_numpy()
            split = split_by_date(entity, entries["date"].cast(pa.int32()).to_numpy(), config.split)
            chosen = entries.filter(pa.array(split == TEST))
            chosen = without_lines(chosen)
        with artifact_writer(output, "entries", settings, inputs, resolved=asdict(config)) as writer:
            write_bucket(0, chosen, artifact.read_table(ACCOUNTS, "accounts"), writer)
            writer.write_table("rejected/part-0.parquet", REJECTED.empty_table())
            writer.publish({"entries": len(chosen)})
    return open_artifact(output, "entries")


if __name__ == "__main__":
    sys.exit(main("pipeline", options, run))
