"""Regimes of use: what is known when an entry is answered, and what that changes of its decision."""

from __future__ import annotations

import json

import made_up
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.split import CALIBRATION, TEST
from jet.confidence.regimes import NO_HISTORY, REGIMES, Horizon, regime_numbers
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings

QUICK = settings(deadline=None, max_examples=60)
SETTINGS = PredictSettings(promise=0.8, batch_size=16)
DAYS = 700
ANSWERS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from([*range(1, 30), NO_HISTORY]), st.integers(0, 3)),
    max_size=60,
)

# --- the horizon ----------------------------------------------------------------------------------------------


def horizon_of(answers):
    columns = [np.array([answer[place] for answer in answers]) for place in range(3)]
    return Horizon.of(columns[0].astype(object), columns[1].astype(np.int64), columns[2].astype(np.int64))


def test_the_regimes_are_numbered_by_batch_and_total():
    numbers = regime_numbers(np.array([False, False, True, True]), np.array([True, False, True, False]))
    assert [REGIMES[number] for number in numbers] == list(REGIMES)


@QUICK
@given(ANSWERS)
def test_the_horizon_has_the_usual_gap_of_daily_answers_and_the_longest_of_each_company(answers):
    found = horizon_of(answers)
    daily = [gap for _, gap, regime in answers if regime < 2 and gap != NO_HISTORY]
    longest = {}
    for name, gap, regime in answers:
        if regime >= 2 and gap != NO_HISTORY:
            longest[name] = max(gap, longest.get(name, 0))
    if not daily or not longest:
        assert found == Horizon()
        return
    assert found.rolling == np.quantile(daily, 0.95)
    assert dict(found.batch) == longest
    assert found.typical == np.median(list(longest.values()))
    of_each = found.longest(["a", "b", "new"])
    assert of_each.tolist() == [
        max(longest.get(name, found.typical), found.rolling) for name in ("a", "b", "new")
    ]
    assert found.is_batch(np.arange(40)).tolist() == [gap > found.rolling for gap in range(40)]


@QUICK
@given(ANSWERS)
def test_a_horizon_comes_back_from_json_as_it_was(answers):
    for horizon in (horizon_of(answers), Horizon()):
        assert Horizon.from_dict(json.loads(json.dumps(horizon.as_dict()))) == horizon


def test_before_a_calibration_no_gap_is_too_long():
    assert not Horizon().is_batch(np.array([1, 10_000, NO_HISTORY])).any()
    assert Horizon().longest(["a"]).tolist() == [np.inf]


# --- decisions in books of two companies ----------------------------------------------------------------------


def steady(entity, draw, every):
    """An entry every so many days, of four texts that are nearly always booked alike."""
    habits = [
        ("Rent", "D5010 C1930"),
        ("Papershop", "D6110 C1930"),
        ("Customer pays", "D1930 C3001"),
        ("Salaries", "D7010 C1930"),
    ]
    rows = []
    for day in range(0, DAYS, every):
        text, lines = habits[draw.integers(len(habits))]
        if draw.random() < 0.03:
            _, lines = habits[draw.integers(len(habits))]
        total = f"{draw.integers(1, 5) * 100}.00"
        rows.append(made_up.entry(entity, f"{entity}{day:03}", day, text, lines, total, "bank", "EUR"))
    return rows


@pytest.fixture(scope="module")
def data():
    draw = np.random.default_rng(1)
    codes = {**made_up.CHARTS["alder"], "6110": "paper"}
    chart = [
        made_up.account(entity, code, name) for entity in ("daily", "weekly") for code, name in codes.items()
    ]
    entries = [*steady("daily", draw, 1), *steady("weekly", draw, 5)]
    return made_up.training_data(made_up.entries_table(entries), made_up.accounts_table(chart))


@pytest.fixture(scope="module")
def bundle(data):
    return made_up.calibrated(data, made_up.assembled(data, made_up.fresh_network(data)))


def asked(
    bundle, gap, total="200.00", entity="daily", texts=("Rent", "Papershop", "Customer pays", "Salaries")
):
    """The predictions of entries that come `gap` days after the newest entry of daily."""
    entries = made_up.entries_table(
        [made_up.entry(entity, text, DAYS - 1 + gap, text, None, total, "bank", "EUR") for text in texts]
    )
    return Predictor.for_entries(bundle, SETTINGS, entries, None)(entries).to_pylist()


