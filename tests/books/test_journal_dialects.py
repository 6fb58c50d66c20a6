"""Whose rules hold in a plain-text journal, and that these are the program's own."""

from __future__ import annotations

import random
from decimal import Decimal
from pathlib import Path

import pytest
from counting import only
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_texts import agrees, check_line_counts, needs_tools, read, rejected, sums

from jet.books.checks import Rule
from jet.books.importers import Entry, FileEnd, ImportSettings, Rejection, UnreadableFile, import_file

SHARED = Path(__file__).parents[2].parent / "shared"
HACKCLUB = SHARED / "data" / "hackclub" / "main.ledger"


def one(amount, *more, head=""):
    """A journal whose first entry has an amount, the others some more."""
    return head + "\n".join(f"2024-01-0{n} x\n  a  {each}\n  b\n" for n, each in enumerate((amount, *more), 1))


def first_amount(records):
    entries = only(Entry, records)
    return entries[0].lines[0].amount if entries else None


def dialect_of(records):
    return only(FileEnd, records)[-1].dialect


def differences(records):
    return [record for record in only(Rejection, records) if record.rule == Rule.DIALECT]


@pytest.mark.parametrize(
    ("written", "by_ledger", "by_hledger"),
    [
        ("1,000 EUR", "1000", "1"),
        ("1.000 EUR", "1", "1"),
        ("EUR 1,000", "1000", "1"),
        ("$12,345", "12345", "12.345"),
        ("0,125 EUR", "125", "0.125"),
        ("1000,000 EUR", "1000000", "1000"),
        ("2,50 EUR", "2.5", "2.5"),
        ("1,234.50 EUR", "1234.5", "1234.5"),
        ("1.234,50 EUR", "1234.5", "1234.5"),
        ("1,000,000 EUR", "1000000", "1000000"),
        ("1.000.000 EUR", None, "1000000"),
        ("1 000,50 EUR", None, "1000.5"),
        ("+5 EUR", None, "5"),
        (".5 EUR", None, "0.5"),
        ("1e3 EUR", None, "1000"),
        ("5. EUR", None, "5"),
        ("1'000 EUR", None, None),
        ("5 EUR USD", None, None),
    ],
)
def test_each_program_reads_a_number_in_its_way(written, by_ledger, by_hledger):
    for dialect, expected in (("ledger", by_ledger), ("hledger", by_hledger)):
        found = first_amount(read(one(written), dialect=dialect))
        assert found == (None if expected is None else Decimal(expected)), dialect


def test_for_ledger_a_decimal_comma_turns_the_marks_of_its_commodity_from_there_on():
    records = read(one("1.000 EUR", "2,50 EUR", "1.000 EUR", "1.000 USD"), dialect="ledger")
    assert [entry.lines[0].amount for entry in only(Entry, records)] == [1, Decimal("2.5"), 1000, 1]


