"""What bank statements of all formats share: which account of the books a bank account is, and the entry of a
transaction, whose line on that account is known, or its rejection."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from jet.books.checks import Rule, reject
from jet.books.identity import made_id
from jet.books.importers.common import BrokenRuleError, exact_amount
from jet.books.importers.xml_elements import Asked, Element
from jet.books.records import Entry, Line, Rejection
from jet.books.settings import ImportSettings

MOST_TEXT = 2000
"""The most characters of a description; the rest is cut."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction of a statement."""

    number: str
    """Of the bank account."""
    account: str
    """The books' account of it (`book_account`)."""
    date: datetime.date
    side: str
    """D or C, as seen from the books."""
    amount: Decimal
    currency: str
    reference: str
    description: str

    def entry(self, entity: str, file: str, file_line: int, file_lines: int = 1) -> Entry:
        """The entry to predict. Its id is made of what the bank says: the same in statements that overlap."""
        said = (self.number, self.side, f"{self.amount.normalize():f}", self.currency, self.reference)
        return Entry(
            entity=entity,
            entry_id=made_id(self.date, (*said, self.description)),
            date=self.date,
            description=self.description,
            currency=self.currency,
            journal="",
            total=None,
            lines=None,
            file=file,
            file_line=file_line,
            direction="in" if self.side == "D" else "out",
            file_lines=file_lines,
            known_lines=[Line(self.account, self.side, self.amount, self.currency)],
        )


def book_account(number: str, settings: ImportSettings) -> str:
    """The account that `settings.bank_accounts` gives the bank account `number`, an IBAN or another, without
    blanks. Raises BrokenRuleError where it gives none."""
    accounts = {"".join(known.split()): code for known, code in settings.bank_accounts.items()}
    if number in accounts:
        return accounts[number]
    raise BrokenRuleError(
        Rule.UNKNOWN_ACCOUNT,
        f"which account of the books is bank account {number[:40] or '(without a number)'!r}? Say it in "
        f"ingest.bank_accounts, as in {{{number[:40] or 'IBAN'}: 1930}}",
    )


def entry_or_rejection(
    element: Asked, read: Callable[[], Entry], file: str, entity: str, shown: Sequence[str]
) -> Entry | Rejection:
    """The entry that `read` makes of the element of a transaction, or its rejection, which shows some of its
    elements."""
    try:
        if (fault := element.extent.fault()) is not None:
            raise BrokenRuleError(*fault)
        return read()
    except BrokenRuleError as error:
        excerpt = " ".join(element.said(name) for name in shown)
        return reject(
            error.rule, str(error), file=file, file_line=element.line, entity=entity or None, excerpt=excerpt
        )


def amount_of(element: Element, name: str) -> Decimal:
    """The amount of the element `name`, as it is spelled. Raises BrokenRuleError where it is none."""
    try:
        return exact_amount(element.said(name.casefold()))
    except ValueError as error:
        raise BrokenRuleError(Rule.BAD_AMOUNT, f"{name}: {error}") from None
