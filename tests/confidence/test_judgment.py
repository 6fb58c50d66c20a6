"""The judgment: what is fitted on outcomes, and what a report may know of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import fields, replace

import numpy as np
import pytest
from made_up_scores import made_up_scores

from jet.confidence.judgment import AMOUNT_FEATURES, RECORD, Judgment
from jet.confidence.outcomes import Asked, Outcomes
from jet.confidence.record import records_before
from jet.confidence.regimes import REGIMES
from jet.confidence.scores import confidence_features, distribution, weakest_line

ENTRIES = 120
"""The entries of the outcomes; each is asked in all regimes."""


def made_up_outcomes(newest=0.0, seed=0, **known):
    """Outcomes of three companies' entries, one a day, and how they were asked: in all regimes.

    The share `newest` of them is of the test split.
    """
    entries, regimes = ENTRIES, len(REGIMES)
    rows = entries * regimes
    scores, right = made_up_scores(rows, seed=seed, **known)
    draw = np.random.default_rng(seed + 1)
    date = np.repeat(np.arange(entries), regimes).astype(np.int32)
    regime = np.tile(np.arange(regimes), entries)
    in_test = date >= entries * (1 - newest)
    first = np.where(in_test, entries * (1 - newest), 0)
    amount_features = draw.normal(size=(rows, len(AMOUNT_FEATURES)))
    outcomes = Outcomes(
        scores=scores,
        right=right,
        amount_features=amount_features,
        amounts_guessed=draw.random(rows) < 0.7,
        amounts_right=amount_features[:, 0] + draw.normal(size=rows) > 0,
        text_known=draw.random(rows) < 0.7,
        nearest=draw.random(rows).astype(np.float32),
        held=draw.random(rows) < 0.1,
        history=draw.integers(1, 100, rows),
        gap=np.where(regime < 2, 1, date - first + 1).astype(np.int64),
        group=draw.integers(0, 40, rows),
    )
    asked = Asked(
        entity=np.array([f"company {day % 3}" for day in date.tolist()], dtype=object),
        entry=date.astype(np.int64),
        date=date,
        known_before=np.where(regime < 2, date, first).astype(np.int32),
        regime=regime,
        newest=in_test,
    )
    return outcomes, asked


@pytest.fixture(scope="module")
def of_two_splits():
    outcomes, asked = made_up_outcomes(newest=0.4)
    return outcomes, asked, Judgment.fit(outcomes, asked)


def test_the_rankers_answers_are_calibrated_in_every_regime():
    outcomes, asked = made_up_outcomes()
    judgment = Judgment.fit(outcomes, asked)
    scores, right = outcomes.scores, outcomes.right
    assert judgment.without_test is None
    chances = distribution(scores, "ranker")
    best = np.where(scores.exists, chances[:, :-1], -1).argmax(axis=1)
    bound = weakest_line(scores, chances, best)
    for regime in range(len(REGIMES)):
        calibration, of_regime = judgment.calibrations[regime], asked.regime == regime
        assert np.array_equal(calibration.rows.right, (best == right)[of_regime])
        assert np.array_equal(calibration.rows.most, bound[of_regime])
        assert (calibration.confidence <= bound[of_regime]).all()
        assert np.array_equal(calibration.rows.history, outcomes.history[of_regime])
        assert calibration.rows.entity[:4].tolist() == ["company 0", "company 1", "company 2", "company 0"]
        assert np.array_equal(calibration.rows.entry, asked.entry[of_regime])
        assert np.array_equal(
            calibration.rows.group, np.unique(outcomes.group, return_inverse=True)[1][of_regime]
        )


def test_the_decoders_confidence_is_its_own_probability_and_promises_nothing(of_two_splits):
    outcomes, _, judgment = of_two_splits
    assert judgment.of_method("ranker") is judgment
    of_decoder = judgment.of_method("decoder")
    chances = distribution(outcomes.scores, "decoder")
    features = confidence_features(outcomes.scores, chances, record=np.ones(len(chances)))
    for calibration in of_decoder.calibrations:
        expected = chances[:, :-1].max(axis=1).clip(1e-6, 1 - 1e-6)
        np.testing.assert_allclose(calibration(features), expected)
    assert {each.pooled for each in of_decoder.calibrations.thresholds(0.5)} == {None}
    assert of_decoder.for_report() is of_decoder
    assert (of_decoder.amounts, of_decoder.horizon) == (judgment.amounts, judgment.horizon)


def test_an_answer_where_nothing_was_right_is_never_called_right():
    outcomes, asked = made_up_outcomes(none=0.5)
    none = outcomes.right == outcomes.scores.exists.shape[1]
    for number, calibration in enumerate(Judgment.fit(outcomes, asked).calibrations):
        assert not calibration.rows.right[none[asked.regime == number]].any()


def test_amounts_are_calibrated_on_guesses_for_daily_answers_that_were_right():
    outcomes, asked = made_up_outcomes()
    judgment = Judgment.fit(outcomes, asked)
    best = distribution(outcomes.scores, "ranker")[:, :-1].argmax(axis=1)
    fitted = outcomes.amounts_guessed & (best == outcomes.right) & (asked.regime == 0)
    assert len(judgment.amounts.rows) == fitted.sum() > 20


# --- what a report may know -----------------------------------------------------------------------------------


def test_a_judgment_on_both_splits_brings_the_one_on_the_calibration_rows_alone(of_two_splits):
    outcomes, asked, judgment = of_two_splits
    older = np.flatnonzero(~asked.newest)
    alone = Judgment.fit(outcomes.take(older), asked.take(older))
    report = judgment.without_test
    assert judgment.for_report() is report
    assert alone.for_report() is alone
    for one, other, whole in zip(alone.calibrations, report.calibrations, judgment.calibrations, strict=True):
        assert np.array_equal(one.weights, other.weights)
        assert one.bias == other.bias
        assert not np.array_equal(whole.weights, other.weights)
    assert alone.as_dict() == report.as_dict()


def test_no_test_row_has_a_say_in_the_judgment_for_a_report(of_two_splits):
    outcomes, asked, judgment = of_two_splits
    test = asked.newest
    changed = replace(
        outcomes,
        right=np.where(test, 0, outcomes.right),
        history=np.where(test, 7, outcomes.history),
        gap=np.where(test, 999, outcomes.gap),
        nearest=np.where(test, 0, outcomes.nearest).astype(np.float32),
    )
    other = Judgment.fit(changed, asked)
    assert other.as_dict() != judgment.as_dict()
    assert other.for_report().as_dict() == judgment.for_report().as_dict()


def test_of_two_splits_the_confidence_of_each_is_fitted_on_the_other(of_two_splits):
    outcomes, asked, judgment = of_two_splits
    right = outcomes.right.copy()
    place = np.flatnonzero(~asked.newest & (asked.regime == 2))[:6]  # too few for a misfit
    right[place] = np.where(right[place] == 0, 5, 0)
    other = Judgment.fit(replace(outcomes, right=right), asked)
    before, after = judgment.calibrations[2], other.calibrations[2]
    newest = before.rows.newest
    assert np.array_equal(before.confidence[~newest], after.confidence[~newest])
    assert not np.array_equal(before.confidence[newest], after.confidence[newest])


# --- records --------------------------------------------------------------------------------------------------


def test_a_rows_record_counts_the_daily_answers_that_were_known_when_it_was_asked(of_two_splits):
    """A company's answers after the days that a row knows say nothing of its confidence."""
    outcomes, asked, _ = of_two_splits
    day = 80
    later = (asked.date >= day) & (asked.regime == 0)
    right = np.where(later, (outcomes.right + 1) % 6, outcomes.right)
    scores = outcomes.scores
    chances = distribution(scores, "ranker")
    best = np.where(scores.exists, chances[:, :-1], -1).argmax(axis=1)
    daily = asked.regime == 0

    def figures(right):
        surplus = (best == right)[daily] - 0.5
        return records_before(asked.entity[daily], asked.date[daily], surplus, asked.entity, asked.known_before)

    before, after = figures(outcomes.right), figures(right)
    early = asked.known_before <= day
    assert np.array_equal(before[early], after[early])
    assert not np.array_equal(before[~early], after[~early])


