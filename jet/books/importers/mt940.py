"""Bank statements in SWIFT's MT940.

A statement line (`:61:`) is an entry to predict, of which the line on the bank's account is known, as in
camt.053 (`jet.books.importers.camt`). `ingest.bank_accounts` says which account of the books that is.

Notable, since it is easily missed:

- `RC` takes back a credit, so it is a debit, and `RD` a credit.
- The year of the entry date (four digits, without one) is that of the value date, or the next or last one about
  New Year.
- What `:86:` says is free text, or in Germany fields that begin with `?` and two digits; lines break words
  anywhere, and a blank at their end may be lost.
- Opening balance and lines add up to the closing balance. Where they don't, the rejected table says so.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from jet.books.checks import Rule, reject
from jet.books.importers.bank_accounts import MOST_TEXT, Transaction, book_account
from jet.books.importers.common import BrokenRuleError, Extent, Source, entity_of, text_lines, without_mark
from jet.books.records import Entry, FileEnd, Passed, Record, Rejection
from jet.books.settings import ImportSettings

_TELLTALES = tuple(re.compile(rb"(?m)^:%b:" % tag) for tag in (b"20", b"25P?", b"60[FM]"))
_HEAD = 1 << 13
_FIELD = re.compile(r":(\d{2}[A-Z]?):")
_BALANCE = re.compile(r"([CD])(\d{6})([A-Z]{3})(\d{1,15},\d{0,8})")
_LINE = re.compile(
    r"(?P<value>\d{6})(?P<day>\d{4})?(?P<mark>R?[CD])[A-Z]?(?P<amount>\d{1,15},\d{0,8})"
    r"[A-Z][A-Z0-9]{3}(?P<reference>.*)"
)
_SIDES = {"C": "D", "RD": "D", "D": "C", "RC": "C"}
"""The side of the line on the bank's account in the books by the bank's mark."""
_PART = re.compile(r"\?(\d\d)")
_TEXTS = [*range(20, 30), *range(60, 64)]
_NAMES = (32, 33)
_HALF_A_YEAR = 183


@dataclass(slots=True)
class _Transaction:
    """The lines of a transaction."""

    file_line: int
    line: str
    info: list[str] = field(default_factory=list)
    lines: int = 1
    extent: Extent = field(default_factory=Extent)

    def add(self, text: str, is_info: bool) -> None:
        """Add a line; supplementary details of `:61:` are the bank's own codes, and aren't kept."""
        self.lines += 1
        if self.extent.add(len(text)) and is_info:
            self.info.append(text)


class Mt940Importer:
    """Reads MT940."""

    name = "mt940"

    def recognizes(self, path: str, head: bytes) -> bool:  # noqa: ARG002 (many extensions are in use)
        """Whether a reference, an account and an opening balance begin the file."""
        return all(tag.search(without_mark(head[:_HEAD])) for tag in _TELLTALES)

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order of the file."""
        yield from _Reading(source, settings).records()


