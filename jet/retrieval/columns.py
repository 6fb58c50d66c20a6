"""Tables of entries as NumPy columns, which processes share without a copy.

`entry_columns` converts an Arrow table of entries, the same way for training, evaluation and prediction.
`neighbor_lines` looks up the lines of earlier entries.

Shapes: N entries of a table, B entries of a batch, K neighbors, L tokens of a neighbor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.catalog import Catalog
from jet.books.schema import DIRECTIONS
from jet.books.tokens import NOTHING, in_order, mixed
from jet.retrieval.collection import Queries
from jet.texts.normalize import normalize_all, stable_hashes
from jet.texts.store import TextStore


@dataclass(frozen=True)
class EntryColumns:
    """Entries as NumPy columns, N rows, in the order of their table.

    `entity` -1: not in the catalog. `text` is a row of the text store. `total` is nan where it is not
    known. The lines of entry i are tokens[offsets[i] : offsets[i + 1]], as catalog row * 2 + side, in
    the catalog's token order (of equal ones the larger amount first); an entry without lines has none.
    """

    entity: np.ndarray  # int64 [N]
    date: np.ndarray  # int32 [N], days since 1970
    text: np.ndarray  # int64 [N]
    journal: np.ndarray  # int64 [N], stable hash
    currency: np.ndarray  # int64 [N], stable hash
    direction: np.ndarray  # int8 [N], of the money, as the entry states it: 1 in, -1 out, 0 not stated
    total: np.ndarray  # float64 [N], major units
    offsets: np.ndarray  # int64 [N + 1]
    tokens: np.ndarray  # int64
    amounts: np.ndarray  # float64, of each token; nan where not known

    def __len__(self) -> int:
        return len(self.entity)

    @cached_property
    def log_amount(self) -> np.ndarray:
        """float32 [N]: log(1 + |total|), nan where it is not known."""
        return np.log1p(np.abs(self.total)).astype(np.float32)

    @property
    def lengths(self) -> np.ndarray:
        """int64 [N]: lines of each entry."""
        return np.diff(self.offsets)

    @cached_property
    def set_keys(self) -> np.ndarray:
        """uint64 [N]: `set_key` of each entry's lines."""
        sums = np.concatenate([[np.uint64(0)], np.cumsum(mixed(self.tokens), dtype=np.uint64)])
        return sums[self.offsets[1:]] - sums[self.offsets[:-1]]

    def take(self, rows: np.ndarray) -> EntryColumns:
        """The columns of `rows`, in their order."""
        lengths = self.lengths[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        lines = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        per_row = ("entity", "date", "text", "journal", "currency", "direction", "total")
        return EntryColumns(
            **{name: getattr(self, name)[rows] for name in per_row},
            offsets=offsets,
            tokens=self.tokens[lines],
            amounts=self.amounts[lines],
        )

    def reordered(self, catalog: Catalog) -> EntryColumns:
        """The same with the lines in the token order of `catalog`, which has the same accounts."""
        owner = np.repeat(np.arange(len(self)), self.lengths)
        order = np.lexsort((-self.amounts, catalog.token_rank.reshape(-1)[self.tokens], owner))
        return replace(self, tokens=self.tokens[order], amounts=self.amounts[order])

    def queries(self, rows: np.ndarray) -> Queries:
        """The queries of `rows`."""
        return Queries(
            entity=self.entity[rows].astype(np.int32),
            date=self.date[rows],
            text=self.text[rows],
            journal=self.journal[rows],
            currency=self.currency[rows],
            direction=self.direction[rows],
        )


def neighbor_lines(
    booked: EntryColumns, hit: np.ndarray, entity: np.ndarray, catalog: Catalog, longest: int
) -> np.ndarray:
    """int64 [B, K, longest]: the lines of rows `hit` [B, K] of `booked` as tokens of the chart of `entity` [B].

    Catalog row * 2 + side, in the catalog's token order, padded with `NOTHING`. The lines of another company
    are translated to the accounts with the same codes. An entry gets no lines where the chart lacks one of its
    accounts, or it has more than `longest` lines.
    """
    lengths = np.where(hit >= 0, booked.lengths[hit], 0)
    place = np.arange(longest)
    inside = (place < lengths[..., None]) & (lengths <= longest)[..., None]
    if not inside.any():
        return np.full(inside.shape, NOTHING)
    tokens = np.where(
        inside, booked.tokens[np.where(inside, booked.offsets[hit][..., None] + place, 0)], NOTHING
    )
    foreign = (lengths > 0) & (booked.entity[hit] != entity[:, None])
    if foreign.any():
        other = tokens[foreign]
        owner = np.broadcast_to(entity[:, None], hit.shape)[foreign]
        rows = catalog.translate(np.where(other >= 0, other // 2, NOTHING), owner[:, None])
        missing = ((rows < 0) & (other >= 0)).any(axis=1, keepdims=True)
        tokens[foreign] = in_order(np.where((rows >= 0) & ~missing, 2 * rows + other % 2, NOTHING), catalog)
    return tokens


def longest_lines(booked: EntryColumns, hit: np.ndarray, most: int) -> np.ndarray:
    """int64 [B]: the lines of the longest of the rows `hit` [B, K] of `booked` with at most so many lines."""
    lengths = np.where(hit >= 0, booked.lengths[hit], 0)
    return np.where(lengths <= most, lengths, 0).max(axis=1, initial=0)


def entry_columns(entries: pa.Table, catalog: Catalog, store: TextStore) -> EntryColumns:
    """The columns of a table with the schema `ENTRIES`.

    Raises `ValueError` where a description is not in the store or a booked account is not in the chart.
    """
    text = store.rows(normalize_all(entries["description"]))
    if (text < 0).any():
        row = int(np.argmax(text < 0))
        raise ValueError(f"the text of entry {entries['entry_id'][row].as_py()!r} is not in the text store")
    total = pc.cast(whole(entries["total"]), pa.float64(), safe=False)
    amount = pc.fill_null(total, np.nan).to_numpy(zero_copy_only=False)
    offsets, tokens, amounts = _lines(entries, catalog)
    return EntryColumns(
        entity=catalog.entity_numbers(whole(entries["entity"])),
        date=whole(entries["date"]).cast(pa.int32()).to_numpy(zero_copy_only=False),
        text=text,
        journal=stable_hashes(whole(entries["journal"])),
        currency=stable_hashes(whole(entries["currency"])),
        direction=_directions(entries["direction"]),
        total=amount,
        offsets=offsets,
        tokens=tokens,
        amounts=amounts,
    )


def _directions(direction: pa.ChunkedArray) -> np.ndarray:
    """int8 [N]: 1 for "in", -1 for "out", 0 for ""."""
    return np.array([1, -1, 0], dtype=np.int8)[pc.index_in(whole(direction), pa.array(DIRECTIONS)).to_numpy()]


def _lines(entries: pa.Table, catalog: Catalog) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The offsets, tokens and amounts of `EntryColumns`."""
    lines = whole(entries["lines"])
    lengths = pc.fill_null(pc.list_value_length(lines), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    flat = pc.list_flatten(lines)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    entities = whole(entries["entity"]).take(pa.array(owner))
    codes = pc.struct_field(flat, "account")
    rows = catalog.rows(entities, codes)
    if (rows < 0).any():
        bad = int(np.argmax(rows < 0))
        raise ValueError(
            f"entry {entries['entry_id'][int(owner[bad])].as_py()!r} of {entities[bad].as_py()} is booked to "
            f"{codes[bad].as_py()!r}, which its chart of accounts does not have"
        )
    side = pc.equal(pc.struct_field(flat, "side"), "C").to_numpy(zero_copy_only=False).astype(np.int64)
    amount = pc.fill_null(pc.cast(pc.struct_field(flat, "amount"), pa.float64(), safe=False), np.nan)
    amounts = amount.to_numpy(zero_copy_only=False)
    order = np.lexsort((-amounts, catalog.token_rank[rows, side], owner))
    return offsets, (2 * rows + side)[order], amounts[order]


def whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The column as one chunk."""
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
