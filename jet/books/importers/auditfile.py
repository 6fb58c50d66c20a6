"""Audit files in XML: SAF-T Financial (Norway, Portugal, Romania and others), and XAF (the Netherlands).

All have a header, a chart, and journals of transactions of lines. One reader serves them: names of elements
tell them apart where they differ, so that files between two versions are read too.

Notable, since real files differ:

- Lines are `Line` (Norway), `TransactionLine` (Romania), `DebitLine` and `CreditLine` (Portugal) or `trLine`
  (XAF). Amounts are plain, or in an `Amount` of their own; in XAF with D or C beside them. A debit of a
  negative amount is a credit.
- Amounts are in the file's currency, whatever a line says of another one beside it.
- The date is `TransactionDate` (`trDt`); that of posting where there is none.
- Balances carried forward stand beside the accounts, or in `openingBalance`, and are no entries.
- A transaction's number begins anew with a year, and in XAF is unique in its journal only: so an id is the
  number and the year, in XAF with the journal before them.

As a line of the file counts a line of a transaction, one of the opening balance, or an account of the chart.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from jet.books.checks import Rule, reject
from jet.books.importers.common import (
    BrokenRuleError,
    Source,
    by_prefix,
    entity_of,
    exact_amount,
    parse_date,
    unsigned,
)
from jet.books.importers.xml_elements import Asked, Element, Elements, root_of
from jet.books.records import Account, Entry, FileEnd, Line, Passed, Record, Rejection, total_of
from jet.books.schema import Use
from jet.books.settings import ImportSettings

LINES = ("line", "transactionline", "debitline", "creditline", "trline")
_ACCOUNTS = ("account", "ledgeraccount")
_BALANCES = ("obline",)
_ANALYSES = ("analysistypetableentry",)
_CHARTS = ("generalledgeraccounts", "generalledger")
_LEDGERS = {"generalledgerentries", "transactions"}
_COUNTRIES = {":NO": "NO", ":PT": "PT", "d406": "RO", "auditfiles.nl": "NL"}
"""The country of a file by a part of its namespace."""

_FACTS = {
    ("company", "name"): "name",
    ("header", "companyname"): "name",
    ("company", "companyname"): "name",
    ("company", "registrationnumber"): "number",
    ("header", "taxregistrationnumber"): "number",
    ("company", "taxregident"): "number",
    ("header", "defaultcurrencycode"): "currency",
    ("header", "currencycode"): "currency",
    ("header", "curcode"): "currency",
    ("header", "auditfilecountry"): "country",
    ("journal", "journalid"): "journal",
    ("journal", "jrnid"): "journal",
}
"""What an element outside of accounts and transactions says, by its parent's name and its own."""

_CURRENCIES = {"NO": "NOK", "PT": "EUR", "RO": "RON", "NL": "EUR"}
_RESULTS = {"6": "expense", "7": "income"}
_NATURES: dict[str, dict[str, str]] = {
    "NO": {"1": "asset", "20": "equity", "2": "liability", "3": "income", **dict.fromkeys("4567", "expense")},
    "PT": _RESULTS
    | dict.fromkeys(("11", "12", "13", "21", "3", "4"), "asset")
    | {"22": "liability", "25": "liability", "5": "equity"},
    "RO": _RESULTS
    | dict.fromkeys(("10", "11", "12"), "equity")
    | dict.fromkeys(("16", "40", "42", "43", "519"), "liability")
    | dict.fromkeys(("2", "3", "41", "5"), "asset"),
}
"""By the beginning of an account's number in the country's chart; what may be either isn't here."""

_OBJECTS = {"costid": "cost", "prodid": "product", "projid": "project"}


