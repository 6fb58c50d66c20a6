"""What the exporters share: their protocol, and the spelling of texts, amounts and accounts.

An entry that a format can't say raises `Unsayable`, with the way out; it is listed and goes to a file of its
own, so that the other entries are still exported. What is spelled in another way is stated in docs/export.md.
"""

from __future__ import annotations

import datetime
import re
import shutil
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import BinaryIO, NamedTuple, Protocol

from jet.books.currencies import decimals
from jet.books.records import Account, Entry, Line
from jet.books.settings import ExportSettings, ImportSettings

MARGIN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufffe\uffff]+")
"""Matches blanks, line ends, control characters, and characters without width or that are none."""

_PLAIN = str.maketrans(
    dict.fromkeys("‘’‚‛′“”„‟″«»", "'")
    | dict.fromkeys("‐‑‒–—―−", "-")
    | {
        "\ufffd": "?",
        "…": "...",
        "•": "-",
        "€": "EUR",
        "œ": "oe",
        "Œ": "OE",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
    }
)


_HARMLESS = " '-.()/?"
"""The marks that may stand for another one: they mean nothing to any format."""


class Unsayable(ValueError):  # noqa: N818 (it says what the entry is; the message is for people)
    """An entry that a format can't say; the message tells why, and the way out."""


class Booking(NamedTuple):
    """An entry to be written."""

    entry: Entry
    """With lines, whose amounts are known and balance in each currency."""
    pending: bool
    """Whether a person has yet to look at it."""
    names: Mapping[str, str]
    """The names of its accounts, by their codes; "" where it isn't known."""


class Place(NamedTuple):
    """What the entries of a file have in common; "" where a file may have all."""

    entity: str = ""
    currency: str = ""
    year: str = ""


@dataclass(frozen=True)
class About:
    """What the writers of all files are told."""

    settings: ExportSettings
    ingest: ImportSettings
    """By which the company's own tables are read, and so written."""
    made: datetime.date
    """The day on which the predictions were made."""
    charts: Mapping[tuple[str, str], Account] = field(default_factory=dict)
    """The accounts that the ledgers declare, by entity and code."""

    def account(self, code: str, booking: Booking) -> Account:
        """What is known of an account of a booking."""
        known = self.charts.get((booking.entry.entity, code))
        name = booking.names.get(code) or (known.name if known else "")
        return Account(booking.entry.entity, code, one_blank(name), nature=known.nature if known else None)


class Writer(Protocol):
    """Writes one file."""

    def add(self, booking: Booking) -> bytes:
        """What the file says of an entry, in its middle. Raises `Unsayable`; then nothing has changed."""

    def finish(self, body: BinaryIO, file: BinaryIO) -> None:
        """Write the whole `file`, of which `body` is what `add` returned."""


class Exporter(Protocol):
    """Writes the files of one format."""

    prefix: str
    suffix: str
    """With which the files' names begin and end."""
    marks: bool
    """Whether an entry can be marked as pending; else those that are go to files of their own."""
    dimensions: bool
    """Whether lines have dimensions."""

    def place(self, entry: Entry, about: About) -> Place:
        """The file of an entry. Raises `Unsayable` where there can be none."""

    def begin(self, place: Place, about: About) -> Writer:
        """The writer of a file."""


def with_head(head: bytes, body: BinaryIO, file: BinaryIO) -> None:
    """Write a file of a head and a body."""
    file.write(head)
    shutil.copyfileobj(body, file, 1 << 20)


def one_blank(text: str) -> str:
    """`text` with each run of blanks, line ends and control characters as one blank, and none at its ends."""
    return MARGIN.sub(" ", text).strip(" ")


def amount_text(amount: Decimal, currency: str = "") -> str:
    """An amount with a decimal point, and as many decimals as the currency has, two at most, or it needs."""
    text = f"{amount:f}"
    whole, _, rest = text.partition(".")
    rest = rest.rstrip("0").ljust(min(2, decimals(currency)), "0")
    return f"{whole}.{rest}" if rest else whole


def cents(amount: Decimal) -> str:
    """An amount with two decimals. Raises `Unsayable` where it needs more."""
    text = amount_text(amount)
    if len(text.rpartition(".")[2]) > 2:
        raise Unsayable(
            f"the amount {text} has more than two decimals, which the format can't hold: correct it"
        )
    return text


def signed(line: Line) -> Decimal:
    """A line's amount, a credit's negative."""
    amount = line.amount or Decimal(0)
    return -amount if line.side == "C" and amount else amount


def one_currency(entry: Entry) -> str:
    """The currency of all lines. Raises `Unsayable` where there are several."""
    found = sorted({line.currency or entry.currency for line in entry.lines or ()})
    if len(found) > 1:
        raise Unsayable(
            f"its lines are in several currencies ({', '.join(each or 'none' for each in found)}), and files "
            "of this format have one: book it by hand, or export it in another format"
        )
    return found[0] if found else entry.currency


def encoded(text: str, encoding: str) -> bytes:
    """`text` in an encoding, typographic marks and letters that it lacks in plain ones.

    Raises `Unsayable`, with the character, where there is none.
    """
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return b"".join(_letter(letter, encoding) for letter in unicodedata.normalize("NFC", text))


def _letter(letter: str, encoding: str) -> bytes:
    for spelled in (letter, letter.translate(_PLAIN), _without_marks(letter)):
        if spelled == letter or all(each.isalnum() or each in _HARMLESS for each in spelled):
            with suppress(UnicodeEncodeError):
                return spelled.encode(encoding)
    raise Unsayable(
        f"the character {letter!r} (U+{ord(letter):04X}) isn't in {encoding}, in which the format is written: "
        "correct the text"
    )


def _without_marks(letter: str) -> str:
    parts = unicodedata.normalize("NFKD", letter)
    return "".join(part for part in parts if not unicodedata.combining(part)) or letter


class Names:
    """The names that accounts have in a file: those of the settings, else what `say` makes of the code.

    `say` raises `Unsayable` where the format can't have such a name, and so do two accounts with one name.
    """

    def __init__(self, say: Callable[[str], str], settings: ExportSettings) -> None:
        self._say, self._given = say, settings.accounts
        self._codes: dict[str, str] = {}

    def __call__(self, code: str) -> str:
        """The name of the account `code`."""
        given = self._given.get(code)
        name = self._say(code if given is None else given)
        other = self._codes.setdefault(name, code)
        if other != code and given is None and other not in self._given:
            raise Unsayable(
                f"accounts {other!r} and {code!r} would both be {name!r}: give one of them another name in "
                "export.accounts"
            )
        return name


def digits_only(most: int, what: str) -> Callable[[str], str]:
    """What says the number of an account, of at most so many digits, for a format that `what` names."""

    def say(code: str) -> str:
        if code.isascii() and code.isdigit() and len(code) <= most:
            return code
        raise Unsayable(
            f"account {code!r} is no number of at most {most} digits, as {what} has it: give its number in "
            f"export.accounts, as in --export.accounts '{{{code}: 1930}}'"
        )

    return say
