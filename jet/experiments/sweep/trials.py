"""The record of a trial: its settings, its metrics at every epoch (rung), its status, its cost.

The score is the free-running exact match of the calibration split at the epoch that a training publishes, which
is the one of the highest likelihood. Exact match has steps of 1 / rows, so the likelihood breaks ties: it is
added as a probability scaled to less than one step, so that searchers have a single number that orders trials
by exact match, then by likelihood.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pyarrow as pa

from jet.books.schema import TRIALS

Rung = dict[str, float]
Status = Literal["running", "finished", "stopped", "diverged", "failed"]
NO_SCORE = -1.0
"""The objective of a trial without a finite likelihood, below all others."""


@dataclass(kw_only=True)
class Trial:
    """One training of a sweep."""

    key: str
    """Identifies the training; trainings with the same key are the same, and run once."""
    number: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    """Its changes to the base config, by dotted name."""
    point: dict[str, Any] | None = None
    """Its coordinates in the space; None for trainings that are no point of it."""
    parent: str | None = None
    """The key of the training whose last state it began with (population only)."""
    status: Status = "running"
    rungs: list[Rung] = field(default_factory=list)
    """epoch, exact_match, likelihood and loss of each epoch."""
    seconds: float = 0.0
    error: str | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status != "running"

    @property
    def best(self) -> Rung | None:
        """The epoch that a training would publish."""
        return best_rung(self.rungs)

    def add(self, rung: Rung) -> None:
        """Add the metrics of an epoch; those of an epoch that ran again after a failure replace the first
        ones."""
        kept = [each for each in self.rungs if each["epoch"] != rung["epoch"]]
        self.rungs = sorted([*kept, rung], key=lambda each: each["epoch"])

    def fail(self, error: str) -> None:
        """Set the status of a training that ended by an error: `diverged` or `failed`."""
        self.error = error
        self.status = "diverged" if error.startswith(FloatingPointError.__name__) else "failed"

    def settle(self, epochs: int) -> None:
        """Set the status of a training that ended: `finished` after all `epochs`, else `stopped`; `diverged`
        without a finite likelihood."""
        if self.status == "running":
            self.status = "finished" if self.rungs and self.rungs[-1]["epoch"] >= epochs else "stopped"
        if self.best is None and self.error is None:
            self.status, self.error = "diverged", "no epoch had a finite likelihood"

    def to_json(self) -> bytes:
        """As one JSON object."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Trial:
        """The inverse of `to_json`."""
        return cls(**json.loads(content))


def rung_of(metrics: dict[str, float]) -> Rung:
    """The rung from an epoch's metrics as `jet.training.loop` names them."""
    names = {"epoch": "epoch", "exact_match": "val/exact_match", "likelihood": "val/likelihood"}
    rung = {short: float(metrics[name]) for short, name in names.items()}
    return rung | {"loss": float(metrics.get("train/loss", math.nan))}  # missing where no step was taken


def best_rung(rungs: Sequence[Rung]) -> Rung | None:
    """The rung of the highest likelihood, the first of equals; None where none has a finite one."""
    finite = [rung for rung in rungs if math.isfinite(rung["likelihood"])]
    return max(finite, key=lambda rung: rung["likelihood"], default=None)


def objective(rungs: Sequence[Rung], rows: int) -> float:
    """The number that is maximized: exact match of the best epoch so far, ties broken by its likelihood."""
    best = best_rung(rungs)
    if best is None:
        return NO_SCORE
    return best["exact_match"] + math.exp(min(0.0, best["likelihood"])) / (rows + 1)


def winner(trials: Sequence[Trial], rows: int) -> Trial:
    """The trial with the highest objective, the first of equals. Raises `ValueError` where none has a score."""
    scored = [trial for trial in trials if trial.best is not None and trial.status in ("finished", "stopped")]
    if not scored:
        errors = "; ".join(dict.fromkeys(trial.error or trial.status for trial in trials))
        raise ValueError(f"none of the {len(trials)} trials came to a score ({errors}): change the space")
    return max(scored, key=lambda trial: objective(trial.rungs, rows))


def trials_table(trials: Sequence[Trial]) -> pa.Table:
    """The content of `trials.parquet` (schema `TRIALS`), in the order of their numbers."""
    rows = []
    for trial in sorted(trials, key=lambda each: each.number):
        best = trial.best or {}
        rows.append(
            {
                "number": trial.number,
                "trial": trial.key,
                "parent": trial.parent,
                "config": json.dumps(trial.settings),
                "status": trial.status,
                "exact_match": best.get("exact_match"),
                "likelihood": best.get("likelihood"),
                "best_epoch": best.get("epoch"),
                "epochs": len(trial.rungs),
                "rungs": trial.rungs,
                "seconds": trial.seconds,
                "error": trial.error,
            }
        )
    return pa.Table.from_pylist(rows, schema=TRIALS)
