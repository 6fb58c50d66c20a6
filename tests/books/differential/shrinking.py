"""Makes a journal that shows a difference as small as it can be and still show it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from journals import Journal

MOST_TRIES = 200

_SIMPLER = [  # a line without its comment, its text, its blanks at the end, what follows the amount
    (re.compile(r"\s*;.*$"), ""),
    (re.compile(r"^(\d\S*).+$"), r"\1 x"),
    (re.compile(r"\s+$"), ""),
    (re.compile(r"(?<=\S) +(=|@|\{|\[).*$"), ""),
    (re.compile(r"=\d+[-/.]\d+([-/.]\d+)?(?=\s|$)"), ""),
    (re.compile(r"^[ \t]+[*!]?\s*(?=\S)"), "    "),
]


def shrunk(journal: Journal, shows: Callable[[Journal], bool]) -> Journal:
    """The smallest journal found for which `shows` still holds."""
    tries = 0
    is_smaller = True
    while is_smaller:
        is_smaller = False
        for candidate in _candidates(journal):
            tries += 1
            if tries > MOST_TRIES:
                return journal
            if shows(candidate):
                journal = candidate
                is_smaller = True
                break
    return journal


def _candidates(journal: Journal) -> Iterator[Journal]:
    """Journals that are a step simpler, the largest steps first."""
    for name, pieces in journal.files.items():
        size = len(pieces) // 2
        while size:
            for start in range(0, len(pieces), size):
                yield _with(journal, name, pieces[:start] + pieces[start + size :])
            size //= 2
    if journal.newline != "\n" or not journal.ends:
        yield replace(journal, newline="\n", ends=True)
    for name, pieces in journal.files.items():
        for at, piece in enumerate(pieces):
            for line in range(len(piece)):
                yield _with(journal, name, [*pieces[:at], piece[:line] + piece[line + 1 :], *pieces[at + 1 :]])
    for name, pieces in journal.files.items():
        for at, piece in enumerate(pieces):
            for line, text in enumerate(piece):
                for pattern, simpler in _SIMPLER:
                    if (shorter := pattern.sub(simpler, text)) != text:
                        changed = [*piece[:line], shorter, *piece[line + 1 :]]
                        yield _with(journal, name, [*pieces[:at], changed, *pieces[at + 1 :]])


def _with(journal: Journal, name: str, pieces: list[list[str]]) -> Journal:
    return replace(journal, files={**journal.files, name: [piece for piece in pieces if piece]})
