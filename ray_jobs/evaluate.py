"""`jet evaluate`: a bundle and the baselines on the newest entries of every entity.

The model's figures are of the free-running decode of entries whose lines it does not see; memory is rolling:
every entry of a strictly earlier date may be a neighbor, as in daily use with reviewed books. Thresholds come
from the calibration split, everything reported from the test split.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from typing import Any

import jsonargparse
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.artifact import Artifact, Manifest, artifact_writer, finished, open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.books.split import CALIBRATION, TEST, split_by_date
from jet.bundle import Bundle
from jet.evaluation.baselines import BASELINES, score_baseline
from jet.evaluation.metrics import Scored, evaluate, score_predictions, strata
from jet.evaluation.report import build_metrics, write_report
from jet.model.features import sort_entries
from ray_jobs.answering import PredictSlice, over_slices, share
from ray_jobs.runtime import JobConfig, connect, main

HELP = "Measure a bundle and the baselines on the newest entries: metrics.json and index.html."
KIND = "report"
ALSO = {"--model": "--bundle"}
EXAMPLES = 20

log = logging.getLogger("jet.evaluate")


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--entries", required=True, help="what `jet ingest` wrote: booked entries")
    parser.add_argument("--bundle", required=True, help="what `jet train` wrote; --model means the same")
    parser.add_argument("--output", required=True, help="folder for the report; must not exist yet")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Evaluate the bundle at `args.bundle`."""
    manifest = evaluate_bundle(
        open_artifact(args.entries, "entries"), Bundle.load(args.bundle), args.output, config
    )
    return {"output": args.output, **manifest.facts}


def evaluate_bundle(artifact: Artifact, bundle: Bundle, output: str, config: JobConfig) -> Manifest:
    """Measure and publish the report."""
    inputs = {"entries": artifact.manifest.fingerprint, "model": bundle.fingerprint}
    settings = config.part("split", "predict")
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same report already", output)
        return done
    connect(config.runtime)
    entries = artifact.read_table(ENTRIES)
    entries = sort_entries(entries.filter(pc.is_valid(entries["lines"]))).combine_chunks()
    accounts = artifact.read_table(ACCOUNTS, "accounts")
    entity = bundle.catalog.entity_numbers(entries["entity"])
    split = split_by_date(entity, entries["date"].cast(pa.int32()).to_numpy(), config.split)
    rows = {part: np.flatnonzero(split == part) for part in (CALIBRATION, TEST)}
    if not len(rows[TEST]):
        raise ValueError(f"the split leaves no entries to test on, of {len(entries)} booked ones")
    described = {part: strata(entries, rows[part]) for part in rows}
    predictions = predict_rows(entries, np.concatenate(list(rows.values())), bundle, config)
    scored = {
        part: score_predictions(
            entries.take(pa.array(rows[part])), predictions, strata=described[part], accounts=accounts
        )
        for part in rows
    }
    model = evaluate(scored[CALIBRATION], scored[TEST])
    baselines = {}
    for name, baseline in BASELINES.items():
        log.info("baseline %s", name)
        answers = baseline.predict(entries, split)
        parts = (
            score_baseline(entries, answers, rows[part], strata=described[part], accounts=accounts)
            for part in (CALIBRATION, TEST)
        )
        baselines[name] = evaluate(*parts)
    facts = {
        "entries": {"booked": len(entries), "calibration": len(rows[CALIBRATION]), "test": len(rows[TEST])},
        "split": "by date within each entity",
        "memory": "rolling: every entry with a strictly earlier date",
        "model": bundle.fingerprint,
        "entries fingerprint": artifact.manifest.fingerprint,
        "encoder": bundle.encoder,
        "training": bundle.facts,
        "settings": settings,
    }
    metrics = build_metrics(model, baselines, facts)
    shown = examples(entries.take(pa.array(rows[TEST])), predictions, accounts, scored[TEST])
    text, page = write_report(metrics, shown)
    with artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer:
        writer.write_bytes("metrics.json", text.encode())
        writer.write_bytes("index.html", page.encode())
        headline = {name: each["overall"]["entry_exact_match"] for name, each in baselines.items()}
        return writer.publish(
            {"test": len(rows[TEST])},
            {"entry_exact_match": {"model": model["overall"]["entry_exact_match"], **headline}},
        )


def predict_rows(entries: pa.Table, rows: np.ndarray, bundle: Bundle, config: JobConfig) -> pa.Table:
    """Predictions of some entries, whose own lines are not looked at."""
    wanted = entries.take(pa.array(rows))
    shared = share(bundle, config.predict, [wanted["description"]], config.runtime)
    return over_slices(PredictSlice, shared, wanted, config.runtime)


def examples(
    entries: pa.Table, predictions: pa.Table, accounts: pa.Table, scored: Scored, count: int = EXAMPLES
) -> list[dict[str, Any]]:
    """Some entries, spread evenly, as the report shows them. `scored` has the rows of `entries`."""
    names = {(row["entity"], row["code"]): row["name"] for row in accounts.to_pylist()}
    found = {(row["entity"], row["entry_id"]): row for row in predictions.to_pylist()}
    shown = []
    for row in np.unique(np.linspace(0, len(entries) - 1, count).astype(int)):
        entry = entries.slice(int(row), 1).to_pylist()[0]
        prediction = found[entry["entity"], entry["entry_id"]]
        true = [
            {
                "account": line["account"],
                "name": names[entry["entity"], line["account"]],
                "side": line["side"],
            }
            for line in entry["lines"]
        ]
        shown.append(
            {
                "entity": entry["entity"],
                "date": entry["date"].isoformat(),
                "description": entry["description"],
                "predicted": prediction["lines"],
                "true": true,
                "confidence": prediction["confidence"],
                "decision": prediction["decision"],
                "right": scored.true[row] == scored.predicted[row],
            }
        )
    return shown


if __name__ == "__main__":
    sys.exit(main("evaluate", sys.modules[__name__]))
