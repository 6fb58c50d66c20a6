"""Ids of entries: unique within an entity, and made from the content where the books give none.

An id from the position (a line, the third entry of a day) would change when lines or files are added, and would
be the same in two files. So an id is made from the date and a digest of the content. Of entries with equal
content, the second is "...-2" and so on, over all files of a run. They are interchangeable, so their order
doesn't matter: no entry is lost, and ids stay when files are added, moved or renamed.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Iterable, Sequence

MADE = r"([0-9]{4}-[0-9]{2}-[0-9]{2}~[0-9a-f]{10})(?:-[0-9]+)?"
"""Regular expression of a made id; group 1 is the id without its number."""

_MADE = re.compile(MADE)

_MADE_OR_WITH_DAY = re.compile(r"~|-[0-9]{8}")
"""Found in every id that was made, or may have a day added."""

WITH_DAY = r"(.+?)-[0-9]{8}(?:-.*)?"
"""Regular expression of an id with a day added, which an entry gets that isn't the first with its id."""


def made_id(date: datetime.date, texts: Iterable[str]) -> str:
    """The id of the first entry on `date` with the content `texts`."""
    digest = hashlib.blake2b("\x1f".join(texts).encode("utf-8", "replace"), digest_size=5)
    return f"{date.isoformat()}~{digest.hexdigest()}"


def is_made(entry_id: str) -> bool:
    """Whether an id was made from its entry's content."""
    return _MADE.fullmatch(entry_id) is not None


class Numbering:
    """Numbers the entries of an entity with equal content, over one run."""

    def __init__(self) -> None:
        self._count: dict[tuple[str, str], int] = {}

    def next(self, entity: str, entry_id: str) -> str:
        """The id of the next entry of `entity` with the made id `entry_id`, whose number is ignored."""
        match = _MADE.fullmatch(entry_id)
        if match is None:
            raise ValueError(f"id {entry_id!r} was not made by jet")
        count = self._count[entity, match[1]] = self._count.get((entity, match[1]), 0) + 1
        return match[1] if count == 1 else f"{match[1]}-{count}"


class Ids:
    """Gives every entry a unique id, in the order of the calls.

    Entries with the same id are different ones where day or journal differ, since numbering restarts with a
    year and in each journal. The later one gets the day added to its id, and where that is taken, the journal
    too.
    """

    def __init__(self) -> None:
        self._numbering = Numbering()
        self._owners: dict[tuple[str, str], tuple[datetime.date, str]] = {}

    def of(self, entity: str, entry_id: str, date: datetime.date, journal: str = "") -> str | None:
        """The unique id of an entry; None for a duplicate of an earlier one."""
        if is_made(entry_id):
            return self._numbering.next(entity, entry_id)
        given = _without_day(entry_id, date, journal)
        if given != entry_id and self._is_taken_by(entity, given, date, journal):
            return None
        for name in dict.fromkeys((entry_id, f"{given}-{date:%Y%m%d}", f"{given}-{date:%Y%m%d}-{journal}")):
            if (entity, name) not in self._owners:
                self._owners[entity, name] = date, journal
                return name
            if self._is_taken_by(entity, name, date, journal):
                return None
        return None

    def of_all(
        self,
        entities: Sequence[str],
        entry_ids: Sequence[str],
        dates: Sequence[datetime.date],
        journals: Sequence[str],
    ) -> list[str | None]:
        """`of` for entries that follow one another."""
        keys = list(zip(entities, entry_ids, strict=True))
        are_new = len(set(keys)) == len(keys) and self._owners.keys().isdisjoint(keys)
        if are_new and _MADE_OR_WITH_DAY.search("\n".join(entry_ids)) is None:  # each has its own, and keeps it
            self._owners.update(zip(keys, zip(dates, journals, strict=True), strict=True))
            return list(entry_ids)
        return list(map(self.of, entities, entry_ids, dates, journals))

    def _is_taken_by(self, entity: str, name: str, date: datetime.date, journal: str) -> bool:
        """Whether the entry with the id `name` has this day and journal; a missing journal matches any."""
        day, other = self._owners.get((entity, name), (None, ""))
        return day == date and (not journal or not other or journal == other)


def _without_day(entry_id: str, date: datetime.date, journal: str) -> str:
    """`entry_id` without a day, or a day and journal, added to it."""
    day = f"-{date:%Y%m%d}"
    for end in (f"{day}-{journal}", day):
        if entry_id.endswith(end) and len(entry_id) > len(end):
            return entry_id.removesuffix(end)
    return entry_id
