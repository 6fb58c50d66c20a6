"""From tables to tensors: the one door. Training, evaluation and prediction all come through here.

`entry_columns` turns an Arrow table of entries into plain NumPy columns (nothing a worker can't share);
`collate` turns some of their rows and the neighbors found for them into one `Batch`. Account numbers in a
batch are *local*: places in the chart of the entry's own entity, so no account of another company can
even be named. A line is a token, `2 * account + side` (0 debit, 1 credit); `2 * C` is stop.

Shapes: B entries, T tokens of an entry with its stop, K neighbors, L tokens of a neighbor with its stop,
C accounts of the widest chart in the batch, N entries of a table.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from jet.books.catalog import Catalog
from jet.books.schema import DIRECTIONS
from jet.retrieval.memory import Hits, Memory, Queries
from jet.retrieval.similarity import NO_CURRENCY, otherness
from jet.texts.normalize import normalize_all, stable_hashes
from jet.texts.store import TextStore

JOURNAL_BUCKETS = 512
CURRENCY_BUCKETS = 64
DATE_FEATURES = 10
NEIGHBOR_FEATURES = 16
NOTHING = -1
"""Padding, in every integer tensor."""
CLOSED = torch.iinfo(torch.int64).max
"""The rank of a token that may not be used."""


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
    direction: np.ndarray  # int8 [N], of the money, as stated: 1 in, -1 out, 0 not known
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
        """Some of the rows, in the order given."""
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

    def queries(self, rows: np.ndarray) -> Queries:
        """What retrieval needs to know of `rows`."""
        return Queries(
            entity=self.entity[rows].astype(np.int32),
            date=self.date[rows],
            text=self.text[rows],
            journal=self.journal[rows],
            currency=self.currency[rows],
            direction=self.direction[rows],
        )

    def memory(self, entities: int) -> Memory:
        """These entries as books to search. They must be sorted by entity, date and id (`sort_entries`)."""
        offsets = np.searchsorted(self.entity, np.arange(entities + 1)).astype(np.int64)
        return Memory(
            entity=self.entity.astype(np.int32),
            date=self.date,
            text=self.text,
            journal=self.journal,
            offsets=offsets,
            currency=self.currency,
        )


def mixed(tokens: np.ndarray) -> np.ndarray:
    """uint64: each token's bits spread by splitmix64 (Steele et al., OOPSLA 2014)."""
    mixed = (tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return mixed


def set_key(tokens: np.ndarray) -> np.ndarray:
    """uint64 [...]: equal for equal multisets of `tokens` [..., L], whatever their order; 0 without any."""
    return np.where(tokens == NOTHING, np.uint64(0), mixed(tokens)).sum(axis=-1, dtype=np.uint64)


def neighbor_lines(
    memory: EntryColumns, hit: np.ndarray, entity: np.ndarray, catalog: Catalog, longest: int
) -> np.ndarray:
    """int64 [B, K, longest]: the lines of the memory's rows `hit` [B, K] as tokens of `entity`'s [B] own chart.

    Catalog row * 2 + side, in the catalog's token order, padded with `NOTHING`. The lines of another company
    are those of the accounts with the same codes. Where one has no such account, or an entry has more than
    `longest` lines, there is nothing.
    """
    lengths = np.where(hit >= 0, memory.lengths[hit], 0)
    place = np.arange(longest)
    inside = (place < lengths[..., None]) & (lengths <= longest)[..., None]
    if not inside.any():
        return np.full(inside.shape, NOTHING)
    tokens = np.where(
        inside, memory.tokens[np.where(inside, memory.offsets[hit][..., None] + place, 0)], NOTHING
    )
    foreign = (lengths > 0) & (memory.entity[hit] != entity[:, None])
    if foreign.any():
        theirs = tokens[foreign]
        owner = np.broadcast_to(entity[:, None], hit.shape)[foreign]
        rows = catalog.translate(np.where(theirs >= 0, theirs // 2, NOTHING), owner[:, None])
        missing = ((rows < 0) & (theirs >= 0)).any(axis=1, keepdims=True)
        tokens[foreign] = in_order(np.where((rows >= 0) & ~missing, 2 * rows + theirs % 2, NOTHING), catalog)
    return tokens


def in_order(tokens: np.ndarray, catalog: Catalog) -> np.ndarray:
    """`tokens` [..., L] of sets of lines in the catalog's token order, padding last."""
    rank = np.where(tokens == NOTHING, CLOSED, catalog.token_rank.reshape(-1)[tokens])
    return np.take_along_axis(tokens, np.argsort(rank, axis=-1, kind="stable"), axis=-1)


def sort_entries(entries: pa.Table) -> pa.Table:
    """Entries by entity, date and id: the order in which books are kept in memory."""
    return entries.sort_by([("entity", "ascending"), ("date", "ascending"), ("entry_id", "ascending")])


def entry_columns(entries: pa.Table, catalog: Catalog, store: TextStore) -> EntryColumns:
    """Columns of a table with the schema `ENTRIES`.

    Raises `ValueError` where a description is not in the store or a booked account is not in the chart.
    """
    text = store.rows(normalize_all(entries["description"]))
    if (text < 0).any():
        row = int(np.argmax(text < 0))
        raise ValueError(f"the text of entry {entries['entry_id'][row].as_py()!r} is not in the text store")
    total = pc.cast(_whole(entries["total"]), pa.float64(), safe=False)
    amount = pc.fill_null(total, np.nan).to_numpy(zero_copy_only=False)
    offsets, tokens, amounts = _lines(entries, catalog)
    return EntryColumns(
        entity=catalog.entity_numbers(_whole(entries["entity"])),
        date=_whole(entries["date"]).cast(pa.int32()).to_numpy(zero_copy_only=False),
        text=text,
        journal=stable_hashes(_whole(entries["journal"])),
        currency=stable_hashes(_whole(entries["currency"])),
        direction=_signs(entries["direction"]),
        total=amount,
        offsets=offsets,
        tokens=tokens,
        amounts=amounts,
    )


def _signs(direction: pa.ChunkedArray) -> np.ndarray:
    """int8 [N]: 1 for "in", -1 for "out", 0 for ""."""
    return np.array([1, -1, 0], dtype=np.int8)[pc.index_in(_whole(direction), pa.array(DIRECTIONS)).to_numpy()]


def _lines(entries: pa.Table, catalog: Catalog) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lines = _whole(entries["lines"])
    lengths = pc.fill_null(pc.list_value_length(lines), 0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    flat = pc.list_flatten(lines)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    entities = _whole(entries["entity"]).take(pa.array(owner))
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


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


@dataclass(frozen=True)
class Batch:
    """Tensors of B entries. Integer tensors hold `NOTHING` where they are padded."""

    text: Tensor  # [B] row of the text store
    entity: Tensor  # [B] number of the entity
    journal: Tensor  # [B] bucket
    currency: Tensor  # [B] bucket
    date: Tensor  # [B, DATE_FEATURES]
    amount: Tensor  # [B, 2] log amount and whether it is known
    chart: Tensor  # [B, C] catalog row of each local account
    rank: Tensor  # [B, 2C] place in the token order; past the end where padded or closed on the date
    neighbor_row: Tensor  # [B, K] row of the memory
    neighbor_text: Tensor  # [B, K] row of the text store
    neighbor_features: Tensor  # [B, K, NEIGHBOR_FEATURES]
    neighbor_tokens: Tensor  # [B, K, L] local tokens, then stop
    target: Tensor  # [B, T] local tokens, then stop; T = 0 where the lines are not known

    @property
    def stop(self) -> int:
        """The token that ends an entry: 2C."""
        return self.rank.shape[1]

    def to(self, device: torch.device) -> Batch:
        """The same batch on `device`."""
        return Batch(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})


def collate(
    queries: EntryColumns,
    rows: np.ndarray,
    memory: EntryColumns,
    hits: Hits,
    catalog: Catalog,
    max_lines: int,
    width: int | None = None,
    with_target: bool = False,
) -> Batch:
    """The batch of `rows` of `queries`, with the `hits` [B, K] that retrieval found for them in `memory`.

    `width` fixes C (default: the widest chart among the rows) and, with it, L and T to `max_lines` + 1, so
    that shapes don't depend on which entries share a batch. A neighbor with more than `max_lines` lines is
    left out.
    """
    entity = queries.entity[rows]
    start, size = catalog.offsets[entity], np.diff(catalog.offsets)[entity]
    local = np.arange(int(size.max()) if width is None else width)
    inside = local[None, :] < size[:, None]
    chart = np.where(inside, start[:, None] + local[None, :], NOTHING)
    usable = inside & catalog.is_open(chart, queries.date[rows][:, None])
    rank = np.where(usable[:, :, None], catalog.token_rank[chart], CLOSED).reshape(len(rows), -1)
    stop = rank.shape[1]

    lines = neighbor_lines(memory, hits.row, entity, catalog, max_lines)
    hit = np.where(lines[:, :, 0] == NOTHING, NOTHING, hits.row)
    longest = int((lines != NOTHING).sum(axis=2).max(initial=0)) if width is None else max_lines
    neighbor_tokens = _local(lines[:, :, :longest], start, stop)
    target = np.empty((len(rows), 0), dtype=np.int64)
    if with_target:
        own = int(queries.lengths[rows].max(initial=0))
        target = _local(neighbor_lines(queries, rows[:, None], entity, catalog, own), start, stop)[:, 0]

    amount = queries.log_amount[rows]
    known = ~np.isnan(amount)
    return Batch(
        text=torch.from_numpy(queries.text[rows]),
        entity=torch.from_numpy(entity),
        journal=torch.from_numpy(queries.journal[rows] % JOURNAL_BUCKETS),
        currency=torch.from_numpy(queries.currency[rows] % CURRENCY_BUCKETS),
        date=torch.from_numpy(_date_features(queries.date[rows])),
        amount=torch.from_numpy(np.stack([np.where(known, amount, 0) / 10, known], 1).astype(np.float32)),
        chart=torch.from_numpy(chart),
        rank=torch.from_numpy(rank),
        neighbor_row=torch.from_numpy(hit),
        neighbor_text=torch.from_numpy(np.where(hit >= 0, memory.text[hit], NOTHING)),
        neighbor_features=torch.from_numpy(
            _neighbor_features(queries, rows, memory, hit, hits.similarity, set_key(lines))
        ),
        neighbor_tokens=torch.from_numpy(neighbor_tokens),
        target=torch.from_numpy(target),
    )


def _local(lines: np.ndarray, start: np.ndarray, stop: int) -> np.ndarray:
    """int64 [B, K, L + 1]: `lines` [B, K, L] in the numbers of each entry's own chart, then stop."""
    lengths = (lines != NOTHING).sum(axis=2, keepdims=True)
    tokens = np.where(lines == NOTHING, NOTHING, lines - 2 * start[:, None, None])
    tokens = np.pad(tokens, ((0, 0), (0, 0), (0, 1)), constant_values=NOTHING)
    ended = (np.arange(tokens.shape[2]) == lengths) & (lengths > 0)
    return np.where(ended, stop, tokens)


def _date_features(days: np.ndarray) -> np.ndarray:
    """float32 [B, DATE_FEATURES]: year, the circles of month, day of the month and weekday, month's ends."""
    date = days.astype("datetime64[D]")
    month = date.astype("datetime64[M]")
    year = date.astype("datetime64[Y]")
    day = (date - month.astype("datetime64[D]")).astype(np.int64)
    last = ((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64) - 1
    turns = [(month - year.astype("datetime64[M]")).astype(np.int64) / 12, day / 31, (days + 3) % 7 / 7]
    circles = [wave(2 * np.pi * turn) for turn in turns for wave in (np.sin, np.cos)]
    years = (year.astype(np.int64) - 45) / 20  # 2015 is 0
    parts = [years, *circles, day <= 2, last - day <= 2, (days + 3) % 7 >= 5]
    return np.stack([np.asarray(part, dtype=np.float32) for part in parts], axis=1)


def _neighbor_features(
    queries: EntryColumns,
    rows: np.ndarray,
    memory: EntryColumns,
    hit: np.ndarray,
    similarity: np.ndarray,
    sets: np.ndarray,
) -> np.ndarray:
    """float32 [B, K, NEIGHBOR_FEATURES], zero where there is no neighbor; `sets` [B, K] are their keys."""
    days = queries.date[rows][:, None] - memory.date[hit]
    difference = np.abs(queries.log_amount[rows][:, None] - memory.log_amount[hit])
    amounts_known = ~np.isnan(difference)
    difference = np.where(amounts_known, difference, 0)
    age = np.maximum(days, 0)
    parts = [
        *_votes(sets, np.where(hit >= 0, similarity, -np.inf), age),
        *(np.exp(-age / span) for span in (7, 30, 120)),
        similarity,
        queries.text[rows][:, None] == memory.text[hit],
        queries.journal[rows][:, None] == memory.journal[hit],
        otherness(queries.currency[rows][:, None], memory.currency[hit], NO_CURRENCY),
        np.log1p(age) / 8,
        np.broadcast_to(1 / (1 + np.arange(hit.shape[1])), hit.shape),
        amounts_known,
        amounts_known * np.exp(-difference),
        amounts_known & (difference < 1e-6),
        same_roundness(queries.total[rows][:, None], memory.total[hit]),
        day_of_month(queries.date[rows])[:, None] == day_of_month(memory.date[hit]),
    ]
    features = np.stack([np.asarray(part, dtype=np.float32) for part in parts], axis=2)
    return np.where((hit >= 0)[:, :, None], features, np.float32(0))


def _votes(sets: np.ndarray, similarity: np.ndarray, age: np.ndarray) -> list[np.ndarray]:
    """Two of [B, K]: the share of neighbors, by similarity and by similarity and recency, that were booked
    to the same set of lines as this one."""
    weight = np.exp(5 * similarity.astype(np.float64))  # 0 where there is no neighbor
    same = sets[:, :, None] == sets[:, None, :]
    shares = []
    for each in (weight, weight * np.exp(-age / 30)):
        total = np.maximum(each.sum(axis=1, keepdims=True), 1e-12)
        shares.append((same * each[:, None, :]).sum(axis=2) / total)
    return shares


def day_of_month(days: np.ndarray) -> np.ndarray:
    """int64: from 0, of `days` since 1970."""
    date = days.astype("datetime64[D]")
    return (date - date.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)


def same_roundness(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """float64 [...]: in how many units both totals are whole or both not, from 0 to 1; 0 where one isn't known.

    Units are ones, tens, hundreds, halves, and one plus a tax rate: an invoice over a whole net amount, and one
    whose total was rounded afterwards and has a line for that, both have whole totals; only the net tells.
    """
    both = (_whole_in(one) == _whole_in(other)).mean(axis=-1)
    return np.where(np.isnan(one) | np.isnan(other), 0.0, both)


_UNITS = np.array([1, 10, 100, 0.5, 1.25, 1.2, 1.19, 1.12, 1.1, 1.07, 1.06])


def _whole_in(total: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        parts = total[..., None] / _UNITS
        return np.abs(parts - np.round(parts)) < 1e-4
