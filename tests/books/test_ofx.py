"""Bank statements in OFX, SGML and XML: entries to predict, of which the bank's line is known."""

from __future__ import annotations

import datetime
from decimal import Decimal
from io import BytesIO

import pytest
from bank_statements import OFX, OFX_XML
from counting import only

from jet.books.checks import Rule
from jet.books.importers import Entry, FileEnd, ImportSettings, Line, Passed, Rejection, Source, UnreadableFile
from jet.books.importers.ofx import OfxImporter

OURS = {"999 988": "1000", "4111": "2100"}


def read(text, **options):
    settings = ImportSettings(**({"bank_accounts": OURS} | options))
    return list(OfxImporter().records(Source("bank/acme.ofx", BytesIO(text.encode())), settings))


def test_each_transaction_is_an_entry_to_predict_with_the_banks_line_known():
    rent, check, refund = only(Entry, read(OFX))
    assert rent.lines is None
    assert rent.total is None
    assert (rent.entity, rent.date, rent.currency) == ("acme", datetime.date(2025, 1, 31), "USD")
    assert (rent.description, rent.direction, rent.file_line) == ("Smith & Sons", "out", 18)
    assert rent.known_lines == [Line("1000", "C", Decimal(1200), "USD")]
    assert check.known_lines == [Line("1000", "C", Decimal("35.5"), "USD")]
    assert check.description == "CHECK 1025"
    assert refund.known_lines == [Line("1000", "D", Decimal("80.1"), "EUR")]
    assert (refund.date, refund.direction) == (datetime.date(2025, 1, 29), "in")
    assert refund.description == "TELIA refund for January"


def test_a_transaction_that_takes_back_another_is_for_a_person():
    (rejection,) = only(Rejection, read(OFX))
    assert (rejection.rule, rejection.file_line) == (Rule.INCONSISTENT, 32)
    assert "'00016'" in rejection.message


def test_xml_is_read_and_what_is_pending_is_passed_over():
    records = read(OFX_XML, entity="Acme")
    (coffee,) = only(Entry, records)
    assert (coffee.entity, coffee.description, coffee.currency) == ("Acme", "Café Two coffees", "EUR")
    assert coffee.known_lines == [Line("2100", "C", Decimal("4.2"), "EUR")]
    assert only(Passed, records) == [Passed("bank/acme.ofx", "not booked (pending)", 1)]
    assert only(FileEnd, records) == [FileEnd("bank/acme.ofx", 2, "ofx")]


def test_sgml_on_one_line_or_with_all_its_ends_is_the_same():
    first = [(each.entry_id, each.description) for each in only(Entry, read(OFX))]
    flat = OFX.replace("refund\nfor", "refund for")
    closed = (
        flat.replace("<MEMO>\n", "")
        .replace("-1200.00\n", "-1200.00</TRNAMT>\n")
        .replace("1025\n", "1025</STMTTRN>\n")
    )
    for text in (flat.replace("\n", ""), flat.replace("\n", "\r\n"), closed):
        assert [(each.entry_id, each.description) for each in only(Entry, read(text))] == first


def test_ids_are_the_same_in_a_statement_that_overlaps():
    first, *others = (each.entry_id for each in only(Entry, read(OFX)))
    start, end = OFX.index("<STMTTRN>"), OFX.index("</STMTTRN>") + len("</STMTTRN>")
    assert [each.entry_id for each in only(Entry, read(OFX[:start] + OFX[end:]))] == others
    assert first not in others


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("999 988", "999 987", Rule.UNKNOWN_ACCOUNT),
        ("<TRNAMT>-1200.00", "<TRNAMT>-1.200,00", Rule.BAD_AMOUNT),
        ("<DTPOSTED>20250131003000", "<DTPOSTED>20251331003000", Rule.BAD_DATE),
        ("<DTPOSTED>20250131003000[+1:CET]", "", Rule.BAD_DATE),
    ],
)
def test_what_cant_be_read_is_rejected_with_its_line(old, new, rule):
    rejection = only(Rejection, read(OFX.replace(old, new)))[0]
    assert (rejection.rule, rejection.file_line, rejection.file_lines) == (rule, 18, 1)


def test_a_transaction_without_end_of_text_is_rejected_and_nesting_without_end_refused():
    long = OFX.replace("TELIA refund", "x" * (1 << 24))
    assert [each.rule for each in only(Rejection, read(long))] == [Rule.TEXT_TOO_LONG, Rule.INCONSISTENT]
    with pytest.raises(UnreadableFile, match=r"acme.ofx: line 19: .* nested more than 100 deep"):
        read(OFX.replace("<TRNTYPE>DEBIT", "<A>" * 200))
