"""The FEC importer.

The samples follow article A47 A-1 of the LPF (18 columns; 21 for cash accounting) and what real files do
otherwise.
"""

import datetime
from decimal import Decimal
from io import BytesIO

import pytest
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
    fec,
    import_file,
    recognize,
)
from jet.books.importers.fec import FecImporter

NAMES = (
    *("JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "CompAuxNum"),
    *("CompAuxLib", "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit", "EcritureLet", "DateLet"),
    *("ValidDate", "Montantdevise", "Idevise"),
)
FILE = "books/123456789FEC20241231.txt"


def row(journal, number, day, account, debit="", credit="", text="x", **others):
    cells = {"JournalCode": journal, "EcritureNum": number, "EcritureDate": day, "CompteNum": account}
    cells |= {"EcritureLib": text, "Debit": debit, "Credit": credit, "PieceDate": day, "ValidDate": "20250131"}
    return [(cells | others).get(name, "") for name in NAMES]


def file_of(*rows, delimiter="\t", names=NAMES, encoding="utf-8", end="\r\n"):
    return end.join(delimiter.join(cells) for cells in [names, *rows]).encode(encoding)


def read(data, file=FILE, **options):
    return list(FecImporter().records(Source(file, BytesIO(data)), ImportSettings(**options)))


def lines(entry):
    return [(line.account, line.side, line.amount) for line in entry.lines]


PURCHASE = (
    row("AC", "12", "20240115", "606400", "100,00", "0,00", "Papier", CompteLib="Fournitures", PieceRef="F7"),
    row("AC", "12", "20240115", "445660", "20,00", "0,00", "TVA", CompteLib="TVA déductible", PieceRef="F7"),
    row("AC", "12", "20240115", "401000", "0,00", "120,00", "Dupont", CompAuxNum="DUP", CompAuxLib="Dupont"),
)
SALE = (row("VE", "12", "20240116", "411000", "60,5"), row("VE", "12", "20240116", "706000", "", "60,5"))


def test_rows_become_an_entry_of_the_company_that_the_files_name_says():
    records = read(file_of(*PURCHASE))
    (entry,) = only(Entry, records)
    assert entry == Entry(
        entity="123456789",
        entry_id="AC-12-2024",
        date=datetime.date(2024, 1, 15),
        description="Papier",
        currency="EUR",
        journal="AC",
        total=Decimal(120),
        lines=[
            Line("606400", "D", Decimal(100), "EUR", "Papier"),
            Line("445660", "D", Decimal(20), "EUR", "TVA"),
            Line("401000", "C", Decimal(120), "EUR", "Dupont", (("CompAux", "DUP"),)),
        ],
        file=FILE,
        file_line=2,
        file_lines=3,
    )
    assert only(FileEnd, records) == [FileEnd(FILE, 4, "fec", entity="123456789", org_number="123456789")]
    assert only(Account, records)[:2] == [
        Account("123456789", "606400", "Fournitures", nature="expense"),
        Account("123456789", "445660", "TVA déductible"),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "iso8859-15", "cp1252"])
@pytest.mark.parametrize("delimiter", ["\t", "|", ";"])
def test_delimiters_and_encodings_are_found_in_the_bytes(delimiter, encoding):
    rows = [
        row("BQ", "1", "20240101", "512", "5", text="Œuvre à 5 €"),
        row("BQ", "1", "20240101", "7", "", "5"),
    ]
    (entry,) = only(Entry, read(file_of(*rows, delimiter=delimiter, encoding=encoding)))
    assert entry.description == "Œuvre à 5 €"


def test_a_file_is_recognized_by_its_columns_whatever_its_name(tmp_path):
    for name, data in [
        ("a.csv", file_of(*PURCHASE)),
        ("a", file_of(*PURCHASE, names=[name.upper() for name in NAMES], delimiter="|")),
        ("a.txt", b"\xef\xbb\xbf" + file_of(*PURCHASE)),
    ]:
        assert recognize(name, data).name == "fec"
        (tmp_path / name).write_bytes(data)
        assert only(Entry, import_file(str(tmp_path / name), ImportSettings()))[0].entity == "a"
    assert recognize("a.csv", b"entry_id,date,description\n").name == "tabular"
    with pytest.raises(UnreadableFile, match="no header of a FEC: name JournalCode"):
        read(b"JournalCode\tDebit\n")


