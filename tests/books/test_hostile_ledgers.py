"""Ledgers that nobody should write: what each comes to, and within which memory.

docs/hostile-input.md has the table of all cases, with the tests' names. Where a case is the same in several
formats, it is written by `WRITERS`, and every file ends with an entry that must come through.
"""

from __future__ import annotations

import datetime
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from counting import only

from jet.books import importers
from jet.books.checks import MAX_LINES, Rule
from jet.books.importers import (
    Account,
    Entry,
    ImportSettings,
    Line,
    Record,
    Rejection,
    UnreadableFile,
    import_file,
    to_tables,
)
from jet.books.importers.common import parse_date, text_lines
from jet.books.importers.journal import MOST_LEVELS
from ray_jobs.runtime.terminal import printable

DAY = "2025-01-31"
USUAL = [("1930", "-5"), ("5010", "5")]
MB = 1 << 20


def sie(number: int, text: str = "x", lines=USUAL, date: str = DAY) -> str:
    rows = "".join(f"#TRANS {account} {{}} {amount}\n" for account, amount in lines)
    return f'#VER A {number} {date} "{text}"\n{{\n{rows}}}\n'


def ledger(_number: int, text: str = "x", lines=USUAL, date: str = DAY) -> str:
    return f"{date} {text}\n" + "".join(f"  A:{account}  {amount}\n" for account, amount in lines)


def jsonl(number: int, text: str = "x", lines=USUAL, date: str = DAY) -> str:
    rows = [
        {"account": account, "side": "C" if amount[0] == "-" else "D", "amount": amount.lstrip("-")}
        for account, amount in lines
    ]
    entry = {"entry_id": str(number), "date": date, "description": text, "lines": rows}
    return json.dumps(entry, ensure_ascii=False) + "\n"


def csv(number: int, text: str = "x", lines=USUAL, date: str = DAY) -> str:
    return "".join(f"{number},{date},{text},{account},{amount}\n" for account, amount in lines)


WRITERS: dict[str, Callable[..., str]] = {"se": sie, "ledger": ledger, "jsonl": jsonl, "csv": csv}
HEADERS = {"se": "#FLAGGA 0\n", "csv": "entry_id,date,description,account,amount\n"}

every_format = pytest.mark.parametrize("format_", WRITERS)


def file_of(tmp_path, format_: str, *entries: str | bytes) -> str:
    """A file of entries, and then one with the number 99 that nothing is wrong with."""
    path = tmp_path / f"book.{format_}"
    with path.open("wb") as stream:
        for text in (HEADERS.get(format_, ""), *entries, WRITERS[format_](99, "last")):
            stream.write(text if isinstance(text, bytes) else text.encode())
    return str(path)


def read(path: str, **options) -> list[Record]:
    return list(import_file(path, ImportSettings(**options)))


def rules(records) -> list[str]:
    return [rejection.rule for rejection in only(Rejection, records)]


def come_through(records) -> list[str]:
    return [entry.description for entry in only(Entry, records)]


def tables_of(records) -> list[int]:
    """How many entries, accounts and rejections the tables hold."""
    counts = [0, 0, 0]
    for tables in to_tables(records):
        for number, table in enumerate(tables[:3]):
            table.validate(full=True)
            counts[number] += len(table)
    return counts


MEASURED = """
import collections, json, resource, sys
from jet.books.importers import ImportSettings, UnreadableFile, import_file, to_tables
def peak():  # of this process alone, which getrusage is not where another started it
    try:
        status = open("/proc/self/status").read()
        return int(status.partition("VmHWM:")[2].split()[0]) >> 10
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20
before, counts, rules = peak(), [0, 0, 0], collections.Counter()
try:
    for tables in to_tables(import_file(sys.argv[1], ImportSettings())):
        counts = [count + len(table) for count, table in zip(counts, tables[:3])]
        rules.update(tables[2]["rule"].to_pylist())
    refused = ""
except UnreadableFile as error:
    refused = str(error)
print(json.dumps({"counts": counts, "rules": rules, "refused": refused, "mb": peak() - before}))
"""


