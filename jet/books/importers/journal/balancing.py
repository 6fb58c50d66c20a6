"""The values of a transaction's postings, which balance as they do for ledger or hledger.

A posting's value is its cost by `@` or `@@`, since costs balance. For ledger, the value of what is sold at a
price is the cost of its lot, if braces give it, and the gain is another line. One posting without an amount
takes what the others leave, in each commodity. Two commodities without a price are exchanged for each other.

An entry balances where the rest rounds to zero at the precision of its commodity. The rest is returned as the
entry's tolerance, for the check of the entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal

from jet.books.checks import EXACT, SMALLEST_UNIT, Rule
from jet.books.importers.common import BrokenRuleError
from jet.books.importers.journal.numbers import Numbers
from jet.books.importers.journal.syntax import Money, Posting

Lot = tuple[str, Money | None]
Sums = dict[str, Decimal]
ZERO = Decimal(0)


@dataclass(slots=True)
class Value:
    """The value of a posting in one commodity; a posting without an amount may have several.

    A value computed from a price may have more decimals than can be stored.
    """

    posting: Posting
    number: Decimal
    commodity: str
    is_computed: bool = False


def balanced(postings: list[Posting], numbers: Numbers, is_ledger: bool) -> tuple[list[Value], Sums]:
    """The values of all postings but virtual ones, and the tolerance in each commodity with a rest.

    Raises BrokenRuleError where more than one amount is left out, where ledger can't fill one in, and where
    postings balance only together with those in brackets, which hledger doesn't accept.
    """
    if is_ledger:
        for posting in postings:
            _check_price(posting)
        if len(postings) == 1 and postings[0].amount is None:
            return [], {}  # ledger passes over it
        return _with_rests(_pool([p for p in postings if p.kind != "("], numbers, is_ledger), numbers)
    real = [posting for posting in postings if posting.kind == ""]
    virtual = [posting for posting in postings if posting.kind == "["]
    values, rests = _with_rests(_pool(real, numbers, is_ledger), numbers)
    if virtual:
        others, their_rests = _with_rests(_pool(virtual, numbers, is_ledger), numbers)
        if not all([*rests.values(), *their_rests.values()]) and not any(_sums(values + others).values()):
            raise BrokenRuleError(
                Rule.UNBALANCED,
                "postings in brackets balance with the others, while for hledger they balance by themselves: "
                "correct them, or set ingest.dialect to ledger",
            )
        values += others
        rests = {each: rests.get(each, ZERO) + their_rests.get(each, ZERO) for each in {**rests, **their_rests}}
    return values, rests


def _with_rests(values: list[Value], numbers: Numbers) -> tuple[list[Value], Sums]:
    """The values as they can be stored, and of each commodity with a rest how much of it may be left over: all
    where it rounds to zero, else nothing. That is decided before what was computed is rounded."""
    exact = _sums(values)
    values = [_stored(value) for value in values]
    stored = _sums(values)
    return values, {
        commodity: max(abs(rest), abs(stored[commodity])) if _is_zero(rest, commodity, numbers) else ZERO
        for commodity, rest in exact.items()
        if rest
    }


def _stored(value: Value) -> Value:
    return replace(value, number=rounded(value.number)) if value.is_computed else value


def _is_zero(rest: Decimal, commodity: str, numbers: Numbers) -> bool:
    """Whether a rest rounds to zero at the precision of its commodity."""
    precision = numbers.precision(commodity)
    return precision is not None and abs(rest) <= Decimal(5).scaleb(-precision - 1)


def _pool(postings: list[Posting], numbers: Numbers, is_ledger: bool) -> list[Value]:
    """The values of the postings that must balance with each other."""
    given = [posting for posting in postings if posting.amount is not None]
    left_out = [posting for posting in postings if posting.amount is None]
    if len(left_out) > 1:
        raise BrokenRuleError(
            Rule.MALFORMED,
            "more than one amount is left out: fill in all but one, with two or more blanks before it",
        )
    values = [_value(posting) for posting in given]
    if left_out:
        values = [_stored(value) for value in values]
        return values + _filled(left_out[0], values, numbers, is_ledger)
    sums = _sums(values)
    open_ = [commodity for commodity, amount in sums.items() if amount]
    is_exchange = len(open_) == 2 and not any(posting.cost for posting in given)
    if is_exchange and not (is_ledger and _kept(values) > 2):
        return _exchanged(values, sums, open_, is_ledger)
    return values


def _filled(left_out: Posting, values: list[Value], numbers: Numbers, is_ledger: bool) -> list[Value]:
    """The values of a posting without an amount: the rest in each commodity.

    ledger leaves out rests that round to zero where there are several commodities, and requires one to be left.
    """
    sums = _sums(values)
    rests = {commodity: rest for commodity, rest in sums.items() if rest}
    if is_ledger and len(sums) > 1:
        rests = {each: rest for each, rest in rests.items() if not _is_zero(rest, each, numbers)}
    if is_ledger and not rests and len(sums) != 1:
        raise BrokenRuleError(
            Rule.BAD_AMOUNT,
            f"nothing is left for {left_out.account[:40]!r}, whose amount is left out: remove the line",
        )
    return [Value(left_out, EXACT.minus(rest), commodity) for commodity, rest in rests.items()]


def _kept(values: list[Value]) -> int:
    """The number of commodities in ledger's sum, which keeps those with a zero rest, except the first one."""
    sums: Sums = {}
    for value in values:
        if len(sums) == 1 and value.commodity not in sums and not any(sums.values()):
            sums.clear()
        if value.number:
            sums[value.commodity] = EXACT.add(sums.get(value.commodity, ZERO), value.number)
    return len(sums)


