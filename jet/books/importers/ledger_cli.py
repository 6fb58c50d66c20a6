"""Plain-text journals of ledger-cli and hledger.

Notable:

- An amount that is left out balances the entry, with one line per commodity where there are several.
- What a posting costs (@, @@ or a lot price in braces) is what balances, so it is the line's amount and
  currency. Where a sale has both a lot price and a price, the one by which the entry balances counts; two
  commodities without a price are taken as exchanged for each other, as both programs do.
- Virtual postings in parentheses are outside of the balance and left out; those in brackets balance among
  themselves and are kept. A zero posting is on no side and is left out.
- Balance assertions are passed over; an assignment ("= $500" without an amount) is an amount left out.
- "1,234" is a thousand and more unless `decimal_comma` or a decimal-mark directive says otherwise.
- An entry's id is its date and its place among the entries of that date, as codes are seldom unique.
- The chart is every account that is declared or used, with its parents. Its nature comes from a "type:" tag,
  its own or a parent's, else from the topmost name in English, German, French or Swedish.
- Includes are not followed, automated and periodic transactions not applied.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePath

from jet.books.checks import AMOUNT_LIMIT, EXACT, MAX_TEXT_BYTES, SMALLEST_UNIT, Rule, reject
from jet.books.importers.common import (
    BrokenRuleError,
    Extent,
    ImportSettings,
    Source,
    file_stem,
    has_suffix,
    text_lines,
    without_mark,
)
from jet.books.importers.numbers import parse_amount
from jet.books.records import Account, Entry, Line, Record, Rejection, total_of

Money = tuple[Decimal, str]

MOST_LEVELS = 32
"""Parts of an account's name: each is an account of its own, with the whole name up to there."""

_TELLTALE = re.compile(rb"(?m)^\d{4}[-/.]\d{1,2}[-/.]\d{1,2}[ =\t].*\r?\n[ \t]+\S")
_DATE = re.compile(r"(?:(\d{4})[-/.])?(\d{1,2})[-/.](\d{1,2})(?:=\S*)?(?=\s|$)", re.ASCII)
_CODE = re.compile(r"\(([^)]*)\)\s*")
_COMMENT = re.compile(r"(?:^|\s);")
_GAP = re.compile(r"\s{2,}|\t")
_LOT_NOTE = re.compile(r"[\[(]")
_SYMBOL = r'"[^"]*"|[^\s\d.,;:?!+\-*/^&|=<>{}\[\]()@"\']+'
_AMOUNT = re.compile(  # *+: what has matched is not tried again, or a line of spaces would take forever
    rf"([-+]?)\s*+({_SYMBOL})?\s*+([-+]?)\s*+([\d.,][\d.,'\u00a0\u202f ]*+)\s*+({_SYMBOL})?", re.ASCII
)
_TYPE_TAG = re.compile(r"\btype:\s*(\w+)", re.IGNORECASE)

_CURRENCIES = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP"}
_GENERIC_STEMS = ("main", "ledger", "journal", "index")
_TYPES = {"a": "asset", "c": "asset", "cash": "asset", "l": "liability", "e": "equity", "v": "equity"} | {
    "conversion": "equity",
    "r": "income",
    "revenue": "income",
    "x": "expense",
    "asset": "asset",
    "liability": "liability",
    "equity": "equity",
    "income": "income",
    "expense": "expense",
}
_TOP_NAMES = {
    "asset": "asset assets aktiva vermögen actif actifs tillgång tillgångar",
    "liability": "liability liabilities debts verbindlichkeiten fremdkapital passif passifs dettes skulder",
    "equity": "equity eigenkapital capitaux fonds-propres kapital",
    "income": "income revenue revenues einnahmen erträge ertrag einkommen revenus produits intäkter",
    "expense": "expense expenses ausgaben aufwand aufwendungen kosten dépenses charges utgifter kostnader",
}
_NATURES = {name: nature for nature, names in _TOP_NAMES.items() for name in names.split()} | {
    "eget kapital": "equity",
    "capitaux propres": "equity",
}
_BLOCKS = {"comment": "end comment", "test": "end test"}
_PASSED_OVER = frozenset(
    (
        *("A", "C", "D", "N", "P"),
        *("assert", "bucket", "capture", "check", "commodity", "def", "define", "eval", "expr"),
        *("fixed", "endfixed", "import", "payee", "python", "tag", "value"),
    )
)


