"""A unit of an ablation: one training, and the scores of all rows that use its network.

The trained network and the scores of each row are artifacts, so that finished ones are not computed again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors

from jet.artifacts.artifact import artifact_writer, digest_of, finished, open_artifact
from jet.artifacts.layout import DATA
from jet.artifacts.storage import remove
from jet.experiments.ablation.ablation import Neighbors, Row
from jet.experiments.ablation.inference import score_rows
from jet.experiments.ablation.report import MEASURED, scores_table
from jet.model.network import JetNetwork
from jet.training.data import TrainingData
from jet.training.fitting import build_network
from ray_jobs.ddp.checkpoints import checkpoints
from ray_jobs.ddp.training import fit, load_data, open_training_data
from ray_jobs.runtime.logs import quiet_libraries
from ray_jobs.runtime.settings import JobConfig

NETWORK, SCORES_KIND = "ablation-network", "ablation-answers"
TRAINED = ("split", "retrieval", "model", "losses", "optim", "train")
"""The parts of the config that decide the network."""


@dataclass(frozen=True)
class Unit:
    """One training with one seed, and the rows of the grid that use its network."""

    rows: Sequence[Row]
    seed: int
    config: JobConfig
    folder: str
    """The data folder with the neighbors of the rows."""
    work: str
    inputs: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name of the run, unique to its training."""
        return f"{self.rows[0].name}-{self.seed}-{digest_of([self.training, dict(self.inputs)])}"

    @property
    def training(self) -> dict[str, Any]:
        """What decides the network, beside the inputs."""
        return self.config.part(*TRAINED) | {"neighbors": self.rows[0].neighbors}

    def scoring_settings(self, row: Row) -> dict[str, Any]:
        """What decides the scores of `row`, beside the inputs."""
        return self.training | {"inference": row.inference, "beams": self.config.predict.beams}

    @property
    def tracked(self) -> str:
        """The folder for W&B: beside the output, since the work folder is removed."""
        return self.work.rpartition("/")[0]

    @property
    def network_at(self) -> str:
        """The path of the trained network."""
        return f"{self.work}/networks/{self.name}"

    def scores_at(self, row: Row) -> str:
        """The path of the scores of `row`."""
        return (
            f"{self.work}/answers/{row.name}-{self.seed}-{digest_of([self.scoring_settings(row), self.name])}"
        )

    def missing(self) -> list[Row]:
        """The rows without finished scores."""
        return [
            row
            for row in self.rows
            if finished(self.scores_at(row), SCORES_KIND, self.scoring_settings(row), self.inputs) is None
        ]


def planned(
    rows: Sequence[Row],
    seeds: Sequence[int],
    config: JobConfig,
    folders: Mapping[Neighbors, str],
    work: str,
    inputs: Mapping[str, str],
) -> Iterator[Unit]:
    """A unit for each distinct training and seed, with all rows that use it."""
    by_training: dict[str, list[Row]] = {}
    for row in rows:
        training = digest_of([row.applied(config).part(*TRAINED), row.neighbors])
        by_training.setdefault(training, []).append(row)
    for sharing in by_training.values():
        changed = sharing[0].applied(config)
        for seed in seeds:
            own = replace(changed, train=replace(changed.train, seed=seed))
            yield Unit(sharing, seed, own, folders[sharing[0].neighbors], work, inputs)


def train_and_score(unit: Unit) -> str:
    """The work of a task: one training, if it isn't finished, and the missing scores of its network.

    Returns a line about the training.
    """
    quiet_libraries()
    torch.set_num_threads(1)
    entries, neighbors, _ = open_training_data(unit.folder, verified=True)
    data = load_data(entries, neighbors, unit.config)
    network = trained(unit, data)
    rows = np.concatenate([data.rows(part) for part in MEASURED])
    for row in unit.missing():
        scores = score_rows(
            network,
            data,
            rows,
            row.inference,
            beams=unit.config.predict.beams,
            batch_size=unit.config.predict.batch_size,
            seed=unit.seed,
        )
        settings = unit.scoring_settings(row)
        with artifact_writer(unit.scores_at(row), SCORES_KIND, settings, unit.inputs) as writer:
            writer.write_table(f"{DATA}/part-0.parquet", scores_table(scores, data, rows, row.name, unit.seed))
            writer.publish({"answers": len(rows)})
    facts = open_artifact(unit.network_at, NETWORK).manifest.facts
    return "{epochs} epochs, the best {best_epoch}, in {seconds:.0f} s, likelihood {likelihood:.3f}".format(
        **facts
    )


def trained(unit: Unit, data: TrainingData) -> JetNetwork:
    """The unit's network, from its artifact, which a training writes where it is missing."""
    network = build_network(data, unit.config.model, unit.config.train.seed)
    if finished(unit.network_at, NETWORK, unit.training, unit.inputs) is None:
        start = time.monotonic()
        state, fit_facts = fit(unit.folder, unit.network_at, unit.config, unit.name, unit.tracked)
        facts = {
            "epochs": fit_facts["epochs"],
            "best_epoch": fit_facts["best_epoch"],
            "likelihood": fit_facts["calibration_likelihood"],
            "seconds": round(time.monotonic() - start, 1),
        }
        with artifact_writer(unit.network_at, NETWORK, unit.training, unit.inputs) as writer:
            writer.write_bytes("network.safetensors", save_safetensors(state["network"]))
            writer.publish({"parameters": sum(value.numel() for value in state["network"].values())}, facts)
        remove(checkpoints(unit.network_at))
    stored = open_artifact(unit.network_at, NETWORK).read_bytes("network.safetensors")
    network.load_state_dict(load_safetensors(stored))
    return network
