"""The importer of ledger-cli and hledger journals."""

import datetime
from decimal import Decimal
from io import BytesIO

import pytest
from counting import only
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.checks import Rule
from jet.books.identity import is_made
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
)
from jet.books.importers.journal import LedgerImporter


def read(text, file="books/club.ledger", **options):
    return list(LedgerImporter().records(Source(file, BytesIO(text.encode())), ImportSettings(**options)))


def postings(*rows, head="2015/01/24 x", **options):
    (entry,) = only(Entry, read("\n".join([head, *(f"    {row}" for row in rows), ""]), **options))
    return [(line.account, line.side, line.amount, line.currency) for line in entry.lines]


def rejection_of(text):
    (rejection,) = only(Rejection, read(text))
    return rejection


def test_a_transaction_becomes_an_entry():
    text = """2015/01/24=2015/01/26 * (17) Lyft  ; to the airport
    ; a note
    Expenses:Travel          $33.92 ; Payee: Lyft Inc
    Liabilities:Card
"""
    (entry,) = only(Entry, read(text))
    assert entry == Entry(
        entity="club",
        entry_id=entry.entry_id,
        date=datetime.date(2015, 1, 24),
        description="Lyft",
        currency="USD",
        journal="",
        total=Decimal("33.92"),
        lines=[
            Line("Expenses:Travel", "D", Decimal("33.92"), "USD", "Payee: Lyft Inc"),
            Line("Liabilities:Card", "C", Decimal("33.92"), "USD"),
        ],
        file="books/club.ledger",
        file_line=1,
        file_lines=4,
    )
    assert is_made(entry.entry_id)


@pytest.mark.parametrize(
    ("header", "description"),
    [
        ("2015-01-24 ! Lyft", "Lyft"),
        ("2015.1.24 Lyft & Co; no comment", "Lyft & Co; no comment"),
        ("2015/01/24", ""),
        ("2015/01/24 () Lyft", "Lyft"),
        ("2015/01/24 * ", ""),
        ("2015/01/24 Lyft | ride", "Lyft | ride"),
    ],
)
def test_headers(header, description):
    (entry,) = only(Entry, read(f"{header}\n  a  $1\n  b\n"))
    assert (entry.date, entry.description) == (datetime.date(2015, 1, 24), description)


@pytest.mark.parametrize(
    ("written", "amount", "currency"),
    [
        ("$-1,234.56", "-1234.56", "USD"),
        ("-$5", "-5", "USD"),
        ("$ 5", "5", "USD"),
        ("5 EUR", "5", "EUR"),
        ("EUR 5", "5", "EUR"),
        ("EUR -5", "-5", "EUR"),
        ("5€", "5", "EUR"),
        ("£.50", "0.50", "GBP"),
        ('3 "Quoted Commodity 1"', "3", "Quoted Commodity 1"),
        ('"A 1" -3', "-3", "A 1"),
        ("1.234,56 EUR", "1234.56", "EUR"),
        ("1.234.567 EUR", "1234567", "EUR"),
        ("12,5 EUR", "12.5", "EUR"),
        ("1,234 EUR", "1234", "EUR"),
        ("1.234 EUR", "1.234", "EUR"),
        ("1 234,50 SEK", "1234.50", "SEK"),
        ("+7 kr", "7", "kr"),
        ("7", "7", ""),
    ],
)
def test_amounts(written, amount, currency):
    first, second = postings(f"a  {written}", "b")
    side = "C" if amount.startswith("-") else "D"
    assert first == ("a", side, abs(Decimal(amount)), currency)
    assert second[1:] == ("D" if side == "C" else "C", abs(Decimal(amount)), currency)


def test_the_decimal_mark_is_what_settings_or_a_directive_say():
    assert postings("a  1.234 EUR", "b", decimal_comma=True)[0][2] == 1234
    (entry,) = only(Entry, read("decimal-mark ,\n\n2015/01/24 x\n  a  1,234 EUR\n  b\n"))
    assert entry.lines[0].amount == Decimal("1.234")


@pytest.mark.parametrize(
    "written", ["($5 + $3)", "$5 EUR", "---5", "1,23,4.5.6", "abc", "$", "9e9e9", "1,2.3,4"]
)
def test_an_amount_that_cannot_be_read_rejects_its_entry(written):
    assert rejection_of(f"2015/01/24 x\n  a  {written}\n  b\n").rule == Rule.BAD_AMOUNT


def test_an_amount_left_out_balances_each_commodity():
    assert postings("a  $5", "b  3 EUR", "c") == [
        ("a", "D", 5, "USD"),
        ("b", "D", 3, "EUR"),
        ("c", "C", 5, "USD"),
        ("c", "C", 3, "EUR"),
    ]


