"""Every rule of jet.books.checks has an entry that breaks it and nothing else."""

import datetime
from dataclasses import replace
from decimal import Decimal

import pytest

from jet.books.checks import MAX_LINES, TOLERANCE, Rule, admit, check_account, check_entry, clean, reject
from jet.books.records import Account, Entry, Line, total_of

DEBIT = Line("5410", "D", Decimal("100.25"), "SEK")
CREDIT = Line("1930", "C", Decimal("100.25"), "SEK")


def entry(**changes):
    fine = {
        "entity": "E",
        "entry_id": "1",
        "date": datetime.date(2020, 1, 31),
        "description": "Kaffebröd",
        "currency": "SEK",
        "journal": "A",
        "total": None,
        "lines": [DEBIT, CREDIT],
        "file": "book.se",
        "file_line": 7,
    }
    return Entry(**{**fine, **changes})


def debit(**changes):
    return {"lines": [replace(DEBIT, **changes), CREDIT]}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lines": None},
        {"lines": None, "total": Decimal(5)},
        {"total": Decimal("100.25")},
        debit(amount=None),
        debit(amount=Decimal("100.254")),
        debit(amount=Decimal("100.250000000000000000")),
        {"lines": [replace(line, amount=Decimal("9" * 20 + "." + "9" * 8)) for line in (DEBIT, CREDIT)]},
        {"lines": [DEBIT, CREDIT, replace(DEBIT, currency="EUR"), replace(CREDIT, currency="EUR")]},
        {"lines": [replace(DEBIT, currency=""), CREDIT]},
        {"description": "x" * 100_000},
        {"description": ""},
    ],
)
def test_a_fine_entry_passes(changes):
    assert check_entry(entry(**changes)) is None


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        (Rule.MISSING_ID, {"entry_id": " "}),
        (Rule.MISSING_ENTITY, {"entity": ""}),
        (Rule.BAD_DATE, {"date": datetime.date(1899, 12, 31)}),
        (Rule.BAD_DATE, {"date": datetime.date(2201, 1, 1)}),
        (Rule.NO_LINES, {"lines": []}),
        (Rule.TOO_MANY_LINES, {"lines": [DEBIT, CREDIT] * (MAX_LINES // 2 + 1)}),
        (Rule.MISSING_ACCOUNT, debit(account=" ")),
        (Rule.BAD_SIDE, debit(side="d")),
        (Rule.BAD_AMOUNT, debit(amount=Decimal("NaN"))),
        (Rule.BAD_AMOUNT, debit(amount=Decimal("-Infinity"))),
        (Rule.BAD_AMOUNT, debit(amount=Decimal("1E+20"))),
        (Rule.BAD_AMOUNT, debit(amount=Decimal("1E+999999"))),
        (Rule.TOO_MANY_DECIMALS, debit(amount=Decimal("1E-999999"))),
        (Rule.TOO_MANY_DECIMALS, debit(amount=Decimal("100.250000001"))),
        (Rule.BAD_AMOUNT, {"total": Decimal("1E+20")}),
        (Rule.BAD_AMOUNT, {"lines": [replace(x, amount=Decimal(6) * 10**19) for x in (DEBIT, CREDIT)] * 2}),
        (Rule.NEGATIVE_AMOUNT, debit(amount=Decimal("-1"))),
        (Rule.ONE_SIDED, {"lines": [DEBIT, DEBIT]}),
        (Rule.ONE_SIDED, {"lines": [replace(CREDIT, amount=None)]}),
        (Rule.UNBALANCED, debit(amount=Decimal("100.256"))),
        (Rule.UNBALANCED, debit(currency="EUR")),
        (Rule.TOTAL_MISMATCH, {"total": Decimal("99")}),
        (Rule.BAD_DIRECTION, {"direction": "outgoing"}),
        (Rule.KNOWN_LINES, {"known_lines": [DEBIT]}),
        (Rule.KNOWN_LINES, {"lines": None, "known_lines": [DEBIT], "total": Decimal("99")}),
        (Rule.BAD_SIDE, {"lines": None, "known_lines": [replace(DEBIT, side="X")]}),
        (Rule.MISSING_ACCOUNT, {"lines": None, "known_lines": [replace(DEBIT, account=" ")]}),
        (Rule.BAD_TEXT, {"description": "a\0b"}),
        (Rule.BAD_TEXT, debit(text="\ud800")),
        (Rule.BAD_TEXT, debit(dimensions=(("project", "\0"),))),
        (Rule.TEXT_TOO_LONG, {"description": "x" * 100_001}),
        (Rule.TEXT_TOO_LONG, debit(text="ö" * 50_001)),
    ],
)
def test_an_entry_that_breaks_a_rule_is_rejected_by_it(rule, changes):
    rejection = check_entry(entry(**changes))
    assert rejection is not None
    assert rejection.rule == rule
    assert (rejection.file, rejection.file_line) == ("book.se", 7)
    assert "\n" not in rejection.message


def test_the_tolerance_is_the_callers():
    off = entry(**debit(amount=Decimal("101")))
    assert check_entry(off, Decimal("0.75")) is None
    assert check_entry(off, Decimal("0.7499")) is not None


# --- what an entry that breaks a rule is still used for -----------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [debit(amount=Decimal("99")), debit(currency="EUR"), {"total": Decimal("99")}],
    ids=["unbalanced", "currencies", "total"],
)
def test_the_accounts_and_sides_of_an_entry_that_does_not_balance_are_used_without_its_amounts(changes):
    given = entry(**changes)
    used, rejection = admit(given, TOLERANCE)
    assert [(line.account, line.side, line.amount) for line in used.lines] == [
        *(("5410", "D", None), ("1930", "C", None))
    ]
    assert used.total is None
    assert check_entry(used) is None
    assert (rejection.used_for, rejection.file_lines) == ("lines", 0)
    assert "its accounts and sides are used" in rejection.message
    assert given.lines[0].amount is not None


