"""The importer of audit files in XML: SAF-T and XAF."""

import datetime
import re
from decimal import Decimal
from io import BytesIO

import pytest
from audit_files import NETHERLANDS, NORWAY, PORTUGAL, ROMANIA
from counting import lines_of, only
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.checks import Rule
from jet.books.importers import (
    Account,
    Entry,
    FileEnd,
    ImportSettings,
    Line,
    Passed,
    Rejection,
    Source,
    UnreadableFile,
    common,
    import_file,
    xml_elements,
)
from jet.books.importers.auditfile import AuditFileImporter
from jet.books.importers.xml_elements import MOST_DEPTH


def read(text, encoding=None, file="a.xml", **options):
    encoding = encoding or (re.search('encoding="(.*?)"', text) or ["", "utf-8"])[1]
    source = Source(file, BytesIO(text.encode(encoding)))
    return list(AuditFileImporter().records(source, ImportSettings(**options)))


def lines(entry):
    return [(line.account, line.side, line.amount) for line in entry.lines]


def test_a_transaction_becomes_an_entry():
    records = read(NORWAY)
    (entry,) = only(Entry, records)
    assert entry == Entry(
        entity="Ålesund Fisk AS",
        entry_id="7-2025",
        date=datetime.date(2025, 1, 31),
        description="Husleie januar",
        currency="NOK",
        journal="GL",
        total=Decimal(125),
        lines=[
            Line("6300", "D", Decimal(100), "NOK", "Leie", (("Avdeling", "10"),)),
            Line("2710", "D", Decimal(25), "NOK", "Mva"),
            Line("1920", "C", Decimal(125), "NOK", "Bank"),
        ],
        file="a.xml",
        file_line=50,
        file_lines=3,
    )
    assert records[-1] == FileEnd("a.xml", 6, "auditfile", "SAF-T NO", "Ålesund Fisk AS", "999999999")
    assert Passed("a.xml", "account", 3) in records
    assert only(Account, records) == [
        Account("Ålesund Fisk AS", "1920", "Bank", nature="asset"),
        Account("Ålesund Fisk AS", "2710", "Inngående mva", nature="liability"),
        Account("Ålesund Fisk AS", "6300", "Leie lokale", nature="expense"),
    ]


@pytest.mark.parametrize(
    ("text", "entity", "entry_id", "booked", "dialect"),
    [
        (
            *(PORTUGAL, "Pão e Companhia, Lda.", "2024-01-31 2 17-2024"),
            *([("6261", "D", 100), ("2432", "D", 23), ("12", "C", 123)], "SAF-T PT"),
        ),
        (
            *(ROMANIA, "Pâine SRL", "17-2024"),
            *([("612", "D", 100), ("4426", "D", 19), ("5121", "C", 119)], "SAF-T RO"),
        ),
        (
            *(NETHERLANDS, "Brood BV", "20-17-2024"),
            *([("4100", "D", 100), ("1520", "D", 21), ("1100", "C", 121)], "XAF"),
        ),
    ],
)
def test_each_country_has_its_elements(text, entity, entry_id, booked, dialect):
    records = read(text)
    (entry,) = only(Entry, records)
    assert (entry.entity, entry.entry_id, lines(entry)) == (entity, entry_id, booked)
    assert records[-1].dialect == dialect
    assert lines_of(records) == records[-1].lines
    assert not only(Rejection, records)


def test_accounts_have_parents_where_the_chart_has_them():
    chart = {account.code: account for account in only(Account, read(PORTUGAL))}
    assert chart["6261"] == Account("Pão e Companhia, Lda.", "6261", "Rendas", "62", "expense")
    assert chart["62"].parent is None


def test_opening_balances_are_passed_over_and_costs_are_dimensions():
    records = read(NETHERLANDS)
    assert Passed("a.xml", "opening balance", 2) in records
    assert only(Entry, records)[0].lines[0].dimensions == (("cost", "K1"),)


def test_a_file_without_namespace_and_with_other_letters_is_read():
    old = """<auditfile><header><companyName>Oud</companyName><currencyCode>EUR</currencyCode></header>
    <transactions><journal><journalID>1</journalID><transaction><transactionID>5</transactionID>
    <transactionDate>2004-01-31</transactionDate>
    <line><accountID>4</accountID><description>x</description><debitAmount>5</debitAmount></line>
    <line><accountID>1</accountID><creditAmount>5</creditAmount></line>
    </transaction></journal></transactions></auditfile>"""
    (entry,) = only(Entry, read(old))
    assert (entry.entity, entry.entry_id, entry.currency, entry.description) == ("Oud", "1-5-2004", "EUR", "x")


def test_what_names_the_company_is_a_setting():
    assert read(NORWAY, entity="Mine")[-1].entity == "Mine"
    assert read(NORWAY, entity_from="org_number")[-1].entity == "999999999"
    assert read(re.sub("<n1:Company>.*</n1:Company>", "", NORWAY, flags=re.S), file="b/c.xml")[-1].entity == "c"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ("<n1:TransactionDate>2025-01-31<", "<n1:TransactionDate>31.01.2025<", Rule.BAD_DATE),
        (">100.00</n1:Amount></n1:Debit", ">x</n1:Amount></n1:Debit", Rule.BAD_AMOUNT),
        (">100.00</n1:Amount></n1:Debit", "></n1:Amount></n1:Debit", Rule.BAD_AMOUNT),
        ("<n1:DebitAmount><n1:Amount>100.00</n1:Amount></n1:DebitAmount>", "", Rule.BAD_AMOUNT),
        ("<n1:TransactionID>7</n1:TransactionID>", "", Rule.MISSING_ID),
        (">100.00</n1:Amount></n1:Debit", ">99</n1:Amount></n1:Debit", Rule.UNBALANCED),
        ("<n1:DebitAmount>", "<n1:CreditAmount>5</n1:CreditAmount><n1:DebitAmount>", Rule.BAD_SIDE),
        ("<n1:AccountID>6300</n1:AccountID>\n          <", "<", Rule.MISSING_ACCOUNT),
    ],
)
def test_a_transaction_that_breaks_a_rule_is_rejected_with_its_line(tmp_path, old, new, rule):
    assert old in NORWAY
    path = tmp_path / "a.xml"
    path.write_text(NORWAY.replace(old, new, 1))
    records = list(import_file(str(path), ImportSettings(strict=True)))
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line, rejection.file_lines) == (rule, 50, 3)
    assert not only(Entry, records)
    assert lines_of(records) == records[-1].lines


