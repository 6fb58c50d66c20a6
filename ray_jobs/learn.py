"""`jet learn`: add reviewed entries to a bundle, without training; or undo such an addition.

Writes another bundle with the same trained parts and one addition more or less. The entries join the bundle's
corpus; one with the id of an earlier entry replaces it. Entries with the same text on later days follow them.
Before they are learned they are answered, and what comes out is kept as the record of their companies: where
automatic answers turn out wrong too often, a company is stopped (`jet.confidence.record`).

Predictions are refused here, as wherever entries are read, so that jet never learns from itself. Give booked
entries that somebody has reviewed, with the name of the reviewer.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import jsonargparse
import pyarrow as pa

from jet.artifacts.artifact import Artifact, Manifest, artifact_writer, finished
from jet.books.schema import ACCOUNTS, CHECKED, ENTRIES, REJECTED, uses
from jet.bundle.additions import Addition
from jet.bundle.bundle import Bundle
from jet.bundle.extension import with_addition, without_addition
from jet.bundle.saved import KIND, load_bundle, save_bundle
from ray_jobs.options import learn as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.executor import SMALL_ENTRIES, begin, decided
from ray_jobs.spread.extending import checked
from ray_jobs.spread.importing import open_or_import
from ray_jobs.spread.texts import encode_texts

log = logging.getLogger("jet.learn")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Add `args.reviewed` to the bundle, or undo an addition."""
    if bool(args.reviewed) == (args.undo is not None):
        raise ValueError("give --reviewed, to learn entries, or --undo, to remove an addition")
    if args.reviewed and not args.reviewer.strip():
        raise ValueError("give --reviewer: the bundle names who reviewed the entries and vouches for them")
    bundle = load_bundle(args.bundle)
    if args.undo is None:
        with open_or_import(args.reviewed, "reviewed", args.output, config) as reviewed:
            inputs = {"model": bundle.fingerprint, "reviewed": reviewed.manifest.fingerprint}
            reviewer = args.reviewer.strip()
            make = partial(learn, bundle, reviewed, reviewer, config)
            manifest = publish(make, args.output, {"learn": {"reviewer": reviewer}}, inputs, config)
    else:
        latest = bundle.additions[-1].facts.number if bundle.additions else 0
        number = latest if args.undo == "last" else args.undo
        inputs = {"model": bundle.fingerprint}
        manifest = publish(partial(undo, bundle, number), args.output, {"undo": number}, inputs, config)
    return {"output": args.output, **manifest.rows, "additions": manifest.facts["additions"]}


def publish(
    make: Callable[[], tuple[Bundle, pa.Table]],
    output: str,
    settings: dict[str, Any],
    inputs: dict[str, str],
    config: JobConfig,
) -> Manifest:
    """Write what `make` returns, a bundle and rejected rows, unless it is there already."""
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same bundle already", output)
        return done
    bundle, rejected = make()
    with artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer:
        save_bundle(bundle, writer)
        writer.write_table("rejected/part-0.parquet", rejected)
        return writer.publish(bundle.sizes | uses(rejected), bundle.manifest_facts)


def learn(bundle: Bundle, reviewed: Artifact, reviewer: str, config: JobConfig) -> tuple[Bundle, pa.Table]:
    """The bundle with the reviewed entries as an addition, and the rejected rows (`REJECTED`)."""
    config = decided(config, is_small=reviewed.manifest.rows["entries"] <= SMALL_ENTRIES)
    begin(config.runtime, actors=True)
    entries, accounts = reviewed.read_table(ENTRIES), reviewed.read_table(ACCOUNTS, "accounts")
    rejected = reviewed.read_table(REJECTED, "rejected")
    if unused := uses(rejected)["rejected"]:
        log.warning("%d reviewed rows are rejected and not learned: see rejected/ of the output", unused)
    answers = checked(bundle, entries, accounts, config) if len(entries) else CHECKED.empty_table()
    addition = Addition.after(bundle.additions, reviewer, entries, accounts, answers)
    encode = partial(encode_texts, retrieval=bundle.retrieval, runtime=config.runtime)
    return with_addition(bundle, addition, encode), rejected


def undo(bundle: Bundle, number: int) -> tuple[Bundle, pa.Table]:
    """The bundle without the addition of that number, and no rejected rows (`REJECTED`)."""
    return without_addition(bundle, number), REJECTED.empty_table()


if __name__ == "__main__":
    sys.exit(main("learn", options, run))
