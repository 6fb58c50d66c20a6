"""Which way the money goes: read off the books, and a fact where an entry to predict states it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import made_up
import numpy as np
import pyarrow as pa
import pytest

from jet.books.catalog import Catalog
from jet.books.importers import ImportSettings, import_file, to_tables
from jet.books.schema import ACCOUNTS
from jet.books.sorting import sort_entries
from jet.bundle.extension import extended
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings
from jet.ranking.direction import MoneyAccounts, money_accounts
from jet.retrieval.columns import entry_columns
from jet.texts.normalize import normalize_all
from jet.texts.store import TextStore

CASES = Path(__file__).parents[3] / "shared" / "cases"
SETTINGS = PredictSettings(batch_size=4)
CHART = {
    "1800": "Bank",
    "1810": "Bank EUR",
    "1400": "Customers",
    "3300": "Suppliers",
    "6815": "Office supplies",
    "6310": "Rent",
    "6855": "Bank charges",
    "8400": "Sales",
}


def bundle_of(rows, chart=CHART):
    """What a training of the ranker alone leaves behind of the books `rows`, all of company "c"."""
    accounts = made_up.accounts_table([made_up.account("c", code, name) for code, name in chart.items()])
    data = made_up.training_data(made_up.entries_table(rows), accounts)
    return made_up.calibrated(data, made_up.assembled(data, made_up.fresh_network(data)))


def booked(day, text, lines, direction="", number=""):
    row = made_up.entry("c", f"{day:03}{text}{number}", day, text, lines, "30.00", currency="EUR")
    return row | {"direction": direction}


def prediction_of(bundle, text, direction, settings=SETTINGS, day=300):
    rows = [made_up.entry("c", "new", day, text, None, "30.00", currency="EUR") | {"direction": direction}]
    entries = made_up.entries_table(rows)
    return Predictor.for_entries(bundle, settings, entries, None)(entries).to_pylist()[0]


def spelled(row):
    return " ".join(sorted(line["side"] + line["account"] for line in row["lines"]))


def ordinary(days=150, refunds=()):
    """Rent, sales and a paper shop that was paid every fourth day and gave money back on the days `refunds`."""
    rows = []
    for day in range(days):
        if day in refunds:
            rows.append(booked(day, "Papershop Hamburg", "D1800 C6815"))
        elif day % 4 == 0:
            rows.append(booked(day, "Papershop Hamburg", "D6815 C1800"))
        elif day % 4 == 1:
            rows.append(booked(day, "Rent", "D6310 C1800"))
        else:
            rows.append(booked(day, f"Sale {day}", "D1800 C8400"))
    return rows


@pytest.fixture(scope="module")
def never_refunded():
    return bundle_of(ordinary())


@pytest.fixture(scope="module")
def refunded():
    return bundle_of(ordinary(refunds=(17, 62, 101)))


def test_the_same_text_and_total_is_booked_by_its_direction(refunded):
    out, back = (prediction_of(refunded, "Papershop Hamburg", direction) for direction in ("out", "in"))
    assert (spelled(out), spelled(back)) == ("C1800 D6815", "C6815 D1800")
    assert not any(line["guess"] for row in (out, back) for line in row["lines"])
    assert "booked like 3 of 3 earlier entries with this text" in back["reason"]


def test_no_answer_and_no_alternative_contradicts_the_direction(refunded, never_refunded):
    for bundle in (refunded, never_refunded):
        for text in ("Papershop Hamburg", "Rent", "Sale 5", "something new"):
            for direction, side in (("in", "C"), ("out", "D")):
                row = prediction_of(bundle, text, direction)
                for answer in (row, *row["alternatives"]):
                    wrong = [line for line in answer["lines"] if line["account"] in ("1800", "1810")]
                    assert not wrong or any(line["side"] != side for line in wrong)


def test_money_that_never_came_back_is_a_refund_with_the_sides_exchanged_and_a_guess(never_refunded):
    row = prediction_of(never_refunded, "Papershop Hamburg", "in")
    assert spelled(row) == "C6815 D1800"
    assert all(line["guess"] for line in row["lines"] if line["account"] == "6815")
    assert row["decision"] == "review"
    assert "a guess: like" in row["reason"]
    assert "with the sides exchanged" in row["reason"]
    assert not any(shown["same_lines"] for shown in row["evidence"])


def test_the_decoder_too_says_nothing_that_contradicts_the_direction(refunded):
    row = prediction_of(refunded, "Papershop Hamburg", "in", replace(SETTINGS, method="decoder"))
    assert "C1800" not in spelled(row)


def test_a_transfer_contradicts_no_direction():
    rows = [booked(day, "To savings", "D1810 C1800") for day in range(60)]
    bundle = bundle_of(rows + ordinary(60))
    assert spelled(prediction_of(bundle, "To savings", "in")) == "C1800 D1810"
    assert spelled(prediction_of(bundle, "To savings", "out")) == "C1800 D1810"


def test_where_no_direction_is_stated_nothing_changes(refunded):
    row = prediction_of(refunded, "Papershop Hamburg", "")
    assert spelled(row) == "C1800 D6815"


NAMES = {
    "en": (["Checking", "Cash on hand", "Savings", "Bank EUR"], ["Bank charges", "Cash discount", "Bank loan"]),
    "de": (["Kasse", "Girokonto", "Sparkasse Nord"], ["Bankspesen", "Kassendifferenz", "Bankdarlehen"]),
    "sv": (
        ["Kassa", "PlusGiro", "Checkräkningskonto", "Företagskonto/checkkonto", "Övriga bankkonton"],
        ["Bankkostnader", "Checkräkningskredit", "Kassarabatter", "Skattekonto"],
    ),
    "fr": (["Banque", "Caisse", "Compte courant bancaire"], ["Frais bancaires", "Banque, intérêts"]),
    "ja": (["現金", "普通預金", "現金及び預金 みずほ"], ["支払手数料", "借入金 銀行"]),
    "zh": (["银行存款", "现金"], ["银行服务费", "银行贷款"]),
}  # fmt: skip


@pytest.mark.parametrize("language", NAMES)
def test_money_accounts_are_known_by_their_names(language):
    money, other = NAMES[language]
    rows = [made_up.account("c", f"{number:02}", name) for number, name in enumerate([*money, *other])]
    result = money_accounts(Catalog.from_accounts(made_up.accounts_table(rows)))
    assert result.tolist() == [True] * len(money) + [False] * len(other)


def test_money_accounts_are_assets():
    rows = [
        made_up.account("c", "Assets:Bank:Chase", "Chase", nature="asset"),
        made_up.account("c", "Expenses:Bank", "Bank", nature="expense"),
        made_up.account("c", "Liabilities:Bank", "Bank", nature="liability"),
    ]
    result = money_accounts(Catalog.from_accounts(made_up.accounts_table(rows)))
    assert result.tolist() == [True, False, False]


def test_the_children_of_a_money_account_are_some():
    rows = [
        made_up.account("c", "100", "Bank"),
        made_up.account("c", "101", "Nordea", parent="100"),
        made_up.account("c", "102", "Loan of Nordea", parent="100"),
        made_up.account("c", "200", "Nordea"),
    ]
    result = money_accounts(Catalog.from_accounts(made_up.accounts_table(rows)))
    assert result.tolist() == [True, True, False, False]


def test_a_standard_chart_names_the_money_accounts_beside_those_that_say_so():
    rows = [
        made_up.account("c", code, name)
        for code, name in (("1510", "Kundfordringar"), ("1910", "Kassa"), ("1930", "SEB 1234"), ("2440", "SEB"))
    ]
    result = money_accounts(Catalog.from_accounts(made_up.accounts_table(rows)))
    assert result.tolist() == [False, True, True, False]


def columns_of(rows, chart):
    accounts = made_up.accounts_table([made_up.account("c", code, name) for code, name in chart.items()])
    catalog = Catalog.from_accounts(accounts)
    entries = sort_entries(made_up.entries_table(rows))
    store = TextStore.build(sorted(set(normalize_all(entries["description"]).to_pylist())))
    return entry_columns(entries, catalog, store), catalog


def test_entries_that_say_their_direction_say_which_accounts_hold_money():
    chart = {"10": "N26", "20": "food", "30": "income"}
    rows = [booked(day, "shop", "D20 C10", "out") for day in range(4)]
    rows += [booked(10, "shop", "D20 C10"), booked(11, "salary", "D10 C30"), booked(12, "swap", "D20 C30")]
    books, catalog = columns_of(rows, chart)
    result = MoneyAccounts.of(books, catalog).booked_directions(books)
    assert result.tolist() == [-1, -1, -1, -1, -1, 1, 0]


def test_an_account_that_the_entries_deny_holds_no_money_whatever_it_is_called():
    chart = {"10": "N26", "20": "Cash box sales", "30": "Cash"}
    rows = [booked(day, "sold", "D10 C30", "in") for day in range(4)] + [booked(9, "sold", "D10 C30")]
    rows += [booked(10, "odd", "D20 C30")]
    books, catalog = columns_of(rows, chart)
    assert MoneyAccounts.of(books, catalog).booked_directions(books).tolist()[-2:] == [1, 0]


def test_what_was_booked_later_says_nothing_about_an_account():
    chart = {"10": "N26", "20": "food"}
    rows = [booked(0, "shop", "D20 C10")] + [booked(day, "shop", "D20 C10", "out") for day in range(1, 6)]
    books, catalog = columns_of(rows, chart)
    money = MoneyAccounts.of(books, catalog)
    assert money.booked_directions(books)[0] == 0
    assert money.directions(books.tokens[None, :2], np.array([0])).tolist() == [0]
    assert money.directions(books.tokens[None, :2], np.array([6])).tolist() == [-1]


@pytest.mark.shared
@pytest.mark.skipif(not CASES.exists(), reason="the cases are kept beside the project")
def test_a_payment_and_its_refund_are_told_apart_by_their_direction():
    tables = list(to_tables(import_file(str(CASES / "060-books.jsonl"), ImportSettings())))
    entries, accounts = (
        pa.concat_tables(getattr(each, name) for each in tables) for name in ("entries", "accounts")
    )
    data = made_up.training_data(entries, accounts)
    bundle = made_up.calibrated(data, made_up.assembled(data, made_up.fresh_network(data)))
    rows = [
        made_up.entry("Refund", name, 400, "Papershop Hamburg", None, "30.00", "bank", "EUR")
        | {"direction": way}
        for name, way in (("n1", "out"), ("n2", "in"))
    ]
    new = made_up.entries_table(rows)
    n1, n2 = Predictor.for_entries(bundle, SETTINGS, new, None)(new).to_pylist()
    assert (spelled(n1), spelled(n2)) == ("C1800 D6815", "C6815 D1800")


def test_a_review_of_the_other_direction_settles_nothing(refunded):
    reviewed = made_up.entries_table([booked(200, "Papershop Hamburg", "D6310 C1800")])
    grown = extended(refunded, ACCOUNTS.empty_table(), lambda texts: np.empty((len(texts), 0)), reviewed)
    assert spelled(prediction_of(grown, "Papershop Hamburg", "out")) == "C1800 D6310"
    assert "as reviewed" in prediction_of(grown, "Papershop Hamburg", "out")["reason"]
    back = prediction_of(grown, "Papershop Hamburg", "in")
    assert spelled(back) == "C6815 D1800"
    assert "as reviewed" not in back["reason"]
