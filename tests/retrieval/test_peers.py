"""Peers: which companies follow the same standard chart, and whose entries an entry may learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import made_up
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_corpus import corpus_of

from jet.books.catalog import Catalog
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.books.sorting import sort_entries
from jet.books.words import SOURCES
from jet.retrieval.blocks import plan_blocks
from jet.retrieval.collection import Hits, Queries, limits, merge
from jet.retrieval.columns import entry_columns
from jet.retrieval.corpus import Corpus
from jet.retrieval.index import build_block, search
from jet.retrieval.neighbors import find_neighbors, text_store
from jet.retrieval.peers import chart_families
from jet.retrieval.retriever import Retriever
from jet.retrieval.settings import RetrievalSettings, source_starts, source_widths
from jet.texts.ngrams import idf
from jet.texts.store import TextStore

STANDARD = {
    "1510": "accounts receivable",
    "1930": "bank account",
    "2440": "accounts payable",
    "2611": "output vat",
    "2641": "input vat",
    "3001": "sales of goods",
    "5010": "rent of premises",
    "6110": "office supplies",
    "7010": "wages",
}
UNLIKE = dict(
    zip(STANDARD, ["torg", "lön", "bil", "hus", "mjölk", "ränta", "skog", "fisk", "papp"], strict=True)
)


def catalog_of(**charts: dict[str, str]) -> Catalog:
    """The catalog of companies by name."""
    rows = [
        made_up.account(entity, code, name) for entity, chart in charts.items() for code, name in chart.items()
    ]
    return Catalog.from_accounts(made_up.accounts_table(rows))


def families(**charts: dict[str, str]) -> list[set[str]]:
    """Which companies are of one family."""
    catalog = catalog_of(**charts)
    family = chart_families(catalog)
    assert family.shape == (len(catalog.entities),)
    assert set(family.tolist()) == set(range(len(set(family.tolist()))))
    return [
        {name for name, own in zip(catalog.entities, family, strict=True) if own == number}
        for number in sorted(set(family.tolist()))
    ]


def some(chart: dict[str, str], count: int) -> dict[str, str]:
    return dict(list(chart.items())[:count])


def test_companies_whose_codes_have_like_names_are_of_one_family() -> None:
    varied = STANDARD | {"1930": "bank accounts", "3001": "sales of goods, domestic", "8999": "result"}
    assert families(a=STANDARD, b=varied, c=dict(STANDARD)) == [{"a", "b", "c"}]


def test_the_same_codes_with_unrelated_names_are_no_standard() -> None:
    assert families(a=STANDARD, b=UNLIKE) == [{"a"}, {"b"}]


def test_like_names_under_other_codes_are_no_standard() -> None:
    moved = {str(int(code) + 1): name for code, name in STANDARD.items()}
    assert families(a=STANDARD, b=moved) == [{"a"}, {"b"}]


def test_codes_without_names_are_no_standard() -> None:
    bare = dict.fromkeys(STANDARD, "")
    assert families(a=STANDARD, b=bare, c=dict(bare)) == [{"a"}, {"b"}, {"c"}]


def test_a_part_of_a_standard_chart_is_enough_but_a_few_codes_are_not() -> None:
    assert families(a=STANDARD, b=some(STANDARD, 5)) == [{"a", "b"}]
    assert families(a=STANDARD, b=some(STANDARD, 4)) == [{"a"}, {"b"}]
    own = {f"x{number}": f"thing {number}" for number in range(30)}
    large = {f"y{number}": f"other {number}" for number in range(40)}
    assert families(a=STANDARD | large, b=some(STANDARD, 5) | own) == [{"a"}, {"b"}]


def test_each_standard_is_a_family_of_its_own() -> None:
    assert families(a=STANDARD, b=UNLIKE, c=some(STANDARD, 7), d=some(UNLIKE, 6), e={"1": "cash"}) == [
        {"a", "c"},
        {"b", "d"},
        {"e"},
    ]


def test_one_company_alone_has_its_own_family_and_no_company_has_none() -> None:
    assert families(a=STANDARD) == [{"a"}]
    assert chart_families(Catalog.from_accounts(ACCOUNTS.empty_table())).shape == (0,)


NGRAMS = RetrievalSettings(encoder="", neighbors=3, latest=2, peers=4, peers_below=15)


def retriever_of(
    books: pa.Table, family: list[int], options: RetrievalSettings = NGRAMS, store: TextStore | None = None
) -> Retriever:
    """A retriever of the books, in which families are as given, by company number."""
    return Retriever.of(corpus_of(books, store=store, family=family), options)


def queries_of(books: pa.Table, retriever: Retriever) -> Queries:
    """The books as queries, in their order."""
    columns = entry_columns(books, retriever.corpus.catalog, retriever.corpus.store)
    return columns.queries(np.arange(len(columns)))


def named_neighbors(entries: pa.Table, retriever: Retriever) -> list[list[dict[str, Any]]]:
    """The neighbors of `entries`, each with entity and id in place of its row of the corpus."""
    corpus = retriever.corpus
    names = list(zip(corpus.entities.to_pylist(), corpus.ids.to_pylist(), strict=True))
    named = []
    for neighbors in find_neighbors(entries, retriever)["neighbors"].to_pylist():
        places = [names[neighbor.pop("row")] for neighbor in neighbors]
        named.append([{"entity": e, "entry_id": i, **n} for (e, i), n in zip(places, neighbors, strict=True)])
    return named


@pytest.fixture(scope="module")
def books(make_books: Callable[..., pa.Table]) -> pa.Table:
    return make_books(seed=11, entries=240, entities=4, days=25)


FAMILY = [0, 0, 1, 0]
"""Of the companies of `books`: number 2 is like no other."""


@pytest.fixture(scope="module")
def retriever(books: pa.Table) -> Retriever:
    return retriever_of(books, FAMILY)


def same(left: Hits, right: Hits) -> bool:
    return np.array_equal(left.row, right.row) and np.array_equal(left.similarity, right.similarity)


def by_source(neighbors: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    return {name: [n for n in neighbors if n["source"] == name] for name in SOURCES}


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    entries=st.integers(1, 60),
    days=st.integers(1, 8),
    family=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    block_rows=st.sampled_from([1, 5, 1000]),
    peers=st.sampled_from([0, 1, 4, 80]),
    below=st.sampled_from([0, 1, 6, 500]),
)
def test_a_peer_is_a_strictly_earlier_entry_of_another_company_of_the_family(
    make_books: Callable[..., pa.Table],
    seed: int,
    entries: int,
    days: int,
    family: list[int],
    block_rows: int,
    peers: int,
    below: int,
) -> None:
    books = make_books(seed, entries, entities=4, days=days)
    kin = {f"company {number}": own for number, own in enumerate(family)}
    numbers = np.unique(family, return_inverse=True)[1].tolist()
    options = replace(NGRAMS, peers=peers, peers_below=below, block_rows=block_rows)
    answers = named_neighbors(books, retriever_of(books, numbers, options))
    rows = books.to_pylist()
    by_id = {(row["entity"], row["entry_id"]): row for row in rows}
    for row, answer in zip(rows, answers, strict=True):
        found = by_source(answer)
        assert answer == [n for name in SOURCES for n in found[name]]
        earlier = [r for r in rows if r["date"] < row["date"]]
        own = sum(r["entity"] == row["entity"] for r in earlier)
        others = sum(r["entity"] != row["entity"] and kin[r["entity"]] == kin[row["entity"]] for r in earlier)
        assert len(found["peer"]) == (min(peers, others) if own < below else 0)
        for some in found.values():
            assert max(Counter((n["entity"], n["entry_id"]) for n in some).values(), default=1) == 1
        similarity = [n["similarity"] for n in found["peer"]]
        assert similarity == sorted(similarity, reverse=True)
        for neighbor in found["peer"]:
            other = by_id[neighbor["entity"], neighbor["entry_id"]]
            assert other["entity"] != row["entity"]
            assert kin[other["entity"]] == kin[row["entity"]]
            assert other["date"] < row["date"]
            assert neighbor["age_days"] == (row["date"] - other["date"]).days
        for neighbor in found["similar"] + found["latest"]:
            assert neighbor["entity"] == row["entity"]


def test_peers_take_no_place_from_an_entitys_own_neighbors(books: pa.Table, retriever: Retriever) -> None:
    table = find_neighbors(books, retriever)
    alone = find_neighbors(books, retriever_of(books, FAMILY, replace(NGRAMS, peers=0)))
    assert any(n["source"] == "peer" for row in table["neighbors"].to_pylist() for n in row)
    for row, without in zip(table["neighbors"].to_pylist(), alone["neighbors"].to_pylist(), strict=True):
        assert [n for n in row if n["source"] != "peer"] == without


@pytest.mark.parametrize("block_rows", [7, 1000])
def test_leaving_out_the_owners_rows_is_as_if_they_were_not_there(books: pa.Table, block_rows: int) -> None:
    options = replace(NGRAMS, peers_below=10_000, block_rows=block_rows)
    retriever = retriever_of(books, FAMILY, options)
    assert retriever.peers is not None
    collection, queries = retriever.peers.collection, queries_of(books, retriever)
    peer_queries = retriever.peers.queries(queries, np.zeros(len(queries)), options)
    hits = search(collection, peer_queries, options, 6)
    assert collection.owner is not None
    assert collection.currency is not None
    for owner in range(4):
        others = np.flatnonzero(collection.owner != owner)
        names = ("entity", "date", "text", "journal", "currency")
        rest = replace(collection, owner=None, **{name: getattr(collection, name)[others] for name in names})
        own = np.flatnonzero(queries.entity == owner)
        expected = search(rest, replace(peer_queries.take(own), owner=None), options, 6)
        found = hits.take(own)
        assert np.array_equal(found.row, np.where(expected.row >= 0, others[expected.row], -1))
        assert np.array_equal(found.similarity, expected.similarity)


def test_the_families_collection_is_the_books_in_another_order(retriever: Retriever) -> None:
    books, peers = retriever.same_entity, retriever.peers
    assert peers is not None
    assert sorted(peers.row.tolist()) == list(range(len(books)))
    for name in ("date", "text", "journal"):
        assert np.array_equal(getattr(peers.collection, name), getattr(books, name)[peers.row])
    assert np.array_equal(peers.collection.owner, books.entity[peers.row])
    assert np.array_equal(peers.collection.entity, peers.family[books.entity[peers.row]])
    rows = peers.rows(Hits(np.array([[3, -1]]), np.array([[0.5, -np.inf]], np.float32)))
    assert rows.row.tolist() == [[peers.row[3], -1]]


@settings(max_examples=25, deadline=None)
@given(data=st.data(), shards=st.integers(1, 5), block_rows=st.sampled_from([9, 40, 1000]))
def test_blocks_of_both_memories_may_be_shared_out_in_any_way(
    books: pa.Table, data: st.DataObject, shards: int, block_rows: int
) -> None:
    retriever = retriever_of(books, FAMILY, replace(NGRAMS, block_rows=block_rows))
    options, queries = retriever.settings, queries_of(books, retriever)
    draw = np.random.default_rng(data.draw(st.integers(0, 1000)))

    def shared_out(name: str, queries: Queries, k: int) -> Hits:
        collection = retriever.collections[name]
        blocks = plan_blocks(collection, options)
        homes = draw.integers(shards, size=len(blocks))
        limit = limits(collection, queries)
        answers = []
        for shard in draw.permutation(shards):
            own = [block for block, home in zip(blocks, homes, strict=True) if home == shard]
            parts = [build_block(block, collection, options).search(queries, limit, k) for block in own]
            answers.append(merge([*parts, Hits.none(len(queries), k)], k))
        return merge(answers, k)

    hits = retriever.hits(queries, shared_out)
    assert same(hits, retriever.hits(queries))
    assert same(hits, retriever.indexed().hits(queries))


@settings(max_examples=30, deadline=None)
@given(place=st.integers(0, 239), seed=st.integers(0, 1000))
def test_what_any_company_books_on_the_day_or_later_has_no_say(
    retriever: Retriever, books: pa.Table, place: int, seed: int
) -> None:
    draw = np.random.default_rng(seed)
    chosen = books.slice(place, 1)
    day = chosen["date"][0].as_py()
    changed = []
    for number, row in enumerate(books.to_pylist()):
        if number != place and row["date"] >= day:
            if draw.random() < 0.3:
                continue
            row["description"] = books["description"][int(draw.integers(len(books)))].as_py()
            row["journal"] = ["", "A", "B"][draw.integers(3)]
            row["date"] += timedelta(days=int(draw.integers(5)))
        changed.append(row)
    others = pa.Table.from_pylist(changed, schema=ENTRIES)
    after = retriever_of(others, FAMILY, store=retriever.corpus.store)
    assert named_neighbors(chosen, after) == named_neighbors(chosen, retriever)
    # And a change it was: nothing earlier is left out.
    assert pc.sum(pc.less(others["date"], day)).as_py() == pc.sum(pc.less(books["date"], day)).as_py()


def test_a_company_without_entries_learns_from_others_with_its_chart() -> None:
    catalog = Catalog.from_accounts(
        made_up.accounts_table(
            [*made_up.family_chart_rows(), *(made_up.account("new", c, n) for c, n in made_up.STANDARD.items())]
        )
    )
    booked = made_up.books(habits_of=made_up.FAMILY_HABITS, days=40)
    store = text_store(booked, None)
    corpus = Corpus.of(sort_entries(booked), catalog, store, idf(store.ngrams))
    queries = made_up.entries_table([made_up.entry("new", "1", 39, "office rent")])
    (answer,) = named_neighbors(queries, Retriever.of(corpus, NGRAMS))
    assert [n["source"] for n in answer] == ["peer"] * NGRAMS.peers
    assert {n["entity"] for n in answer} <= {"alder", "ash"}
    assert answer[0]["same_text"]
    alone = Retriever.of(replace(corpus, family=np.arange(len(catalog.entities))), NGRAMS)
    assert find_neighbors(queries, alone)["neighbors"].to_pylist() == [[]]


def test_a_company_that_is_not_known_has_no_neighbors_and_no_books_give_none(
    retriever: Retriever, books: pa.Table
) -> None:
    stranger = books.slice(0, 5).set_column(0, ENTRIES.field("entity"), pa.array(["stranger"] * 5))
    assert find_neighbors(stranger, retriever)["neighbors"].to_pylist() == [[]] * 5
    nothing = Catalog.from_accounts(ACCOUNTS.empty_table())
    known = retriever.corpus
    empty = Retriever.of(Corpus.of(ENTRIES.empty_table(), nothing, known.store, known.idf), NGRAMS)
    assert find_neighbors(books, empty)["neighbors"].to_pylist() == [[]] * len(books)


def test_columns_are_the_sources_one_after_the_other() -> None:
    options = RetrievalSettings(neighbors=5, latest=0, peers=3)
    assert source_widths(options) == {"similar": 5, "latest": 0, "peer": 3}
    assert source_starts(options) == {"similar": 0, "latest": 5, "peer": 5}
    assert list(source_widths(options)) == list(SOURCES)


def test_what_is_missing_of_each_source_stands_last_in_its_columns(
    books: pa.Table, retriever: Retriever
) -> None:
    hits = retriever.hits(queries_of(books, retriever))
    starts, widths = source_starts(NGRAMS), source_widths(NGRAMS)
    for name in SOURCES:
        there = hits.row[:, starts[name] : starts[name] + widths[name]] >= 0
        assert (there[:, :-1] | ~there[:, 1:]).all()
    assert np.array_equal(np.isneginf(hits.similarity), hits.row < 0)
    latest = hits.columns(starts["latest"] + np.arange(widths["latest"]))
    assert (latest.row >= 0).any()
    assert (latest.similarity[latest.row >= 0] == 0).all()


def test_without_repeats_a_row_stays_in_its_first_column_only() -> None:
    hits = Hits(
        np.array([[5, 3, 5, -1], [1, 2, 3, 4]]), np.array([[0.9, 0.8, 0, -np.inf], [4, 3, 2, 1]], np.float32)
    )
    once = hits.without_repeats()
    assert once.row.tolist() == [[5, 3, -1, -1], [1, 2, 3, 4]]
    assert np.array_equal(np.isneginf(once.similarity), once.row < 0)
