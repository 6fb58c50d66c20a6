from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_scores import DECODER, made_up_scores

from jet.confidence.stack import (
    FEATURES,
    METHODS,
    Scores,
    Stack,
    confidence_features,
    cross_fitted,
)


def right_share(probability, right):
    return (probability[:, :-1].argmax(axis=1) == right).mean()


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 1000),
    stack=st.builds(Stack, *[st.floats(0, 3)] * 3, st.floats(-3, 3)),
    method=st.sampled_from(METHODS),
)
def test_the_probabilities_of_the_candidates_and_of_none_sum_to_one(seed, stack, method):
    scores, _ = made_up_scores(30, seed=seed)
    probability = stack(scores, method)
    assert probability.shape == (30, 6)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-6)
    assert (probability >= 0).all()
    assert (probability[:, :-1][~scores.exists] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_without_candidates_none_of_these_is_certain(method):
    probability = Stack()(Scores.empty(3, 4), method)
    assert probability.tolist() == [[0, 0, 0, 0, 1]] * 3


def test_the_ranker_alone_never_takes_what_only_the_decoder_found():
    scores, _ = made_up_scores()
    probability = Stack()(scores, "ranker")
    assert (probability[:, :-1][scores.proposer == DECODER] == 0).all()
    assert (scores.proposer[scores.exists] == DECODER).any()


def test_each_part_alone_does_not_depend_on_the_other():
    scores, _ = made_up_scores()
    shuffled = np.where(scores.exists, np.random.default_rng(0).permuted(scores.decoded, axis=0), -np.inf)
    assert np.array_equal(Stack()(scores, "ranker"), Stack()(replace(scores, decoded=shuffled), "ranker"))
    assert np.array_equal(
        Stack()(scores, "decoder"), Stack()(replace(scores, ranked=shuffled, none=scores.none - 1), "decoder")
    )


def test_the_fit_prefers_the_part_that_is_right():
    ranker_knows = Stack.fit(*made_up_scores(ranker=1.0, decoder=0.0))
    decoder_knows = Stack.fit(*made_up_scores(ranker=0.0, decoder=1.0))
    assert ranker_knows.ranker > 3 * ranker_knows.decoder
    assert decoder_knows.decoder > 3 * decoder_knows.ranker


def test_together_they_are_right_more_often_than_either_alone():
    scores, right = made_up_scores(2000, ranker=0.5, decoder=0.5)
    stack = Stack.fit(*made_up_scores(2000, seed=1, ranker=0.5, decoder=0.5))
    together = right_share(stack(scores), right)
    for method in ("ranker", "decoder"):
        assert together > right_share(stack(scores, method), right) + 0.02


def test_with_few_rows_the_start_stands():
    scores, right = made_up_scores(19)
    assert Stack.fit(scores, right) == Stack()


@settings(deadline=None, max_examples=6)
@given(row=st.integers(0, 99), place=st.integers(0, 5))
def test_no_row_is_judged_by_a_stack_that_saw_its_truth(row, place):
    scores, right = made_up_scores(100)
    changed = right.copy()
    changed[row] = place if scores.exists[row, min(place, 4)] else 5
    fold = np.arange(100) % 5
    before, after = cross_fitted(scores, right, fold), cross_fitted(scores, changed, fold)
    same_fold = fold == row % 5
    assert np.array_equal(before[same_fold], after[same_fold])
    if changed[row] != right[row]:
        assert not np.array_equal(before[~same_fold], after[~same_fold])


def test_features_are_of_the_likeliest_answer():
    scores, _ = made_up_scores(50)
    probability = Stack()(scores)
    found = dict(zip(FEATURES, confidence_features(scores, probability).T, strict=True))
    best = probability[:, :-1].argmax(axis=1)
    rows = np.arange(50)
    first = probability[rows, best]
    np.testing.assert_allclose(found["log_odds"], np.log(first / (1 - first)), rtol=1e-4)
    assert np.array_equal(found["support"], scores.support[rows, best])
    assert np.array_equal(found["text_share"], scores.text_share[rows, best])
    assert set(found["agreed"].tolist()) == {0.0, 1.0}
    assert (found["margin"] >= 0).all()


def test_the_record_of_a_company_is_a_feature_as_it_is_given_and_else_nothing():
    scores, _ = made_up_scores(50)
    probability, record = Stack()(scores), np.linspace(-1, 1, 50)
    place = FEATURES.index("record")
    assert np.array_equal(confidence_features(scores, probability, record=record)[:, place], record)
    assert not confidence_features(scores, probability)[:, place].any()


@pytest.mark.parametrize("method", METHODS)
def test_features_are_finite_even_without_candidates(method):
    for scores in (Scores.empty(2, 3), Scores.empty(2, 1), made_up_scores(30)[0]):
        assert np.isfinite(confidence_features(scores, Stack()(scores, method))).all()


def test_taking_rows_takes_them_of_everything():
    scores, _ = made_up_scores(10)
    rows = np.array([3, 1])
    taken = scores.take(rows)
    for each in fields(Scores):
        assert np.array_equal(getattr(taken, each.name), getattr(scores, each.name)[rows])
