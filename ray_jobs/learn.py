"""`jet learn`: teach a bundle what people reviewed, without training; or take such a lot back.

The bundle is an artifact like any other: it is never changed. What comes out is another one, with the same
trained parts and one lot of reviewed entries more, or less. The entries join the memory, those with an id that
it has in place of the old ones, and from the day after their own on every entry with such a text sees them.

Nothing learns from itself: predictions are refused here, as they are everywhere where entries are read. What
an accounting system has booked and somebody has looked at comes as a ledger, and with the name of who vouches.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from functools import partial
from typing import Any, Literal

import jsonargparse
import pyarrow as pa

from jet.artifacts.artifact import Artifact, Manifest, artifact_writer, finished, refuse_foreign
from jet.books.schema import ACCOUNTS, ENTRIES, REJECTED, uses
from jet.bundle.bundle import Bundle
from jet.bundle.extension import forgotten, learned
from jet.bundle.lots import Lot
from jet.bundle.saved import KIND, load_bundle, save_bundle
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.importing import open_or_import
from ray_jobs.spread.texts import encode_texts

HELP = (
    "Teach a bundle reviewed entries, without training: the next prediction of such a text follows them. "
    "Writes another bundle. --undo takes a lot back."
)
ALSO = {"--model": "--bundle"}

log = logging.getLogger("jet.learn")


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument(
        "--bundle", required=True, help="what `jet train` or `jet learn` wrote; --model means the same"
    )
    parser.add_argument(
        "--reviewed", nargs="+", default=[], help="booked entries that people reviewed, as for --ledgers"
    )
    parser.add_argument("--reviewer", default="", help="who reviewed them and vouches for them")
    parser.add_argument(
        "--undo", type=int | Literal["last"], default=None, help="take this lot back: its number, or last"
    )
    parser.add_argument("--output", required=True, help="folder for the bundle; must not exist yet")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Teach `args.bundle`, or take a lot back."""
    if bool(args.reviewed) == (args.undo is not None):
        raise ValueError("give --reviewed, to learn entries, or --undo, to take a lot back")
    if args.reviewed and not args.reviewer.strip():
        raise ValueError("give --reviewer: who looked at the entries and vouches for them stands in the bundle")
    bundle = load_bundle(args.bundle)
    if args.undo is not None:
        manifest = undo(bundle, args.undo, args.output, config)
    else:
        with open_or_import(args.reviewed, "reviewed", args.output, config) as reviewed:
            manifest = learn(bundle, reviewed, args.reviewer.strip(), args.output, config)
    return {"output": args.output, **manifest.rows, "lots": manifest.facts["lots"]}


def learn(bundle: Bundle, reviewed: Artifact, reviewer: str, output: str, config: JobConfig) -> Manifest:
    """The bundle with the entries of an artifact as another lot, published."""
    inputs = {"model": bundle.fingerprint, "reviewed": reviewed.manifest.fingerprint}
    settings = {"learn": {"reviewer": reviewer}}
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same bundle already", output)
        return done
    refuse_foreign(output)
    connect(config.runtime)
    entries = reviewed.read_table(ENTRIES)
    lot = Lot.after(bundle.lots, reviewer, entries, reviewed.read_table(ACCOUNTS, "accounts"))
    encode = partial(encode_texts, retrieval=bundle.retrieval, runtime=config.runtime)
    rejected = reviewed.read_table(REJECTED, "rejected")
    if unused := uses(rejected)["rejected"]:
        log.warning(
            "%d rows of what was reviewed are rejected, and not learned; which and why is in %s/rejected",
            unused,
            output,
        )
    return publish(learned(bundle, lot, encode), output, settings, inputs, config, rejected)


def undo(bundle: Bundle, lot: int | Literal["last"], output: str, config: JobConfig) -> Manifest:
    """The bundle without one of its lots, published."""
    number = (bundle.lots[-1].facts.number if bundle.lots else 0) if lot == "last" else lot
    inputs, settings = {"model": bundle.fingerprint}, {"undo": number}
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same bundle already", output)
        return done
    return publish(forgotten(bundle, number), output, settings, inputs, config, REJECTED.empty_table())


def publish(
    bundle: Bundle,
    output: str,
    settings: dict[str, Any],
    inputs: dict[str, str],
    config: JobConfig,
    rejected: pa.Table,
) -> Manifest:
    """Write the bundle; returns its manifest."""
    with artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer:
        save_bundle(bundle, writer)
        writer.write_table("rejected/part-0.parquet", rejected)
        rows = bundle.sizes | uses(rejected)
        lots = [lot.told() for lot in bundle.lots]
        return writer.publish(rows, bundle.facts | {"fingerprint": bundle.fingerprint, "lots": lots})


if __name__ == "__main__":
    sys.exit(main("learn", sys.modules[__name__]))
