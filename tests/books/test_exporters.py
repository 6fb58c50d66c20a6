"""What is exported is read back as it was: by jet's own importers, in each format that they read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from exported import COMPANY, NASTY, books, entry, plain, read_back, texts, written
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.checks import check_entry
from jet.books.exporters import Booking
from jet.books.exporters.common import one_blank
from jet.books.importers import Entry, import_file
from jet.books.settings import ImportSettings

SIE_FILES = sorted((Path(__file__).parents[2].parent / "shared" / "data" / "sie").glob("*"))
LETTERS = "abcÅäö0123 .,-_/&%+*=!?#@'()<>{}|~^$"
ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\0\x1f")
CODES = st.integers(1, 999_999).map(str)
OF_COMPANY = ImportSettings(entity=COMPANY)
FEW = settings(max_examples=40)


def sorted_by_text(entries):
    return sorted(entries, key=repr)


@given(books(CODES, texts(LETTERS)))
@FEW
def test_books_that_are_generated_are_valid(bookings):
    assert [check_entry(each.entry) for each in bookings] == [None] * len(bookings)


@given(books(texts(ANY, 1), st.text(ANY, max_size=12).map(str.strip), notes=texts(ANY), places=8))
@FEW
def test_json_lines_say_all_of_any_text(bookings):
    found = read_back(written("jsonl", bookings))
    assert sorted_by_text(map(plain, found)) == sorted_by_text(plain(each.entry) for each in bookings)


@given(
    books(
        st.sampled_from(["Expenses:Föod & Drink", "Assets:Bank", "5010", "a b:c", "Övrigt (nytt)"]),
        texts(LETTERS),
        notes=texts(LETTERS),
        currencies=("SEK", "KWD", "JPY", "", "A1", "x y"),
        places=3,
    ),
    st.sampled_from(["ledger", "hledger"]),
)
@FEW
def test_a_journal_says_all_but_ids_and_journals(bookings, dialect):
    found = read_back(written(dialect, bookings), OF_COMPANY)
    own = ("entry_id", "journal")
    assert [plain(each, *own) for each in found] == [plain(each.entry, *own) for each in bookings]


@given(
    books(
        CODES,
        texts(LETTERS, 1),
        notes=texts(LETTERS),
        currencies=("SEK",),
        dimensions=st.lists(
            st.tuples(st.sampled_from(["Projekt", "3", "Bil nr"]), texts(LETTERS, 1)), max_size=2
        ).map(tuple),
    ),
)
@FEW
def test_sie_says_all_but_ids(bookings):
    found = read_back(written("sie", bookings))
    assert sorted_by_text(plain(each, "entry_id") for each in found) == sorted_by_text(
        plain(each.entry, "entry_id") for each in bookings
    )


@given(
    books(CODES, texts(LETTERS + '";\\', 1), notes=texts(LETTERS), places=3),
    st.sampled_from(
        [
            ImportSettings(),
            ImportSettings(columns={"debit": "Soll", "credit": "Haben", "account": "Konto"}, delimiter=";"),
            ImportSettings(columns={"amount": "Betrag"}, decimal_comma=True, date_format="%d.%m.%Y"),
            ImportSettings(sides={"S": "D", "H": "C"}, skip_lines=2, encoding="cp1252", quote="'"),
        ]
    ),
)
@FEW
def test_csv_says_all_in_a_companys_own_columns(bookings, ingest):
    found = read_back(written("csv", bookings, ingest=ingest), ingest)
    assert sorted_by_text(map(plain, found)) == sorted_by_text(plain(each.entry) for each in bookings)


HAS_NO = {"sie": ("entry_id",), "csv": (), "jsonl": ()} | dict.fromkeys(
    ("ledger", "hledger"), ("entry_id", "journal")
)


def respelled(entry, format_):
    """An entry with what docs/export.md says that a format spells otherwise."""
    if format_ == "jsonl":
        return entry
    other = {"sie": {"\\": "/", "\ufffd": "?"}, "csv": {}}.get(format_, {";": ","})

    def said(text):
        return one_blank(text).translate(str.maketrans(other))

    lines = [
        replace(line, text=said(line.text), dimensions=line.dimensions if format_ == "sie" else ())
        for line in entry.lines
    ]
    return replace(entry, description=said(entry.description), journal=said(entry.journal), lines=lines)


@pytest.mark.shared
@pytest.mark.skipif(not SIE_FILES, reason="there are no real ledgers in ../shared/data")
@pytest.mark.parametrize("format_", ["sie", "hledger", "ledger", "csv", "jsonl"])
def test_real_books_come_back_as_they_were(format_):
    real = [
        record
        for path in SIE_FILES
        for record in import_file(str(path), ImportSettings(entity=path.stem))
        if isinstance(record, Entry)
        and all(line.amount is not None and line.account != "FEL" for line in record.lines)
    ]  # an account of that name ("wrong") is in a sample: what its program couldn't book
    assert len(real) > 1000
    files = written(format_, [Booking(each, False, {}) for each in real])
    assert not files["left-out.jsonl"], files["left-out.csv"].decode()
    found = read_back(files)
    without = (*HAS_NO[format_], "text") if "ledger" in format_ else HAS_NO[format_]
    expected = sorted_by_text(plain(respelled(each, format_), *without) for each in real)
    differing = [
        pair
        for pair in zip(sorted_by_text(plain(each, *without) for each in found), expected, strict=True)
        if pair[0] != pair[1]
    ]
    assert not differing


def test_a_table_without_quotes_has_no_text_with_its_delimiter():
    ingest = ImportSettings(quote="", delimiter=";")
    bookings = [Booking(entry("1", description='3" pipes'), False, {})]
    bookings.append(Booking(entry("2", description="a; b"), False, {}))
    files = written("csv", bookings, ingest=ingest)
    assert [each.description for each in read_back(files, ingest)] == ['3" pipes']
    assert b"by ingest.quote nothing is quoted" in files["left-out.csv"]


NASTY_TEXTS = st.sampled_from(NASTY) | st.text(ANY, max_size=8)
NASTY_ACCOUNTS = (
    CODES | st.sampled_from([*NASTY, "Assets:x", "Assets:Löner (nya)"]) | st.text(ANY, min_size=1, max_size=5)
)


def amounts(entry):
    return [(line.side, line.amount.normalize()) for line in entry.lines]


@given(
    books(NASTY_ACCOUNTS.filter(str.strip), NASTY_TEXTS, notes=NASTY_TEXTS, currencies=("SEK",)),
    st.sampled_from(["ledger", "hledger", "sie", "csv", "jsonl"]),
)
@FEW
def test_no_text_changes_what_is_booked_or_adds_to_it(bookings, format_):
    files = written(format_, bookings)
    left_out = files["left-out.jsonl"].count(b"\n")
    found = read_back(files, OF_COMPANY)
    assert len(found) + left_out == len(bookings)
    if not left_out:
        said = [(each.date, amounts(each)) for each in found]
        assert sorted(said) == sorted((each.entry.date, amounts(each.entry)) for each in bookings)
