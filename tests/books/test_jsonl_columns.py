"""Entries of JSON Lines that are read as columns are the ones that the careful reader makes."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest
from both_ways import columns_of_any_row, equal_tables
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.importers import ImportSettings
from jet.books.importers.common import Block
from jet.books.importers.jsonl import ENTRY_KEYS, LINE_KEYS
from jet.demo import DemoSettings, write_demo_ledger

SHARED = Path(__file__).parents[2].parent / "shared"
FILES = sorted([*SHARED.glob("data/ledgers/*.jsonl*"), *SHARED.glob("cases/**/*.jsonl")])
SETTINGS = (
    {},
    {"entity": "Acme", "default_currency": "EUR", "tolerance": 0},
    {"strict": True, "sides": {"S": "D", "x": "C"}, "tolerance": 1e30},
)
ROWS = 70


def row(number: int, **changes):
    lines = [
        {"account": "5410", "account_name": "Förbrukning", "side": "D", "amount": "80.10", "text": "bröd"},
        {"account": "1930", "account_name": "Bank", "side": "C", "amount": 80.1, "nature": "asset"},
    ]
    plain = {"entry_id": f"A-{number}", "entity": "E", "date": "2020-01-31", "description": "Kaffebröd"}
    return {**plain, "currency": "SEK", "journal": "A", "lines": lines, **changes}


def line(number: int, **changes):
    lines = row(number)["lines"]
    return row(number, lines=[{**lines[0], **changes}, *lines[1:]])


def text_of(each) -> str:
    return each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return tmp_path_factory.mktemp("books") / "book.jsonl"


def read(book: Path, *rows, end: str = "\n", **options):
    book.write_bytes("".join(text_of(each) + end for each in rows).encode("utf-8", "surrogatepass"))
    return equal_tables(book, ImportSettings(**options))


@pytest.mark.parametrize("options", SETTINGS)
def test_a_whole_ledger_comes_as_columns(tmp_path, options):
    write_demo_ledger(tmp_path, DemoSettings(companies=1, entries=600, seed=3))
    (path,) = tmp_path.glob("*.jsonl")
    tables, came = equal_tables(path, ImportSettings(**options))
    assert came == len(tables.entries) == 600
    assert len(tables.accounts) > 50


@pytest.mark.shared
@pytest.mark.skipif(not FILES, reason="there are no ledgers in JSON Lines in ../shared")
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.name)
def test_real_ledgers_are_the_same_both_ways(file, book):
    data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    book.write_bytes(b"".join(data.splitlines(keepends=True)[:1000]))
    tables, _ = equal_tables(book, ImportSettings())
    assert len(tables.entries)


ODD = [
    {"entry_id": "A-7", "date": "2020-02-01"},
    {"entry_id": "A-7"},
    {"entry_id": "A-7-20200131"},
    {"entry_id": "2020-01-31~0123456789"},
    {"total": 80.1},
    {"total": "80.2"},
    {"total": -5, "lines": None},
    {"total": 5, "lines": None},
    {"total": 5, "lines": None, "direction": "out"},
    {"total": 5, "lines": None, "known_lines": [{"account": "1930", "side": "C"}]},
    {"lines": []},
    {"lines": [None]},
    {"lines": row(0)["lines"][:1]},
    {"date": "1899-12-31"},
    {"date": "20200131"},
    {"type": "entry"},
    {"type": None},
    {"type": "account"},
    {"entity": ""},
    {"entity": " \u3000 "},
    {"description": "\x1cx\u2029"},
    {"description": "a\0b"},
    {"description": "\x1f"},
    {"description": "\U0001f600"},
    {"description": "å" * 60_000},
    {"currency": "sek"},
    {"reviewed_by": "me"},
    {"unknown": None},
]
ODD_LINES = [
    {"account": 5410},
    {"account": " "},
    {"account_name": "Other", "parent": "5", "nature": "expense"},
    {"nature": "costs"},
    {"side": "debit"},
    {"side": "S"},
    {"amount": "-80.10"},
    {"amount": None},
    {"amount": "1e1"},
    {"amount": "80.100000004"},
    {"amount": "80.105"},
    {"amount": "80.10500001"},
    {"amount": 10**12},
    {"amount": 10**20},
    {"amount": "1_0"},
    {"currency": "EUR"},
    {"currency": "sek"},
    {"dimensions": {"project": "P1"}},
    {"dimensions": {}},
    {"opened": "2020-01-01"},
]
PLAIN = text_of(row(0))
ODD_TEXTS = [
    "",
    "{",
    "[1]",
    PLAIN + PLAIN,
    PLAIN + " 1",
    PLAIN + ",",
    PLAIN[:-1],
    PLAIN.replace('"journal": "A"', '"journal": "A", "journal": "B"'),
    PLAIN.replace('"side": "D"', '"side": "D", "side": null'),
    PLAIN.replace("80.1,", "080.1,"),
    PLAIN.replace("80.1,", "NaN,"),
    PLAIN.replace("A-0", "} x"),
    *(PLAIN.replace("Kaffe", f"\\u{code}") for code in ("0000", "001F", "d800", "dc00", "d83d\\ude00", "00e5")),
    '{"type": "account", "entity": "E", "code": "1930", "name": "Cheques"}',
]


ODD_ROWS = [
    *(row(200, **changes) for changes in ODD),
    *(line(200, **changes) for changes in ODD_LINES),
    *ODD_TEXTS,
]


@pytest.mark.parametrize("odd", ODD_ROWS, ids=lambda each: ascii(text_of(each))[-60:])
def test_an_odd_row_is_the_same_both_ways(book, odd):
    rows = list(map(row, range(4)))
    for options in SETTINGS:
        with columns_of_any_row():
            read(book, *rows[:2], odd, *rows[2:], **options)


def test_odd_rows_among_plain_ones_are_read_with_care(book):
    rows = []
    for number, odd in enumerate(ODD_ROWS):
        rows += [row(count) for count in range(ROWS * number, ROWS * (number + 1))] + [odd]
    tables, came = read(book, *rows)
    assert came > ROWS * len(ODD_ROWS) / 2
    assert len(tables.rejected) > len(ODD_ROWS) / 2


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_ends_of_lines(book, end):
    rows = [row(number) for number in range(ROWS)]
    _, came = read(book, *rows, "{} x", *rows, "", end=end)
    assert came == (ROWS if end == "\r\n" else 0)


@pytest.mark.parametrize("encoding", ["cp1252", "auto", "UTF8"])
@pytest.mark.parametrize("data", ["Kaffebröd".encode("cp1252"), b"Kaffe", "Kaffebröd".encode()])
def test_encodings(book, data, encoding):
    rows = "".join(text_of(row(number, lines=None, description="TEXT")) + "\n" for number in range(ROWS))
    book.write_bytes(rows.encode().replace(b"TEXT", data))
    _, came = equal_tables(book, ImportSettings(encoding=encoding))
    is_utf_8 = data.decode("utf-8", "ignore").encode() == data
    assert came == (ROWS if is_utf_8 and encoding != "cp1252" else 0)


def test_ids_and_codes_may_be_numbers(book):
    lines = [{"account": 5410, "side": "D"}, {"account": 1930, "side": "C"}]
    rows = [row(number, entry_id=number, lines=lines) for number in range(ROWS)]
    _, came = read(book, *rows)
    assert came == ROWS


def test_many_blocks(book):
    """Numbers of lines go on from block to block, and ids are unique over all."""
    rows = [row(number % 2900, description="x" * 1500) for number in range(3000)]
    tables, came = read(book, *rows[:1500], "{} x", *rows[1500:])
    assert book.stat().st_size > 4 * 2**20
    assert (came, len(tables.rejected)) == (2900, 101)


def test_names_that_break_a_rule_are_no_plain_ones(tmp_path):
    _, came = read(tmp_path / "a\x1fb.jsonl", *map(row, range(ROWS)))
    assert came == 0


def test_white_space_around_texts_is_the_same_both_ways(book):
    spaces = [chr(code) for code in range(sys.maxunicode) if chr(code).isspace()]
    texts = [f"{space}x y{space}" for space in spaces if space != "\x1f"]
    with columns_of_any_row():
        tables, came = read(book, *(row(number, description=text) for number, text in enumerate(texts)))
    assert came == len(texts) > 20
    assert set(tables.entries["description"].to_pylist()) == {"x y"}


def test_blocks_count_their_lines():
    for data in (b"", b"\n", b"a", b"a\n", b"a\n\nb", b"a\r\nb\r"):
        for newline in (b"\n", b"\r"):
            block = Block(1, data, "utf-8", newline)
            assert block.length == len(block.lines)


values = st.sampled_from(
    [
        *(
            None,
            "",
            " ",
            "x",
            "x ",
            7,
            -1,
            0,
            1.5,
            True,
            [],
            {},
            "1e3",
            "-5",
            "NaN",
            10**18,
            10**30,
            "0",
            "80.1",
        ),
        *("80.100000000", "1e-9", "5.", ".5", "+5", "2020-01-31", "20200131", "2020-W05-5", "2020-01-31T10:00"),
        *(
            "D",
            "C",
            "debit",
            "asset",
            "in",
            "out",
            "entry",
            "account",
            "eur",
            "SEK",
            "€",
            "å",
            "\u0130",
            "\\",
            "}",
        ),
    ]
)
entry_keys = st.sampled_from(sorted(ENTRY_KEYS | {"reviewed_by", "unknown"}))
line_keys = st.sampled_from(sorted(LINE_KEYS | {"unknown"}))


@st.composite
def rows(draw):
    """A plain row with some keys changed, as text with some characters changed."""
    found = row(draw(st.integers(0, 5)))
    for _ in range(draw(st.integers(0, 2))):
        found[draw(entry_keys)] = draw(values)
    lines = found["lines"]
    for _ in range(draw(st.integers(0, 2)) if isinstance(lines, list) and len(lines) == 2 else 0):
        lines[draw(st.integers(0, 1))][draw(line_keys)] = draw(values)
    text = json.dumps(found, ensure_ascii=draw(st.booleans()))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        place = draw(st.integers(0, len(text)))
        text = (
            text[:place]
            + draw(st.sampled_from(["", *'{}[]",:0-\\ \t']))
            + text[place + draw(st.integers(0, 1)) :]
        )
    return text


@given(st.lists(rows(), max_size=6), st.sampled_from(SETTINGS))
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_changed_rows_are_the_same_both_ways(book, found, options):
    with columns_of_any_row():
        read(book, *found, **options)
