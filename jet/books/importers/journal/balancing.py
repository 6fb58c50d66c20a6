"""What the postings of a transaction are worth, so that they balance as they do for ledger or hledger.

The lines of an entry are worth what they cost by `@` or `@@`, since that is what balances; for ledger, what is
sold at a price is worth what its lot cost, if it names that in braces, and the gain is a line of its own. Of
one posting without an amount the rest of the entry says what it is, in each commodity. Two commodities without
a price are exchanged for each other.

An entry balances where what is left over shows as zero at the precision of its commodity. That is told as the
entry's tolerance, for whoever checks it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from jet.books.checks import EXACT, SMALLEST_UNIT, Rule
from jet.books.importers.common import BrokenRuleError
from jet.books.importers.journal.numbers import Numbers
from jet.books.importers.journal.syntax import Money, Posting

Lot = tuple[str, Money | None]
Sums = dict[str, Decimal]


@dataclass(slots=True)
class Value:
    """What a posting is worth in one commodity; one without an amount may have several of these."""

    posting: Posting
    number: Decimal
    commodity: str


def balanced(postings: list[Posting], numbers: Numbers, is_ledger: bool) -> tuple[list[Value], Sums]:
    """The values of all postings but virtual ones, and the tolerance in each commodity in which a rest is left.

    Raises BrokenRuleError where more than one amount is left out.
    """
    if is_ledger:
        for posting in postings:
            _check_price(posting)
    real = [posting for posting in postings if posting.kind == ""]
    virtual = [posting for posting in postings if posting.kind == "["]
    values: list[Value] = []
    rests: Sums = {}
    groups = ([p for p in postings if p.kind != "("],) if is_ledger else (real, virtual)
    for group in groups:
        found = _pool(group, is_ledger)
        values += found
        if any(posting.amount is None for posting in group):
            continue  # it takes what is left over
        for commodity, rest in _sums(found).items():
            if rest:
                rests[commodity] = max(rests.get(commodity, Decimal(0)), abs(rest))
    return values, {commodity: _allowed(numbers, commodity, rest) for commodity, rest in rests.items()}


def _allowed(numbers: Numbers, commodity: str, rest: Decimal) -> Decimal:
    """The most that may be left over: what rounds to zero at the commodity's precision."""
    precision = numbers.precision(commodity)
    half = Decimal(5).scaleb(-precision - 1) if precision is not None else Decimal(0)
    return rest if rest <= max(half, SMALLEST_UNIT * 10) else Decimal(0)


def _pool(postings: list[Posting], is_ledger: bool) -> list[Value]:
    """The values of postings that balance with each other."""
    given = [posting for posting in postings if posting.amount is not None]
    left_out = [posting for posting in postings if posting.amount is None]
    if len(left_out) > 1:
        raise BrokenRuleError(
            Rule.MALFORMED,
            "more than one amount is left out: fill in all but one, with two or more blanks before it",
        )
    values = [_value(posting) for posting in given]
    sums = _sums(values)
    if not left_out:
        open_ = [commodity for commodity, amount in sums.items() if amount]
        if len(open_) == 2 and not any(posting.cost for posting in given):
            return _exchanged(values, sums, open_, is_ledger)
    for posting in left_out:
        values += [Value(posting, -amount, commodity) for commodity, amount in sums.items() if amount]
    return values


def _check_price(posting: Posting) -> None:
    """Raise BrokenRuleError for a price that ledger doesn't take: one in the commodity of what it is for."""
    is_own = posting.cost and posting.amount and posting.cost.commodity == posting.amount.commodity
    if is_own and not posting.is_lot:
        raise BrokenRuleError(
            Rule.MALFORMED, f"the price of {posting.account[:40]!r} is in its own commodity: give it in another"
        )


def _value(posting: Posting) -> Value:
    """The worth of a posting with an amount: what it cost, if that is said, else the amount itself."""
    amount = posting.amount or Money(Decimal(0), "")
    if posting.cost is None:
        return Value(posting, amount.number, amount.commodity)
    return Value(posting, *_basis(posting, posting.cost.number, posting.cost.commodity))


def _basis(posting: Posting, cost: Decimal, commodity: str) -> tuple[Decimal, str]:
    """What a posting's lot cost, if it names that in the commodity of its price; else the cost itself."""
    if posting.lot is not None and posting.amount is not None and posting.lot.commodity == commodity:
        return rounded(EXACT.multiply(posting.lot.number, posting.amount.number)), commodity
    return rounded(cost), commodity


def rounded(number: Decimal) -> Decimal:
    """A product of number and price with no more decimals than can be stored."""
    exponent = number.as_tuple().exponent
    return (
        number
        if isinstance(exponent, int) and exponent >= -8
        else number.quantize(SMALLEST_UNIT, context=EXACT)
    )


def _sums(values: Iterable[Value]) -> Sums:
    sums: Sums = {}
    for value in values:
        sums[value.commodity] = sums.get(value.commodity, Decimal(0)) + value.number
    return sums


def _exchanged(values: list[Value], sums: Sums, open_: list[str], is_ledger: bool) -> list[Value]:
    """The values with one commodity, that of the first posting, worth its share of the other."""
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
        exchanged[at] = Value(posting, *_basis(posting, share, other))
    return exchanged
