"""The JSON Lines importer."""

import datetime
import json
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
    Rejection,
    Source,
    UnreadableFile,
)
from jet.books.importers.jsonl import JsonlImporter

ROW = {
    "entry_id": "A-1",
    "entity": "E",
    "date": "2020-01-31",
    "description": "Kaffebröd",
    "currency": "SEK",
    "journal": "A",
    "lines": [
        {"account": "5410", "account_name": "Förbrukning", "side": "D", "amount": 80.1, "text": "bröd"},
        {"account": 1930, "side": "C", "amount": "80.10", "dimensions": {"project": "P1"}},
    ],
}


def read(*rows, file="books/book.jsonl", **options):
    texts = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    data = "\n".join(texts).encode("utf-8", "surrogatepass")
    return list(JsonlImporter().records(Source(file, BytesIO(data)), ImportSettings(**options)))


def line(**changes):
    return {**ROW, "lines": [{**ROW["lines"][0], **changes}, ROW["lines"][1]]}


def test_a_row_becomes_an_entry():
    (entry,) = only(Entry, read("", ROW))
    assert entry == Entry(
        entity="E",
        entry_id="A-1",
        date=datetime.date(2020, 1, 31),
        description="Kaffebröd",
        currency="SEK",
        journal="A",
        total=Decimal("80.1"),
        lines=[
            Line("5410", "D", Decimal("80.1"), "SEK", "bröd"),
            Line("1930", "C", Decimal("80.1"), "SEK", "", (("project", "P1"),)),
        ],
        file="books/book.jsonl",
        file_line=2,
    )


def test_amounts_are_exact_decimals():
    rows = read('{"entry_id":"1","date":"20200131","lines":[{"account":"1","side":"D","amount":0.10000001}]}')
    assert rows[0].lines[0].amount == Decimal("0.10000001")


@pytest.mark.parametrize("row", [{"lines": None}, {}])
def test_an_entry_without_lines_is_one_to_predict(row):
    (entry,) = only(Entry, read({"entry_id": 7, "date": "2020-01-31T10:00:00", "total": "5", **row}))
    assert entry.lines is None
    assert (entry.entry_id, entry.entity, entry.total) == ("7", "book", 5)
    assert (entry.description, entry.currency, entry.journal) == ("", "", "")


def test_what_is_not_given_is_not_known():
    (entry,) = only(Entry, read(line(amount=None), default_currency="EUR"))
    assert entry.total is None
    assert entry.lines[0].amount is None
    (entry,) = only(Entry, read({"entry_id": "1", "date": "2020-01-31"}, default_currency="EUR", entity="mine"))
    assert (entry.currency, entry.entity) == ("EUR", "mine")


def test_a_chart_comes_from_rows_or_from_lines_and_rows_win():
    chart = {"type": "account", "entity": "E", "code": "5410", "name": "Supplies", "nature": "expense"}
    bank = {"type": "account", "code": "1", "name": "Bank", "opened": "2020-01-01", "closed": "2020-12-31"}
    accounts = only(Account, read(line(nature="asset"), chart, bank))
    assert sorted(accounts, key=lambda account: account.code) == [
        Account("book", "1", "Bank", None, None, datetime.date(2020, 1, 1), datetime.date(2020, 12, 31)),
        Account("E", "1930", ""),
        Account("E", "5410", "Supplies", None, "expense"),
    ]


def test_a_later_line_adds_what_the_first_did_not_say():
    accounts = only(Account, read(ROW, line(account_name="Other", parent="5", nature="expense")))
    assert accounts[0] == Account("E", "5410", "Förbrukning", "5", "expense")


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("{", Rule.MALFORMED),
        ("[1]", Rule.MALFORMED),
        ("[" * 100_000, Rule.MALFORMED),
        ('{"total": 1' + "0" * 5000 + "}", Rule.MALFORMED),
        ({**ROW, "total": float("nan")}, Rule.MALFORMED),
        ({**ROW, "type": "invoice"}, Rule.MALFORMED),
        ({**ROW, "entry_id": ["x"]}, Rule.MALFORMED),
        ({**ROW, "description": True}, Rule.MALFORMED),
        ({**ROW, "lines": {}}, Rule.MALFORMED),
        ({**ROW, "lines": ["1930"]}, Rule.MALFORMED),
        (line(dimensions="P1"), Rule.MALFORMED),
        (line(dimensions=[{"dimension": "project"}, 1]), Rule.MALFORMED),
        (line(dimensions=[{"dimension": "project", "value": "P1"}]), Rule.UNKNOWN_KEY),
        (line(amuont=5), Rule.UNKNOWN_KEY),
        ({**ROW, "memo": "x"}, Rule.UNKNOWN_KEY),
        ({"type": "account", "code": "1", "title": "x"}, Rule.UNKNOWN_KEY),
        ({"type": "account", "name": "Bank"}, Rule.MISSING_ACCOUNT),
        ({"type": "account", "code": "1", "nature": "money"}, Rule.BAD_NATURE),
        ({"type": "account", "code": "1", "opened": "2020-01-02", "closed": "2020-01-01"}, Rule.BAD_PERIOD),
        ({"type": "account", "code": "1", "opened": "soon"}, Rule.BAD_DATE),
        ({**ROW, "date": "31.1.2020"}, Rule.BAD_DATE),
        ({**ROW, "date": None}, Rule.BAD_DATE),
        (line(amount=True), Rule.BAD_AMOUNT),
        (line(amount="1,5"), Rule.BAD_AMOUNT),
        (line(amount="Infinity"), Rule.BAD_AMOUNT),
        (line(amount=10**25), Rule.BAD_AMOUNT),
        ({**ROW, "total": []}, Rule.BAD_AMOUNT),
    ],
)
def test_a_row_that_breaks_a_rule_is_rejected_and_the_rest_goes_on(row, rule):
    records = read(row, ROW)
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line) == (rule, 1)
    assert len(only(Entry, records)) == 1


