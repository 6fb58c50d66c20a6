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
    """Gives every entry an id of its own, in the order in which they come."""

    def __init__(self) -> None:
        self._numbering = Numbering()
        self._days: dict[tuple[str, str], datetime.date] = {}

    def of(self, entity: str, entry_id: str, date: datetime.date) -> str | None:
        """What an entry is called; None where it came before."""
        if is_made(entry_id):
            return self._numbering.next(entity, entry_id)
        for name in (entry_id, f"{entry_id}-{date:%Y%m%d}"):
            if (entity, name) not in self._days:
                self._days[entity, name] = date
                return name
            if self._days[entity, name] == date:
                return None
        return None
