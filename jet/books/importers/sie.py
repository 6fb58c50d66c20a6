"""SIE 4, the format in which Swedish accounting programs exchange a year's books.

Notable, since real files differ from the standard:

- Most files claim #FORMAT PC8 (code page 437) and many aren't, so the encoding is detected from the bytes.
- A voucher without text gets the first text of its lines as description, since bank rows come that way.
- A zero line has no side and is dropped. #BTRANS, a removed line, is ignored. #RTRANS, an added line, counts
  once, with or without the #TRANS of the same account, objects and amount that the standard puts after it for
  older readers, wherever in the voucher it is.
- Only a file with a chart (#KONTO) and balances (#IB, #UB or #RES) is a full export, whose chart should have
  every booked account. Where one is missing, the entry is used, the account has no name, and the table of
  rejected rows says so. Import files must not have balances; their charts cover little or nothing.
- #KTYP has debts but no equity: accounts 20xx of a BAS chart are equity. Without #KTYP, the class (first digit)
  of a BAS account gives its nature.
- An id is series, number and the year in which the fiscal year began. Some programs repeat a number within a
  series: on another day the date is added; on the same day "-2", unless the content is equal and it is a
  duplicate. A voucher without a number gets an id from its content.
- Spellings of one organization number are equal: 556000-0001, 5560000001, 165560000001, SE556000000101.
"""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal

from jet.books.checks import Rule, reject
from jet.books.identity import made_id
from jet.books.importers.common import (
    Extent,
    Source,
    entity_of,
    exact_amount,
    has_suffix,
    parse_date,
    text_lines,
    unsigned,
    without_mark,
)
from jet.books.importers.sie_records import Word, guess_encoding, records
from jet.books.records import Account, Entry, FileEnd, Line, Passed, Record, Rejection, total_of
from jet.books.schema import Use
from jet.books.settings import ImportSettings

MOST_YEARS = 100
"""The most fiscal years that are kept, since every id looks up its own."""

_KINDS = dict.fromkeys(("#KONTO", "#KTYP", "#SRU", "#ENHET"), "account") | dict.fromkeys(
    ("#IB", "#UB", "#RES", "#OIB", "#OUB", "#PSALDO", "#PBUDGET"), "balance"
)
_TELLTALE = re.compile(rb"(?:\A|[\r\n])[ \t]*#(?:FLAGGA|SIETYP|VER)[ \t]", re.IGNORECASE)
_NATURES_BY_TYPE = {"T": "asset", "S": "liability", "K": "expense", "I": "income"}
_NATURES_BY_CLASS = {"1": "asset", "2": "liability", "3": "income"} | dict.fromkeys("4567", "expense")


class SieImporter:
    """Reads SIE 4 files: exports (.se) as well as import files (.si)."""

    name = "sie"

    def recognizes(self, path: str, head: bytes) -> bool:
        """Whether extension and first line (with a #) are SIE's, or a record is one that only SIE has."""
        text = without_mark(head)
        by_name = has_suffix(path, ".se", ".si", ".sie") and text.lstrip().startswith(b"#")
        return by_name or _TELLTALE.search(text) is not None

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The vouchers in the order of the file, then the chart of accounts."""
        file = source.file
        book = _Book(file, settings)
        voucher: _Voucher | None = None
        passed: Counter[str] = Counter()
        last = 0
        for record in records(text_lines(source.stream, file, settings.encoding, guess_encoding)):
            text, words = record.text, record.words
            last = record.last
            tag = _text(words, 0).upper()
            if tag == "#VER":
                if voucher is not None:
                    yield book.unclosed(voucher)
                voucher = _Voucher(record.number, text, words, file_lines=record.lines)
            elif tag in ("#TRANS", "#RTRANS", "#BTRANS") and voucher is not None:
                voucher.file_lines += record.lines
                if voucher.extent.add(len(text)):
                    voucher.add(tag, words)
            elif text[:1] in ("{", "}") and voucher is not None:
                voucher.file_lines += record.lines
                if text[:1] == "}":
                    yield from book.entry(voucher)
                    voucher = None
            elif (fault := _stray(tag, text)) is not None:
                yield reject(
                    Rule.MALFORMED,
                    fault,
                    file=file,
                    file_line=record.number,
                    excerpt=text,
                    file_lines=record.lines,
                )
            else:
                passed[_KINDS.get(tag, "header") if tag else "blank"] += record.lines
                book.read(tag, words)
        if voucher is not None:
            yield book.unclosed(voucher)
        yield from book.accounts()
        for reason, lines in passed.items():
            yield Passed(file, reason, lines)
        yield FileEnd(file, last, self.name, entity=book.entity, org_number=book.org_number)


def _stray(tag: str, text: str) -> str | None:
    """The fault of a line outside of vouchers, where it isn't a record."""
    if tag in ("#TRANS", "#RTRANS", "#BTRANS"):
        return f"a {tag} outside of a voucher: put it between the braces of its #VER"
    if text and not tag and text not in ("{", "}"):
        return "the line is no record: begin it with # and the record's name, or remove it"
    return None