class AuditFileImporter:
    """Reads SAF-T and XAF."""

    name = "auditfile"

    def recognizes(self, path: str, head: bytes) -> bool:  # noqa: ARG002 (many extensions are XML's)
        """Whether the file is XML with an audit file's root."""
        return root_of(head) == "auditfile"

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order of the file, then the chart of accounts."""
        yield from _Book(source, settings).records()


class _Book:
    """The import of one file."""

    def __init__(self, source: Source, settings: ImportSettings) -> None:
        self.source = source
        self.file = source.file
        self.settings = settings
        self.facts: dict[str, str] = {}
        self.country = ""
        self.chart: dict[str, tuple[str, str]] = {}  # names and parents
        self.used: set[str] = set()
        self.dimensions: dict[str, str] = {}

    def records(self) -> Iterator[Record]:
        elements = Elements(
            self.file,
            wanted={*_ACCOUNTS, *_BALANCES, *_ANALYSES, "transaction", *(name for _, name in _FACTS)},
            counted=LINES,
        )
        counts: Counter[str] = Counter()
        for element in elements.read(self.source.stream, self.settings.encoding):
            if not self.country:
                self.country = self._country(elements.namespace, element)
            if element.name == "transaction" and _LEDGERS & set(element.parents):
                counts["transaction"] += _lines_of(element)
                yield from self._entry(element)
            elif element.name in _ACCOUNTS and element.parents[-1:] and element.parents[-1] in _CHARTS:
                counts["account"] += 1
                self._read_account(element)
            elif element.name in _BALANCES:
                counts["opening balance"] += 1
            elif element.name in _ANALYSES:
                if name := element.said("analysistypedescription"):
                    self.dimensions[element.said("analysistype")] = name
            else:
                self._read_fact(element)
        yield from self._accounts()
        for reason in ("account", "opening balance"):
            yield Passed(self.file, reason, counts[reason])
        yield FileEnd(
            self.file,
            counts.total(),
            AuditFileImporter.name,
            dialect="XAF" if self.is_xaf else " ".join(filter(None, ("SAF-T", self.country))),
            entity=self.entity,
            org_number=self.facts.get("number", ""),
        )

    @property
    def entity(self) -> str:
        facts = self.facts
        return entity_of(self.settings, facts.get("name", ""), facts.get("number", ""), self.file)

    @property
    def currency(self) -> str:
        said = self.facts.get("currency", "").upper()
        return said or self.settings.default_currency or _CURRENCIES.get(self.country, "")

    def _country(self, namespace: str, element: Asked) -> str:
        """The country whose file this is; "" where it isn't known yet."""
        country = next((each for part, each in _COUNTRIES.items() if part in namespace), "")
        if not country and "transactions" in element.parents:  # an XAF, of before it had a namespace
            country = "NL"
        return country or self.facts.get("country", "").upper()[:2]

    @property
    def is_xaf(self) -> bool:
        return self.country == "NL"

    def _read_fact(self, element: Asked) -> None:
        what = _FACTS.get((element.parents[-1] if element.parents else "", element.name))
        if what == "journal":
            self.facts[what] = element.text
        elif what is not None and element.text and "masterfiles" not in element.parents:
            self.facts.setdefault(what, element.text)

    def _read_account(self, element: Asked) -> None:
        if code := element.said("accountid", "accid"):
            name = element.said("accountdescription", "accdesc", "accountdesc")
            parent = element.said("groupingcode") if self.country == "PT" else ""
            self.chart[code] = name, parent

    def _accounts(self) -> Iterator[Account]:
        natures = _NATURES.get(self.country, {})
        for code in sorted(self.chart.keys() | self.used):
            name, parent = self.chart.get(code, ("", ""))
            parent = parent if parent in self.chart and parent != code else ""
            yield Account(self.entity, code, name, parent or None, by_prefix(code, natures))

    def _entry(self, element: Asked) -> Iterator[Entry | Rejection]:
        """The entry of a transaction, and the rejections about it."""
        entry_id = None
        try:
            if (fault := element.extent.fault()) is not None:
                raise BrokenRuleError(*fault)
            number = element.said("transactionid", "nr")
            rows = list(element.all(LINES))
            date = _date(element, rows)
            journal = self.facts.get("journal", "")
            parts = (journal if self.is_xaf else "", number, f"{date.year}" if number else "")
            entry_id = "-".join(filter(None, parts)) if number else ""
            lines = [line for row in rows if (line := self._line(row)) is not None]
        except BrokenRuleError as error:
            yield self._reject(error, element, entry_id, "nothing")
            return
        if self.chart and (unknown := sorted({line.account for line in lines} - {"", *self.chart})):
            message = f"account {unknown[0][:40]} is not in the file's chart: add it, or correct it"
            if self.settings.strict:
                yield self._reject(BrokenRuleError(Rule.UNKNOWN_ACCOUNT, message), element, entry_id, "nothing")
                return
            message += "; the entry is used, the account has no name"
            yield self._reject(BrokenRuleError(Rule.UNKNOWN_ACCOUNT, message), element, entry_id, "all")
        self.used.update(line.account for line in lines if line.account)
        yield Entry(
            entity=self.entity,
            entry_id=entry_id,
            date=date,
            description=element.said("description", "desc") or next((x.text for x in lines if x.text), ""),
            currency=self.currency,
            journal=journal,
            total=total_of(lines, self.currency),
            lines=lines,
            file=self.file,
            file_line=element.line,
            file_lines=_lines_of(element),
        )

    def _line(self, row: Element) -> Line | None:
        """The line of an element; None for a zero. Raises BrokenRuleError."""
        account = row.said("accountid", "accid")
        amount = _amount(row, f"line {row.line}, account {account[:40]}")
        if not amount:
            return None
        side, amount = unsigned("D", amount)
        text = row.said("description", "desc")
        return Line(account, side, amount, self.currency, text, tuple(self._objects(row)))

    def _objects(self, row: Element) -> Iterator[tuple[str, str]]:
        for each in row.children:
            if each.name == "analysis":
                kind = each.said("analysistype")
                yield self.dimensions.get(kind, kind), each.said("analysisid")
            elif each.name in _OBJECTS and each.text:
                yield _OBJECTS[each.name], each.text

    def _reject(self, error: BrokenRuleError, element: Asked, entry_id: str | None, use: Use) -> Rejection:
        said = (each.text for each in element.children if each.text)
        return reject(
            error.rule,
            str(error),
            file=self.file,
            file_line=element.line,
            entity=self.entity,
            entry_id=entry_id or None,
            excerpt=" | ".join(said),
            used_for=use,
            file_lines=_lines_of(element) if use == "nothing" else 0,
        )


