from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recall import recall_at_k
from small_corpus import corpus_of

from jet.books.schema import ENTRIES, NEIGHBORS
from jet.books.sorting import sort_entries
from jet.retrieval.collection import Hits, prefix_ends
from jet.retrieval.neighbors import find_neighbors, make_encoder, text_store
from jet.retrieval.retriever import Retriever
from jet.retrieval.settings import RetrievalSettings
from jet.texts.normalize import normalize


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    entries=st.integers(1, 60),
    days=st.integers(1, 8),
    block_rows=st.sampled_from([1, 3, 1000]),
    k=st.sampled_from([1, 4, 80]),
)
def test_a_neighbor_is_strictly_earlier_of_the_same_entity_and_never_the_entry_itself(
    make_books: Callable[..., pa.Table],
    fake_encoder: Any,
    seed: int,
    entries: int,
    days: int,
    block_rows: int,
    k: int,
) -> None:
    books = sort_entries(make_books(seed, entries, days=days))
    options = RetrievalSettings(neighbors=k, block_rows=block_rows)
    table = find_neighbors(books, Retriever.of(corpus_of(books, fake_encoder), options))
    assert table.schema == NEIGHBORS
    rows = books.to_pylist()
    for row, answer in zip(rows, table.to_pylist(), strict=True):
        assert (answer["entity"], answer["entry_id"]) == (row["entity"], row["entry_id"])
        earlier = [r for r in rows if r["entity"] == row["entity"] and r["date"] < row["date"]]
        sources = [n["source"] for n in answer["neighbors"]]
        assert sources.count("similar") == min(k, len(earlier))
        assert sources.count("latest") == min(options.latest, len(earlier))
        newest = sorted(earlier, key=lambda r: (r["date"], r["entry_id"]))[-options.latest :]
        assert {r["entry_id"] for r in newest} <= {rows[n["row"]]["entry_id"] for n in answer["neighbors"]}
        for neighbor in answer["neighbors"]:
            other = rows[neighbor["row"]]
            assert other["entity"] == row["entity"]
            assert other["date"] < row["date"]
            assert neighbor["age_days"] == (row["date"] - other["date"]).days > 0
            equal = normalize(other["description"]) == normalize(row["description"])
            assert neighbor["same_text"] == equal


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    entries=st.integers(1, 60),
    block_rows=st.sampled_from([1, 3, 1000]),
    cuts=st.lists(st.integers(-1, 9), min_size=60, max_size=60),
)
def test_nothing_of_the_day_from_which_on_a_query_knows_nothing_is_a_hit_of_it(
    make_books: Callable[..., pa.Table],
    fake_encoder: Any,
    seed: int,
    entries: int,
    block_rows: int,
    cuts: list[int],
) -> None:
    """Own entries and peers alike; and the hits are those of books that end the day before."""
    books = sort_entries(make_books(seed, entries, days=8))
    settings_ = RetrievalSettings(neighbors=4, latest=2, peers=3, block_rows=block_rows)
    corpus = corpus_of(books, fake_encoder, family=[0] * 4)
    first = books["date"].cast(pa.int32()).to_numpy().min()
    cut = first + np.array(cuts[:entries], dtype=np.int32)
    rows = corpus.rows
    queries = replace(rows.queries(np.arange(entries)), store=corpus.store)
    hits = Retriever.of(corpus, settings_).hits(replace(queries, cut=cut))
    known = np.minimum(rows.date, cut)
    assert np.array_equal(replace(queries, cut=cut).known_before, known)
    hit = hits.row >= 0
    assert (rows.date[hits.row] < known[:, None])[hit].all()
    everything = np.arange(entries)
    for query in range(entries):
        earlier = (rows.date < known[query]) & (rows.entity == rows.entity[query])
        similar, latest, peers = np.split(hits.row[query], [4, 6])
        assert (similar >= 0).sum() == min(4, earlier.sum())
        assert latest[latest >= 0].tolist() == everything[earlier][::-1][:2].tolist()
        others = (rows.date < known[query]) & (rows.entity != rows.entity[query])
        assert (peers >= 0).sum() == min(3, others.sum())
    whole = Retriever.of(corpus, settings_).hits(queries)
    for cut_of_all in (queries.date, np.full(entries, np.iinfo(np.int32).max, dtype=np.int32)):
        same = Retriever.of(corpus, settings_).hits(replace(queries, cut=cut_of_all))
        assert np.array_equal(same.row, whole.row)
        assert np.array_equal(same.similarity, whole.similarity)


