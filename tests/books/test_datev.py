"""The importer of DATEV's format. The header is the example that DATEV publishes for developers."""

import datetime
from decimal import Decimal
from io import BytesIO

import pytest
from counting import lines_of, only
from hypothesis import given, settings
from hypothesis import strategies as st

import jet
from jet.books.checks import Rule, check_entry
from jet.books.importers import (
    Account,
    Entry,
    FileEnd,
    ImportSettings,
    Passed,
    Rejection,
    Source,
    UnreadableFile,
    recognize,
)
from jet.books.importers.datev import DatevImporter

HEADER = (
    '"EXTF";700;21;"Buchungsstapel";13;20240130140440439;;"RE";"";"";29098;55003;20240101;4;20240101;20240831;'
    '"Buchungsstapel";"WD";1;0;0;"EUR";;"";;;"03";;;"";""'
)
FOUR = HEADER.replace('"03"', '"04"')
NAMES = (
    "Umsatz (ohne Soll/Haben-Kz);Soll/Haben-Kennzeichen;WKZ Umsatz;Kurs;Basis-Umsatz;WKZ Basis-Umsatz;Konto;"
    "Gegenkonto (ohne BU-Schlüssel);BU-Schlüssel;Belegdatum;Belegfeld 1;Belegfeld 2;Skonto;Buchungstext"
)


def row(amount, side, account, contra, key="", day="3101", text="Miete", document="R7", **others):
    cells = [
        amount,
        f'"{side}"',
        '"EUR"',
        "",
        others.get("base", ""),
        '""',
        account,
        contra,
        key and f'"{key}"',
    ]
    cells += [day, f'"{document}"', '""', others.get("discount", ""), f'"{text}"', *[""] * 22]
    return ";".join([*cells, f'"{others.get("cost", "")}"', '""', others.get("reversed", "")])


def read(*rows, header=HEADER, names=NAMES, encoding="cp1252", **options):
    data = "\r\n".join([header, names, *rows]).encode(encoding)
    return list(DatevImporter().records(Source("EXTF_x.csv", BytesIO(data)), ImportSettings(**options)))


def booked(*rows, **options):
    (entry,) = only(Entry, read(*rows, **options))
    assert check_entry(entry) is None
    return [(line.account, line.side, line.amount) for line in entry.lines]


def test_a_row_is_an_entry_of_two_accounts():
    records = read(row("1234,50", "S", "4210", "1200", text="Büro", cost="K1"))
    (entry,) = only(Entry, records)
    assert (entry.entity, entry.date, entry.description) == ("29098-55003", datetime.date(2024, 1, 31), "Büro")
    assert (entry.currency, entry.total, entry.file_line) == ("EUR", Decimal("1234.5"), 3)
    assert [(line.account, line.side) for line in entry.lines] == [("4210", "D"), ("1200", "C")]
    assert entry.lines[0].dimensions == (("KOST1", "K1"),)
    assert entry.entry_id.startswith("2024-01-31~")
    assert only(Account, records) == [
        Account("29098-55003", "4210", "", nature="expense"),
        Account("29098-55003", "1200", "", nature="asset"),
    ]
    assert records[-1] == FileEnd("EXTF_x.csv", 3, "datev", entity="29098-55003")


@pytest.mark.parametrize(
    ("header", "cells", "expected"),
    [
        (HEADER, ("119,00", "S", "4930", "70000", "9"), "4930 D 100, 70000 C 119, 1576 D 19"),
        (HEADER, ("119,00", "H", "70000", "4930", "9"), "70000 C 119, 4930 D 100, 1576 D 19"),
        (HEADER, ("107", "S", "10000", "8500", "2"), "10000 D 107, 8500 C 100, 1771 C 7"),
        (FOUR, ("119,00", "S", "6815", "1800", "9"), "6815 D 100, 1800 C 119, 1406 D 19"),
        (FOUR, ("107,00", "S", "10000", "4500", "02"), "10000 D 107, 4500 C 100, 3801 C 7"),
        # accounts that DATEV taxes by itself, and the key that keeps it from that
        (HEADER, ("119,00", "S", "10000", "8400"), "10000 D 119, 8400 C 100, 1776 C 19"),
        (FOUR, ("107,00", "S", "5300", "70000"), "5300 D 100, 70000 C 107, 1401 D 7"),
        (HEADER, ("119,00", "S", "10000", "8400", "40"), "10000 D 119, 8400 C 119"),
        (HEADER, ("119,00", "S", "10000", "8120", "1"), "10000 D 119, 8120 C 119"),
        (HEADER, ("119,00", "S", "2750", "8400"), "2750 D 119, 8400 C 100, 1776 C 19"),
        # the buyer owes the tax: the price is net
        (
            HEADER,
            ("100,00", "S", "4909", "70000", "94"),
            "4909 D 100, 70000 C 100, 1577 D 19, 1787 C 19",
        ),
        # reversals, by their key and by a sign
        (HEADER, ("119,00", "S", "4930", "70000", "29"), "4930 C 100, 70000 D 119, 1576 C 19"),
        (HEADER, ("-119", "S", "4930", "70000", "9"), "4930 C 100, 70000 D 119, 1576 C 19"),
        (HEADER, ("50", "S", "4930", "70000", "20"), "4930 C 50, 70000 D 50"),
        # a cent is rounded once, so that the entry balances
        (
            HEADER,
            ("0,99", "S", "4930", "1000", "9"),
            "4930 D 0.83, 1000 C 0.99, 1576 D 0.16",
        ),
    ],
)
def test_keys_and_accounts_imply_lines_of_tax(header, cells, expected):
    said = [(account, side, amount.normalize()) for account, side, amount in booked(row(*cells), header=header)]
    assert ", ".join(f"{account} {side} {amount:f}" for account, side, amount in said) == expected