def test_montant_and_sens_take_the_place_of_debit_and_credit():
    names = [{"Debit": "Montant", "Credit": "Sens"}.get(name, name) for name in NAMES]
    for debit, credit, options in [
        ("D", "C", {}),
        ("+1", "-1", {}),
        ("Débit", "Crédit", {}),
        ("x", "y", {"sides": {"x": "D", "y": "C"}}),
    ]:
        rows = [row("A", "1", "20240101", "6", "5,5", debit), row("A", "1", "20240101", "4", "5,5", credit)]
        (entry,) = only(Entry, read(file_of(*rows, names=names), **options))
        assert lines(entry) == [("6", "D", Decimal("5.5")), ("4", "C", Decimal("5.5"))]
    (rejection,) = only(Rejection, read(file_of(*rows, names=names)))
    assert (rejection.rule, rejection.file_lines) == (Rule.BAD_SIDE, 2)


def test_a_sign_beside_a_word_that_says_the_same_is_no_second_one():
    names = [{"Debit": "Montant", "Credit": "Sens"}.get(name, name) for name in NAMES]
    rows = [row("A", "1", "20240101", "6", "5", "D"), row("A", "1", "20240101", "4", "-5", "C")]
    (entry,) = only(Entry, read(file_of(*rows, names=names)))
    assert lines(entry) == [("6", "D", 5), ("4", "C", 5)]


def test_a_negative_debit_is_a_credit_and_zeros_are_no_lines():
    rows = [row("A", "1", "20240101", "6", "-5,00", "0"), row("A", "1", "20240101", "4", "0", "-5,00")]
    (entry,) = only(Entry, read(file_of(*rows, row("A", "1", "20240101", "9", "0,00", "0,00"))))
    assert lines(entry) == [("6", "C", 5), ("4", "D", 5)]


def test_a_row_with_two_sides_rejects_its_entry():
    (rejection,) = only(Rejection, read(file_of(row("A", "1", "20240101", "6", "5", "5"))))
    assert rejection.rule == Rule.BAD_SIDE


@pytest.mark.parametrize(
    ("written", "with_it", "expected"),
    [
        ("1,234", "", Decimal("1.234")),  # by law
        ("1,234", "2.50", 1234),
        ("1.234", "2,50", 1234),
        ("1.234", "2.50", Decimal("1.234")),
        ("1234.50", "", Decimal("1234.5")),
        ("1 234,50", "", Decimal("1234.5")),
    ],
)
def test_the_decimal_mark_is_that_of_the_files_other_amounts_and_else_the_laws(written, with_it, expected):
    rows = [row("A", "1", "20240101", "6", written), row("A", "1", "20240101", "4", "", written)]
    if with_it:
        rows += [row("A", "2", "20240101", "6", with_it), row("A", "2", "20240101", "4", "", with_it)]
    assert only(Entry, read(file_of(*rows)))[0].total == expected


def test_an_amount_with_two_readings_is_rejected_with_both():
    rows = [row("A", "1", "20240101", "6", "1.234"), row("A", "1", "20240101", "4", "", "1.234")]
    (rejection,) = only(Rejection, read(file_of(*rows)))
    assert rejection.rule == Rule.BAD_AMOUNT
    assert "ingest.decimal_comma" in rejection.message
    assert only(Entry, read(file_of(*rows), decimal_comma=True))[0].total == 1234


def test_numbers_are_of_their_journal_and_rows_may_lie_apart():
    first, second, third = PURCHASE
    entries = only(Entry, read(file_of(first, SALE[0], third, SALE[1], second)))
    assert [(entry.entry_id, len(entry.lines), entry.file_line) for entry in entries] == [
        ("VE-12-2024", 2, 3),
        ("AC-12-2024", 3, 2),
    ]


def test_in_a_draft_days_tell_entries_apart_and_documents_where_each_balances():
    rows = [
        row("OD", "0", "20240101", "6", "5"),
        row("OD", "0", "20240101", "4", "", "5"),
        row("OD", "0", "20240102", "6", "7", PieceRef="a"),
        row("OD", "0", "20240102", "6", "8", PieceRef="b"),
        row("OD", "0", "20240102", "4", "", "7", PieceRef="a"),
        row("OD", "0", "20240102", "4", "", "8", PieceRef="b"),
        row("OD", "0", "20240103", "6", "9", PieceRef="c"),
        row("OD", "0", "20240103", "4", "", "9", PieceRef="d"),
    ]
    entries = only(Entry, read(file_of(*rows)))
    assert [(entry.entry_id, str(entry.date), entry.total) for entry in entries] == [
        ("OD-0-2024", "2024-01-01", 5),
        ("OD-0-a-2024", "2024-01-02", 7),
        ("OD-0-b-2024", "2024-01-02", 8),
        ("OD-0-2024", "2024-01-03", 9),
    ]


def test_entries_without_a_number_have_an_id_from_their_content():
    rows = [row("OD", "", "20240101", "6", "5"), row("OD", "", "20240101", "4", "", "5")]
    (entry,) = only(Entry, read(file_of(*rows)))
    assert entry.entry_id.startswith("2024-01-01~")


