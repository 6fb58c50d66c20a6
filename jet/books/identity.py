"""Ids of entries that their books give none: made from what an entry says, not from where it stands.

A place (a line, the third entry of a day) changes when lines or files are added, and two files have the same
ones. So an entry is called by its date and a digest of what it says; of several that say the same, the second
is "...-2" and so on, counted over all files of a run. These are interchangeable: it doesn't matter which
of them is the second: no entry is lost, and the ids stay when files are added, moved or renamed.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Iterable

_MADE = re.compile(r"(\d{4}-\d\d-\d\d~[0-9a-f]{10})(?:-(\d+))?")


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
