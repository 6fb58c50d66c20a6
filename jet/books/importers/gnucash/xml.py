"""A GnuCash book in XML, packed with gzip or not."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from jet.books.importers.common import Source, UnreadableFile
from jet.books.importers.gnucash.book import BookAccount, Company, Split, Transaction
from jet.books.importers.xml_elements import Asked, Element, Elements, root_of
from jet.books.settings import ImportSettings

GZIP = b"\x1f\x8b"
ROOT = "gnc-v2"
LARGEST = 1 << 32
"""The most bytes of a book, unpacked."""

_TEMPLATES = "template-transactions"
_BOOKS = ("book", _TEMPLATES)


def is_book(head: bytes) -> bool:
    """Whether a file that begins with `head` is a book in XML."""
    if head.startswith(GZIP):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, 1 << 12)
        except zlib.error:
            return False
    return root_of(head) == ROOT


def parts_of(source: Source, settings: ImportSettings) -> Iterator[Company | BookAccount | Transaction]:
    """The company, accounts and transactions of a book, in the order of the file."""
    stream = _Unpacked(source.stream, source.file)
    elements = Elements(source.file, wanted=("account", "transaction", "slots"), counted=("split",))
    for element in elements.read(stream, settings.encoding):
        above = element.parents[-1] if element.parents else ""
        if element.name == "account" and above in _BOOKS:
            yield _account(element, above == _TEMPLATES)
        elif element.name == "transaction" and above in _BOOKS:
            yield _transaction(element, above == _TEMPLATES)
        elif element.name == "slots" and above == "book":
            name, number = (
                _slot(element, "options", "Business", key) for key in ("Company Name", "Company ID")
            )
            yield Company(name, number)


class _Unpacked:
    """The bytes of a file, unpacked where they are packed. Raises UnreadableFile where that can't be."""

    def __init__(self, stream: BinaryIO, file: str) -> None:
        self._file = file
        stream.seek(0)
        is_packed = stream.read(2) == GZIP
        stream.seek(0)
        self._stream = gzip.GzipFile(fileobj=stream) if is_packed else stream
        self._left = LARGEST

    def read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except (gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise UnreadableFile(f"{self._file}: the file can't be unpacked ({error}); save it again") from None
        self._left -= len(data)
        if self._left < 0:
            raise UnreadableFile(f"{self._file}: more than {LARGEST:,} bytes unpacked; check that it is a book")
        return data


def _account(element: Asked, is_template: bool) -> BookAccount:
    slots = element.child("slots")
    return BookAccount(
        guid=element.said("id"),
        name=element.said("name"),
        kind=element.said("type"),
        code=element.said("code"),
        parent=element.said("parent"),
        is_opening=slots is not None and _slot(slots, "equity-type") == "opening-balance",
        is_template=is_template,
    )


def _transaction(element: Asked, is_template: bool) -> Transaction:
    currency, posted, slots = (element.child(name) for name in ("currency", "date-posted", "slots"))
    day = "" if slots is None else _slot(slots, "date-posted")
    if not day and posted is not None:
        day = posted.said("date")[:10]  # in the time zone that stands behind it
    splits = [
        Split(each.said("account"), each.said("value"), each.said("memo"), each.said("reconciled-state"))
        for each in element.all(("split",))
    ]
    return Transaction(
        guid=element.said("id"),
        currency="" if currency is None else currency.said("id"),
        day=day,
        text=element.said("description"),
        splits=splits,
        place=element.line,
        lines=max(1, element.extent.lines),
        fault=element.extent.fault(),
        is_template=is_template,
    )


def _slot(slots: Element, *keys: str) -> str:
    """The text of a slot by its key, or by those of the frames around it; "" where there is none."""
    for slot in slots.children:
        value = slot.child("value")
        if slot.said("key") == keys[0] and value is not None:
            return _slot(value, *keys[1:]) if keys[1:] else value.text or value.said("gdate")
    return ""
