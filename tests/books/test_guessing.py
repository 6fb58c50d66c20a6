"""Tables without a mapping: what is guessed of them, and what is refused.

A reading that nobody notices to be wrong is the worst that can happen. So books are written in random dialects,
and what is read must be equal, or refused; and by the config that a guess makes, the same must be read.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
from decimal import Decimal

import pytest
from counting import only
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from jet.books.importers import (
    Entry,
    FileEnd,
    ImportSettings,
    Rejection,
    Source,
    Undecided,
    import_file,
)
from jet.books.importers.guessing import guess
from jet.books.importers.guessing.columns import assigned
from jet.books.importers.guessing.words import FIELDS, IDS, word

SWEDISH = """\
Acme AB
Huvudbok 2025

Verifikat;Datum;Text;Konto;Kontonamn;Debet;Kredit
A1;2025-01-31;Hyra januari;0420;Lokalhyra;1 200,00;
A1;2025-01-31;Hyra januari;1930;Företagskonto;;1 200,00
A2;2025-02-28;Kaffe;5410;Förbrukning;88,50;
A2;2025-02-28;Kaffe;1930;Företagskonto;;88,50
Summa;;;;;1 288,50;1 288,50
"""


@pytest.fixture
def read(tmp_path):
    """Reads a text without a mapping, and again, with the same result, by the config that the guess makes."""

    def read(text, name="books.csv", **options):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        records = list(import_file(str(path), ImportSettings(**options)))
        (end,) = only(FileEnd, records)
        config = json.loads(end.dialect)
        again = list(import_file(str(path), ImportSettings(**config)))
        assert [each for each in again if each != FileEnd(end.file, end.lines, "tabular")] == records[:-1]
        return records, config

    return read


def lines(records):
    return {
        (entry.entry_id, str(entry.date), entry.description): [
            (line.account, line.side, line.amount) for line in entry.lines
        ]
        for entry in only(Entry, records)
    }


def refusal(tmp_path, text, **options):
    path = tmp_path / "books.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Undecided) as refused:
        list(import_file(str(path), ImportSettings(**options)))
    assert str(refused.value).startswith(f"{path}: ")
    return refused.value


def test_a_header_below_other_lines_in_swedish_with_a_decimal_comma_and_a_sum(read):
    records, config = read(SWEDISH.encode("cp1252"))
    assert lines(records) == {
        ("A1", "2025-01-31", "Hyra januari"): [("0420", "D", 1200), ("1930", "C", 1200)],
        ("A2", "2025-02-28", "Kaffe"): [("5410", "D", Decimal("88.5")), ("1930", "C", Decimal("88.5"))],
    }
    assert config["decimal_comma"] is True
    assert config["delimiter"] == ";"
    assert config["columns"]["account_name"] == "Kontonamn"
    assert not only(Rejection, records)


def test_what_is_guessed_is_said_in_five_lines(read, caplog):
    with caplog.at_level("INFO", logger="jet.ingest"):
        read(SWEDISH)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 5
    assert "utf-8, delimiter ';', header in line 4" in said[0]
    assert "entry_id: Verifikat" in said[1]
    assert said[2:] == [
        "amounts: debits and credits in two columns, decimal comma",
        "dates: with one reading",
        "entries: 2 balance, 0 break a rule",
    ]


HEADS = {
    "en": "Entry No,Posting Date,Description,Account Code,Account Name,Debit (GBP),Credit (GBP)",
    "de": "Buchungsnummer,Buchungsdatum,Buchungstext,Kontonummer,Kontobezeichnung,Soll,Haben",
    "fr": "N° écriture,Date comptable,Libellé,Numéro de compte,Intitulé du compte,Débit,Crédit",
    "sv": "Verifikationsnummer,Bokföringsdatum,Beskrivning,Konto,Kontobenämning,Debet,Kredit",
    "nl": "Boekstuknummer,Boekdatum,Omschrijving,Grootboekrekening,Rekeningnaam,Debet,Credit",
    "es": "Nº asiento,Fecha,Concepto,Cuenta,Nombre de la cuenta,Debe,Haber",
    "it": "Numero registrazione,Data registrazione,Descrizione,Conto,Descrizione conto,Dare,Avere",
    "pt": "Lançamento,Data,Histórico,Conta,Nome da conta,Débito,Crédito",
    "no": "Bilagsnr,Bokføringsdato,Beskrivelse,Kontonr,Kontonavn,Debet,Kredit",
    "da": "Bilag,Bogføringsdato,Beskrivelse,Kontonummer,Kontonavn,Debet,Kredit",
}


@pytest.mark.parametrize("language", HEADS)
def test_columns_are_known_in_ten_languages(language):
    found = assigned(HEADS[language].split(","))
    assert not found.doubts
    assert list(found.columns) == ["date", "account", "account_name", "debit", "credit", "description"]
    assert not found.unread


def test_no_word_stands_for_two_fields():
    every = [names for lists in (IDS, *FIELDS.values()) for names in lists]
    known = [each.strip() for names in every for each in names.replace("\n", "|").split("|") if each.strip()]
    assert len(known) == len(set(known))
    assert [word(each) for each in known] == known


ODOO = """\
Date,Journal,Journal Entry,Account,Partner,Label,Debit,Credit,Currency,Amount in Currency,Company
2025-01-31,Bills,BILL/1,6310 Rent,Landlord,Rent,1200.00,0.00,EUR,1100.00,Acme
2025-01-31,Bills,BILL/1,3300 Payables,Landlord,Rent,0.00,1200.00,EUR,-1100.00,Acme
"""
ERPNEXT = """\
posting_date,account,debit,credit,account_currency,against,voucher_type,voucher_no,remarks,company
2025-01-31,Rent - A,1200.00,0.00,SEK,Bank - A,Journal Entry,JV-1,Rent,Acme
2025-01-31,Bank - A,0.00,1200.00,SEK,Rent - A,Journal Entry,JV-1,Rent,Acme
"""
QUICKBOOKS = """\
*JournalNo,*JournalDate,*Currency,Memo,*AccountName,Debits,Credits,Description,Name,Location,Class
7,31/01/2025,GBP,January,Rent,1200.00,,Office rent,,,
7,31/01/2025,GBP,January,Bank,,1200.00,Office rent,,,
"""


@pytest.mark.parametrize(
    ("text", "said", "entity", "currency"),
    [
        (ODOO, "Odoo, journal items", "Acme", ""),
        (ERPNEXT, "ERPNext, GL Entry", "Acme", ""),
        (QUICKBOOKS, "QuickBooks Online, journal entries", "books", "GBP"),
    ],
)
def test_known_exports_are_read_by_what_their_columns_mean(read, caplog, text, said, entity, currency):
    with caplog.at_level("INFO", logger="jet.ingest"):
        records, _ = read(text)
    assert f"columns guessed by {said};" in caplog.text
    (entry,) = only(Entry, records)
    assert (entry.entity, entry.currency, str(entry.date)) == (entity, currency, "2025-01-31")
    assert [(line.side, line.amount, line.currency) for line in entry.lines] == [
        ("D", 1200, currency),
        ("C", 1200, currency),
    ]


# --- what is refused ---------------------------------------------------------------------------------------

ENGLISH = "Voucher,Date,Text,Account,Debit,Credit\n"


def test_a_day_that_could_be_a_month_is_refused_and_a_setting_decides(tmp_path, read):
    text = ENGLISH + "1,03/04/2025,Rent,6310,12.50,\n1,03/04/2025,Rent,1800,,12.50\n"
    why = str(refusal(tmp_path, text))
    assert "2025-04-03" in why
    assert "2025-03-04" in why
    assert "set ingest.date_format to" in why
    records, _ = read(text, date_format="%d/%m/%Y")
    assert str(only(Entry, records)[0].date) == "2025-04-03"


def test_a_thousand_that_could_be_one_is_refused_and_a_setting_decides(tmp_path, read):
    text = ENGLISH + "1,2025-04-03,Rent,6310,1.200,\n1,2025-04-03,Rent,1800,,1.200\n"
    why = str(refusal(tmp_path, text))
    assert "1.2 with a decimal point and 1200 with a decimal comma" in why
    assert "set ingest.decimal_comma" in why
    records, _ = read(text, decimal_comma=True)
    assert only(Entry, records)[0].total == 1200


def test_a_sign_that_could_be_either_side_is_refused_and_a_setting_decides(tmp_path, read):
    text = (
        "Voucher,Date,Text,Account,Value date,Amount\n1,2025-04-03,Rent,6310,,12\n1,2025-04-03,Rent,1800,,-12\n"
    )
    refused = refusal(tmp_path, text)
    assert 'set ingest.sides to {"+": D}' in str(refused)
    for plus, minus in ("DC", "CD"):
        records, _ = read(text, sides={"+": plus})
        assert [line.side for line in only(Entry, records)[0].lines] == [plus, minus]
        config = refused.config | {"sides": {"+": plus}}
        again = list(import_file(str(tmp_path / "books.csv"), ImportSettings(**config)))
        assert only(Entry, again) == only(Entry, records)


def test_ids_that_make_different_entries_are_refused(tmp_path):
    text = "Voucher,Transaction,Date,Text,Account,Debit,Credit\n" + "".join(
        f"V1,T{number},2025-04-03,Rent,6310,{number}.50,\nV1,T{number},2025-04-03,Rent,1800,,{number}.50\n"
        for number in range(3)
    )
    assert "by 'Transaction' and 'Voucher' the rows make different entries" in str(refusal(tmp_path, text))


def test_a_reference_of_several_entries_is_no_id_where_a_number_is(read):
    text = "Reference,Entry no,Date,Text,Account,Debit,Credit\n" + "".join(
        f"R,{number},2025-04-03,Rent,6310,{number}.50,\nR,{number},2025-04-03,Rent,1800,,{number}.50\n"
        for number in range(1, 4)
    )
    records, config = read(text)
    assert config["columns"]["entry_id"] == "Entry no"
    assert len(lines(records)) == 3


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (ENGLISH.replace("Date", "Datum,Date") + "1,2025-01-01,2025-01-02,x,1,2,\n", "may both be the date"),
        (ENGLISH.replace("Voucher", "Thing") + "1,2025-01-01,x,1,2,\n", "no column is known as entry_id"),
        (
            ENGLISH + "1,2025-01-01,x,1,2.50,\n1,2025-01-01,x,2,,2.60\n",
            "1 of 1 entries break a rule, the first: line 2",
        ),
        (
            "Belegnummer,Datum,Buchungstext,Konto,Gegenkonto,Betrag\n1,2025-01-01,x,1,2,2.50\n",
            "its rows have two accounts",
        ),
        (
            ENGLISH + "1,2025-01-01,x,1,2.50,\n1,2025-01-01,x,2,,2.50\n2,2025-01-01,x,,3.50,\n",
            "1 rows have no account, the first in line 4",
        ),
    ],
)
def test_what_is_not_sure_is_refused_with_a_config_to_correct(tmp_path, text, why):
    refused = refusal(tmp_path, text)
    assert why in str(refused)
    assert "ingest.columns" in str(refused) or "--config" in str(refused)
    assert refused.config["columns"]


def test_a_table_with_the_names_of_the_fields_is_not_guessed():
    text = b"entry_id,date,description,account,debit,credit,Memo\n1,2025-01-31,Rent,6310,12,\n"
    assert guess(Source("books.csv", io.BytesIO(text)), ImportSettings()) is None


def test_amounts_in_the_books_currency_do_not_get_that_of_other_amounts(read):
    text = "Voucher,Date,Text,Account,Debit,Credit,Currency,Amount (FC)\n" + (
        "1,2025-01-31,Rent,6310,12.50,,EUR,1.25\n1,2025-01-31,Rent,1800,,12.50,EUR,-1.25\n"
    )
    records, config = read(text.replace("Amount (FC)", "Foreign amount"))
    assert config["columns"]["currency"] == ""
    assert only(Entry, records)[0].currency == ""


def test_a_workbook_is_guessed_as_a_text_is(read):
    book = Workbook()
    book.active.title = "Notes"
    sheet = book.create_sheet("Bookings")
    sheet.append(["Acme GmbH"])
    sheet.append(["Buchungsnummer", "Datum", "Buchungstext", "Konto", "Betrag", "S/H"])
    for account, side in (("0420", "S"), ("1800", "H")):
        sheet.append([1, datetime.date(2025, 4, 3), "Miete", account, 1200, side])
    sink = io.BytesIO()
    book.save(sink)
    records, config = read(sink.getvalue(), "books.xlsx")
    assert lines(records) == {("1", "2025-04-03", "Miete"): [("0420", "D", 1200), ("1800", "C", 1200)]}
    assert config["sheet"] == "Bookings"


# --- books in random dialects ------------------------------------------------------------------------------

NAMES = st.sampled_from(list(HEADS))
CENTS = st.integers(1, 10_000_000)
WORDS = st.text("abcÅé xyz;,'|", min_size=1, max_size=12).map(str.strip).filter(bool)


@st.composite
def books(draw):
    """Entries as (id, day, text, lines), a line as (account, cents: a debit's positive)."""
    found = []
    for number in range(1, draw(st.integers(1, 6)) + 1):
        cents = draw(st.lists(CENTS, min_size=1, max_size=3))
        accounts = draw(st.lists(st.integers(1000, 9999), min_size=len(cents) + 1, max_size=len(cents) + 1))
        sign = draw(st.sampled_from([1, -1]))
        booked = [
            (str(account), sign * each) for account, each in zip(accounts, [*cents, -sum(cents)], strict=True)
        ]
        day = draw(st.dates(datetime.date(2000, 1, 1), datetime.date(2030, 12, 31)))
        found.append((f"{number}", day, draw(WORDS), booked))
    return found


def spelled(cents, mark, group, decimals):
    whole, rest = divmod(abs(cents), 100)
    text = f"{whole:,}".replace(",", group)
    return text if not decimals and not rest else f"{text}{mark}{rest:02}"


@st.composite
def dialects(draw):
    mark = draw(st.sampled_from(".,"))
    return {
        "mark": mark,
        "group": draw(st.sampled_from(["", " ", "'", ",."[mark == ","]])),
        "decimals": draw(st.booleans()),
        "delimiter": draw(st.sampled_from(";\t|,")),
        "date": draw(st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%y%m%d", "%d-%m-%y"])),
        "head": draw(NAMES),
        "before": draw(st.lists(st.sampled_from(["Acme", "", "Books 2025;x"]), max_size=3)),
        "fill_down": draw(st.booleans()),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "cp1252"])),
        "sums": draw(st.booleans()),
    }


