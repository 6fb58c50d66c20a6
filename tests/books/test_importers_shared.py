"""What all importers share, and the real ledgers of ../shared: every entry imported or rejected."""

import datetime
import gzip
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from counting import only
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.checks import Rule
from jet.books.importers import (
    FORMATS,
    IMPORTERS,
    Account,
    Entry,
    FileEnd,
    ImportSettings,
    Line,
    Passed,
    Rejection,
    UnreadableFile,
    expand,
    import_file,
    recognize,
    to_tables,
)
from jet.books.schema import ACCOUNTS, ENTRIES, FILES, REJECTED

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
SIE_FILES = sorted(path.name for path in SHARED.glob("sie/*"))
LEDGER = "2015/01/24 Lyft\n    Expenses:Travel  $5\n    Assets:Bank\n"

needs_shared = pytest.mark.skipif(not SIE_FILES, reason="there are no real ledgers in ../shared/data")


def is_of_lines(record):
    """Whether a record stands for a voucher by itself: it is used, or rejected."""
    return isinstance(record, Entry) or (isinstance(record, Rejection) and record.used_for == "nothing")


def made(tmp_path, name, content):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


@pytest.mark.shared
@needs_shared
@pytest.mark.parametrize("name", SIE_FILES)
def test_every_voucher_of_a_real_file_is_imported_or_rejected(name):
    path = SHARED / "sie" / name
    lines = path.read_bytes().splitlines()
    vouchers = [number for number, line in enumerate(lines, 1) if re.match(rb"\s*#VER\b", line, re.IGNORECASE)]
    records = list(import_file(str(path), ImportSettings()))
    rejections = only(Rejection, records)
    assert [x.file_line for x in records if is_of_lines(x)] == vouchers
    assert {rejection.rule for rejection in rejections} <= {
        Rule.NO_LINES,
        Rule.UNBALANCED,
        Rule.UNKNOWN_ACCOUNT,
    }
    assert all(rejection.entity and rejection.entry_id for rejection in rejections)


@pytest.mark.shared
@needs_shared
def test_real_files_are_decoded_rightly_and_few_vouchers_are_rejected():
    by_rule: Counter[tuple[str, str]] = Counter()
    texts = []
    for name in SIE_FILES:
        for record in import_file(str(SHARED / "sie" / name), ImportSettings()):
            if isinstance(record, Rejection):
                by_rule[record.rule, record.used_for] += 1
            elif (
                isinstance(record, Account | Entry) and "underdim" not in name
            ):  # holds replacement characters already
                texts.append(record.name if isinstance(record, Account) else record.description)
    assert set("".join(texts)) - set(map(chr, range(32, 127))) <= set("åäöÅÄÖéÉü´½§°")
    assert by_rule == {
        (Rule.NO_LINES, "nothing"): 5,
        (Rule.UNKNOWN_ACCOUNT, "all"): 37,
        (Rule.UNBALANCED, "lines"): 1,
    }


@pytest.mark.shared
@needs_shared
def test_every_entry_of_a_real_journal_is_imported_or_rejected():
    records = list(import_file(str(SHARED / "hackclub" / "main.ledger"), ImportSettings()))
    entries, accounts = only(Entry, records), only(Account, records)
    assert (len(entries), [x.rule for x in only(Rejection, records)]) == (1359, [Rule.NO_LINES])
    assert {entry.entity for entry in entries} == {"hackclub"}
    assert {account.nature for account in accounts} == {"asset", "liability", "income", "expense"}
    assert all(entry.currency == "USD" and entry.total for entry in entries)


@pytest.mark.shared
@needs_shared
def test_real_ledgers_become_tables_of_the_schemas():
    for path in expand([str(SHARED / "sie"), str(SHARED / "hackclub" / "main.ledger")]):
        for tables in to_tables(import_file(path, ImportSettings()), batch=100):
            for table, schema in zip(tables, (ENTRIES, ACCOUNTS, REJECTED, FILES), strict=True):
                assert table.schema == schema
                table.validate(full=True)


