"""Small inputs from real reports, and what must come of them: what the real tools make of them, or a refusal.

Each stands for a kind, which the tests of its format cover; here are the reports themselves.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest

from jet.books.importers import Entry, ImportSettings, Rejection, import_file

CASES = Path(__file__).parents[2].parent / "shared" / "cases"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not CASES.exists(), reason="there are no cases in ../shared/cases"),
]


def read(name, **options):
    records = list(import_file(str(CASES / name), ImportSettings(**options)))
    entries = [record for record in records if isinstance(record, Entry)]
    return entries, [record for record in records if isinstance(record, Rejection)]


def sums(entries):
    """Debits less credits by account and currency, without those that are zero."""
    found = defaultdict(Decimal)
    for entry in entries:
        for line in entry.lines or ():
            found[line.account, line.currency] += line.amount if line.side == "D" else -line.amount
    return {key: amount for key, amount in found.items() if amount}


def lines(entry):
    return [(line.account, line.side, line.amount) for line in entry.lines]


def test_001_a_commodity_directive_says_how_numbers_are_written():
    entries, rejections = read("001-commodity-directive-mark.journal")
    assert sums(entries) == {
        ("Aktiva:Bank", "EUR"): Decimal("-1502.50"),
        ("Aufwand:Miete", "EUR"): 1500,
        ("Aufwand:Porto", "EUR"): Decimal("2.50"),
    }
    assert not [rejection for rejection in rejections if rejection.used_for != "all"]


def test_001_a_default_commodity_says_what_the_comma_is():
    entries, _ = read("001-decimal-comma-quantity.journal")
    (bank,) = [amount for (account, _), amount in sums(entries).items() if account == "Actif:Banque"]
    assert round(bank, 2) == Decimal("-126.56")


def test_005_subdirectives_of_accounts_are_followed():
    entries, rejections = read("005-account-subdirectives.ledger")
    assert sums(entries) == {("Assets:Checking", "EUR"): -32, ("Expenses:Groceries", "EUR"): 32}
    assert not [rejection for rejection in rejections if rejection.used_for == "nothing"]


def test_006_a_bucket_takes_the_other_side():
    entries, rejections = read("006-bucket.ledger")
    assert sums(entries) == {
        ("Assets:Cash", "EUR"): -5,
        ("Expenses:Coffee", "EUR"): 3,
        ("Expenses:Tea", "EUR"): 2,
    }
    assert not rejections


def test_008_a_comment_may_stand_right_behind_an_amount():
    entries, rejections = read("008-comment-without-space.journal")
    assert sums(entries) == {("Assets:Bank", "EUR"): -10, ("Expenses:A", "EUR"): 10}
    assert not rejections


def test_010_the_end_of_a_year_gives_the_old_one_back():
    entries, _ = read("010-apply-year.ledger")
    assert [str(entry.date) for entry in entries] == ["2023-01-15", "2024-01-15", "2023-01-15"]


def test_011_postings_of_no_transaction_are_rejected_or_read():
    entries, rejections = read("011-whitespace-line.journal")
    assert [rejection for rejection in rejections if rejection.used_for == "nothing"] or len(
        entries[0].lines
    ) == 4


def test_012_one_blank_before_an_amount_is_named():
    entries, rejections = read("012-one-space.ledger")
    assert not entries
    assert all("two" in rejection.message and "account" in rejection.message for rejection in rejections)
    assert len(rejections) == 2


def test_014_commodities_and_none_are_summed_as_they_are():
    (entry,), rejections = read("014-total-mismatch.journal")
    retained = sorted(
        (line.side, line.amount, line.currency) for line in entry.lines if "equity" in line.account
    )
    assert retained == [("C", 1, ""), ("C", 1, "AAA"), ("D", 1, "BBB")]
    assert not rejections


def test_015_an_entry_of_virtual_postings_alone_is_left_out_and_why():
    entries, (rejection,) = read("015-only-virtual.journal")
    assert not entries
    assert "virtual" in rejection.message


def test_020_the_other_cells_of_a_file_say_what_its_points_are():
    entries, rejections = read("020-thousands-without-decimals.csv")
    assert [entry.total for entry in entries] == [1080, Decimal("2.50"), Decimal("1488.69")]
    assert not rejections


def test_021_a_quote_swallows_no_rows():
    entries, rejections = read("021-quote-swallows-rows.tsv")
    assert [entry.entry_id for entry in entries] == list("12345")
    assert entries[0].lines[1].text == '"Bolt M8'
    assert not rejections


def test_022_a_negative_debit_is_a_credit():
    (_, note), rejections = read("022-negative-debit.csv")
    assert lines(note) == [("6310", "C", 200), ("1800", "D", 200)]
    assert not rejections


def test_024_sides_are_read_in_the_words_of_several_countries():
    entries, rejections = read("024-side-words.csv")
    assert [[line.side for line in entry.lines] for entry in entries] == [["D", "C"]] * 3
    assert entries[0].total == 1337
    assert not rejections


def test_025_what_stands_in_the_first_row_only_is_every_rows():
    (entry,), rejections = read("025-fill-down.csv")
    assert lines(entry) == [("6310", "D", 1200), ("1401", "D", 228), ("3300", "C", 1428)]
    assert not rejections


@pytest.mark.parametrize("name", ["027-preamble.csv", "027-sep.csv"])
def test_027_a_preamble_is_passed_over(name):
    (entry,), rejections = read(name)
    assert lines(entry) == [("6310", "D", 1200), ("1800", "C", 1200)]
    assert not rejections


@pytest.mark.parametrize("name", ["029-bank-feed.csv", "029-bank-feed-amount.csv"])
def test_029_the_sign_of_a_bank_is_a_direction(name):
    entries, rejections = read(name)
    assert [(entry.lines, entry.direction, entry.total) for entry in entries] == [
        *((None, "out", 1200), (None, "in", 450))
    ]
    assert not rejections


def test_030_quotes_may_be_escaped_with_a_backslash():
    (entry,), rejections = read("030-backslash-quotes.csv")
    assert entry.description == 'Rent "Main, floor 2" Jan'
    assert not rejections


def test_041_an_organization_number_is_one_company():
    names = ["041-org-number-hyphen-2024.se", "041-org-number-hyphen-2025.se"]
    assert {read(name, entity_from="org_number")[0][0].entity for name in names} == {"556000-0001"}


def test_043_added_lines_count_once_in_any_order():
    entries, rejections = read("043-rtrans-order.se")
    assert [entry.total for entry in entries] == [200, 200]
    assert not rejections


def test_060_the_sign_of_a_new_entry_is_its_direction():
    entries, rejections = read("060-new.jsonl")
    assert [(entry.direction, entry.total) for entry in entries] == [("out", 30), ("in", 30)]
    assert not rejections
