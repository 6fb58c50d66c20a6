"""From transactions to entries: their lines are read, balanced, and made an entry.

A transaction with a single posting is incomplete: an entry to predict, of which that line is known.
"""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from jet.books.checks import TOLERANCE, Rule, reject
from jet.books.identity import made_id
from jet.books.importers.common import BrokenRuleError, Extent
from jet.books.importers.journal.balances import Balances
from jet.books.importers.journal.balancing import Value, balanced
from jet.books.importers.journal.state import State
from jet.books.importers.journal.syntax import (
    Posting,
    has_note_after_one_blank,
    read_header,
    swallowed_amount,
    without_notes,
)
from jet.books.records import Entry, Line, Rejection, total_of
from jet.books.settings import ImportSettings

MOST_COMPARED_LINES = 20
CURRENCIES = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP"}


@dataclass(slots=True)
class Transaction:
    """The lines of a transaction."""

    file: str
    file_line: int
    header: str
    postings: list[str] = field(default_factory=list)
    lines: int = 1
    extent: Extent = field(default_factory=Extent)

    def add(self, text: str) -> None:
        """Add an indented line; only postings are kept, and only while the entry isn't too long."""
        self.lines += 1
        if text[0] != ";" and self.extent.add(len(text)):
            self.postings.append(text)

    def texts(self) -> list[str]:
        """The content, from which an id is made."""
        header = without_notes(self.header).partition(" ")[2]
        return [header, *map(without_notes, self.postings)]


@dataclass(slots=True)
class Draft:
    """A transaction with its lines read, not yet balanced."""

    transaction: Transaction
    date: datetime.date
    entry_id: str
    payee: str
    postings: list[Posting]


def reading_of(entry: Entry) -> str:
    """A text of an entry's content, for messages and for comparison with another reading."""
    lines = []
    for line in (entry.lines or ())[:MOST_COMPARED_LINES]:
        amount = (line.amount or Decimal(0)).normalize()
        lines.append(f"{'-' if line.side == 'C' else ''}{amount:f} {line.currency} on {line.account}")
    return f"{entry.description[:60]}: {', '.join(lines)}"[:400]


