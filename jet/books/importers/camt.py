"""Bank statements in XML: ISO 20022 camt.053, of any version.

An entry of the statement (`Ntry`) is an entry to predict, of which the line on the bank's account is known.
`ingest.bank_accounts` says which account of the books that is, by IBAN or number.

Notable, since it is easily missed:

- Amounts have no sign: `CdtDbtInd` has the side, as seen from the bank, so a credit debits the books. That
  holds for reversals too: a credit with `RvslInd` takes back a debit.
- Only booked entries (`Sts` BOOK, in a `Cd` of its own since version 8) are read. Pending ones come again.
- A batch is one entry, as the bank booked it; the details of its payments are its text.
- A bank's reference is often missing, or that of a batch. So the id is made of what the entry says: it is the
  same in a statement that overlaps.

As a line of the file counts an entry of a statement.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter, deque
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
    unsigned,
)
from jet.books.importers.xml_elements import Element, Elements, root_of
from jet.books.records import Entry, FileEnd, Passed, Record
from jet.books.settings import ImportSettings

_KIND = re.compile(rb"camt\.053\.\d")
_SIDES = {"CRDT": "D", "DBIT": "C"}
_PARTIES = {"D": ("dbtr", "ultmtdbtr"), "C": ("cdtr", "ultmtcdtr")}
"""The elements with the other party, by the side of the bank's line."""
_NO_REFERENCE = ("", "NOTPROVIDED", "NOT PROVIDED")
"""The most characters of a description: batches have the details of thousands of payments."""


class CamtImporter:
    """Reads camt.053."""

    name = "camt"

    def recognizes(self, path: str, head: bytes) -> bool:  # noqa: ARG002 (many extensions are XML's)
        """Whether the file is XML that says that it is a camt.053."""
        return root_of(head) == "document" and _KIND.search(head) is not None

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order of the file."""
        elements = _Statements(source.file, wanted=("acct", "ntry"), counted=())
        account, currency, owner = "", "", ""
        counts: Counter[str] = Counter()
        for element in elements.read(source.stream, settings.encoding):
            if element.parents[-1:] != ("stmt",):
                continue
            if element.name == "acct":
                account, currency, owner = _account(element)
                continue
            own = elements.currencies.popleft() or currency
            counts["lines"] += 1
            entity = entity_of(settings, owner, "", source.file)
            if (status := _status(element)) not in ("BOOK", ""):
                counts[status] += 1
                continue
            read = partial(_entry, element, source.file, settings, entity, account, own)
            yield entry_or_rejection(element, read, source.file, entity, ("amt", "cdtdbtind", "addtlntryinf"))
        lines = counts.pop("lines", 0)
        for status, number in sorted(counts.items()):
            yield Passed(source.file, f"not booked ({status[:10]})", number)
        yield FileEnd(source.file, lines, self.name)


class _Statements(Elements):
    """The elements, and the currencies of the entries of statements, in their order."""

    currencies: deque[str]

    def begins(self, name: str, attributes: dict[str, str]) -> None:
        """Keep the currency that an amount has as an attribute."""
        if not self._path:
            self.currencies = deque()
        elif name == "ntry" and self._path[-1] == "stmt" and self._asked is None:
            self.currencies.append("")
        elif name == "amt" and self._path[-2:] == ["stmt", "ntry"]:
            self.currencies[-1] = attributes.get("Ccy", "")


def _account(element: Element) -> tuple[str, str, str]:
    """The IBAN or number of a statement's account, its currency, and its owner."""
    id_, owner = element.child("id"), element.child("ownr")
    other = id_.child("othr") if id_ else None
    number = (id_.said("iban") if id_ else "") or (other.said("id") if other else "")
    return "".join(number.split()), element.said("ccy"), owner.said("nm") if owner else ""


def _status(element: Element) -> str:
    status = element.child("sts")
    return (status.said("cd", "prtry") or status.text) if status else ""


def _entry(
    element: Element, file: str, settings: ImportSettings, entity: str, account: str, currency: str
) -> Entry:
    booked_on = book_account(account, settings)
    said = element.said("cdtdbtind")
    if said not in _SIDES:
        raise BrokenRuleError(Rule.BAD_SIDE, f"CdtDbtInd {said[:20]!r} must be CRDT or DBIT")
    side, amount = unsigned(_SIDES[said], amount_of(element, "Amt"))
    date = _date(element)
    code = currency_code(currency) or settings.default_currency
    description = _description(element, side)
    reference = element.said("acctsvcrref", "ntryref")
    transaction = Transaction(account, booked_on, date, side, amount, code, reference, description)
    return transaction.entry(entity, file, element.line)


def _date(element: Element) -> datetime.date:
    """The day on which the bank booked; without one the value date."""
    for name in ("bookgdt", "valdt"):
        day = element.child(name)
        if day is not None and (text := day.said("dt", "dttm")):
            try:
                return parse_date(text[:10])
            except ValueError as error:
                raise BrokenRuleError(Rule.BAD_DATE, f"{name}: {error}") from None
    raise BrokenRuleError(Rule.BAD_DATE, "the entry has neither BookgDt nor ValDt: export the statement again")


def _description(element: Element, side: str) -> str:
    """The other parties, what they wrote, and references, each once; without any, what the bank says."""
    parts: list[str] = []
    for details in element.all(("txdtls",)):
        parties = details.child("rltdpties")
        for party in _PARTIES[side]:
            found = parties.child(party) if parties else None
            names = [each.text for each in found.all(("nm",))] if found else []
            if names:
                parts += names[:1]
                break
        remittance = details.child("rmtinf")
        if remittance is not None:
            parts += [each.text for each in remittance.all(("ustrd",))]
            parts += [each.text for each in remittance.all(("ref",))]
        references = details.child("refs")
        reference = references.said("endtoendid") if references else ""
        parts += [reference] if reference.upper() not in _NO_REFERENCE else []
        parts += [details.said("addtltxinf")]
    kept = list(dict.fromkeys(" ".join(part.split()) for part in parts if part.strip()))
    return " ".join(kept or [" ".join(element.said("addtlntryinf").split())])[:MOST_TEXT]
