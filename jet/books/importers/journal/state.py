"""What a journal has said so far for the entries that follow."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from jet.books.importers.common import BrokenRuleError, ImportSettings
from jet.books.importers.journal.dialects import Choice, ComparedNumbers, numbers_of
from jet.books.importers.journal.names import Chart, Names, matches
from jet.books.importers.journal.numbers import FixedNumbers, HledgerNumbers, LedgerNumbers, Numbers
from jet.books.importers.journal.syntax import PostingReader


@dataclass(slots=True)
class Applied:
    """What an "apply" put in force, and what was there before."""

    kind: str
    year: int | None
    above: str


@dataclass(slots=True)
class State:
    """What the directives of a journal have said so far."""

    choice: Choice
    numbers: Numbers
    reader: PostingReader
    names: Names
    by_ledger: LedgerNumbers | None
    by_hledger: HledgerNumbers | None
    chart: Chart = field(default_factory=Chart)
    year: int | None = None
    bucket: str = ""
    payees: list[tuple[re.Pattern[str], str]] = field(default_factory=list)
    unknown: list[tuple[re.Pattern[str], str]] = field(default_factory=list)
    applied: list[Applied] = field(default_factory=list)

    @property
    def is_ledger(self) -> bool:
        return self.choice.dialect == "ledger"

    def see(self, precisions: dict[str, int]) -> None:
        """Take the most decimals of each commodity, where they are known before they are read."""
        if self.by_hledger is not None:
            self.by_hledger.seen = precisions

    def learn(self, text: str) -> None:
        """Take how an amount is written in a transaction that makes no entry: ledger learns marks from it."""
        if self.by_ledger is None:
            return
        reader = PostingReader("ledger", self.by_ledger)
        reader.aliases = self.reader.aliases
        with suppress(BrokenRuleError):  # of a posting that changes no entry
            reader.read(text)

    def payee(self, written: str) -> str:
        """The payee, by the aliases of `payee` directives."""
        for pattern, payee in self.payees:
            if matches(pattern, written):
                return payee
        return written

    def account(self, written: str, payee: str) -> str:
        """An account's full name; raises BrokenRuleError."""
        full = self.names.full(written)
        if self.unknown and full.rpartition(":")[2] == "Unknown":
            for pattern, account in self.unknown:
                if matches(pattern, payee):
                    return account
        return full


def begun(choice: Choice, settings: ImportSettings, note: Callable[[str, str], None]) -> State:
    """The state before the first line."""
    chosen = numbers_of(choice.dialect)
    numbers: Numbers = chosen
    known = [chosen]
    if settings.decimal_comma is not None:
        numbers = FixedNumbers(chosen, settings.decimal_comma)
    elif choice.basis != "setting":
        known.append(numbers_of(choice.other))
        numbers = ComparedNumbers(chosen, known[1], choice, note)
    return State(
        choice,
        numbers,
        PostingReader(choice.dialect, numbers),
        Names(choice.dialect == "ledger"),
        next((each for each in known if isinstance(each, LedgerNumbers)), None),
        next((each for each in known if isinstance(each, HledgerNumbers)), None),
    )