def test_the_importers_have_the_names_that_settings_know():
    assert tuple(IMPORTERS) == FORMATS


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.se", "#FLAGGA 0\n", "sie"),
        ("a.txt", '#VER A 1 20200131 ""\n', "sie"),
        ("a.csv", "JournalCode|EcritureNum|EcritureDate|CompteNum|EcritureLib|Debit|Credit\n", "fec"),
        ("a.xml", "<?xml version='1.0'?>\n<n1:AuditFile xmlns:n1='urn:x'>", "auditfile"),
        ("a.csv", '"EXTF";700;21;"Buchungsstapel"', "datev"),
        ("a.csv", "DTVF;700;20;Kontenbeschriftungen", "datev"),
        ("a.xml", "<?xml version='1.0'?><!-- by <tool> -->\n<!-- 2 --><auditfile>", "auditfile"),
        ("a.xml", "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.02'>", "camt"),
        ("a.sta", "{1:F01}{4:\r\n:20:X\r\n:25:DE1\r\n:28C:1\r\n:60F:C250101EUR0,", "mt940"),
        ("a.ofx", "OFXHEADER:100\r\nDATA:OFXSGML\r\n", "ofx"),
        ("a.qfx", '<?xml version="1.0"?>\n<?OFX OFXHEADER="200" VERSION="211"?>\n<OFX>', "ofx"),
        ("a.gnucash", "<?xml version='1.0'?><gnc-v2 xmlns:gnc='x'>", "gnucash"),
        ("a", "SQLite format 3\0", "database"),
        ("a", "\0\0\0\0\0\0\0\0DUCK", "database"),
        ("a.txt", LEDGER, "ledger"),
        ("a.jsonl", '{"entry_id": "1"}', "jsonl"),
        ("a.csv", "entry_id,date,description\n", "tabular"),
        ("a", "PAR1\0", "tabular"),
        ("a", "PK\x03\x04\x14\0[Content_Types].xml", "tabular"),
    ],
)
def test_formats_are_recognized(name, content, expected):
    assert recognize(name, content.encode()).name == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.se", b"", "empty"),
        ("a.se", b" \r\n\t", "empty"),
        ("a.se", b"#FLAGGA\0", "binary"),
        ("a.se", b"\x7fELF\0\0", "binary"),
        ("a.csv.gz", gzip.compress(b"x", mtime=0), "gzip; unpack"),
        ("a.csv", "a,date,b".encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        ("a.md", b"# Notes\n\nSome words.\n", "no known format; set format to one of sie"),
    ],
)
def test_a_file_that_cannot_be_imported_is_named_with_the_way_out(tmp_path, name, content, message):
    path = made(tmp_path, name, content)
    with pytest.raises(UnreadableFile, match=message) as error:
        import_file(path, ImportSettings())
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(UnreadableFile, match="no such file"):
        import_file(str(tmp_path / "x.se"), ImportSettings())
    with pytest.raises(UnreadableFile, match="a folder"):
        import_file(str(tmp_path), ImportSettings())


def test_a_line_without_end_is_unreadable(tmp_path):
    path = made(tmp_path, "a.jsonl", b"{" + b" " * (17 << 20))
    with pytest.raises(UnreadableFile, match="without a newline"):
        list(import_file(path, ImportSettings()))


def test_a_given_format_is_taken(tmp_path):
    path = made(tmp_path, "a.md", "# a comment\n" + LEDGER)
    assert len(only(Entry, import_file(path, ImportSettings(format="ledger")))) == 1


def test_entries_are_checked_and_rejected_in_their_place(tmp_path):
    rows = ["1,2020-01-31,x,1,D,5", "1,2020-01-31,x,2,C,4", "2,2020-01-31,y,,,"]
    path = made(tmp_path, "a.csv", "\n".join(["entry_id,date,description,account,side,amount", *rows]))

    def kinds(**options):
        records = import_file(path, ImportSettings(**options))
        return [type(record) for record in records if not isinstance(record, Passed | FileEnd)]

    assert kinds() == [Entry, Rejection, Entry, Account, Account]  # its accounts and sides are used
    assert kinds(strict=True) == [Rejection, Entry, Account, Account]
    assert kinds(tolerance=1) == [Entry, Entry, Account, Account]


def test_ids_are_unique_within_an_entity(tmp_path):
    row = '{"entry_id": "1", "date": "%s", "entity": "%s"}\n'
    rows = [
        ("2020-01-31", "E"),
        ("2020-01-31", "F"),
        ("2020-01-31", "E"),
        ("2021-01-04", "E"),
        ("2021-01-04", "E"),
    ]
    path = made(tmp_path, "a.jsonl", "".join(row % each for each in rows))
    records = [
        record for record in import_file(path, ImportSettings()) if isinstance(record, Entry | Rejection)
    ]
    assert [getattr(record, "rule", None) for record in records] == [
        *(None, None, Rule.DUPLICATE_ID, None, Rule.DUPLICATE_ID)
    ]
    assert [entry.entry_id for entry in only(Entry, records)] == ["1", "1", "1-20210104"]  # numbers begin anew


def test_paths_expand_to_files_sorted_and_each_once(tmp_path):
    files = [made(tmp_path, name, "x") for name in ("b.se", "a.csv", "sub/c.md", "sub/.hidden", ".git/d")]
    found = list(expand([str(tmp_path / "*.se"), str(tmp_path), files[1]]))
    assert found == sorted([files[0], files[1], files[2]])
    assert list(expand([str(tmp_path / "**" / "*.md")])) == [files[2]]
    assert expand([]) == {}


