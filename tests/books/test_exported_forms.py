"""FEC, DATEV and Excel files, read by the formats' own rules; and what a format can't say is left out."""

from __future__ import annotations

import csv
import datetime
import io
from collections import defaultdict
from decimal import Decimal
from itertools import zip_longest

import pytest
from exported import COMPANY, books, chart, entry, texts, written
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import load_workbook

from jet.books.exporters import Booking
from jet.books.exporters.datev import COLUMNS as DATEV_COLUMNS
from jet.books.exporters.fec import COLUMNS as FEC_COLUMNS

LETTERS = "abcÅäöéß0123 .,;-_/&%+*=!?#@'\"()<>[]{}|~^$:\\"
ANY = st.characters(exclude_categories=["Cs"], exclude_characters="\0\x1f")
CODES = st.integers(1000, 999_999).map(str)
FEW = settings(max_examples=30)


def decimal(text):
    return Decimal(text.replace(",", "."))


def contents(files):
    """The files with entries: by folder or name, what is in them. Nothing must be left out."""
    assert not files.pop("left-out.jsonl"), files["left-out.csv"].decode()
    del files["left-out.csv"]
    return files


def said(bookings, *, pending=None):
    """Day, id, text, account, side and amount of each line, sorted."""
    return sorted(
        (each.entry.date, each.entry.entry_id, each.entry.description, line.account, line.side, line.amount)
        for each in bookings
        for line in each.entry.lines
        if pending in (None, each.pending)
    )


def fec_rows(content):
    header, *rows = [line.split("\t") for line in content.decode().removesuffix("\r\n").split("\r\n")]
    assert tuple(header) == FEC_COLUMNS
    assert {len(row) for row in rows} <= {18}
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_the_columns_are_those_of_the_formats():
    assert (len(FEC_COLUMNS), FEC_COLUMNS[0], FEC_COLUMNS[-1]) == (18, "JournalCode", "Idevise")
    assert (len(DATEV_COLUMNS), len(set(DATEV_COLUMNS)), DATEV_COLUMNS[113]) == (125, 125, "Festschreibung")


@given(books(CODES, texts(LETTERS), currencies=("EUR",)))
@FEW
def test_fec_says_every_line(bookings):
    for name, content in contents(written("fec", bookings)).items():
        found = []
        for row in fec_rows(content):
            debit, credit = decimal(row["Debit"]), decimal(row["Credit"])
            assert not (debit and credit)
            day = datetime.datetime.strptime(row["EcritureDate"], "%Y%m%d").date()
            line = (row["CompteNum"], *(("D", debit) if debit else ("C", credit)))
            found.append((day, row["EcritureNum"], row["EcritureLib"], *line))
            assert (row["PieceRef"], row["ValidDate"]) == (row["EcritureNum"], "")
        assert sorted(found) == said(bookings, pending=name.startswith("pending"))


def test_fec_names_accounts_and_journals():
    [content] = contents(
        written(
            "fec", [Booking(entry(lines="D606300:8 C512000:8", currency="EUR"), False, {"606300": "Achats"})]
        )
    ).values()
    first, second = fec_rows(content)
    assert (first["JournalCode"], first["CompteNum"], first["CompteLib"]) == ("A", "606300", "Achats")
    assert (second["Debit"], second["Credit"]) == ("0,00", "8,00")


def datev_rows(content):
    """The header, and each row by columns."""
    header, columns, *rows = csv.reader(io.StringIO(content.decode("cp1252"), newline=""), delimiter=";")
    assert header[:5] == ["EXTF", "700", "21", "Buchungsstapel", "13"]
    assert len(header) == 31
    assert tuple(columns) == DATEV_COLUMNS
    return header, [dict(zip(columns, row, strict=True)) for row in rows]


@given(
    books(CODES, texts(LETTERS), notes=texts(LETTERS), currencies=("EUR", "SEK")),
    st.sampled_from(["01-01", "07-01"]),
)
@FEW
def test_datev_keeps_the_debits_and_credits_of_each_account(bookings, begins):
    sides = [
        {side: {line.account for line in each.entry.lines if line.side == side} for side in "DC"}
        for each in bookings
    ]
    bookings = [
        each for each, of in zip(bookings, sides, strict=True) if not of["D"] & of["C"]
    ]  # others may be refused
    found, expected = defaultdict(Decimal), defaultdict(Decimal)
    for each in bookings:
        for line in each.entry.lines:
            key = (each.entry.date, each.entry.entry_id, each.entry.description, line.account, line.side)
            expected[key] += line.amount
    for content in contents(written("datev", bookings, year_begins=begins)).values():
        header, rows = datev_rows(content)
        start = datetime.datetime.strptime(header[12], "%Y%m%d").date()
        for row in rows:
            day, month = int(row["Belegdatum"][:2]), int(row["Belegdatum"][2:])
            year = start.year + ((month, day) < (start.month, start.day))
            date = datetime.date(year, month, day)
            assert header[14] <= f"{date:%Y%m%d}" <= header[15]
            assert row["WKZ Umsatz"] == header[21]
            amount = decimal(row["Umsatz (ohne Soll/Haben-Kz)"])
            assert amount > 0
            text = row["Beleginfo - Inhalt 2"] or row["Buchungstext"]
            key = (date, row["Beleginfo - Inhalt 1"], text)
            assert row["Soll/Haben-Kennzeichen"] == "S"
            found[*key, row["Konto"], "D"] += amount
            found[*key, row["Gegenkonto (ohne BU-Schlüssel)"], "C"] += amount
    assert found == expected


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("D1:50 D2:50 C3:50 C2:50", ["50,00 2 3", "50,00 1 2"]),
        ("D1:30 D2:20 C1:20 C2:30", ["30,00 1 2", "20,00 2 1"]),
    ],
)
def test_datev_pairs_no_account_with_itself_where_it_need_not(lines, said):
    one = Booking(entry(lines=lines, currency="EUR"), False, {})
    [content] = contents(written("datev", [one])).values()
    columns = ("Umsatz (ohne Soll/Haben-Kz)", "Konto", "Gegenkonto (ohne BU-Schlüssel)")
    assert [" ".join(row[each] for each in columns) for row in datev_rows(content)[1]] == said


