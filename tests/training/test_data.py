"""What a training reads: the split by date, what is learnable, and neighbors as row numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import made_up
import numpy as np
import pyarrow as pa
import pytest

from jet.books.catalog import Catalog
from jet.books.schema import NEIGHBORS
from jet.books.sorting import sort_entries
from jet.books.split import TRAIN
from jet.retrieval.corpus import Corpus
from jet.retrieval.neighbors import find_neighbors
from jet.retrieval.retriever import Retriever
from jet.training.data import TrainingData, booked_hits, hits_of


def neighbors_of(data, retrieval=made_up.RETRIEVAL):
    return find_neighbors(data.entries, Retriever.of(data.corpus, retrieval))


def built(data, entries, accounts, neighbors):
    booked, hits = booked_hits([(entries, neighbors)], made_up.RETRIEVAL)
    corpus = Corpus.of(booked, Catalog.from_accounts(accounts), data.corpus.store, data.corpus.idf)
    return TrainingData.build(booked, corpus, hits, made_up.SPLIT, made_up.MODEL, made_up.RETRIEVAL)


@pytest.fixture(scope="module")
def family():
    return made_up.family_data()


def test_the_token_order_is_given_by_training_rows_alone(data):
    booked = Counter()
    names = data.corpus.catalog.accounts.to_pylist()
    for row in data.entries.take(data.rows(TRAIN)).to_pylist():
        for line in row["lines"]:
            booked[row["entity"], line["account"], line["side"]] += 1
    for place, account in enumerate(names):
        for side in (0, 1):
            assert (
                data.corpus.catalog.booked[place, side]
                == booked[account["entity"], account["code"], "DC"[side]]
            )
    assert data.corpus.catalog.booked.sum() == sum(booked.values())
    # Opened after the training, it is booked later and has no say.
    assert booked["alder", "6111", "D"] == 0
    assert any(line["account"] == "6111" for row in data.entries.to_pylist() for line in row["lines"])


def test_entries_to_predict_are_left_out(data, small_accounts):
    extra = made_up.entries_table([made_up.entry("birch", "to predict", 100, "rent")])
    entries = pa.concat_tables([data.entries, extra])
    neighbors = find_neighbors(sort_entries(entries), Retriever.of(data.corpus, data.retrieval))
    both = built(data, entries, small_accounts, neighbors)
    assert "to predict" not in both.entries["entry_id"].to_pylist()
    assert len(both.corpus.rows) == len(data.corpus.rows)


def test_the_order_of_the_rows_does_not_matter(data, small_accounts):
    shuffled = np.random.default_rng(3).permutation(len(data.entries))
    other = built(data, data.entries.take(shuffled), small_accounts, neighbors_of(data))
    assert other.entries.equals(data.entries)
    assert np.array_equal(other.hits.row, data.hits.row)
    assert np.array_equal(other.split, data.split)


def test_entries_on_a_closed_account_or_too_long_are_not_learned():
    rows = [
        made_up.entry("alder", "open", 10, "paper shop", "D6110 C1930"),
        made_up.entry("alder", "closed", 70, "paper shop", "D6110 C1930"),
        made_up.entry("alder", "not open yet", 80, "paper", "D6111 C1930"),
        made_up.entry("alder", "too long", 90, "salaries", "D7010 D7010 D7010 D7010 D7010 C1930 C2611"),
        made_up.entry("alder", "as long as can be", 95, "salaries", "D7010 D7010 D7010 D7010 C1930 C2611"),
    ]
    data = made_up.training_data(
        made_up.entries_table(rows),
        made_up.accounts_table(made_up.chart_rows()),
        split=made_up.SplitSettings(train=1.0, calibration=0.0),
    )
    ids = data.entries["entry_id"].to_pylist()
    assert [ids[row] for row in data.learnable(TRAIN)] == ["open", "as long as can be"]


def test_neighbors_become_row_numbers_of_strictly_earlier_entries(family):
    keys = [(row["entity"], row["entry_id"]) for row in family.entries.to_pylist()]
    expected = {
        (row["entity"], row["entry_id"]): [keys[n["row"]] for n in row["neighbors"]]
        for row in neighbors_of(family).to_pylist()
    }
    dates = family.corpus.rows.date
    for row, hits in enumerate(family.hits.row):
        hits = hits[hits >= 0]
        assert [keys[r] for r in hits] == expected[keys[row]]
        assert (dates[hits] < dates[row]).all()


@pytest.mark.parametrize(
    ("neighbors", "latest", "peers"), [(5, 2, 2), (1, 4, 3), (3, 4, 0), (2, 0, 1), (200, 3, 200)]
)
def test_a_neighbor_comes_back_from_the_table_to_the_column_that_it_had(family, neighbors, latest, peers):
    retrieval = replace(made_up.RETRIEVAL, neighbors=neighbors, latest=latest, peers=peers)
    again = replace(family, retrieval=retrieval)
    hits = made_up.hits_for(again, np.arange(len(family.corpus.rows)))
    back = hits_of(neighbors_of(family, retrieval), family.entries, retrieval)
    assert back.row.shape == (len(family.entries), neighbors + latest + peers)
    assert np.array_equal(back.row, hits.row)
    assert np.array_equal(back.similarity, hits.similarity)
    same_entity = family.corpus.rows.entity[back.row] == family.corpus.rows.entity[:, None]
    is_hit = back.row >= 0
    assert (same_entity | ~is_hit)[:, : neighbors + latest].all()
    assert not (same_entity & is_hit)[:, neighbors + latest :].any()
    assert is_hit[:, neighbors + latest :].any() == (peers > 0)
    assert is_hit[:, neighbors : neighbors + latest].any() == (latest > 0)


def test_neighbors_made_with_other_settings_are_an_error(family):
    neighbors = neighbors_of(family)
    for name in ("neighbors", "latest", "peers"):
        fewer = replace(made_up.RETRIEVAL, **{name: 1})
        with pytest.raises(ValueError, match=r"more neighbors .*made with these settings"):
            hits_of(neighbors, family.entries, fewer)


def test_peers_reach_the_network_as_lines_of_the_entrys_own_chart(family):
    # The last columns are the peers'. Ash has no 6110, and alder no 1940: such neighbors are left out.
    names = family.corpus.catalog.entities
    rows = family.learnable(TRAIN)
    (batch,) = family.step(rows).batches
    peers = batch.neighbor_row[:, -made_up.MODEL.peers :].numpy()
    hits = family.hits.row[rows][:, -made_up.MODEL.peers :]
    entity, company = family.corpus.rows.entity[rows][:, None], family.corpus.rows.entity[peers]
    is_hit = peers >= 0
    assert (peers == hits)[is_hit].all()
    assert (company != entity)[is_hit].all()
    for one, other in (("alder", "ash"), ("ash", "alder")):
        of_one = is_hit & (entity == names.index(one))
        assert of_one.any()
        assert (company[of_one] == names.index(other)).all()
    left_out = (hits >= 0) & ~is_hit
    assert left_out.any()
    codes = family.corpus.catalog.accounts["code"].to_pylist()
    for row in np.unique(hits[left_out]):
        booked = (
            family.corpus.rows.tokens[family.corpus.rows.offsets[row] : family.corpus.rows.offsets[row + 1]]
            // 2
        )
        assert {"1940", "6110"} & {codes[account] for account in booked}


def test_the_same_id_in_two_companies_is_two_entries():
    rows = [
        made_up.entry(entity, "1", 0, "rent", lines)
        for entity, lines in (("alder", "D5010 C1930"), ("birch", "D30 C10"))
    ]
    rows += [
        made_up.entry(entity, "2", 1, "rent", lines)
        for entity, lines in (("alder", "D5010 C1930"), ("birch", "D30 C10"))
    ]
    data = made_up.training_data(made_up.entries_table(rows), made_up.accounts_table(made_up.chart_rows()))
    assert [(r["entity"], r["entry_id"]) for r in data.entries.to_pylist()] == [
        ("alder", "1"), ("alder", "2"), ("birch", "1"), ("birch", "2"),
    ]  # fmt: skip
    assert data.hits.row[:, 0].tolist() == [-1, 0, -1, 2]


def test_neighbors_of_other_entries_or_in_another_order_are_an_error_with_the_way_out(data):
    neighbors, size = neighbors_of(data), len(data.entries)
    others = [
        neighbors.slice(1),
        neighbors.take(pa.array([1, 0, *range(2, size)])),
        neighbors.set_column(1, NEIGHBORS.field(1), pa.array([f"other {row}" for row in range(size)])),
    ]
    for other in others:
        with pytest.raises(ValueError, match=r"are not those of these .* entries .* `jet neighbors`"):
            hits_of(other, data.entries, made_up.RETRIEVAL)
    for row in (-1, size):
        rows = neighbors.to_pylist()
        next(each for each in rows if each["neighbors"])["neighbors"][0]["row"] = row
        with pytest.raises(ValueError, match=f"a neighbor is row {row} of {size} booked entries"):
            hits_of(pa.Table.from_pylist(rows, schema=NEIGHBORS), data.entries, made_up.RETRIEVAL)


def test_entries_without_lines_move_no_neighbor_of_the_others(data):
    """They are queries in the table, and no rows that neighbors count in."""
    entries = data.entries.to_pylist()
    unbooked = [{**row, "entry_id": row["entry_id"] + "~", "lines": None} for row in entries[::7]]
    together = sort_entries(pa.Table.from_pylist(entries + unbooked, schema=data.entries.schema))
    neighbors = find_neighbors(together, Retriever.of(data.corpus, data.retrieval))
    hits = hits_of(neighbors, together.combine_chunks(), data.retrieval)
    assert np.array_equal(hits.row, data.hits.row)
    assert np.array_equal(hits.similarity, data.hits.similarity)


def test_the_batches_of_a_step_hold_entries_of_similar_length(data):
    batches = data.step(np.arange(len(data.corpus.rows))).batches
    assert sum(len(batch.text) for batch in batches) == len(data.corpus.rows)
    for batch in batches:
        width = batch.target.shape[1]
        lengths = (batch.target >= 0).sum(1)
        assert (lengths <= max(width, 8)).all()
        assert int(lengths.max()) == width  # no padding beyond the longest
        charts = (batch.chart >= 0).sum(1)
        assert int(charts.max()) <= max(4 * int(charts.min()), 64)


def test_the_accounts_texts_are_in_the_store(data):
    assert (data.corpus.account_text >= 0).all()
    assert isinstance(data.corpus.catalog, Catalog)
    assert len(data.corpus.account_text) == len(data.corpus.catalog)


def test_neighbors_found_by_bucket_are_those_that_are_found_together(family):
    """The two of one family in a bucket, the third in another, and the entries of each in any order."""
    retrieval, entries = family.retrieval, family.entries
    corpus = family.corpus.with_families()
    names = sorted(set(entries["entity"].to_pylist()))
    of = dict(zip(names, corpus.family[corpus.catalog.entity_numbers(pa.array(names))], strict=True))
    parts = []
    for number in sorted(set(of.values()), reverse=True):
        own = pa.array([of[name] == number for name in entries["entity"].to_pylist()])
        some = corpus.take(np.flatnonzero(own.to_numpy(zero_copy_only=False)))
        table = entries.filter(own)
        parts.append(
            (table.take(np.arange(len(table))[::-1]), find_neighbors(table, Retriever.of(some, retrieval)))
        )
    assert len(parts) == 2
    booked, hits = booked_hits(parts, retrieval)
    assert booked.equals(entries.combine_chunks())
    assert np.array_equal(hits.row, family.hits.row)
    assert np.array_equal(hits.similarity, family.hits.similarity)
