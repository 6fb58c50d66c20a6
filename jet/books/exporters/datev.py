"""DATEV's Buchungsstapel (EXTF 700, version 13), which its programs import.

Notable, by DATEV's description of the format:

- A row has one amount, an account and its contra account. So the debits of an entry are paired with its credits
  in their order, an amount split where the other side's are smaller: an entry of n and m lines has at most
  n + m - 1 rows, and each account keeps its debits and credits.
- Dates have no year, so a file has one fiscal year (`export.year_begins`), which its header names. It has one
  company and one currency, too.
- Texts: 60 characters, the whole one (up to 210) beside it as a Beleginfo; Belegfeld 1 has no other characters
  than letters, figures and `$&%*+-/`: others become hyphens, and the id as it is stands in a Beleginfo.
- Windows-1252; letters that it lacks are written without their marks.
- jet's lines have the tax on an account of its own. DATEV computes it once more on its automatic accounts,
  unless the row has a key that stops it: `export.keys` gives keys to accounts.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import BinaryIO

from jet.books.exporters.common import (
    About,
    Booking,
    Names,
    Place,
    Unsayable,
    Writer,
    cents,
    digits_only,
    encoded,
    one_blank,
    one_currency,
    with_head,
)
from jet.books.records import Entry, Line

ENCODING = "cp1252"
EUROS = "EUR"
LONGEST_TEXT, LONGEST_INFO, LONGEST_ID = 60, 210, 36
MOST_DIGITS = 9
FEWEST_DIGITS, MOST_GENERAL_DIGITS = 4, 8
_NOT_IN_ID = re.compile(r"[^0-9A-Za-z$&%*+/-]")


def _numbered(first: str, second: str, count: int) -> list[str]:
    return [f"{name} {number}" for number in range(1, count + 1) for name in (first, second)]


COLUMNS = (
    "Umsatz (ohne Soll/Haben-Kz)",
    "Soll/Haben-Kennzeichen",
    "WKZ Umsatz",
    "Kurs",
    "Basis-Umsatz",
    "WKZ Basis-Umsatz",
    "Konto",
    "Gegenkonto (ohne BU-Schlüssel)",
    "BU-Schlüssel",
    "Belegdatum",
    "Belegfeld 1",
    "Belegfeld 2",
    "Skonto",
    "Buchungstext",
    "Postensperre",
    "Diverse Adressnummer",
    "Geschäftspartnerbank",
    "Sachverhalt",
    "Zinssperre",
    "Beleglink",
    *_numbered("Beleginfo - Art", "Beleginfo - Inhalt", 8),
    *("KOST1 - Kostenstelle", "KOST2 - Kostenstelle", "Kost-Menge", "EU-Land u. UStID (Bestimmung)"),
    *("EU-Steuersatz (Bestimmung)", "Abw. Versteuerungsart", "Sachverhalt L+L", "Funktionsergänzung L+L"),
    *("BU 49 Hauptfunktionstyp", "BU 49 Hauptfunktionsnummer", "BU 49 Funktionsergänzung"),
    *_numbered("Zusatzinformation - Art", "Zusatzinformation- Inhalt", 20),
    *("Stück", "Gewicht", "Zahlweise", "Forderungsart", "Veranlagungsjahr", "Zugeordnete Fälligkeit"),
    *("Skontotyp", "Auftragsnummer", "Buchungstyp", "USt-Schlüssel (Anzahlungen)", "EU-Land (Anzahlungen)"),
    *("Sachverhalt L+L (Anzahlungen)", "EU-Steuersatz (Anzahlungen)", "Erlöskonto (Anzahlungen)"),
    *("Herkunft-Kz", "Buchungs GUID", "KOST-Datum", "SEPA-Mandatsreferenz", "Skontosperre"),
    *("Gesellschaftername", "Beteiligtennummer", "Identifikationsnummer", "Zeichnernummer"),
    *("Postensperre bis", "Bezeichnung SoBil-Sachverhalt", "Kennzeichen SoBil-Buchung", "Festschreibung"),
    *("Leistungsdatum", "Datum Zuord. Steuerperiode", "Fälligkeit", "Generalumkehr (GU)", "Steuersatz"),
    *("Land", "Abrechnungsreferenz", "BVV-Position", "EU-Land u. UStID (Ursprung)"),
    *("EU-Steuersatz (Ursprung)", "Abw. Skontokonto"),
)


class DatevExporter:
    """Writes files of DATEV's format EXTF."""

    prefix, suffix = "EXTF_", ".csv"
    marks = False
    dimensions = False

    def place(self, entry: Entry, about: About) -> Place:
        """One file a company, currency and fiscal year, by the year in which that begins."""
        is_before = f"{entry.date:%m-%d}" < about.settings.year_begins
        return Place(entry.entity, one_currency(entry) or EUROS, f"{entry.date.year - is_before:04}")

    def begin(self, place: Place, about: About) -> Writer:
        """The writer of a file."""
        return _Batch(place, about)


