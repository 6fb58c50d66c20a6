"""The tax that a row of a DATEV file implies: by its BU-Schlüssel, or by an account that DATEV taxes by itself.

A row has a gross amount and two accounts; the lines of the tax aren't in the file. They are known here for the
charts SKR03 and SKR04, as DATEV publishes them, and for the keys that both have in common. Whatever else a key
says would be a guess.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from jet.books.checks import Rule
from jet.books.importers.common import BrokenRuleError

CENT = Decimal("0.01")
KEYS = "1, 2, 3, 5, 7, 8, 9, 18, 19, 40, 94, and 20 to 29 for their reversals"
_WITHOUT_TAX = ("", "0", "1", "40")
_REVERSAL = 20
_REDUCED = datetime.date(2020, 7, 1), datetime.date(2020, 12, 31)
_FIRST_19 = datetime.date(2007, 1, 1)


class Tax(NamedTuple):
    """A rate, and the four digits of the accounts for input tax and output tax (one of them, or both)."""

    rate: int
    input: str = ""
    output: str = ""

    @property
    def is_owed_by_the_buyer(self) -> bool:
        """Whether the company owes the tax and deducts it at once, so that the price is net."""
        return bool(self.input and self.output)


@dataclass(frozen=True)
class Chart:
    """What taxes need to know of a chart."""

    settling: str
    """The first digits of accounts that settle: banks, receivables, payables. A key is never about these."""
    inputs: dict[int, str]
    """The account of input tax by rate."""
    outputs: dict[int, str]
    both: dict[str, Tax]
    """Keys by which the buyer owes the tax."""
    automatic: dict[str, str]
    """The key that accounts stand for which begin so."""

    def tax(self, key: str, date: datetime.date) -> Tax:
        """The tax of a key. Raises KeyError where it isn't known."""
        is_reduced = _REDUCED[0] <= date <= _REDUCED[1]
        full = 16 if date < _FIRST_19 or is_reduced else 19
        less = 5 if is_reduced else 7
        if key in self.both and full == 19:
            return self.both[key]
        rate = {"2": less, "3": full, "5": 16, "7": 16, "8": less, "9": full}[key]
        if key in "235":
            return Tax(rate, output=self.outputs[rate])
        return Tax(rate, input=self.inputs[rate])


CHARTS = {
    "03": Chart(
        settling="1",
        inputs={7: "1571", 16: "1575", 19: "1576"},
        outputs={7: "1771", 16: "1775", 19: "1776"},
        both={"18": Tax(7, "1572", "1772"), "19": Tax(19, "1574", "1774"), "94": Tax(19, "1577", "1787")},
        automatic={"830": "2", "840": "3", "330": "8", "340": "9"},
    ),
    "04": Chart(
        settling="123",
        inputs={7: "1401", 16: "1405", 19: "1406"},
        outputs={7: "3801", 16: "3805", 19: "3806"},
        both={"18": Tax(7, "1402", "3802"), "19": Tax(19, "1404", "3804"), "94": Tax(19, "1407", "3837")},
        automatic={"430": "2", "440": "3", "530": "8", "540": "9"},
    ),
}


class Booking(NamedTuple):
    """A row of the file: two accounts, and the gross amount on the first one (a debit is positive)."""

    account: str
    contra: str
    amount: Decimal
    key: str
    date: datetime.date


def lines_of(row: Booking, chart_name: str, length: int) -> list[tuple[str, Decimal]]:
    """Accounts and amounts of a row, debits positive, with those of its tax. `length` is that of accounts of
    the chart; longer ones are of customers and suppliers.

    Raises BrokenRuleError where the key isn't known, or not which of the accounts it is about.
    """
    key = row.key.lstrip("0")
    chart = CHARTS.get(chart_name)
    amounts = {row.account: row.amount, row.contra: -row.amount}
    if key.isdecimal() and _REVERSAL <= int(key) < _REVERSAL + 10:
        key = str(int(key) - _REVERSAL)
        amounts = {account: -amount for account, amount in amounts.items()}
    own = [each for each in amounts if chart and len(each) == length and each[0] not in chart.settling]
    if not key and chart is not None and (automatic := [x for x in own if x[:3] in chart.automatic]):
        key, own = chart.automatic[automatic[0][:3]], automatic
    if key in _WITHOUT_TAX:
        return list(amounts.items())
    if chart is None:
        raise BrokenRuleError(
            Rule.TAX_KEY,
            f"the BU-Schlüssel {row.key[:20]!r} stands for tax lines, and the header doesn't say in which "
            "chart: write 03 or 04 (SKR03, SKR04) in its field 27",
        )
    try:
        tax = chart.tax(key, row.date)
    except KeyError:
        raise BrokenRuleError(
            Rule.TAX_KEY,
            f"which tax the BU-Schlüssel {row.key[:20] or key!r} stands for on {row.date} isn't known: export "
            f"the tax as rows of its own; known are {KEYS}",
        ) from None
    if len(own) != 1:
        raise BrokenRuleError(
            Rule.TAX_KEY,
            f"of which of the accounts {row.account[:20]} and {row.contra[:20]} the BU-Schlüssel "
            f"{row.key[:20]!r} is the tax isn't known: export the tax as rows of its own",
        )
    return _with_tax(amounts, own[0], tax, length)


def _with_tax(amounts: dict[str, Decimal], taxed: str, tax: Tax, length: int) -> list[tuple[str, Decimal]]:
    gross = amounts[taxed]

    def long(account: str) -> str:
        return account.ljust(length, "0")

    if tax.is_owed_by_the_buyer:
        due = (gross * tax.rate / 100).quantize(CENT, ROUND_HALF_UP)
        return [*amounts.items(), (long(tax.input), due), (long(tax.output), -due)]
    due = (gross * tax.rate / (100 + tax.rate)).quantize(CENT, ROUND_HALF_UP)
    lines = [(account, amount - due if account == taxed else amount) for account, amount in amounts.items()]
    return [*lines, (long(tax.input or tax.output), due)]