def test_a_side_of_an_xaf_is_d_or_c():
    (rejection,) = only(
        Rejection, read(NETHERLANDS.replace("121.00</amnt><amntTp>C", "121.00</amnt><amntTp>X"))
    )
    assert rejection.rule == Rule.BAD_SIDE


def test_an_account_that_the_chart_lacks_has_no_name_and_is_reported():
    text = NORWAY.replace("<n1:AccountID>1920</n1:AccountID>\n", "<n1:AccountID>1921</n1:AccountID>\n")
    records = read(text)
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.used_for, rejection.file_lines) == (Rule.UNKNOWN_ACCOUNT, "all", 0)
    assert Account("Ålesund Fisk AS", "1921", "", nature="asset") in records
    assert len(only(Entry, records)) == 1
    assert lines_of(records) == records[-1].lines
    strict = read(text, strict=True)
    assert not only(Entry, strict)
    assert lines_of(strict) == strict[-1].lines


def test_a_transaction_without_lines_counts_as_one(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(re.sub("<n1:Line>.*</n1:Line>", "", NORWAY, flags=re.S))
    records = list(import_file(str(path), ImportSettings()))
    assert [each.rule for each in only(Rejection, records)] == [Rule.NO_LINES]
    assert lines_of(records) == records[-1].lines == 4


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252", "cp850"])
def test_the_declared_encoding_is_that_of_the_file(encoding):
    assert read(NORWAY.replace('encoding="utf-8"', f'encoding="{encoding}"'))[-1].entity == "Ålesund Fisk AS"


def test_an_encoding_that_is_not_the_declared_one_can_be_set():
    with pytest.raises(UnreadableFile, match=r"a.xml: line 10: .*ingest.encoding"):
        read(NORWAY, encoding="cp1252")
    source = Source("a.xml", BytesIO(NORWAY.encode("cp1252")))
    records = list(AuditFileImporter().records(source, ImportSettings(encoding="cp1252")))
    assert records[-1].entity == "Ålesund Fisk AS"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('<!DOCTYPE AuditFile><AuditFile xmlns="u"/>', r"line 1: the XML has a document type"),
        ('<!DOCTYPE a [<!ENTITY x "y">]><AuditFile>&x;</AuditFile>', r"document type"),
        ("<AuditFile>&x;</AuditFile>", r"undefined entity"),
        (NORWAY[: len(NORWAY) // 2], r"line \d+: the XML is broken \(.*\); export it again"),
        ("<AuditFile>" + "<a>" * MOST_DEPTH, r"nested more than 100 deep"),
        ("<AuditFile><!-- " + "x" * (2 << 20), r"a tag or comment has more than"),
        ("<AuditFile><a b='" + "x" * (2 << 20), r"a tag or comment has more than"),
        ('<?xml version="1.0" encoding="klingon"?><AuditFile/>', r"ingest.encoding"),
        ('<?xml version="1.0" encoding="big5"?><AuditFile/>', r"ingest.encoding"),
    ],
)
def test_xml_that_is_not_read_is_refused_with_the_way_out(text, why):
    with pytest.raises(UnreadableFile, match=why) as error:
        read(text, encoding="utf-8")
    assert str(error.value).startswith("a.xml: line ")
    assert len(str(error.value)) < 500


def test_a_transaction_with_too_much_in_it_is_rejected_and_the_rest_goes_on(monkeypatch):
    monkeypatch.setattr(common, "KEPT_LINES", 50)
    for module in (common, xml_elements):
        monkeypatch.setattr(module, "LONGEST_ENTRY", 100_000)
    line = re.search("<trLine>.*?</trLine>", NETHERLANDS, re.S)[0]
    journal = re.search("<transaction>.*</transaction>", NETHERLANDS, re.S)[0]
    many = journal.replace(line, line * 55)
    long = journal.replace("<desc>Huur</desc>", f"<desc>{'x' * 100_001}</desc>")
    records = read(NETHERLANDS.replace(journal, many + long + journal))
    assert [each.rule for each in only(Rejection, records)] == [Rule.TOO_MANY_LINES, Rule.TEXT_TOO_LONG]
    assert len(only(Entry, records)) == 1
    assert lines_of(records) == records[-1].lines


names = st.sampled_from(
    ["Transaction", "Line", "AccountID", "DebitAmount", "Amount", "CreditAmount", "Journal"]
)
trees = st.recursive(
    st.sampled_from(["5", "-5", "x", "2025-01-31", "", "7"]),
    lambda inner: st.tuples(names, st.lists(inner, max_size=4)).map(
        lambda tree: f"<{tree[0]}>{''.join(tree[1])}</{tree[0]}>"
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None)
@given(trees)
def test_every_line_of_every_transaction_is_accounted_for(tree):
    records = read(f"<AuditFile><GeneralLedgerEntries>{tree}</GeneralLedgerEntries></AuditFile>")
    assert lines_of(records) == only(FileEnd, records)[0].lines