def test_datev_computes_no_tax_where_a_key_says_so():
    one = Booking(entry(lines="D1400:119 C8400:100 C1776:19", currency="EUR"), False, {})
    [content] = contents(written("datev", [one], keys={"8400": "40"})).values()
    assert [row["BU-Schlüssel"] for row in datev_rows(content)[1]] == ["40", ""]
    both = written("datev", [one], keys={"8400": "40", "1400": "9"})
    assert b"have the keys 40 and 9 in export.keys" in both["left-out.csv"]


def test_datev_splits_an_amount_where_the_other_side_is_smaller():
    one = entry("2025/7 ä", "D4930:100 D1576:19 C1200:60 C1600:59", currency="EUR", description="x" * 70)
    files = contents(written("datev", [Booking(one, True, {})], consultant=29098, client=55003))
    [(name, content)] = files.items()
    header, rows = datev_rows(content)
    assert name == f"pending/EXTF_{COMPANY} 2025.csv"
    assert header[10:14] == ["29098", "55003", "20250101", "4"]
    amounts = [
        (row["Umsatz (ohne Soll/Haben-Kz)"], row["Konto"], row["Gegenkonto (ohne BU-Schlüssel)"])
        for row in rows
    ]
    assert amounts == [("60,00", "4930", "1200"), ("40,00", "4930", "1600"), ("19,00", "1576", "1600")]
    assert {row["Belegfeld 1"] for row in rows} == {"2025/7--"}
    assert {len(row["Buchungstext"]) for row in rows} == {60}


@given(books(CODES, texts(LETTERS) | texts(ANY).filter(str.isprintable), currencies=("EUR", "KWD"), places=3))
@FEW
def test_a_workbook_has_a_typed_row_for_every_line(bookings):
    bookings = [each for each in bookings if each.entry.date >= datetime.date(1900, 3, 1)]
    for name, content in contents(written("xlsx", bookings)).items():
        header, *rows = load_workbook(io.BytesIO(content), read_only=True)["entries"].values
        found = []
        for row in (dict(zip_longest(header, each)) for each in rows):
            line = (row["account"], row["side"], Decimal(str(row["amount"])))
            found.append((row["date"].date(), row["entry_id"], row["description"] or "", *line))
        assert sorted(found) == said(bookings, pending=name.startswith("pending"))


def test_a_text_in_a_workbook_is_no_formula():
    booking = Booking(entry("0420", description="=1+1"), False, {})
    [content] = contents(written("xlsx", [booking])).values()
    sheet = load_workbook(io.BytesIO(content))["entries"]
    assert [(cell.value, cell.data_type) for cell in (sheet["A2"], sheet["D2"])] == [
        ("0420", "s"),
        ("=1+1", "s"),
    ]