@pytest.mark.parametrize(
    ("head", "amount"),
    [
        ("commodity 1.000,00 EUR\n", "1000"),
        ("commodity EUR\n  format 1.000,00 EUR\n", "1000"),
        ("commodity 1,000.00 EUR\n", "1"),
        ("commodity 1.000,00 USD\n", "1"),
        ("D 1.000,00 EUR\n", "1000"),
        ("D 1.000,00 USD\n", "1000"),
        ("decimal-mark ,\n", "1000"),
        ("decimal-mark .\ncommodity 1.000,00 EUR\n", "1"),
    ],
)
def test_for_hledger_a_directive_says_what_the_mark_is(head, amount):
    assert first_amount(read(one("1.000 EUR", head=head), dialect="hledger")) == Decimal(amount)


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        (one("1 EUR", head="bucket Foo\n"), "ledger"),
        (one("1 EUR", head="A Foo\n"), "ledger"),
        (one("1 EUR", head="apply year 2024\n"), "ledger"),
        (one("1 EUR", head="apply tag x\n"), "ledger"),
        (one("1 EUR", head="account a\n  alias c\n"), "ledger"),
        (one("1 EUR", head="payee x\n  alias y\n"), "ledger"),
        (one("1 EUR", head="define x=5\n"), "ledger"),
        (one("(2 * 3 EUR)"), "ledger"),
        ("2024-01-01 x\n  a\t5 EUR\n  b\n", "ledger"),
        (one("1 EUR", head="commodity 1.000,00 EUR\n"), "hledger"),
        (one("1 EUR", head="decimal-mark ,\n"), "hledger"),
        (one("1 EUR", head="alias /a/=c\n"), "hledger"),
        (one("1 EUR", head="end aliases\n"), "hledger"),
        (one("1 000,00 EUR"), "hledger"),
        (one("1e3 EUR"), "hledger"),
        (one("5 EUR == 5 EUR"), "hledger"),
    ],
)
@pytest.mark.parametrize("suffix", [".journal", ".ledger", ".dat"])
def test_what_only_one_program_knows_makes_a_file_its_own(text, dialect, suffix):
    assert dialect_of(read(text, file=f"books/x{suffix}")) == dialect


@pytest.mark.parametrize(
    ("amounts", "dialect", "first"),
    [
        (("1,000 EUR", "1,234.50 EUR"), "ledger", "1000"),
        (("1,000 JPY", "12.50 EUR"), "ledger", "1000"),
        (("1,000 EUR", "2,50 EUR"), "hledger", "1"),
        (("10,125 A", "12,50 EUR"), "hledger", "10.125"),
        (("0,125 EUR",), "hledger", "0.125"),
        (("2,50 EUR", "1.000 EUR"), "ledger", "2.5"),
    ],
)
@pytest.mark.parametrize("suffix", [".journal", ".ledger", ".dat"])
def test_the_decimal_mark_that_the_numbers_agree_on_decides(amounts, dialect, first, suffix):
    records = read(one(*amounts), file=f"books/x{suffix}")
    assert (dialect_of(records), first_amount(records)) == (dialect, Decimal(first))
    (told,) = differences(records)
    assert (told.used_for, told.file_lines) == ("all", 0)
    assert "set ingest.dialect to ledger or hledger" in told.message


def test_else_the_extension_decides_and_the_difference_is_told_once():
    text = one("5 EUR", "1,000 EUR", "2,000 EUR")
    for suffix, dialect, amount in (
        (".ledger", "ledger", 1000),
        (".ldg", "ledger", 1000),
        (".journal", "hledger", 1),
    ):
        records = read(text, file=f"books/x{suffix}")
        assert (dialect_of(records), only(Entry, records)[1].lines[0].amount) == (dialect, amount)
        (told,) = differences(records)
        assert told.file_line == 5
        assert "reads 1,000 as 1" in told.message
        assert "as 1000" in told.message


def test_an_amount_of_two_readings_is_not_guessed_where_nothing_decides():
    records = read(one("1,000 EUR", "5 EUR"), file="books/x.dat")
    (rejection,) = rejected(records)
    assert rejection.rule == Rule.BAD_AMOUNT
    assert "is 1000 for ledger, 1 for hledger" in rejection.message
    assert len(only(Entry, records)) == 1


def test_an_amount_that_both_programs_read_against_the_files_own_mark_is_not_read():
    records = read(one("1.000 EUR", "2,50 EUR"), file="books/x.journal")
    (rejection,) = rejected(records)
    assert "1 for hledger, 1 for ledger, 1000 by the decimal mark" in rejection.message
    assert [entry.lines[0].amount for entry in only(Entry, records)] == [Decimal("2.5")]


