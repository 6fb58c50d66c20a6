"""The catalog: the charts of accounts of all entities that a model knows, as one sorted table.

An entity's accounts are contiguous rows, so a chart is a slice and an index into it can't reach another
company's accounts. The order of an entity's *tokens* (account and side) is part of the catalog: debits first,
then by how often the training entries book them. Training writes sets of lines in that order and decoding
proceeds in it, so each set of lines has exactly one spelling. So `booked` is content and changes the
fingerprint.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.artifacts.tables import validate
from jet.books.schema import ACCOUNTS, joined_keys

_ALWAYS_OPEN = np.iinfo(np.int32).min
_NEVER_CLOSED = np.iinfo(np.int32).max
MAX_DEPTH = 8


@dataclass(frozen=True)
class Catalog:
    """The charts of E entities, with C accounts.

    `accounts` [C] is sorted by (entity, code); `booked` int64 [C, 2] counts the training lines on each
    account's debit and credit side.
    """

    accounts: pa.Table
    booked: np.ndarray

    @classmethod
    def from_accounts(cls, accounts: pa.Table) -> Catalog:
        """A catalog without counts, from a table of `ACCOUNTS` in any order.

        Of several rows for an account (a chart repeated in several files) the last one with a name wins. Raises
        `SchemaError`, and `ValueError` for an account that closes before it opens.
        """
        accounts = validate(accounts, ACCOUNTS, "accounts")
        accounts = accounts.append_column("_named", pc.not_equal(accounts["name"], ""))
        accounts = accounts.append_column("_row", pa.array(np.arange(len(accounts))))
        keys = [
            ("entity", "ascending"),
            ("code", "ascending"),
            ("_named", "ascending"),
            ("_row", "ascending"),
        ]
        accounts = accounts.sort_by(keys)
        same = pc.and_(
            pc.equal(accounts["entity"][:-1], accounts["entity"][1:]),
            pc.equal(accounts["code"][:-1], accounts["code"][1:]),
        )
        last = np.append(~same.to_numpy(zero_copy_only=False), True) if len(accounts) else np.empty(0, bool)
        accounts = accounts.filter(pa.array(last)).select(ACCOUNTS.names).combine_chunks()
        wrong = pc.fill_null(pc.less(accounts["closed"], accounts["opened"]), False)
        if pc.any(wrong).as_py():
            row = accounts.filter(wrong).slice(0, 1).to_pylist()[0]
            raise ValueError(
                f"account {row['code']} of {row['entity']} closes on {row['closed']}, "
                f"before it opens on {row['opened']}"
            )
        return cls(accounts, np.zeros((len(accounts), 2), dtype=np.int64))

    def with_booked(self, tokens: np.ndarray) -> Catalog:
        """The catalog with the counts of `tokens` [N], row * 2 + side of every training line."""
        counts = np.bincount(tokens, minlength=2 * len(self)).reshape(-1, 2)
        return Catalog(self.accounts, counts.astype(np.int64))

    def __len__(self) -> int:
        return len(self.accounts)

    @cached_property
    def entities(self) -> list[str]:
        """The names of the E entities, sorted."""
        return sorted(set(self.accounts["entity"].to_pylist()))

    @cached_property
    def offsets(self) -> np.ndarray:
        """The offsets of the charts, int64 [E + 1]: entity e has the rows offsets[e] to offsets[e + 1] - 1."""
        numbers = self.entity_numbers(self.accounts["entity"])
        return np.searchsorted(numbers, np.arange(len(self.entities) + 1)).astype(np.int64)

    @cached_property
    def _keys(self) -> pa.Array:
        return joined_keys(self.accounts["entity"], self.accounts["code"])

    @cached_property
    def opened(self) -> np.ndarray:
        """The first day on which each account is open, int32 [C], in days since 1970."""
        return _days(self.accounts["opened"], _ALWAYS_OPEN)

    @cached_property
    def closed(self) -> np.ndarray:
        """The last day on which each account is open, int32 [C], in days since 1970."""
        return _days(self.accounts["closed"], _NEVER_CLOSED)

    @cached_property
    def token_rank(self) -> np.ndarray:
        """The rank of each token in its entity's order, int64 [C, 2]: debits first, then most booked first."""
        rank = np.zeros((len(self), 2), dtype=np.int64)
        for start, stop in zip(self.offsets[:-1], self.offsets[1:], strict=True):
            size = stop - start
            for side in (0, 1):
                order = np.argsort(-self.booked[start:stop, side], kind="stable")
                rank[start + order, side] = np.arange(size) + side * size
        return rank

    def entity_numbers(self, names: pa.ChunkedArray | pa.Array) -> np.ndarray:
        """The number of each entity in `names`, int64; -1 for one that isn't in the catalog."""
        found = pc.index_in(names, value_set=pa.array(self.entities, pa.string()))
        return pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)

    def rows(self, entities: pa.Array, codes: pa.Array) -> np.ndarray:
        """The row of each pair of entity name and account code, int64; -1 where the chart lacks the account."""
        found = pc.index_in(joined_keys(entities, codes), value_set=self._keys)
        return pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)

    @cached_property
    def code_numbers(self) -> np.ndarray:
        """A number for each account, int64 [C], equal for equal codes in all charts."""
        codes = self.accounts["code"].combine_chunks().dictionary_encode()
        return codes.indices.to_numpy().astype(np.int64)

    @cached_property
    def _by_code(self) -> tuple[np.ndarray, np.ndarray]:
        entity = np.repeat(np.arange(len(self.entities)), np.diff(self.offsets))
        keys = entity * (self.code_numbers.max(initial=0) + 1) + self.code_numbers
        order = np.argsort(keys)
        return keys[order], order

    def translate(self, rows: np.ndarray, entity: np.ndarray | int) -> np.ndarray:
        """The accounts in the chart of `entity` with the same codes as `rows`, int64; -1 where there is none.

        `rows` and `entity` broadcast; -1 in either gives -1.
        """
        rows, entity = np.broadcast_arrays(rows, entity)
        if not len(self):
            return np.full(rows.shape, -1)
        keys, order = self._by_code
        wanted = entity * (self.code_numbers.max() + 1) + self.code_numbers[rows]
        at = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
        return np.where((keys[at] == wanted) & (rows >= 0) & (entity >= 0), order[at], -1)

    def is_open(self, rows: np.ndarray, days: np.ndarray) -> np.ndarray:
        """Whether the accounts `rows` are open on `days`, bool; the arrays broadcast."""
        return (self.opened[rows] <= days) & (days <= self.closed[rows])

    def texts(self) -> list[str]:
        """The texts of the accounts for the encoder, [C]: "code | name | parents | nature"."""
        rows: list[dict[str, Any]] = self.accounts.to_pylist()
        by_key = {(row["entity"], row["code"]): row for row in rows}
        return [" | ".join(_account_words(row, by_key)) for row in rows]

    @cached_property
    def fingerprint(self) -> str:
        """A digest of all charts, with their dates and token orders."""
        digest = hashlib.sha256()
        for name in ACCOUNTS.names:
            for value in self.accounts[name].to_pylist():
                digest.update(repr(value).encode() + b"\x1e")
        digest.update(np.ascontiguousarray(self.booked, dtype="<i8").tobytes())
        return digest.hexdigest()[:16]


def _account_words(row: dict[str, Any], by_key: dict[tuple[str, str], dict[str, Any]]) -> list[str]:
    words = [row["code"], row["name"]] if row["name"] != row["code"] else [row["code"]]
    parent, seen = row["parent"], {row["code"]}
    while parent is not None and parent not in seen and len(seen) <= MAX_DEPTH:
        seen.add(parent)  # charts with a cycle exist; each parent is named once
        above = by_key.get((row["entity"], parent))
        words.append(above["name"] or parent if above else parent)
        parent = above["parent"] if above else None
    if row["nature"]:
        words.append(row["nature"])
    return [word for word in words if word]


def _days(column: pa.ChunkedArray, missing: int) -> np.ndarray:
    return pc.fill_null(column.cast(pa.int32()), missing).to_numpy().astype(np.int32)