def test_two_amounts_left_out_reject_the_entry():
    assert rejection_of("2015/01/24 x\n  a  $5\n  b\n  c\n").rule == Rule.MALFORMED


@pytest.mark.parametrize(
    ("rows", "worth"),
    [
        (["s  10 AAPL @ $50", "c"], 500),
        (["s  10 AAPL @@ $499.99", "c"], Decimal("499.99")),
        (["s  10 AAPL (@) $50", "c"], 500),
        (["s  10 AAPL {$50}", "c  $-500"], 500),
        (["s  10 AAPL {{$505}}", "c  $-505"], 505),
        (["s  10 AAPL {=$50} [2014/01/01] (note)", "c  $-500"], 500),
        (["s  10 AAPL {$30} [2014/01/01] @ $50", "c  $-300"], 300),
        (["s  10 AAPL", "c  $-512.34"], Decimal("512.34")),
    ],
)
def test_the_cost_is_what_balances(rows, worth):
    assert postings(*rows) == [("s", "D", worth, "USD"), ("c", "C", worth, "USD")]


def test_a_sale_is_worth_what_balances_it():
    sold = postings("s  -10 AAPL {$30} @ $50", "c  $500", "g  $-200")
    assert sold == [("s", "C", 300, "USD"), ("c", "D", 500, "USD"), ("g", "C", 200, "USD")]


def test_assertions_are_passed_over_and_an_assignment_is_an_amount_left_out():
    assert postings("a  $5 = $5", "b  = $-5") == [("a", "D", 5, "USD"), ("b", "C", 5, "USD")]
    assert postings("a  $5 ==* $5", "b") == [("a", "D", 5, "USD"), ("b", "C", 5, "USD")]


def test_virtual_postings_count_only_in_brackets():
    rows = postings("a  $5", "b", "(budget)  $-9", "[x]  $2", "[y]", dialect="hledger")
    assert rows == [("a", "D", 5, "USD"), ("b", "C", 5, "USD"), ("x", "D", 2, "USD"), ("y", "C", 2, "USD")]


def test_zero_postings_are_dropped():
    assert [row[0] for row in postings("a  $5", "z  $0.00", "b")] == ["a", "b"]


def test_comments_and_blocks_hold_no_entries():
    text = """; 2015/01/24 x
# x
% x
| x
* x
comment
2015/01/24 x
  a  $1
  b
end comment
= expr
  a  $1
~ monthly
  a  $1
P 2015/01/24 AAPL $5
2015/01/25 y
    ; a  $7
  ! a  $1
  * b
"""
    records = read(text)
    assert [(entry.description, len(entry.lines)) for entry in only(Entry, records)] == [("y", 2)]
    (rejection,) = only(Rejection, records)
    assert "automated transaction isn't applied" in rejection.message


def test_a_comment_in_the_first_column_ends_the_transaction():
    records = read("2015/01/24 x\n  a  $1\n  b\n; why\n  b  $2\n  c\n")
    assert [line.account for line in only(Entry, records)[0].lines] == ["a", "b"]
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line, rejection.file_lines) == (Rule.MALFORMED, 5, 2)


def test_accounts_come_with_parents_and_natures():
    text = """account\tBudget:Food  ; type: X
account Kasse
    ; type: Cash
2015/01/24 x
    Expenses:Food:Out   $1
    Vermögen:Bank
"""
    accounts = only(Account, read(text))
    assert [(a.code, a.name, a.parent, a.nature) for a in accounts] == [
        ("Budget", "Budget", None, None),
        ("Budget:Food", "Food", "Budget", "expense"),
        ("Expenses", "Expenses", None, "expense"),
        ("Expenses:Food", "Food", "Expenses", "expense"),
        ("Expenses:Food:Out", "Out", "Expenses:Food", "expense"),
        ("Kasse", "Kasse", None, "asset"),
        ("Vermögen", "Vermögen", None, "asset"),
        ("Vermögen:Bank", "Bank", "Vermögen", "asset"),
    ]


def test_aliases_and_applied_accounts_give_full_names():
    text = """alias bank=Assets:Bank
apply account Me
apply tag x
2015/01/24 x
    food  $1
    Expenses  $-1
end apply tag
end apply account
2015/01/25 x
    bank:Savings  $1
    bank
"""
    entries = only(Entry, read(text))
    assert [line.account for entry in entries for line in entry.lines] == [
        "Me:food",
        "Me:Expenses",
        "Assets:Bank:Savings",
        "Assets:Bank",
    ]