def test_an_entry_may_have_days_of_its_own_where_only_all_rows_balance():
    rows = [row("OD", "1", "20240101", "6", "5"), row("OD", "1", "20240131", "4", "", "5")]
    (entry,) = only(Entry, read(file_of(*rows)))
    assert (str(entry.date), entry.total) == ("2024-01-01", 5)


@pytest.mark.parametrize(
    ("code", "name"),
    [("AN", ""), ("RAN", "Report à nouveau"), ("OUV", "Bilan d'ouverture"), ("X", "A-Nouveaux")],
)
def test_balances_carried_forward_are_no_entries_and_name_accounts(code, name):
    rows = [
        row(code, "1", "20240101", "512", "5", JournalLib=name, CompteLib="Banque"),
        row(code, "1", "20240101", "101", "", "5", JournalLib=name),
    ]
    records = read(file_of(*rows, *SALE))
    assert [entry.journal for entry in only(Entry, records)] == ["VE"]
    assert Passed(FILE, "opening balance", 2) in records
    assert Account("123456789", "512", "Banque", nature="asset") in records


def test_a_header_may_end_with_an_empty_field_and_cash_accounts_have_more_of_them():
    assert only(Entry, read(file_of(*SALE, names=[*NAMES, ""])))
    more = [*NAMES, "DateRglt", "ModeRglt", "NatOp"]
    blank = [
        ["", "", *cells[2:], "20240116", "CB", "recette"] for cells in (row("", "1", "20240101", "512", "5"),)
    ]
    records = read(file_of(*[[*cells, "20240116", "CB", "x"] for cells in SALE], *blank, names=more))
    assert len(only(Entry, records)) == 2


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (row("A", "1", "20241301", "6", "5"), Rule.BAD_DATE),
        (row("A", "1", "20240101", "6", "5x"), Rule.BAD_AMOUNT),
        (row("A", "1", "20240101", "6", "5")[:9], Rule.MALFORMED),
        ([*row("A", "1", "20240101", "6", "5"), "more"], Rule.MALFORMED),
    ],
)
def test_a_row_that_can_not_be_read_rejects_its_entry_and_the_rest_goes_on(broken, rule):
    records = read(file_of(broken, row("A", "1", "20240101", "4", "", "5"), *SALE))
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line, rejection.file_lines) == (rule, 2, 2)
    assert [entry.journal for entry in only(Entry, records)] == ["VE"]
    assert lines_of(records) == 5


def test_rows_that_are_waited_for_in_vain_are_rejected_once_an_entry(monkeypatch):
    monkeypatch.setattr(fec, "MOST_HELD_BYTES", 3000)
    rows = [row("A", str(number), "20240101", "6", "5") for number in range(8)]
    rows += [row("A", str(number), "20240101", "4", "", "5") for number in range(8)]
    records = read(file_of(*rows))
    rejections = only(Rejection, records)
    assert {rejection.rule for rejection in rejections} == {Rule.NOT_ADJACENT}
    assert rejections[0].entry_id is None
    assert len(rejections) + len(only(Entry, records)) == 8
    assert lines_of(records) == 17


amounts = st.decimals(min_value=1, max_value=10**9, places=2).map(lambda amount: f"{amount}".replace(".", ","))
drawn = st.tuples(
    st.sampled_from(["AC", "VE", "AN", ""]),
    st.sampled_from(["1", "2", ""]),
    st.sampled_from(["20240101", "20240102", "31/01/2024", "x"]),
    st.sampled_from(["6", "4", ""]),
    st.sampled_from(["5", "", "-5", "1.234", "x"]),
    st.sampled_from(["5", "", "0,00", "1,234"]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(drawn.map(lambda cells: row(*cells)) | st.just([""]) | st.just(["x", "y"]), max_size=12))
def test_every_line_of_a_file_is_accounted_for(rows):
    records = read(file_of(*rows, end="\n"))
    assert lines_of(records) == only(FileEnd, records)[0].lines


@settings(max_examples=60, deadline=None)
@given(st.lists(amounts, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_entries_come_back_in_whatever_order_their_rows_are(written, random):
    rows = []
    for number, amount in enumerate(written):
        rows.append(row("A", str(number), "20240101", "6", amount, "0,00"))
        rows.append(row("A", str(number), "20240101", "4", "0,00", amount))
    random.shuffle(rows)
    entries = only(Entry, read(file_of(*rows)))
    totals = {entry.entry_id: entry.total for entry in entries}
    assert totals == {
        f"A-{number}-2024": Decimal(amount.replace(",", ".")) for number, amount in enumerate(written)
    }
