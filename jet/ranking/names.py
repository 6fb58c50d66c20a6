"""How much of each account's name is in a description, by the n-grams of characters that they share.

Shapes: B entries, P distinct pairs of an entity and a text, C accounts of the catalog.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.books.catalog import Catalog
from jet.books.tokens import NOTHING
from jet.retrieval.similarity import ranges
from jet.texts.ngrams import CHAR_BUCKETS, ngram_counts_of
from jet.texts.normalize import normalize_all
from jet.texts.store import TextStore


@dataclass(frozen=True)
class NameShares:
    """The share of each account's name that is in the description of each of B entries."""

    pair: (
        np.ndarray
    )  # int64 [B] the pair of entity and text of each entry; NOTHING where the entity isn't known
    start: np.ndarray  # int64 [P + 1] where the shares of each pair are
    first: np.ndarray  # int64 [P] the first account of the entity
    share: np.ndarray  # float32, of each pair's accounts, from 0 to 1

    def of(self, entry: np.ndarray, account: np.ndarray) -> np.ndarray:
        """float32 [n]: the share of the name of `account`, an account of the entry's entity, in `entry`."""
        pair = self.pair[entry]
        return self.share[self.start[pair] + account - self.first[pair]]

    def best(self, count: int) -> np.ndarray:
        """int64 [B, count]: the accounts whose names are contained best and more than half, best first."""
        accounts = np.full((len(self.first) + 1, count), NOTHING)  # the last for unknown entities
        high = np.flatnonzero(self.share > 0.5)
        pair = np.searchsorted(self.start, high, side="right") - 1
        order = np.lexsort((high, -self.share[high], pair))
        high, pair = high[order], pair[order]
        place = np.arange(len(pair)) - np.searchsorted(pair, pair)
        kept = place < count
        high, pair, place = high[kept], pair[kept], place[kept]
        accounts[pair, place] = self.first[pair] + high - self.start[pair]
        return accounts[self.pair]


@dataclass(frozen=True)
class AccountNames:
    """The n-grams of characters of all accounts' names, sorted by n-gram and account."""

    place: np.ndarray
    """int64 [n]: the number of the n-gram times C, and the account."""
    weight: np.ndarray
    """float32 [n]: the n-gram's share of the name, by its weight; those of an account sum to 1."""
    offsets: np.ndarray
    """int64 [E + 1]: the accounts of each entity, as in the catalog."""

    @classmethod
    def of(cls, catalog: Catalog, idf: np.ndarray) -> AccountNames:
        """The names of the catalog's accounts; `idf` float32 [8192] are the weights of n-grams."""
        grams = ngram_counts_of(normalize_all(catalog.accounts["name"]))
        grams.data = (idf[grams.indices] * (grams.indices < CHAR_BUCKETS)).astype(np.float32)
        total = np.asarray(grams.sum(axis=1)).ravel()
        grams.data /= np.repeat(np.maximum(total, 1e-9), np.diff(grams.indptr)).astype(np.float32)
        grams.eliminate_zeros()
        account = np.repeat(np.arange(len(catalog)), np.diff(grams.indptr))
        place = grams.indices.astype(np.int64) * len(catalog) + account
        order = np.argsort(place)
        return cls(place[order], grams.data[order], catalog.offsets)

    def shares(self, entity: np.ndarray, text: np.ndarray, store: TextStore) -> NameShares:
        """The shares for entries of `entity` int64 [B] (NOTHING: unknown) with the `text` int64 [B], a row of
        `store`. Entries of an entity with the same text share them."""
        known = np.flatnonzero(entity >= 0)
        pairs, number = np.unique(entity[known] * len(store) + text[known], return_inverse=True)
        pair = np.full(len(entity), NOTHING)
        pair[known] = number
        of_entity, of_text = np.divmod(pairs, max(len(store), 1))
        first = self.offsets[of_entity]
        start = np.concatenate([[0], np.cumsum(self.offsets[of_entity + 1] - first)])
        grams, owner = ranges(store.ngrams.indptr[of_text], store.ngrams.indptr[of_text + 1])
        lowest = store.ngrams.indices[grams].astype(np.int64) * self.offsets[-1]
        found, which = ranges(
            np.searchsorted(self.place, lowest + first[owner]),
            np.searchsorted(self.place, lowest + self.offsets[of_entity + 1][owner]),
        )
        account = self.place[found] - lowest[which]
        share = np.zeros(start[-1], dtype=np.float32)
        np.add.at(share, start[owner[which]] + account - first[owner[which]], self.weight[found])
        return NameShares(pair, start, first, share)