def said(rows, column):
    return {row[column] for row in rows}


def test_the_calibration_has_the_days_to_the_end_of_the_books_from_the_last_training_day(data, bundle):
    horizon, rows = bundle.judgment.horizon, data.corpus.rows
    assert horizon.rolling == 5
    name = data.corpus.catalog.entities
    for number in (0, 1):
        in_test = data.rows(TEST)[rows.entity[data.rows(TEST)] == number]
        calibrated = data.rows(CALIBRATION)[rows.entity[data.rows(CALIBRATION)] == number]
        newest_known = rows.date[calibrated.min() - 1]
        assert horizon.batch[name[number]] == rows.date[in_test.max()] - newest_known > 200


def test_an_entry_whose_gap_is_longer_than_usual_is_answered_as_one_of_a_batch(bundle):
    assert said(asked(bundle, 1), "regime") == said(asked(bundle, 5), "regime") == {"rolling"}
    assert said(asked(bundle, 6), "regime") == said(asked(bundle, 100), "regime") == {"batch"}


def test_an_entry_without_a_total_is_answered_in_the_regime_of_such(bundle):
    assert said(asked(bundle, 1, None), "regime") == {"rolling, no total"}
    assert said(asked(bundle, 30, None), "regime") == {"batch, no total"}


@pytest.mark.parametrize(("gap", "total"), [(1, "200.00"), (1, None), (30, "200.00"), (30, None)])
def test_in_every_regime_some_entries_of_steady_books_are_automatic(bundle, gap, total):
    assert "auto" in said(asked(bundle, gap, total), "decision")


def test_the_confidence_is_that_of_the_entrys_own_regime(bundle):
    for gap, total in ((1, "200.00"), (1, None), (30, "200.00"), (30, None)):
        entries = made_up.entries_table(
            [made_up.entry("daily", "n", DAYS - 1 + gap, "Rent", None, total, "bank", "EUR")]
        )
        predictor = Predictor.for_entries(bundle, SETTINGS, entries, None)
        answers, (row,) = predictor.answers(entries), predictor(entries).to_pylist()
        calibration = bundle.judgment.calibrations[REGIMES.index(row["regime"])]
        expected = min(calibration(answers.features)[0], answers.weakest_line[0])
        assert row["confidence"] == pytest.approx(expected, rel=1e-6)


def test_further_ahead_than_was_calibrated_everything_is_for_review_with_the_reason(bundle):
    longest = bundle.judgment.horizon.batch["daily"]
    assert "auto" in said(asked(bundle, longest), "decision")
    rows = asked(bundle, longest + 1)
    assert said(rows, "decision") == {"review"}
    assert said(rows, "held") == {True}
    wanted = (
        f"{longest + 1} days after the company's newest known entry, further ahead than was calibrated "
        f"({longest} days)"
    )
    assert all(wanted in row["reason"] for row in rows)


def test_the_regime_does_not_depend_on_what_is_answered_beside_an_entry(bundle):
    """Neither of its company nor of others: entries without lines are no known ones."""
    gaps = (1, 30, 400)
    entries = made_up.entries_table(
        [
            made_up.entry("daily", f"{gap}", DAYS - 1 + gap, "Rent", None, "200.00", "bank", "EUR")
            for gap in gaps
        ]
    )
    together = Predictor.for_entries(bundle, SETTINGS, entries, None)(entries)
    for place, gap in enumerate(gaps):
        (alone,) = asked(bundle, gap, texts=("Rent",))
        row = together.to_pylist()[place]
        assert {**row, "entry_id": ""} == {**alone, "entry_id": ""}


def test_entries_that_are_not_known_yet_make_an_entry_one_of_a_batch(data, bundle):
    rows = data.rows(TEST)
    rows = rows[data.corpus.rows.entity[rows] == 0]
    booked = data.entries.take(rows)
    predictor = Predictor(bundle, SETTINGS)
    daily = predictor(booked)
    first = data.corpus.rows.date[rows].min()
    batch = predictor(booked, np.full(len(rows), first, dtype=np.int32))
    assert set(daily["regime"].to_pylist()) == {"rolling"}
    ahead = data.corpus.rows.date[rows] - first + 1
    expected = ["batch" if days > 5 else "rolling" for days in ahead.tolist()]
    assert batch["regime"].to_pylist() == expected
    assert set(batch["history"].to_pylist()) == {int(rows.min())}