class _Batch:
    def __init__(self, place: Place, about: About) -> None:
        self._place, self._about = place, about
        self._names = Names(digits_only(MOST_DIGITS, "DATEV"), about.settings)
        self._digits = MOST_GENERAL_DIGITS
        self._days: list[datetime.date] = []

    def add(self, booking: Booking) -> bytes:
        entry = booking.entry
        if not re.fullmatch("[A-Z]{3}", self._place.currency):
            raise Unsayable(f"currency {self._place.currency!r} has no code of three letters: correct it")
        rows = [self._row(entry, *pair) for pair in pairs(entry)]
        content = encoded("".join(f"{row}\r\n" for row in rows), ENCODING)
        lengths = [len(self._names(line.account)) for line in entry.lines or ()]
        self._digits = max(FEWEST_DIGITS, min(self._digits, *lengths))
        self._days = [min([*self._days[:1], entry.date]), max([*self._days[1:], entry.date])]
        return content

    def finish(self, body: BinaryIO, file: BinaryIO) -> None:
        settings, (first, last) = self._about.settings, self._days
        begins = datetime.date.fromisoformat(f"{self._place.year}-{settings.year_begins}")
        header = [
            *('"EXTF"', "700", "21", '"Buchungsstapel"', "13", f"{self._about.made:%Y%m%d}000000000", ""),
            *('"RE"', '"jet"', '""', str(settings.consultant), str(settings.client), f"{begins:%Y%m%d}"),
            *(str(self._digits), f"{first:%Y%m%d}", f"{last:%Y%m%d}", '"jet"', '""', "1", "0", "0"),
            *(f'"{self._place.currency}"', "", '""', "", "", '""', "", "", '""', '""'),
        ]
        with_head(encoded(f"{';'.join(header)}\r\n{';'.join(COLUMNS)}\r\n", ENCODING), body, file)

    def _row(self, entry: Entry, amount: Decimal, debit: Line, credit: Line) -> str:
        text = one_blank(entry.description)
        said = " / ".join(each for each in (one_blank(debit.text), one_blank(credit.text)) if each)
        values = {
            "Umsatz (ohne Soll/Haben-Kz)": cents(amount).replace(".", ","),
            "Soll/Haben-Kennzeichen": '"S"',
            "WKZ Umsatz": f'"{self._place.currency}"',
            "Konto": self._names(debit.account),
            "Gegenkonto (ohne BU-Schlüssel)": self._names(credit.account),
            "BU-Schlüssel": self._key(debit.account, credit.account),
            "Belegdatum": f"{entry.date:%d%m}",
            "Belegfeld 1": _quoted(_NOT_IN_ID.sub("-", one_blank(entry.entry_id)), LONGEST_ID),
            "Buchungstext": _quoted(text, LONGEST_TEXT),
            "Festschreibung": "0",
            **_info(1, "Buchung", one_blank(entry.entry_id)),
            **_info(2, "Text", text if len(text) > LONGEST_TEXT else ""),
            **_info(3, "Zeile", said),
        }
        return ";".join(values.get(name, "") for name in COLUMNS)

    def _key(self, *accounts: str) -> str:
        """The BU-Schlüssel of a row with these accounts."""
        given = self._about.settings.keys
        keys = sorted({given[account] for account in accounts if account in given})
        if len(keys) > 1:
            raise Unsayable(
                f"accounts {' and '.join(accounts)} have the keys {' and '.join(keys)} in export.keys, and a "
                "row has one: book it by hand"
            )
        return f'"{keys[0]}"' if keys else ""


def pairs(entry: Entry) -> Iterator[tuple[Decimal, Line, Line]]:
    """The amounts that go from a credit to a debit of a balanced entry, in the order of its lines, but that
    debits of accounts with credits too come first: no account can be its own contra account.

    Raises `Unsayable` where one would be, or no amount is left.
    """
    debits, credits_ = (
        [(line, line.amount) for line in entry.lines or () if line.amount and line.side == side]
        for side in "DC"
    )
    if not debits:
        raise Unsayable("all of its amounts are zero, which are no amounts for DATEV: book it by hand")
    credited = {line.account for line, _ in credits_}
    left = {place: amount for place, (_, amount) in enumerate(credits_)}
    for debit, rest in sorted(debits, key=lambda each: each[0].account not in credited):
        while rest:
            place = next((each for each in left if credits_[each][0].account != debit.account), None)
            if place is None:
                raise Unsayable(
                    f"account {debit.account} would be its own contra account, which DATEV refuses: book it by "
                    "hand"
                )
            amount = min(rest, left[place])
            yield amount, debit, credits_[place][0]
            rest -= amount
            left[place] -= amount
            if not left[place]:
                del left[place]


def _info(number: int, kind: str, text: str) -> dict[str, str]:
    """A Beleginfo."""
    if not text:
        return {}
    return {
        f"Beleginfo - Art {number}": _quoted(kind, LONGEST_TEXT),
        f"Beleginfo - Inhalt {number}": _quoted(text, LONGEST_INFO),
    }


def _quoted(text: str, longest: int) -> str:
    return '"' + text[:longest].replace('"', '""') + '"'
