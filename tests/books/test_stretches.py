"""Stretches of a file: read one by one they say what the whole file says."""

from __future__ import annotations

import io
import json
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jet.books.importers import import_file, import_stretch, stretches_of, to_tables
from jet.books.importers.common import Source
from jet.books.importers.jsonl import JsonlImporter
from jet.books.importers.stretches import Chart, stretches
from jet.books.records import Account, Columns, FileEnd, Passed
from jet.books.settings import ImportSettings

READER, SETTINGS = JsonlImporter(), ImportSettings()
LINES = ({"account": "5010", "side": "D", "amount": "9"}, {"account": "1930", "side": "C", "amount": "9"})
BOOKED = {"type": "entry", "entity": "E", "date": "2025-01-05", "description": "Rent", "lines": LINES}
ROWS = st.sampled_from(
    [
        BOOKED,
        {**BOOKED, "description": "Übertrag €"},
        {**BOOKED, "lines": [{**LINES[0], "account_name": "Rent", "nature": "expense"}, LINES[1]]},
        {**BOOKED, "lines": [{**LINES[0], "account_name": "Premises"}, LINES[1]]},
        {**BOOKED, "date": "tomorrow"},
        {"entity": "E", "date": "2025-01-05", "description": "new", "total": "5"},
        {"entity": "E", "date": "2025-01-05", "description": "new", "total": "-5"},
        {"type": "account", "entity": "E", "code": "5010", "name": "Hyra"},
        {"type": "account", "entity": "E", "code": "5010", "name": ""},
    ]
)
TEXTS = st.one_of(
    ROWS.map(lambda row: json.dumps(row, ensure_ascii=False)),
    st.sampled_from(["", "  ", "{", "\ufeff{}", '{"a": "\r"}']),
)


def stretched(content: bytes, size: int):
    """The records of all stretches: those of entries, and the rest put together."""
    found, chart, passed, lines = [], Chart(), {}, 0
    parts = READER.stretches(Source("f.jsonl", io.BytesIO(content)), SETTINGS, size)
    assume(parts)
    for stretch in parts:
        for record in READER.stretch(Source("f.jsonl", io.BytesIO(content)), SETTINGS, stretch):
            if isinstance(record, Account):
                chart.add(record)
            elif isinstance(record, Passed):
                passed[record.reason] = passed.get(record.reason, 0) + record.lines
            elif isinstance(record, FileEnd):
                lines += record.lines
            else:
                found.append(record)
    return found, list(chart.accounts()), passed, lines


@given(
    st.lists(TEXTS, min_size=1),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.sampled_from(["utf-8", "cp1252"]),
    st.integers(20, 400),
)
def test_stretches_say_what_the_whole_file_says(texts, newline, ends, encoding, chunk):
    content = (newline.join(texts) + newline * ends).encode(encoding, "replace")
    with mock.patch("jet.books.importers.common.CHUNK_BYTES", chunk):
        found, accounts, passed, lines = stretched(content, 1)
    whole = list(READER.records(Source("f.jsonl", io.BytesIO(content)), SETTINGS))
    assert found == [record for record in whole if not isinstance(record, Account | Passed | FileEnd)]
    assert sorted(map(repr, accounts)) == sorted(
        repr(record) for record in whole if isinstance(record, Account)
    )
    assert passed == {record.reason: record.lines for record in whole if isinstance(record, Passed)}
    assert lines == whole[-1].lines


def test_stretches_are_whole_lines_of_about_a_size_and_all_of_the_file():
    content = b"".join(b'{"n": %d}\n' % number for number in range(1000))
    with mock.patch("jet.books.importers.common.CHUNK_BYTES", 100):
        found = stretches(Source("f.jsonl", io.BytesIO(content)), 1000, "auto", lambda _: None)
    assert len(found) == 10
    assert [each.start for each in found[1:]] == [each.stop for each in found[:-1]]
    assert (found[0].start, found[-1].stop) == (0, len(content))
    for each in found:
        assert content[: each.start].count(b"\n") == each.lines_before
        assert each.start == 0 or content[each.start - 1 : each.start] == b"\n"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"[\n" + b'{"date": "2025-01-05"},\n' * 9 + b"{}]\n", "a list of objects"),
        (b'{"date": "2025-01-05"}\r' * 9, "lines that end with CR"),
        (b'"date";"text"\n' * 9, "another format"),
    ],
)
def test_a_file_that_cannot_be_divided_is_read_as_a_whole(tmp_path, content, why):
    file = tmp_path / "f.jsonl"
    file.write_bytes(content)
    settings = ImportSettings(format="tabular") if why == "another format" else SETTINGS
    with mock.patch("jet.books.importers.common.CHUNK_BYTES", 30):
        assert stretches_of(str(file), settings, 1) == []


def test_a_stretch_of_a_file_is_checked_and_its_accounts_are_not(tmp_path):
    file = tmp_path / "f.jsonl"
    rows = [{**BOOKED, "entry_id": "1"}, {**BOOKED, "entry_id": "2", "date": "1800-01-01"}]
    file.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {"type": "account", "code": "7\x1f7"}]))
    with mock.patch("jet.books.importers.common.CHUNK_BYTES", 20):
        all_of_them = stretches_of(str(file), SETTINGS, 10_000)
        found = [record for part in all_of_them for record in import_stretch(str(file), SETTINGS, part)]
    assert [type(record).__name__ for record in found[:2]] == ["Entry", "Rejection"]
    assert "7\x1f7" in [record.code for record in found if isinstance(record, Account)]


def test_stretches_whose_rows_are_read_as_columns_say_what_the_whole_file_says(tmp_path):
    file = tmp_path / "f.jsonl"
    rows = [
        {
            **BOOKED,
            "entry_id": f"{number}",
            "lines": LINES if number % 50 else [*LINES, {**LINES[0], "amount": "-9"}],
        }
        for number in range(500)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    [whole] = to_tables(import_file(str(file), SETTINGS))
    with mock.patch("jet.books.importers.common.CHUNK_BYTES", 25_000):
        parts = stretches_of(str(file), SETTINGS, 1)
        records = [record for part in parts for record in import_stretch(str(file), SETTINGS, part)]
    assert len(parts) > 3
    assert sum(len(record.entries) for record in records if isinstance(record, Columns)) > 300
    found = pa.concat_tables(tables.entries for tables in to_tables(records)).combine_chunks()
    assert found.equals(whole.entries.combine_chunks())
