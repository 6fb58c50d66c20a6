"""GnuCash's own files: XML, packed with gzip or not, and SQLite.

Own readers of both, since piecash can't live beside what else is installed, and since a book of any size
streams here.
"""

from __future__ import annotations

from collections.abc import Iterator

from jet.books.importers.common import Source
from jet.books.importers.gnucash import sqlite, xml
from jet.books.importers.gnucash.book import NAME, Book
from jet.books.records import Record
from jet.books.settings import ImportSettings


class GnuCashImporter:
    """Reads GnuCash's files."""

    name = NAME

    def recognizes(self, path: str, head: bytes) -> bool:  # noqa: ARG002 (both kinds are named alike)
        """Whether the file is a book in XML, or a SQLite database."""
        return head.startswith(sqlite.MAGIC) or xml.is_book(head)

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order of the file (of a database: of the days), then the chart of accounts."""
        source.stream.seek(0)
        is_database = source.stream.read(len(sqlite.MAGIC)) == sqlite.MAGIC
        source.stream.seek(0)
        parts = sqlite.parts_of(source) if is_database else xml.parts_of(source, settings)
        yield from Book(source.file, settings).records(parts)
