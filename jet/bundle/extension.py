"""A bundle that learns without training: new companies, new accounts, entries reviewed since.

Nothing that was trained changes. New accounts get the vector of their words alone, new companies stand for "not
known" (which the training practised on), reviewed entries join the memory, and families of charts are sought
anew, so that a company without any history is served from its chart and from its peers at once. The
calibration stays too: what it promises was measured on the trained companies.

`extended` does so for one run. `learned` keeps what was reviewed as a lot of its own, which is saved with the
bundle, and which `forgotten` takes back: then the bundle is what it would be had it never been learned, to the
last bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch

from jet.artifacts.tables import validate
from jet.books.catalog import Catalog
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.bundle.lots import Books, Lot
from jet.model.columns import EntryColumns, entry_columns
from jet.model.network import TextInputs
from jet.retrieval.peers import chart_families
from jet.texts.ngrams import weigh
from jet.texts.normalize import normalize_all

if TYPE_CHECKING:
    from jet.bundle.bundle import Bundle

Encode = Callable[[Sequence[str]], np.ndarray]
"""Sentence vectors float32 [n, D] of texts, by the bundle's encoder."""


def learned(bundle: Bundle, lot: Lot, encode: Encode) -> Bundle:
    """`bundle`, which is trained or has learned before, and `lot`. Raises ValueError as `extended` does, and
    where the lot is empty."""
    if not len(lot.entries):
        raise ValueError("there are no reviewed entries to learn from")
    grown = extended(bundle, lot.accounts, encode, lot.entries)
    return replace(grown, trained=bundle.trained or bundle, lots=(*bundle.lots, lot))


def forgotten(bundle: Bundle, number: int) -> Bundle:
    """`bundle` without the lot of that number. Raises ValueError where it has none."""
    numbers = [lot.facts.number for lot in bundle.lots]
    if bundle.trained is None or number not in numbers:
        has = f"it has {', '.join(map(str, numbers))}" if numbers else "it has learned nothing"
        raise ValueError(f"the bundle has no lot {number}: {has}")
    found = bundle.trained
    for lot in bundle.lots:
        if lot.facts.number != number:
            found = learned(found, lot, bundle.store.vectors_of)
    return found


def extended(bundle: Bundle, accounts: pa.Table, encode: Encode, reviewed: pa.Table | None = None) -> Bundle:
    """`bundle` with the charts in `accounts` (schema `ACCOUNTS`) and `reviewed` entries (schema `ENTRIES`).

    An account that the bundle has already takes the new row's name and dates. Of an entry that it has already
    the reviewed one stays. Returns the same bundle where nothing is new. Raises ValueError where a reviewed
    entry has no lines, or is booked to an account that no chart has.
    """
    reviewed = ENTRIES.empty_table() if reviewed is None else validate(reviewed, ENTRIES, "reviewed entries")
    unbooked = pc.index(pc.fill_null(pc.list_value_length(reviewed["lines"]), 0), 0).as_py()
    if unbooked >= 0:
        name = reviewed["entry_id"][unbooked].as_py()
        raise ValueError(f"reviewed entry {name!r} has no lines: only booked entries can be learned from")
    accounts = validate(accounts, ACCOUNTS, "accounts")
    catalog = Catalog.from_accounts(pa.concat_tables([bundle.catalog.accounts, accounts]))
    if catalog.accounts.equals(bundle.catalog.accounts) and not len(reviewed):
        return bundle
    old = bundle.catalog.accounts
    place = catalog.rows(old["entity"].combine_chunks(), old["code"].combine_chunks())
    booked = np.zeros((len(catalog), 2), dtype=np.int64)
    booked[place] = bundle.catalog.booked
    catalog = Catalog(catalog.accounts, booked)
    texts = pa.concat_arrays([normalize_all(reviewed["description"]), normalize_all(catalog.texts())])
    missing = sorted(bundle.store.missing(texts))
    store = bundle.store.extend(missing, encode(missing)) if missing else bundle.store
    grown = replace(
        bundle,
        catalog=catalog,
        store=store,
        weights=_weights(bundle, catalog, place),
        family=chart_families(catalog),
        trained_as=bundle.identity,
        trained=None,
        lots=(),
    )
    return replace(
        grown,
        account_vectors=_account_vectors(grown, bundle.account_vectors, place),
        books=_books(grown, bundle, place, reviewed),
    )


def _weights(bundle: Bundle, catalog: Catalog, place: np.ndarray) -> dict[str, np.ndarray]:
    """The network's weights with rows for the new accounts (no residual) and companies (not known)."""
    weights = dict(bundle.weights)
    residual, entity = weights["residual.weight"], weights["entity.weight"]
    weights["residual.weight"] = np.zeros((len(catalog), residual.shape[1]), dtype=residual.dtype)
    weights["residual.weight"][place] = residual
    numbers = catalog.entity_numbers(pa.array(bundle.catalog.entities, pa.string()))
    weights["entity.weight"] = np.repeat(entity[-1:], len(catalog.entities) + 1, axis=0)
    weights["entity.weight"][numbers] = entity[:-1]
    return weights


def _account_vectors(bundle: Bundle, old: np.ndarray, place: np.ndarray) -> np.ndarray:
    """float32 [C, H]: trained vectors where there are some, else those of the accounts' words."""
    rows = bundle.store.rows(normalize_all(bundle.catalog.texts()))
    inputs = TextInputs.of(
        bundle.store.vectors[rows], weigh(bundle.store.ngrams[rows], bundle.idf), np.arange(len(rows))
    )
    with torch.inference_mode():
        vectors = bundle.network.account_table(inputs, torch.arange(len(rows))).numpy()
    vectors[place] = old
    return vectors


def _books(bundle: Bundle, old: Bundle, place: np.ndarray, reviewed: pa.Table) -> Books:
    """The old books in the numbers of the new catalog, and the reviewed entries, in order."""
    numbers = bundle.catalog.entity_numbers(pa.array(old.catalog.entities, pa.string()))
    columns = old.books.columns
    before = replace(
        columns,
        entity=numbers[columns.entity],
        tokens=2 * place[columns.tokens // 2] + columns.tokens % 2,
    )
    new = entry_columns(reviewed, bundle.catalog, bundle.store)
    ids = pa.concat_arrays([old.books.ids, reviewed["entry_id"].combine_chunks()])
    both = joined(before, new)
    names = np.asarray(ids.to_numpy(zero_copy_only=False), dtype=object).astype(str)
    order = np.lexsort((np.arange(len(names)), names, both.entity))
    # Of the same entry the last one stands, which is the reviewed one.
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (both.entity[order][1:] != both.entity[order][:-1]) | (names[order][1:] != names[order][:-1])
    kept = order[last]
    kept = kept[np.lexsort((names[kept], both.date[kept], both.entity[kept]))]
    flags = np.concatenate([old.books.reviewed, np.ones(len(new), dtype=bool)])
    return Books(ids, both, flags).take(kept)


def joined(one: EntryColumns, other: EntryColumns) -> EntryColumns:
    """The rows of one and then those of the other."""
    offsets = np.concatenate([one.offsets, one.offsets[-1] + other.offsets[1:]])
    rest = {
        each.name: np.concatenate([getattr(one, each.name), getattr(other, each.name)])
        for each in fields(EntryColumns)
        if each.name != "offsets"
    }
    return EntryColumns(offsets=offsets, **rest)
