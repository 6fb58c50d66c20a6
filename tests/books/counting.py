"""What records account for, for the tests of every format."""

from jet.books.importers import Entry, Passed, Rejection


def only(kind, records):
    """The records of one kind."""
    return [record for record in records if isinstance(record, kind)]


def lines_of(records):
    """Lines of the file that the records account for."""
    counted = sum(record.file_lines for record in records if isinstance(record, Entry | Rejection))
    return counted + sum(record.lines for record in only(Passed, records))
