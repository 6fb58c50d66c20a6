"""The corpus: booked entries, charts of accounts, texts and the weights of their n-grams.

A corpus holds NumPy arrays and Arrow tables alone, so that all processes of a machine read one copy of it. Its
rows are sorted by entity, date and entry id: the rows eligible for a query, those of its entity with a strictly
earlier date, are a prefix of the entity's rows.

Shapes: N rows, E entities, C accounts, U texts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from jet.books.catalog import Catalog
from jet.retrieval.collection import prefix_ends
from jet.retrieval.columns import EntryColumns, entry_columns, whole
from jet.retrieval.peers import chart_families
from jet.texts.ngrams import weigh
from jet.texts.normalize import normalize_all
from jet.texts.store import TextStore


@dataclass(frozen=True)
class Corpus:
    """See the module's docstring."""

    rows: EntryColumns
    """The booked entries, sorted by entity, date and id."""
    ids: pa.StringArray
    """[N] entry ids."""
    catalog: Catalog
    """The charts of accounts of all entities."""
    store: TextStore
    """The texts of rows and accounts, and perhaps more; `rows.text` are rows of it."""
    idf: np.ndarray
    """float32 [8192]: the weights of n-grams, see `jet.texts.ngrams`."""
    reviewed: np.ndarray
    """bool [N]: whether people reviewed the entry after the training; see `jet.prediction.reviews`."""
    family: np.ndarray | None = None
    """int64 [E]: entities with the same number follow the same standard chart; None: see `with_families`."""
    direction: np.ndarray | None = None
    """int8 [N]: the direction of the money, 1 in, -1 out, 0 not known; None: similarity ignores it."""

    @classmethod
    def of(cls, entries: pa.Table, catalog: Catalog, store: TextStore, idf: np.ndarray) -> Corpus:
        """The corpus of booked `entries` (schema `ENTRIES`, in the order of `sort_entries`).

        Raises ValueError where an entity or an account isn't in `catalog`, or a text not in `store`.
        """
        rows = entry_columns(entries, catalog, store)
        if (rows.entity < 0).any():
            unknown = entries["entity"][int((rows.entity < 0).argmax())].as_py()
            raise ValueError(f"entity {unknown!r} has entries, and no chart of accounts")
        return cls(rows, whole(entries["entry_id"]), catalog, store, idf, np.zeros(len(rows), dtype=bool))

    def __len__(self) -> int:
        return len(self.rows)

    def with_families(self) -> Corpus:
        """The same, with the families of its charts (see `chart_families`)."""
        return self if self.family is not None else replace(self, family=chart_families(self.catalog))

    def take(self, rows: np.ndarray) -> Corpus:
        """The same with `rows` alone, int64, ascending."""
        return replace(
            self,
            rows=self.rows.take(rows),
            ids=self.ids.take(pa.array(rows)),
            reviewed=self.reviewed[rows],
            direction=None if self.direction is None else self.direction[rows],
        )

    @property
    def entities(self) -> pa.StringArray:
        """[N]: the name of each row's entity."""
        return pa.array(self.catalog.entities, pa.string()).take(pa.array(self.rows.entity))

    @cached_property
    def offsets(self) -> np.ndarray:
        """int64 [E + 1]: the rows of entity e are offsets[e] to offsets[e + 1]."""
        return np.searchsorted(self.rows.entity, np.arange(len(self.catalog.entities) + 1)).astype(np.int64)

    @cached_property
    def ngrams(self) -> sp.csr_matrix:
        """float32 [U, 8192]: the weighed n-grams of all texts."""
        return weigh(self.store.ngrams, self.idf)

    @cached_property
    def account_text(self) -> np.ndarray:
        """int64 [C]: the store's row of each account's text; -1 where it has none."""
        return self.store.rows(normalize_all(self.catalog.texts()))

    def limits(self, entity: np.ndarray, date: np.ndarray) -> np.ndarray:
        """int64 [B]: the rows of each `entity` below this one have a strictly earlier date than `date`."""
        return prefix_ends(self.offsets, self.rows.date, entity, date)
