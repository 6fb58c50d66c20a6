"""What the tests of tables share: reading a table that is written in the test."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
from counting import only

from jet.books.importers import Entry, FileEnd, ImportSettings, Passed, Rejection, Source
from jet.books.importers.tabular import TabularImporter

HEADER = "entry_id,date,description,account,debit,credit\n"
DAY = "2025-01-31"


def read(text, file="books/book.csv", **options):
    data = text.encode() if isinstance(text, str) else text
    return list(TabularImporter().records(Source(file, io.BytesIO(data)), ImportSettings(**options)))


def parquet(columns):
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def booked(records):
    """The lines of each entry by its id, as (account, side, amount)."""
    return {
        entry.entry_id: [(line.account, line.side, line.amount) for line in entry.lines or ()]
        for entry in only(Entry, records)
    }


def rules(records):
    return [(rejection.rule, rejection.file_line) for rejection in only(Rejection, records)]


def passed(records):
    return {record.reason: record.lines for record in only(Passed, records)}


def assert_all_lines_are_counted(records):
    """Every line is an entry's, rejected or passed over, once."""
    (end,) = only(FileEnd, records)
    counted = sum(record.file_lines for record in only(Entry, records))
    counted += sum(record.file_lines for record in only(Rejection, records))
    assert counted + sum(passed(records).values()) == end.lines
