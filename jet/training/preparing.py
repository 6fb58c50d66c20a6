"""From tables of entries and accounts to what a training reads, in this process: what `jet neighbors`
spreads."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.catalog import Catalog
from jet.books.sorting import sort_entries
from jet.books.split import TRAIN, SplitSettings, split_by_date
from jet.model.settings import ModelSettings
from jet.retrieval.columns import EntryColumns, entry_columns
from jet.retrieval.corpus import Corpus
from jet.retrieval.retriever import Retriever
from jet.retrieval.settings import RetrievalSettings
from jet.texts.encoder import Encoder
from jet.texts.ngrams import idf as fit_idf
from jet.texts.normalize import normalize_all
from jet.texts.store import TextStore
from jet.training.data import TrainingData

log = logging.getLogger("jet.neighbors")


def prepared(
    entries: pa.Table,
    accounts: pa.Table,
    split: SplitSettings,
    model: ModelSettings,
    retrieval: RetrievalSettings,
    encoder: Encoder | None,
) -> TrainingData:
    """Encode every distinct text of `entries` (`ENTRIES`) and `accounts` (`ACCOUNTS`) once, and find each
    booked entry's neighbors."""
    entries = sort_entries(entries)
    catalog = Catalog.from_accounts(accounts)
    texts = distinct_texts(entries, catalog)
    log.info("encoding %d distinct texts", len(texts))
    store = TextStore.build(texts, encoder)
    columns = entry_columns(entries, catalog, store)
    idf = training_idf(training_texts(entries, split), store)
    corpus = booked_corpus(entries, columns, catalog, store, idf)
    log.info("finding the neighbors of %d entries", len(corpus))
    hits = Retriever.of(corpus, retrieval).hits(corpus.rows.queries(np.arange(len(corpus))))
    booked = entries.filter(pc.is_valid(entries["lines"])).combine_chunks()
    return TrainingData.build(booked, corpus, hits, split, model, retrieval)


def distinct_texts(entries: pa.Table, catalog: Catalog) -> list[str]:
    """The normalized texts of all entries and accounts, sorted, each once."""
    descriptions = pc.unique(normalize_all(entries["description"])).to_pylist()
    return sorted(set(descriptions) | set(normalize_all(catalog.texts()).to_pylist()))


def booked_corpus(
    entries: pa.Table, columns: EntryColumns, catalog: Catalog, store: TextStore, idf: np.ndarray
) -> Corpus:
    """The corpus of those of the sorted `entries` that are booked; `columns` are theirs."""
    booked = np.flatnonzero(entries["lines"].is_valid().to_numpy())
    rows = columns.take(booked)
    ids = entries["entry_id"].combine_chunks().take(pa.array(booked))
    return Corpus(rows, ids, catalog, store, idf, np.zeros(len(rows), dtype=bool))


def training_texts(entries: pa.Table, split: SplitSettings) -> pa.Array:
    """The distinct normalized texts of the training rows; `entries` has whole companies."""
    booked = entries.filter(pc.is_valid(entries["lines"]))
    entity = booked["entity"].combine_chunks().dictionary_encode().indices.to_numpy()
    parts = split_by_date(entity, booked["date"].combine_chunks().cast(pa.int32()).to_numpy(), split)
    return pc.unique(normalize_all(booked["description"].filter(pa.array(parts == TRAIN))))


def training_idf(texts: pa.Array, store: TextStore) -> np.ndarray:
    """N-gram weights, float32 [8192], from the training rows' distinct `texts`: later texts must not have a
    say."""
    return fit_idf(store.ngrams[np.unique(store.rows(texts))])
