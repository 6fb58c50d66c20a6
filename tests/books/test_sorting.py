"""Books are kept by entity, date and id."""

from __future__ import annotations

import made_up
import pyarrow as pa
import pytest

from jet.books.schema import ENTRIES
from jet.books.sorting import sort_entries

ROWS = [
    made_up.entry(entity, entry_id, day, "rent")
    for entity, day, entry_id in [("a", 0, "1"), ("a", 0, "2"), ("a", 1, "1"), ("b", 0, "1"), ("b", 0, "3")]
]


def table(*rows):
    return made_up.entries_table(list(rows))


@pytest.mark.parametrize("place", range(len(ROWS) - 1))
def test_two_rows_that_changed_places_are_put_back(place):
    rows = [*ROWS]
    rows[place : place + 2] = rows[place + 1], rows[place]
    assert sort_entries(table(*rows)).equals(table(*ROWS))


def test_sorted_entries_are_not_copied():
    entries = table(*ROWS).combine_chunks()
    again = sort_entries(entries)
    assert again["entity"].chunk(0).buffers()[2].address == entries["entity"].chunk(0).buffers()[2].address


def test_what_comes_in_pieces_comes_out_in_one():
    pieces = pa.concat_tables([table(*ROWS[3:]), table(*ROWS[:3])])
    assert sort_entries(pieces).equals(table(*ROWS))
    assert sort_entries(pieces)["lines"].num_chunks == 1


def test_no_rows_and_one_row_are_sorted():
    assert sort_entries(ENTRIES.empty_table()).num_rows == 0
    assert sort_entries(table(ROWS[0])).num_rows == 1
