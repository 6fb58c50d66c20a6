"""Directives of plain-text journals: what is followed, by whose rules, and what is refused aloud."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from counting import only
from journal_texts import check_line_counts, read, rejected, sums

from jet.books.checks import Rule
from jet.books.importers import Account, Entry, Passed, Rejection

ENTRY = "2024-01-05 Shop\n  food  12.00 EUR\n  bank\n"


def accounts_of(text, **options):
    return [line.account for entry in only(Entry, read(text, **options)) for line in entry.lines]


def dates_of(text, **options):
    return [entry.date.isoformat() for entry in only(Entry, read(text, **options))]


@pytest.mark.parametrize("blanks", ["  ", "\t", "    "])
def test_below_account_ledger_takes_aliases_and_payees_and_hledger_nothing(blanks):
    text = f"""account Expenses:Groceries
{blanks}alias food
{blanks}payee ^shop
account Assets:Checking
{blanks}; mine
{blanks}alias chk
2024-01-05 Shop
  Expenses:Unknown  12 EUR
  chk
2024-01-06 Market
  food  20 EUR
  food:sub  1 EUR
  Unknown  2 EUR
  chk
"""
    for dialect in ("auto", "ledger"):
        assert sums(read(text, dialect=dialect)) == {
            ("Expenses:Groceries", "EUR"): 32,
            ("Expenses:Groceries:sub", "EUR"): 1,
            ("Unknown", "EUR"): 2,
            ("Assets:Checking", "EUR"): -35,
        }
    assert {account for account, _ in sums(read(text, dialect="hledger"))} == {
        *("Expenses:Unknown", "chk", "food", "food:sub", "Unknown")
    }


@pytest.mark.parametrize("directive", ["bucket Assets:Cash", "A Assets:Cash", "account Assets:Cash\n  default"])
def test_the_bucket_takes_the_other_side_of_a_single_posting(directive):
    text = f"{directive}\n\n2024-01-05 Coffee\n  Expenses:Coffee  3.00 EUR\n"
    assert sums(read(text)) == {("Expenses:Coffee", "EUR"): 3, ("Assets:Cash", "EUR"): -3}
    if "account" not in directive:
        (fault,) = rejected(read(text, dialect="hledger"))[:1]
        assert fault.rule == Rule.UNSUPPORTED_DIRECTIVE


def test_a_bucket_is_the_one_that_was_named_last_and_needs_a_single_real_posting():
    text = "bucket A\n2024-01-05 x\n  a  1\nbucket B\n2024-01-05 y\n  a  1\n2024-01-05 z\n  (v)  1\n"
    records = read(text)
    assert accounts_of(text) == ["a", "A", "a", "B"]
    assert [record.rule for record in rejected(records)] == [Rule.NO_LINES]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("apply year 2024", "end apply year"),
        ("apply year 2024", "end apply"),
        ("year 2024", "end"),
        ("Y2024", "end"),
    ],
)
def test_the_end_of_a_year_gives_back_the_one_before(before, after):
    entries = [f"01/15 x\n  a  {n} EUR\n  b\n" for n in (1, 2, 4)]
    text = f"Y 2023\n{entries[0]}{before}\n{entries[1]}{after}\n{entries[2]}"
    assert dates_of(text, dialect="ledger") == ["2023-01-15", "2024-01-15", "2023-01-15"]


def test_what_is_applied_within_each_other_ends_in_turn():
    text = """apply account A
apply account B
apply tag x
2024-01-01 x
  a  1
  b
end apply tag
end apply account
2024-01-02 x
  a  1
  b
end apply
2024-01-03 x
  a  1
  b
