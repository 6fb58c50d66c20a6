"""Extends a bundle without training: new companies, new accounts, reviewed entries.

Nothing that was trained changes. A new account gets the vector of its words alone, a new company that of an
unknown one, which the training has seen; reviewed entries join the corpus; families of charts are computed
again. So a company without history is predicted from its chart and its peers at once. The calibration stays:
its promise was measured on the trained companies. But the records of companies continue.

`extended` does so for one run. `with_addition` keeps the reviewed entries as an addition, which is saved with
the bundle; `without_addition` undoes it, and the result is to the bit the bundle that never learned it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.artifacts.tables import validate
from jet.books.catalog import Catalog
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.bundle.additions import Addition
from jet.bundle.bundle import Bundle, Origin
from jet.model.tables import account_vectors, with_new_texts
from jet.retrieval.columns import EntryColumns, entry_columns
from jet.retrieval.corpus import Corpus
from jet.texts.normalize import normalize_all
from jet.texts.store import TextStore

Encode = Callable[[Sequence[str]], np.ndarray]
"""Sentence vectors float32 [n, D] of texts, by the bundle's encoder."""


def with_addition(bundle: Bundle, addition: Addition, encode: Encode) -> Bundle:
    """`bundle` extended by `addition`, which it keeps.

    Raises `ValueError` as `extended` does, and where the addition has no entries.
    """
    if not len(addition.entries):
        raise ValueError("there are no reviewed entries to learn from")
    extension = extended(bundle, addition.accounts, encode, addition.entries, addition.checked)
    trained = (bundle.origin and bundle.origin.trained) or bundle
    return replace(extension, origin=Origin(bundle.identity, trained, (*bundle.additions, addition)))


def without_addition(bundle: Bundle, number: int) -> Bundle:
    """`bundle` without the addition of that number. Raises `ValueError` where there is none.

    What later additions checked stays as it was: answers that were given with this addition known.
    """
    numbers = [addition.facts.number for addition in bundle.additions]
    if bundle.origin is None or bundle.origin.trained is None or number not in numbers:
        has = f"it has {', '.join(map(str, numbers))}" if numbers else "it has learned nothing"
        raise ValueError(f"the bundle has no addition {number}: {has}")
    result = bundle.origin.trained
    for addition in bundle.additions:
        if addition.facts.number != number:
            result = with_addition(result, addition, bundle.corpus.store.vectors_of)
    return result


def extended(
    bundle: Bundle,
    accounts: pa.Table,
    encode: Encode,
    reviewed: pa.Table | None = None,
    checked: pa.Table | None = None,
    *,
    decisive: bool = True,
) -> Bundle:
    """`bundle` with the charts in `accounts` (`ACCOUNTS`) and the `reviewed` entries (`ENTRIES`).

    `checked` (`CHECKED`) are its answers to these, which count in the records of their companies. An account
    that the bundle has takes the new row's name and dates. A reviewed entry replaces the one with the same id;
    it decides the answers to its text, unless it is not `decisive`, but known like those of the training.
    Returns `bundle` itself where nothing is new. Raises `ValueError` where a reviewed entry has no lines, or is
    booked to an account that no chart has.
    """
    reviewed = ENTRIES.empty_table() if reviewed is None else validate(reviewed, ENTRIES, "reviewed entries")
    unbooked = pc.index(pc.fill_null(pc.list_value_length(reviewed["lines"]), 0), 0).as_py()
    if unbooked >= 0:
        name = reviewed["entry_id"][unbooked].as_py()
        raise ValueError(f"reviewed entry {name!r} has no lines: only booked entries can be learned from")
    accounts = validate(accounts, ACCOUNTS, "accounts")
    old = bundle.corpus
    catalog = Catalog.from_accounts(pa.concat_tables([old.catalog.accounts, accounts]))
    if catalog.accounts.equals(old.catalog.accounts) and not len(reviewed):
        return bundle
    before = old.catalog.accounts
    place = catalog.rows(before["entity"].combine_chunks(), before["code"].combine_chunks())
    booked = np.zeros((len(catalog), 2), dtype=np.int64)
    booked[place] = old.catalog.booked
    catalog = Catalog(catalog.accounts, booked)
    texts = pa.concat_arrays([normalize_all(reviewed["description"]), normalize_all(catalog.texts())])
    missing = sorted(old.store.missing(texts))
    store = old.store.extend(missing, encode(missing)) if missing else old.store
    corpus = _joined_corpus(old, catalog, store, place, reviewed, decisive)
    extension = replace(
        bundle,
        corpus=corpus,
        weights=_weights(bundle, catalog, place),
        judgment=bundle.judgment if checked is None else bundle.judgment.checked(checked),
        origin=Origin(bundle.identity),
    )
    vectors = account_vectors(extension.network, corpus)
    vectors[place] = bundle.account_vectors  # the trained ones
    texts = with_new_texts(bundle.text_vectors, bundle.network, corpus)
    return replace(extension, account_vectors=vectors, text_vectors=texts)


