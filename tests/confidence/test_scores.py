from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_scores import made_up_scores

from jet.confidence.scores import FEATURES, Scores, confidence_features, distribution
from jet.confidence.settings import METHODS


def right_share(probability, right):
    return (probability[:, :-1].argmax(axis=1) == right).mean()


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1000), method=st.sampled_from(METHODS))
def test_the_probabilities_of_the_candidates_and_of_none_sum_to_one(seed, method):
    scores, _ = made_up_scores(30, seed=seed)
    probability = distribution(scores, method)
    assert probability.shape == (30, 6)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-6)
    assert (probability >= 0).all()
    assert (probability[:, :-1][~scores.exists] == 0).all()


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_without_candidates_none_of_these_is_certain(method, asked):
    probability = distribution(replace(Scores.empty(3, 4), asked=np.full(3, asked)), method)
    assert probability.tolist() == [[0, 0, 0, 0, 1]] * 3


def test_the_ranker_decides_alone_where_the_decoder_was_not_asked_and_with_it_where_it_was():
    scores, _ = made_up_scores()
    other = replace(scores, decoded=np.where(scores.exists, scores.decoded[:, ::-1], -np.inf))
    before, after = distribution(scores, "ranker"), distribution(other, "ranker")
    assert np.array_equal(before[~scores.asked], after[~scores.asked])
    several = scores.asked & (scores.exists.sum(axis=1) > 1)
    assert (before[several] != after[several]).any(axis=1).all()


def test_alone_the_ranker_answers_with_its_own_probabilities():
    scores, _ = made_up_scores()
    alone = replace(scores, asked=np.zeros(len(scores.asked), dtype=bool))
    own = np.exp(np.concatenate([scores.ranked, scores.none[:, None]], axis=1))
    np.testing.assert_allclose(distribution(alone, "ranker"), own, rtol=1e-5)


def test_the_decoder_alone_does_not_depend_on_the_ranker():
    scores, _ = made_up_scores()
    shuffled = np.where(scores.exists, np.random.default_rng(0).permuted(scores.decoded, axis=0), -np.inf)
    other = replace(scores, ranked=shuffled, none=scores.none - 1, asked=~scores.asked)
    assert np.array_equal(distribution(scores, "decoder"), distribution(other, "decoder"))


def test_together_they_are_right_more_often_than_either_alone():
    scores, right = made_up_scores(2000, ranker=0.5, decoder=0.5)
    asked, alone = (replace(scores, asked=np.full(2000, each)) for each in (True, False))
    together = right_share(distribution(asked, "ranker"), right)
    assert together > right_share(distribution(alone, "ranker"), right) + 0.02
    assert together > right_share(distribution(asked, "decoder"), right) + 0.02


def test_features_are_of_the_likeliest_answer():
    scores, _ = made_up_scores(50)
    probability = distribution(scores, "ranker")
    found = dict(zip(FEATURES, confidence_features(scores, probability).T, strict=True))
    best = probability[:, :-1].argmax(axis=1)
    rows = np.arange(50)
    first = probability[rows, best]
    np.testing.assert_allclose(found["log_odds"], np.log(first / (1 - first)), rtol=1e-4)
    assert np.array_equal(found["support"], scores.support[rows, best])
    assert np.array_equal(found["text_share"], scores.text_share[rows, best])
    assert (found["margin"] >= 0).all()


def test_the_record_of_a_company_is_a_feature_as_it_is_given_and_else_nothing():
    scores, _ = made_up_scores(50)
    probability, record = distribution(scores, "ranker"), np.linspace(-1, 1, 50)
    place = FEATURES.index("record")
    assert np.array_equal(confidence_features(scores, probability, record=record)[:, place], record)
    assert not confidence_features(scores, probability)[:, place].any()


@pytest.mark.parametrize("method", METHODS)
def test_features_are_finite_even_without_candidates(method):
    for scores in (Scores.empty(2, 3), Scores.empty(2, 1), made_up_scores(30)[0]):
        assert np.isfinite(confidence_features(scores, distribution(scores, method))).all()


def test_taking_rows_takes_them_of_everything():
    scores, _ = made_up_scores(10)
    rows = np.array([3, 1])
    taken = scores.take(rows)
    for each in fields(Scores):
        assert np.array_equal(getattr(taken, each.name), getattr(scores, each.name)[rows])


def test_scores_of_fewer_candidates_are_put_in_their_rows_and_say_the_same_there():
    scores, _ = made_up_scores(3)
    whole = Scores.empty(4, 8)
    whole.put(np.array([2, 0]), scores)
    for method in METHODS:
        found = distribution(whole, method)
        np.testing.assert_allclose(found[[2, 0]][:, [0, 1, 2, 3, 4, 8]], distribution(scores, method)[:2])
        assert found[[1, 3], 8].tolist() == [1, 1]