class _Reading:
    """The reading of one file."""

    def __init__(self, source: Source, settings: ImportSettings) -> None:
        self.source, self.settings = source, settings
        self.entity = entity_of(settings, "", "", source.file)
        self.account, self.currency = "", ""
        self.balance: Decimal | None = None  # of the lines so far; None: one of them couldn't be read

    def records(self) -> Iterator[Record]:
        file, passed, number = self.source.file, Counter[str](), 0
        current: _Transaction | None = None
        tag = ""
        for number, text in text_lines(self.source.stream, file, self.settings.encoding):
            found = _FIELD.match(text)
            if found is None and current is not None and not _ends(text):
                current.add(text, tag == "86")
                continue
            tag = found[1] if found else ""
            if current is not None and tag == "86":
                current.add(text[len(":86:") :], is_info=True)
                continue
            if current is not None:
                yield self._entry_of(current)
                current = None
            if tag == "61":
                current = _Transaction(number, text[len(":61:") :])
                continue
            passed["blank" if not text.strip() else "statement"] += 1
            if found is not None:
                yield from self._read_field(tag, text[found.end() :].strip(), number)
        if current is not None:
            yield self._entry_of(current)
        for reason, lines in passed.items():
            yield Passed(file, reason, lines)
        yield FileEnd(file, number, Mt940Importer.name)

    def _read_field(self, tag: str, text: str, number: int) -> Iterator[Rejection]:
        if tag in ("25", "25P"):
            self.account = "".join(text.split())
        elif tag in ("60F", "60M", "62F", "62M"):
            found = _BALANCE.match(text)
            amount = None if found is None else _signed(found[1] == "C", found[4])
            if tag.startswith("60"):
                self.currency = found[3] if found else ""
                self.balance = amount
            elif amount is not None and self.balance is not None and amount != self.balance:
                message = (
                    f"the opening balance and the lines of {self.account[:40]} add up to {self.balance}, and "
                    f"the closing balance is {amount}: a line is missing or comes twice; get the statement anew"
                )
                yield self._reject(Rule.INCONSISTENT, message, number, text, is_used=True)

    def _entry_of(self, transaction: _Transaction) -> Entry | Rejection:
        try:
            if (fault := transaction.extent.fault()) is not None:
                raise BrokenRuleError(*fault)
            return self._entry(transaction)
        except BrokenRuleError as error:
            return self._reject(
                error.rule, str(error), transaction.file_line, transaction.line, lines=transaction.lines
            )

    def _entry(self, transaction: _Transaction) -> Entry:
        balance, self.balance = self.balance, None
        found = _LINE.match(transaction.line.strip())
        if found is None:
            message = ":61: is not like 250131(0131)C100,00NTRFREF, with date, mark, amount and kind"
            raise BrokenRuleError(Rule.MALFORMED, message)
        side = _SIDES[found["mark"]]
        amount = _signed(True, found["amount"])
        self.balance = None if balance is None else balance + (amount if side == "D" else -amount)
        date = _date(found["value"], found["day"])
        account = book_account(self.account, self.settings)
        description = _description(transaction.info) or found["reference"].strip()
        currency = self.currency or self.settings.default_currency
        booked = Transaction(
            self.account, account, date, side, amount, currency, found["reference"], description
        )
        return booked.entry(self.entity, self.source.file, transaction.file_line, transaction.lines)

    def _reject(
        self, rule: Rule, message: str, number: int, excerpt: str, lines: int = 1, is_used: bool = False
    ) -> Rejection:
        return reject(
            rule,
            message,
            file=self.source.file,
            file_line=number,
            entity=self.entity,
            excerpt=excerpt,
            used_for="all" if is_used else "nothing",
            file_lines=0 if is_used else lines,
        )


def _ends(text: str) -> bool:
    """Whether a line ends a message."""
    return text.startswith(("-}", "{1:")) or text.strip() == "-"


def _signed(is_positive: bool, text: str) -> Decimal:
    amount = Decimal(text.replace(",", ".").rstrip("."))
    return amount if is_positive else -amount


def _date(value: str, day: str | None) -> datetime.date:
    """The entry date, else the value date."""
    try:
        valued = datetime.datetime.strptime(value, "%y%m%d").date()
        if day is None:
            return valued
        years = (valued.year, valued.year - 1, valued.year + 1)
        days = [
            datetime.date(year, int(day[:2]), int(day[2:])) for year in years if day != "0229" or year % 4 == 0
        ]
    except ValueError:
        raise BrokenRuleError(
            Rule.BAD_DATE, f"date {value}{day or ''} is not like 250131 or 2501310131: correct it"
        ) from None
    near = [each for each in days if abs((each - valued).days) <= _HALF_A_YEAR]
    return near[0] if near else valued


def _description(info: list[str]) -> str:
    """The text of `:86:`: names and purpose of its fields, or all of it."""
    whole = "".join(info)
    parts = _PART.split(whole)
    if len(parts) < 3:
        return " ".join(" ".join(info).split())[:MOST_TEXT]
    said: dict[int, str] = {}
    for number, text in zip(parts[1::2], parts[2::2], strict=True):
        said[int(number)] = said.get(int(number), "") + text
    name = "".join(said.get(number, "") for number in _NAMES)
    text = "".join(said.get(number, "") for number in _TEXTS) or said.get(0, "")
    return " ".join(f"{name} {text}".split())[:MOST_TEXT]
