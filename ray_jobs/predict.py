"""`jet predict`: book new entries with a bundle and the books that it knows.

Every row in comes out once, with its lines, a confidence, a decision and the evidence. The same command
started again after a break skips the parts that are finished; a finished output is never changed.

What the bundle doesn't know yet it learns for this run, without training: the charts of accounts that come with
the entries (new companies, new accounts), and entries that people have reviewed since the training
(`--reviewed`), which join the memory. `--books` has booked entries of companies in buckets, which are opened
one by one (`ray_jobs.spread.books`): so a bundle that was trained on some companies serves any number of them.

A night without new entries is no failure: files that can be read and have none give predictions without a
row, with the same schema. What is missing, can't be read or is rejected whole stays an error, since entries may
be lost there. All entries are answered, whether they have lines or not.

When all parts are answered, all entries together are compared with the calibration (`jet.confidence.drift`),
and the log and the manifest say where they aren't like it any more. With `drift.hold` the parts are then
written once more with `review` in place of `auto`. What is compared doesn't change by that, so a run that is
killed in between comes to the same end when it is started again.

With `--table`, finished predictions are then added to a table that others read, once however often the command
is given (`jet.prediction.delivery`).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from typing import Any

import jsonargparse
import pyarrow as pa

from jet.artifacts.artifact import (
    Artifact,
    ArtifactWriter,
    Manifest,
    artifact_writer,
    digest_of,
    finished,
    open_artifact,
)
from jet.artifacts.layout import DATA
from jet.books.schema import PREDICTIONS, REJECTED, uses
from jet.bundle.bundle import Bundle
from jet.bundle.saved import load_bundle
from jet.confidence.drift import summary
from jet.prediction.delivery import deliver, refuse_table
from jet.prediction.written import Keys, settled, write_predictions
from ray_jobs.options import predict as options
from ray_jobs.runtime import metrics
from ray_jobs.runtime.command import main
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.books import Books, Buckets, PredictWithBooks, bucket_units
from ray_jobs.spread.executor import SMALL_ENTRIES, begin, decided, share
from ray_jobs.spread.extending import columns_of, extended_by, prediction_metrics
from ray_jobs.spread.importing import open_or_import
from ray_jobs.spread.parts import Rows, do_parts, part_name
from ray_jobs.spread.predicting import PredictRowGroup, row_groups, shared_predictor
from ray_jobs.spread.sample import refuse_other_neighbors

KIND = "predictions"
PREDICTED = Rows(KIND, prediction_metrics, write_predictions)

log = logging.getLogger("jet.predict")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Predict the entries of `args.ledgers`."""
    if args.neighbors and not args.books:
        raise ValueError("--neighbors are those of --books: give these too, or leave it out")
    if args.books and args.reviewed:
        raise ValueError(
            "--reviewed can't be given with --books: import what was reviewed with the books (`jet ingest`), "
            "or learn it (`jet learn`)"
        )
    refuse_table(config.table, args.output)
    bundle = load_bundle(args.bundle)
    reviewing = (
        open_or_import(args.reviewed, "reviewed", args.output, config) if args.reviewed else nullcontext()
    )
    books = None if args.books is None else open_books(args.books, args.neighbors, bundle)
    new = open_or_import(args.ledgers, "entries", args.output, config, may_be_empty=True)
    with new as entries, reviewing as reviewed:
        manifest = predict(entries, bundle, args.output, config, reviewed, books)
    facts = {name: manifest.facts[name] for name in ("decisions", "drift")}
    return {"output": args.output, **manifest.rows, **facts, **delivered(args.output, config)}


def open_books(folder: str, neighbors: str | None, bundle: Bundle) -> Books:
    """The books in `folder`. Raises `ValueError` where the `neighbors` are not theirs, or were found by another
    encoder than the bundle's."""
    entries = open_artifact(folder, "entries")
    if neighbors is None:
        return Books(entries)
    found = open_artifact(neighbors, "neighbors")
    refuse_other_neighbors(found, entries, asdict(bundle.retrieval))
    bundle.refuse_other_encoder(found.manifest.facts["encoder"])
    return Books(entries, found)