def test_a_rejection_names_the_entry_and_the_unknown_key():
    (rejection,) = only(Rejection, read(line(amuont=5)))
    assert (rejection.entity, rejection.entry_id) == ("E", "A-1")
    assert "amuont" in rejection.message
    assert rejection.excerpt.startswith('{"entry_id": "A-1"')


def test_dimensions_come_as_pairs_too():
    (entry,) = only(Entry, read(line(dimensions=[{"dimension": "6", "object": "P1"}])))
    assert entry.lines[0].dimensions == (("6", "P1"),)


def test_files_are_recognized_by_content_too():
    importer = JsonlImporter()
    assert importer.recognizes("x.txt", b'\xef\xbb\xbf {"entry_id"')
    assert importer.recognizes("x.NDJSON", b"")
    assert not importer.recognizes("x.txt", b"#VER A 1\n{\n}")


texts = st.text(st.characters(codec="utf-8"), max_size=12).map(str.strip)
lines = st.builds(
    Line,
    account=texts.filter(bool),
    side=st.sampled_from(["D", "C"]),
    amount=st.none() | st.decimals(min_value=0, max_value=10**9, places=8),
    currency=st.sampled_from(["SEK", "EUR"]),
    text=texts,
    dimensions=st.lists(st.tuples(texts, texts), max_size=2, unique_by=lambda pair: pair[0]).map(tuple),
)


def render(number, postings):
    rows = [
        {
            "account": x.account,
            "side": x.side,
            "amount": None if x.amount is None else str(x.amount),
            "currency": x.currency,
            "text": x.text,
            "dimensions": dict(x.dimensions),
        }
        for x in postings
    ]
    return {"entry_id": number, "date": "2020-01-31", "lines": rows}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(lines, max_size=5), max_size=4))
def test_entries_that_are_written_come_back(entries):
    records = read(*(render(number, postings) for number, postings in enumerate(entries)))
    assert [entry.lines for entry in only(Entry, records)] == entries


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(ROW)), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=30) | values.map(lambda value: json.dumps(value).encode()), max_size=5))
def test_no_bytes_break_the_importer(parts):
    try:
        records = list(JsonlImporter().records(Source("x.jsonl", BytesIO(b"\n".join(parts))), ImportSettings()))
    except UnreadableFile:
        return
    assert lines_of(records) == only(FileEnd, records)[0].lines


# --- which way the money goes -------------------------------------------------------------------------------


def to_predict(total, **changes):
    return {
        "entry_id": str(total),
        "entity": "E",
        "date": "2025-03-01",
        "description": "x",
        "total": total,
        **changes,
    }


def directions(*rows):
    return [entry.direction for entry in only(Entry, read("", *rows))]


def test_a_sign_of_the_total_is_the_direction_and_the_total_its_size():
    records = read("", to_predict("-30.00"), to_predict(30), to_predict("0"))
    assert [(entry.direction, entry.total) for entry in only(Entry, records)] == [
        ("out", 30),
        ("in", 30),
        ("", 0),
    ]


def test_totals_without_any_sign_say_nothing():
    assert directions(to_predict("30"), to_predict("40")) == ["", ""]
    booked = {**ROW, "total": "-80.1"}
    assert directions(booked, to_predict("30")) == ["", ""]
    assert only(Entry, read("", booked))[0].total == Decimal("80.1")


