from __future__ import annotations

import pickle
from dataclasses import replace

import made_up
import numpy as np
import pytest
from safetensors.numpy import load, save

from jet.books.split import TRAIN
from jet.ranking.examples import Examples, newest
from jet.ranking.ranker import Ranker
from jet.ranking.settings import RankerSettings
from jet.ranking.statistics import Statistics

SETTINGS = RankerSettings(prior="", hidden=16, nets=2, epochs=12, batch_size=64)
NAMES = ("one", "other", "noise")


def planted(entries=600, width=6, seed=0, none=0.0):
    """Candidates of which the one with the largest sum of two features is right; some entries have none."""
    draw = np.random.default_rng(seed)
    features = draw.normal(size=(entries, width, len(NAMES))).astype(np.float32)
    exists = np.arange(width) < draw.integers(2, width + 1, entries)[:, None]
    features[~exists] = 0
    worth = np.where(exists, features[:, :, 0] + features[:, :, 1], -np.inf)
    right = np.where(draw.random(entries) < none, width, worth.argmax(axis=1))
    return features, exists, right


def fit(features, exists, right, seed=0, names=NAMES, **changes):
    entity = np.arange(len(right)) % 3
    return Ranker.fit(names, features, exists, right, entity, replace(SETTINGS, **changes), seed)


def named(features, names=NAMES):
    return {name: features[:, :, place] for place, name in enumerate(names)}


@pytest.fixture(scope="module")
def ranker():
    return fit(*planted())


def test_it_learns_a_rule_that_no_single_feature_tells(ranker):
    features, exists, right = planted(seed=1)
    log_probs, _ = ranker(named(features), exists)
    singly = [
        (np.where(exists, features[:, :, place], -np.inf).argmax(axis=1) == right).mean() for place in range(3)
    ]
    assert (log_probs.argmax(axis=1) == right).mean() > max(singly) + 0.1
    assert (log_probs.argmax(axis=1) == right).mean() > 0.85


def test_the_probabilities_of_the_candidates_and_of_none_sum_to_one(ranker):
    features, exists, _ = planted(seed=2)
    log_probs, none = ranker(named(features), exists)
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=1) + np.exp(none), 1, rtol=1e-5)
    assert (np.exp(log_probs[~exists]) == 0).all()


def test_none_of_these_wins_where_nothing_is_ever_right():
    features, exists, right = planted(none=1.0)
    log_probs, none = fit(features, exists, right, epochs=4)(named(features), exists)
    assert (none > log_probs.max(axis=1)).mean() > 0.99


def test_the_order_of_the_candidates_does_not_matter(ranker):
    features, exists, _ = planted(60, seed=3)
    order = np.random.default_rng(0).permutation(features.shape[1])
    log_probs, none = ranker(named(features), exists)
    shuffled, other_none = ranker(named(features[:, order]), exists[:, order])
    np.testing.assert_allclose(shuffled[exists[:, order]], log_probs[:, order][exists[:, order]], atol=1e-5)
    np.testing.assert_allclose(other_none, none, atol=1e-5)


def test_places_without_a_candidate_change_nothing(ranker):
    features, exists, _ = planted(60, seed=4)
    wider = np.pad(features, ((0, 0), (0, 4), (0, 0)), constant_values=7.0)
    log_probs, none = ranker(named(features), exists)
    padded, other_none = ranker(named(wider), np.pad(exists, ((0, 0), (0, 4))))
    np.testing.assert_allclose(padded[:, :6][exists], log_probs[exists], atol=1e-5)
    np.testing.assert_allclose(other_none, none, atol=1e-5)


def test_the_same_seed_makes_the_same_weights_and_another_one_others():
    rows = planted(100)
    one, same, other = (fit(*rows, seed=seed, epochs=1) for seed in (0, 0, 1))
    assert one.weights.keys() == same.weights.keys()
    assert all(np.array_equal(one.weights[name], same.weights[name]) for name in one.weights)
    assert not all(np.array_equal(one.weights[name], other.weights[name]) for name in one.weights)


def test_training_leaves_the_random_numbers_of_others_alone():
    import torch

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    fit(*planted(50), epochs=1)
    assert torch.equal(torch.rand(3), expected)


def test_a_feature_that_never_varied_says_nothing_later():
    features, exists, right = planted(100)
    features[:, :, 2] = 3.0
    ranker = fit(features, exists, right, epochs=1)
    before = ranker(named(features), exists)[0]
    features[:, :, 2] = 1000.0
    assert np.array_equal(ranker(named(features), exists)[0], before)


@pytest.mark.parametrize("names", [("one", "other"), ("other", "one", "noise"), ("one", "other", "third")])
def test_other_features_are_refused(ranker, names):
    features, exists, _ = planted(5)
    with pytest.raises(ValueError, match="trained on other features than this jet computes: train again"):
        ranker(named(features[:, :, : len(names)], names), exists)


def test_it_says_the_same_after_a_pickle_and_after_a_file(ranker):
    features, exists, _ = planted(50, seed=5)
    before = ranker(named(features), exists)
    loaded = Ranker(ranker.names, load(save(dict(ranker.weights))), ranker.settings)
    for again in (pickle.loads(pickle.dumps(ranker)), loaded):
        assert all(
            np.array_equal(one, other)
            for one, other in zip(before, again(named(features), exists), strict=True)
        )
    assert "_nets" not in ranker.__getstate__()


# --- what it learns from -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def examples(data):
    statistics = Statistics.of(data.corpus, data.retrieval, made_up.MAX_LINES)
    rows = data.learnable(TRAIN)
    return statistics, rows, Examples.of(statistics, rows, data.hits.take(rows), made_up.RANKER)


def test_an_example_says_the_place_of_the_true_set_or_that_it_is_not_there(data, examples):
    statistics, rows, made = examples
    width = made_up.RANKER.candidates
    assert made.features.shape == (len(rows), width, len(made.names))
    assert (made.target <= width).all()
    assert made.exists[made.target < width, made.target[made.target < width]].all()
    assert 0.5 < (made.target < width).mean() < 1
    assert np.array_equal(made.entity, data.corpus.rows.entity[rows])
    assert np.isfinite(made.features).all()
    assert (made.features[~made.exists] == 0).all()
    assert statistics.corpus.rows is data.corpus.rows


def test_examples_made_in_pieces_are_the_same_joined(data, examples):
    statistics, rows, made = examples
    pieces = [
        Examples.of(statistics, some, data.hits.take(some), made_up.RANKER) for some in (rows[:30], rows[30:])
    ]
    joined = Examples.joined(pieces)
    assert joined.names == made.names
    for name in ("exists", "target", "entity"):
        assert np.array_equal(getattr(joined, name), getattr(made, name))
    np.testing.assert_allclose(joined.features, made.features, rtol=1e-6, atol=1e-6)


def test_the_newest_rows_of_every_company_are_kept_in_fair_shares():
    entity = np.repeat([0, 1, 2], [10, 2, 5])
    rows = np.arange(len(entity))
    assert newest(rows, entity, 17).tolist() == rows.tolist()
    kept = newest(rows, entity, 9)
    assert kept.tolist() == [7, 8, 9, 10, 11, 14, 15, 16]
    assert len(newest(rows, entity, 3)) == 3
    for count in range(1, 18):
        assert len(newest(rows, entity, count)) <= count


def test_the_newest_of_some_rows_are_among_them():
    entity = np.repeat([0, 1], [6, 6])
    rows = np.array([0, 2, 4, 7, 8, 9, 11])
    assert newest(rows, entity, 4).tolist() == [2, 4, 9, 11]
