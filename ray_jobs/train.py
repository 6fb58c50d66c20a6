"""`jet train`: the network under DDP (`ray_jobs.ddp.training`), the ranker, their calibration, and the bundle.

The training's name is a hash of its config and inputs: the same command resumes it, another one can't.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict, replace
from typing import Any

import jsonargparse

from jet.artifacts.artifact import Manifest, artifact_writer, digest_of, finished, refuse_foreign
from jet.artifacts.storage import remove
from jet.books.split import TRAIN
from jet.bundle.bundle import Bundle
from jet.bundle.saved import KIND, save_bundle
from jet.prediction.calibrating import ASKED_BY, asked_entries, calibrated
from jet.ranking.pretrained import read_prior
from jet.ranking.ranker import Ranker
from jet.retrieval.neighbors import make_encoder
from jet.training.data import TrainingData
from jet.training.fitting import build_network, ranker_rows, ranker_statistics
from ray_jobs.ddp.checkpoints import checkpoints
from ray_jobs.ddp.training import PARTS, checked_data, fit, open_training_data
from ray_jobs.options import train as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.connection import connect
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.spread.predicting import (
    OutcomeSlice,
    outcomes_from,
    over_slices,
    ranker_examples,
    shared_predictor,
)

log = logging.getLogger("jet.train")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Train on `args.data`."""
    manifest = train(args.data, args.output, config)
    return {"output": args.output, **manifest.facts}


def train(folder: str, output: str, config: JobConfig) -> Manifest:
    """Train, calibrate and publish; returns the bundle's manifest."""
    entries, neighbors, inputs = open_training_data(folder)
    settings = config.part(*PARTS)
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same training already", output)
        return done
    refuse_foreign(output)
    read_prior(config.ranker)
    data = checked_data(entries, neighbors, config, (TRAIN,))
    connect(config.runtime)
    state, facts = fit(folder, output, config, digest_of([settings, inputs]))
    network = build_network(data, config.model, config.train.seed)
    network.load_state_dict(state["network"])
    encoder = make_encoder(config.retrieval)
    facts |= {f"{name}_entries": count for name, count in data.sizes().items()}
    identity = encoder.identity if encoder is not None else ""
    bundle = Bundle.assemble(data, network, fit_ranker(data, config), identity, facts)
    bundle = calibrated_by_actors(bundle, data, config)
    with artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer:
        save_bundle(bundle, writer)
        manifest = writer.publish(bundle.sizes, bundle.facts | {"fingerprint": bundle.fingerprint})
    remove(checkpoints(output))
    return manifest


def fit_ranker(data: TrainingData, config: JobConfig) -> Ranker:
    """The set ranker, trained on the training rows; actors compute the features, the driver trains."""
    rows = ranker_rows(data, config.ranker)
    log.info("training the ranker on %d entries", len(rows))
    examples = ranker_examples(ranker_statistics(data), data.hits, rows, config.ranker, config.runtime)
    return examples.fit(config.ranker, config.train.seed)


def calibrated_by_actors(bundle: Bundle, data: TrainingData, config: JobConfig) -> Bundle:
    """The bundle, calibrated on the calibration and the test split, which actors predict."""
    asked = asked_entries(data)
    settings = replace(config.predict, method="ranker")
    shared = shared_predictor(bundle, settings, [asked["description"]], config.runtime)
    found = over_slices(OutcomeSlice, shared, asked, config.runtime, keys=ASKED_BY)
    return calibrated(bundle, outcomes_from(found), asked)


if __name__ == "__main__":
    sys.exit(main("train", options, run))
