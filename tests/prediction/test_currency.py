"""The currency of an entry: who always pays dollars from the dollar account gets that account."""

from __future__ import annotations

import made_up
import pytest

from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings

SETTINGS = PredictSettings(batch_size=4)
CHART = {"1800": "Bank EUR", "1810": "Bank USD", "1820": "Bank CHF", "4400": "Customers", "6310": "Rent"} | {
    "6820": "Internet",
    "6830": "Travel",
    "8400": "Sales",
}
BANK = {"EUR": "1800", "USD": "1810", "CHF": "1820"}


def books(currencies, noise):
    """120 entries "Cloud hosting" in these currencies in turn, each from its bank, and `noise` others a day."""
    rows = []

    def booked(day, text, lines, currency):
        rows.append(made_up.entry("c", f"{len(rows):04}", day, text, lines, "70.00", "bank", currency))

    for day in range(120):
        currency = currencies[day % len(currencies)]
        booked(day, "Cloud hosting", f"D6820 C{BANK.get(currency, '1800')}", currency)
        for number in range(noise):
            kind = (day + number) % 3
            if kind == 0:
                booked(day, "Office rent", "D6310 C1800", "EUR")
            elif kind == 1:
                booked(day, f"Customer {day % 7} pays", "D1800 C4400", "EUR")
            else:
                booked(day, f"Flight {day}", f"D6830 C{BANK[currency or 'EUR']}", currency)
    return rows


def bundle_of(rows):
    accounts = made_up.accounts_table([made_up.account("c", code, name) for code, name in CHART.items()])
    data = made_up.training_data(made_up.entries_table(rows), accounts)
    return made_up.calibrated(data, made_up.assembled(data, made_up.fresh_network(data)))


def prediction_of(bundle, currency, text="Cloud hosting", settings=SETTINGS):
    entries = made_up.entries_table([made_up.entry("c", "new", 200, text, None, "70.00", "bank", currency)])
    return Predictor.for_entries(bundle, settings, entries, None)(entries).to_pylist()[0]


def spelled(row):
    return " ".join(sorted(line["side"] + line["account"] for line in row["lines"]))


@pytest.fixture(scope="module", params=[0, 1, 3])
def two_currencies(request):
    return bundle_of(books(["EUR", "USD"], request.param))


def test_each_currency_is_paid_from_its_own_account(two_currencies):
    assert spelled(prediction_of(two_currencies, "USD")) == "C1810 D6820"
    assert spelled(prediction_of(two_currencies, "EUR")) == "C1800 D6820"


def test_a_currency_that_was_never_booked_is_for_people_to_see(two_currencies):
    row = prediction_of(two_currencies, "GBP")
    assert row["decision"] == "review"
    assert row["held"]
    assert "the company has no earlier entry in GBP" in row["reason"]


def test_three_currencies_are_told_apart():
    bundle = bundle_of(books(["EUR", "USD", "CHF"], 2))
    assert [spelled(prediction_of(bundle, currency)) for currency in BANK] == [
        "C1800 D6820",
        "C1810 D6820",
        "C1820 D6820",
    ]


def test_books_that_never_say_their_currency_say_nothing_against_one():
    bundle = bundle_of(books([""], 0))
    row = prediction_of(bundle, "USD")
    assert spelled(row) == "C1800 D6820"
    assert "no earlier entry in USD" not in row["reason"]
