"""A sheet of an Excel workbook (.xlsx, .xlsm) as a table, read by openpyxl row by row.

Cells keep their types, so that a date is a date and text stays text. A number that its format shows with zeros
in front (0420 as the format 0000 shows 420) is the text that one sees: it is an account or an id. Of formulas
the values count that the workbook was saved with.

A workbook is a packed folder of XML. All of it that is read is looked through first: for sizes that no workbook
has, and for what `Elements` refuses.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO
from xml.etree import ElementTree
from zipfile import ZipFile, ZipInfo

from openpyxl import load_workbook
from openpyxl.utils import column_index_from_string

from jet.books.importers.common import LONGEST_ENTRY, UnreadableFile
from jet.books.importers.tables.header import MOST_LINES_BEFORE
from jet.books.importers.tables.rows import Columns, Row, blank, plain, sought, text_or_none
from jet.books.importers.xml_elements import Elements
from jet.books.settings import ImportSettings

SUFFIXES = (".xlsx", ".xlsm")
MOST_MEMBERS = 10_000
MOST_ROWS = 1 << 20
"""As many as a sheet of Excel has."""

LARGEST_SHEET = 1 << 30
"""The most bytes of a sheet, unpacked."""

LARGEST_STRINGS = 1 << 28
"""The most bytes of the texts of all cells, which are kept in memory."""

LARGEST_OTHER = 1 << 24
MOST_OTHERS = 2 * MOST_ROWS
"""The most elements of a sheet that are no cells: rows, and such as openpyxl keeps in memory."""

_LARGE = {"sharedStrings": LARGEST_STRINGS, "worksheets/": LARGEST_SHEET}
"""The most bytes by a part of a file's name; its kind, which may send openpyxl elsewhere, must say it too."""

_AGAIN = "open the workbook in Excel and save it again"
_ZEROS = re.compile("0+")
_TEXTS = ("entry_id", "entity", "journal", "account", "description", "text")


class SpreadsheetTable:
    """The sheet of a workbook that has the columns. Raises UnreadableFile where none has, or several have."""

    def __init__(self, stream: BinaryIO, file: str, settings: ImportSettings) -> None:
        self._file = file
        self._line_count = 0
        with _readable(file):
            self._book = _opened(stream, file)
            self._sheet, self._before, names = self._header(settings)
        self.columns = Columns(
            names, f"{file}: sheet {self._sheet.title!r}, row {self._before + 1}: ", settings
        )
        self._texts = {self.columns.place(field) for field in _TEXTS if self.columns.has(field)}
        self._header_plain = [plain(name) for name in names]

    def rows(self) -> Iterator[Row]:
        """The rows of the sheet, numbered from 1."""
        number = 0
        width = self.columns.width
        with _readable(self._file):
            for number, cells in enumerate(_cells(self._sheet), 1):
                if number <= self._before + 1:
                    passed = "header" if number > self._before else "preamble"
                    yield Row(number, 1, (), passed=passed if any(each.value for each in cells) else "blank")
                    continue
                values = [self._value(cell, place) for place, cell in enumerate(cells[:width])]
                size = sum(len(value) for value in values if isinstance(value, str))
                values += [""] * (width + 1 - len(values))
                yield Row(number, 1, values, size, passed=self._passed(values))
        self._line_count = number

    def line_count(self) -> int:
        return self._line_count

    def _value(self, cell: Any, place: int) -> Any:
        value = cell.value
        if type(value) is str:
            return value.strip()
        if place in self._texts and type(value) is int and value >= 0 and _ZEROS.fullmatch(cell.number_format):
            return str(value).zfill(len(cell.number_format))
        return "" if value is None else value

    def _passed(self, values: Sequence[Any]) -> str:
        if all(map(blank, values)):
            return "blank"
        return "header" if [plain(text_or_none(value)) for value in values[:-1]] == self._header_plain else ""

    def _header(self, settings: ImportSettings) -> tuple[Any, int, list[str]]:
        """The sheet with the columns, the number of rows above its header, and its names."""
        sheets = [each for each in self._book.worksheets if settings.sheet in (None, each.title)]
        titles = ", ".join(self._book.sheetnames)[:500]
        if not sheets:
            raise UnreadableFile(
                f"{self._file}: no sheet {settings.sheet!r}; it has {titles}; correct ingest.sheet"
            )
        wanted = {plain(name): name for name in sought(settings).values()}
        skipped = settings.skip_lines or 0
        best: list[tuple[int, Any, int, list[str]]] = []
        for sheet in sheets:
            for before, cells in enumerate(islice(_cells(sheet), skipped + MOST_LINES_BEFORE)):
                names = _names(cells)
                missing = len(wanted.keys() - {plain(name) for name in names})
                if before < skipped or (best and best[0][0] < missing):
                    continue
                if best and best[0][0] > missing:
                    best.clear()
                best.append((missing, sheet, before, names))
                if missing == 0 or settings.skip_lines is not None:
                    break
        if not best or (best[0][0] == len(wanted) and settings.skip_lines is None):
            raise UnreadableFile(
                f"{self._file}: no header: none of the first rows of {titles} has a column "
                f"{', '.join(wanted.values())}; name the file's own in ingest.columns, as in "
                f"{{{next(iter(wanted.values()))}: ...}}"
            )
        fitting = [sheet.title for missing, sheet, _, _ in best if not missing]
        if len(fitting) > 1:
            raise UnreadableFile(
                f"{self._file}: {len(fitting)} sheets have these columns ({', '.join(fitting)[:500]}); name "
                "that with the entries in ingest.sheet, and save the others as files of their own"
            )
        _, sheet, before, names = best[0]
        return sheet, before, names