def test_rates_are_those_of_the_day():
    late = HEADER.replace("20240101;4;20240101;20240831", "20200101;4;20200101;20201231")
    assert booked(row("116", "S", "4930", "70000", "9", "3108"), header=late)[2] == ("1575", "D", 16)
    assert booked(row("119", "S", "4930", "70000", "9", "3006"), header=late)[2] == ("1576", "D", 19)
    old = HEADER.replace("20240101;4;20240101;20240831", "20060101;4;20060101;20061231")
    assert booked(row("116", "S", "10000", "8400", "", "3108"), header=old)[2] == ("1775", "C", 16)
    (rejection,) = only(Rejection, read(row("105", "S", "4930", "70000", "8", "3108"), header=late))
    assert rejection.rule == Rule.TAX_KEY


def test_a_column_may_say_that_a_row_is_a_reversal():
    names = NAMES + ";" * 25 + "Generalumkehr (GU)"
    assert booked(row("50", "S", "4930", "70000", reversed="1"), names=names)[0] == ("4930", "C", 50)


def test_longer_accounts_have_their_tax_on_longer_ones_and_zeros_in_front_come_back():
    header = HEADER.replace(";20240101;4;", ";20240101;5;")
    assert booked(row("119", "S", "49300", "700000", "9"), header=header)[2] == ("15760", "D", 19)
    assert booked(row("5", "S", "420", "1200"))[0] == ("0420", "D", 5)


def test_the_chart_shows_in_the_accounts_where_the_header_has_none():
    bare = HEADER.replace('"03"', '""')
    rows = [row("119", "S", "4930", "70000", "9")]
    sale = row("5", "S", "10000", "8100")
    (first, _) = only(Entry, read(*rows, sale, header=bare))
    assert first.lines[2].account == "1576"
    (first,) = only(Entry, read(row("119", "S", "6815", "70000", "9"), header=bare))
    assert first.lines[2].account == "1406"
    (rejection,) = only(Rejection, read(*rows, header=bare))
    assert rejection.rule == Rule.TAX_KEY
    assert "write 03 or 04" in rejection.message


@pytest.mark.parametrize(
    ("cells", "others", "rule", "why"),
    [
        (("119", "S", "4930", "70000", "506"), {}, Rule.TAX_KEY, "which tax the BU-Schlüssel '506' stands for"),
        (("119", "S", "4930", "4940", "9"), {}, Rule.TAX_KEY, "of which of the accounts 4930 and 4940"),
        (("119", "S", "1200", "70000", "9"), {}, Rule.TAX_KEY, "of which of the accounts"),
        (("119", "S", "8300", "8400"), {}, Rule.TAX_KEY, "of which of the accounts 8300 and 8400"),
        (("119", "S", "70000", "1200"), {"discount": "3,00"}, Rule.TAX_KEY, "Skonto"),
        (("119", "X", "4930", "70000"), {}, Rule.BAD_SIDE, "must be S or H"),
        (("1x", "S", "4930", "70000"), {}, Rule.BAD_AMOUNT, "can't be read"),
        (("119", "S", "4930", ""), {}, Rule.MISSING_ACCOUNT, "no Gegenkonto"),
        (("119", "S", "4930", "70000"), {"day": "3002"}, Rule.BAD_DATE, "no day in the year"),
        (("119", "S", "4930", "70000"), {"day": "x"}, Rule.BAD_DATE, "not like 3101"),
        (("119", "S", "4930", "70000"), {"text": 'a"b'}, Rule.MALFORMED, "quote within a text as two"),
    ],
)
def test_a_row_that_can_not_be_known_is_rejected_with_the_reason(cells, others, rule, why):
    records = read(row(*cells, **others), row("5", "S", "4210", "1200"))
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line) == (rule, 3)
    assert why in rejection.message
    assert len(only(Entry, records)) == 1
    assert lines_of(records) == 4


