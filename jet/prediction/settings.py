"""The settings of predictions and of the table that they are delivered to, which every process reads: without
PyTorch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from jet.confidence.settings import METHODS, Method
from jet.model.settings import KEPT

NIGHT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(kw_only=True)
class PredictSettings:
    """Decoding and decisions."""

    method: Method = "ranker"
    """ranker: the ranker, which asks the decoder where a company has nothing booked yet; decoder: the decoder
    alone, whose confidence is not calibrated, so that nothing is `auto`."""
    beams: int = 8
    """Beams of the decoder's search; the sets it finds join the candidates."""
    batch_size: int = 64
    """Entries for which the decoder is asked together; beside the ranker, at most 16."""
    promise: float = 0.95
    """Precision that entries with the decision `auto` shall have; the threshold comes from the calibration."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"predict.method must be one of {', '.join(METHODS)}, got {self.method!r}")
        if self.beams < KEPT:
            raise ValueError(f"predict.beams must be at least {KEPT}, got {self.beams}")
        if self.batch_size < 1:
            raise ValueError(f"predict.batch_size must be at least 1, got {self.batch_size}")
        if not 0 < self.promise < 1:
            raise ValueError(f"predict.promise must be between 0 and 1, got {self.promise}")


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
        if self.night is not None and not NIGHT.fullmatch(self.night):
            raise ValueError(
                f"table.night is {self.night[:80]!r}: use up to 64 letters, digits, dots, dashes and "
                "underscores, a letter or a digit first, as in 2026-11-30"
            )