class Entries:
    """Turns transactions into entries, under the directives so far."""

    def __init__(self, state: State, settings: ImportSettings, entity: str) -> None:
        self.state = state
        self.entity = entity
        self.balances = Balances(state.is_ledger)
        self.has_balances = True
        self.others: dict[tuple[str, int], str] = {}  # the other dialect's reading, by file and line
        self.differs: tuple[Transaction, str] | None = None  # where the dialects differ, and how
        self._here: Transaction | None = None
        self._commodity = settings.default_currency
        self._tolerance = Decimal(str(settings.tolerance))
        self._is_compared = state.choice.basis in ("mark", "extension", "none")

    def note(self, here: str, there: str) -> None:
        """Note the first line that the dialects read differently."""
        if self.differs is None and self._is_compared and self._here is not None:
            choice = self.state.choice
            said = f"{choice.dialect}, whose rules are followed, reads {here}, and {choice.other} {there}"
            self.differs = self._here, said

    def draft(self, transaction: Transaction) -> Draft | Rejection:
        """The transaction's header and postings."""
        self._here = transaction
        entry_id = None
        postings: list[Posting] = []
        try:
            state = self.state
            date, payee = read_header(transaction.header, state.choice.dialect, state.year)
            entry_id = made_id(date, transaction.texts())
            if (fault := transaction.extent.fault()) is not None:
                raise BrokenRuleError(*fault)
            if self._is_compared and has_note_after_one_blank(transaction.header):
                self.note(
                    "what follows the semicolon as " + ("payee" if state.is_ledger else "comment"),
                    "as " + ("comment" if state.is_ledger else "payee"),
                )
            payee = state.payee(payee)
            postings = [p for text in transaction.postings if (p := state.reader.read(text)) is not None]
            self._check(postings)
            for posting in postings:
                posting.account = state.account(posting.account, payee)
            if state.bucket and len(postings) == 1 and postings[0].kind != "(" and postings[0].amount:
                postings.append(Posting(state.bucket, "", None))
        except BrokenRuleError as error:
            if self.state.is_ledger and error.rule == Rule.NO_LINES and all(p.amount for p in postings):
                self.balances.add([], postings)  # virtual ones, which no real balance has in it
            elif transaction.postings:
                self.balances.lose(transaction.file, transaction.file_line)
            return self._rejected(transaction, error, entry_id)
        return Draft(transaction, date, entry_id, payee, postings)

    def _check(self, postings: list[Posting]) -> None:
        if not postings:
            raise BrokenRuleError(
                Rule.NO_LINES,
                "the transaction has no postings: write them indented in the lines below, or remove it",
            )
        if all(posting.kind == "(" for posting in postings):
            raise BrokenRuleError(
                Rule.NO_LINES,
                "all of its postings are virtual, in parentheses: outside of the balance, and left out",
            )
        for posting in postings:
            if posting.amount is None:
                self._check_left_out(posting)

    def _check_left_out(self, posting: Posting) -> None:
        """Raise BrokenRuleError where a posting lacks a required amount."""
        if self.state.is_ledger and posting.kind == "(" and posting.asserted is None:
            raise BrokenRuleError(
                Rule.BAD_AMOUNT, f"the virtual posting to {posting.account[:40]!r} has no amount: write one"
            )
        name = swallowed_amount(posting)
        if name and self.state.names.full(name) not in self.state.chart.known:
            raise BrokenRuleError(
                Rule.MALFORMED,
                f"{name[:60]!r} is an account and an amount with one blank or tab between them, so that the "
                "amount is part of the name: put two or more blanks between account and amount",
            )

    def finished(self, draft: Draft) -> list[Entry | Rejection]:
        """The entry of a transaction or its rejection, and rejections about an entry that is used."""
        transaction = self._here = draft.transaction
        try:
            postings = draft.postings
            faults: list[str] = []
            if self.has_balances:
                postings, faults = self.balances.assigned(postings)
            elif any(posting.asserted and posting.amount is None for posting in postings):
                raise BrokenRuleError(
                    Rule.BAD_AMOUNT,
                    "an amount by a balance isn't computed in a file this long: sort it by date",
                )
            values, rests = balanced(postings, self.state.numbers, self.state.is_ledger)
            if self._is_compared and any(posting.kind == "[" for posting in postings):
                self._compare_pools(postings, values)
        except BrokenRuleError as error:
            self.balances.lose(transaction.file, transaction.file_line)
            return [self._rejected(transaction, error, draft.entry_id)]
        if self.has_balances:
            self.balances.add(values, postings)
        entry = self._entry(draft, values, rests)
        other = self.others.get((entry.file, entry.file_line))
        if other is not None and self.differs is None and other != (own := reading_of(entry)):
            self.note(own, other)
        return [entry, *(self._asserted(entry, fault) for fault in faults)]

    def _compare_pools(self, postings: list[Posting], values: list[Value]) -> None:
        try:
            others, _ = balanced(postings, self.state.numbers, not self.state.is_ledger)
        except BrokenRuleError:
            others = []
        if [(v.posting.account, v.number) for v in values if v.number] != [
            (v.posting.account, v.number) for v in others if v.number
        ]:
            pooled, apart = (
                "postings in brackets together with the real ones",
                "those in brackets by themselves",
            )
            self.note(pooled if self.state.is_ledger else apart, apart if self.state.is_ledger else pooled)

    def _entry(self, draft: Draft, values: list[Value], rests: dict[str, Decimal]) -> Entry:
        lines = [
            Line(
                value.posting.account,
                "D" if value.number > 0 else "C",
                value.number.copy_abs(),
                self._currency(value.commodity),
                value.posting.note,
            )
            for value in values
            if value.number
        ]
        is_incomplete = len(lines) == len(draft.postings) == 1 and not draft.postings[0].kind
        if not is_incomplete:
            self.state.chart.known.update([line.account for line in lines])
        currency = self._currency_of(lines)
        transaction = draft.transaction
        return Entry(
            entity=self.entity,
            entry_id=draft.entry_id,
            date=draft.date,
            description=draft.payee,
            currency=currency,
            journal="",
            total=None if is_incomplete else total_of(lines, currency),
            lines=None if is_incomplete else lines,
            file=transaction.file,
            file_line=transaction.file_line,
            file_lines=transaction.lines,
            tolerances=self._tolerances(rests) if rests else None,
            known_lines=lines if is_incomplete else None,
        )

    def _currency(self, commodity: str) -> str:
        return CURRENCIES.get(commodity, commodity) or self._commodity

    def _currency_of(self, lines: list[Line]) -> str:
        """The most frequent currency; none where a line has none, since it would apply to that line too."""
        currencies = {line.currency for line in lines}
        if len(currencies) == 1:
            return currencies.pop()
        if not currencies or "" in currencies:
            return "" if currencies else self._commodity
        return Counter(line.currency for line in lines).most_common(1)[0][0]

    def _tolerances(self, rests: dict[str, Decimal]) -> dict[str, Decimal]:
        tolerances: dict[str, Decimal] = {}
        for commodity, allowed in rests.items():
            own = max(allowed, self._tolerance) if self._tolerance > TOLERANCE else allowed
            currency = self._currency(commodity)
            tolerances[currency] = tolerances.get(currency, Decimal(0)) + own
        return tolerances

    def _rejected(self, transaction: Transaction, error: BrokenRuleError, entry_id: str | None) -> Rejection:
        return reject(
            error.rule,
            str(error),
            file=transaction.file,
            file_line=transaction.file_line,
            entity=self.entity,
            entry_id=entry_id,
            excerpt=transaction.header,
            file_lines=transaction.lines,
        )

    def _asserted(self, entry: Entry, fault: str) -> Rejection:
        return reject(
            Rule.INCONSISTENT,
            fault,
            file=entry.file,
            file_line=entry.file_line,
            entity=self.entity,
            entry_id=entry.entry_id,
            excerpt=entry.description,
            used_for="all",
            file_lines=0,
        )