class LedgerImporter:
    """Reads journals of ledger-cli and hledger."""

    name = "ledger"

    def recognizes(self, path: str, head: bytes) -> bool:
        """By the extension, or by a dated line that an indented one follows."""
        if has_suffix(path, ".ledger", ".ldg", ".journal", ".hledger"):
            return True
        return not has_suffix(path, ".beancount", ".bean") and _TELLTALE.search(without_mark(head)) is not None

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order of the file, then every account that is declared or used."""
        stream, file = source.stream, source.file
        journal = _Journal(file, settings)
        transaction: _Transaction | None = None
        skipping = ""  # the line that ends a block comment
        for number, line in text_lines(stream, file, settings.encoding):
            text = line.strip()
            if skipping:
                skipping = "" if text == skipping else skipping
            elif text and line[0] in " \t":
                if transaction is not None:
                    transaction.add(text)
                else:
                    journal.read_subdirective(text)
            elif transaction is None or text[:1] != ";":
                if transaction is not None:
                    yield journal.entry(transaction)
                transaction = None
                journal.declared = ""
                if not text or text[0] in ";#%|*=~":
                    continue  # the lines of a = or ~ transaction are indented, and passed over
                if text[0].isdigit():
                    transaction = _Transaction(number, text)
                elif text in _BLOCKS:
                    skipping = _BLOCKS[text]
                elif (fault := journal.read_directive(text)) is not None:
                    rule, message = fault
                    yield reject(
                        rule, message, file=file, file_line=number, entity=journal.entity, excerpt=text
                    )
        if transaction is not None:
            yield journal.entry(transaction)
        yield from journal.accounts()


@dataclass(slots=True)
class _Transaction:
    file_line: int
    header: str
    postings: list[str] = field(default_factory=list)
    extent: Extent = field(default_factory=Extent)

    def add(self, text: str) -> None:
        """Keep an indented line, if it is not a comment and the entry not too long."""
        if text[0] not in ";#%|" and self.extent.add(len(text)):
            self.postings.append(text)


@dataclass(slots=True)
class _Posting:
    account: str
    kind: str  # "" or "[": what it balances with
    worth: tuple[Money, Money] | None  # by its lot price and by its price; None: left out
    note: str


class _Journal:
    """What the directives have said so far."""

    def __init__(self, file: str, settings: ImportSettings) -> None:
        self.file = file
        self.entity = settings.entity if settings.entity is not None else _entity(file)
        self.commodity = settings.default_currency
        self.decimal_comma = bool(settings.decimal_comma)
        self.tolerance = Decimal(str(settings.tolerance))
        self.year: int | None = None
        self.aliases: dict[str, str] = {}
        self.applied = [""]  # what stands before names: one more for each "apply" that has not ended
        self.types: dict[str, str] = {}
        self.known: set[str] = set()
        self.declared = ""  # the account whose directive is being read
        self.dates: Counter[datetime.date] = Counter()

    def read_directive(self, text: str) -> tuple[Rule, str] | None:
        """Take what a directive says; one that is not understood is named."""
        word, _, rest = text.lstrip("!@").replace("\t", " ").partition(" ")
        rest = rest.strip()
        match word:
            case "account":
                name, _, comment = rest.partition(";")
                try:
                    self.declared = self._full_name(_GAP.split(name.strip(), maxsplit=1)[0])
                except BrokenRuleError as error:
                    return error.rule, str(error)
                self.known.add(self.declared)
                self._take_type(comment)
            case "alias":
                name, equals, target = rest.partition("=")
                if name.startswith("/") or not equals:
                    return Rule.UNSUPPORTED_DIRECTIVE, (
                        "an alias by pattern is not supported: alias the accounts by name, or rename them"
                    )
                self.aliases[name.strip()] = target.strip()
            case "apply" if rest.startswith("account"):
                self.applied.append(self.applied[-1])  # also where the name is refused, since an "end" follows
                try:
                    self.applied[-1] = self._applied(rest.removeprefix("account").strip())
                except BrokenRuleError as error:
                    return error.rule, str(error)
            case "apply":
                self.applied.append(self.applied[-1])
                if rest.startswith("year"):
                    return self._take_year(rest.removeprefix("year"))
            case "end" if rest == "aliases":
                self.aliases.clear()
            case "end":
                if len(self.applied) > 1:
                    self.applied.pop()
            case "include":
                return Rule.INCLUDE, f"includes {rest}, which is not followed: pass that file as well"
            case "year" | "Y":
                return self._take_year(rest)
            case "decimal-mark":
                self.decimal_comma = rest == ","
            case _ if re.fullmatch(r"Y\d+", word, re.ASCII):
                return self._take_year(word[1:])
            case _ if word not in _PASSED_OVER and not word.startswith("-"):
                return Rule.UNSUPPORTED_DIRECTIVE, f"{word[:40]!r} begins no known directive: remove the line"
        return None

    def read_subdirective(self, text: str) -> None:
        """Take an indented line that belongs to no transaction, such as an account's type."""
        if self.declared and text.startswith(";"):
            self._take_type(text)

    def entry(self, transaction: _Transaction) -> Entry | Rejection:
        """The entry of a transaction that has been read to its end."""
        entry_id = None
        try:
            date, description = self._header(transaction.header)
            self.dates[date] += 1
            entry_id = f"{date}-{self.dates[date]}"
            if (fault := transaction.extent.fault()) is not None:
                raise BrokenRuleError(*fault)
            postings = [p for text in transaction.postings if (p := self._posting(text)) is not None]
            lines: list[Line] = []
            for kind in ("", "["):
                lines += self._balanced([posting for posting in postings if posting.kind == kind])
        except BrokenRuleError as error:
            return reject(
                error.rule,
                str(error),
                file=self.file,
                file_line=transaction.file_line,
                entity=self.entity,
                entry_id=entry_id,
                excerpt=transaction.header,
            )
        self.known.update(line.account for line in lines)
        currencies = Counter(line.currency for line in lines).most_common(1)
        currency = currencies[0][0] if currencies else self.commodity
        return Entry(
            entity=self.entity,
            entry_id=entry_id,
            date=date,
            description=description,
            currency=currency,
            journal="",
            total=total_of(lines, currency),
            lines=lines,
            file=self.file,
            file_line=transaction.file_line,
        )

    def accounts(self) -> Iterator[Account]:
        """All accounts and their parents."""
        names = set(self.known)
        for name in self.known:
            while ":" in name:
                name = name.rpartition(":")[0]
                names.add(name)
        for name in sorted(names):
            if name:
                parent, _, last = name.rpartition(":")
                yield Account(self.entity, name, last, parent or None, self._nature(name))

    def _nature(self, name: str) -> str | None:
        above = name
        while above:
            if above in self.types:
                return self.types[above]
            above = above.rpartition(":")[0]
        return _NATURES.get(name.partition(":")[0].strip().lower())

    def _take_type(self, comment: str) -> None:
        tag = _TYPE_TAG.search(comment)
        if tag and tag[1].lower() in _TYPES:
            self.types[self.declared] = _TYPES[tag[1].lower()]

    def _take_year(self, text: str) -> tuple[Rule, str] | None:
        year = text.strip()
        if not (year.isascii() and year.isdecimal() and len(year) == 4):
            return Rule.UNSUPPORTED_DIRECTIVE, f"year {year[:40]!r} is not one: write it like 2025"
        self.year = int(year)
        return None

    def _full_name(self, name: str) -> str:
        name = head = self._applied(name)
        while head and self.aliases:
            if head in self.aliases:
                return _checked_name(self.aliases[head] + name[len(head) :])
            head = head.rpartition(":")[0]
        return name

    def _applied(self, name: str) -> str:
        return _checked_name(":".join(part for part in (self.applied[-1], name) if part))

    def _header(self, text: str) -> tuple[datetime.date, str]:
        found = _DATE.match(text)
        year = self.year or 0
        if found is None or not (found[1] or year):
            raise BrokenRuleError(Rule.BAD_DATE, "the date can't be read: write it like 2025-01-31")
        try:
            date = datetime.date(int(found[1] or year), int(found[2]), int(found[3]))
        except ValueError:
            raise BrokenRuleError(Rule.BAD_DATE, f"there is no day {found[0]}: correct it") from None
        description = _COMMENT.split(text[found.end() :], maxsplit=1)[0].strip()
        if description[:1] in ("*", "!"):
            description = description[1:].lstrip()
        code = _CODE.match(description)
        return date, description[code.end() :].strip() if code else description

    def _posting(self, text: str) -> _Posting | None:
        """The posting of an indented line; None for a virtual one."""
        if text[0] in "*!":
            text = text[1:].lstrip()
        before, *comment = _COMMENT.split(text, maxsplit=1)
        account, *rest = _GAP.split(before.strip(), maxsplit=1)
        if account.startswith("(") and account.endswith(")"):
            return None
        kind = "[" if account.startswith("[") and account.endswith("]") else ""
        account = account[1:-1].strip() if kind else account
        if not account:
            raise BrokenRuleError(Rule.MISSING_ACCOUNT, "a posting has no account: name it")
        worth = self._worth(rest[0].strip()) if rest else None
        note = comment[0].strip() if comment else ""
        return _Posting(self._full_name(account), kind, worth, note)

    def _worth(self, text: str) -> tuple[Money, Money] | None:
        """What stands after an account is worth, by the lot price and by the price; None: left out."""
        text = text.replace("(@)", "@").replace("(@@)", "@@")
        text, brace, inner = text.partition("{")
        lot_text, _, after = inner.lstrip("{").partition("}")
        text += after.removeprefix("}")
        amount_text, at, price = text.partition("=")[0].partition("@")
        if not amount_text.startswith("("):
            amount_text = _LOT_NOTE.split(amount_text, maxsplit=1)[0]
        if not amount_text.strip():
            return None
        amount = self._money(amount_text)
        lot_text = lot_text.strip(" =")
        by_lot = self._times(amount, lot_text, is_total=inner.startswith("{")) if brace and lot_text else None
        by_price = self._times(amount, price.removeprefix("@"), is_total=price.startswith("@")) if at else None
        return by_lot or by_price or amount, by_price or by_lot or amount

    def _times(self, amount: Money, price: str, is_total: bool) -> Money:
        unit, commodity = self._money(price)
        quantity = amount[0]
        worth = abs(unit).copy_sign(quantity) if is_total else abs(unit) * quantity
        if abs(worth) >= AMOUNT_LIMIT:
            raise BrokenRuleError(Rule.BAD_AMOUNT, f"{quantity} at {price.strip()} is too large: correct it")
        return worth.quantize(SMALLEST_UNIT, context=EXACT), commodity

    def _money(self, text: str) -> Money:
        found = _AMOUNT.fullmatch(text.strip())
        if found is None or (found[2] and found[5]) or (found[1] and found[3]):
            raise BrokenRuleError(
                Rule.BAD_AMOUNT, f"amount {text.strip()[:40]!r} can't be read: write it like -1,234.50 EUR"
            )
        try:
            number = parse_amount(found[4].strip(), self.decimal_comma)
        except ValueError as error:
            raise BrokenRuleError(Rule.BAD_AMOUNT, str(error)) from None
        symbol = (found[2] or found[5] or "").strip('"')
        is_negative = "-" in (found[1], found[3])
        return -number if is_negative else number, _CURRENCIES.get(symbol, symbol) or self.commodity

    def _balanced(self, postings: list[_Posting]) -> list[Line]:
        """The lines of postings that balance with each other."""
        given = [(posting, posting.worth) for posting in postings if posting.worth is not None]
        left_out = [posting for posting in postings if posting.worth is None]
        if len(left_out) > 1:
            raise BrokenRuleError(Rule.MALFORMED, "more than one amount is left out: fill in all but one")
        values = [by_lot for _, (by_lot, _) in given]
        open_sums = _open_sums(values)
        if not left_out and self._is_open(open_sums):
            by_price = [by_price for _, (_, by_price) in given]
            is_priced = not self._is_open(_open_sums(by_price))
            values = by_price if is_priced else self._exchanged(values, open_sums)
        lines = [_line(posting, value) for (posting, _), value in zip(given, values, strict=True) if value[0]]
        for posting in left_out:
            lines += [_line(posting, (-amount, commodity)) for commodity, amount in open_sums.items() if amount]
        return lines

    def _is_open(self, sums: dict[str, Decimal]) -> bool:
        return any(abs(amount) > self.tolerance for amount in sums.values())

    def _exchanged(self, values: list[Money], sums: dict[str, Decimal]) -> list[Money]:
        """The values with one commodity's only posting worth what is open in the only other commodity."""
        unbalanced = [commodity for commodity, amount in sums.items() if abs(amount) > self.tolerance]
        if len(unbalanced) != 2 or (sums[unbalanced[0]] > 0) == (sums[unbalanced[1]] > 0):
            return values
        for bought, paid in (unbalanced, unbalanced[::-1]):
            places = [at for at, value in enumerate(values) if value[1] == bought]
            if len(places) == 1:
                return [(-sums[paid], paid) if at == places[0] else value for at, value in enumerate(values)]
        return values


def _entity(file: str) -> str:
    stem, folder = file_stem(file), PurePath(file).parent.name
    return folder if stem.lower() in _GENERIC_STEMS and folder not in ("", "..") else stem


def _checked_name(name: str) -> str:
    """An account's name, if it can be one; raises BrokenRuleError."""
    levels = name.count(":") + 1
    if levels > MOST_LEVELS:
        raise BrokenRuleError(
            Rule.MALFORMED,
            f"account {name[:40]!r}… has {levels:,} parts, more than {MOST_LEVELS}: shorten its name",
        )
    if len(name) > MAX_TEXT_BYTES:
        raise BrokenRuleError(
            Rule.TEXT_TOO_LONG,
            f"account {name[:40]!r}… has more than {MAX_TEXT_BYTES:,} characters: shorten its name",
        )
    return name


def _open_sums(values: list[Money]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for amount, commodity in values:
        sums[commodity] = sums.get(commodity, Decimal(0)) + amount
    return sums


def _line(posting: _Posting, value: Money) -> Line:
    amount, commodity = value
    return Line(posting.account, "D" if amount > 0 else "C", amount.copy_abs(), commodity, posting.note)