@pytest.mark.parametrize(
    ("pattern", "why"),
    [("nothing.se", "no such file"), ("*.nothing", "no such file"), ("empty", "no file is in this folder")],
)
def test_a_path_that_matches_nothing_is_named(tmp_path, pattern, why):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnreadableFile, match=f"{re.escape(pattern)}: {why}"):
        expand([str(tmp_path / pattern)])


def test_a_name_with_characters_of_a_pattern_is_a_file(tmp_path):
    path = made(tmp_path, "books [2020].se", "x")
    assert list(expand([path])) == [path]


def test_tables_hold_what_the_records_hold():
    day = datetime.date(2020, 1, 31)
    lines = [
        Line("1", "D", Decimal("1E+2"), "SEK", "t", (("6", "P1"), ("1", "20"))),
        Line("2", "C", None),
    ]
    entries = [
        Entry("E", "1", day, "x", "SEK", "A", Decimal("100.5"), lines, "f", 1),
        Entry("E", "2", day, "y", "", "", None, None, "f", 2),
        Entry("E", "3", day, "z", "", "", None, [], "f", 3),
    ]
    ((table, accounts, rejected, _),) = to_tables(
        [
            *entries,
            Account("E", "1", "Bank", None, "asset", day),
            Rejection("f", 4, "r", "m", None, None, "x"),
        ]
    )
    assert (table.schema, accounts.schema, rejected.schema) == (ENTRIES, ACCOUNTS, REJECTED)
    rows = table.to_pylist()
    assert [None if row["lines"] is None else len(row["lines"]) for row in rows] == [2, None, 0]
    assert rows[0]["total"] == Decimal("100.5")
    assert rows[0]["lines"][0] == {
        "account": "1",
        "side": "D",
        "amount": Decimal(100),
        "currency": "SEK",
        "text": "t",
        "dimensions": [{"dimension": "6", "object": "P1"}, {"dimension": "1", "object": "20"}],
    }
    assert rows[0]["lines"][1]["amount"] is None
    assert accounts.to_pylist()[0]["opened"] == day
    assert rejected.to_pylist()[0]["entity"] is None


def test_tables_come_in_batches_and_at_least_once():
    accounts = [Account("E", str(code), "") for code in range(25)]
    assert [tables[1].num_rows for tables in to_tables(accounts, batch=10)] == [10, 10, 5]
    assert [tables[1].num_rows for tables in to_tables(accounts[:10], batch=10)] == [10]
    assert [[table.num_rows for table in tables] for tables in to_tables([])] == [[0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "xls"}, "format"),
        ({"entity": " "}, "entity"),
        ({"encoding": "klingon"}, "encoding"),
        ({"encoding": "utf-16"}, "encoding"),
        ({"encoding": "base64"}, "encoding"),
        ({"tolerance": -1}, "tolerance"),
        ({"tolerance": float("nan")}, "tolerance"),
        ({"columns": {"konto": "x"}}, "columns: konto"),
        ({"date_format": "%d.%m."}, "date_format"),
        ({"date_format": "%"}, "date_format"),
        ({"delimiter": ",,"}, "delimiter"),
        ({"quote": "''"}, "quote"),
        ({"quote": "\\"}, "quote"),
        ({"quote": ";", "delimiter": ";"}, "quote"),
        ({"skip_lines": -1}, "skip_lines"),
        ({"sides": {"S": "debit"}}, "sides"),
    ],
)
def test_settings_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        ImportSettings(**options)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(FORMATS),
    st.binary(max_size=60),
    st.sampled_from([b"#VER A 1 ", b'{"', b"2015/01/24 ", b""]),
)
def test_no_bytes_break_a_file(tmp_path_factory, format_, data, start):
    path = made(tmp_path_factory.getbasetemp(), "fuzz", start + data)
    try:
        for tables in to_tables(import_file(path, ImportSettings(format=format_))):
            assert all(isinstance(table, pa.Table) for table in tables)
    except UnreadableFile:
        return


@pytest.mark.parametrize(
    ("file", "head", "why"),
    [
        ("a.zip", b"PK\x03\x04\x14\0books.csv", "packed with zip; unpack it"),
        ("a.xml", b'\xef\xbb\xbf<?xml version="1.0"?><Invoice/>', "XML or HTML"),
        ("a.xls", b"\n<html><table></table></html>", "XML or HTML"),
    ],
)
def test_what_isnt_read_is_called_by_its_name(file, head, why):
    with pytest.raises(UnreadableFile, match=why):
        recognize(file, head)
