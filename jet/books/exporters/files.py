"""The files of an export: which one an entry goes to, and what no file can say.

Entries are written as they come, to a body for each file on the local disk, since what stands before them (a
chart of accounts) is known only at the end. Then each file is written in one go to where it is published. What
memory holds is the charts of accounts, not entries.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from jet.books.exporters.common import (
    About,
    Booking,
    Exporter,
    Place,
    Unsayable,
    Writer,
    with_head,
)
from jet.books.exporters.jsonl import json_line
from jet.books.records import Entry

BOOKED, PENDING = "booked", "pending"
LEFT_OUT = "left-out"
LISTED = ("entity", "entry_id", "date", "description", "currency", "total", "decision", "why")
"""The columns of the list of what is left out."""
LONGEST_NAME = 120
_UNSAFE = re.compile(r"[^\w .,&()+@=-]|^\.|[ .]$")

Open = Callable[[str], AbstractContextManager[BinaryIO]]
"""Opens a file of the export for writing, by its name."""


@dataclass(slots=True)
class _File:
    """A file that is being written: the place of its entries, its writer, and its body."""

    folder: str
    place: Place
    writer: Writer
    body: Path


class Export:
    """Writes bookings to files of one format; bodies are kept in the empty local `folder` until `finish`."""

    def __init__(self, exporter: Exporter, about: About, folder: Path) -> None:
        self._exporter, self._about, self._folder = exporter, about, folder
        self._files: dict[tuple[str, Place], _File] = {}
        self._left_out = (folder / f"{LEFT_OUT}.jsonl").open("wb")
        self._list = (folder / f"{LEFT_OUT}.csv").open("wb")
        self._list.write(
            _row("entity", "entry_id", "date", "description", "currency", "total", "decision", "why")
        )
        self.counts: Counter[str] = Counter({BOOKED: 0, PENDING: 0, LEFT_OUT: 0})
        self.without_dimensions = 0
        """Entries that were written without their dimensions, which the format doesn't have."""

    def __enter__(self) -> Export:
        return self

    def __exit__(self, *_: object) -> None:
        self._left_out.close()
        self._list.close()

    def add(self, booking: Booking, decision: str) -> None:
        """Write an entry, or, where it can't be said, leave it out and list it."""
        try:
            self._write(booking)
        except Unsayable as error:
            self.leave_out(booking.entry, booking.names, decision, str(error))

    def leave_out(self, entry: Entry, names: Mapping[str, str], decision: str, why: str) -> None:
        """List an entry that is not written, with the reason."""
        total = "" if entry.total is None else f"{entry.total.normalize():f}"
        day = entry.date.isoformat()
        self._list.write(
            _row(entry.entity, entry.entry_id, day, entry.description, entry.currency, total, decision, why)
        )
        self._left_out.write(json_line(entry, names))
        self.counts[LEFT_OUT] += 1

    def finish(self, open_: Open) -> None:
        """Write all files, each opened by its name."""
        self.__exit__()
        for name, file in self._named():
            with file.body.open("rb") as body, open_(name) as target:
                file.writer.finish(body, target)
        for name in (f"{LEFT_OUT}.csv", f"{LEFT_OUT}.jsonl"):
            with (self._folder / name).open("rb") as source, open_(name) as target:
                with_head(b"", source, target)

    def _write(self, booking: Booking) -> None:
        entry = booking.entry
        if not entry.currency and (currency := self._about.settings.currency):
            booking = booking._replace(entry=_in_currency(entry, currency))
        refuse_unbalanced(booking.entry)
        file = self._file(booking)
        content = file.writer.add(booking)
        with file.body.open("ab") as body:
            body.write(content)
        self.counts[PENDING if booking.pending else BOOKED] += 1
        has_dimensions = any(line.dimensions for line in booking.entry.lines or ())
        self.without_dimensions += has_dimensions and not self._exporter.dimensions

    def _file(self, booking: Booking) -> _File:
        place = self._exporter.place(booking.entry, self._about)
        folder = "" if self._exporter.marks else PENDING if booking.pending else BOOKED
        file = self._files.get((folder, place))
        if file is None:
            writer = self._exporter.begin(place, self._about)
            file = _File(folder, place, writer, self._folder / f"{len(self._files)}.body")
            self._files[folder, place] = file
        return file

    def _named(self) -> Iterator[tuple[str, _File]]:
        """The files by their names, no two of which are alike, on disks too that don't know capitals."""
        taken: set[str] = set()
        prefix, suffix = self._exporter.prefix, self._exporter.suffix
        written = [each for each in self._files.values() if each.body.exists()]
        currencies = {(each.place.entity, each.place.currency) for each in written}
        several = Counter(entity for entity, _ in currencies)
        for file in sorted(written, key=lambda each: (each.place, each.folder)):
            place = file.place
            if not place.entity:
                yield f"{file.folder}{suffix}", file
                continue
            parts = [place.entity, place.currency if several[place.entity] > 1 else "", place.year]
            stem = prefix + file_name(" ".join(part for part in parts if part))
            name = f"{file.folder}/{stem}" if file.folder else stem
            if name.casefold() in taken:
                name += f" {_digest('/'.join(place))}"
            taken.add(name.casefold())
            yield f"{name}{suffix}", file


def file_name(text: str) -> str:
    """`text` as the name of a file: percent-encoded where a disk might not take it, and not too long."""
    name = _UNSAFE.sub(lambda found: quote(found[0], safe="").replace(".", "%2E"), text)
    if len(name.encode()) <= LONGEST_NAME:
        return name
    return f"{name.encode()[:LONGEST_NAME].decode(errors='ignore')} {_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()


def refuse_unbalanced(entry: Entry) -> None:
    """Raise `Unsayable` where an entry has no lines, an unknown amount, or sides that differ in a currency."""
    if not entry.lines:
        raise Unsayable("it has no lines: complete them")
    sums: dict[str, Decimal] = {}
    for line in entry.lines:
        if line.amount is None:
            raise Unsayable(
                f"the amount on account {line.account} isn't known, since the entry has no total or "
                "jet no habit for it: complete the amounts"
            )
        currency = line.currency or entry.currency
        sums[currency] = sums.get(currency, Decimal(0)) + (line.amount if line.side == "D" else -line.amount)
    for currency, rest in sums.items():
        if rest:
            raise Unsayable(
                f"debits and credits{f' in {currency}' if currency else ''} differ by "
                f"{abs(rest).normalize():f}: correct the entry"
            )


def _in_currency(entry: Entry, currency: str) -> Entry:
    lines = [replace(line, currency=line.currency or currency) for line in entry.lines or ()]
    return replace(entry, currency=currency, lines=lines)


def _row(*cells: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()
