"""Shares of names in descriptions are products of n-grams, whatever else is asked."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.ranking.names import AccountNames
from jet.texts.ngrams import CHAR_BUCKETS, ngram_counts
from jet.texts.normalize import normalize_all


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000))
def test_a_share_is_the_weight_of_the_names_ngrams_that_the_text_has(data, seed):
    corpus = data.corpus
    catalog, store = corpus.catalog, corpus.store
    counts = ngram_counts(normalize_all(catalog.accounts["name"]).to_pylist()).toarray()[:, :CHAR_BUCKETS]
    weights = np.where(counts > 0, corpus.idf[:CHAR_BUCKETS], 0.0)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    draw = np.random.default_rng(seed)
    entity, text = draw.integers(-1, len(catalog.entities), 12), draw.integers(0, len(store), 12)
    names = AccountNames.of(catalog, corpus.idf)
    shares = names.shares(entity, text, store)
    best = shares.best(2)
    for row in range(12):
        if entity[row] < 0:
            assert best[row].tolist() == [-1, -1]
            continue
        accounts = np.arange(*catalog.offsets[entity[row] : entity[row] + 2])
        has = store.ngrams[text[row]].toarray()[0, :CHAR_BUCKETS] > 0
        expected = (weights[accounts] * has).sum(axis=1)
        found = shares.of(np.full(len(accounts), row), accounts)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        alone = names.shares(entity[[row]], text[[row]], store)
        assert np.array_equal(alone.of(np.zeros(len(accounts), np.int64), accounts), found)
        order = np.argsort(-found, kind="stable")[:2]
        assert best[row].tolist() == np.where(found[order] > 0.5, accounts[order], -1).tolist()
