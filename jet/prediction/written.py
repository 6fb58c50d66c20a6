"""Predictions that lie in parts before they are published: compared with the calibration, held back, counted.

Only some columns of one part at a time are read: all parts together may be too much for a machine.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.artifacts.artifact import ArtifactWriter, read_parquet
from jet.books.schema import PREDICTIONS, REVIEW, joined_keys
from jet.confidence.drift import (
    HELD_BACK,
    DriftSettings,
    DriftStatistics,
    Group,
    compare,
    drift_sentences,
    hold_drifted,
    summary,
)
from jet.texts.normalize import stable_hashes

_STATISTICS_COLUMNS = ("entity", "decision", "text_known", "similarity", "confidence")
"""The columns of `PREDICTIONS` that drift is read off."""

log = logging.getLogger("jet.predict")


def settled(
    writer: ArtifactWriter, rows: int, calibrated: DriftStatistics, settings: DriftSettings
) -> tuple[dict[str, int], dict[str, Any]]:
    """The counts of each decision and a summary of the drift, after holding back what has drifted.

    `calibrated` are the statistics of the calibration. Raises `RuntimeError` where the parts don't have `rows`
    predictions.
    """
    groups = compare(calibrated, statistics_of(writer), settings)
    hold_back(writer, groups)
    decisions, held = counted(writer, rows)
    return decisions, summary(groups, held)


def statistics_of(writer: ArtifactWriter) -> DriftStatistics:
    """The signs of all predictions that are written so far."""
    parts = [DriftStatistics.of_predictions(part) for part in _parts(writer, _STATISTICS_COLUMNS)]
    return DriftStatistics(
        *(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(DriftStatistics))
    )


def hold_back(writer: ArtifactWriter, groups: Sequence[Group]) -> None:
    """Write the parts again in which there is an `auto` of a company whose entries have drifted."""
    why = drift_sentences(groups)
    for group in groups:
        if group.drifted:
            log.warning("drift, nothing is booked automatically: %s: %s", group.name, group.sentence())
    for name in writer.files() if why else ():
        table = read_parquet(writer.filesystem, name)
        held = hold_drifted(table, why)
        if held is not table:
            writer.write_table(name.rpartition("/")[2], held)


def counted(writer: ArtifactWriter, rows: int) -> tuple[dict[str, int], int]:
    """How many predictions have each decision, and how many were held back because of drift.

    Raises `RuntimeError` where rows are lost or doubled.
    """
    found: Counter[str] = Counter()
    held, hashes = 0, []
    for part in _parts(writer, ("entity", "entry_id", "decision", "reason")):
        found.update(part["decision"].to_pylist())
        was_held = pc.and_(pc.equal(part["decision"], REVIEW), pc.match_substring(part["reason"], HELD_BACK))
        held += pc.sum(was_held).as_py() or 0
        hashes.append(stable_hashes(joined_keys(part["entity"], part["entry_id"])))
    total, distinct = sum(found.values()), _distinct_keys(writer, np.concatenate(hashes))
    if total != rows or distinct != rows:
        raise RuntimeError(f"{rows} entries went in, {total} predictions of {distinct} entries came out")
    return dict(found), held


def _parts(writer: ArtifactWriter, names: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of each part that is written so far, and of none."""
    schema = pa.schema([PREDICTIONS.field(name) for name in names])
    yield schema.empty_table()
    for name in writer.files():
        yield read_parquet(writer.filesystem, name, names).cast(schema)


def _distinct_keys(writer: ArtifactWriter, hashes: np.ndarray) -> int:
    """How many different entries there are; `hashes` are those of all keys, int64 [N].

    Eight bytes an entry. Of a billion entries two may have the same: only those are compared letter by letter.
    """
    values, counts = np.unique(hashes, return_counts=True)
    shared = values[counts > 1]
    if not len(shared):
        return len(values)
    keys: set[str] = set()
    for part in _parts(writer, ("entity", "entry_id")):
        own = joined_keys(part["entity"], part["entry_id"])
        keys.update(own.filter(pa.array(np.isin(stable_hashes(own), shared))).to_pylist())
    return len(values) - len(shared) + len(keys)
