"""Running balances of accounts: what an amount is that is given by the balance it leads to (`= 500 EUR`).

ledger computes it in the order of the file, hledger in the order of dates.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from jet.books.checks import Rule
from jet.books.importers.common import BrokenRuleError
from jet.books.importers.journal.balancing import Value
from jet.books.importers.journal.syntax import Money, Posting

Sums = dict[str, Decimal]
ZERO = Decimal(0)


class Balances:
    """What has been booked on each account, by commodity; for ledger, without the virtual postings too."""

    def __init__(self, is_ledger: bool) -> None:
        self.is_ledger = is_ledger
        self._sums: defaultdict[tuple[str, bool], Sums] = defaultdict(dict)

    def add(self, values: list[Value], postings: list[Posting]) -> None:
        """Book the postings of an entry, those without an amount by their values."""
        for posting in postings:
            if posting.amount is not None:
                self._book(posting, posting.amount.number, posting.amount.commodity)
        for value in values:
            if value.posting.amount is None:
                self._book(value.posting, value.number, value.commodity)

    def _book(self, posting: Posting, number: Decimal, commodity: str) -> None:
        sums = self._sums[posting.account, True]
        sums[commodity] = sums.get(commodity, ZERO) + number
        if self.is_ledger and not posting.kind:
            sums = self._sums[posting.account, False]
            sums[commodity] = sums.get(commodity, ZERO) + number

    def assigned(self, postings: list[Posting]) -> tuple[list[Posting], list[str]]:
        """The postings with the amounts that their balances say, and what is wrong with asserted ones.

        Raises BrokenRuleError where an amount can't be computed.
        """
        done: list[Posting] = []
        faults: list[str] = []
        if not self.is_ledger and any(posting.asserted and posting.amount is None for posting in postings):
            for posting in postings:
                posting.cost = None  # as hledger 1.25 drops the prices of an entry where it computes an amount
        for posting in postings:
            if posting.asserted is None:
                done.append(posting)
            elif posting.amount is None:
                done += self._assign(posting, done)
            else:
                done.append(posting)
                faults += self._faults(posting, done)
        return done, faults

    def _assign(self, posting: Posting, before: list[Posting]) -> list[Posting]:
        asserted = posting.asserted or Money(ZERO, "")
        if "*" in posting.asserts:
            raise BrokenRuleError(
                Rule.BAD_AMOUNT,
                f"an amount by a balance with all below ({posting.asserts}) isn't computed: write it",
            )
        total = self._total(posting, before)
        amounts = [Money(asserted.number - total.get(asserted.commodity, ZERO), asserted.commodity)]
        if posting.asserts == "==" or (self.is_ledger and not asserted.commodity):
            amounts += [Money(-sum_, other) for other, sum_ in total.items() if other != asserted.commodity]
            amounts = [amount for amount in amounts if amount.number] or amounts[:1]
        if self.is_ledger and len(amounts) > 1:
            raise BrokenRuleError(
                Rule.BAD_AMOUNT, "a balance without a commodity stands for several: name the commodity"
            )
        if posting.cost is not None:
            raise BrokenRuleError(Rule.BAD_AMOUNT, "a price of an amount that is left out: write the amount")
        return [Posting(posting.account, posting.kind, amount, note=posting.note) for amount in amounts]

    def _faults(self, posting: Posting, upto: list[Posting]) -> list[str]:
        asserted = posting.asserted or Money(ZERO, "")
        if "*" in posting.asserts:
            return []
        total = self._total(posting, upto)
        found = total.get(asserted.commodity, ZERO)
        if self.is_ledger and not asserted.commodity and not asserted.number:
            found = next((amount for amount in total.values() if amount), ZERO)
        if found == asserted.number:
            return []
        return [
            f"{posting.account[:60]} has {found:f} {asserted.commodity}, and not the {asserted.number:f} that "
            "the books assert: correct one, or import what comes before; the entry is used as it stands"
        ]

    def _total(self, posting: Posting, before: list[Posting]) -> Sums:
        whole = not self.is_ledger or bool(posting.kind)
        total = dict(self._sums.get((posting.account, whole), {}))
        for other in before:
            is_same = other.account == posting.account and (
                not self.is_ledger or bool(other.kind) == bool(posting.kind)
            )
            if is_same and other.amount is not None:
                total[other.amount.commodity] = total.get(other.amount.commodity, ZERO) + other.amount.number
        return total