def _weights(bundle: Bundle, catalog: Catalog, place: np.ndarray) -> dict[str, np.ndarray]:
    """The network's weights with rows for new accounts (no residual) and new companies (unknown).

    `place` int64 [C] is where each account of the bundle is in the new `catalog`.
    """
    weights = dict(bundle.weights)
    residual, entity = weights["residual.weight"], weights["entity.weight"]
    weights["residual.weight"] = np.zeros((len(catalog), residual.shape[1]), dtype=residual.dtype)
    weights["residual.weight"][place] = residual
    numbers = catalog.entity_numbers(pa.array(bundle.corpus.catalog.entities, pa.string()))
    weights["entity.weight"] = np.repeat(entity[-1:], len(catalog.entities) + 1, axis=0)
    weights["entity.weight"][numbers] = entity[:-1]
    return weights


def _joined_corpus(
    old: Corpus, catalog: Catalog, store: TextStore, place: np.ndarray, reviewed: pa.Table, decisive: bool
) -> Corpus:
    """The rows of `old`, numbered by the new catalog, and the reviewed entries, in the order of a corpus."""
    numbers = catalog.entity_numbers(pa.array(old.catalog.entities, pa.string()))
    before = replace(
        old.rows,
        entity=numbers[old.rows.entity],
        tokens=2 * place[old.rows.tokens // 2] + old.rows.tokens % 2,
    )
    new = entry_columns(reviewed, catalog, store)
    ids = pa.concat_arrays([old.ids, reviewed["entry_id"].combine_chunks()])
    both = _concatenated(before, new)
    names = np.asarray(ids.to_numpy(zero_copy_only=False), dtype=object).astype(str)
    order = np.lexsort((np.arange(len(names)), names, both.entity))
    # Of rows with the same id the last one stays, which is the reviewed one.
    last = np.ones(len(order), dtype=bool)
    last[:-1] = (both.entity[order][1:] != both.entity[order][:-1]) | (names[order][1:] != names[order][:-1])
    kept = order[last]
    kept = kept[np.lexsort((names[kept], both.date[kept], both.entity[kept]))]
    flags = np.concatenate([old.reviewed, np.full(len(new), decisive)])
    return Corpus(both, ids, catalog, store, old.idf, flags).with_families().take(kept)


def _concatenated(one: EntryColumns, other: EntryColumns) -> EntryColumns:
    """The rows of `one`, then those of `other`."""
    offsets = np.concatenate([one.offsets, one.offsets[-1] + other.offsets[1:]])
    rest = {
        each.name: np.concatenate([getattr(one, each.name), getattr(other, each.name)])
        for each in fields(EntryColumns)
        if each.name != "offsets"
    }
    return EntryColumns(offsets=offsets, **rest)