def test_a_default_year_completes_dates():
    (entry,) = only(Entry, read("Y 2015\n01/24 x\n  a  $1\n  b\n"))
    assert entry.date == datetime.date(2015, 1, 24)
    assert rejection_of("01/24 x\n  a  $1\n  b\n").rule == Rule.BAD_DATE


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("include other.ledger\n", Rule.INCLUDE),
        ("!include other.ledger\n", Rule.INCLUDE),
        ("alias /(x*)*/=y\n", Rule.UNSUPPORTED_DIRECTIVE),
        ("i 2015/01/24 08:00:00 work\n", Rule.UNSUPPORTED_DIRECTIVE),
        ("year soon\n", Rule.UNSUPPORTED_DIRECTIVE),
        ("2015/13/01 x\n  a  $1\n  b\n", Rule.BAD_DATE),
        ("2015 x\n  a  $1\n  b\n", Rule.BAD_DATE),
        ("2015/01/24 x\n  []  $1\n", Rule.MISSING_ACCOUNT),
        ("2015/01/24 x\n  a  90000000000 A @ 90000000000 B\n  b\n", Rule.BAD_AMOUNT),
    ],
)
def test_what_is_not_understood_is_named(text, rule):
    assert rejection_of(text).rule == rule


@pytest.mark.parametrize(
    ("file", "entity"),
    [
        ("hackclub/main.ledger", "hackclub"),
        ("main.ledger", "main"),
        ("x/2015.journal", "2015"),
        ("/books/acme/Journal.dat", "acme"),
    ],
)
def test_the_entity_is_the_files_name_or_its_folder_for_a_generic_one(file, entity):
    (entry,) = only(Entry, read("2015/01/24 x\n  a  $1\n  b\n", file=file))
    assert entry.entity == entity


def test_files_are_recognized_by_content_too():
    importer = LedgerImporter()
    assert importer.recognizes("x.dat", b"; notes\n\n2015/01/24 x\r\n  a  $1\r\n")
    assert importer.recognizes("x.journal", b"")
    assert not importer.recognizes("x.dat", b"2015/01/24,x\n2015/01/25,y\n")
    assert not importer.recognizes("x.beancount", b'2015-01-24 * "x"\n  a  1 USD\n')


names = st.from_regex(r"[A-Z][a-zåäö]{1,6}( [0-9]{1,2})?(:[A-Z][a-z]{1,5}){0,3}", fullmatch=True)
lines = st.builds(
    Line,
    account=names,
    side=st.sampled_from(["D", "C"]),
    amount=st.decimals(min_value=Decimal("0.01"), max_value=10**9, places=2),
    currency=st.just("USD"),
    text=st.from_regex(r"([A-Za-zåäö:;]{1,9})?", fullmatch=True),
)


def render(line):
    comment = f"  ; {line.text}" if line.text else ""
    return f"    {line.account}  ${'-' if line.side == 'C' else ''}{line.amount:,}{comment}"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(lines, min_size=2, max_size=5), max_size=4))
def test_entries_that_are_written_come_back(entries):
    text = "\n".join("\n".join(["2015/01/24 x", *map(render, rows), ""]) for rows in entries)
    assert [entry.lines for entry in only(Entry, read(text))] == entries


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=20),
            st.sampled_from(
                [b"2015/01/24 ", b"\n  a  $1", b" {", b"}", b" @@ ", b"= ", b"\nalias ", b"\n  [a]  "]
            ),
        ),
        max_size=30,
    )
)
def test_no_bytes_break_the_importer(parts):
    try:
        records = list(LedgerImporter().records(Source("x.ledger", BytesIO(b"".join(parts))), ImportSettings()))
    except UnreadableFile:
        return
    assert all(isinstance(record, Entry | Account | Rejection | Passed | FileEnd) for record in records)


@pytest.mark.parametrize("dialect", ["ledger", "hledger"])
def test_a_transaction_with_one_posting_is_an_entry_to_predict_with_that_line_known(dialect):
    text = "2024-05-02 Coffee\n  Assets:Bank  -4.50 EUR\n\n2024-05-03 Virtual\n  [Assets:Bank]  1 EUR\n"
    records = read(text, dialect=dialect)
    first, second = (each for each in records if isinstance(each, Entry))
    assert first.lines is None
    assert first.total is None
    assert first.description == "Coffee"
    assert first.known_lines == [Line("Assets:Bank", "C", Decimal("4.50"), "EUR")]
    assert second.lines is not None
    assert second.known_lines is None
    assert "Assets:Bank" in {each.code for each in records if isinstance(each, Account)}
    alone = read(text.partition("\n\n")[0], dialect=dialect)
    assert not [each for each in alone if isinstance(each, Account)]
