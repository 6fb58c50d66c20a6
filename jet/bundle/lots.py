"""Lots: what people reviewed and taught a bundle at one time (`jet learn`).

A lot is kept as it came, beside what was trained, so that it can be taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import pyarrow as pa

from jet.artifacts.artifact import Artifact, ArtifactWriter
from jet.books.schema import ACCOUNTS, ENTRIES


@dataclass(frozen=True)
class LotFacts:
    """What is told of a lot."""

    number: int
    """From 1; never given to another lot of the same bundle, unless the last was taken back."""
    reviewer: str
    """Who looked at the entries and vouches for them."""
    learned: str
    """When, in ISO 8601, UTC."""
    entries: int


@dataclass(frozen=True)
class Lot:
    """Reviewed entries that were learned together."""

    facts: LotFacts
    entries: pa.Table  # schema ENTRIES
    accounts: pa.Table  # schema ACCOUNTS: the charts that came with them

    def save(self, writer: ArtifactWriter) -> None:
        """Write its tables."""
        writer.write_table(f"{self._folder(self.facts.number)}/entries/part-0.parquet", self.entries)
        writer.write_table(f"{self._folder(self.facts.number)}/accounts/part-0.parquet", self.accounts)

    @classmethod
    def after(cls, lots: Sequence[Lot], reviewer: str, entries: pa.Table, accounts: pa.Table) -> Lot:
        """Entries (`ENTRIES`) and charts (`ACCOUNTS`) as the lot that is learned now, after `lots`."""
        number = max((each.facts.number for each in lots), default=0) + 1
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(LotFacts(number, reviewer, now, len(entries)), entries, accounts)

    @classmethod
    def load(cls, artifact: Artifact, facts: dict[str, int | str]) -> Lot:
        """What `save` wrote."""
        told = LotFacts(**facts)  # type: ignore[arg-type]  # of a file whose digest was checked
        folder = cls._folder(told.number)
        entries = artifact.read_table(ENTRIES, f"{folder}/entries")
        return cls(told, entries, artifact.read_table(ACCOUNTS, f"{folder}/accounts"))

    @staticmethod
    def _folder(number: int) -> str:
        return f"learned/{number:04}"

    def told(self) -> dict[str, int | str]:
        """Its facts, as JSON holds them."""
        return asdict(self.facts)
