"""The importer of GnuCash's own files."""

import datetime
import gzip
import io
from dataclasses import replace
from decimal import Decimal

import pytest
from counting import lines_of, only
from gnucash_books import ACCOUNTS, TRANSACTIONS, in_sqlite, in_xml
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
    recognize,
)
from jet.books.importers.gnucash import GnuCashImporter, xml

RENT = TRANSACTIONS[0]


def write_xml(path, **book):
    path.write_text(in_xml(**book))


def write_gzip(path, **book):
    path.write_bytes(gzip.compress(in_xml(**book).encode()))


WRITERS = [write_xml, write_gzip, in_sqlite]


def read(path, write=write_xml, options=None, **book):
    write(path, **book)
    return list(import_file(str(path), ImportSettings(**(options or {}))))


def changed(splits):
    return [(*RENT[:4], splits)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "book.gnucash"


@pytest.mark.parametrize("write", WRITERS)
def test_a_book_has_the_same_entries_in_each_kind_of_file(path, write):
    records = read(path, write)
    (entry,) = only(Entry, records)
    assert replace(entry, file="", file_line=0) == Entry(
        entity="Müller KG",
        entry_id="t1",
        date=datetime.date(2025, 1, 31),
        description="Rent é",
        currency="EUR",
        journal="",
        total=Decimal("1200.1"),
        lines=[
            Line("6310", "D", Decimal("1200.1"), "EUR", "January"),
            Line("1800", "C", Decimal("1200.1"), "EUR"),
        ],
        file="",
        file_line=0,
        file_lines=2,
    )
    line = in_xml().splitlines().index('  <trn:id type="guid">t1</trn:id>')
    assert entry.file_line == (4 if write is in_sqlite else line)
    assert {(each.code, each.name, each.parent, each.nature) for each in only(Account, records)} == {
        ("1", "Assets", None, "asset"),
        ("1800", "Bank", "1", "asset"),
        ("6310", "Rent", None, "expense"),
        ("3000", "Opening Balances", None, "equity"),
    }
    passed = {record.reason: record.lines for record in only(Passed, records)}
    assert passed == {"account": 7, "opening balance": 2, "void": 2, "template": 1}
    assert only(FileEnd, records) == [FileEnd(str(path), 14, "gnucash", "", "Müller KG", "DE1")]
    assert lines_of(records) == 14


@pytest.mark.parametrize("write", WRITERS)
def test_accounts_are_called_by_their_full_names_where_not_all_have_a_code(path, write):
    accounts = [(*each[:3], "" if each[0] == "rent" else each[3], each[4]) for each in ACCOUNTS]
    records = read(path, write, accounts=accounts)
    assert [line.account for line in only(Entry, records)[0].lines] == ["Rent", "Assets:Bank"]
    accounts = [(*each[:3], "" if each[0] == "assets" else each[3], each[4]) for each in ACCOUNTS]
    records = read(path.with_name("c"), write, accounts=accounts)
    assert [line.account for line in only(Entry, records)[0].lines] == ["6310", "1800"]
    assert Account("Müller KG", "1800", "Bank", "Assets", "asset") in records
    accounts = [(*each[:3], "7", each[4]) for each in ACCOUNTS]
    records = read(path.with_name("b"), write, accounts=accounts)
    assert [line.account for line in only(Entry, records)[0].lines] == ["Rent", "Assets:Bank"]


@pytest.mark.parametrize("write", WRITERS)
def test_parents_in_a_circle_end(path, write):
    accounts = [(*each[:4], "bank" if each[0] == "assets" else each[4]) for each in ACCOUNTS]
    records = read(path, write, accounts=[(*each[:3], "", each[4]) for each in accounts])
    assert len(only(Entry, records)) + len(only(Rejection, records)) == 1


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("splits", "rule"),
    [
        ([("a", "rent", (5, 1), "", "n"), ("b", "nowhere", (-5, 1), "", "n")], Rule.MISSING_ACCOUNT),
        ([("a", "rent", (5, 0), "", "n"), ("b", "bank", (-5, 1), "", "n")], Rule.BAD_AMOUNT),
        ([("a", "rent", ("x", 1), "", "n"), ("b", "bank", (-5, 1), "", "n")], Rule.BAD_AMOUNT),
        ([("a", "rent", (5, 1), "", "n"), ("b", "bank", (-4, 1), "", "n")], Rule.UNBALANCED),
        ([("a", "rent", (0, 1), "", "n")], Rule.NO_LINES),
        ([], Rule.NO_LINES),
    ],
)
def test_a_transaction_that_breaks_a_rule_is_rejected(path, write, splits, rule):
    records = read(path, write, {"strict": True}, transactions=changed(splits))
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.entry_id, rejection.file_lines) == (rule, "t1", max(1, len(splits)))
    assert lines_of(records) == only(FileEnd, records)[0].lines


@pytest.mark.parametrize("write", WRITERS)
def test_fractions_that_are_no_decimals_are_rounded_to_cents(path, write):
    splits = [("a", "rent", (10, 3), "", "n"), ("b", "bank", (-10, 3), "", "n")]
    records = read(path, write, transactions=changed(splits))
    assert only(Entry, records)[0].total == Decimal("3.33")
    assert [(each.rule, each.used_for) for each in only(Rejection, records)] == [
        (Rule.TOO_MANY_DECIMALS, "all")
    ]


