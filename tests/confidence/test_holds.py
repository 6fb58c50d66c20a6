"""What keeps an answer from `auto`: no confidence without evidence."""

from __future__ import annotations

from dataclasses import replace

import made_up
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_calibrations import thresholds_of

from jet.confidence.calibration import Calibration, CalibrationRows
from jet.confidence.holds import auto_thresholds
from jet.confidence.regimes import REGIMES
from jet.confidence.threshold import LEAST_ROWS, least_history
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings

SETTINGS = PredictSettings(batch_size=4, promise=0.6)
CHART = {
    "0650": "Furniture",
    "1800": "Bank",
    "4400": "Customers",
    "5010": "Rent",
    "6815": "Office supplies",
    "8000": "Sales",
}


def steady(entity="Steady", days=300):
    """Rent, paper, and sales: always alike, and the shop Both paid 6 times and paying back twice."""
    rows = []
    for day in range(0, days, 2):
        kind = day // 2 % 4
        text, lines = [
            ("Rent", "D5010 C1800"),
            ("Papershop", "D6815 C1800"),
            (f"Kunde zahlt {day}", "D1800 C8000"),
            ("Sale of goods", "D1800 C8000"),
        ][kind]
        rows.append(made_up.entry(entity, f"{day:03}", day, text, lines, "30.00", "bank", "EUR"))
    for number, lines in enumerate(["D6815 C1800"] * 6 + ["D1800 C6815"] * 2):
        rows.append(made_up.entry(entity, f"b{number}", 100 + number, "Both", lines, "30.00", "bank", "EUR"))
    return rows


SINGLE = [made_up.entry("Single", "1", 125, "Office chair", "D0650 C1800", "30.00", "bank", "EUR")]


@pytest.fixture(scope="module")
def bundle():
    chart = [
        made_up.account(entity, code, name)
        for entity in ("Single", "Steady", "Unbooked")
        for code, name in CHART.items()
    ]
    data = made_up.training_data(made_up.entries_table(steady() + SINGLE), made_up.accounts_table(chart))
    return made_up.calibrated(data, made_up.assembled(data, made_up.fresh_network(data)))


def prediction_of(bundle, entity, day, text, **changes):
    entries = made_up.entries_table(
        [made_up.entry(entity, "new", day, text, None, "30.00", "bank", "EUR") | changes]
    )
    return Predictor.for_entries(bundle, SETTINGS, entries, None)(entries).to_pylist()[0]


def test_what_was_always_booked_alike_is_automatic(bundle):
    row = prediction_of(bundle, "Steady", 310, "Rent")
    assert row["decision"] == "auto"
    assert not row["held"]
    assert row["history"] == 158


@pytest.mark.parametrize("day", [-400, -1, 0])
def test_an_entry_that_is_not_later_than_the_companys_first_is_for_people(bundle, day):
    row = prediction_of(bundle, "Steady", day, "Kunde zahlt 500")
    assert row["decision"] == "review"
    assert row["history"] == 0
    assert "the company has no entries before this day" in row["reason"]


@pytest.mark.parametrize(
    ("day", "text"), [(126, "Taxi to airport"), (491, "Customer pays invoice 5"), (200, "Office chair")]
)
def test_a_company_with_one_entry_is_for_people_however_sure_the_answer(bundle, day, text):
    row = prediction_of(bundle, "Single", day, text)
    assert row["decision"] == "review"
    regime = REGIMES.index(row["regime"])
    least = bundle.judgment.calibrations.thresholds(0.6)[regime].least_history
    assert least > 100
    assert f"the company has 1 earlier entry, and 60% are known to be kept from {least} on" in row["reason"]


def test_a_company_without_books_is_for_people(bundle):
    row = prediction_of(bundle, "Unbooked", 310, "Rent")
    assert row["decision"] == "review"
    assert "the company has no entries before this day" in row["reason"]


def test_a_text_that_was_booked_both_ways_is_for_people_unless_the_entry_says_its_direction(bundle):
    row = prediction_of(bundle, "Steady", 310, "Both")
    assert row["decision"] == "review"
    assert "booked both ways: 6 out, 2 in; say the direction of the entry" in row["reason"]
    incoming = prediction_of(bundle, "Steady", 310, "Both", direction="in")
    assert "both ways" not in incoming["reason"]
    assert not incoming["held"]


def test_digits_alone_make_no_other_text(bundle):
    row = prediction_of(bundle, "Steady", 310, "Kunde zahlt 999")
    assert "both ways" not in row["reason"]
    assert not row["held"]


def test_no_automatic_answer_has_a_guessed_line_and_no_confidence_exceeds_a_line(bundle):
    texts = [
        "Rent",
        "Papershop",
        "Kunde zahlt 7",
        "Furniture",
        "Customers of the sales",
        "",
        "Rent of furniture",
    ]
    companies = ("Steady", "Single", "Unbooked")
    rows = [prediction_of(bundle, entity, 310, text) for entity in companies for text in texts]
    guessed = [row for row in rows if any(line["guess"] for line in row["lines"])]
    assert guessed
    assert all(row["decision"] == "review" and "guess" in row["reason"] for row in guessed)
    assert all(row["confidence"] <= min(line["probability"] for line in row["lines"]) for row in rows)


def test_rows_that_a_rule_holds_choose_no_threshold():
    confidence = np.linspace(0, 1, 200)
    right = np.ones(200, dtype=bool)
    right[::2] = False  # every second one is wrong, and held
    rows = CalibrationRows.independent(["a"] * 200, right)
    free, held = (
        Calibration(("x",), np.ones(1), 0.0, replace(rows, held=by_rule), confidence, {})
        for by_rule in (np.zeros(200, dtype=bool), ~right)
    )
    assert thresholds_of(free, 0.9).pooled is None
    assert thresholds_of(held, 0.9).pooled == confidence[1]


def test_a_rule_is_a_threshold_that_nothing_reaches():
    held, history = np.array([True, False, False]), np.array([9, 9, 3])
    assert auto_thresholds(np.full(3, 0.5), held, history, 4).tolist() == [np.inf, 0.5, np.inf]


HISTORIES = st.lists(st.integers(0, 500), max_size=60).map(np.array).map(lambda array: array.astype(np.int64))


@settings(deadline=None)
@given(HISTORIES, st.data())
def test_the_fewest_entries_of_a_promise_never_sink_where_less_is_automated(lax, data):
    strict = lax[np.array(data.draw(st.lists(st.booleans(), min_size=len(lax), max_size=len(lax))), dtype=bool)]
    assert least_history(strict, lax) >= least_history(lax, lax)


def test_the_fewest_entries_are_those_that_ten_answers_kept_the_promise_with():
    kept = np.array([500] * 40 + [7] * (LEAST_ROWS - 1) + [30])
    assert least_history(kept, kept) == 30
    assert least_history(kept[-3:], kept) == 500  # too few to say
    assert least_history(kept[:0], kept[:0]) == 0
