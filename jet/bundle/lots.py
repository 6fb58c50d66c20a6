"""Booked entries that a bundle remembers: as columns of numbers, and as they came from people.

`Books` is what retrieval and evidence look at. A `Lot` is what people reviewed and taught at one time
(`jet learn`): kept as it came, beside what was trained, so that it can be taken back.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import numpy as np
import pyarrow as pa

from jet.artifacts.artifact import Artifact, ArtifactWriter
from jet.artifacts.digests import array_digest, text_bytes
from jet.artifacts.tables import validate
from jet.books.catalog import Catalog
from jet.books.schema import ACCOUNTS, ENTRIES, MEMORY
from jet.model.columns import EntryColumns


@dataclass(frozen=True)
class Books:
    """The booked entries that a bundle remembers, sorted by entity, date and id; N rows."""

    ids: pa.StringArray  # [N] entry ids
    columns: EntryColumns
    reviewed: np.ndarray  # bool [N] people reviewed it after the training; see `jet.prediction.reviews`

    def to_table(self, catalog: Catalog) -> pa.Table:
        """As a table with the schema `MEMORY`."""
        columns = self.columns
        names = pa.array(catalog.entities, pa.string()).take(pa.array(columns.entity))
        return pa.Table.from_arrays(
            [
                names,
                self.ids,
                pa.array(columns.date).cast(pa.date32()),
                pa.array(columns.text),
                pa.array(columns.journal),
                pa.array(columns.currency),
                pa.array(columns.direction),
                pa.array(columns.total, mask=np.isnan(columns.total)),
                pa.LargeListArray.from_arrays(pa.array(columns.offsets), pa.array(columns.tokens)),
                pa.LargeListArray.from_arrays(pa.array(columns.offsets), pa.array(columns.amounts)),
            ],
            schema=MEMORY,
        )

    def fingerprint(self) -> str:
        """Of all ids and columns."""
        ids = text_bytes("\x1f".join(self.ids.to_pylist()))
        arrays = {"ids": ids} | {f.name: getattr(self.columns, f.name) for f in fields(EntryColumns)}
        return array_digest(arrays | ({"reviewed": self.reviewed} if self.reviewed.any() else {}))

    @classmethod
    def booked(cls, ids: pa.StringArray, columns: EntryColumns) -> Books:
        """Entries that nobody reviewed after the training."""
        return cls(ids, columns, np.zeros(len(columns), dtype=bool))

    @classmethod
    def from_table(cls, table: pa.Table, catalog: Catalog) -> Books:
        """The inverse of `to_table`."""
        table = validate(table, MEMORY, "memory").combine_chunks()

        def column(name: str) -> pa.Array:
            found = table[name]
            return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found

        tokens = column("tokens")
        lengths = tokens.value_lengths().to_numpy(zero_copy_only=False)
        columns = EntryColumns(
            entity=catalog.entity_numbers(table["entity"]),
            date=column("date").cast(pa.int32()).to_numpy(zero_copy_only=False),
            text=column("text").to_numpy(),
            journal=column("journal").to_numpy(),
            currency=column("currency").to_numpy(),
            direction=column("direction").to_numpy(),
            total=column("total").to_numpy(zero_copy_only=False).astype(np.float64),
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            tokens=tokens.flatten().to_numpy(),
            amounts=column("amounts").flatten().to_numpy(),
        )
        return cls.booked(column("entry_id"), columns)

    def take(self, rows: np.ndarray) -> Books:
        """Some rows, int64, ascending."""
        return Books(self.ids.take(pa.array(rows)), self.columns.take(rows), self.reviewed[rows])


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