def measured(path: str) -> dict:
    """What a process of its own makes of a file, and how many MB it took beyond what it takes anyway."""
    done = subprocess.run([sys.executable, "-c", MEASURED, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- too much of something ---------------------------------------------------------------------------------


far_too_many_lines = pytest.mark.parametrize(
    ("lines", "megabytes"), [(200_000, 64), pytest.param(1_000_000, 128, marks=pytest.mark.nightly)]
)
"""All of 200,000 lines together would take 80 MB; importing takes 41 MB in any case."""


@far_too_many_lines
@pytest.mark.parametrize("format_", ["se", "ledger", "csv"])
def test_an_entry_of_far_too_many_lines_is_rejected_in_little_memory(tmp_path, format_, lines, megabytes):
    text = WRITERS[format_](1, lines=[("1930", "-5"), ("5010", "5")] * (lines // 2))
    found = measured(file_of(tmp_path, format_, text))
    assert found["rules"] == {Rule.TOO_MANY_LINES: 1}
    assert found["counts"][0] == 1
    assert found["mb"] < megabytes


def test_a_million_lines_in_one_line_of_json_make_the_file_unreadable_within_128_mb(tmp_path):
    million = jsonl(1, lines=USUAL * 500_000)
    found = measured(file_of(tmp_path, "jsonl", million))
    assert "line 1 and on has more than 16,777,216 bytes without a newline" in found["refused"]
    assert found["mb"] < 128


@far_too_many_lines
def test_far_too_many_rows_of_one_entry_in_parquet_reject_it_in_little_memory(tmp_path, lines, megabytes):
    path = tmp_path / "book.parquet"
    columns = {"entry_id": "1", "date": DAY, "description": "x", "amount": 1}
    pq.write_table(pa.table({name: [value] * lines for name, value in columns.items()}), path)
    found = measured(str(path))
    assert found["rules"] == {Rule.TOO_MANY_LINES: 1}
    assert found["mb"] < 2 * megabytes


@pytest.mark.parametrize("format_", ["se", "jsonl", "ledger"])
def test_an_entry_of_as_many_lines_as_there_may_be_is_read_and_of_one_more_is_not(tmp_path, format_):
    write = WRITERS[format_]
    most, more = USUAL * (MAX_LINES // 2), [*USUAL * (MAX_LINES // 2), ("1930", "-1"), ("5010", "1")]
    records = read(file_of(tmp_path, format_, write(1, "most", most), write(2, "more", more)))
    assert come_through(records) == ["most", "last"]
    assert rules(records) == [Rule.TOO_MANY_LINES]


def test_the_comments_of_an_entry_are_no_lines_of_it(tmp_path):
    comments = "  ; note\n" * 50_000
    assert come_through(read(file_of(tmp_path, "ledger", ledger(1) + comments))) == ["x", "last"]


def test_an_entry_whose_lines_have_too_many_characters_together_is_rejected_within_128_mb(tmp_path):
    long = "y" * 1_000_000
    rows = "".join(f'#TRANS 1930 {{}} 1 "" "{long}"\n' for _ in range(100))
    found = measured(file_of(tmp_path, "se", f"#VER A 1 {DAY}\n{{\n{rows}}}\n"))
    assert found["rules"] == {Rule.TEXT_TOO_LONG: 1}
    assert found["counts"][0] == 1
    assert found["mb"] < 128


@every_format
def test_a_description_of_10_mb_is_rejected_within_300_mb(tmp_path, format_):
    found = measured(file_of(tmp_path, format_, WRITERS[format_](1, "d" * 10 * MB)))
    assert list(found["rules"]) == [Rule.TEXT_TOO_LONG]
    assert found["counts"][0] == 1
    assert found["mb"] < 300


@every_format
def test_a_description_of_100_000_bytes_is_read_and_of_one_more_is_rejected(tmp_path, format_):
    texts = "é" * 50_000, "é" * 50_000 + "x"
    records = read(file_of(tmp_path, format_, *(WRITERS[format_](n, text) for n, text in enumerate(texts, 1))))
    assert come_through(records) == [texts[0], "last"]
    assert rules(records) == [Rule.TEXT_TOO_LONG]
    assert tables_of(records)[0] == 2


@every_format
def test_a_line_of_20_mb_makes_the_file_unreadable_with_the_number_of_the_line(tmp_path, format_):
    path = file_of(tmp_path, format_, WRITERS[format_](1, "d" * 20 * MB))
    with pytest.raises(UnreadableFile, match=r"book\.\w+: line \d and on has more than .* check that it is"):
        read(path)


def test_many_long_entries_come_in_smaller_batches(monkeypatch):
    monkeypatch.setattr(importers, "BATCH_CHARACTERS", 5_000)
    day = datetime.date(2025, 1, 31)
    lines = [Line("1", "D", None, "", "t" * 200), Line("2", "C", None)]
    entries = [Entry("E", str(n), day, "d" * 800, "", "", None, lines, "f", n) for n in range(1, 41)]
    sizes = [len(tables[0]) for tables in to_tables(entries)]
    assert sum(sizes) == 40
    assert max(sizes) == 5
    accounts = [Account("E", str(n), "n" * 1000) for n in range(40)]
    assert max(len(tables[1]) for tables in to_tables(accounts)) == 5


@pytest.mark.parametrize(
    ("entities", "megabytes"), [(20_000, 150), pytest.param(100_000, 400, marks=pytest.mark.nightly)]
)
def test_many_entities_are_read_in_little_memory(tmp_path, entities, megabytes):
    rows = (jsonl(1).replace("{", f'{{"entity": "e{number}", ', 1) for number in range(entities))
    path = tmp_path / "book.jsonl"
    path.write_text("".join(rows))
    found = measured(str(path))
    assert found["counts"] == [entities, 2 * entities, 0]
    assert found["mb"] < megabytes


def test_a_chart_of_fifty_thousand_accounts_is_read_within_200_mb(tmp_path):
    chart = "".join(f'#KONTO {code} "account {code}"\n' for code in range(100_000, 150_000))
    found = measured(file_of(tmp_path, "se", chart))
    assert found["counts"] == [1, 50_002, 0]
    assert found["mb"] < 200


# --- characters --------------------------------------------------------------------------------------------


@every_format
def test_a_nul_near_the_beginning_makes_the_file_binary_and_later_rejects_its_entry(tmp_path, format_):
    write = WRITERS[format_]
    with pytest.raises(UnreadableFile, match=r"book\.\w+: the file is binary, and of no kind that is read"):
        read(file_of(tmp_path, format_, write(1, "a\0b").replace("\\u0000", "\0")))
    before = [write(number, "fine") for number in range(1_001, 3_000)]
    path = file_of(tmp_path, format_, *before, write(3_000, "a\0b").replace("\\u0000", "\0"))
    records = read(path)
    # In JSON, a bare NUL is no character of a text.
    assert rules(records) == [Rule.MALFORMED if format_ == "jsonl" else Rule.BAD_TEXT]
    assert come_through(records) == ["fine"] * 1_999 + ["last"]


@pytest.mark.parametrize("text", ["a\\u0000b", "\\ud800", "a\\u001fb"])
def test_what_text_can_not_hold_is_rejected_where_json_spells_it(tmp_path, text):
    records = read(file_of(tmp_path, "jsonl", jsonl(1, "TEXT").replace("TEXT", text)))
    assert rules(records) == [Rule.BAD_TEXT]
    assert tables_of(records) == [1, 2, 1]


def test_two_companies_can_not_be_made_one_by_the_character_that_joins_names(tmp_path):
    rows = [
        {"type": "account", "entity": "a\x1fb", "code": "c"},
        {"type": "account", "entity": "a", "code": "b\x1fc"},
    ]
    records = read(file_of(tmp_path, "jsonl", *(json.dumps(row) + "\n" for row in rows)))
    assert rules(records) == [Rule.BAD_TEXT] * 2


@every_format
def test_of_mixed_encodings_the_first_part_that_is_not_ascii_decides(tmp_path, format_):
    write = WRITERS[format_]
    filler = "#" if format_ in ("se", "ledger") else ""
    far = (filler + " " * 998 + "\n") * 2_200  # more than is read at a time
    latin = write(2, "Åke é").encode("latin-1")
    records = read(file_of(tmp_path, format_, write(1, "Åke"), far, latin))
    assert come_through(records) == ["Åke", "\N{REPLACEMENT CHARACTER}ke \N{REPLACEMENT CHARACTER}", "last"]
    records = read(file_of(tmp_path, format_, write(1, "Åke"), latin))  # near: not UTF-8 as a whole
    assert [entry.description[-2:] for entry in only(Entry, records)][:2] == ["ke", " é"]


@every_format
def test_marks_that_turn_the_direction_of_writing_are_kept_in_texts_and_escaped_on_the_terminal(
    tmp_path, format_
):
    text = "pay\u202e001\u202c \u200fשלום\u2066x\u2069"
    records = read(file_of(tmp_path, format_, WRITERS[format_](1, text)))
    assert come_through(records) == [text, "last"]
    assert printable(text) == "pay\\u202e001\\u202c \u200fשלום\\u2066x\\u2069"


# --- dates and amounts -------------------------------------------------------------------------------------


@every_format
@pytest.mark.parametrize("date", ["0001-01-01", "9999-12-31", "1899-12-31", "2201-01-01", "2025-02-29"])
def test_a_day_that_is_none_or_beyond_1900_to_2200_rejects_its_entry(tmp_path, format_, date):
    records = read(file_of(tmp_path, format_, WRITERS[format_](1, date=date)))
    assert rules(records) == [Rule.BAD_DATE]
    assert come_through(records) == ["last"]


def test_an_account_may_be_open_from_year_1_to_year_9999(tmp_path):
    row = {"type": "account", "code": "7", "opened": "0001-01-01", "closed": "9999-12-31"}
    records = read(file_of(tmp_path, "jsonl", json.dumps(row) + "\n"))
    assert rules(records) == []
    (account,) = (account for account in only(Account, records) if account.code == "7")
    assert (account.opened, account.closed) == (datetime.date.min, datetime.date.max)
    assert tables_of(records) == [1, 3, 0]


def test_a_day_in_parquet_that_no_calendar_has_makes_the_file_unreadable(tmp_path):
    path = tmp_path / "book.parquet"
    day = pa.array([2**31 - 1], pa.date32())
    pq.write_table(pa.table({"entry_id": ["1"], "date": day, "description": ["x"]}), path)
    with pytest.raises(UnreadableFile, match=r"book\.parquet: the parquet file can't be read after row 0"):
        read(str(path))


def test_dates_with_long_ends_are_not_remembered():
    importers.common._day.cache_clear()
    assert parse_date("2025-01-31T" + "9" * 100_000) == parse_date("2025-01-31 " + "x" * 100_000)
    assert importers.common._day.cache_info().currsize == 1


@every_format
@pytest.mark.parametrize(
    "amount", ["1e30", "1" + "0" * 30, "1e9999999", "9" * 5000, "nan", "inf", "1" + "0" * 20]
)
def test_an_amount_that_is_too_large_or_none_rejects_its_entry(tmp_path, format_, amount):
    records = read(file_of(tmp_path, format_, WRITERS[format_](1, lines=[("1", amount), ("2", f"-{amount}")])))
    assert rules(records) == [Rule.BAD_AMOUNT]
    assert come_through(records) == ["last"]


@every_format
def test_the_largest_and_the_smallest_amount_are_exact(tmp_path, format_):
    for amount in ("9" * 20 + "." + "9" * 8, "0.00000001"):
        lines = [("1", amount), ("2", f"-{amount}")]
        records = read(file_of(tmp_path, format_, WRITERS[format_](1, lines=lines)), tolerance=0)
        assert only(Entry, records)[0].total == Decimal(amount)
        assert tables_of(records)[0] == 2


@pytest.mark.parametrize("amount", ["0.000000001", "1.00000000000000000000000000000000001"])
@pytest.mark.parametrize("format_", ["ledger", "jsonl", "csv"])
def test_an_amount_of_more_than_8_decimals_is_rounded_and_said_and_refused_where_that_leaves_nothing(
    tmp_path, format_, amount
):
    lines = [("1", amount), ("2", f"-{amount}")]
    file = file_of(tmp_path, format_, WRITERS[format_](1, lines=lines))
    assert rules(read(file, strict=True)) == [Rule.TOO_MANY_DECIMALS]
    assert "more than 8 decimals: round it" in only(Rejection, read(file, strict=True))[0].message
    (rejection,) = only(Rejection, read(file))
    assert (rejection.rule, rejection.used_for) == (Rule.TOO_MANY_DECIMALS, "all")
    assert [line.amount for line in only(Entry, read(file))[0].lines] == [round(Decimal(amount), 8)] * 2


def test_in_sie_decimals_beyond_the_8th_are_rounded_away_and_1e_9_is_no_line(tmp_path):
    lines = [("1", "1e-9"), ("1930", "-5"), ("5010", "5.0000000000001")]
    entry = only(Entry, read(file_of(tmp_path, "se", sie(1, lines=lines))))[0]
    assert [(line.account, line.amount) for line in entry.lines] == [("1930", 5), ("5010", 5)]


# --- ids and accounts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("format_", "rule"), [("jsonl", Rule.DUPLICATE_ID), ("csv", Rule.NOT_ADJACENT)])
def test_of_entries_with_the_same_id_the_first_stands(tmp_path, format_, rule):
    write = WRITERS[format_]
    entries = [write(1, "first"), write(2, "other"), write(1, "again"), write(1, "and again")]
    if format_ == "csv":
        entries[-1] = write(3, "between") + entries[-1]
    records = read(file_of(tmp_path, format_, *entries))
    assert rules(records) == [rule] * (1 if format_ == "csv" else 2)  # in tables, one for all rows of the id
    assert [text for text in come_through(records) if "again" in text] == []
    assert come_through(records)[0] == "first"


def test_vouchers_of_one_number_that_say_different_things_are_all_kept(tmp_path):
    texts = [f"text {number}" for number in range(2_000)]
    records = read(file_of(tmp_path, "se", *(sie(1, text) for text in texts)))
    assert (rules(records), come_through(records)) == ([], [*texts, "last"])


def test_a_journal_has_no_ids_that_could_be_the_same(tmp_path):
    records = read(file_of(tmp_path, "ledger", *(ledger(1) for _ in range(5))))
    assert len({entry.entry_id for entry in only(Entry, records)}) == 6


def test_parents_in_a_circle_are_read_as_they_stand(tmp_path):
    chart = [{"type": "account", "code": code, "parent": parent} for code, parent in ("ab", "bc", "ca", "dd")]
    records = read(file_of(tmp_path, "jsonl", *(json.dumps(row) + "\n" for row in chart)))
    parents = {account.code: account.parent for account in only(Account, records)}
    assert [parents[code] for code in "abcd"] == ["b", "c", "a", "d"]


def test_an_account_that_is_used_after_it_closed_is_read_since_it_was_booked(tmp_path):
    row = {"type": "account", "code": "1930", "closed": "2020-01-01"}
    records = read(file_of(tmp_path, "jsonl", json.dumps(row) + "\n", jsonl(1)))
    assert (come_through(records), rules(records)) == (["x", "last"], [])


def test_the_name_of_an_account_has_no_more_than_32_parts(tmp_path):
    deep, deeper = ":".join("a" * (MOST_LEVELS - 1)), ":".join("a" * 20_000)
    entries = [ledger(1, "deep", [(deep, "5"), ("b", "-5")]), ledger(2, "deeper", [(deeper, "5"), ("b", "-5")])]
    records = read(file_of(tmp_path, "ledger", *entries))
    assert come_through(records) == ["deep", "last"]
    (rejection,) = only(Rejection, records)
    assert rejection.rule == Rule.MALFORMED
    assert "has 20,001 parts, more than 32: shorten its name" in rejection.message
    assert max(account.code.count(":") for account in only(Account, records)) == MOST_LEVELS - 1


def test_the_long_name_of_an_account_is_rejected_wherever_it_comes_from(tmp_path):
    long = "a" * 100_001
    texts = [f"account {long}\n", f"alias B={long}\n", f"apply account {long}\n", "end apply account\n"]
    texts += [f"{DAY} aliased\n  B  5\n  C  -5\n", f"{DAY} x\n  {long}  5\n  C  -5\n"]
    records = read(file_of(tmp_path, "ledger", *texts))
    assert rules(records) == [Rule.TEXT_TOO_LONG] * 4
    assert all("characters: shorten its name" in rejection.message for rejection in only(Rejection, records))
    assert come_through(records) == ["last"]


# --- what took time without end ----------------------------------------------------------------------------


@pytest.mark.timeout(60)
@pytest.mark.parametrize("amount", ["-" + " " * 1_000_000 + "x", "1" + " " * 1_000_000 + "!", "-" * 1_000_000])
def test_an_amount_of_a_million_spaces_is_rejected_at_once(tmp_path, amount):
    records = read(file_of(tmp_path, "ledger", ledger(1, lines=[("1", amount), ("2", "1")])))
    assert rules(records) == [Rule.BAD_AMOUNT]


@pytest.mark.timeout(60)
def test_accounts_applied_without_end_are_refused_one_by_one(tmp_path):
    many = 100_000
    texts = ["apply account a\n" * many, ledger(1) * 10, "end apply account\n" * many, ledger(1)]
    records = read(file_of(tmp_path, "ledger", *texts))
    assert rules(records) == [Rule.MALFORMED] * (many - MOST_LEVELS + 10)
    assert come_through(records) == ["x", "last"]
    assert {line.account for line in only(Entry, records)[0].lines} == {"A:1930", "A:5010"}


@pytest.mark.timeout(60)
def test_of_fiscal_years_without_end_a_hundred_are_remembered(tmp_path):
    years = "#RAR 0 19000101 19001231\n" * 200_000
    vouchers = "".join(sie(number) for number in range(1, 5_000))
    records = read(file_of(tmp_path, "se", years, vouchers))
    assert only(Entry, records)[0].entry_id == "A-1-2025"
    assert len(only(Entry, records)) == 5_000


@pytest.mark.timeout(60)
def test_rows_under_a_header_of_a_million_columns_take_no_longer_than_they_are(tmp_path):
    path = tmp_path / "book.csv"
    path.write_text("entry_id,date,description" + ",x" * 1_000_000 + "\n" + f"1,{DAY},x\n2,{DAY},y\n" * 2_000)
    records = read(str(path))
    assert sum(record.file_lines for record in records if isinstance(record, Entry | Rejection)) == 4_000


@pytest.mark.timeout(60)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes among its files")
def test_a_pipe_in_a_folder_is_no_file_to_wait_for(tmp_path):
    os.mkfifo(tmp_path / "book.se")
    with pytest.raises(UnreadableFile, match=r"book\.se: not a regular file.*write it to a file first"):
        import_file(str(tmp_path / "book.se"), ImportSettings())


@pytest.mark.parametrize("encoding", ["idna", "undefined", "punycode", "a\0b", "\ud800", "rot13", "hex"])
def test_an_encoding_that_can_not_read_a_file_is_refused_as_a_setting(encoding):
    with pytest.raises(ValueError, match=r"encoding .* is not a known one"):
        ImportSettings(encoding=encoding)


def test_a_file_without_newlines_is_read_in_pieces():
    with pytest.raises(UnreadableFile, match="book: line 1 and on has more than"):
        list(text_lines(io.BytesIO(b"x" * 20 * MB), "book", "auto"))