@pytest.mark.parametrize("distance", [0, 1, 1 << 20])
def test_the_sign_may_come_late(distance):
    padding = to_predict("1", description="x" * 90_000)
    rows = [to_predict("30"), *[padding] * (distance // 90_000), to_predict("-5")]
    assert directions(*rows)[0] == "in"


def test_a_direction_is_taken_as_it_is_given():
    assert directions(to_predict("30", direction="out"), {**ROW, "direction": "in"}) == ["out", "in"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (to_predict("30", direction="outgoing"), "must be in or out"),
        (to_predict("-30", direction="in"), "direction in contradicts the total -30"),
    ],
)
def test_a_direction_that_is_none_or_contradicts_its_total_is_rejected(row, message):
    (rejection,) = only(Rejection, read("", row))
    assert rejection.rule == Rule.BAD_DIRECTION
    assert message in rejection.message


def test_a_negative_debit_is_a_credit_and_a_negative_credit_a_debit():
    lines = [{"account": "1", "side": "D", "amount": "-5"}, {"account": "2", "side": "C", "amount": -5}]
    (entry,) = only(Entry, read("", {**ROW, "lines": lines}))
    assert [(line.account, line.side, line.amount) for line in entry.lines] == [("1", "C", 5), ("2", "D", 5)]


@given(
    st.lists(st.sampled_from(["", "  ", "{", "[1]", json.dumps(ROW), '{"type": "account"}', "x"]), max_size=20)
)
def test_every_line_of_a_file_is_accounted_for(lines):
    records = list(JsonlImporter().records(Source("x", BytesIO("\n".join(lines).encode())), ImportSettings()))
    assert lines_of(records) == only(FileEnd, records)[0].lines == len("\n".join(lines).splitlines())


@pytest.mark.parametrize("text", ['[{"entry_id": "1"}]', "[\n  {\n", "[\n{}\n]", '{\n  "entry_id": "1"\n}\n'])
def test_a_file_that_is_one_value_is_refused_in_one_message_with_the_way_out(text):
    with pytest.raises(UnreadableFile, match=r"each line must be an entry.*jq -c"):
        read(text)


def test_a_key_that_comes_twice_is_refused_since_one_of_its_values_would_vanish():
    line = '{"account":"1","side":"D","amount":5,"amount":6}'
    (rejection,) = only(Rejection, read(f'{{"entry_id":"1","date":"2024-01-05","lines":[{line}]}}'))
    assert rejection.rule == Rule.MALFORMED
    assert "'amount' comes twice" in rejection.message


@pytest.mark.parametrize(
    ("debit", "credit"), [("d", "c"), ("debit", "credit"), ("Dr", "CR"), ("Soll", "Haben")]
)
def test_sides_may_be_words(debit, credit):
    lines = f'[{{"account":"1","side":"{debit}","amount":5}},{{"account":"2","side":"{credit}","amount":5}}]'
    text = f'{{"entry_id":"1","date":"2024-01-05","lines":{lines}}}'
    (entry,) = only(Entry, read(text, sides={"Soll": "D", "Haben": "C"}))
    assert [line.side for line in entry.lines] == ["D", "C"]


def test_the_code_of_a_currency_is_one_in_small_letters_too():
    lines = '[{"account":"1","side":"D","amount":5,"currency":"EUR"},{"account":"2","side":"C","amount":5}]'
    (entry,) = only(Entry, read(f'{{"entry_id":"1","date":"2024-01-05","currency":"eur","lines":{lines}}}'))
    assert {entry.currency, *(line.currency for line in entry.lines)} == {"EUR"}


def test_known_lines_are_lines_of_an_entry_to_predict_and_no_accounts():
    row = {key: value for key, value in ROW.items() if key != "lines"}
    known = [{"account": 1930, "side": "credit", "amount": "80.10"}, {"account": "2641", "side": "D"}]
    records = read(row | {"known_lines": known}, row | {"known_lines": []})
    first, second = only(Entry, records)
    assert first.lines is None
    assert first.total is None
    assert second.known_lines is None
    assert first.known_lines == [Line("1930", "C", Decimal("80.10"), "SEK"), Line("2641", "D", None, "SEK")]
    assert only(Account, records) == []


@pytest.mark.parametrize(
    ("known", "rule"),
    [
        ([{"account": "1930", "side": "C", "text": "x"}], Rule.UNKNOWN_KEY),
        ({"account": "1930"}, Rule.MALFORMED),
        (["1930"], Rule.MALFORMED),
        ([{"account": "1930", "side": "C", "amount": "x"}], Rule.BAD_AMOUNT),
    ],
)
def test_known_lines_that_cant_be_read_are_rejected(known, rule):
    row = {key: value for key, value in ROW.items() if key != "lines"}
    (rejection,) = only(Rejection, read(row | {"known_lines": known}))
    assert rejection.rule == rule
