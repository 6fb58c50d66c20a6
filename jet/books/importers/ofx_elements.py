"""OFX 1.x as a stream of the elements that an importer asks for: SGML, in which single values have no end.

`jet.books.importers.xml_elements` gives the same for OFX 2.x, which is XML. There is no document type to read:
an element with text behind its tag is a value, and ends with the text; one that never ends is an empty value,
and what follows isn't in it. An element that was asked for ends where the next one begins, since banks leave
out its end.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Iterator
from typing import NoReturn

from jet.books.importers.common import UnreadableFile
from jet.books.importers.xml_elements import MOST_DEPTH, Asked, Element

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9._-]{0,63})\s*/?>([^<]*(?:<(?![/A-Za-z!?])[^<]*)*)")
"""A tag and the text behind it, in which a "<" may stand for itself."""
_CHARACTERS = 100
"""About what an element takes in memory, beside its text."""


def elements(file: str, lines: Iterable[tuple[int, str]], wanted: Collection[str]) -> Iterator[Asked]:
    """The elements of numbered `lines` with the names `wanted`, in small letters, each with all that is in it,
    as they end.

    Raises UnreadableFile where elements are nested without end.
    """
    return _Reading(file, wanted).elements(lines)


class _Reading:
    def __init__(self, file: str, wanted: Collection[str]) -> None:
        self._file, self._wanted = file, frozenset(wanted)
        self._path: list[str] = []  # the names of the elements that are open, outside of the one asked for
        self._open: list[Element] = []  # the element asked for, and those within it down to here
        self._asked: Asked | None = None
        self._value: Element | None = None  # the last value, which its end or more text may follow

    def elements(self, lines: Iterable[tuple[int, str]]) -> Iterator[Asked]:
        for number, line in lines:
            first = line.find("<")
            self._continue(line if first < 0 else line[:first])
            for found in _TAG.finditer(line):
                slash, tag, text = found.groups()
                yield from self._end(tag.casefold()) if slash else self._start(tag.casefold(), text, number)
        yield from self._finish()

    def _start(self, name: str, text: str, number: int) -> Iterator[Asked]:
        if name in self._wanted:
            yield from self._finish()
        self._value = None
        value = " ".join(html.unescape(text).split())
        if len(self._path) + len(self._open) >= MOST_DEPTH:
            self._refuse(number)
        if name in self._wanted:
            self._asked = Asked(name, number, value, parents=tuple(self._path))
            self._open.append(self._asked)
            if value:
                yield from self._finish()
        elif self._asked is not None:
            self._asked.extent.characters += _CHARACTERS + len(value)
            element = Element(name, number, value)
            if self._asked.extent.fits():
                self._open[-1].children.append(element)
            if value:
                self._value = element
            else:
                self._open.append(element)
        elif not value:
            self._path.append(name)

    def _end(self, name: str) -> Iterator[Asked]:
        if self._value is not None and self._value.name == name:
            self._value = None
        elif any(each.name == name for each in self._open):
            self._value = None
            while self._open and self._open[-1].name != name:
                self._leave_empty()
            if len(self._open) == 1:
                yield from self._finish()
            else:
                self._open.pop()
        elif name in self._path:
            yield from self._finish()
            while self._path.pop() != name:
                pass

    def _continue(self, text: str) -> None:
        """Add text on a line of its own to the value above it."""
        text = " ".join(html.unescape(text).split())
        if self._value is not None and self._asked is not None and text:
            self._asked.extent.characters += len(text)
            if self._asked.extent.fits():
                self._value.text += f" {text}"

    def _leave_empty(self) -> None:
        """Take the innermost element, which never ended, for an empty value."""
        element = self._open.pop()
        self._open[-1].children += element.children
        element.children = []

    def _finish(self) -> Iterator[Asked]:
        """The element that was asked for, if there is one."""
        self._value = None
        if self._asked is not None:
            while len(self._open) > 1:
                self._leave_empty()
            yield self._asked
        self._asked, self._open = None, []

    def _refuse(self, number: int) -> NoReturn:
        raise UnreadableFile(
            f"{self._file}: line {number}: elements are nested more than {MOST_DEPTH} deep; check that it is a "
            "bank statement"
        )
