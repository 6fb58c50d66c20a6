"""What each shard holds: every query is answered once, and one company's work is spread. Needs no Ray."""

from __future__ import annotations

from dataclasses import replace

import made_up
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import corpus_of

from jet.retrieval.blocks import has_scann, plan_blocks
from jet.retrieval.collection import limits
from jet.retrieval.retriever import SAME_ENTITY, Retriever
from jet.retrieval.settings import RetrievalSettings
from ray_jobs.spread.shards import shared_out

FEW = RetrievalSettings(encoder="", peers=0, exact_below=20, block_rows=5)

needs_scann = pytest.mark.skipif(not has_scann(), reason="ScaNN isn't installed")


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    """120 entries of one company, each with a text of its own, and 30 of another."""
    rows = [made_up.entry("company 0", f"{n:03}", n, f"invoice {n}", "D0 C0") for n in range(120)]
    rows += [made_up.entry("company 1", f"{n:03}", n, "rent", "D1 C1") for n in range(30)]
    return Retriever.of(corpus_of(made_up.entries_table(rows)), FEW)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(1, 12), block_rows=st.integers(1, 50), exact_below=st.integers(1, 200))
def test_every_block_answers_each_query_that_asks_it_once(retriever, count, block_rows, exact_below):
    retriever = replace(retriever, settings=replace(FEW, block_rows=block_rows, exact_below=exact_below))
    collection = retriever.same_entity
    queries = collection.queries(np.random.default_rng(count).permutation(len(collection)))
    limit = limits(collection, queries)
    shards = shared_out(retriever, count)
    assert 1 <= len(shards) <= count
    for block in plan_blocks(collection, retriever.settings):
        answered = np.zeros(len(queries), dtype=int)
        for shard in shards:
            mine = [held for held in shard[SAME_ENTITY] if held.block == block]
            assert len(mine) <= 1
            for held in mine:
                answered += held.asked(queries, limit)
        assert np.array_equal(answered, block.asked(queries.entity, limit))


@needs_scann
def test_the_prefixes_of_a_large_company_are_held_by_several(retriever):
    collection, shards = retriever.same_entity, shared_out(retriever, 4)
    queries = collection.queries(np.arange(120))
    limit = limits(collection, queries)
    answers = [
        sum(held.asked(queries, limit).sum() for held in shard[SAME_ENTITY] if held.block.is_prefix)
        for shard in shards
    ]
    assert len(answers) == 4
    assert max(answers) < sum(answers) / 2
