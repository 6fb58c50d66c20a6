"""The settings of imports and exports, which every process reads: without pyarrow."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field
from typing import Literal

from jet.books.words import SIDES

FORMATS = (
    "sie",
    "fec",
    "datev",
    "auditfile",
    "camt",
    "mt940",
    "ofx",
    "database",
    "gnucash",
    "jsonl",
    "ledger",
    "tabular",
)
"""The importers' names, in the order in which they are tried on a file."""

ExportFormat = Literal["ledger", "hledger", "beancount", "sie", "csv", "jsonl", "fec", "datev", "xlsx"]
"""The exporters' names."""

FIELDS = (
    "entry_id",
    "entity",
    "date",
    "description",
    "currency",
    "journal",
    "account",
    "account_name",
    "side",
    "amount",
    "debit",
    "credit",
    "text",
    "total",
    "direction",
    "bank_account",
)
"""The fields that columns of a table can have."""


@dataclass(kw_only=True)
class ImportSettings:
    """How ledger files are read. By default, everything is recognized from the files."""

    format: str = "auto"
    """An importer's name (see FORMATS), such as sie; auto recognizes the format of each file."""

    entity: str | None = None
    """The entity of every entry; by default the one that the file names, or the name of the file."""

    entity_from: Literal["name", "org_number", "name_and_org_number"] = "name"
    """What names the entity of a file of one company: its name, its organization number, or both."""

    encoding: str = "auto"
    """The text encoding, such as utf-8, cp437 or latin-1; auto detects it from the content."""

    tolerance: float = 0.005
    """The most by which debits and credits of an entry may differ in a currency."""

    columns: dict[str, str] = field(default_factory=dict)
    """For CSV, TSV, XLSX and parquet: the file's column for each field whose column has another name, "" for a
    field that none of its columns is. Without any, the columns of CSV, TSV and XLSX are guessed."""

    date_format: str | None = None
    """For CSV, TSV and FEC: the format of dates, such as %d.%m.%Y; by default found from the file's cells."""

    decimal_comma: bool | None = None
    """Whether the decimal mark is a comma, so that "1,234" is less than two; by default detected from the
    file's other numbers and directives."""

    dialect: Literal["auto", "ledger", "hledger"] = "auto"
    """For plain-text journals: the program whose rules apply; auto detects it from the file."""

    strict: bool = False
    """Whether to reject every entry that breaks a rule. By default, accounts and sides of an entry that doesn't
    balance are still used, and too many decimals are rounded; the rejected table says so."""

    delimiter: str | None = None
    """For CSV, TSV and FEC: the character between two fields; by default detected from the header."""

    quote: str | None = None
    """For CSV and TSV: the character around a field with delimiters in it, "" for none; by default the double
    quote, unless the file shows that it quotes nothing."""

    skip_lines: int | None = None
    """For CSV, TSV and XLSX: the number of lines before the header; by default found by the columns needed."""

    sheet: str | None = None
    """For XLSX: the sheet with the entries; by default the only one with the columns needed."""

    sides: dict[str, str] = field(default_factory=dict)
    """For tables and FEC: D or C for each word in the column of sides that isn't known or is read wrongly. In a
    table whose amounts have a sign and no side, {"+": C} makes positive ones credits."""

    default_currency: str = ""
    """The currency of entries without one."""

    bank_accounts: dict[str, str] = field(default_factory=dict)
    """For bank statements: the account of the books that each bank account is, by IBAN or number, as in
    {DE89370400440532013000: 1800}; "" is the bank account of tables without a column bank_account."""

    query: str | None = None
    """For databases: a SELECT whose rows are lines of entries, with the columns of a table; by default the
    tables journal_entry, entry_line and ledger_account are read."""

    business: str | None = None
    """For databases without a query: the business whose entries are read, by business_id or entity."""

    since: str | None = None
    """For databases without a query: the first day of the entries that are read, as in 2025-01-31."""

    until: str | None = None
    """For databases without a query: the last day of the entries that are read."""

    @property
    def tables_are_statements(self) -> bool:
        """Whether rows of tables without an account are a bank's transactions, whose line on it is known."""
        return "" in self.bank_accounts or bool(self.columns.get("bank_account"))

    def __post_init__(self) -> None:
        if self.format != "auto" and self.format not in FORMATS:
            raise ValueError(f"format {self.format!r} is not auto or one of {', '.join(FORMATS)}")
        if self.entity is not None and not self.entity.strip():
            raise ValueError("entity must not be empty: leave it out to take the file's own")
        if self.encoding != "auto" and not _splits_at_newlines(self.encoding):
            raise ValueError(f"encoding {self.encoding!r} is not a known one in which a newline is one byte")
        if not 0 <= self.tolerance < float("inf"):
            raise ValueError(f"tolerance {self.tolerance} must be zero or more, and finite")
        unknown = sorted(set(self.columns) - set(FIELDS))
        if unknown:
            raise ValueError(f"columns: {', '.join(unknown)} not among our fields, {', '.join(FIELDS)}")
        if self.date_format is not None and not _names_a_day(self.date_format):
            raise ValueError(f"date_format {self.date_format!r} must hold a year, a month and a day")
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise ValueError(f"delimiter {self.delimiter!r} must be one character, and not a quote or newline")
        if self.quote is not None and (len(self.quote) > 1 or self.quote in tuple("\\\r\n ")):
            raise ValueError(f'quote {self.quote!r} must be one character, or "" where nothing is quoted')
        if self.quote and self.quote == self.delimiter:
            raise ValueError(f"quote {self.quote!r} must not be the delimiter")
        if self.skip_lines is not None and self.skip_lines < 0:
            raise ValueError(f"skip_lines {self.skip_lines} must be zero or more")
        for name, day in (("since", self.since), ("until", self.until)):
            if day is not None and not _is_day(day):
                raise ValueError(f"{name} {day!r} must be a day like 2025-01-31")
        if self.query is not None and (self.business or self.since or self.until):
            raise ValueError("business, since and until don't go with query: write them in its WHERE")
        if any(not code.strip() for code in self.bank_accounts.values()):
            raise ValueError("bank_accounts must give each bank account an account of the books")
        if any(side not in SIDES for side in self.sides.values()):
            raise ValueError(f"sides must name D or C for each word, not {', '.join(self.sides.values())}")


