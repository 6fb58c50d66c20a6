"""Checks written parts of predictions before they are published: drift, decisions, counts.

Reads some columns of one part at a time, since all parts together may exceed a machine's memory.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.artifacts.artifact import ArtifactWriter, read_parquet
from jet.artifacts.layout import DATA
from jet.books.schema import PREDICTED_LINES, PREDICTIONS, REVIEW, joined_keys
from jet.books.tokens import mixed
from jet.confidence.drift import (
    HELD_BACK,
    DriftStatistics,
    Group,
    compare,
    drift_sentences,
    hold_drifted,
    summary,
)
from jet.confidence.settings import DriftSettings
from jet.texts.normalize import stable_hashes

_STATISTICS_COLUMNS = ("entity", "decision", "text_known", "similarity")
"""The columns of `PREDICTIONS` that the drift statistics need."""

_MERGED_FROM = 65_536  # rows of statistics that wait to be brought together

LINES = "lines"
"""The folder of the flat lines."""

log = logging.getLogger("jet.predict")


class Keys(NamedTuple):
    """How many entries there are, and two sums of 64-bit hashes of their keys: equal for the same entries
    alone, unless two keys have the same hash."""

    entries: int = 0
    hashes: int = 0
    others: int = 0

    @classmethod
    def of(cls, parts: Iterable[pa.Table]) -> Keys:
        """The keys in tables with the columns entity and entry_id, one at a time."""
        return reduce(Keys.and_those_of, parts, cls())

    def and_those_of(self, part: pa.Table) -> Keys:
        """These keys and those of one more table."""
        found = stable_hashes(joined_keys(part["entity"], part["entry_id"]))
        return Keys(
            self.entries + len(found),
            (self.hashes + int(found.view(np.uint64).sum())) % 2**64,
            (self.others + int(mixed(found).sum())) % 2**64,
        )


def settled(
    writer: ArtifactWriter, keys: Keys, calibrated: DriftStatistics, settings: DriftSettings
) -> tuple[dict[str, int], dict[str, Any]]:
    """The counts of each decision and a summary of the drift, after holding back what has drifted where
    `settings.hold` says so.

    `calibrated` are the statistics of the calibration. Raises `RuntimeError` where the parts don't have the
    predictions of the entries `keys`, each once.
    """
    groups = compare(calibrated, statistics_of(writer), settings)
    for group in groups:
        if group.drifted:
            log.warning("drift: %s: %s", group.name, group.sentence())
    if settings.hold:
        hold_back(writer, groups)
    decisions, held = counted(writer, keys)
    return decisions, summary(groups, held)


def write_predictions(writer: ArtifactWriter, name: str, predictions: pa.Table) -> None:
    """Write a part of the predictions (`PREDICTIONS`) as the file `name`, and before it the same lines flat, a
    row each: a part that is there has both."""
    writer.write_table(f"{LINES}/{name.removeprefix(f'{DATA}/')}", flat_lines(predictions))
    writer.write_table(name, predictions)


def flat_lines(predictions: pa.Table) -> pa.Table:
    """The lines of `predictions` (`PREDICTIONS`) as `PREDICTED_LINES`, in their order."""
    lines = predictions["lines"].combine_chunks()
    count = np.diff(lines.offsets.to_numpy())
    rows = np.repeat(np.arange(len(predictions)), np.maximum(count, 1))  # an entry without lines has one row
    first = np.cumsum(np.maximum(count, 1)) - np.maximum(count, 1)
    number = np.arange(len(rows)) - first[rows]
    has_line = count[rows] > 0
    at = pa.array(lines.offsets.to_numpy()[rows] + number, pa.int32(), mask=~has_line)
    line = pa.array(number + 1, pa.int32(), mask=~has_line)
    flat = lines.values.take(at).flatten()
    known = predictions.take(pa.array(rows))
    names = [name for name in PREDICTED_LINES.names if name in known.column_names]
    return pa.Table.from_arrays([*(known[name] for name in names), line, *flat], schema=PREDICTED_LINES)


def statistics_of(writer: ArtifactWriter) -> DriftStatistics:
    """The drift statistics of all predictions written so far."""
    whole: list[DriftStatistics] = []
    for part in _parts(writer, _STATISTICS_COLUMNS):
        whole.append(DriftStatistics.of_predictions(part))
        if sum(map(len, whole[1:])) > max(_MERGED_FROM, len(whole[0])):
            whole = [DriftStatistics.concat(whole)]
    return DriftStatistics.concat(whole)


def hold_back(writer: ArtifactWriter, groups: Sequence[Group]) -> None:
    """Turn each `auto` of a company with drift into `review`, and write the changed parts again."""
    why = drift_sentences(groups)
    for name in writer.files() if why else ():
        table = read_parquet(writer.filesystem, name)
        held = hold_drifted(table, why)
        if held is not table:
            write_predictions(writer, name.removeprefix(f"{writer.staging}/"), held)


def counted(writer: ArtifactWriter, keys: Keys) -> tuple[dict[str, int], int]:
    """The number of predictions by decision, and of those held back because of drift.

    Raises `RuntimeError` where they are not those of the entries `keys`, each once.
    """
    decisions: Counter[str] = Counter()
    held, found = 0, Keys()
    for part in _parts(writer, ("entity", "entry_id", "decision", "reason")):
        found = found.and_those_of(part)
        decisions.update(part["decision"].to_pylist())
        was_held = pc.and_(pc.equal(part["decision"], REVIEW), pc.match_substring(part["reason"], HELD_BACK))
        held += pc.sum(was_held).as_py() or 0
    if found != keys:
        how = "" if found.entries != keys.entries else ", not one for each of them"
        raise RuntimeError(f"{keys.entries} entries went in, {found.entries} predictions came out{how}")
    return dict(decisions), held


def _parts(writer: ArtifactWriter, names: Sequence[str]) -> Iterator[pa.Table]:
    """Some columns of an empty table, then of each part written so far."""
    schema = pa.schema([PREDICTIONS.field(name) for name in names])
    yield schema.empty_table()
    for name in writer.files():
        yield read_parquet(writer.filesystem, name, names).cast(schema)