@pytest.mark.parametrize(
    ("format_", "one", "why"),
    [
        ("sie", entry(lines="D5010: C1930:"), "the amount on account 5010 isn't known"),
        (
            "csv",
            entry(lines="D5010:1.01 C1930:1"),
            "debits and credits in SEK differ by 0.01: correct the entry",
        ),
        ("sie", entry(lines="D5010:1.001 C1930:1.001"), "the amount 1.001 has more than two decimals"),
        (
            "sie",
            entry(lines="DRent:1 C1930:1"),
            "account 'Rent' is no number of at most 20 digits, as SIE has it",
        ),
        ("sie", entry(description="現金"), "the character '現' (U+73FE) isn't in cp437"),
        ("fec", entry(), "it is in SEK, and the amounts of a FEC are in euros"),
        (
            "fec",
            entry(lines="DRent:1 C512:1", currency="EUR"),
            "account 'Rent' doesn't begin with three figures",
        ),
        ("datev", entry(lines="D1200:1 C1200:1"), "account 1200 would be its own contra account"),
        ("datev", entry(lines="D1234567890:1 C1200:1"), "is no number of at most 9 digits, as DATEV has it"),
        ("ledger", entry(lines="D(x):1 C1930:1"), "account '(x)' is no name for a journal"),
        ("ledger", entry(currency='a"b'), "currency 'a\"b' can't stand in a journal"),
        ("beancount", entry(currency="kr"), "currency 'kr' is none for beancount"),
        ("beancount", entry(currency=""), "it has no currency, which beancount needs: give export.currency"),
        ("beancount", entry(date=datetime.date(2100, 1, 1)), "beancount reads no date after 2099"),
        ("beancount", entry(), "nobody says whether account '5010' is an asset"),
        ("csv", entry("a\tb"), "'a\\tb' has characters that a table may lose"),
        (
            "xlsx",
            entry(lines="D1:12345678901234.56 C2:12345678901234.56"),
            "has more digits than a cell's number",
        ),
    ],
)
def test_what_a_format_cannot_say_is_listed_with_the_reason(format_, one, why):
    files = written(format_, [Booking(one, False, {})])
    assert sorted(files) == ["left-out.csv", "left-out.jsonl"]
    [row] = csv.DictReader(io.StringIO(files["left-out.csv"].decode()))
    assert why in row["why"]
    assert (row["entry_id"], row["decision"]) == (one.entry_id, "auto")


def test_two_accounts_that_would_have_one_name_are_refused_and_those_that_shall_have_one_are_not():
    one = Booking(entry(lines="DExpenses:A_B:1 CExpenses:A-B:1"), False, {})
    assert b"would both be 'Expenses:A-B'" in written("beancount", [one])["left-out.csv"]
    names = {"Expenses:A_B": "Expenses:C", "Expenses:A-B": "Expenses:C"}
    assert b"Expenses:C  -1.00 SEK" in written("beancount", [one], accounts=names)[f"{COMPANY}.beancount"]


def test_an_account_of_beancount_is_its_kind_and_its_name():
    kinds = chart(a1930="asset", a2440="liability", a2081="equity")
    one = Booking(entry(lines="D1930:3 C2440:1 C2081:2"), False, {})
    content = written("beancount", [one], kinds)[f"{COMPANY}.beancount"].decode()
    assert [line for line in content.splitlines() if " open " in line] == [
        "2025-01-31 open Assets:1930",
        "2025-01-31 open Equity:2081",
        "2025-01-31 open Liabilities:2440",
    ]


def test_without_declarations_a_file_has_its_entries_alone():
    kinds = chart(a1930="asset", a5010="expense", a2641="asset")
    content = written("beancount", [Booking(entry(), False, {})], kinds, declare=False)
    assert b"open" not in content[f"{COMPANY}.beancount"]


def test_entries_without_a_currency_get_the_one_that_is_given():
    bookings = [Booking(entry(currency=""), False, {})]
    assert b" 1000.00 EUR\n" in written("hledger", bookings, currency="EUR")[f"{COMPANY}.journal"]


@pytest.mark.parametrize(
    ("company", "name"),
    [("A/B", "A%2FB"), ("..", "%2E%2E"), (".x", "%2Ex"), ("x.", "x%2E"), ("C:\\x", "C%3A%5Cx"), ("ÅÄ", "ÅÄ")],
)
def test_a_company_is_the_name_of_its_file_where_a_disk_can_have_it(company, name):
    assert f"{name}.journal" in written("hledger", [Booking(entry(entity=company), False, {})])


def test_companies_have_files_of_their_own_on_disks_without_capitals_too():
    names = ["Acme", "ACME", "x" * 300, "x" * 301]
    files = contents(written("hledger", [Booking(entry(entity=name), False, {}) for name in names]))
    assert len({name.casefold() for name in files}) == 4
    assert all(len(name) < 150 for name in files)


def test_a_company_with_several_currencies_has_a_file_for_each():
    bookings = [Booking(entry(currency=currency), False, {}) for currency in ("SEK", "EUR")]
    files = contents(written("sie", bookings))
    assert sorted(files) == [f"booked/{COMPANY} EUR.si", f"booked/{COMPANY} SEK.si"]
    assert b'#VALUTA "EUR"' in files[f"booked/{COMPANY} EUR.si"]


def test_letters_that_an_encoding_lacks_are_written_plainly():
    one = entry(description="Café – “Łódź” 5 €", journal="…")
    [content] = contents(written("sie", [Booking(one, False, {})])).values()
    assert '#VER "..." "" 20250131 "Café - \'Lódz\' 5 EUR"' in content.decode("cp437")


@pytest.mark.parametrize("letter", ["\uff02", "\uff3c", "\uff5d", "\uff1b", "\u201d"])
@pytest.mark.parametrize("format_", ["sie", "datev"])
def test_no_letter_becomes_a_mark_of_the_format(letter, format_):
    one = entry(description=f"a{letter}b", currency="EUR")
    files = written(format_, [Booking(one, False, {})])
    listed = files.pop("left-out.csv").decode()
    assert f"U+{ord(letter):04X}" in listed or not any(
        f"a{mark}b".encode() in content for content in files.values() for mark in '"\\;}'
    )
