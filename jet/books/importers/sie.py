"""SIE 4, the format in which Swedish accounting programs exchange a year's books.

Notable, since real files differ from the standard:

- Most files claim #FORMAT PC8 (code page 437) and many aren't: the encoding is told from the bytes.
- A voucher without text is described by the first text of its lines, as a bank row comes that way.
- A zero line is on no side and is dropped. #BTRANS, a removed line, is ignored; #RTRANS, an added one,
  counts once, with or without the #TRANS of the same account, objects and amount that the standard puts
  after it for older readers.
- Only a file with a chart (#KONTO) and balances (#IB, #UB or #RES) is a full export, in which a line's
  account must be in the chart. Import files mustn't hold balances, and their charts cover little or nothing:
  an account that is missing there gets an empty name.
- #KTYP knows debts but not equity: accounts 20xx of a BAS chart are equity. Without #KTYP, the class (first
  digit) of a BAS chart says what an account is.
- An id is series, number and the year in which the fiscal year began. Some programs repeat a number within a
  series: from the second on the date is added. A voucher without a number is called by file and line.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from jet.books.checks import EXACT, SMALLEST_UNIT, Rule, reject
from jet.books.importers.common import (
    Extent,
    ImportSettings,
    Source,
    checked_amount,
    file_stem,
    has_suffix,
    parse_date,
    text_lines,
    without_mark,
)
from jet.books.records import Account, Entry, Line, Record, Rejection, total_of

Word = str | list[str]

MOST_YEARS = 100
"""Fiscal years that are remembered: every id asks for its own."""

_BLANK = " \t\x1a"  # \x1a: the end-of-file mark of DOS
_HIDDEN_QUOTE = "\ue000"
_TELLTALE = re.compile(rb"(?:\A|[\r\n])[ \t]*#(?:FLAGGA|SIETYP|VER)[ \t]", re.IGNORECASE)
_SWEDISH = "åäöÅÄÖéÉüÜ"
_CP437_LETTERS = _SWEDISH.encode("cp437")
_LATIN_LETTERS = _SWEDISH.encode("latin-1")
_NATURES_BY_TYPE = {"T": "asset", "S": "liability", "K": "expense", "I": "income"}
_NATURES_BY_CLASS = {"1": "asset", "2": "liability", "3": "income"} | dict.fromkeys("4567", "expense")


class SieImporter:
    """Reads SIE 4 files: exports (.se) as well as import files (.si)."""

    name = "sie"

    def recognizes(self, path: str, head: bytes) -> bool:
        """By the extension and a first line that begins with #, or by a record that only SIE has."""
        text = without_mark(head)
        by_name = has_suffix(path, ".se", ".si", ".sie") and text.lstrip().startswith(b"#")
        return by_name or _TELLTALE.search(text) is not None

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The vouchers in the order of the file, then the chart of accounts."""
        stream, file = source.stream, source.file
        book = _Book(file, settings)
        voucher: _Voucher | None = None
        for number, raw in text_lines(stream, file, settings.encoding, _guess_encoding):
            text = raw.strip(_BLANK)
            if text[:1] == "#":
                words = fields(text)
                tag = _text(words, 0).upper()
                if tag in ("#TRANS", "#RTRANS", "#BTRANS"):
                    if voucher is None:
                        yield reject(
                            Rule.MALFORMED,
                            f"a {tag} outside of a voucher: put it between the braces of its #VER",
                            file=file,
                            file_line=number,
                            excerpt=text,
                        )
                    elif voucher.extent.add(len(text)):
                        voucher.add(tag, words)
                elif tag == "#VER":
                    if voucher is not None:
                        yield book.unclosed(voucher)
                    voucher = _Voucher(number, text, words)
                else:
                    book.read(tag, words)
            elif text[:1] == "}" and voucher is not None:
                yield book.entry(voucher)
                voucher = None
        if voucher is not None:
            yield book.unclosed(voucher)
        yield from book.accounts()


def _guess_encoding(data: bytes) -> str:
    """Code page 437 or Latin-1 (as Windows has it), by which one's Swedish letters `data` has more of."""
    without = len(data.translate(None, _CP437_LETTERS)), len(data.translate(None, _LATIN_LETTERS))
    return "cp437" if without[0] <= without[1] else "cp1252"


def fields(text: str) -> list[Word]:
    """The fields of a record: words, quoted strings (\\" is a quote), and an object list as a list."""
    if '"' not in text and "{" not in text:
        return list(text.split())
    hidden = text.replace('\\"', _HIDDEN_QUOTE)
    escaped = hidden != text and hidden.count('"') % 2 == 0  # unlike "C:\books\", which escapes nothing
    pieces = (hidden if escaped else text).split('"')
    words: list[Word] = []
    into: list[Word] | list[str] = words
    for index, piece in enumerate(pieces):
        if escaped:
            piece = piece.replace(_HIDDEN_QUOTE, '"')
        if index % 2:
            into.append(piece)
        elif "{" in piece or "}" in piece:
            for word in piece.replace("{", " { ").replace("}", " } ").split():
                if word == "{":
                    into = []
                    words.append(into)
                elif word == "}":
                    into = words
                else:
                    into.append(word)
        else:
            into.extend(piece.split())
    return words


