"""XML as a stream of the elements that an importer asks for, by Python's own parser (expat).

A file has no document type, so that it can declare no entities: neither some that grow nor some that read other
files. One that has is refused. So are elements nested without end and markup that never closes; of an element
with too much in it no more is kept than of an entry.

Names are without their namespace, in small letters, since countries and programs spell them in several ways.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NoReturn, Protocol
from xml.parsers import expat

from jet.books.importers.common import LONGEST_ENTRY, Extent, UnreadableFile, without_mark

CHUNK_BYTES = 1 << 16
LONGEST_TAG = 1 << 20
"""The most bytes of a tag or comment, which the parser reads anew with every chunk until it ends."""
MOST_DEPTH = 100
_ELEMENT_CHARACTERS = 100
"""About what an element takes in memory, beside its text."""

_HEAD_BYTES = 1 << 13
_COMMENT = re.compile(rb"<!--.*?-->|<\?.*?\?>", re.DOTALL)
_ROOT = re.compile(rb"<(?:[\w.-]+:)?([\w.-]+)(?=[\s/>])")


class Readable(Protocol):
    """What can be read in pieces."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(slots=True)
class Element:
    """An element with its children."""

    name: str
    line: int
    """Its line in the file, counted from 1."""
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def child(self, *names: str) -> Element | None:
        """The first child with one of the names, of the first name that one has."""
        return next((each for name in names for each in self.children if each.name == name), None)

    def said(self, *names: str) -> str:
        """The text of the first child with one of the names; "" where there is none."""
        return next(
            (each.text for name in names for each in self.children if each.name == name and each.text), ""
        )

    def all(self, names: Collection[str]) -> Iterator[Element]:
        """All elements in it with one of the names, in the order of the file."""
        for each in self.children:
            if each.name in names:
                yield each
            else:
                yield from each.all(names)


@dataclass(slots=True)
class Asked(Element):
    """An element that was asked for."""

    parents: tuple[str, ...] = ()
    """The names of the elements around it, from the root on."""
    extent: Extent = field(default_factory=Extent)
    """How much is in it: its `counted` elements, and characters."""


def root_of(head: bytes) -> str:
    """The name of the root of the XML that begins with `head`, in small letters; "" where it is no XML."""
    head = without_mark(head[:_HEAD_BYTES]).lstrip()
    found = _ROOT.search(_COMMENT.sub(b"", head)) if head.startswith(b"<") else None
    return found[1].decode("latin-1").casefold() if found else ""


class Elements:
    """The elements of a file with the names `wanted`, each with all that is in it. `counted` are counted as
    lines of an entry.

    Raises UnreadableFile where the file is no XML, or none that is read.
    """

    def __init__(self, file: str, wanted: Collection[str], counted: Collection[str]) -> None:
        self.namespace = ""
        """That of the root, once it was read."""
        self.others = 0
        """The number of elements read so far that nobody asked for."""
        self._file = file
        self._wanted, self._counted = frozenset(wanted), frozenset(counted)
        self._path: list[str] = []
        self._asked: Asked | None = None
        self._open: list[Element] = []  # the element asked for, and those within it down to here
        self._texts: list[str] = []
        self._found: list[Asked] = []

    def read(self, stream: Readable, encoding: str) -> Iterator[Asked]:
        """The elements as they end; `encoding` is "auto" for the one that the file declares."""
        self._parser = parser = expat.ParserCreate(None if encoding == "auto" else encoding, " ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        read = 0
        while chunk := stream.read(CHUNK_BYTES):
            read += len(chunk)
            self._parse(chunk)
            if read - parser.CurrentByteIndex > LONGEST_TAG:
                self.refuse(f"a tag or comment has more than {LONGEST_TAG:,} bytes; check that it is XML")
            yield from self._found
            self._found.clear()
        self._parse(b"", is_last=True)
        yield from self._found

    def _parse(self, data: bytes, is_last: bool = False) -> None:
        try:
            self._parser.Parse(data, is_last)
        except UnreadableFile:
            raise
        except expat.ExpatError as error:
            self.refuse(
                f"the XML is broken ({expat.ErrorString(error.code)}); export it again, or, where its encoding "
                "isn't the one that it declares, say which in ingest.encoding"
            )
        except (LookupError, ValueError) as error:
            self.refuse(f"the XML's encoding can't be read ({error}); say which in ingest.encoding")

    def refuse(self, why: str) -> NoReturn:
        """Refuse the file at the place that was read last."""
        raise UnreadableFile(f"{self._file}: line {self._parser.CurrentLineNumber}: {why}")

    def _refuse_doctype(self, *_: object) -> None:
        self.refuse(
            "the XML has a document type (<!DOCTYPE>), which may stand for anything, and isn't read; "
            "remove it, or export the file again"
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = _local(tag)
        self.begins(name, attributes)
        if not self._path:
            self.namespace = tag.rpartition(" ")[0]
        if len(self._path) >= MOST_DEPTH:
            self.refuse(f"elements are nested more than {MOST_DEPTH} deep; check that it is a ledger")
        self._texts.clear()
        if self._asked is not None:
            extent = self._asked.extent
            extent.lines += name in self._counted
            extent.characters += _ELEMENT_CHARACTERS
            element = Element(name, self._parser.CurrentLineNumber)
            if extent.fits():
                self._open[-1].children.append(element)
            self._open.append(element)
        elif name in self._wanted:
            self._asked = Asked(name, self._parser.CurrentLineNumber, parents=tuple(self._path))
            self._open.append(self._asked)
        else:
            self.others += 1
        self._path.append(name)

    def begins(self, name: str, attributes: dict[str, str]) -> None:
        """What a kind of file asks for of an element that begins: nothing here."""

    def _data(self, text: str) -> None:
        if self._asked is not None:
            extent = self._asked.extent
            extent.characters += len(text)
            if extent.characters <= LONGEST_ENTRY:
                self._texts.append(text)

    def _end(self, _: str) -> None:
        self._path.pop()
        if self._asked is not None:
            element = self._open.pop()
            if not element.children:
                element.text = "".join(self._texts).strip()
            if element is self._asked:
                self._found.append(self._asked)
                self._asked = None
        self._texts.clear()


@lru_cache(maxsize=4096)
def _local(tag: str) -> str:
    return tag.rpartition(" ")[2].casefold()