@pytest.mark.parametrize(
    ("currency", "amount", "rounded"),
    [
        ("EUR", "12.3456789012", "12.35"),
        ("EUR", "0.125000001", "0.13"),
        ("JPY", "110.0000000001", "110"),
        ("KWD", "1.23456789012", "1.235"),
        ("BTC", "0.123456789012", "0.12345679"),
        ("", "0.123456789012", "0.12345679"),
    ],
)
def test_too_many_decimals_are_rounded_to_the_currency_and_said(currency, amount, rounded):
    lines = [replace(line, amount=Decimal(amount), currency=currency) for line in (DEBIT, CREDIT)]
    used, rejection = admit(entry(lines=lines, currency=currency, total=Decimal(amount)), TOLERANCE)
    assert [line.amount for line in used.lines] == [Decimal(rounded)] * 2
    assert used.total == Decimal(rounded)
    assert (rejection.rule, rejection.used_for) == (Rule.TOO_MANY_DECIMALS, "all")
    assert "rounded" in rejection.message


def test_amounts_of_a_currency_are_rounded_alike_so_that_they_still_balance():
    derived = replace(CREDIT, amount=Decimal("605626.710860051310"), currency="EUR")
    priced = replace(DEBIT, amount=Decimal("605626.71086005"), currency="EUR")
    other = [replace(line, currency="USD", amount=Decimal("0.12345678")) for line in (DEBIT, CREDIT)]
    used, rejection = admit(entry(lines=[priced, derived, *other]), TOLERANCE)
    assert [line.amount for line in used.lines] == [*[Decimal("605626.71")] * 2, *[Decimal("0.12345678")] * 2]
    assert rejection.used_for == "all"


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+30"])
def test_where_another_amount_is_none_nothing_is_rounded(amount):
    lines = [replace(DEBIT, amount=Decimal("0.123456789")), replace(CREDIT, amount=Decimal(amount))]
    used, rejection = admit(entry(lines=lines), TOLERANCE)
    assert (used, rejection.rule) == (None, Rule.BAD_AMOUNT)


def test_an_entry_that_does_not_balance_once_it_is_rounded_gives_its_lines_alone():
    third = replace(CREDIT, amount=Decimal("33.333333333333"), currency="JPY")
    used, rejection = admit(
        entry(lines=[replace(DEBIT, amount=Decimal(100), currency="JPY"), *[third] * 3]), TOLERANCE
    )
    assert [line.amount for line in used.lines] == [None] * 4
    assert (rejection.rule, rejection.used_for) == (Rule.UNBALANCED, "lines")


@pytest.mark.parametrize(
    "changes",
    [{"lines": [DEBIT]}, {"lines": []}, {"entry_id": ""}, debit(account=""), debit(amount=Decimal("NaN"))],
)
def test_an_entry_without_two_sides_an_id_or_an_account_is_of_no_use(changes):
    used, rejection = admit(entry(**changes), TOLERANCE)
    assert used is None
    assert (rejection.used_for, rejection.file_lines) == ("nothing", 1)


@pytest.mark.parametrize("changes", [debit(amount=Decimal("99")), debit(amount=Decimal("100.250000001"))])
def test_strict_refuses_whatever_breaks_a_rule(changes):
    used, rejection = admit(entry(**changes), TOLERANCE, strict=True)
    assert used is None
    assert rejection.used_for == "nothing"


def test_an_entry_is_balanced_as_its_format_says():
    off = entry(**debit(amount=Decimal("100.35")))
    assert check_entry(off) is not None
    assert check_entry(replace(off, tolerances={"SEK": Decimal("0.1")})) is None
    assert check_entry(replace(off, tolerances={"EUR": Decimal("0.1")})) is not None


def test_lines_without_a_currency_count_in_the_total_as_they_do_in_the_balance():
    lines = [replace(DEBIT, currency=""), DEBIT, replace(CREDIT, amount=Decimal("200.50"))]
    assert total_of(lines, "SEK") == Decimal("200.50")
    assert check_entry(entry(lines=lines, total=total_of(lines, "SEK"))) is None


@pytest.mark.parametrize(
    ("rule", "account"),
    [
        (None, Account("E", "1930", "")),
        (
            None,
            Account("E", "1930", "Bank", None, "asset", datetime.date(2020, 1, 1), datetime.date(2020, 1, 1)),
        ),
        (Rule.MISSING_ENTITY, Account("", "1930", "Bank")),
        (Rule.MISSING_ACCOUNT, Account("E", "", "Bank")),
        (Rule.BAD_NATURE, Account("E", "1930", "Bank", nature="money")),
        (
            Rule.BAD_PERIOD,
            Account("E", "1", "B", opened=datetime.date(2020, 1, 2), closed=datetime.date(2020, 1, 1)),
        ),
        (Rule.BAD_TEXT, Account("E", "1930", "\0")),
    ],
)
def test_accounts_are_checked(rule, account):
    rejection = check_account(account, "book.se")
    assert rule == (rejection.rule if rejection else None)


def test_every_rule_is_explained_in_one_sentence():
    for rule in Rule:
        assert rule.value == rule.name.lower()
        assert rule.explanation.endswith(".")
        assert rule.explanation[0].isupper()


def test_a_rejection_can_always_be_stored():
    rejection = reject(Rule.MALFORMED, "\ud800\0", file="\udcff.se", file_line=1, excerpt="\0" * 1000)
    for text in (rejection.message, rejection.file, rejection.excerpt):
        text.encode()
        assert "\0" not in text
    assert len(rejection.excerpt) == 200
    assert clean("Övning") == "Övning"
