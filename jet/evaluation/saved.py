"""A report as it was published: its figures, its rows, and the settings behind both.

A report says which bundle it measured by the fingerprint. How that bundle was trained says the bundle's
manifest, which is read where `jet pipeline` leaves it: in the folder `model` beside the report.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from jet.artifacts.artifact import Artifact, open_artifact, read_parquet
from jet.artifacts.places import finished_at

KIND = "report"
ROWS = "rows.parquet"
_NEEDED = ("entity", "entry_id", "date", "description", "true", "automated")


@dataclass(frozen=True)
class SavedReport:
    """See the module's docstring."""

    path: str
    """As it was named."""
    metrics: dict[str, Any]
    """The tree of `jet.evaluation.measurements.Measurements`."""
    rows: pa.Table
    """`jet.evaluation.rows.rows_table`."""
    settings: dict[str, Any]
    """The settings of the evaluation, by part."""
    training: dict[str, Any] | None
    """Those of the training; None where they aren't known."""

    @classmethod
    def read(cls, path: str) -> SavedReport:
        """The report at `path`, or in the folder `report` there, as `jet pipeline` writes it.

        Raises `ArtifactError`, with the way out, where there is none or a file was changed; `ValueError`
        where its rows are those of an older jet.
        """
        artifact = open_artifact(report_path(path), KIND)
        training = _training(artifact)
        rows = read_parquet(artifact.filesystem, f"{artifact.root}/{ROWS}")
        metrics = json.loads(artifact.read_bytes("metrics.json"))
        right = f"{metrics['facts']['method']}_right"
        lacking = [name for name in (*_NEEDED, right) if name not in rows.column_names]
        if lacking:
            raise ValueError(
                f"{artifact.path}/{ROWS} has no column {lacking[0]!r}: an older jet wrote it. Evaluate again"
            )
        return cls(path, metrics, rows, artifact.manifest.config, training)

    @property
    def method(self) -> str:
        """The method of prediction whose answers are the model's."""
        return self.metrics["facts"]["method"]

    @property
    def promise(self) -> float:
        """The promise at which the column `automated` is."""
        return self.settings["predict"]["promise"]


def report_path(path: str) -> str:
    """`path`, or the folder `report` in it where that is a finished report and `path` is none."""
    inside = f"{path.rstrip('/')}/{KIND}"
    return inside if finished_at(path) is None and finished_at(inside) is not None else path


def _training(report: Artifact) -> dict[str, Any] | None:
    """The settings of the training of the bundle that a report measured; None where it isn't beside it."""
    manifest = finished_at(f"{report.path.rstrip('/').rpartition('/')[0] or '.'}/model")
    if manifest is None or manifest.facts.get("fingerprint") != report.manifest.inputs.get("model"):
        return None
    return manifest.config
