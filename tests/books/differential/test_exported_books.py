"""The programs that exported books are for take them, and come to our balances."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import beancounts
import pytest
from exported import COMPANY, NASTY, books, entry, texts, written
from hypothesis import given, settings
from hypothesis import strategies as st
from tools import TOOLS, version

from jet.books.exporters import Booking
from jet.books.exporters.common import one_blank
from jet.books.records import Account

LETTERS = "abcÅäö0123 .,-_/&%+*=!?#@'\"()<>[]{}|~^$:\\"
ACCOUNTS = st.sampled_from(
    ["Expenses:Food & Drink", "Assets:Bank", "5010", "1930", "Income:a b:c", "assets:övrigt (nytt)"]
)
CHARTS = {
    (COMPANY, "5010"): Account(COMPANY, "5010", 'Rent "A"', nature="expense"),
    (COMPANY, "1930"): Account(COMPANY, "1930", "", nature="asset"),
}
IN_BEANCOUNT = {
    "Expenses:Food & Drink": "Expenses:Food-Drink",
    "Assets:Bank": "Assets:Bank",
    "5010": "Expenses:5010",
    "1930": "Assets:1930",
    "Income:a b:c": "Income:A-b:C",
    "assets:övrigt (nytt)": "Assets:Övrigt-nytt",
}
TEXTS = texts(LETTERS) | st.sampled_from(NASTY)
GENERATED = books(ACCOUNTS, TEXTS, notes=TEXTS, currencies=("SEK", "EUR", "JPY"), most=12)


def sums(bookings):
    """Debits less credits by date, account and currency."""
    found = defaultdict(Decimal)
    for booking in bookings:
        for line in booking.entry.lines:
            key = str(booking.entry.date), line.account, line.currency
            found[key] += line.amount if line.side == "D" else -line.amount
    return {key: amount for key, amount in sorted(found.items()) if amount}


def only_file(format_, bookings, folder, **options):
    """The one file of an export in which nothing is left out."""
    files = written(format_, bookings, CHARTS, **options)
    assert not files.pop("left-out.jsonl")
    del files["left-out.csv"]
    [(name, content)] = files.items()
    path = Path(folder) / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("tool", sorted(TOOLS))
@given(bookings=GENERATED)
@settings(max_examples=15)
def test_a_journal_has_our_balances(tool, bookings):
    if not version(tool):
        pytest.skip(f"{tool} isn't installed")
    with tempfile.TemporaryDirectory() as folder:
        path = only_file(tool, bookings, folder)
        reading = TOOLS[tool](path)
        content = path.read_text()
    assert not reading.refusal, content
    assert reading.sums == sums(bookings)
    assert reading.texts == {
        (str(each.entry.date), one_blank(each.entry.description).replace(";", ",")) for each in bookings
    }


@pytest.mark.skipif(not version("hledger"), reason="hledger isn't installed")
def test_hledger_knows_the_kinds_of_accounts_that_are_numbers(tmp_path):
    path = only_file("hledger", [Booking(entry(lines="D5010:10 C1930:10"), False, {})], tmp_path)
    shown = subprocess.run(
        ["hledger", "-f", path, "incomestatement"], capture_output=True, text=True, check=True
    ).stdout
    assert "5010" in shown
    assert "1930" not in shown


@pytest.mark.skipif(not beancounts.version(), reason="beancount isn't installed")
@given(bookings=books(ACCOUNTS, TEXTS, notes=TEXTS, currencies=("SEK", "EUR", "JPY"), latest=2099, most=12))
@settings(max_examples=8)
def test_beancount_reads_what_was_written(bookings):
    with tempfile.TemporaryDirectory() as folder:
        path = only_file("beancount", bookings, folder)
        script = Path(__file__).parent / "bean_books.py"
        done = subprocess.run([sys.executable, script, path], capture_output=True, text=True, check=True)
    errors, found, opened = json.loads(done.stdout)
    assert errors == []
    expected = [
        [
            str(each.entry.date),
            "!" if each.pending else "*",
            one_blank(each.entry.description),
            one_blank(each.entry.entry_id),
            [
                [
                    IN_BEANCOUNT[line.account],
                    line.amount if line.side == "D" else -line.amount,
                    line.currency,
                ]
                for line in each.entry.lines
            ],
        ]
        for each in bookings
    ]
    for row in found:
        row[4] = [[account, Decimal(amount), currency] for account, amount, currency in row[4]]
    assert sorted(found, key=repr) == sorted(expected, key=repr)
    used = {line.account for each in bookings for line in each.entry.lines}
    assert opened == {IN_BEANCOUNT[code]: 'Rent "A"' if code == "5010" else "" for code in used}
