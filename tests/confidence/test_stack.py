from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.confidence.judgment import Judgment
from jet.confidence.outcomes import Outcomes
from jet.confidence.stack import (
    FEATURES,
    METHODS,
    Scores,
    Stack,
    confidence_features,
    cross_fitted,
    weakest_line,
)
from jet.ranking.candidates import PROPOSERS

DECODER = PROPOSERS.index("decoder")


def log_softmax(logits):
    return (
        logits
        - np.log(np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
        - (logits.max(axis=1, keepdims=True))
    )


def made_up_scores(rows=300, width=5, seed=0, ranker=1.0, decoder=1.0, none=0.1):
    """Scores of two parts that know the truth as well as they are said to, and the truth."""
    draw = np.random.default_rng(seed)
    exists = np.arange(width) < draw.integers(1, width + 1, rows)[:, None]
    right = np.where(draw.random(rows) < none, width, (draw.random(rows) * exists.sum(axis=1)).astype(int))
    true = np.arange(width + 1) == right[:, None]
    some = np.concatenate([exists, np.ones((rows, 1), bool)], axis=1)
    ranked, decoded = (
        log_softmax(np.where(some, known * 4.0 * true + draw.normal(size=true.shape), -1e9))
        for known in (ranker, decoder)
    )
    proposer = np.where(exists, draw.integers(0, len(PROPOSERS), exists.shape), -1)
    scores = Scores(
        exists=exists,
        proposer=proposer,
        ranked=np.where(exists, ranked[:, :-1], -np.inf).astype(np.float32),
        none=ranked[:, -1].astype(np.float32),
        decoded=np.where(exists, decoded[:, :-1], -2e8).astype(np.float32),
        support=np.where(exists, draw.random(exists.shape), 0).astype(np.float32),
        text_share=np.where(exists, draw.random(exists.shape), 0).astype(np.float32),
        similarity=draw.random(rows).astype(np.float32),
        same_text=draw.random(rows).astype(np.float32),
        guess=np.zeros(exists.shape, dtype=bool),
        lines=np.where(exists, np.uint64(1) << np.arange(width, dtype=np.uint64), np.uint64(0)),
    )
    return scores, right


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
    before, after = cross_fitted(scores, right), cross_fitted(scores, changed)
    same_fold = np.arange(100) % 5 == row % 5
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


@pytest.mark.parametrize("method", METHODS)
def test_features_are_finite_even_without_candidates(method):
    for scores in (Scores.empty(2, 3), Scores.empty(2, 1), made_up_scores(30)[0]):
        assert np.isfinite(confidence_features(scores, Stack()(scores, method))).all()


# --- the judgment ------------------------------------------------------------------------------------------


def fitted_judgment(rows=400, **known):
    scores, right = made_up_scores(rows, **known)
    draw = np.random.default_rng(1)
    guessed = draw.random(rows) < 0.7
    figures_of_amounts = draw.normal(size=(rows, 9))
    amounts_right = figures_of_amounts[:, 0] + draw.normal(size=rows) > 0
    entity = [f"company {number % 3}" for number in range(rows)]
    known, nearest = draw.random(rows) < 0.7, draw.random(rows).astype(np.float32)
    held, history = draw.random(rows) < 0.1, draw.integers(1, 100, rows)
    given = (figures_of_amounts, guessed, amounts_right, known, nearest, held, history)
    judgment = Judgment.fit(Outcomes(scores, right, *given), entity)
    return scores, right, guessed, judgment


def test_every_method_gets_a_calibration_of_its_own_answers():
    scores, right, _, judgment = fitted_judgment()
    for method in ("ranker", "decoder"):
        chances = judgment.stack(scores, method)
        calibration = judgment.calibrations[method]
        best = np.where(scores.exists, chances[:, :-1], -1).argmax(axis=1)
        assert np.array_equal(calibration.right, best == right)
        bounded = np.minimum(
            calibration(confidence_features(scores, chances)), weakest_line(scores, chances, best)
        )
        assert np.array_equal(calibration.confidence, bounded)
    assert len(judgment.calibrations["stacked"].right) == len(right)
    assert judgment.calibrations["stacked"].entity[:3] == ("company 0", "company 1", "company 2")


def test_an_answer_where_nothing_was_right_is_never_called_right():
    scores, right, _, judgment = fitted_judgment(none=0.5)
    for calibration in judgment.calibrations.values():
        assert not calibration.right[right == scores.exists.shape[1]].any()


def test_amounts_are_calibrated_on_guesses_for_answers_that_were_right():
    scores, right, guessed, judgment = fitted_judgment()
    best = judgment.stack(scores)[:, :-1].argmax(axis=1)
    assert len(judgment.amounts.right) == (guessed & (best == right)).sum()


def test_a_judgment_comes_back_from_a_dictionary_as_it_was():
    for judgment in (fitted_judgment(100)[-1], Judgment.unfitted()):
        again = Judgment.from_dict(judgment.as_dict())
        assert again.stack == judgment.stack
        assert again.as_dict() == judgment.as_dict()
        assert set(again.calibrations) == set(METHODS)


def test_a_judgment_on_other_figures_is_refused():
    content = Judgment.unfitted().as_dict()
    content["calibrations"]["ranker"]["features"] = ["log_odds"]
    with pytest.raises(ValueError, match="this jet has"):
        Judgment.from_dict(content)


def test_a_judgment_that_does_not_say_what_its_entries_looked_like_is_refused():
    content = Judgment.unfitted().as_dict()
    del content["reference"]
    with pytest.raises(ValueError, match="train again"):
        Judgment.from_dict(content)


def test_new_answers_are_compared_with_the_calibrations_answered_ones():
    scores, _, _, judgment = fitted_judgment()
    for method in METHODS:
        statistics = judgment.drift_statistics(method)
        assert len(statistics) == scores.exists.any(axis=1).sum() == judgment.reference.answered.sum()
        expected = judgment.calibrations[method].confidence[judgment.reference.answered]
        np.testing.assert_allclose(statistics.confidence, expected, atol=5e-5)
        assert (statistics.new_text == ~judgment.reference.text_known[judgment.reference.answered]).all()


def test_taking_rows_takes_them_of_everything():
    scores, _ = made_up_scores(10)
    rows = np.array([3, 1])
    taken = scores.take(rows)
    for each in fields(Scores):
        assert np.array_equal(getattr(taken, each.name), getattr(scores, each.name)[rows])