def test_new_entries_are_answered_from_a_store_that_knows_their_texts(
    make_books: Callable[..., pa.Table], fake_encoder: Any
) -> None:
    books, new = make_books(1, 200, entities=2), make_books(2, 50, entities=3, prefix="new")
    corpus = corpus_of(books, fake_encoder, companies=2)
    missing = corpus.store.missing(text_store(new, None).texts)
    longer = replace(corpus, store=corpus.store.extend(missing, fake_encoder.encode(missing)))
    table = find_neighbors(new, Retriever.of(longer, RetrievalSettings()))
    flat = [n for row in table["neighbors"].to_pylist() for n in row]
    assert any(n["same_text"] for n in flat)
    unknown = table.filter(pa.compute.equal(table["entity"], "company 2"))
    assert unknown.num_rows
    assert all(row == [] for row in unknown["neighbors"].to_pylist())
    with pytest.raises(ValueError, match="is not in the text store"):
        find_neighbors(new, Retriever.of(corpus, RetrievalSettings()))


def test_the_order_of_the_books_does_not_matter(make_books: Callable[..., pa.Table], fake_encoder: Any) -> None:
    books = make_books(4, 150)
    store = text_store(books, fake_encoder)
    shuffled = books.take(np.random.default_rng(0).permutation(150))
    left, right = (
        find_neighbors(books, Retriever.of(corpus_of(table, store=store), RetrievalSettings()))
        for table in (books, shuffled)
    )
    assert left.equals(right)


def test_the_store_and_the_corpus_may_hold_more_than_the_questions(
    make_books: Callable[..., pa.Table], fake_encoder: Any
) -> None:
    books = make_books(5, 80)
    retriever = Retriever.of(corpus_of(books, fake_encoder), RetrievalSettings())
    assert find_neighbors(books.slice(10, 5), retriever).equals(find_neighbors(books, retriever).slice(10, 5))


def test_no_books_and_no_questions_are_answered(fake_encoder: Any, make_books: Callable[..., pa.Table]) -> None:
    nothing, books = ENTRIES.empty_table(), make_books(6, 5)
    store = text_store(books, fake_encoder)
    empty = Retriever.of(corpus_of(nothing, store=store), RetrievalSettings())
    assert find_neighbors(nothing, empty).num_rows == 0
    answers = find_neighbors(books, empty)
    assert answers["neighbors"].to_pylist() == [[]] * 5


def test_a_text_that_is_not_in_the_store_is_named(make_books: Callable[..., pa.Table]) -> None:
    books = make_books(7, 20)
    with pytest.raises(ValueError, match=r"text of entry 'e.*is not in the text store"):
        corpus_of(books, store=text_store(books.slice(0, 2), None))


def test_entries_of_an_entity_without_a_chart_are_refused_by_its_name(
    make_books: Callable[..., pa.Table],
) -> None:
    with pytest.raises(ValueError, match="entity 'company 3' has entries, and no chart of accounts"):
        corpus_of(make_books(7, 50, entities=4), companies=3)


def test_recall_counts_what_was_found_and_forgives_ties() -> None:
    exact = Hits(
        np.array([[5, 4, 3], [7, -1, -1]]), np.array([[1, 0.9, 0.5], [1, -np.inf, -np.inf]], np.float32)
    )
    tied = Hits(np.array([[5, 4, 1], [7, -1, -1]]), exact.similarity)
    worse = Hits(
        np.array([[5, 4, 1], [-1, -1, -1]]),
        np.array([[1, 0.9, 0.4], [-np.inf, -np.inf, -np.inf]], np.float32),
    )
    assert recall_at_k(exact, exact) == recall_at_k(tied, exact) == 1
    assert recall_at_k(worse, exact) == 0.5
    assert recall_at_k(Hits.none(2, 3), Hits.none(2, 3)) == 1


def test_settings_can_ask_for_no_encoder() -> None:
    assert make_encoder(RetrievalSettings(encoder="")) is None


@given(st.integers(0, 10_000))
def test_a_limit_is_the_first_row_that_is_not_earlier(seed: int) -> None:
    draw = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(draw.integers(0, 6, 4))])
    days = np.concatenate([np.sort(draw.integers(0, 5, size)) for size in np.diff(offsets)])
    entity, date = draw.integers(-1, 6, 20), draw.integers(-1, 7, 20)
    expected = [
        offsets[e] + int((days[offsets[e] : offsets[e + 1]] < day).sum()) if 0 <= e < 4 else 0
        for e, day in zip(entity.tolist(), date.tolist(), strict=True)
    ]
    assert prefix_ends(offsets, days, entity, date).tolist() == expected
    assert not prefix_ends(offsets[:1], days[:0], entity, date).any()
