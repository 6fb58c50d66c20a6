"""One training of an ablation, and the answers of all rows that ask its network.

The trained network, and the answers of each row, are artifacts of their own: what is there isn't done again.
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
"""The parts of the config that a network follows from."""


@dataclass(frozen=True)
class Unit:
    """One training with one seed, and the rows of the grid that ask its network."""

    rows: Sequence[Row]
    seed: int
    config: JobConfig
    folder: str
    """The data, with the neighbors that the rows want."""
    work: str
    inputs: Mapping[str, str]

    @property
    def name(self) -> str:
        """Of the run: the same for the same training only."""
        return f"{self.rows[0].name}-{self.seed}-{digest_of([self.training, dict(self.inputs)])}"

    @property
    def training(self) -> dict[str, Any]:
        """What the network follows from, beside the inputs."""
        return self.config.part(*TRAINED) | {"neighbors": self.rows[0].neighbors}

    def scoring_settings(self, row: Row) -> dict[str, Any]:
        """What the answers of `row` follow from, beside the inputs."""
        return self.training | {"inference": row.inference, "beams": self.config.predict.beams}

    @property
    def tracked(self) -> str:
        """Where what W&B writes stays: beside the output, for the work folder goes."""
        return self.work.rpartition("/")[0]

    @property
    def network_at(self) -> str:
        """Where the trained network belongs."""
        return f"{self.work}/networks/{self.name}"

    def scores_at(self, row: Row) -> str:
        """Where the answers of `row` belong."""
        return (
            f"{self.work}/answers/{row.name}-{self.seed}-{digest_of([self.scoring_settings(row), self.name])}"
        )

    def missing(self) -> list[Row]:
        """The rows whose answers aren't there yet."""
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
    """Every training once, with all rows that it serves."""
    by_training: dict[str, list[Row]] = {}
    for row in rows:
        training = digest_of([row.applied(config).part(*TRAINED), row.neighbors])
        by_training.setdefault(training, []).append(row)
    for served in by_training.values():
        changed = served[0].applied(config)
        for seed in seeds:
            own = replace(changed, train=replace(changed.train, seed=seed))
            yield Unit(served, seed, own, folders[served[0].neighbors], work, inputs)


def train_and_score(unit: Unit) -> str:
    """What a task does: one training, if it wasn't done before, and the answers of its network.

    Returns a line on what came out.
    """
    quiet_libraries()
    torch.set_num_threads(1)
    entries, neighbors, _ = open_training_data(unit.folder, verified=True)
    data = load_data(entries, neighbors, unit.config)
    network = trained(unit, data)
    rows = np.concatenate([data.rows(part) for part in MEASURED])
    for row in unit.missing():
        given = score_rows(
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
            writer.write_table("part-0.parquet", scores_table(given, data, rows, row.name, unit.seed))
            writer.publish({"answers": len(rows)})
    facts = open_artifact(unit.network_at, NETWORK).manifest.facts
    return "{epochs} epochs, the best {best_epoch}, in {seconds:.0f} s, likelihood {likelihood:.3f}".format(
        **facts
    )


def trained(unit: Unit, data: TrainingData) -> JetNetwork:
    """The unit's network, from its artifact or else from a training that leaves one."""
    network = build_network(data, unit.config.model, unit.config.train.seed)
    if finished(unit.network_at, NETWORK, unit.training, unit.inputs) is None:
        start = time.monotonic()
        state, told = fit(unit.folder, unit.network_at, unit.config, unit.name, unit.tracked)
        facts = {
            "epochs": told["epochs"],
            "best_epoch": told["best_epoch"],
            "likelihood": told["calibration_likelihood"],
            "seconds": round(time.monotonic() - start, 1),
        }
        with artifact_writer(unit.network_at, NETWORK, unit.training, unit.inputs) as writer:
            writer.write_bytes("network.safetensors", save_safetensors(state["network"]))
            writer.publish({"parameters": sum(value.numel() for value in state["network"].values())}, facts)
        remove(checkpoints(unit.network_at))
    stored = open_artifact(unit.network_at, NETWORK).read_bytes("network.safetensors")
    network.load_state_dict(load_safetensors(stored))
    return network