def test_the_year_is_that_of_the_period_or_of_the_fiscal_year():
    header = HEADER.replace("20240101;4;20240101;20240831", "20230701;4;20240101;20240131")
    rows = [row("5", "S", "4210", "1200", day=day) for day in ("101", "3101", "0107", "31122023")]
    assert [str(entry.date) for entry in only(Entry, read(*rows, header=header))] == [
        "2024-01-01",
        "2024-01-31",
        "2024-07-01",
        "2023-12-31",
    ]


def test_foreign_amounts_are_taken_in_the_currency_of_the_books():
    foreign = row("110,00", "S", "4210", "1200", base="100,00").replace('"EUR"', '"USD"', 1)
    (entry,) = only(Entry, read(foreign))
    assert (entry.total, entry.currency) == (100, "EUR")
    (entry,) = only(Entry, read(foreign.replace(";100,00;", ";;")))
    assert (entry.total, entry.currency) == (110, "USD")


def test_balances_carried_forward_are_passed_over():
    records = read(row("5", "S", "1200", "9000"), row("5", "S", "4210", "1200"))
    assert Passed("EXTF_x.csv", "opening balance", 1) in records
    assert len(only(Entry, records)) == 1


def test_equal_rows_have_ids_of_their_own_in_the_end(tmp_path):
    path = tmp_path / "EXTF_a.csv"
    path.write_bytes("\n".join([HEADER, NAMES, *[row("5", "S", "4210", "1200")] * 2]).encode("cp1252"))
    assert recognize(str(path), path.read_bytes()).name == "datev"
    ids = jet.read(path).entries["entry_id"].to_pylist()
    assert len(set(ids)) == 2


def test_files_of_accounts_name_those_of_the_bookings(tmp_path):
    names = HEADER.replace('21;"Buchungsstapel"', '20;"Kontenbeschriftungen"')
    partners = HEADER.replace('21;"Buchungsstapel"', '16;"Debitoren/Kreditoren"')
    for name, rows in {
        "EXTF_a.csv": [HEADER, NAMES, row("5", "S", "420", "70000")],
        "EXTF_b.csv": [names, "Konto;Kontenbeschriftung;SprachId", '420;"Büromöbel";"de-DE"'],
        "EXTF_c.csv": [partners, "Konto;Name;;Name", '70000;"";"";"Müller"', '70001;"Firma";"";""'],
    }.items():
        (tmp_path / name).write_bytes("\r\n".join(rows).encode("cp1252"))
    accounts = jet.read(tmp_path).accounts.to_pylist()
    assert {each["code"]: each["name"] for each in accounts} == {
        "0420": "Büromöbel",
        "70000": "Müller",
        "70001": "Firma",
    }


def test_other_files_of_datev_are_refused_by_name():
    header = HEADER.replace('21;"Buchungsstapel"', '46;"Zahlungsbedingungen"')
    with pytest.raises(UnreadableFile, match=r"holds 'Zahlungsbedingungen', no entries and no accounts"):
        read(header=header)


drawn = st.builds(
    row,
    st.sampled_from(["119,00", "5", "-3,33", "0", "x", "1.234"]),
    st.sampled_from(["S", "H", ""]),
    st.sampled_from(["4930", "1200", "70000", "8400", "420", ""]),
    st.sampled_from(["1200", "10000", "8300", "9000", "4930"]),
    st.sampled_from(["", "9", "3", "94", "29", "506", "40"]),
    st.sampled_from(["3101", "101", "3002", ""]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(drawn | st.sampled_from(["", ";;", '"', "x"]), max_size=8), st.sampled_from([HEADER, FOUR]))
def test_every_line_is_accounted_for_and_every_entry_balances(rows, header):
    records = read(*rows, header=header)
    assert lines_of(records) == only(FileEnd, records)[0].lines
    for entry in only(Entry, records):
        fault = check_entry(entry)
        assert fault is None or fault.rule in (Rule.NO_LINES, Rule.ONE_SIDED, Rule.MISSING_ACCOUNT)