@dataclass(kw_only=True)
class ExportSettings:
    """How bookings are written for the programs that keep the books."""

    accounts: dict[str, str] = field(default_factory=dict)
    """The name in the files of each account that is to have another one than in the predictions, as in
    {1930: "Assets:Bank"}. Several accounts may get one name."""

    currency: str = ""
    """The currency of entries without one."""

    amounts: float = 0.95
    """The probability that all amounts of an entry are right (`amount_confidence`) from which on `auto` leaves
    as booked. With less it leaves as pending: the promise is of accounts and sides."""

    declare: bool = True
    """For ledger, hledger and beancount: whether files begin with a declaration of each account in them."""

    consultant: int = 1001
    """For DATEV: the number of the tax consultant (Beraternummer)."""

    client: int = 1
    """For DATEV: the number of the client (Mandantennummer)."""

    keys: dict[str, str] = field(default_factory=dict)
    """For DATEV: the BU-Schlüssel of rows with an account, as in {8400: 40}, which stops the tax that DATEV
    would compute on an automatic account."""

    year_begins: str = "01-01"
    """For DATEV: month and day on which the fiscal year begins."""

    def __post_init__(self) -> None:
        if not 0 <= self.amounts <= 1:
            raise ValueError(f"export.amounts must be from 0 to 1, got {self.amounts}")
        if any(not name.strip() for name in self.accounts.values()):
            raise ValueError("export.accounts must give each account a name, and not an empty one")
        if not 1001 <= self.consultant <= 9_999_999:
            raise ValueError(f"export.consultant must be from 1001 to 9999999, got {self.consultant}")
        if not 1 <= self.client <= 99_999:
            raise ValueError(f"export.client must be from 1 to 99999, got {self.client}")
        if not all(re.fullmatch("[0-9]{1,4}", key) for key in self.keys.values()):
            raise ValueError("export.keys must give each account a number of at most 4 digits, such as 40")
        try:
            datetime.date.fromisoformat(f"2001-{self.year_begins}")
        except ValueError:
            raise ValueError(
                f"export.year_begins {self.year_begins!r} must be a month and a day, such as 07-01"
            ) from None


def _splits_at_newlines(encoding: str) -> bool:
    try:
        bytes(range(256)).decode(encoding, "replace")  # some encodings can't replace what is wrong
        return "\n".encode(encoding) == b"\n"
    except (LookupError, ValueError):
        return False


def _names_a_day(date_format: str) -> bool:
    day = datetime.datetime(2001, 12, 30)
    try:
        return datetime.datetime.strptime(day.strftime(date_format), date_format) == day
    except (ValueError, re.error):
        return False


def _is_day(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
