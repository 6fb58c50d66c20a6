"""Bookings: predictions brought together with the entries that they answer, as they are exported.

Predictions have accounts, sides and amounts; date, text, currency and journal are the entry's. Both are read a
batch of rows at a time. `jet predict` writes predictions in the order of the entries, so that what waits for
its other half is a batch or two; in another order more waits, and the result is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from jet.artifacts.artifact import Artifact
from jet.artifacts.storage import patiently
from jet.artifacts.tables import validate
from jet.books.exporters.common import Booking
from jet.books.exporters.files import Export
from jet.books.records import Entry, Line, entry_of, lines_of
from jet.books.schema import AUTO, ENTRIES, NO_ANSWER, PREDICTIONS, REVIEW

BATCH = 8192
SHOWN = 10
REVIEWED = "reviewed"

_ANSWER = pa.schema(
    [
        PREDICTIONS.field(name)
        for name in ("entity", "entry_id", "lines", "decision", "reason", "amount_confidence")
    ]
)
_ASKED = pa.schema([field for field in ENTRIES if field.name != "lines"])

Key = tuple[str, str]
Row = dict[str, Any]


class Exported(NamedTuple):
    """What became of the reviewed entries."""

    used: int
    """How many were predicted, and were exported as reviewed."""
    elsewhere: list[Key]
    """Those that aren't among the predictions."""
    unsure: int
    """How many `auto` entries are pending since their amounts aren't sure."""


def answers(predictions: Artifact) -> Iterator[pa.Table]:
    """What of the predictions is exported, batch by batch."""
    return _batches(predictions, _ANSWER)


def asked(entries: Artifact) -> Iterator[pa.Table]:
    """The entries without their lines, batch by batch."""
    return _batches(entries, _ASKED)


def _batches(artifact: Artifact, schema: pa.Schema) -> Iterator[pa.Table]:
    for name in artifact.files():
        file = patiently(pq.ParquetFile, name, filesystem=artifact.filesystem)
        for batch in file.iter_batches(batch_size=BATCH, columns=schema.names):
            yield validate(pa.Table.from_batches([batch]), schema, name)


def reviewed_entries(entries: pa.Table) -> dict[Key, Entry]:
    """Those of `entries` (`ENTRIES`) that have lines, by entity and id. The others nobody has reviewed yet."""
    found = {}
    for row in entries.to_pylist():
        if row["lines"]:
            found[row["entity"], row["entry_id"]] = entry_of(row, lines_of(row))
    return found


def export(
    predictions: Iterable[pa.Table],
    entries: Iterable[pa.Table],
    reviewed: Mapping[Key, Entry],
    files: Export,
    amounts: float,
) -> Exported:
    """Write all `predictions` (batches of `answers`) of `entries` (batches of `asked`) to `files`: `auto` as
    booked, where the amounts are as sure as `amounts`, `review` and other `auto` as pending, and as booked what
    people have `reviewed`.

    Raises `ValueError`, which names some, where an entry has no prediction or a prediction no entry.
    """
    used: set[Key] = set()
    unsure = 0
    for answer, entry in joined(predictions, entries):
        key = answer["entity"], answer["entry_id"]
        names = {line["account"]: line["name"] for line in answer["lines"]}
        if key in reviewed:
            used.add(key)
            files.add(Booking(reviewed[key], pending=False, names=names), REVIEWED)
            continue
        decision = answer["decision"]
        if decision == NO_ANSWER:
            files.leave_out(entry_of(entry, None), {}, decision, answer["reason"])
            continue
        made = entry_of(entry, [_predicted_line(line, entry["currency"]) for line in answer["lines"]])
        is_unsure = answer["amount_confidence"] is not None and answer["amount_confidence"] < amounts
        unsure += is_unsure and decision == AUTO
        files.add(Booking(made, is_unsure or decision == REVIEW, names), decision)
    return Exported(len(used), sorted(reviewed.keys() - used), unsure)


def joined(predictions: Iterable[pa.Table], entries: Iterable[pa.Table]) -> Iterator[tuple[Row, Row]]:
    """Each prediction with its entry.

    Raises `ValueError` where one of them has no other half, or comes twice.
    """
    waiting: tuple[dict[Key, Row], dict[Key, Row]] = ({}, {})
    for parts in zip_longest(predictions, entries):
        for own, (part, what) in enumerate(zip(parts, ("predictions", "entries"), strict=True)):
            for row in part.to_pylist() if part is not None else ():
                key = row["entity"], row["entry_id"]
                other = waiting[1 - own].pop(key, None)
                if other is not None:
                    yield (other, row) if own else (row, other)
                elif waiting[own].setdefault(key, row) is not row:
                    raise ValueError(
                        f"entry {key[1]!r} of {key[0]!r} comes twice in the {what}: give each once"
                    )
    without_entry, without_answer = (sorted(each) for each in waiting)
    if without_entry:
        raise ValueError(
            f"{told(without_entry)} of the predictions are not in --ledgers: give what was predicted"
        )
    if without_answer:
        raise ValueError(
            f"{told(without_answer)} of --ledgers have no prediction: give what was predicted, and no more"
        )


def told(keys: list[Key]) -> str:
    """The number of entries, and the first ones' ids."""
    first = ", ".join(f"{entry_id!r} of {entity!r}" for entity, entry_id in keys[:SHOWN])
    more = ", …" if len(keys) > SHOWN else ""
    return f"{len(keys):,} {'entry' if len(keys) == 1 else 'entries'} ({first}{more})"


def _predicted_line(line: Row, currency: str) -> Line:
    return Line(line["account"], line["side"], line["amount"], currency)
