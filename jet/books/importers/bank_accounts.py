"""Which account of the books a bank account is, as statements ask."""

from __future__ import annotations

from jet.books.checks import Rule
from jet.books.importers.common import BrokenRuleError
from jet.books.settings import ImportSettings


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
