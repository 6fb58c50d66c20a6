"""Books to export, what the exporters make of them, and what the importers read in that."""

from __future__ import annotations

import datetime
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from jet.books.exporters import EXPORTERS, About, Booking
from jet.books.exporters.common import one_blank
from jet.books.exporters.files import Export
from jet.books.importers import Entry, Line, Rejection, import_file
from jet.books.records import Account, total_of
from jet.books.settings import ExportSettings, ImportSettings

MADE = datetime.date(2026, 11, 30)
COMPANY = "Örnsköld & Söner AB"
DAY = datetime.date(2025, 1, 31)

NO_TEXT = st.just("")
NO_DIMENSIONS: st.SearchStrategy[tuple[tuple[str, str], ...]] = st.just(())
NASTY = [
    "[2020-01-01]",
    "date:2020-01-01",
    "x ;y",
    "x  ; y",
    "Payee: z",
    "x:: 1/0",
    ":a:b:",
    "(x) y",
    "! z",
    '"} x',
    'x" "y',
    "\\",
    'x\\"',
    "x\n2020-01-01 * y\n  a  1\n  b",
    "x\r\n#VER A 1 20200101",
    "x\t1",
    "x  1.00 EUR",
    "end comment",
    "sep=;",
    "#TRANS",
    "{}",
    "\ufeffx",
    "\u2028x",
    "x\u00a0\u00a0y",
]
"""Texts that mean something to a format, or would end an entry or a cell."""

Charts = Mapping[tuple[str, str], Account]


def entry(entry_id: str = "7", lines: str = "D5010:1000 D2641:200.50 C1930:1200.50", **other: Any) -> Entry:
    """An entry whose lines are spelled as in "D5010:1000"; an amount may be left out."""
    made = []
    for word in lines.split():
        account, _, amount = word[1:].rpartition(":") if ":" in word else (word[1:], "", "")
        made.append(Line(account, word[0], Decimal(amount) if amount else None, other.get("currency", "SEK")))
    given = {"entity": COMPANY, "date": DAY, "description": "Hyra januari", "currency": "SEK", "journal": "A"}
    return Entry(
        **{**given, **other, "entry_id": entry_id},
        total=total_of(made, other.get("currency", "SEK")),
        lines=made or None,
        file="f",
        file_line=1,
    )


def chart(**kinds: str) -> Charts:
    """Accounts by code, their nature and name as in a5010="expense Rent"; a number's name begins with an a."""
    found = {}
    for code, said in kinds.items():
        nature, _, name = said.partition(" ")
        code = code.removeprefix("a")
        found[COMPANY, code] = Account(COMPANY, code, name, nature=nature)
    return found


def written(
    format_: Any,
    bookings: Sequence[Booking],
    charts: Charts | None = None,
    ingest: ImportSettings | None = None,
    **settings: Any,
) -> dict[str, bytes]:
    """The files of an export by their names."""
    about = About(ExportSettings(**settings), ingest or ImportSettings(), MADE, charts or {})
    files: dict[str, bytes] = {}

    @contextmanager
    def opened(name: str) -> Iterator[io.BytesIO]:
        stream = io.BytesIO()
        yield stream
        assert name not in files
        files[name] = stream.getvalue()

    with (
        tempfile.TemporaryDirectory() as folder,
        Export(EXPORTERS[format_], about, Path(folder)) as export,
    ):
        for booking in bookings:
            export.add(booking, "review" if booking.pending else "auto")
        export.finish(opened)
    return files


def read_back(files: Mapping[str, bytes], ingest: ImportSettings | None = None) -> list[Entry]:
    """The entries in the files, but for those left out, which must be all that is in them."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            if name.startswith("left-out"):
                continue
            path = Path(folder) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
            for record in import_file(str(path), ingest or ImportSettings()):
                assert not isinstance(record, Rejection), record
                if isinstance(record, Entry):
                    found.append(record)
    return found


def plain(entry: Entry, *but: str) -> Entry:
    """An entry without its place in a file, and without what a format doesn't have."""
    blank: dict[str, Any] = {"file": "", "file_line": 0, "file_lines": 1, "tolerances": None}
    blank |= {name: "" for name in but if name != "text"}
    lines = [replace(line, amount=line.amount and line.amount.normalize()) for line in entry.lines or ()]
    if "text" in but:
        lines = [replace(line, text="") for line in lines]
    total = entry.total and entry.total.normalize()
    return replace(entry, **blank, lines=lines, total=total)


def texts(alphabet: Any, least: int = 0) -> st.SearchStrategy[str]:
    """Texts without blanks that a format would change."""
    return st.text(alphabet, min_size=least, max_size=12).map(one_blank).filter(lambda text: len(text) >= least)


@st.composite
def books(
    draw: st.DrawFn,
    accounts: st.SearchStrategy[str],
    says: st.SearchStrategy[str],
    *,
    notes: st.SearchStrategy[str] = NO_TEXT,
    currencies: Sequence[str] = ("SEK", "EUR", "KWD", "JPY"),
    places: int = 2,
    dimensions: st.SearchStrategy[tuple[tuple[str, str], ...]] = NO_DIMENSIONS,
    latest: int = 2200,
    most: int = 4,
) -> list[Booking]:
    """Valid books of one company, whose entries balance to the last digit; every amount has a side."""
    made = []
    for number in range(draw(st.integers(1, most))):
        currency = draw(st.sampled_from(currencies))
        amounts = draw(st.lists(st.integers(1, 10**11), min_size=1, max_size=4))
        lines = [(draw(st.sampled_from("DC")), amount) for amount in amounts]
        rest = sum(amount if side == "D" else -amount for side, amount in lines)
        if rest or len({side for side, _ in lines}) == 1:
            lines.append(("C" if rest > 0 else "D", abs(rest)))
        if not rest:
            lines += [("D", 1), ("C", 1)]
        lines = [(side, amount) for side, amount in lines if amount]
        booked = [
            Line(
                draw(accounts),
                side,
                Decimal(amount).scaleb(-places),
                currency,
                draw(notes),
                draw(dimensions),
            )
            for side, amount in lines
        ]
        one = Entry(
            entity=COMPANY,
            entry_id=f"{draw(says)}{number}",
            date=draw(st.dates(datetime.date(1900, 1, 1), datetime.date(latest, 12, 31))),
            description=draw(says),
            currency=currency,
            journal=draw(says),
            total=total_of(booked, currency),
            lines=booked,
            file="f",
            file_line=1,
        )
        made.append(Booking(one, draw(st.booleans()), {}))
    return made