def _text(words: list[Word], index: int) -> str:
    """The field at `index`, or "" where there is none."""
    word = words[index] if index < len(words) else ""
    return word.strip() if isinstance(word, str) else ""


def _is_digits_of_amount(text: str) -> bool:
    """Whether the text in the place of a line's date is the rest of an amount like 1 000.00."""
    return re.fullmatch(r"[0-9]{3}(?:[.,][0-9]*)?", text) is not None


def _org_number(text: str) -> str:
    """An organization number in one spelling, 556000-0001; "" for none, or one of zeros.

    It has ten digits. In front of them may stand the century (of a person's number) or 16, or, as of a number
    for value added tax, SE, with 01 behind them.
    """
    digits = "".join(character for character in text if character.isdecimal())
    if text.upper().startswith("SE") and len(digits) == 12:
        digits = digits[:10]
    elif len(digits) == 12 and digits[:2] in ("16", "18", "19", "20"):
        digits = digits[2:]
    if not digits.strip("0"):
        return ""
    return f"{digits[:6]}-{digits[6:]}" if len(digits) == 10 else text


@dataclass(slots=True)
class _Posting:
    account: str
    objects: list[str]
    amount: Decimal  # debits are positive
    text: str

    @property
    def key(self) -> tuple[str, tuple[str, ...], Decimal]:
        return self.account, tuple(self.objects), self.amount


@dataclass(slots=True)
class _Voucher:
    """A voucher as read so far; `problem` is the first fault in it."""

    file_line: int
    raw: str
    words: list[Word]
    file_lines: int = 1
    postings: list[_Posting] = field(default_factory=list)
    added: list[_Posting] = field(default_factory=list)  # by #RTRANS
    problem: tuple[Rule, str] | None = None
    extent: Extent = field(default_factory=Extent)

    def add(self, tag: str, words: list[Word]) -> None:
        """Add a line."""
        if tag == "#BTRANS":
            return
        objects = words[2] if len(words) > 2 else ""
        at = 2
        if isinstance(objects, list):
            at = 3
        else:
            objects = []  # some programs leave out an empty list
        try:
            amount = exact_amount(_text(words, at))
            if _is_digits_of_amount(_text(words, at + 1)):
                raise ValueError(
                    f"amount {_text(words, at)} {_text(words, at + 1)[:40]} has a blank: write it without"
                )
            posting = _Posting(_text(words, 1), objects, amount, _text(words, at + 2))
        except ValueError as error:
            self.problem = self.problem or (Rule.BAD_AMOUNT, f"account {_text(words, 1)}: {error}")
            return
        if len(objects) % 2:
            self.problem = self.problem or (
                Rule.MALFORMED,
                f"account {posting.account}: the object list is not made of pairs: correct it",
            )
        (self.added if tag == "#RTRANS" else self.postings).append(posting)

    def lines(self) -> list[_Posting]:
        """The voucher's lines: what #TRANS say, and what #RTRANS add that no #TRANS repeats.

        A repeated line keeps the text of both. Where only the #TRANS balance, they are the voucher.
        """
        if not self.added:
            return self.postings
        same: dict[tuple[str, tuple[str, ...], Decimal], list[_Posting]] = {}
        for posting in self.added:
            same.setdefault(posting.key, []).append(posting)
        lines = []
        for posting in self.postings:
            if repeated := same.get(posting.key):
                added = repeated.pop(0)
                posting = replace(posting, text=posting.text or added.text)
            lines.append(posting)
        is_whole = any(posting.amount for posting in lines) and not sum(posting.amount for posting in lines)
        return lines if is_whole else lines + [posting for rest in same.values() for posting in rest]


