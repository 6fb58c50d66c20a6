"""`jet pipeline`: the whole way from ledger files to predictions and a report, in one job.

Trains on the booked entries and predicts those without lines; where every entry is booked, the test split is
predicted instead, its lines unseen. Each stage is the same function that its own job runs, and a stage
whose output is finished is not done again: the same command goes on where it broke off.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import jsonargparse
import pyarrow as pa
import pyarrow.compute as pc

from jet.artifacts.artifact import (
    Artifact,
    ArtifactWriter,
    artifact_writer,
    content_of,
    finished,
    open_artifact,
)
from jet.books.schema import ACCOUNTS, ENTRIES, REJECTED
from jet.books.sorting import sort_entries
from jet.books.split import TEST, SplitSettings, split_by_date
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
from ray_jobs.spread.books import Books
from ray_jobs.spread.buckets import write_bucket
from ray_jobs.spread.importing import import_ledgers
from ray_jobs.spread.parts import over_units
from ray_jobs.spread.sample import training_buckets
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
    asked = to_predict(entries, f"{folder}/to-predict", config)
    is_whole = len(training_buckets(entries, config.split)) == len(entries.buckets())
    books = None if is_whole else Books(entries, found)  # the bundle has a sample of them
    predicted = predict(asked, bundle, f"{folder}/predictions", config, books=books)
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
        with artifact_writer(output, "entries", settings, inputs, resolved=asdict(config)) as writer:
            units = [{"number": at, "bucket": each} for at, each in enumerate(artifact.buckets())]
            how = {"entries": artifact, "writer": writer}
            chosen = sum(found["rows"] for _, found in over_units(units, write_unbooked, how, config.runtime))
            if not chosen:
                sample = training_buckets(artifact, config.split)
                units = [unit for unit in units if unit["bucket"] in sample]
                how["split"] = config.split
                chosen = sum(
                    found["rows"] for _, found in over_units(units, write_test_split, how, config.runtime)
                )
            writer.write_table("rejected/part-0.parquet", REJECTED.empty_table())
            writer.publish({"entries": chosen})
    return open_artifact(output, "entries")


def write_unbooked(unit: Mapping[str, Any], entries: Artifact, writer: ArtifactWriter) -> dict[str, int]:
    """Write the entries of a bucket that have no lines; returns how many there are."""
    table = sort_entries(entries.read_table(ENTRIES, buckets=[unit["bucket"]]))
    return _write(unit, table.filter(pc.is_null(table["lines"])), entries, writer)


def write_test_split(
    unit: Mapping[str, Any], entries: Artifact, writer: ArtifactWriter, split: SplitSettings
) -> dict[str, int]:
    """Write the test split of a bucket without its lines; returns how many entries there are."""
    table = sort_entries(entries.read_table(ENTRIES, buckets=[unit["bucket"]]))
    entity = table["entity"].combine_chunks().dictionary_encode().indices.to_numpy()
    parts = split_by_date(entity, table["date"].combine_chunks().cast(pa.int32()).to_numpy(), split)
    return _write(unit, without_lines(table.filter(pa.array(parts == TEST))), entries, writer)


def _write(
    unit: Mapping[str, Any], chosen: pa.Table, entries: Artifact, writer: ArtifactWriter
) -> dict[str, int]:
    write_bucket(unit["number"], chosen, entries.read_table(ACCOUNTS, "accounts", [unit["bucket"]]), writer)
    return {"rows": len(chosen)}


if __name__ == "__main__":
    sys.exit(main("pipeline", options, run))
