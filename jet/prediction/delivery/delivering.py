"""Adds a finished prediction to the table that the settings name, in either format."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from jet.artifacts.artifact import Artifact
from jet.artifacts.places import finished_at, folders_above
from jet.artifacts.storage import absolute
from jet.prediction.delivery.delta import DeltaFolder
from jet.prediction.delivery.hive import HiveFolder
from jet.prediction.delivery.night import Night
from jet.prediction.settings import TableSettings

log = logging.getLogger("jet.predict")


class Table(Protocol):
    """A table that nights are added to."""

    def refuse(self) -> None:
        """Raise `ValueError` where there is something at its place that no night can be added to."""

    def add(self, night: Night) -> int:
        """Add a night, unless it is there; returns the number of rows that were added."""


@dataclass(frozen=True)
class Delivered:
    """What became of a delivery."""

    uri: str
    night: str
    day: str
    added: int
    """Rows that this run added: 0 where the night was there."""


def refuse_table(settings: TableSettings, output: str) -> None:
    """Raise `ValueError` where predictions can't be added to the table, before they are made.

    Its columns, format and partition must be those that jet writes, and it mustn't lie in `output`, around it
    or in another artifact, since neither's readers expect files of the other.
    """
    if settings.uri is None:
        return
    table = _table(settings)
    uri, other = absolute(settings.uri).rstrip("/"), absolute(output).rstrip("/")
    if f"{uri}/".startswith(f"{other}/") or f"{other}/".startswith(f"{uri}/"):
        raise ValueError(f"--table {settings.uri} and --output {output} lie in one another: keep them apart")
    for place in (uri, *folders_above(uri)):
        if (manifest := finished_at(place)) is not None:
            raise ValueError(
                f"--table {settings.uri} lies in {place}, which holds finished {manifest.kind} and is never "
                "changed: give a folder outside of it"
            )
    table.refuse()


def deliver(artifact: Artifact, settings: TableSettings) -> Delivered:
    """Add the predictions of `artifact` to the table that `settings` name, unless they are there.

    Raises `ValueError` where the table has other predictions under the night's name, and `OSError` where the
    table can't be written.
    """
    table = _table(settings)
    night = Night.of(artifact, settings.night)
    table.refuse()
    added = table.add(night)
    if added:
        log.info("%s: night %s has %d rows, %d of them new", settings.uri, night.name, night.rows, added)
    else:
        log.info("%s has all of night %s already", settings.uri, night.name)
    return Delivered(settings.uri or "", night.name, night.day.isoformat(), added)


def _table(settings: TableSettings) -> Table:
    if settings.uri is None:
        raise ValueError("there is no table to deliver to: give --table")
    kind = DeltaFolder if settings.format == "delta" else HiveFolder
    return kind(settings.uri, settings.partition)
