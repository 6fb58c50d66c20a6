"""`jet export`: predictions as bookings that other programs import.

Needs no Ray: it reads a batch of rows at a time and writes files, in one process. Only ledger files that are
given in place of what `jet ingest` wrote are read into memory. The files are published like every output: all
of them or none, and the same command again finds them and does nothing.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import jsonargparse
import pyarrow as pa

from jet.artifacts.artifact import Artifact, ArtifactWriter, Manifest, artifact_writer, finished, open_artifact
from jet.books.exporters import EXPORTERS, About
from jet.books.exporters.files import LEFT_OUT, PENDING, Export
from jet.books.records import Account
from jet.books.schema import ACCOUNTS
from jet.books.settings import ExportFormat
from jet.prediction.bookings import BATCH, answers, asked, export, reviewed_entries, told
from ray_jobs.options import export as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.given import Given
from ray_jobs.runtime.settings import JobConfig

KIND = "bookings"

log = logging.getLogger("jet.export")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Export `args.predictions`."""
    predictions = open_artifact(args.predictions, "predictions")
    named = {"ledgers": args.ledgers, "reviewed": args.reviewed, "books": args.books}
    given = {name: Given.of(paths, config) for name, paths in named.items() if paths}
    settings = {"format": args.format, **config.part("export", "ingest")}
    inputs = {"predictions": predictions.manifest.fingerprint}
    for name, each in given.items():
        inputs |= {f"{name}: {key}": value for key, value in each.inputs.items()}
    done = finished(args.output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same bookings already", args.output)
        return _said(args.output, done)
    with artifact_writer(args.output, KIND, settings, inputs, resolved=asdict(config)) as writer:
        return _said(args.output, _exported(predictions, given, args.format, writer, config))


def _exported(
    predictions: Artifact,
    given: dict[str, Given],
    format_: ExportFormat,
    writer: ArtifactWriter,
    config: JobConfig,
) -> Manifest:
    """Write and publish all files."""
    charts: list[pa.Table] = []
    reviewed = {}
    if "books" in given:
        books = given["books"]
        charts.append(
            books.tables()[1] if books.artifact is None else books.artifact.read_table(ACCOUNTS, "accounts")
        )
    entries = _entries(predictions, given["ledgers"], charts)
    if "reviewed" in given:
        corrected, accounts = given["reviewed"].tables()
        reviewed = reviewed_entries(corrected)
        charts.append(accounts)
    about = About(
        config.export, config.ingest, date.fromisoformat(predictions.manifest.created[:10]), _by_code(charts)
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        Export(EXPORTERS[format_], about, Path(folder)) as files,
    ):
        found = export(answers(predictions), entries, reviewed, files, config.export.amounts)
        files.finish(writer.open)
    if found.elsewhere:
        log.warning("%s of --reviewed are none of these predictions: not exported", told(found.elsewhere))
    if files.without_dimensions:
        log.warning("%d entries have dimensions, which the format doesn't have", files.without_dimensions)
    for name in (PENDING, LEFT_OUT):
        log.info("%d entries are %s", files.counts[name], name)
    if found.unsure:
        log.info("%d entries are auto, but pending: their amounts aren't sure", found.unsure)
    rows = {name.replace("-", "_"): count for name, count in files.counts.items()}
    of_reviewed = {"reviewed": found.used, "reviewed_elsewhere": len(found.elsewhere)}
    return writer.publish(rows | {"unsure_amounts": found.unsure} | of_reviewed)


def _entries(predictions: Artifact, ledgers: Given, charts: list[pa.Table]) -> Iterator[pa.Table]:
    """The predicted entries, batch by batch; adds their charts."""
    if ledgers.artifact is not None:
        charts.append(ledgers.artifact.read_table(ACCOUNTS, "accounts"))
        if predictions.manifest.inputs.get("entries") != ledgers.artifact.manifest.fingerprint:
            log.warning("%s is not what was predicted: entries are found by company and id", ledgers.paths[0])
        return asked(ledgers.artifact)
    if not predictions.manifest.rows.get("predictions"):
        return iter(())  # of a night without new entries, whose ledgers may have nothing to read
    table, accounts = ledgers.tables()
    charts.append(accounts)
    return (table.slice(start, BATCH) for start in range(0, len(table), BATCH))


def _by_code(charts: Sequence[pa.Table]) -> dict[tuple[str, str], Account]:
    """The accounts by entity and code; a later chart says what an earlier one doesn't."""
    found: dict[tuple[str, str], Account] = {}
    for chart in charts:
        for row in chart.to_pylist():
            known = found.get((row["entity"], row["code"]))
            name, nature = (known.name, known.nature) if known else ("", None)
            found[row["entity"], row["code"]] = Account(
                row["entity"], row["code"], name or row["name"], nature=nature or row["nature"]
            )
    return found


def _said(output: str, manifest: Manifest) -> dict[str, Any]:
    return {"output": output, **manifest.rows, "files": sorted(manifest.files)}


if __name__ == "__main__":
    sys.exit(main("export", options, run))
