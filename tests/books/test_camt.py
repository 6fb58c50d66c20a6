"""Bank statements in camt.053: entries to predict, of which the bank's line is known."""

from __future__ import annotations

import datetime
from decimal import Decimal
from io import BytesIO

import pytest
from bank_statements import CAMT, CAMT_08, IBAN
from counting import only

from jet.books.checks import Rule
from jet.books.importers import Entry, FileEnd, ImportSettings, Line, Passed, Rejection, Source, UnreadableFile
from jet.books.importers.camt import CamtImporter

OURS = {IBAN: "1800", "1234-5": "1930"}


def read(text, **options):
    settings = ImportSettings(**({"bank_accounts": OURS} | options))
    return list(CamtImporter().records(Source("statement.xml", BytesIO(text.encode())), settings))


def test_each_booked_entry_is_one_to_predict_with_the_banks_line_known():
    rent, refund, fee = only(Entry, read(CAMT))
    assert rent.lines is None
    assert rent.total is None
    assert (rent.entity, rent.date, rent.currency) == ("Acme", datetime.date(2025, 1, 31), "EUR")
    assert rent.description == "Office Landlord Rent January R-17"
    assert (rent.direction, rent.file_line) == ("out", 10)
    assert rent.known_lines == [Line("1800", "C", Decimal("1200.00000000"), "EUR")]
    assert refund.known_lines == [Line("1800", "D", Decimal("80.1"), "EUR")]  # a debit that was taken back
    assert (refund.direction, refund.description) == ("in", "Telia RF18")
    assert refund.date == datetime.date(2025, 1, 31)
    assert fee.known_lines == [Line("1800", "C", Decimal(9), "USD")]
    assert (fee.date, fee.description) == (datetime.date(2025, 2, 1), "Card fee")


def test_what_is_not_booked_yet_is_passed_over_and_every_entry_is_counted():
    records = read(CAMT)
    assert only(Passed, records) == [Passed("statement.xml", "not booked (PDNG)", 1)]
    assert only(FileEnd, records) == [FileEnd("statement.xml", 4, "camt")]


def test_version_8_and_accounts_without_iban_are_read_and_a_batch_is_one_entry():
    (entry,) = only(Entry, read(CAMT_08, entity="Acme"))
    assert entry.entity == "Acme"
    assert entry.description == "Ann Bo"
    assert entry.known_lines == [Line("1930", "D", Decimal(300), "SEK")]


def test_ids_are_the_same_in_a_statement_that_overlaps():
    first, _, last = (each.entry_id for each in only(Entry, read(CAMT)))
    start, end = CAMT.index("<Ntry>"), CAMT.index("</Ntry>") + len("</Ntry>")
    rest = [each.entry_id for each in only(Entry, read(CAMT[:start] + CAMT[end:]))]
    assert first not in rest
    assert last in rest


def test_an_unknown_bank_account_is_rejected_with_its_number_and_the_setting():
    rejections = only(Rejection, read(CAMT, bank_accounts={"SE00": "1"}))
    assert {each.rule for each in rejections} == {Rule.UNKNOWN_ACCOUNT}
    assert len(rejections) == 3
    assert IBAN in rejections[0].message
    assert "ingest.bank_accounts" in rejections[0].message


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("DBIT</CdtDbtInd><Sts>BOOK", "D</CdtDbtInd><Sts>BOOK", Rule.BAD_SIDE),
        (">1200.00<", ">1200,0,0<", Rule.BAD_AMOUNT),
        ("<BookgDt><Dt>2025-01-31", "<BookgDt><Dt>31.01.2025", Rule.BAD_DATE),
    ],
)
def test_what_cant_be_read_is_rejected_with_its_line(old, new, rule):
    rejection = only(Rejection, read(CAMT.replace(old, new, 1)))[0]
    assert (rejection.rule, rejection.file_line) == (rule, 10)


def test_a_document_type_is_refused():
    with pytest.raises(UnreadableFile, match="DOCTYPE"):
        read(CAMT.replace("<Document", "<!DOCTYPE Document []>\n<Document", 1))


def test_a_bank_account_needs_an_account_of_the_books():
    with pytest.raises(ValueError, match="bank_accounts"):
        ImportSettings(bank_accounts={IBAN: " "})