def test_the_record_is_a_feature_of_the_fitted_confidence():
    """One company is right less often than its confidence says, and its record is what tells it from others."""
    outcomes, asked = made_up_outcomes()
    draw = np.random.default_rng(9)
    bad = (asked.entity == "company 0") & (draw.random(len(asked.entity)) < 0.5)
    judgment = Judgment.fit(replace(outcomes, right=np.where(bad, 5, outcomes.right)), asked)
    records = judgment.records.figures(["company 0", "company 1", "company 2", "company 9"])
    assert records[0] < -0.1 < min(records[1:3])
    assert records[3] == 0
    assert judgment.calibrations[0].weights[RECORD] > 0
    features = confidence_features(outcomes.scores, distribution(outcomes.scores, "ranker"))
    confidence = {}
    for number in (0, 1):
        features[:, RECORD] = records[number]
        confidence[number] = judgment.calibrations[0](features)
    assert (confidence[0] < confidence[1]).all()


# --- as JSON --------------------------------------------------------------------------------------------------


def test_a_judgment_comes_back_from_json_as_it_was(of_two_splits):
    for judgment in (of_two_splits[2], of_two_splits[2].for_report(), Judgment.unfitted()):
        again = Judgment.from_dict(json.loads(json.dumps(judgment.as_dict())))
        assert again.as_dict() == judgment.as_dict()
        assert (again.horizon, again.records) == (judgment.horizon, judgment.records)
        assert (again.without_test is None) == (judgment.without_test is None)