@pytest.mark.parametrize("dialect", ["auto", "ledger", "hledger"])
def test_the_decimal_comma_of_the_settings_overrules_all(dialect):
    text = one("1.000 EUR", "1,000 USD")
    for comma, amounts in ((True, [1000, 1]), (False, [1, 1000])):
        records = read(text, decimal_comma=comma, dialect=dialect)
        assert [entry.lines[0].amount for entry in only(Entry, records)] == amounts
        assert differences(records) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("2024-01-01 Shop ; note\n  a  1 EUR\n  b\n", "payee"),
        ("2024-01-01 x\n  [a]  1 EUR\n  b\n", "brackets"),
    ],
)
def test_what_else_is_read_differently_is_told_too(text, word):
    for suffix in (".ledger", ".journal"):
        (told,) = differences(read(text, file=f"books/x{suffix}"))
        assert word in told.message
    assert differences(read(text, dialect="ledger")) == []


def test_a_plain_file_is_told_nothing_of_dialects():
    for suffix in (".ledger", ".journal", ".dat"):
        records = read(one("$1,234.50", "12.30 EUR", "1.234 BTC"), file=f"books/x{suffix}")
        assert only(Rejection, records) == []


def test_a_semicolon_after_one_blank_is_payee_for_ledger_and_comment_for_hledger():
    text = "2024-01-01 * (1) Shop ; note\n  a  1\n  b\n"
    assert only(Entry, read(text, dialect="ledger"))[0].description == "Shop ; note"
    assert only(Entry, read(text, dialect="hledger"))[0].description == "Shop"
    for dialect in ("ledger", "hledger"):
        (entry,) = only(Entry, read(text.replace(" ; ", "  ; "), dialect=dialect))
        assert entry.description == "Shop"


def test_brackets_are_pooled_by_ledger_and_apart_for_hledger():
    text = "2024-01-01 x\n  [a]  10 EUR\n  b\n"
    assert sums(read(text, dialect="ledger")) == {("a", "EUR"): 10, ("b", "EUR"): -10}
    text = "2024-01-01 x\n  [a]  10 EUR\n  [c]\n  b  5 EUR\n  d\n"
    assert sums(read(text, dialect="hledger"))["d", "EUR"] == -5


def test_an_entry_balances_at_the_precision_that_ledger_has_seen_or_that_hledger_sees_anywhere(tmp_path):
    yen = "2024-01-01 x\n  a  10.50 USD @ 110.37 JPY\n  b  -1159 JPY\n"
    half = "2024-01-02 y\n  c  0.50 JPY\n  d\n"
    for text, balanced in (
        (yen, {"ledger", "hledger"}),
        (yen + "\n" + half, {"ledger"}),
        (half + "\n" + yen, set()),
    ):
        path = tmp_path / "x.journal"
        path.write_text(text)
        for dialect in ("ledger", "hledger"):
            records = list(import_file(str(path), ImportSettings(dialect=dialect)))
            is_balanced = Rule.UNBALANCED not in [record.rule for record in only(Rejection, records)]
            assert is_balanced == (dialect in balanced), (text, dialect)


def test_what_the_programs_refuse_is_unbalanced_within_half_a_cent_too(tmp_path):
    path = tmp_path / "x.journal"
    path.write_text("2024-01-01 x\n  a  1.00 EUR\n  b  -1.004 EUR\n")
    for dialect in ("ledger", "hledger"):
        records = list(import_file(str(path), ImportSettings(dialect=dialect)))
        assert [record.rule for record in only(Rejection, records)] == [Rule.UNBALANCED]
    assert only(Rejection, import_file(str(path), ImportSettings(tolerance=0.01))) == []


@pytest.mark.shared
@pytest.mark.skipif(not HACKCLUB.exists(), reason="there is no real journal in ../shared/data")
@needs_tools
@pytest.mark.parametrize("dialect", ["ledger", "hledger"])
def test_a_real_journal_has_the_programs_own_sums(dialect):
    from journal_texts import SUMS_OF

    ours = sums(import_file(str(HACKCLUB), ImportSettings(dialect=dialect)))
    assert len(ours) == 37
    assert ours == SUMS_OF[dialect](HACKCLUB) == sums(import_file(str(HACKCLUB), ImportSettings()))


