"""The cases of ../shared that are tables, each as it is to be read."""

from decimal import Decimal
from pathlib import Path

import pytest
from counting import only
from reading_tables import assert_all_lines_are_counted, booked, rules

from jet.books.importers import Entry, ImportSettings, import_file

CASES = Path(__file__).parents[2].parent / "shared" / "cases"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not CASES.is_dir(), reason="there are no cases in ../shared/cases"),
]


def case(name):
    records = list(import_file(str(CASES / name), ImportSettings()))
    assert_all_lines_are_counted(records)
    assert rules(records) == []
    return records


def test_020_the_decimal_comma_of_other_cells_makes_1_080_a_thousand():
    amounts = [lines[0][2] for lines in booked(case("020-thousands-without-decimals.csv")).values()]
    assert amounts == [1080, Decimal("2.5"), Decimal("1488.69")]


def test_021_inch_marks_swallow_no_rows():
    entries = only(Entry, case("021-quote-swallows-rows.tsv"))
    assert [entry.entry_id for entry in entries] == ["1", "2", "3", "4", "5"]
    assert [entries[at].lines[1].text for at in (0, 3)] == ['"Bolt M8', '"Pipe 3m']


def test_022_a_negative_debit_is_a_credit():
    assert booked(case("022-negative-debit.csv"))["2"] == [("6310", "C", 200), ("1800", "D", 200)]


def test_024_side_words_are_sides():
    sides = [[side for _, side, _ in lines] for lines in booked(case("024-side-words.csv")).values()]
    assert sides == [["D", "C"]] * 3


def test_025_filled_down_rows_are_one_entry():
    (lines,) = booked(case("025-fill-down.csv")).values()
    assert lines == [("6310", "D", 1200), ("1401", "D", 228), ("3300", "C", 1428)]


@pytest.mark.parametrize("name", ["027-preamble.csv", "027-sep.csv"])
def test_027_lines_before_the_header_are_passed_over(name):
    assert booked(case(name)) == {"1": [("6310", "D", 1200), ("1800", "C", 1200)]}


@pytest.mark.parametrize("name", ["029-bank-feed.csv", "029-bank-feed-amount.csv"])
def test_029_a_bank_feed_has_directions(name):
    found = [(entry.lines, entry.direction, entry.total) for entry in only(Entry, case(name))]
    assert found == [(None, "out", 1200), (None, "in", 450)]


def test_030_quotes_may_have_a_backslash_before_them():
    (entry,) = only(Entry, case("030-backslash-quotes.csv"))
    assert entry.description == 'Rent "Main, floor 2" Jan'
