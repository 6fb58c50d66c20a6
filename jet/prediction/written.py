"""Checks written parts of predictions before they are published: drift, decisions, counts.

Reads some columns of one part at a time, since all parts together may exceed a machine's memory.
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

_STATISTICS_COLUMNS = ("entity", "decision", "text_known", "similarity")
"""The columns of `PREDICTIONS` that the drift statistics need."""

log = logging.getLogger("jet.predict")


def settled(
    writer: ArtifactWriter, rows: int, calibrated: DriftStatistics, settings: DriftSettings
) -> tuple[dict[str, int], dict[str, Any]]:
    """The counts of each decision and a summary of the drift, after holding back what has drifted where
    `settings.hold` says so.

    `calibrated` are the statistics of the calibration. Raises `RuntimeError` where the parts don't have `rows`
    predictions.
    """
    groups = compare(calibrated, statistics_of(writer), settings)
    for group in groups:
        if group.drifted:
            log.warning("drift: %s: %s", group.name, group.sentence())
    if settings.hold:
        hold_back(writer, groups)
    decisions, held = counted(writer, rows)
    return decisions, summary(groups, held)


def statistics_of(writer: ArtifactWriter) -> DriftStatistics:
    """The drift statistics of all predictions written so far."""
    parts = [DriftStatistics.of_predictions(part) for part in _parts(writer, _STATISTICS_COLUMNS)]
    return DriftStatistics(
        *(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(DriftStatistics))
    )


def hold_back(writer: ArtifactWriter, groups: Sequence[Group]) -> None:
    """Turn each `auto` of a company with drift into `review`, and write the changed parts again."""
    why = drift_sentences(groups)
    for name in writer.files() if why else ():
        table = read_parquet(writer.filesystem, name)
        held = hold_drifted(table, why)
        if held is not table:
            writer.write_table(name.rpartition("/")[2], held)


def counted(writer: ArtifactWriter, rows: int) -> tuple[dict[str, int], int]:
    """The number of predictions by decision, and of those held back because of drift.

    Raises `RuntimeError` where rows are lost or doubled.
    """
    decisions: Counter[str] = Counter()
    held, hashes = 0, []
    for part in _parts(writer, ("entity", "entry_id", "decision", "reason")):
        decisions.update(part["decision"].to_pylist())
        was_held = pc.and_(pc.equal(part["decision"], REVIEW), pc.match_substring(part["reason"], HELD_BACK))
        held += pc.sum(was_held).as_py() or 0
        hashes.append(stable_hashes(joined_keys(part["entity"], part["entry_id"])))
    total, distinct = sum(decisions.values()), _distinct_keys(writer, np.concatenate(hashes))
    if total != rows or distinct != rows:
        raise RuntimeError(f"{rows} entries went in, {total} predictions of {distinct} entries came out")
    return dict(decisions), held


def _parts(writer: ArtifactWriter, names: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of an empty table, then of each part written so far."""
    schema = pa.schema([PREDICTIONS.field(name) for name in names])
    yield schema.empty_table()
    for name in writer.files():
        yield read_parquet(writer.filesystem, name, names).cast(schema)


def _distinct_keys(writer: ArtifactWriter, hashes: np.ndarray) -> int:
    """The number of distinct entries; `hashes` int64 [N] are those of all keys.

    Takes eight bytes an entry. Keys with equal hashes are compared as text.
    """
    values, counts = np.unique(hashes, return_counts=True)
    shared = values[counts > 1]
    if not len(shared):
        return len(values)
    keys: set[str] = set()
    for part in _parts(writer, ("entity", "entry_id")):
        names = joined_keys(part["entity"], part["entry_id"])
        keys.update(names.filter(pa.array(np.isin(stable_hashes(names), shared))).to_pylist())
    return len(values) - len(shared) + len(keys)