@pytest.mark.parametrize("write", WRITERS)
def test_a_transaction_of_too_many_splits_is_rejected(monkeypatch, path, write):
    monkeypatch.setattr(common, "KEPT_LINES", 50)
    splits = [(f"n{number}", "rent", (1, 1), "", "n") for number in range(55)]
    records = read(path, write, transactions=[*changed(splits), ("t9", *RENT[1:])])  # fmt: skip
    assert [each.rule for each in only(Rejection, records)] == [Rule.TOO_MANY_LINES]
    assert [entry.entry_id for entry in only(Entry, records)] == ["t9"]
    assert lines_of(records) == only(FileEnd, records)[0].lines


@pytest.mark.parametrize(
    ("posted", "day"),
    [
        (("2025-01-31", "10:59:00"), 31),  # as GnuCash writes days today
        (("2025-01-30", "23:00:00"), 31),  # midnight in Berlin
        (("2025-01-31", "05:00:00"), 31),  # midnight in New York
        (("2025-01-31", "00:00:00"), 31),
    ],
)
def test_a_day_that_a_database_has_as_a_midnight_somewhere_is_that_day(path, posted, day):
    records = read(path, in_sqlite, transactions=[("t1", *posted, *RENT[3:])], days_in_slots=False)
    assert only(Entry, records)[0].date == datetime.date(2025, 1, day)


def test_times_in_older_databases_have_no_marks(path):
    then = "UPDATE transactions SET post_date = '20250130230000'"
    records = read(path, in_sqlite, transactions=[RENT], days_in_slots=False, then=then)
    assert str(only(Entry, records)[0].date) == "2025-01-31"


def test_a_database_from_a_store_is_read_too(path):
    in_sqlite(path)
    source = Source("s3://books/a.gnucash", io.BytesIO(path.read_bytes()), "s3://books/a.gnucash")
    assert len(only(Entry, GnuCashImporter().records(source, ImportSettings()))) == 1


def test_who_keeps_the_book_is_a_setting_or_the_files_name(path):
    assert read(path, options={"entity": "Mine"})[-1].entity == "Mine"
    path.write_text(in_xml().replace("Company Name", "x").replace("Company ID", "y"))
    assert list(import_file(str(path), ImportSettings()))[-1].entity == "book"


@pytest.mark.parametrize(
    ("then", "why"),
    [
        ("DROP TABLE splits", r"without the tables splits, so no book of GnuCash"),
        ("DROP TABLE slots; CREATE VIEW slots AS SELECT 1 AS obj_guid", r"without the tables slots"),
        ("DROP TABLE slots; CREATE VIRTUAL TABLE slots USING fts5(obj_guid)", r"without the tables slots"),
        (
            "ALTER TABLE splits DROP COLUMN memo",
            r"can't be read \(no such column: s.memo\); open it in GnuCash",
        ),
    ],
)
def test_a_database_that_is_no_book_is_refused(path, then, why):
    with pytest.raises(UnreadableFile, match=why) as error:
        read(path, in_sqlite, then=then)
    assert str(error.value).startswith(f"{path}: ")


def test_a_broken_file_is_refused_with_the_way_out(path, monkeypatch):
    in_sqlite(path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(UnreadableFile, match="the database can't be read"):
        list(import_file(str(path), ImportSettings()))
    write_gzip(path)
    packed = path.read_bytes()
    path.write_bytes(packed[:-20])
    with pytest.raises(UnreadableFile, match="can't be unpacked"):
        list(import_file(str(path), ImportSettings()))
    path.write_bytes(packed)
    monkeypatch.setattr(xml, "LARGEST", 1000)
    with pytest.raises(UnreadableFile, match="more than 1,000 bytes unpacked"):
        list(import_file(str(path), ImportSettings()))


def test_only_books_are_read_of_what_is_packed_and_of_xml(path):
    with pytest.raises(UnreadableFile, match="packed with gzip; unpack it"):
        recognize("a.gnucash", gzip.compress(b"<other/>"))
    path.write_text(in_xml().replace("<gnc-v2", "<!DOCTYPE a><gnc-v2", 1))
    with pytest.raises(UnreadableFile, match="document type"):
        list(import_file(str(path), ImportSettings()))


values = st.tuples(st.integers(-500, 500), st.sampled_from([1, 100, 1000, 3]))
drawn = st.lists(
    st.tuples(
        st.sampled_from(["rent", "bank", "opening", "none"]),
        values,
        st.sampled_from(["", "m"]),
        st.sampled_from("nvc"),
    ),
    max_size=4,
)


@settings(max_examples=12, deadline=None)
@given(st.lists(drawn, max_size=4))
def test_both_kinds_of_files_say_the_same_and_every_line_is_accounted_for(tmp_path_factory, books):
    transactions = [
        (f"t{number}", "2025-01-31", "10:59:00", "x", [
            (f"s{number}-{place}", *split) for place, split in enumerate(splits)
        ])
        for number, splits in enumerate(books)
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("books")
    found = []
    for write in WRITERS:
        records = read(folder / write.__name__, write, transactions=transactions)
        assert lines_of(records) == only(FileEnd, records)[0].lines
        entries = {entry.entry_id: sorted(map(str, entry.lines)) for entry in only(Entry, records)}
        found.append((entries, sorted(each.rule for each in only(Rejection, records))))
    assert found[0] == found[1] == found[2]