def _check_price(posting: Posting) -> None:
    """Raise BrokenRuleError for a price in the posting's own commodity, which ledger refuses."""
    is_own = posting.cost and posting.amount and posting.cost.commodity == posting.amount.commodity
    if is_own and not posting.is_lot:
        raise BrokenRuleError(
            Rule.MALFORMED, f"the price of {posting.account[:40]!r} is in its own commodity: give it in another"
        )


def _value(posting: Posting) -> Value:
    """The value of a posting with an amount: its cost where that is given, otherwise the amount."""
    amount = posting.amount or Money(Decimal(0), "")
    if posting.cost is None:
        return Value(posting, amount.number, amount.commodity)
    return Value(posting, *_basis(posting, posting.cost.number, posting.cost.commodity), is_computed=True)


def _basis(posting: Posting, cost: Decimal, commodity: str) -> tuple[Decimal, str]:
    """The cost of a posting's lot, where it is given in the commodity of the price; otherwise the cost."""
    if posting.lot and posting.amount and posting.lot.commodity == commodity != "":
        return EXACT.multiply(posting.lot.number, posting.amount.number), commodity
    return cost, commodity


def rounded(number: Decimal) -> Decimal:
    """A product of number and price, rounded to the decimals that can be stored."""
    exponent = number.as_tuple().exponent
    is_short = isinstance(exponent, int) and exponent >= -8
    return number if is_short else number.quantize(SMALLEST_UNIT, context=EXACT)


def _sums(values: Iterable[Value]) -> Sums:
    sums: Sums = {}
    for value in values:
        sums[value.commodity] = EXACT.add(sums.get(value.commodity, ZERO), value.number)
    return sums


def _exchanged(values: list[Value], sums: Sums, open_: list[str], is_ledger: bool) -> list[Value]:
    """The values with the commodity of the first posting converted to the other one, in proportion."""
    first = next(value.commodity for value in values if value.commodity in open_)
    other = open_[0] if open_[1] == first else open_[1]
    if (sums[first] > 0) == (sums[other] > 0):
        return values
    if is_ledger and not other:
        raise BrokenRuleError(
            Rule.MALFORMED, f"{first} is exchanged for an amount without a commodity: name its commodity"
        )
    places = [at for at, value in enumerate(values) if value.commodity == first and value.number]
    rest = -sums[other]
    exchanged = list(values)
    for at in places:
        posting = values[at].posting
        share = rest
        if at != places[-1]:
            share = rounded(EXACT.divide(EXACT.multiply(values[at].number, -sums[other]), sums[first]))
            rest -= share
        exchanged[at] = Value(posting, *_basis(posting, share, other), is_computed=True)
    return exchanged
