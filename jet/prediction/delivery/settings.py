"""The settings of the table that predictions are delivered to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(kw_only=True)
class TableSettings:
    """The table that others read. None of it bears on what is predicted."""

    uri: str | None = None
    """Folder (a path or URI) of a table that others read: finished predictions are added to it, those of a
    night once, however often they are delivered. --table means the same; null: there is none."""
    format: Literal["parquet", "delta"] = "parquet"
    """parquet: files in folders that are named by hive's convention. delta: Delta Lake, whose readers see a
    whole night or nothing of it; needs the extra delta."""
    partition: Literal["day", "company"] = "day"
    """What a folder of the table holds: the nights of a day, or the rows of a company."""
    night: str | None = None
    """The name by which a night is known, such as 2026-11-30. By default, a fingerprint of the entries, the
    model and the settings that were predicted with."""

    def __post_init__(self) -> None:
        if self.uri is not None and not self.uri.strip():
            raise ValueError("table.uri is empty: name a folder, or leave it out")
        if self.night is not None and not NAME.fullmatch(self.night):
            raise ValueError(
                f"table.night is {self.night[:80]!r}: use up to 64 letters, digits, dots, dashes and "
                "underscores, a letter or a digit first, as in 2026-11-30"
            )
