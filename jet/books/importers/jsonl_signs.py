"""The signs of totals in JSON Lines, found in bytes before anything is parsed: they have a meaning only where a
file has negative ones (`jet.books.importers.jsonl`)."""

from __future__ import annotations

import re

_NEGATIVE_TOTAL = re.compile(rb'"total"\s{0,9}:\s{0,9}"?\s{0,9}-')
_LINES = re.compile(rb'"lines"\s{0,9}:\s{0,9}\[')


def has_signed_total(lines: bytes) -> bool:
    """Whether a total of an entry to predict has a minus, in some whole lines."""
    rows = lines.split(b"\n") if _has_negative_total(lines) else []
    return any(_NEGATIVE_TOTAL.search(row) and not _LINES.search(row) for row in rows)


def _has_negative_total(rows: bytes) -> bool:
    """Whether a total in the rows has a minus; looks for the word first, since a pattern takes long."""
    place = rows.find(b'"total"')
    while place >= 0 and not _NEGATIVE_TOTAL.match(rows, place):
        place = rows.find(b'"total"', place + 1)
    return place >= 0