end apply
"""
    records = read(text)
    assert accounts_of(text) == ["A:B:a", "A:B:b", "A:a", "A:b", "a", "b"]
    (fault,) = rejected(records)
    assert fault.file_line == 16
    assert "'end' without an 'apply'" in fault.message


def test_an_end_of_something_else_is_refused_and_ends_nothing():
    text = "apply account A\nend apply year\n2024-01-01 x\n  a  1\n  b\n"
    assert accounts_of(text, dialect="ledger") == ["A:a", "A:b"]
    assert "while 'account' is applied" in rejected(read(text, dialect="ledger"))[0].message


@pytest.mark.parametrize(
    ("aliases", "written", "by_ledger", "by_hledger"),
    [
        ("alias a=x", "a", "x", "x"),
        ("alias a=x", "a:b", "x:b", "x:b"),
        ("alias a:b=x", "a:b:c", "a:b:c", "x:c"),
        ("alias a=b\nalias b=c", "a", "b", "b"),
        ("alias b=c\nalias a=b", "a", "b", "c"),
        ("alias a=x\nalias a=y", "a", "y", "y"),
        ("apply account P\nalias a=x", "a", "P:x", "P:a"),
        ("apply account P\nalias P:a=x", "a", "P:a", "x"),
        ("alias a=x\napply account P", "a", "x", "P:a"),
    ],
)
def test_aliases_are_each_programs_own(aliases, written, by_ledger, by_hledger):
    text = f"{aliases}\n2024-01-01 x\n  {written}  1\n  zz\n"
    assert accounts_of(text, dialect="ledger")[0] == by_ledger
    assert accounts_of(text, dialect="hledger")[0] == by_hledger


def test_hledgers_aliases_by_pattern_are_followed_where_they_are_safe_and_end():
    text = "alias /^(Exp)enses:(.*)$/ = \\1:\\2\n2024-01-01 x\n  Expenses:Food  1\n  b\nend aliases\n"
    text += "2024-01-01 x\n  Expenses:Food  1\n  b\n"
    assert accounts_of(text) == ["Exp:Food", "b", "Expenses:Food", "b"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "pattern", ["(a*)*b", "(a+)+$", "a*a*a*b", "(a|a)*b", "(?=x)", "(x)\\1", "a{1,9}{1,9}", "(", "a?" * 40]
)
def test_a_pattern_that_could_take_time_without_end_is_refused(pattern):
    text = f"alias /{pattern}/ = x\n2024-01-01 x\n  {'a' * 200}  1\n  b\n"
    (fault,) = rejected(read(text, dialect="hledger"))
    assert fault.rule == Rule.UNSUPPORTED_DIRECTIVE
    text = f"payee Y\n  alias {pattern}\n2024-01-01 {'a' * 200}\n  a  1\n  b\n"
    assert rejected(read(text, dialect="ledger"))[0].rule == Rule.UNSUPPORTED_DIRECTIVE


def test_a_payees_aliases_are_patterns_of_ledger():
    text = "payee Corner Shop\n  alias ^shop\n2024-01-01 SHOP 12\n  a  1\n  b\n"
    assert only(Entry, read(text))[0].description == "Corner Shop"
    assert rejected(read(text, dialect="hledger"))[0].rule == Rule.MALFORMED


def test_a_commoditys_alias_is_that_commodity():
    text = "commodity EUR\n  alias E\n2024-01-01 x\n  a  1 E\n  b  -1 EUR\n"
    assert sums(read(text)) == {("a", "EUR"): 1, ("b", "EUR"): -1}


def test_a_default_commodity_is_that_of_bare_amounts_for_hledger_only():
    text = "D 1000.00 EUR\n2024-01-01 x\n  a  1\n  b\n"
    assert sums(read(text, dialect="hledger")) == {("a", "EUR"): 1, ("b", "EUR"): -1}
    assert sums(read(text, dialect="ledger")) == {("a", ""): 1, ("b", ""): -1}


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        ("ledger", "decimal-mark ,\n"),
        ("ledger", "apply fixed EUR $2\n"),
        ("ledger", "fixed EUR $2\n"),
        ("ledger", "capture x y\n"),
        ("ledger", "python\n"),
        ("ledger", "import foo\n"),
        ("ledger", "C 1 KB = 1024 B\n"),
        ("ledger", "i 2024/01/01 08:00:00 work\n"),
        ("ledger", "--input-date-format %d\n"),
        ("ledger", "nonsense here\n"),
        ("ledger", "= /a/\n  (c)  1\n  d  2\n"),
        ("ledger", "end apply\n"),
        ("ledger", "payee X\n  uuid 5\n"),
        ("hledger", "bucket X\n"),
        ("hledger", "A X\n"),
        ("hledger", "apply year 2024\n"),
        ("hledger", "year 2024\n"),
        ("hledger", "commodity 1000 EUR\n"),
        ("hledger", "D 1000 EUR\n"),
        ("hledger", "decimal-mark x\n"),
        ("hledger", "end apply\n"),
        ("hledger", "alias a\n"),
        ("hledger", "commodity EUR\n  alias E\n"),
        ("hledger", "python\n"),
        ("hledger", "i 2024/01/01 08:00:00 work\n"),
    ],
)
def test_a_directive_that_changes_entries_and_is_not_followed_is_a_row(dialect, text):
    records = read(text + ENTRY, dialect=dialect)
    faults = [fault for fault in rejected(records) if fault.rule == Rule.UNSUPPORTED_DIRECTIVE]
    assert len(faults) == 1
    assert ":" in faults[0].message
    assert len(only(Entry, records)) == 1
    check_line_counts(records)


@pytest.mark.parametrize(
    ("dialect", "text", "reason"),
    [
        ("ledger", "tag x\n  assert 1\n", "directive"),
        ("ledger", "define x=5\n", "directive"),
        ("ledger", "P 2024/01/01 EUR $1\n", "directive"),
        ("ledger", "--strict\n", "directive"),
        ("ledger", "~ monthly\n  a  1\n  b\n", "periodic"),
        ("ledger", "test\n2024-01-01 x\n  a  1\n  b\nend test\n", "comment"),
        ("ledger", "comment x\n2024-01-01 x\nend comment\n", "comment"),
        ("ledger", "| x\n% y\n# z\n* v\n", "comment"),
        ("hledger", "comment\n2024-01-01 x\nend comment\n", "comment"),
        ("hledger", "= a\n  (c)  1\n", "automated"),
        ("hledger", "~ monthly\n  a  1\n  b\n", "periodic"),
        ("hledger", "account x\n  anything\n", "directive"),
        ("hledger", "  ; indented\n", "comment"),
        ("hledger", "P 2024-01-01 EUR $1\n", "directive"),
    ],
)
def test_what_changes_no_entry_is_passed_over_and_counted(dialect, text, reason):
    records = read(text + ENTRY, dialect=dialect)
    assert only(Rejection, records) == []
    passed = {record.reason: record.lines for record in only(Passed, records)}
    assert passed == {reason: text.count("\n")}
    check_line_counts(records)


def test_a_comment_block_that_never_ends_takes_the_rest_as_both_programs_do():
    records = read("comment\n" + ENTRY)
    assert only(Entry, records) == []
    assert only(Passed, records)[0].lines == 4


def test_an_accounts_type_gives_its_nature_in_both_dialects():
    for dialect in ("ledger", "hledger"):
        records = read("account Kasse\n  ; type: Cash\n" + ENTRY, dialect=dialect)
        assert {a.code: a.nature for a in only(Account, records)}["Kasse"] == "asset"


def test_an_amount_by_its_balance_follows_the_file_for_ledger_and_the_dates_for_hledger():
    text = "2024-01-05 x\n  a  10 EUR\n  b\n\n2024-01-02 y\n  a  = 500 EUR\n  c\n"
    assert sums(read(text, dialect="ledger"))["a", "EUR"] == 500
    assert sums(read(text, dialect="hledger"))["a", "EUR"] == 510
    records = read(text, dialect="hledger")
    assert [entry.description for entry in only(Entry, records)] == ["x", "y"]  # in the order of the file
    check_line_counts(records)


@pytest.mark.parametrize("dialect", ["ledger", "hledger"])
@pytest.mark.parametrize(
    "unread",
    ["2024-01-03 y\n  a  7 EUR\n  b\n  c\n", "2024-01-03 y\n  a  7 EUR\n  b\n", "include no.journal\n"],
)
def test_no_amount_is_computed_of_a_balance_to_which_something_unread_may_belong(dialect, unread):
    is_read = unread.endswith("b\n")
    records = read(ENTRY + unread + "2024-01-09 z\n  a  = 500 EUR\n  d\n", dialect=dialect)
    assert (("d", "EUR") in sums(records)) == is_read
    said = [record.message for record in only(Rejection, records)]
    assert any("isn't known since" in message and "line 4" in message for message in said) != is_read


def test_a_balance_that_stands_for_amounts_in_two_currencies_is_not_computed():
    records = read(
        "2024-01-05 x\n  a  10 EUR\n  a  5 USD\n  b\n" + "2024-01-09 z\n  a  == 500 EUR\n  b\n",
        dialect="hledger",
    )
    assert ["several commodities: write them" in record.message for record in only(Rejection, records)] == [
        True
    ]


def test_an_assertion_that_fails_is_told_and_its_entry_used():
    text = "2024-01-05 x\n  a  10 EUR = 20 EUR\n  b\n"
    for dialect in ("ledger", "hledger"):
        records = read(text, dialect=dialect)
        assert sums(records) == {("a", "EUR"): 10, ("b", "EUR"): -10}
        (told,) = only(Rejection, records)
        assert (told.rule, told.used_for, told.file_lines) == (Rule.INCONSISTENT, "all", 0)
        assert "a has 10 EUR, and not the 20" in told.message


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["a  10 EUR", "b  10 USD", "c"], {("c", "EUR"): -10, ("c", "USD"): -10}),
        (["a  -1 BBB", "b  1", "b  1 AAA", "c"], {("c", "BBB"): 1, ("c", ""): -1, ("c", "AAA"): -1}),
        (["a  1 BBB", "b  -1", "b  5 AAA", "c  2", "d"], {("d", "BBB"): -1, ("d", ""): -1, ("d", "AAA"): -5}),
    ],
)
def test_one_amount_left_out_takes_each_commodity_and_the_total_fits_the_lines(rows, expected, tmp_path):
    from jet.books.importers import ImportSettings, import_file

    path = tmp_path / "x.journal"
    path.write_text("\n".join(["2024-01-05 x", *(f"  {row}" for row in rows), ""]))
    for options in ({}, {"default_currency": "EUR"}):
        records = list(import_file(str(path), ImportSettings(**options)))
        (entry,) = only(Entry, records)
        assert only(Rejection, records) == []
        debits = [line.amount for line in entry.lines if line.side == "D" and line.currency == entry.currency]
        assert entry.total == sum(debits, Decimal(0))
    assert {
        key: value for key, value in sums(import_file(str(path), ImportSettings())).items() if key in expected
    } == expected


@pytest.mark.parametrize(
    "row", ["a  10.00 EUR;c", "a  10.00 EUR ;c", "a  10.00 EUR; c", "a  $10;c", "a  EUR 10.00;c"]
)
def test_a_comment_may_stand_straight_behind_an_amount(row):
    for dialect in ("auto", "ledger", "hledger"):
        (entry,) = only(Entry, read(f"2024-01-05 x\n  {row}\n  b\n", dialect=dialect))
        assert (entry.lines[0].amount, entry.lines[0].text) == (10, "c")


@pytest.mark.parametrize(
    "row",
    ["a 15.68 EUR", "a:b $5", "a EUR 5", "a -5 EUR", "a 9.00", "a 1,000", "a 5€", "[a 5 EUR", "a b 3.20 USD"],
)
@pytest.mark.parametrize("dialect", ["auto", "ledger", "hledger"])
def test_one_blank_before_an_amount_is_named_as_the_cause(row, dialect):
    for other in ("Assets:Cash at bank", "Assets:Cash at bank  -9.00 EUR"):
        (fault,) = rejected(read(f"2024-09-10 x\n  {row}\n  {other}\n", dialect=dialect))
        assert fault.rule == Rule.MALFORMED
        assert "put two or more blanks between account and amount" in fault.message


def test_a_name_that_ends_in_a_number_is_a_name():
    text = "2024-09-10 x\n  Food  5 EUR\n  Member 01\n\n"
    text += "2024-09-10 y\n  Depot 3 ETF  5 EUR\n  Depot 3 ETF  -5 EUR\n"
    text += "\n2024-09-10 z\n  Food  5 EUR\n  Depot 3 ETF\n"
    assert rejected(read(text)) == []


def test_a_tab_before_an_amount_parts_for_ledger_and_is_refused_for_hledger():
    text = "2024-09-10 x\n  a\t5 EUR\n  b\n"
    assert sums(read(text)) == sums(read(text, dialect="ledger")) == {("a", "EUR"): 5, ("b", "EUR"): -5}
    (fault,) = rejected(read(text, dialect="hledger"))
    assert "one blank or tab between them" in fault.message


@pytest.mark.parametrize("between", ["", "    ", "\t", "; note"])
@pytest.mark.parametrize("dialect", ["auto", "ledger", "hledger"])
def test_postings_behind_the_end_of_a_transaction_are_refused_and_not_dropped(between, dialect):
    rows = "  Expenses:B  5.00 EUR\n  Assets:Bank  -5.00 EUR\n"
    text = f"2024-01-05 x\n  a  10.00 EUR\n  b  -10.00 EUR\n{between}\n{rows}2024-01-06 y\n  a  1 EUR\n  b\n"
    records = read(text, dialect=dialect)
    (fault,) = rejected(records)
    assert (fault.file_line, fault.file_lines, fault.rule) == (5, 2, Rule.MALFORMED)
    assert "belongs to no transaction" in fault.message
    assert [entry.file_lines for entry in only(Entry, records)] == [3, 3]
    check_line_counts(records)


@pytest.mark.parametrize("rows", ["  (budget:food)  100 EUR\n", "  (a)  1\n  (b)  -1\n  ; note\n"])
def test_only_virtual_postings_are_left_out_with_that_reason(rows):
    records = read(f"2024-01-05 only budget\n{rows}")
    (fault,) = rejected(records)
    assert fault.rule == Rule.NO_LINES
    assert "virtual" in fault.message
    check_line_counts(records)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2024-01-05 x\n", "no postings"),
        ("  a  5 EUR\n", "belongs to no transaction"),
        ("2024-01-05x\n  a  1\n  b\n", "date can't be read"),
        ("2024-01-05 x\n  a  5 EUR\n  b\n  c\n", "more than one amount"),
        ("rubbish\n", "begins no directive"),
        ("2024-01-05 x\n  a  5 EUR foo\n  b\n", "can't be read"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    for dialect in ("auto", "ledger", "hledger"):
        assert message in rejected(read(text, dialect=dialect))[0].message


def test_an_entry_is_called_by_what_it_says_wherever_and_however_it_is_read():
    plain = "2024-01-05 * (7) Rent\n  Expenses:Rent  900 EUR\n  Assets:Bank\n"
    noted = "; x\n\n2024-01-05 * (7)  Rent  ; note\n    ; more\n"
    noted += "    Expenses:Rent      900 EUR ; why\n    Assets:Bank\n"
    aliased = "alias Assets:Bank=B\n" + plain
    ids = {
        only(Entry, read(text, file=file, dialect=dialect))[0].entry_id
        for text in (plain, noted, aliased)
        for file in ("a.ledger", "b/c.journal")
        for dialect in ("auto", "ledger", "hledger")
    }
    assert len(ids) == 1
    assert ids.pop().startswith("2024-01-05~")
    other = only(Entry, read(plain.replace("900", "901")))[0]
    assert other.date == datetime.date(2024, 1, 5)
    assert other.entry_id not in ids


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "".join(f"2024-01-01 x\n  a  1 {chr(97 + n % 26) * (n // 26 + 1)} = 0\n  b\n" for n in range(4_000)),
        "2024-01-01 x\n" + "".join(f"  a  1 EUR = {n} EUR\n" for n in range(9_000)) + "  b\n",
        "".join(f"payee P{n}\n  alias .*{n}.*x\n" for n in range(1_500))
        + ENTRY.replace("Shop", "p" * 190) * 500,
        "".join(f"alias /a.*{n}.*x/=b\n" for n in range(200)) + ENTRY.replace("food", "a" * 190) * 500,
        "2024-01-01 x\n" + f"  a  {'x' * 290}1.5\n" * 5_000,
        f"2024-01-01 x\n  {'1 ' * 100_000}\n  b\n",
    ],
)
@pytest.mark.parametrize("dialect", ["auto", "ledger", "hledger"])
def test_nothing_takes_time_that_grows_with_its_square(text, dialect):
    check_line_counts(read(text, dialect=dialect))
