"""Training pairs for the fine-tuning of an encoder, from booked entries.

A pair is a description and a text that matches it: one that the same entity booked to the same lines, or that
of an account it was booked to.

Notable: pairs are drawn from distinct texts rather than from entries, or the rent, booked every month in the
same words, would be a pair twelve times. Two texts that were ever booked to the same lines, in whichever
company, and a text and an account it was ever booked to are no negatives of each other (`Pairs.alike`).

Legend: U distinct texts, P pairs, B pairs of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from jet.books.catalog import Catalog
from jet.books.split import TRAIN, SplitSettings, split_by_date
from jet.texts.normalize import normalize_all


@dataclass(frozen=True)
class Pairs:
    """The texts of training entries and their accounts, and which of them match."""

    texts: list[str]
    """[U] normalized, distinct."""
    sets: np.ndarray
    """int64 [M, 2]: (set of an entity, text) as they occur, distinct and sorted."""
    bookings: np.ndarray
    """int64 [N, 2]: (text, text of an account it was booked to) as they occur, distinct and sorted."""
    description_keys: sp.csr_matrix
    """float32 [U, J]: the keys of each text as a description: sets of codes and account texts it was booked
    to."""
    match_keys: sp.csr_matrix
    """float32 [U, J]: the keys by which a text matches descriptions: its sets of codes (not its accounts, since
    many different entries have the bank's), and itself where it is an account's text."""

    @classmethod
    def of(cls, entries: pa.Table, accounts: pa.Table, split: SplitSettings) -> Pairs:
        """The pairs of the training split of `entries` (schema `ENTRIES`) with their charts (`ACCOUNTS`).

        Raises ValueError where no pair can be made of them.
        """
        entries = entries.filter(pc.is_valid(entries["lines"])).combine_chunks()
        catalog = Catalog.from_accounts(accounts)
        days = entries["date"].cast(pa.int32()).to_numpy()
        parts = split_by_date(catalog.entity_numbers(entries["entity"]), days, split)
        entries = entries.filter(pa.array(parts == TRAIN))
        entity = entries["entity"].to_pylist()
        description = normalize_all(entries["description"]).to_pylist()
        account_text = normalize_all(catalog.texts()).to_pylist()
        keys = zip(*(catalog.accounts[name].to_pylist() for name in ("entity", "code")), strict=True)
        texts, entity_sets, code_sets = _Numbers(), _Numbers(), _Numbers()
        text_of = dict(zip(keys, map(texts.number, account_text), strict=True))
        sets, codes, bookings = set(), set(), set()
        for name, words, lines in zip(entity, description, entries["lines"].to_pylist(), strict=True):
            if not words:
                continue
            text = texts.number(words)
            booked = tuple(sorted((line["account"], line["side"]) for line in lines))
            sets.add((entity_sets.number((name, booked)), text))
            codes.add((text, code_sets.number(booked)))
            named = {text_of.get((name, account), text) for account, _ in booked}
            bookings |= {(text, account) for account in named if account != text}
        made = cls._of(texts.names, *(_rows(each) for each in (sets, codes, bookings)))
        if len(made.draw(0, 0, 2)) < 2:
            raise ValueError(
                f"no pairs can be made of {len(entries)} training entries with "
                f"{len(np.unique(made.sets[:, 1]))} distinct texts: it takes booked entries with "
                "descriptions, and charts of accounts or several texts a set"
            )
        return made

    @classmethod
    def _of(cls, texts: list[str], sets: np.ndarray, codes: np.ndarray, bookings: np.ndarray) -> Pairs:
        size = len(texts)
        accounts = np.unique(bookings[:, 1])
        itself = np.stack([accounts, accounts], axis=1)
        code_sets = int(codes[:, 1].max(initial=-1)) + 1
        by_set = _incidence(codes, (size, code_sets))
        description_keys = sp.hstack([by_set, _incidence(bookings, (size, size))], format="csr")
        match_keys = sp.hstack([by_set, _incidence(itself, (size, size))], format="csr")
        return cls(texts, sets, bookings, description_keys, match_keys)

    def draw(self, seed: int, epoch: int, most: int) -> np.ndarray:
        """int64 [P, 2]: the pairs of an epoch, texts by number, at most `most`, in random order.

        Each text of a set with several is paired with another of them, and each description with one of its
        accounts. Rare accounts are likelier, since common ones like the bank tell little.
        """
        random = np.random.default_rng([seed, epoch])
        owner, text = self.sets.T
        first = np.searchsorted(owner, owner)
        size = np.searchsorted(owner, owner, side="right") - first
        partner = first + (np.arange(len(owner)) - first + random.integers(1, np.maximum(2, size))) % size
        alike = np.stack([text, text[partner]], axis=1)[size > 1]
        weight = (
            1 / np.bincount(self.bookings[:, 1])[self.bookings[:, 1]] if len(self.bookings) else np.empty(0)
        )
        # Gumbel-max trick: the largest of log weight + Gumbel noise is a draw in proportion to the weights.
        order = np.lexsort((np.log(weight) + random.gumbel(size=len(weight)), self.bookings[:, 0]))
        drawn = self.bookings[order]
        last = np.append(drawn[1:, 0] != drawn[:-1, 0], True)[: len(drawn)]
        return random.permutation(np.concatenate([alike, drawn[last]]))[:most]

    def alike(self, pairs: np.ndarray) -> np.ndarray:
        """bool [B, B]: whether the first text of pair i matches the second of pair j."""
        return (self.description_keys[pairs[:, 0]] @ self.match_keys[pairs[:, 1]].T).toarray() > 0


class _Numbers:
    """Numbers for distinct values, in the order in which they first occur."""

    def __init__(self) -> None:
        self._known: dict[Any, int] = {}

    def number(self, value: Any) -> int:
        return self._known.setdefault(value, len(self._known))

    @property
    def names(self) -> list[Any]:
        return list(self._known)


def _rows(pairs: set[tuple[int, int]]) -> np.ndarray:
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


def _incidence(pairs: np.ndarray, shape: tuple[int, int]) -> sp.csr_matrix:
    return sp.csr_matrix((np.ones(len(pairs), np.float32), pairs.T), shape=shape)