def _lines_of(element: Asked) -> int:
    """What a transaction counts among the lines of the file."""
    return max(1, element.extent.lines)


def _date(element: Element, rows: list[Element]) -> datetime.date:
    text = element.said("transactiondate", "trdt", "glpostingdate")
    text = text or next((said for row in rows if (said := row.said("effdate"))), "")
    if not text:
        raise BrokenRuleError(Rule.BAD_DATE, "the transaction has no date: give it one like 2025-01-31")
    try:
        return parse_date(text[:10] if text[10:11] in ("Z", "+", "-") else text)  # a day with its time zone
    except ValueError as error:
        raise BrokenRuleError(Rule.BAD_DATE, str(error)) from None


def _amount(row: Element, where: str) -> Decimal:
    """The amount of a line; debits are positive. Raises BrokenRuleError."""
    word = row.said("amnttp").upper()
    plain, debit, credit = row.child("amnt"), row.child("debitamount"), row.child("creditamount")
    try:
        if plain is not None:
            amount = exact_amount(plain.text)
            if word not in ("D", "C"):
                raise BrokenRuleError(Rule.BAD_SIDE, f"{where}: amntTp {word[:40]!r} must be D or C")
            return amount if word == "D" else -amount
        if debit is None and credit is None:
            raise BrokenRuleError(Rule.BAD_AMOUNT, f"{where}: the line has no amount: give it one")
        amounts = [
            Decimal(0) if each is None else exact_amount(each.said("amount") or each.text)
            for each in (debit, credit)
        ]
    except ValueError as error:
        if isinstance(error, BrokenRuleError):
            raise
        raise BrokenRuleError(Rule.BAD_AMOUNT, f"{where}: {error}") from None
    if all(amounts):
        raise BrokenRuleError(Rule.BAD_SIDE, f"{where}: both a debit and a credit: make two lines of it")
    return amounts[0] - amounts[1]