def test_a_judgment_on_other_features_is_refused():
    content = Judgment.unfitted().as_dict()
    content["calibrations"][1]["features"] = ["log_odds"]
    with pytest.raises(ValueError, match="this jet has"):
        Judgment.from_dict(content)


def test_a_judgment_that_lacks_a_regime_is_refused():
    content = Judgment.unfitted().as_dict()
    del content["calibrations"][3]
    with pytest.raises(ValueError, match="isn't calibrated in each of the regimes rolling, rolling, no total"):
        Judgment.from_dict(content)


@pytest.mark.parametrize("part", ["reference", "horizon", "records", "without_test"])
def test_a_judgment_that_lacks_a_part_is_refused(part):
    content = Judgment.unfitted().as_dict()
    del content[part]
    with pytest.raises(ValueError, match="train again"):
        Judgment.from_dict(content)


# --- what drift is compared with ------------------------------------------------------------------------------


def test_new_answers_are_compared_with_the_calibrations_entries_that_were_asked_as_they_are(of_two_splits):
    outcomes, asked, judgment = of_two_splits
    compared = outcomes.scores.exists.any(axis=1) & (asked.regime == 0)
    statistics = judgment.drift_statistics()
    expected = Counter(
        zip(
            asked.entity[compared].tolist(),
            (~outcomes.text_known[compared]).tolist(),
            outcomes.nearest[compared].astype(float).round(4).round(3).tolist(),
            strict=True,
        )
    )
    columns = (statistics.entity, statistics.new_text.astype(bool), statistics.similarity)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    assert dict(zip(rows, statistics.count.tolist(), strict=True)) == expected


def test_taking_rows_takes_them_of_everything(of_two_splits):
    outcomes, asked, _ = of_two_splits
    rows = np.array([3, 1])
    taken = outcomes.take(rows)
    for each in fields(Outcomes):
        if each.name != "scores":
            assert np.array_equal(getattr(taken, each.name), getattr(outcomes, each.name)[rows])
    assert np.array_equal(taken.scores.none, outcomes.scores.none[rows])
    for each in fields(Asked):
        assert np.array_equal(getattr(asked.take(rows), each.name), getattr(asked, each.name)[rows])
