"""Running balances of accounts, which give the amounts of balance assignments (`= 500 EUR`).

ledger computes them in the order of the file, hledger in the order of dates.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import PurePath

from jet.books.checks import Rule
from jet.books.importers.common import BrokenRuleError
from jet.books.importers.journal.balancing import Value
from jet.books.importers.journal.syntax import Money, Posting

Sums = dict[str, Decimal]
Booked = defaultdict[tuple[str, bool], Sums]
ZERO = Decimal(0)
MOST_COMMODITIES = 100
"""The most commodities of an account whose whole balance is asserted, which bounds the time."""


def _book(sums: Sums, amount: Money) -> None:
    sums[amount.commodity] = sums.get(amount.commodity, ZERO) + amount.number


def _with_below(account: str) -> list[tuple[str, bool]]:
    """The keys under which a booking counts for its account and all accounts above it."""
    parts = account.split(":")
    return [(":".join(parts[:count]), False) for count in range(1, len(parts) + 1)]


class Balances:
    """The balance of each account by commodity.

    For ledger, also without virtual postings; for hledger, also with all accounts below.
    """

    def __init__(self, is_ledger: bool) -> None:
        self.is_ledger = is_ledger
        self._sums: Booked = defaultdict(dict)
        self._unread = ""

    def lose(self, file: str, line: int) -> None:
        """Note that a line that may book something can't be read, so that no balance is known from here on."""
        self._unread = self._unread or f"line {line} of {PurePath(file).name[:60]}"

    def add(self, values: list[Value], postings: list[Posting]) -> None:
        """Add the postings of an entry; those without an amount by their `values`."""
        for posting in postings:
            if posting.amount is not None:
                self._add(posting, posting.amount)
        for value in values:
            if value.posting.amount is None:
                self._add(value.posting, Money(value.number, value.commodity))

    def _add(self, posting: Posting, amount: Money) -> None:
        own = posting.account, True
        if self.is_ledger:
            keys = [own] if posting.kind else [own, (posting.account, False)]
        else:
            keys = [own, *_with_below(posting.account)]
        for key in keys:
            _book(self._sums[key], amount)

    def assigned(self, postings: list[Posting]) -> tuple[list[Posting], list[str]]:
        """The postings with the amounts of their balance assignments, and the faults of balance assertions.

        Raises BrokenRuleError where an amount can't be computed.
        """
        if not any(posting.asserted for posting in postings):
            return postings, []
        if not self.is_ledger and any(posting.asserted and posting.amount is None for posting in postings):
            for posting in postings:
                posting.cost = None  # as hledger 1.25 drops the prices of an entry where it computes an amount
        done: list[Posting] = []
        faults: list[str] = []
        here: Booked = defaultdict(dict)  # booked by this entry so far
        for posting in postings:
            added = posting
            if posting.asserted is not None and posting.amount is None:
                added = self._assign(posting, posting.asserted, here)
            if added.amount is not None:
                for key in [self._key(added), *(() if self.is_ledger else _with_below(added.account))]:
                    _book(here[key], added.amount)
            if posting.asserted is not None and posting.amount is not None:
                faults += self._faults(posting, posting.asserted, here)
            done.append(added)
        return done, faults

    def _assign(self, posting: Posting, asserted: Money, here: Booked) -> Posting:
        if "*" in posting.asserts:
            raise BrokenRuleError(
                Rule.BAD_AMOUNT,
                f"an amount by {posting.asserts} isn't computed: write the amount",
            )
        if self._unread:
            raise BrokenRuleError(
                Rule.BAD_AMOUNT,
                f"the amount is left to the balance of {posting.account[:40]}, which isn't known since "
                f"{self._unread} isn't read: mend that line first, or write the amount",
            )
        total = self._totals(posting, asserted, here)
        amounts = [Money(asserted.number - total.pop(asserted.commodity, ZERO), asserted.commodity)]
        amounts += [Money(-sum_, other) for other, sum_ in total.items()]
        amounts = [amount for amount in amounts if amount.number] or amounts[:1]
        if len(amounts) > 1:
            # hledger reads them where no price has to be found, and balances the entry otherwise than it would
            # one that says the amounts.
            raise BrokenRuleError(
                Rule.BAD_AMOUNT,
                f"the balance of {posting.account[:40]} stands for amounts in several commodities: write them",
            )
        return Posting(posting.account, posting.kind, amounts[0], note=posting.note)

    def _faults(self, posting: Posting, asserted: Money, here: Booked) -> list[str]:
        total = self._totals(posting, asserted, here)
        found = total.pop(asserted.commodity, ZERO)
        if "*" in posting.asserts:
            key = posting.account, False
            found = sum((sums.get(key, {}).get(asserted.commodity, ZERO) for sums in (self._sums, here)), ZERO)
        others = [commodity for commodity, amount in total.items() if amount]
        if found == asserted.number and not others:
            return []
        more = f" and {', '.join(others[:3])}" if others else ""
        return [
            f"{posting.account[:60]} has {found:f} {asserted.commodity}{more}, and not the {asserted.number:f} "
            "that the books assert: correct one, or import what comes before; the entry is used as it stands"
        ]

    def _key(self, posting: Posting) -> tuple[str, bool]:
        return posting.account, not self.is_ledger or bool(posting.kind)

    def _totals(self, posting: Posting, asserted: Money, here: Booked) -> Sums:
        """The balance of an account in the asserted commodity, or in all that are asserted with it."""
        key = self._key(posting)
        before, now = self._sums.get(key, {}), here.get(key, {})
        is_whole = posting.asserts.startswith("==") or (self.is_ledger and not asserted.commodity)
        if is_whole and len(before) + len(now) > MOST_COMMODITIES:
            raise BrokenRuleError(
                Rule.BAD_AMOUNT,
                f"{posting.account[:40]} has more than {MOST_COMMODITIES} commodities: name the one meant",
            )
        commodities = {*before, *now} if is_whole else {asserted.commodity}
        return {each: before.get(each, ZERO) + now.get(each, ZERO) for each in sorted(commodities)}
