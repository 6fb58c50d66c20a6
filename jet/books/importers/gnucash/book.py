"""A GnuCash book, as both of its kinds of files have it, and how it becomes records.

Notable:

- Amounts are splits' values, in the transaction's currency, whatever the commodity of the account is. They
  are fractions, whose denominators differ.
- Accounts are called by their codes where all have one, each its own (those that have accounts below them
  needn't); otherwise by their full names.
- An entry has the id that GnuCash gives it, since its number is whatever somebody typed.
- Transactions with an account for opening balances, voided ones and templates of scheduled ones are passed
  over.

As a line of the file counts a split (a transaction without any counts as one), or an account.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from jet.books.checks import EXACT, MAX_TEXT_BYTES, Rule, reject
from jet.books.currencies import currency_code
from jet.books.importers.common import BrokenRuleError, checked_amount, entity_of, parse_date, unsigned
from jet.books.records import Account, Entry, FileEnd, Line, Passed, Record, Rejection, total_of
from jet.books.settings import ImportSettings

NAME = "gnucash"
MOST_DEPTH = 100
ROOT = "ROOT"
_NATURES = (
    dict.fromkeys(("ASSET", "BANK", "CASH", "STOCK", "MUTUAL", "RECEIVABLE", "CURRENCY"), "asset")
    | dict.fromkeys(("LIABILITY", "CREDIT", "PAYABLE"), "liability")
    | {"EQUITY": "equity", "INCOME": "income", "EXPENSE": "expense"}
)
_FRACTION = re.compile(r"(-?[0-9]{1,30})/([1-9][0-9]{0,29})")
_NOON = datetime.timedelta(hours=12)


class Company(NamedTuple):
    """What the book says of its company."""

    name: str = ""
    number: str = ""


class BookAccount(NamedTuple):
    """An account of the book, which others name by its guid."""

    guid: str
    name: str
    kind: str
    code: str = ""
    parent: str = ""
    is_opening: bool = False
    is_template: bool = False


class Split(NamedTuple):
    """A line of a transaction; `value` is a fraction, of which a positive one is a debit."""

    account: str
    value: str
    memo: str = ""
    state: str = ""


class Transaction(NamedTuple):
    """A transaction, with its place in the file, and how many lines of it count."""

    guid: str
    currency: str
    day: str
    text: str
    splits: list[Split]
    place: int
    lines: int
    fault: tuple[Rule, str] | None = None
    is_template: bool = False


class Book:
    """Turns what was read into records. Accounts come before the transactions."""

    def __init__(self, file: str, settings: ImportSettings) -> None:
        self.file = file
        self.settings = settings
        self.company = Company()
        self.accounts: dict[str, BookAccount] = {}
        self.has_codes: bool | None = None
        """Whether accounts are called by their codes; None until one is called."""
        self.counts: Counter[str] = Counter()

    def records(self, parts: Iterable[Company | BookAccount | Transaction]) -> Iterator[Record]:
        for part in parts:
            if isinstance(part, Company):
                self.company = part
            elif isinstance(part, BookAccount):
                self.counts["account"] += 1
                self.accounts.setdefault(part.guid, part)
            elif (reason := self._reason_to_pass(part)) is not None:
                self.counts[reason] += part.lines
            else:
                self.counts["entry"] += part.lines
                yield self._entry(part)
        yield from self._chart()
        lines = self.counts.total()
        del self.counts["entry"]
        for reason, count in self.counts.items():
            yield Passed(self.file, reason, count)
        yield FileEnd(self.file, lines, NAME, entity=self.entity, org_number=self.company.number)

    @property
    def entity(self) -> str:
        return entity_of(self.settings, self.company.name, self.company.number, self.file)

    def _reason_to_pass(self, transaction: Transaction) -> str | None:
        accounts = [self.accounts.get(split.account) for split in transaction.splits]
        if transaction.is_template or any(each and each.is_template for each in accounts):
            return "template"
        if any(each and each.is_opening for each in accounts):
            return "opening balance"
        if transaction.splits and all(split.state == "v" for split in transaction.splits):
            return "void"
        return None

    def _entry(self, transaction: Transaction) -> Entry | Rejection:
        try:
            if transaction.fault is not None:
                raise BrokenRuleError(*transaction.fault)
            date = _day(transaction.day)
            currency = currency_code(transaction.currency)
            lines = [line for split in transaction.splits if (line := self._line(split, currency)) is not None]
        except BrokenRuleError as error:
            return reject(
                error.rule,
                str(error),
                file=self.file,
                file_line=transaction.place,
                entity=self.entity,
                entry_id=transaction.guid or None,
                excerpt=f"{transaction.day} {transaction.text}",
                file_lines=transaction.lines,
            )
        return Entry(
            entity=self.entity,
            entry_id=transaction.guid,
            date=date,
            description=transaction.text or next((line.text for line in lines if line.text), ""),
            currency=currency,
            journal="",
            total=total_of(lines, currency),
            lines=lines,
            file=self.file,
            file_line=transaction.place,
            file_lines=transaction.lines,
        )

    def _line(self, split: Split, currency: str) -> Line | None:
        """The line of a split; None for a zero. Raises BrokenRuleError."""
        account = self.accounts.get(split.account)
        if account is None:
            raise BrokenRuleError(
                Rule.MISSING_ACCOUNT,
                f"a split's account {split.account[:40]!r} isn't in the book: is the file cut off?",
            )
        fraction = _FRACTION.fullmatch(split.value)
        if fraction is None:
            raise BrokenRuleError(
                Rule.BAD_AMOUNT, f"the value {split.value[:40]!r} is no fraction like 120000/100: correct it"
            )
        try:
            amount = checked_amount(EXACT.divide(Decimal(fraction[1]), Decimal(fraction[2])))
        except ValueError as error:
            raise BrokenRuleError(Rule.BAD_AMOUNT, str(error)) from None
        if not amount:
            return None
        side, amount = unsigned("D", amount)
        return Line(self._code(account), side, amount, currency, split.memo)

    def _code(self, account: BookAccount) -> str:
        """What an account is called: its code, or its full name."""
        if self.has_codes is None:
            booked = [each for each in self.accounts.values() if each.kind != ROOT and not each.is_template]
            above = {each.parent for each in booked}
            codes = Counter(each.code for each in booked if each.code or each.guid not in above)
            self.has_codes = not codes[""] and max(codes.values(), default=0) == 1
        if self.has_codes and account.code:
            return account.code
        names: list[str] = []
        named: BookAccount | None = account
        while named is not None and named.kind != ROOT and len(names) < MOST_DEPTH:
            names.append(named.name[:MAX_TEXT_BYTES])
            named = self.accounts.get(named.parent)
        return ":".join(reversed(names))

    def _chart(self) -> Iterator[Account]:
        for account in self.accounts.values():
            if account.kind == ROOT or account.is_template:
                continue
            above = self.accounts.get(account.parent)
            has_parent = above is not None and above.kind != ROOT and above is not account
            yield Account(
                self.entity,
                self._code(account),
                account.name,
                self._code(above) if above is not None and has_parent else None,
                _NATURES.get(account.kind),
            )


def _day(text: str) -> datetime.date:
    """The day of a time. Some programs wrote a day as its midnight where they ran, in UTC: the nearest one is
    meant. Raises BrokenRuleError."""
    try:
        day = parse_date(text[:10])
        if len(text) == 19:
            return (datetime.datetime.fromisoformat(text) + _NOON).date()
    except (ValueError, OverflowError):
        raise BrokenRuleError(
            Rule.BAD_DATE, f"date {text[:40]!r} is not like 2025-01-31 or 2025-01-31 10:59:00: correct it"
        ) from None
    return day