# --- journals that are made up, and what the programs make of them -----------------------------------------

NUMBERS = ["5", "7.50", "12.3", "1,000", "1.000", "2,50", "1,234.50", "1.234,50", "1000,5", "12,345", "0.125"]
NUMBERS += ["0,125", "1,000,000", "1.234.567", "10,00", "1 000", "1 000,50", ".5", "1e3", "1000,000"]
ACCOUNTS = ["a", "b", "a:x", "c d", "e:Unknown", "x:y:z"]
DIRECTIVES = [
    *("commodity 1.000,00 EUR", "commodity 1,000.00 EUR", "commodity EUR\n  format 1.000,00 EUR"),
    *(
        "commodity EUR\n  format 1,000.00 EUR",
        "commodity EUR",
        "D 1.000,00 EUR",
        "D 1000.00 EUR",
        "D $1,000.00",
    ),
    *("decimal-mark ,", "decimal-mark .", "alias a=b", "alias a = q:r", "alias a:x=w", "alias /^(.)$/=z:\\1"),
    *("end aliases", "apply account P:Q", "end apply account", "end apply", "Y2023", "apply year 2021"),
    *("bucket b", "A c d", "account a\n  alias c d", "account gro\n  payee shop", "account a\n  default"),
    *("payee sss\n  alias shop", "comment\n2024-01-01 x\n  a  1\n  b\nend comment", "test\nfoo\nend test"),
    *("tag foo", "P 2024-01-01 EUR $1", "~ monthly\n  a  1 EUR\n  b", "# c", "* c", "| c", "N $", "nonsense"),
]


def made_amount(draw, numbers):
    number, commodity = draw.choice(numbers), draw.choice(["EUR", "EUR", "$", "JPY", "", '"Q 1"'])
    sign = draw.choice(["", "", "-", "-", "+"] if draw.random() < 0.1 else ["", "-"])
    return f"{sign}{commodity}{number}" if commodity == "$" else f"{sign}{number} {commodity}".strip()


def made_posting(draw, numbers):
    account = draw.choice(ACCOUNTS)
    account = f"[{account}]" if draw.random() < 0.05 else account
    amount = made_amount(draw, numbers)
    if draw.random() < 0.15:
        price = made_amount(draw, ["1.5", "250.33", "7", "2"]).replace("-", "")
        lot = draw.choice(["", "", " {$30}", " {{$31.10}}", " [2024-01-01]"])
        amount += lot + draw.choice([" @ ", " @@ "]) + price
    if draw.random() < 0.08:
        amount = f"= {made_amount(draw, numbers)}"
    gap = draw.choice(["  ", "\t\t", " \t"]) if draw.random() < 0.1 else "  "
    return f"  {account}{gap}{amount}{draw.choice(['', '', ';n', '  ; n'])}"


def made_transaction(draw, numbers):
    head = f"2024-01-{draw.randint(1, 28):02} {draw.choice(['x', '* shop', '(1) y ; z', 'shop  ; c'])}"
    if draw.random() < 0.4:  # one that balances by itself
        cents, decimals = draw.randint(2, 99999), draw.choice([0, 2, 2, 3])
        part = draw.randint(1, cents - 1)
        rows = [
            f"  {draw.choice(ACCOUNTS)}  {n / 10**decimals:.{decimals}f} EUR"
            for n in (cents, -part, part - cents)
        ]
    else:
        rows = [made_posting(draw, numbers) for _ in range(draw.randint(1, 3))]
        rows += [f"  {draw.choice(ACCOUNTS)}"] * (draw.random() < 0.9)
    if draw.random() < 0.03:
        rows.insert(draw.randint(0, len(rows)), draw.choice(["  ; c", "; c", "   "]))
    return "\n".join([head, *rows, ""])


