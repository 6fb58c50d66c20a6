"""Bank statements in OFX (Open Financial Exchange): SGML (1.x, QFX) and XML (2.x).

A transaction of a bank or a credit card (`STMTTRN`) is an entry to predict, of which the line on the account
is known, as in camt.053 (`jet.books.importers.camt`). `ingest.bank_accounts` says which account of the books
it is, by the account's number (`ACCTID`).

Notable, since it is easily missed:

- `TRNAMT` has the sign, whatever `TRNTYPE` says: a positive one debits the books' account, of a card too.
- The date is the day as it is written. Moved to another zone, midnight is the day before.
- `CURRENCY` names another currency that the amount is in; `ORIGCURRENCY` one that it was converted from.
- With `CORRECTFITID` a bank takes back what it sent before, which may be booked: it is rejected, for a person.
- There is only a closing balance, so nothing tells whether transactions are missing.

As a line of the file counts a transaction.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial

from jet.books.checks import Rule
from jet.books.currencies import currency_code
from jet.books.importers.bank_accounts import (
    MOST_TEXT,
    Transaction,
    amount_of,
    book_account,
    entry_or_rejection,
)
from jet.books.importers.common import (
    BrokenRuleError,
    Source,
    entity_of,
    parse_date,
    text_lines,
    unsigned,
    without_mark,
)
from jet.books.importers.ofx_elements import elements
from jet.books.importers.xml_elements import Asked, Element, Elements, root_of
from jet.books.records import Entry, FileEnd, Passed, Record
from jet.books.settings import ImportSettings

_HEAD = 1 << 13
_SGML = re.compile(rb"\s*OFXHEADER\s*:\s*\d", re.IGNORECASE)
_ACCOUNTS = ("bankacctfrom", "ccacctfrom", "invacctfrom")
_PASSED = {"stmttrnp": "not booked (pending)", "invtran": "investment transaction"}
_DATE = re.compile(r"\d{8}(?=\d{4}|\.|\[|$)")
_SHOWN = ("dtposted", "trnamt", "fitid", "name", "memo")


class OfxImporter:
    """Reads OFX."""

    name = "ofx"

    def recognizes(self, path: str, head: bytes) -> bool:  # noqa: ARG002 (.ofx, .qfx and others are in use)
        """Whether the file begins with a header of OFX, or its root is OFX."""
        head = without_mark(head[:_HEAD])
        return _SGML.match(head) is not None or root_of(head) == "ofx"

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order of the file."""
        entity = entity_of(settings, "", "", source.file)
        currency, account = "", ""
        lines, passed = 0, Counter[str]()
        for element in _elements(source, settings):
            if element.name == "curdef":
                currency, account = element.text, ""
            elif element.name in _ACCOUNTS:
                account = "".join(element.said("acctid").split())
            elif element.name in _PASSED:
                passed[_PASSED[element.name]] += 1
                lines += 1
            else:
                lines += 1
                read = partial(_entry, element, source.file, settings, entity, account, currency)
                yield entry_or_rejection(element, read, source.file, entity, _SHOWN)
        for reason, number in sorted(passed.items()):
            yield Passed(source.file, reason, number)
        yield FileEnd(source.file, lines, self.name)


def _elements(source: Source, settings: ImportSettings) -> Iterator[Asked]:
    """Currencies, accounts and transactions, in the order of the file."""
    wanted = ("curdef", *_ACCOUNTS, "stmttrn", *_PASSED)
    head = without_mark(source.stream.read(_HEAD)).lstrip()
    source.stream.seek(0)
    if head.startswith(b"<?"):
        return Elements(source.file, wanted, counted=()).read(source.stream, settings.encoding)
    return elements(source.file, text_lines(source.stream, source.file, settings.encoding), wanted)


def _entry(
    element: Element, file: str, settings: ImportSettings, entity: str, account: str, currency: str
) -> Entry:
    booked_on = book_account(account, settings)
    if corrected := element.said("correctfitid"):
        raise BrokenRuleError(
            Rule.INCONSISTENT,
            f"the bank takes back its transaction {corrected[:40]!r} (CORRECTFITID): correct the entry of that "
            "one",
        )
    side, amount = unsigned("D", amount_of(element, "TRNAMT"))
    other = element.child("currency")
    said = other.said("cursym") or other.text if other else currency
    code = currency_code(said) or settings.default_currency
    transaction = Transaction(
        account, booked_on, _date(element), side, amount, code, element.said("fitid"), _description(element)
    )
    return transaction.entry(entity, file, element.line)


def _date(element: Element) -> datetime.date:
    """The day on which the bank booked."""
    text = element.said("dtposted")
    try:
        if (found := _DATE.match(text)) is None:
            raise ValueError(f"date {text[:40]!r} is not like 20250131 or 20250131120000[+1:CET]: correct it")
        return parse_date(found[0])
    except ValueError as error:
        raise BrokenRuleError(Rule.BAD_DATE, f"DTPOSTED: {error}") from None


def _description(element: Element) -> str:
    """The other party and the bank's text, without what both say; without any, kind and number of the
    transaction."""
    payee = element.child("payee")
    name = element.said("extdname", "name") or (payee.said("name") if payee else "")
    memo = element.said("memo")
    parts = [name, memo]
    if name.casefold() in memo.casefold():
        parts = [memo]
    elif memo.casefold() in name.casefold():
        parts = [name]
    text = " ".join(" ".join(parts).split()) or f"{element.said('trntype')} {element.said('checknum')}".strip()
    return text[:MOST_TEXT]
