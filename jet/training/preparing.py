"""From tables of entries and accounts to what a training reads, in this process: what `jet neighbors`
spreads."""

from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.catalog import Catalog
from jet.books.split import TRAIN, SplitSettings, split_by_date
from jet.model.network import ModelSettings
from jet.retrieval.columns import sort_entries
from jet.retrieval.corpus import Corpus
from jet.retrieval.neighbors import find_neighbors
from jet.retrieval.retriever import Retriever
from jet.retrieval.settings import RetrievalSettings
from jet.texts.encoder import Encoder
from jet.texts.ngrams import idf
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
    catalog = Catalog.from_accounts(accounts)
    booked = sort_entries(entries.filter(pc.is_valid(entries["lines"]))).combine_chunks()
    texts = set(normalize_all(entries["description"]).to_pylist()) | set(
        normalize_all(catalog.texts()).to_pylist()
    )
    log.info("encoding %d distinct texts", len(texts))
    store = TextStore.build(sorted(texts), encoder)
    dates = booked["date"].cast(pa.int32()).to_numpy()
    part = split_by_date(catalog.entity_numbers(booked["entity"]), dates, split)
    training = store.rows(normalize_all(booked["description"].filter(pa.array(part == TRAIN))))
    weights = idf(store.ngrams[np.unique(training)])  # later texts must not have a say
    log.info("finding the neighbors of %d entries", len(booked))
    corpus = Corpus.of(booked, catalog, store, weights)
    neighbors = find_neighbors(booked, Retriever.of(corpus, retrieval))
    return TrainingData.build(booked, accounts, neighbors, store, weights, split, model, retrieval)
