"""Additions: the reviewed entries that a bundle learned in one call (`jet learn`).

An addition is kept as it came, beside the trained parts, so that it can be undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import pyarrow as pa

from jet.artifacts.artifact import Artifact, ArtifactWriter
from jet.books.schema import ACCOUNTS, CHECKED, ENTRIES


@dataclass(frozen=True)
class AdditionFacts:
    """What the manifest says of an addition."""

    number: int
    """From 1; used again only where the addition of the highest number was undone."""
    reviewer: str
    """Who reviewed the entries and vouches for them."""
    learned: str
    """When, in ISO 8601, UTC."""
    entries: int
    """The number of entries."""


@dataclass(frozen=True)
class Addition:
    """Reviewed entries that were learned together."""

    facts: AdditionFacts
    entries: pa.Table  # schema ENTRIES
    accounts: pa.Table  # schema ACCOUNTS: the charts that came with them
    checked: pa.Table  # schema CHECKED: what was answered to the entries before they were learned

    @classmethod
    def after(
        cls,
        additions: Sequence[Addition],
        reviewer: str,
        entries: pa.Table,
        accounts: pa.Table,
        checked: pa.Table,
    ) -> Addition:
        """The addition that follows `additions`, made now of `entries` (`ENTRIES`), `accounts` (`ACCOUNTS`) and
        the answers to the entries (`CHECKED`)."""
        number = max((each.facts.number for each in additions), default=0) + 1
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(AdditionFacts(number, reviewer, now, len(entries)), entries, accounts, checked)

    def save(self, writer: ArtifactWriter) -> None:
        """Write its tables."""
        folder = self._folder(self.facts.number)
        writer.write_table(f"{folder}/entries/part-0.parquet", self.entries)
        writer.write_table(f"{folder}/accounts/part-0.parquet", self.accounts)
        writer.write_table(f"{folder}/checked/part-0.parquet", self.checked)

    @classmethod
    def load(cls, artifact: Artifact, content: dict[str, int | str]) -> Addition:
        """Read what `save` wrote; `content` is what `as_dict` returned."""
        facts = AdditionFacts(**content)  # type: ignore[arg-type]  # of a file whose digest was checked
        folder = cls._folder(facts.number)
        entries = artifact.read_table(ENTRIES, f"{folder}/entries")
        accounts = artifact.read_table(ACCOUNTS, f"{folder}/accounts")
        return cls(facts, entries, accounts, artifact.read_table(CHECKED, f"{folder}/checked"))

    @staticmethod
    def _folder(number: int) -> str:
        return f"learned/{number:04}"

    def as_dict(self) -> dict[str, int | str]:
        """Its facts as JSON types."""
        return asdict(self.facts)
