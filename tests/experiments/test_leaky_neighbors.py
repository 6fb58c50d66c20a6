"""Non-causal neighbors are those of the training rows and of nobody else; production's are never."""

from __future__ import annotations

from dataclasses import replace

import made_up
import numpy as np
import pytest

from jet.books.split import CALIBRATION, TEST, TRAIN
from jet.experiments.ablation.leaky_neighbors import noncausal_neighbors, undated_neighbors
from jet.experiments.ablation.trainings import RandomSplit
from jet.training.data import hits_of


@pytest.fixture(scope="module")
def leaky(data):
    return replace(data, hits=hits_of(noncausal_neighbors(data), data.entries, data.retrieval))


def ages(data, rows):
    """Days by which each neighbor of `rows` is older, and whether it is the entry itself."""
    hit = data.hits.row[rows]
    age = data.corpus.rows.date[rows][:, None] - data.corpus.rows.date[hit]
    return age[hit >= 0], (hit == rows[:, None])[hit >= 0]


def test_training_rows_have_themselves_and_later_entries_among_their_neighbors(leaky):
    rows = leaky.rows(TRAIN)
    age, itself = ages(leaky, rows)
    assert (age < 0).mean() > 0.1
    assert itself.sum() > 0.5 * len(rows)
    hit = leaky.hits.row[rows]
    assert (leaky.split[hit[hit >= 0]] != TRAIN).any(), "the ancestor's index had the validation rows"


@pytest.mark.parametrize("part", [CALIBRATION, TEST])
def test_calibration_and_test_rows_keep_what_they_had(data, leaky, part):
    rows = data.rows(part)
    assert np.array_equal(leaky.hits.row[rows], data.hits.row[rows])
    assert np.array_equal(leaky.hits.similarity[rows], data.hits.similarity[rows])
    age, itself = ages(leaky, rows)
    assert age.min() > 0
    assert not itself.any()


def test_neighbors_in_production_are_all_strictly_earlier(data):
    age, itself = ages(data, np.arange(len(data.corpus.rows)))
    assert age.min() > 0
    assert not itself.any()


def test_latest_entries_and_peers_stay_as_they_were(data, leaky):
    others = np.arange(data.retrieval.neighbors, data.hits.row.shape[1])
    assert np.array_equal(leaky.hits.row[:, others], data.hits.row[:, others])


def test_undated_neighbors_are_other_training_rows_of_the_same_entity_whatever_their_date(data):
    parts = RandomSplit(**vars(made_up.SPLIT)).parts(data.corpus.rows.entity, data.corpus.rows.date)
    table = undated_neighbors(replace(data, split=parts))
    hits = hits_of(table, data.entries, data.retrieval)
    similar = hits.row[:, : data.retrieval.neighbors]
    assert (similar >= 0).all(), "there are enough others"
    assert (parts[similar] == TRAIN).all()
    assert (similar != np.arange(len(similar))[:, None]).all()
    assert (data.corpus.rows.entity[similar] == data.corpus.rows.entity[:, None]).all()
    later = data.corpus.rows.date[similar] > data.corpus.rows.date[:, None]
    assert all(later[parts == part].mean() > 0.3 for part in (TRAIN, CALIBRATION, TEST))
    assert (np.diff(hits.similarity[:, : data.retrieval.neighbors], axis=1) <= 0).all(), "best first"
    others = np.arange(data.retrieval.neighbors, data.hits.row.shape[1])
    assert np.array_equal(hits.row[:, others], data.hits.row[:, others])


def test_the_first_undated_neighbor_is_the_most_similar_of_all_others(data):
    """By brute force, for entries whose text nobody else has the same similarity to."""
    everybody = replace(data, split=np.full_like(data.split, TRAIN))
    hits = hits_of(undated_neighbors(everybody), data.entries, data.retrieval)
    with_itself = hits_of(noncausal_neighbors(everybody), data.entries, data.retrieval)
    for row in range(len(data.corpus.rows)):
        expected = [other for other in with_itself.row[row, : data.retrieval.neighbors] if other != row]
        assert hits.row[row, : len(expected)].tolist() == expected