def made_journal(draw):
    numbers = draw.choice([NUMBERS, ["5", "7.50", "12.3", "99.99", "1000"]])
    parts = []
    for _ in range(draw.randint(1, 4)):
        if draw.random() < 0.3:
            parts.append(draw.choice(DIRECTIVES) + "\n")
        parts.append(made_transaction(draw, numbers))
    return "\n".join(parts)


@needs_tools
@pytest.mark.parametrize("dialect", ["ledger", "hledger"])
def test_made_up_journals_come_to_the_programs_own_sums_or_both_refuse(tmp_path, dialect):
    draw = random.Random(dialect)
    path = tmp_path / "x.journal"
    for _ in range(250):
        path.write_text(made_journal(draw))
        found = agrees(path, dialect)
        assert found is True or refuses_more(found), found


def refuses_more(found):
    """Whether jet refuses what nobody means, though the program takes it: an amount in an account's name."""
    _, theirs, _, *refused = found
    return isinstance(theirs, dict) and refused and any("one blank or tab" in message for message in refused[0])


FRAGMENTS = """2024-01-05 x
2024-01-05 x ; y
01-02 z
  a  1,000 EUR
  b
  a  5
	a  -5 = 3
  (v)  3
  [w]  2 EUR
  a 3.50 EUR
  a	3
  a  1 A @ 2 B
  a  {
    \x20

; c
  ; d
include x
comment
end comment
bucket b
account a
  alias c
= a
~ monthly
garbage
Y2020
decimal-mark ,
commodity 1.000,00 EUR
  format 1,00 EUR
apply account P
end apply account
alias a=b"""
fragments = st.sampled_from(FRAGMENTS.split("\n"))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(fragments, st.text(max_size=12)), max_size=14),
    st.sampled_from(["auto", "ledger", "hledger"]),
    st.sampled_from([None, True, False]),
)
def test_every_line_of_any_text_is_accounted_for(lines, dialect, decimal_comma):
    try:
        records = read("\n".join(lines), dialect=dialect, decimal_comma=decimal_comma)
    except UnreadableFile:
        return
    (end,) = check_line_counts(records)
    assert end.dialect in ("ledger", "hledger")


@settings(max_examples=100, deadline=None)
@given(st.lists(fragments, min_size=1, max_size=12), st.sampled_from(["auto", "ledger", "hledger"]))
def test_no_posting_with_an_amount_is_lost_in_silence(lines, dialect):
    """Of an entry, each posting with an amount that isn't zero or virtual makes a line."""
    records = read("\n".join(lines), dialect=dialect)
    texts = "\n".join(lines).split("\n")
    for entry in only(Entry, records):
        rows = [row.strip() for row in texts[entry.file_line : entry.file_line - 1 + entry.file_lines]]
        with_amount = [row for row in rows if row[:1] not in (";", "(", "=") and any(c.isdigit() for c in row)]
        made = entry.known_lines if entry.lines is None else entry.lines
        assert len(made) >= len([row for row in with_amount if "=" not in row]) or not made


@pytest.mark.parametrize("file", ["book.journal", "book.ledger", "book.txt"])
@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("2024-01-05 x\n    a  10,000 EUR\n    b  -10000 EUR\n", "ledger"),
        ("2024-01-05 x\n    a  10,000 EUR\n    b  -10 EUR\n", "hledger"),
        (
            "2024-01-05 Sell\n    a  -10 VTI {$100} @ $120\n    cash  $1200\n    gains  $-200\n",
            "ledger",
        ),
    ],
)
def test_a_file_that_one_program_refuses_is_the_other_ones(tmp_path, file, text, dialect):
    path = tmp_path / file
    path.write_text(text)
    records = list(import_file(str(path), ImportSettings(format="ledger")))
    assert {record.rule for record in records if isinstance(record, Rejection)} <= {Rule.DIALECT}
    (entry,) = [record for record in records if isinstance(record, Entry)]
    assert all(line.amount for line in entry.lines)
    assert [record.dialect for record in records if isinstance(record, FileEnd)] == [dialect]
