"""Ids of entries that their books give none: made from what an entry says, not from where it stands.

A place (a line, the third entry of a day) changes when lines or files are added, and two files have the same
ones. So an entry is called by its date and a digest of what it says; of several that say the same, the second
is "...-2" and so on, counted over all files of a run. They are interchangeable, so it doesn't matter which
of them is the second: no entry is lost, and the ids stay when files are added, moved or renamed.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Iterable

MADE = r"([0-9]{4}-[0-9]{2}-[0-9]{2}~[0-9a-f]{10})(?:-[0-9]+)?"
"""A made id as a regular expression: group 1 is the id without its number."""

_MADE = re.compile(MADE)

WITH_DAY = r"(.+?)-[0-9]{8}(?:-.*)?"
"""An id with a day behind it as a regular expression, as an entry has that isn't the first of its id."""


def made_id(date: datetime.date, texts: Iterable[str]) -> str:
    """The id of an entry of `date` that says `texts`, as the first one that does."""
    digest = hashlib.blake2b("\x1f".join(texts).encode("utf-8", "replace"), digest_size=5)
    return f"{date.isoformat()}~{digest.hexdigest()}"


def is_made(entry_id: str) -> bool:
    """Whether an id was made from what its entry says."""
    return _MADE.fullmatch(entry_id) is not None


class Numbering:
    """Tells entries apart that say the same: one an entity and run."""

    def __init__(self) -> None:
        self._count: dict[tuple[str, str], int] = {}

    def next(self, entity: str, entry_id: str) -> str:
        """The id of the next entry of `entity` that is called `entry_id`, a made one with or without number."""
        found = _MADE.fullmatch(entry_id)
        if found is None:
            raise ValueError(f"id {entry_id!r} was not made by jet")
        count = self._count[entity, found[1]] = self._count.get((entity, found[1]), 0) + 1
        return found[1] if count == 1 else f"{found[1]}-{count}"


class Ids:
    """Gives every entry an id of its own, in the order in which they come.

    The second entry of an id is another one where its day or its journal is another: numbers begin anew with a
    year, and in each journal. It is called by id and day, and where that is taken, by the journal too.
    """

    def __init__(self) -> None:
        self._numbering = Numbering()
        self._owners: dict[tuple[str, str], tuple[datetime.date, str]] = {}

    def of(self, entity: str, entry_id: str, date: datetime.date, journal: str = "") -> str | None:
        """What an entry is called; None where it came before."""
        if is_made(entry_id):
            return self._numbering.next(entity, entry_id)
        own = _without_day(entry_id, date, journal)
        if own != entry_id and self._is_taken_by(entity, own, date, journal):
            return None
        for name in dict.fromkeys((entry_id, f"{own}-{date:%Y%m%d}", f"{own}-{date:%Y%m%d}-{journal}")):
            if (entity, name) not in self._owners:
                self._owners[entity, name] = date, journal
                return name
            if self._is_taken_by(entity, name, date, journal):
                return None
        return None

    def _is_taken_by(self, entity: str, name: str, date: datetime.date, journal: str) -> bool:
        """Whether what is called `name` is this very entry. Where one of both names no journal, it may be."""
        day, other = self._owners.get((entity, name), (None, ""))
        return day == date and (not journal or not other or journal == other)


def _without_day(entry_id: str, date: datetime.date, journal: str) -> str:
    """The id that the books gave to an entry which was called by its day too."""
    day = f"-{date:%Y%m%d}"
    for end in (f"{day}-{journal}", day):
        if entry_id.endswith(end) and len(entry_id) > len(end):
            return entry_id.removesuffix(end)
    return entry_id
