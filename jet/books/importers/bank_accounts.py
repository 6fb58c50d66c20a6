"""What bank statements of all formats share: which account of the books a bank account is, and the entry of a
transaction, whose line on that account is known."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from decimal import Decimal

from jet.books.checks import Rule
from jet.books.identity import made_id
from jet.books.importers.common import BrokenRuleError
from jet.books.records import Entry, Line
from jet.books.settings import ImportSettings


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