def _text(words: list[Word], index: int) -> str:
    """The field at `index`, or "" where there is none."""
    word = words[index] if index < len(words) else ""
    return word.strip() if isinstance(word, str) else ""


def _amount(text: str) -> Decimal:
    """An amount with a decimal point, or a decimal comma where that can't be a thousands separator.

    Digits beyond the 8th decimal come from programs that calculate with floats, and are rounded away.
    """
    whole, comma, decimals = text.partition(",")
    if comma and decimals.isdecimal() and len(decimals) != 3:
        text = f"{whole}.{decimals}"
    try:
        return checked_amount(Decimal(text)).quantize(SMALLEST_UNIT, context=EXACT)
    except ArithmeticError:
        raise ValueError(f"amount {text[:40]!r} can't be read: write it like -1234.50") from None


@dataclass(slots=True)
class _Posting:
    account: str
    objects: list[str]
    amount: Decimal  # debits are positive
    text: str


@dataclass(slots=True)
class _Voucher:
    """A voucher as far as it has been read; `problem` is the first one that was met."""

    file_line: int
    raw: str
    words: list[Word]
    postings: list[_Posting] = field(default_factory=list)
    added: _Posting | None = None  # the #RTRANS just read, whose #TRANS may follow
    problem: tuple[Rule, str] | None = None
    extent: Extent = field(default_factory=Extent)

    def add(self, tag: str, words: list[Word]) -> None:
        """Add a line."""
        added, self.added = self.added, None
        if tag == "#BTRANS":
            return
        objects = words[2] if len(words) > 2 else ""
        at = 2
        if isinstance(objects, list):
            at = 3
        else:
            objects = []  # some programs leave out an empty list
        try:
            posting = _Posting(_text(words, 1), objects, _amount(_text(words, at)), _text(words, at + 2))
        except ValueError as error:
            self.problem = self.problem or (Rule.BAD_AMOUNT, f"account {_text(words, 1)}: {error}")
            return
        if len(objects) % 2:
            self.problem = self.problem or (
                Rule.MALFORMED,
                f"account {posting.account}: the object list is not made of pairs: correct it",
            )
        if tag == "#RTRANS":
            self.added = posting
        elif (
            added is not None
            and added.account == posting.account
            and added.objects == objects
            and added.amount == posting.amount
        ):
            added.text = added.text or posting.text
            return
        self.postings.append(posting)


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
        self.ids: set[str] = set()

    def read(self, tag: str, words: list[Word]) -> None:
        """Take what a record says; records that matter to nothing here are passed over."""
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
                self.org_number = first if first.strip("0- ") else ""
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
        """The entity by the settings, the company's record, or the file's name."""
        if self.settings.entity is not None:
            return self.settings.entity
        if self.settings.entity_from == "name":
            own = self.name or self.org_number
        elif self.settings.entity_from == "org_number":
            own = self.org_number or self.name
        else:
            own = " ".join(part for part in (self.name, self.org_number) if part)
        return own or file_stem(self.file)

    def unclosed(self, voucher: _Voucher) -> Rejection:
        """The rejection of a voucher that doesn't end."""
        return self._reject(voucher, Rule.MALFORMED, "the voucher's } is missing: is the file cut off?")

    def entry(self, voucher: _Voucher) -> Entry | Rejection:
        """The entry of a voucher that has been read to its end."""
        try:
            date = parse_date(_text(voucher.words, 3))
        except ValueError as error:
            return self._reject(voucher, Rule.BAD_DATE, str(error))
        entry_id = self._id(voucher, date)
        if (fault := voucher.extent.fault() or voucher.problem) is not None:
            return self._reject(voucher, *fault, entry_id)
        is_full = bool(self.names) and self.has_balances
        lines = []
        for posting in voucher.postings:
            if not posting.amount:
                continue
            if is_full and posting.account not in self.names:
                message = f"account {posting.account} is not in the file's chart: add its #KONTO, or correct it"
                return self._reject(voucher, Rule.UNKNOWN_ACCOUNT, message, entry_id)
            lines.append(self._line(posting))
        self.used.update(line.account for line in lines)
        texts = (posting.text for posting in voucher.postings if posting.text)
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
        )

    def accounts(self) -> Iterator[Account]:
        """The chart, and the accounts that are used without being in it."""
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
        amount = posting.amount
        side = "D" if amount > 0 else "C"
        return Line(posting.account, side, amount.copy_abs(), self.currency, posting.text, dimensions)

    def _id(self, voucher: _Voucher, date: datetime.date) -> str:
        series, number = _text(voucher.words, 1), _text(voucher.words, 2)
        if number in ("", "0"):  # to be numbered by the program that imports it
            return f"{file_stem(self.file)}-{voucher.file_line}"
        year = next((start.year for start, end in self.years if start <= date <= end), date.year)
        entry_id = "-".join(part for part in (series, number, str(year)) if part)
        if entry_id in self.ids:
            entry_id = f"{entry_id}-{date:%Y%m%d}"
        self.ids.add(entry_id)
        return entry_id

    def _reject(self, voucher: _Voucher, rule: Rule, message: str, entry_id: str | None = None) -> Rejection:
        return reject(
            rule,
            message,
            file=self.file,
            file_line=voucher.file_line,
            entity=self.entity,
            entry_id=entry_id,
            excerpt=voucher.raw,
        )
