"""Known lines: what is given of an entry to predict, and which sets of lines agree with it.

The bank's line of a payment is known, or the payable of an invoice. The answer has these lines, with their
amounts, and jet predicts the rest: candidates that lack a known line, or can't add up with the known amounts,
are dropped; sets of neighbors with another account in its place are mended; where nothing is left, the decoder
is asked for sets with them. Probabilities are shares of what is left and of "none of these".

Confidence and decision are those that the same answer would have if no more were known than the total and the
direction that the lines tell, since the calibration knows no known lines. So of what would be `auto` without
them, only answers are lost that are surely wrong.

Shapes: N entries, B of them, R known lines of the entry with the most, D candidates, T lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.catalog import Catalog
from jet.books.tokens import NOTHING
from jet.prediction.amounts import UNKNOWN_AMOUNT, minor_units
from jet.ranking.candidates import fitted, padded, side_by_side, substituted
from jet.retrieval.columns import EntryColumns, whole

_MENDED, _SUBSTITUTED = 16, 4
"""The first candidates that are mended: by the known lines in place of their side, and of one of its lines."""
_PLACES = 3
_OF_NO_ACCOUNT = np.iinfo(np.int64).max
"""In place of a token whose account the chart lacks: no set has it."""


@dataclass(frozen=True)
class KnownLines:
    """The known lines of N entries."""

    tokens: np.ndarray  # int64 [N, R] in the catalog's token order, padded with NOTHING
    amounts: np.ndarray  # int64 [N, R] minor units of the entry's currency; UNKNOWN_AMOUNT
    total: np.ndarray  # int64 [N] of the entry, as stated, minor units; UNKNOWN_AMOUNT

    @classmethod
    def of(cls, entries: pa.Table, columns: EntryColumns, catalog: Catalog) -> KnownLines:
        """Those of `entries` (`ENTRIES`), of which `columns` are the columns."""
        total = minor_units(columns.total)
        lines = whole(entries["known_lines"])
        lengths = pc.fill_null(pc.list_value_length(lines), 0).to_numpy(zero_copy_only=False)
        inside = np.arange(lengths.max(initial=0)) < lengths[:, None]
        tokens, amounts = np.full(inside.shape, NOTHING), np.full(inside.shape, UNKNOWN_AMOUNT)
        if not inside.any():
            return cls(tokens, amounts, total)
        flat = pc.list_flatten(lines)
        owner = pa.array(np.repeat(np.arange(len(lengths)), lengths))
        rows = catalog.rows(whole(entries["entity"]).take(owner), pc.struct_field(flat, "account"))
        side = pc.equal(pc.struct_field(flat, "side"), "C").to_numpy(zero_copy_only=False).astype(np.int64)
        tokens[inside] = np.where(rows >= 0, 2 * rows + side, _OF_NO_ACCOUNT)
        currency = pc.struct_field(flat, "currency")
        own = pc.or_(pc.equal(currency, whole(entries["currency"]).take(owner)), pc.equal(currency, ""))
        amount = pc.cast(pc.struct_field(flat, "amount"), pa.float64(), safe=False)
        stated = pc.fill_null(pc.if_else(own, amount, None), np.nan).to_numpy(zero_copy_only=False)
        amounts[inside] = minor_units(stated)
        rank = np.full(tokens.shape, np.iinfo(np.int64).max)
        there = inside & (tokens != _OF_NO_ACCOUNT)
        rank[there] = catalog.token_rank.reshape(-1)[tokens[there]]
        order = np.lexsort((-amounts, rank), axis=1)
        return cls(np.take_along_axis(tokens, order, 1), np.take_along_axis(amounts, order, 1), total)

    @cached_property
    def exists(self) -> np.ndarray:
        """bool [N]: whether a line of the entry is known."""
        return (self.tokens != NOTHING).any(axis=1)

    @cached_property
    def is_possible(self) -> np.ndarray:
        """bool [N]: whether the chart has the accounts of all known lines."""
        return (self.tokens != _OF_NO_ACCOUNT).all(axis=1)

    @cached_property
    def possible(self) -> np.ndarray:
        """int64 [N, R]: `tokens`, without those of entries that can't have all of them."""
        return np.where(self.is_possible[:, None], self.tokens, NOTHING)

    def take(self, rows: np.ndarray) -> KnownLines:
        """Those of `rows`."""
        return KnownLines(*(getattr(self, each.name)[rows] for each in fields(self)))

    def told(self, columns: EntryColumns, directions: np.ndarray) -> EntryColumns:
        """`columns` with what known lines tell, where it isn't stated: as total the larger sum of a side, as
        direction of the money theirs, `directions` int8 [N]."""
        if not self.exists.any():
            return columns
        is_known = (self._on(0) | self._on(1)) & (self.amounts != UNKNOWN_AMOUNT)
        complete = self.exists & (is_known == (self.tokens != NOTHING)).all(axis=1)
        sums = [np.where(self._on(side), self.amounts, 0).sum(axis=1) / 100 for side in (0, 1)]
        total = np.where(complete & np.isnan(columns.total), np.maximum(*sums), columns.total)
        return replace(
            columns, total=total, direction=np.where(columns.direction == 0, directions, columns.direction)
        )

    def agree(self, tokens: np.ndarray) -> np.ndarray:
        """bool [B, D]: which of the sets `tokens` [B, D, T] have all known lines of their entry, and can add up
        with the known amounts."""
        agree = np.broadcast_to(self.is_possible[:, None], tokens.shape[:2]).copy()
        for line in range(self.tokens.shape[1]):
            own = self.tokens[:, line]
            needed = (self.tokens == own[:, None]).sum(axis=1)
            has = (tokens == own[:, None, None]).sum(axis=2)
            agree &= (own == NOTHING)[:, None] | (has >= needed[:, None])
        return agree & ((self._totals(tokens)[1]) | ~self.exists[:, None])

    def totals(self, tokens: np.ndarray) -> np.ndarray:
        """int64 [B]: the totals with which the sets `tokens` [B, T] get amounts: as stated, else the sum of
        the known lines where a side has no others; UNKNOWN_AMOUNT."""
        return self._totals(tokens[:, None])[0][:, 0]

    def placed(self, tokens: np.ndarray) -> np.ndarray:
        """int64 [B, T]: the known amounts of the lines `tokens` [B, T]; UNKNOWN_AMOUNT."""
        found = np.full(tokens.shape, UNKNOWN_AMOUNT)
        rows = np.arange(len(tokens))
        taken = np.zeros(tokens.shape, dtype=bool)
        for line in range(self.tokens.shape[1]):
            own = self.tokens[:, line]
            match = (tokens == own[:, None]) & (own != NOTHING)[:, None] & ~taken
            place, hit = match.argmax(axis=1), match.any(axis=1)
            found[rows[hit], place[hit]] = self.amounts[hit, line]
            taken[rows[hit], place[hit]] = True
        return found

    def mended(self, tokens: np.ndarray, longest: int) -> np.ndarray:
        """Sets made of the first of `tokens` [B, D, T] and the known lines, of at most `longest` lines: int64
        [B, P, any]. P is always the same."""
        first = padded(tokens, max(tokens.shape[2], _PLACES))[:, :_MENDED]
        missing = _MENDED - first.shape[1]
        first = np.pad(first, ((0, 0), (0, missing), (0, 0)), constant_values=NOTHING)
        possible = self.possible
        replaced = np.zeros(first.shape, dtype=bool)
        for side in (0, 1):
            has_known = np.asarray(self._on(side).any(axis=1))
            replaced |= (first % 2 == side) & has_known[:, None, None]
        kept = (first != NOTHING) & ~replaced
        given = np.broadcast_to(possible[:, None], (*first.shape[:2], possible.shape[1]))
        sides = np.concatenate([np.where(kept, first, NOTHING), given], axis=2)
        sides = np.where((first[:, :, :1] == NOTHING), NOTHING, sides)
        lines = substituted(first[:, :_SUBSTITUTED], possible[:, :1], _PLACES)
        return side_by_side([fitted(sides, longest), lines])

    def _on(self, side: int) -> np.ndarray:
        """bool [N, R]: the known lines on a side."""
        return (self.tokens != NOTHING) & (self.tokens % 2 == side)

    def _totals(self, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The totals int64 [B, D] of the sets `tokens` [B, D, T] by known amounts, and whether they fit."""
        total = np.broadcast_to(self.total[:, None], tokens.shape[:2]).copy()
        possible = np.ones(total.shape, dtype=bool)
        parts = []
        for side in (0, 1):
            own = self._on(side)
            sum_ = np.where(own & (self.amounts != UNKNOWN_AMOUNT), self.amounts, 0).sum(axis=1)[:, None]
            all_known = (own.any(axis=1) & (~own | (self.amounts != UNKNOWN_AMOUNT)).all(axis=1))[:, None]
            lines = ((tokens != NOTHING) & (tokens % 2 == side)).sum(axis=2)
            whole_side = all_known & (lines == own.sum(axis=1)[:, None])
            possible &= ~whole_side | (total == UNKNOWN_AMOUNT) | (total == sum_)
            total = np.where(whole_side & (total == UNKNOWN_AMOUNT), sum_, total)
            parts.append((sum_, whole_side))
        for sum_, whole_side in parts:
            possible &= whole_side | (sum_ == 0) | (total == UNKNOWN_AMOUNT) | (sum_ < total)
        return total, possible


def told_lines(entries: pa.Table) -> list[Sequence[str]]:
    """The known lines of each of `entries` (`ENTRIES`) in words, such as `C 1930`."""
    if entries["known_lines"].null_count == len(entries):
        return [()] * len(entries)
    return [
        tuple(f"{line['side']} {line['account']}" for line in lines or ())
        for lines in entries["known_lines"].to_pylist()
    ]
