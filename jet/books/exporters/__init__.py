"""Exporters: bookings written as files of the formats that bookkeeping programs read.

Each format is one module behind one protocol (`jet.books.exporters.common`). What they share happens in
`jet.books.exporters.files`: which file an entry goes to, what is left out, and that a file is written whole.
"""

from __future__ import annotations

from jet.books.exporters.beancount import BeancountExporter
from jet.books.exporters.common import About, Booking, Exporter, Place, Unsayable, Writer
from jet.books.exporters.csv import CsvExporter
from jet.books.exporters.datev import DatevExporter
from jet.books.exporters.fec import FecExporter
from jet.books.exporters.journal import JournalExporter
from jet.books.exporters.jsonl import JsonlExporter
from jet.books.exporters.sie import SieExporter
from jet.books.exporters.xlsx import XlsxExporter
from jet.books.settings import ExportFormat

__all__ = ["EXPORTERS", "About", "Booking", "Exporter", "Place", "Unsayable", "Writer"]

EXPORTERS: dict[ExportFormat, Exporter] = {
    "ledger": JournalExporter("ledger"),
    "hledger": JournalExporter("hledger"),
    "beancount": BeancountExporter(),
    "sie": SieExporter(),
    "csv": CsvExporter(),
    "jsonl": JsonlExporter(),
    "fec": FecExporter(),
    "datev": DatevExporter(),
    "xlsx": XlsxExporter(),
}
"""The exporters by the names that the command line knows (`ExportFormat`)."""