def beginnings(stream: BinaryIO, file: str, settings: ImportSettings) -> list[tuple[str, int, list[str]]]:
    """The rows at the beginning of each sheet: its title, the row's number, and the texts of its cells."""
    with _readable(file):
        sheets = [each for each in _opened(stream, file).worksheets if settings.sheet in (None, each.title)]
        return [
            (sheet.title, number, _names(cells))
            for sheet in sheets
            for number, cells in enumerate(islice(_cells(sheet), MOST_LINES_BEFORE), 1)
            if number > (settings.skip_lines or 0)
        ]


def _opened(stream: BinaryIO, file: str) -> Any:
    """The workbook, of which all that is read was looked through."""
    stream.seek(0)
    _look_through(stream, file)
    stream.seek(0)
    with warnings.catch_warnings():  # of styles and extensions, which make no difference here
        warnings.simplefilter("ignore")
        return load_workbook(stream, read_only=True, data_only=True, keep_links=False)


def _cells(sheet: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of cells of a sheet, each as long as it is: what the sheet says of its size may be wrong."""
    sheet.reset_dimensions()
    return islice(sheet.iter_rows(max_row=MOST_ROWS), MOST_ROWS)


def _names(cells: Sequence[Any]) -> list[str]:
    """The texts of a row, without empty ones at its end."""
    names = [text_or_none(cell.value) for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


@contextmanager
def _readable(file: str) -> Iterator[None]:
    """Turn what openpyxl raises into UnreadableFile: on a broken workbook that may be anything."""
    try:
        yield
    except (UnreadableFile, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UnreadableFile(
            f"{file}: the workbook can't be read ({reason}); save it again, or its sheet as CSV"
        ) from None


class _Parts(Elements):
    """The cells and texts of a file of a workbook, whose rows and cells must be in their order: openpyxl would
    leave out the others without a word."""

    row = column = 0

    def begins(self, name: str, attributes: dict[str, str]) -> None:
        place = attributes.get("r", "")
        if name == "row":
            row = int(place) if place.isdecimal() and len(place) < 10 else 0 if place else self.row + 1
            if row <= self.row:
                self.refuse(f"row {place[:20]!r} follows row {self.row}; {_AGAIN}")
            self.row, self.column = row, 0
        elif name == "c":
            column = _column(place) if place else self.column + 1
            if column <= self.column:
                self.refuse(f"cell {place[:20]!r} isn't behind the one before it; {_AGAIN}")
            self.column = column


def _column(place: str) -> int:
    """The number of the column of a cell like AB12; 0 where there is none such."""
    letters = place.rstrip("0123456789")
    try:
        return column_index_from_string(letters) if letters.isalpha() else 0
    except ValueError:
        return 0


def _look_through(stream: BinaryIO, file: str) -> None:
    """Raise UnreadableFile where what is packed in a workbook is none, or of a size that none has."""
    with ZipFile(stream) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS:
            raise UnreadableFile(
                f"{file}: {len(members):,} files are packed in it; check that it is a workbook"
            )
        for member in members:
            if member.filename.endswith((".xml", ".rels")):  # the rest are pictures and such, which aren't read
                _look_at(archive, member, f"{file}: {member.filename}")
        types = ElementTree.fromstring(archive.read("[Content_Types].xml"))  # noqa: S314 (was looked at)
        for each in types:
            part, kind = each.get("PartName", ""), each.get("ContentType", "")
            if any(sign in part and sign.rstrip("s/") not in kind for sign in _LARGE):
                raise UnreadableFile(f"{file}: {part} is said to be {kind}; save the workbook again")


def _look_at(archive: ZipFile, member: ZipInfo, name: str) -> None:
    """Raise UnreadableFile where a file of a workbook is too large, or has a part that is."""
    most = next((size for sign, size in _LARGE.items() if sign in member.filename), LARGEST_OTHER)
    if member.file_size > most:
        raise UnreadableFile(
            f"{name} has {member.file_size:,} bytes when it is unpacked, more than {most:,}; save the sheet "
            "with the entries as CSV"
        )
    with archive.open(member) as packed:
        elements = _Parts(name, wanted=("c", "si"), counted=())
        for cell in elements.read(packed, "auto"):
            if not cell.extent.fits():
                raise UnreadableFile(
                    f"{name}: line {cell.line}: a cell has more than {LONGEST_ENTRY:,} characters; shorten it"
                )
            if elements.others > MOST_OTHERS:
                break
        if elements.others > MOST_OTHERS:
            raise UnreadableFile(
                f"{name}: more than {MOST_OTHERS:,} elements beside the cells; save the sheet as CSV"
            )