def written(entries, how):
    """The entries as bytes, in a dialect."""
    sink = io.StringIO()
    sink.writelines(f"{line}\n" for line in how["before"])
    rows = csv.writer(sink, delimiter=how["delimiter"], lineterminator="\n")
    rows.writerow(HEADS[how["head"]].split(","))
    for entry_id, day, text, booked in entries:
        head = [entry_id, day.strftime(how["date"]), text]
        for account, cents in booked:
            amount = spelled(cents, how["mark"], how["group"], how["decimals"])
            rows.writerow([*head, account, "Name", *((amount, "") if cents > 0 else ("", amount))])
            if how["fill_down"]:
                head = ["", "", ""]
    if how["sums"]:
        total = sum(max(cents, 0) for *_, booked in entries for _, cents in booked)
        amount = spelled(total, how["mark"], how["group"], how["decimals"])
        rows.writerow(["Total", "", "", "", "", amount, amount])
    return sink.getvalue().encode(how["encoding"])


@settings(max_examples=60, deadline=None)
@given(entries=books(), how=dialects())
def test_books_in_any_dialect_are_read_equal_or_refused(tmp_path_factory, entries, how):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(written(entries, how))
    try:
        records = list(import_file(str(path), ImportSettings()))
    except Undecided:
        return
    assert lines(records) == {
        (entry_id, str(day), text): [
            (account, "D" if cents > 0 else "C", Decimal(abs(cents)) / 100) for account, cents in booked
        ]
        for entry_id, day, text, booked in entries
    }
    (end,) = only(FileEnd, records)
    again = list(import_file(str(path), ImportSettings(**json.loads(end.dialect))))
    assert only(Entry, again) == only(Entry, records)
