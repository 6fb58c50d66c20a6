"""The SELECTs over the tables journal_entry, entry_line and ledger_account, by the columns that they have.

What is asked for (a business, days) are parameters of the statement, never parts of its text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from jet.books.importers.common import UnreadableFile
from jet.books.settings import ImportSettings

ENTRY, LINE, ACCOUNT = "journal_entry", "entry_line", "ledger_account"
NAMES = {
    ENTRY: {
        "entry_id": ("id", "entry_id"),
        "date": ("date", "entry_date", "posting_date"),
        "description": ("description", "text"),
        "entity": ("business_id", "entity"),
        "currency": ("currency",),
        "journal": ("journal", "entry_type"),
        "total": ("total",),
        "direction": ("direction",),
    },
    LINE: {
        "entry": ("entry_id", "journal_entry_id"),
        "account": ("account", "account_code"),
        "account_id": ("account_id", "ledger_account_id"),
        "side": ("side",),
        "amount": ("amount",),
        "debit": ("debit",),
        "credit": ("credit",),
        "text": ("text", "description"),
        "currency": ("currency",),
        "place": ("id", "line_number", "position"),
    },
    ACCOUNT: {
        "code": ("code",),
        "name": ("name",),
        "parent": ("parent", "parent_code"),
        "nature": ("nature",),
        "entity": ("business_id", "entity"),
        "id": ("id",),
    },
}
"""For each field the columns that may hold it; the first that a table has does."""

_NEEDED = {ENTRY: ("entry_id", "date", "description"), LINE: ("entry",), ACCOUNT: ("code", "name")}
_AMOUNTS = ("amount", "debit", "credit")
_OF_ENTRY = ("entity", "date", "description", "journal", "total", "direction")
_OF_LINE = ("side", *_AMOUNTS, "text")
_OF_ACCOUNT = ("name", "parent", "nature")


class Dialect:
    """How a database writes what standard SQL has no common form for."""

    parameter: Callable[[str], str] = staticmethod("${}".format)
    day: Callable[[str], str] = staticmethod("CAST({} AS date)".format)


class Queries:
    """The queries over the tables that a database has, given by their columns.

    Raises UnreadableFile, with a message that begins with `start`, and the names of what is missing.
    """

    def __init__(
        self, tables: Mapping[str, Sequence[str]], settings: ImportSettings, dialect: Dialect, start: str
    ) -> None:
        self._start = start
        self._dialect = dialect
        if missing := [name for name in (ENTRY, LINE) if not tables.get(name)]:
            raise UnreadableFile(
                f"{start}no table {' and '.join(missing)}; name the columns of the entries in ingest.query, "
                'as in "SELECT … AS entry_id, … FROM … ORDER BY entry_id", or export them as CSV'
            )
        self._columns = {table: self._found(table, tables[table]) for table in tables if tables[table]}
        self.entries = self._entries(settings)
        self.accounts = self._accounts(settings) if ACCOUNT in self._columns else None

    def _found(self, table: str, columns: Sequence[str]) -> dict[str, str]:
        """The quoted column of each field that a table has."""
        own = {name.casefold(): f'{table[0]}."{name.replace(chr(34), chr(34) * 2)}"' for name in columns}
        found = {
            field: own[next(name for name in names if name in own)]
            for field, names in NAMES[table].items()
            if own.keys() & set(names)
        }
        missing = [field for field in _NEEDED[table] if field not in found]
        if table == LINE and not found.keys() & {"account", "account_id"}:
            missing.append("account")
        if table == LINE and not found.keys() & set(_AMOUNTS):
            missing.append("amount")
        if missing:
            wanted = ", ".join(" or ".join(NAMES[table][field]) for field in missing)
            raise UnreadableFile(
                f"{self._start}table {table} has no column {wanted}; it has {', '.join(columns)[:1000]}; "
                "name them in ingest.query"
            )
        return found

    def _entries(self, settings: ImportSettings) -> str:
        entry, line, account = (self._columns.get(table, {}) for table in (ENTRY, LINE, ACCOUNT))
        chart = ""
        code = line.get("account")
        if code is None:
            if "id" not in account:
                raise UnreadableFile(
                    f"{self._start}table {LINE} has {line['account_id']}, and no table {ACCOUNT} has its id "
                    "and code; name the accounts in ingest.query"
                )
            code = account["code"]
            chart = f" LEFT JOIN {ACCOUNT} AS l_ ON {_of_join(account['id'])} = {line['account_id']}"
            code = _of_join(code)
        selected = [f"{entry['entry_id']} AS entry_id", f"{code} AS account"]
        selected += [f"{entry[field]} AS {_quoted(field)}" for field in _OF_ENTRY if field in entry]
        selected += [f"{line[field]} AS {_quoted(field)}" for field in _OF_LINE if field in line]
        currencies = [each["currency"] for each in (line, entry) if "currency" in each]
        if currencies:
            both = f"COALESCE({', '.join(currencies)})" if len(currencies) > 1 else currencies[0]
            selected.append(f"{both} AS currency")
        order = [entry["entry_id"], *([line["place"]] if "place" in line else [])]
        return (
            f"SELECT {', '.join(selected)} FROM {ENTRY} AS j LEFT JOIN {LINE} AS e ON "
            f"{line['entry']} = {entry['entry_id']}{chart}{self._where(settings)} ORDER BY {', '.join(order)}"
        )

    def _where(self, settings: ImportSettings) -> str:
        entry, parameter, day = self._columns[ENTRY], self._dialect.parameter, self._dialect.day
        asked = []
        if settings.business is not None:
            asked.append(f"{self._business(ENTRY)} = {parameter('business')}")
        for name, sign in (("since", ">="), ("until", "<=")):
            if getattr(settings, name) is not None:
                limit = f"{day(entry['date'])} {sign} {day(parameter(name))}"
                asked.append(f"({limit} OR {entry['date']} IS NULL)")
        return f" WHERE {' AND '.join(asked)}" if asked else ""

    def other_days(self, settings: ImportSettings) -> str | None:
        """The query for a date that can't be compared with the days that are asked for; None where none are."""
        if not (settings.since or settings.until):
            return None
        date = self._columns[ENTRY]["date"]
        odd = f"{date} IS NOT NULL AND {self._dialect.day(date)} IS NULL"
        return f"SELECT {date} FROM {ENTRY} AS j WHERE {odd} LIMIT 1"

    def _business(self, table: str) -> str:
        if "entity" not in self._columns[table]:
            raise UnreadableFile(
                f"{self._start}ingest.business is set, and table {table} has no column "
                f"{' or '.join(NAMES[table]['entity'])}; leave it out, or write an ingest.query"
            )
        return f"CAST({self._columns[table]['entity']} AS text)"

    def _accounts(self, settings: ImportSettings) -> str:
        """Entity, code, name, parent and nature of all accounts; a chart without entities is each one's."""
        account, entry = self._columns[ACCOUNT], self._columns[ENTRY]
        fields = [f"{account.get(field, 'NULL')} AS {_quoted(field)}" for field in _OF_ACCOUNT]
        entity, source = "NULL", f"{ACCOUNT} AS l"
        if "entity" in account:
            entity = account["entity"]
            if settings.business is not None:
                source += f" WHERE {self._business(ACCOUNT)} = {self._dialect.parameter('business')}"
        elif "entity" in entry:
            entity = "b.entity"
            distinct = f"SELECT DISTINCT {entry['entity']} AS entity FROM {ENTRY} AS j{self._where(settings)}"
            source += f" CROSS JOIN ({distinct}) AS b"
        select = ", ".join([f"{entity} AS entity", f"{account['code']} AS code", *fields])
        return f"SELECT {select} FROM {source} ORDER BY 1, 2"


def parameters(settings: ImportSettings) -> dict[str, str]:
    """The parameters of the queries by name."""
    asked = {"business": settings.business, "since": settings.since, "until": settings.until}
    return {name: value for name, value in asked.items() if value is not None}


def _of_join(column: str) -> str:
    """A column of the chart where it is joined to the lines."""
    return column.replace("l.", "l_.", 1)


def _quoted(field: str) -> str:
    return f'"{field}"'
