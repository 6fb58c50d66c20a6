"""A GnuCash book in a SQLite database.

It is opened for reading alone, and no view, virtual table or function of its own is ever used.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from typing import Any
from urllib.parse import quote

from jet.books.checks import Rule
from jet.books.importers.common import LONGEST_ENTRY, Extent, Source, UnreadableFile, on_disk
from jet.books.importers.gnucash.book import BookAccount, Company, Split, Transaction

MAGIC = b"SQLite format 3\0"
TABLES = ("accounts", "books", "commodities", "slots", "splits", "transactions")
_SPLITS = """
SELECT t.guid, c.mnemonic, t.post_date, d.gdate_val, t.description,
       s.account_guid, s.value_num || '/' || s.value_denom, s.memo, s.reconcile_state, s.guid
FROM transactions AS t
LEFT JOIN commodities AS c ON c.guid = t.currency_guid
LEFT JOIN slots AS d ON d.obj_guid = t.guid AND d.name = 'date-posted'
LEFT JOIN splits AS s ON s.tx_guid = t.guid
ORDER BY t.post_date, t.guid
"""


def parts_of(source: Source) -> Iterator[Company | BookAccount | Transaction]:
    """The company, accounts and transactions of a book. Raises UnreadableFile where it is none."""
    with on_disk(source) as path:
        try:
            name = quote(str(path.resolve()))
            with closing(sqlite3.connect(f"file:{name}?mode=ro&immutable=1", uri=True)) as database:
                yield from _parts(database, source.file)
        except sqlite3.Error as error:
            raise UnreadableFile(
                f"{source.file}: the database can't be read ({str(error)[:200]}); open it in GnuCash and "
                "save it again"
            ) from None


def _parts(database: sqlite3.Connection, file: str) -> Iterator[Company | BookAccount | Transaction]:
    database.text_factory = _text
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_ENTRY)
    for pragma in ("trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"):
        database.execute(f"PRAGMA {pragma}")
    own = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE %'"
    tables = database.execute(own)
    if missing := sorted(set(TABLES) - {name for (name,) in tables}):
        raise UnreadableFile(
            f"{file}: a database without the tables {', '.join(missing)}, so no book of GnuCash; export the "
            "entries as CSV"
        )
    slots = "SELECT string_val FROM slots WHERE name = 'options/Business/' || ?"
    name, number = (_said(database.execute(slots, (key,)).fetchone()) for key in ("Company Name", "Company ID"))
    yield Company(name, number)
    yield from _accounts(database)
    number_of_lines = 1
    for guid, rows in groupby(database.execute(_SPLITS), itemgetter(0)):
        transaction = _transaction(_said((guid,)), rows, number_of_lines)
        number_of_lines += transaction.lines
        yield transaction


def _accounts(database: sqlite3.Connection) -> Iterator[BookAccount]:
    roots = "SELECT root_template_guid FROM books"
    templates = {_said(row) for row in database.execute(roots)} - {""}
    opening = "SELECT obj_guid FROM slots WHERE name = 'equity-type' AND string_val = 'opening-balance'"
    openings = {_said(row) for row in database.execute(opening)}
    rows = database.execute("SELECT guid, name, account_type, code, parent_guid FROM accounts ORDER BY guid")
    accounts = []
    for row in rows:
        guid, name, kind, code, parent = (_said((value,)) for value in row)
        accounts.append(BookAccount(guid, name, kind, code, parent))
    parents = {each.guid: each.parent for each in accounts}
    for account in accounts:
        above, seen = account.guid, set[str]()
        while above and above not in seen and above not in templates:
            seen.add(above)
            above = parents.get(above, "")
        yield account._replace(is_opening=account.guid in openings, is_template=above in templates)


def _transaction(guid: str, rows: Iterator[tuple[Any, ...]], place: int) -> Transaction:
    extent = Extent()
    splits: list[Split] = []
    first: tuple[Any, ...] | None = None
    ids: set[Any] = set()
    for row in rows:
        first = first or row
        if row[9] is None or row[9] in ids:  # no split, or one again where a transaction has two days
            continue
        account, value, memo, state = (_said((each,)) for each in row[5:9])
        if extent.add(len(memo)):
            ids.add(row[9])
            splits.append(Split(account, value, memo, state))
    assert first is not None
    currency, posted, day, text = (_said((each,)) for each in first[1:5])
    return Transaction(
        guid=guid,
        currency=currency,
        day=_iso(day) or _iso(posted),
        text=text,
        splits=splits,
        place=place,
        lines=max(1, extent.lines),
        fault=extent.fault()
        or (None if guid else (Rule.MISSING_ID, "the transaction has no guid: give it one")),
    )


def _iso(text: str) -> str:
    """A day or time as ISO 8601 has it; older books write 20250131 and 20250131105900."""
    if text.isdecimal() and len(text) in (8, 14):
        day = f"{text[:4]}-{text[4:6]}-{text[6:8]}"
        return day if len(text) == 8 else f"{day} {text[8:10]}:{text[10:12]}:{text[12:]}"
    return text


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _said(row: tuple[Any, ...] | None) -> str:
    """The first cell of a row as text; "" for none."""
    value = row[0] if row else None
    if isinstance(value, bytes):
        return _text(value)
    return "" if value is None else str(value)
