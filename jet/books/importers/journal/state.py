"""The state of a journal's directives, which applies to the entries that follow."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from jet.books.importers.common import BrokenRuleError
from jet.books.importers.journal.dialects import Choice, ComparedNumbers, numbers_of
from jet.books.importers.journal.names import Chart, Names, matches
from jet.books.importers.journal.numbers import FixedNumbers, HledgerNumbers, LedgerNumbers, Numbers
from jet.books.importers.journal.syntax import PostingReader
from jet.books.settings import ImportSettings


@dataclass(slots=True)
class Applied:
    """The effect of an "apply" directive, with the value before it."""

    kind: str
    year: int | None
    above: str


@dataclass(slots=True)
class State:
    """The directives in effect."""

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
        """Set the precision of each commodity, where it is known in advance."""
        if self.by_hledger is not None:
            self.by_hledger.seen = precisions

    def learn(self, text: str) -> None:
        """Learn decimal marks, as ledger does, from an amount in a transaction that makes no entry."""
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
        """The full name of an account. Raises BrokenRuleError where it isn't valid."""
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