def delivered(output: str, config: JobConfig) -> dict[str, Any]:
    """Add finished predictions to the table of the settings, if any; returns what the job's line says of it."""
    if config.table.uri is None:
        return {}
    return {"table": asdict(deliver(open_artifact(output, KIND, verified=True), config.table))}


def predict(
    artifact: Artifact,
    bundle: Bundle,
    output: str,
    config: JobConfig,
    reviewed: Artifact | None = None,
    books: Books | None = None,
) -> Manifest:
    """Predict all entries of an artifact, knowing those `reviewed` or the `books` too, and publish the
    predictions."""
    inputs = {"entries": artifact.manifest.fingerprint, "model": bundle.fingerprint}
    if reviewed is not None:
        inputs["reviewed"] = reviewed.manifest.fingerprint
    if books is not None:
        inputs["books"] = books.entries.manifest.fingerprint
    settings = config.part("predict", "drift")
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same predictions already", output)
        return done
    imports = [each for each in (artifact, reviewed) if each is not None]
    if artifact.manifest.rows.get("entries") == 0:
        log.info("no new entries: the predictions are empty")
        with artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer:
            write_predictions(writer, f"{DATA}/{part_name(0)}", PREDICTIONS.empty_table())
            facts = {"decisions": {}, "drift": summary([], 0), "model": bundle.identity}
            return _published(writer, 0, imports, facts)
    config = decided(config, is_small=artifact.manifest.rows["entries"] <= SMALL_ENTRIES)
    begin(config.runtime, actors=True)
    if books is None:
        bundle = extended_by(bundle, artifact, reviewed, config)
    units, build = _work(artifact, bundle, books, config)
    run_name = digest_of([settings, inputs])
    with artifact_writer(output, KIND, settings, inputs, run=run_name, resolved=asdict(config)) as writer:
        rows = do_parts(units, build, writer, config.runtime, PREDICTED)
        calibrated = bundle.judgment.drift_statistics()
        keys = Keys.of(columns_of(artifact, "entity", "entry_id"))
        decisions, drift = settled(writer, keys, calibrated, config.drift)
        for decision, count in decisions.items():
            metrics.count(metrics.ANSWERS, count, decision)
        return _published(
            writer, rows, imports, {"decisions": decisions, "model": bundle.identity, "drift": drift}
        )


def _published(
    writer: ArtifactWriter, rows: int, imports: Sequence[Artifact], facts: dict[str, Any]
) -> Manifest:
    """Publish `rows` written predictions, with what was rejected when their `imports` were made."""
    rejected = pa.concat_tables(each.read_table(REJECTED, "rejected") for each in imports)
    writer.write_table("rejected/part-0.parquet", rejected)
    return writer.publish({"predictions": rows, **uses(rejected)}, facts)


def _work(
    artifact: Artifact, bundle: Bundle, books: Books | None, config: JobConfig
) -> tuple[list[dict[str, Any]], partial[Any]]:
    """The units of work, and what builds the worker of an actor."""
    if books is not None:
        buckets = Buckets.of(books.entries)
        shared = share((bundle.for_prediction(), buckets), config.runtime)
        return _named(bucket_units(artifact, buckets)), partial(
            PredictWithBooks, [shared], artifact, books, config.predict
        )
    texts = (part["description"] for part in columns_of(artifact, "description"))
    shared = shared_predictor(bundle, config.predict, texts, config.runtime)
    return _named(row_groups(artifact.files(), artifact.filesystem)), partial(
        PredictRowGroup, [shared], artifact.filesystem
    )


def _named(units: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The units, each with the file of its part."""
    return [{**unit, "name": f"{DATA}/{part_name(number)}"} for number, unit in enumerate(units)]


if __name__ == "__main__":
    sys.exit(main("predict", options, run))