class _Book:
    """What the records before the vouchers say about the company."""

    def __init__(self, file: str, settings: ImportSettings) -> None:
        self.file = file
        self.settings = settings
        self.name = ""
        self.org_number = ""
        self.currency = settings.default_currency or "SEK"
        self.chart_type = ""
        self.has_balances = False
        self.names: dict[str, str] = {}  # the chart: code to name
        self.types: dict[str, str] = {}
        self.used: set[str] = set()
        self.dimensions: dict[str, str] = {}
        self.years: list[tuple[datetime.date, datetime.date]] = []
        self.ids: dict[tuple[str, str, datetime.date], dict[int, int]] = {}  # what those of an id say

    def read(self, tag: str, words: list[Word]) -> None:
        """Read a record; those that jet doesn't need are ignored."""
        first, second = _text(words, 1), _text(words, 2)
        match tag:
            case "#KONTO" if first:
                self.names[first] = second
            case "#KTYP":
                self.types[first] = second.upper()
            case "#IB" | "#UB" | "#RES":
                self.has_balances = True
            case "#FNAMN":
                self.name = first
            case "#ORGNR":
                is_parted = re.fullmatch(r"[0-9]{6,8} [0-9]{4}", f"{first} {second}") is not None
                self.org_number = _org_number(f"{first} {second}" if is_parted else first)
            case "#VALUTA" if first:
                self.currency = first.upper()
            case "#KPTYP":
                self.chart_type = first.upper()
            case "#DIM" | "#UNDERDIM" if second:
                self.dimensions[first] = second
            case "#RAR" if len(self.years) < MOST_YEARS:
                try:
                    self.years.append((parse_date(second), parse_date(_text(words, 3))))
                except ValueError:
                    return  # without its fiscal year, an entry's id has the year of its date

    @property
    def entity(self) -> str:
        """The entity, by the settings, the company's record, or the file's name."""
        return entity_of(self.settings, self.name, self.org_number, self.file)

    def unclosed(self, voucher: _Voucher) -> Rejection:
        """The rejection of a voucher that doesn't end."""
        return self._reject(voucher, Rule.MALFORMED, "the voucher's } is missing: is the file cut off?")

    def entry(self, voucher: _Voucher) -> Iterator[Entry | Rejection]:
        """The entry of a complete voucher, and the rejections about it."""
        try:
            date = parse_date(_text(voucher.words, 3))
        except ValueError as error:
            yield self._reject(voucher, Rule.BAD_DATE, str(error))
            return
        entry_id = self._id(voucher, date)
        if (fault := voucher.extent.fault() or voucher.problem) is not None:
            yield self._reject(voucher, *fault, entry_id)
            return
        postings = [posting for posting in voucher.lines() if posting.amount]
        unknown = [posting.account for posting in postings if posting.account not in self.names]
        if unknown and self.names and self.has_balances:
            message = f"account {unknown[0]} is not in the file's chart: add its #KONTO, or correct it"
            if self.settings.strict:
                yield self._reject(voucher, Rule.UNKNOWN_ACCOUNT, message, entry_id)
                return
            message += "; the entry is used, the account has no name"
            yield self._reject(voucher, Rule.UNKNOWN_ACCOUNT, message, entry_id, "all")
        yield self._entry(voucher, postings, entry_id, date)

    def _entry(self, voucher: _Voucher, postings: list[_Posting], entry_id: str, date: datetime.date) -> Entry:
        lines = [self._line(posting) for posting in postings]
        self.used.update(line.account for line in lines)
        texts = (posting.text for posting in (*voucher.postings, *voucher.added) if posting.text)
        return Entry(
            entity=self.entity,
            entry_id=entry_id,
            date=date,
            description=_text(voucher.words, 4) or next(texts, ""),
            currency=self.currency,
            journal=_text(voucher.words, 1),
            total=total_of(lines, self.currency),
            lines=lines,
            file=self.file,
            file_line=voucher.file_line,
            file_lines=voucher.file_lines,
        )

    def accounts(self) -> Iterator[Account]:
        """The accounts of the chart, and those that are booked without being in it."""
        for code in sorted(self.names.keys() | self.used):
            if code:
                yield Account(self.entity, code, self.names.get(code, ""), nature=self._nature(code))

    def _nature(self, code: str) -> str | None:
        is_bas = not self.chart_type or "BAS" in self.chart_type
        by_number = is_bas and len(code) == 4 and code.isdecimal()
        nature = _NATURES_BY_TYPE.get(self.types.get(code, ""))
        if nature is None and by_number:
            nature = _NATURES_BY_CLASS.get(code[0])
        if nature == "liability" and by_number and code.startswith("20"):
            return "equity"
        return nature

    def _line(self, posting: _Posting) -> Line:
        objects = posting.objects
        dimensions = tuple(
            (self.dimensions.get(objects[at], objects[at]), objects[at + 1]) for at in range(0, len(objects), 2)
        )
        side, amount = unsigned("D", posting.amount)
        return Line(posting.account, side, amount, self.currency, posting.text, dimensions)

    def _id(self, voucher: _Voucher, date: datetime.date) -> str:
        series, number = _text(voucher.words, 1), _text(voucher.words, 2)
        if number in ("", "0"):  # to be numbered by the program that imports it
            lines = (
                f"{posting.account} {posting.amount.normalize()} {posting.text}" for posting in voucher.lines()
            )
            return made_id(date, [series, _text(voucher.words, 4), *lines])
        year = next((start.year for start, end in self.years if start <= date <= end), date.year)
        entry_id = "-".join(part for part in (series, number, str(year)) if part)
        return self._of_its_own(entry_id, date, voucher)

    def _of_its_own(self, entry_id: str, date: datetime.date, voucher: _Voucher) -> str:
        """An id that no other voucher of the day has, unless its content is equal."""
        says = self.ids.setdefault((self.entity, entry_id, date), {})
        lines = hash((str(voucher.words[3:5]), *((posting.key, posting.text) for posting in voucher.lines())))
        place = says.setdefault(lines, len(says))
        return f"{entry_id}-{place + 1}" if place else entry_id

    def _reject(
        self,
        voucher: _Voucher,
        rule: Rule,
        message: str,
        entry_id: str | None = None,
        used_for: Use = "nothing",
    ) -> Rejection:
        return reject(
            rule,
            message,
            file=self.file,
            file_line=voucher.file_line,
            entity=self.entity,
            entry_id=entry_id,
            excerpt=voucher.raw,
            used_for=used_for,
            file_lines=voucher.file_lines if used_for == "nothing" else 0,
        )
