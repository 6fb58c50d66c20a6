"""What only all files of a run together can tell: ids that are unique and stay, companies that are one."""

from __future__ import annotations

import datetime
from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from jet.books.identity import Ids, is_made, made_id
from jet.books.reconcile import accidents, called_like_their_file, companies, notes, renamed, settle, settle_ids
from jet.books.schema import ENTRIES, FILES

DAY, NEXT_YEAR = datetime.date(2024, 1, 5), datetime.date(2025, 1, 5)
NAMES = ("entity", "entry_id", "date", "file", "journal")
KEYS = pa.schema([(name, ENTRIES.field(name).type) for name in NAMES])
MADE = made_id(DAY, ["Rent", "D 5010 900"])


def keys_of(*rows):
    """Keys of entries, each (entity, id, date) and perhaps its file and journal."""
    columns = [[(*row, *("a.se", "")[len(row) - 3 :])[place] for row in rows] for place in range(5)]
    table = pa.table(columns, schema=KEYS)
    return table.append_column("file_line", pa.array(range(1, len(rows) + 1)))


def entries_of(*rows):
    """Entries with such keys, and nothing else."""
    keys = keys_of(*rows)
    empty = {"description": "", "currency": "", "direction": ""}
    columns = {
        field.name: keys[field.name] if field.name in keys.column_names else [empty.get(field.name)] * len(keys)
        for field in ENTRIES
    }
    return pa.table(columns).cast(ENTRIES)


def files_of(*rows):
    """Files, each (file, entity, organization number)."""
    fixed = {
        "format": "sie",
        "dialect": "",
        "lines": 0,
        "entry_lines": 0,
        "passed_lines": 0,
        "rejected_lines": 0,
    }
    names = ("file", "entity", "org_number")
    return pa.Table.from_pylist(
        [{**fixed, **dict(zip(names, row, strict=True)), "passed_over": []} for row in rows], schema=FILES
    )


def settled(*rows):
    ids, duplicate, _ = settle_ids(keys_of(*rows))
    return [None if double else name for name, double in zip(ids.to_pylist(), duplicate, strict=True)]


def test_an_id_is_made_of_what_an_entry_says():
    assert is_made(MADE)
    assert made_id(DAY, ["Rent", "D 5010 900"]) == MADE
    assert made_id(DAY, ["Rent", "D 5010", "900"]) != MADE
    assert made_id(NEXT_YEAR, ["Rent", "D 5010 900"]) != MADE
    assert not is_made("A-1-2024")


def test_entries_of_several_files_that_say_the_same_are_all_kept():
    assert settled(("A", MADE, DAY), ("A", f"{MADE}-2", DAY), ("A", MADE, DAY), ("B", MADE, DAY)) == [
        *(MADE, f"{MADE}-2", f"{MADE}-3", MADE)
    ]


def test_an_id_of_the_books_that_comes_again_is_a_duplicate_on_the_same_day_only():
    rows = [("A", "7", DAY), ("A", "7", DAY), ("A", "7", NEXT_YEAR), ("A", "7", NEXT_YEAR), ("B", "7", DAY)]
    assert settled(*rows) == ["7", None, "7-20250105", None, "7"]


def test_numbers_of_each_journal_are_entries_of_their_own():
    rows = [("A", "7", DAY, "a.csv", "VT"), ("A", "7", DAY, "b.csv", "AC"), ("A", "7", DAY, "b.csv", "BK")]
    assert settled(*rows) == ["7", "7-20240105", "7-20240105-BK"]
    assert settled(*rows, *rows) == ["7", "7-20240105", "7-20240105-BK", None, None, None]
    assert settled(*rows[:1], ("A", "7", DAY, "c.csv", "")) == ["7", None]


def test_a_file_of_two_years_and_one_of_the_second_hold_the_same_entries():
    both = [("A", "7", DAY), ("A", "7-20250105", NEXT_YEAR)]
    assert settled(*both, ("A", "7", NEXT_YEAR)) == ["7", "7-20250105", None]
    assert settled(("A", "7", NEXT_YEAR), *both) == ["7", "7-20240105", None]


@given(
    st.lists(
        st.tuples(
            st.sampled_from("AB"),
            st.sampled_from([MADE, "7", "8", "7-20250105"]),
            st.sampled_from([DAY, NEXT_YEAR]),
        )
    )
)
def test_ids_are_unique_whatever_comes_and_those_made_are_never_lost(rows):
    found = settled(*rows)
    kept = Counter((row[0], name) for row, name in zip(rows, found, strict=True) if name is not None)
    assert set(kept.values()) <= {1}
    assert all(name is not None for row, name in zip(rows, found, strict=True) if row[1] == MADE)


@given(st.lists(st.sampled_from([MADE, made_id(DAY, ["Phone"]), "7"]), max_size=8))
def test_files_that_are_added_behind_change_no_id(names):
    before = [("A", name, DAY) for name in names]
    assert settled(*before, ("A", MADE, DAY), ("A", "7", NEXT_YEAR))[: len(before)] == settled(*before)


def test_a_file_by_itself_gives_the_ids_that_all_files_give():
    ids = Ids()
    assert [ids.of("A", *row) for row in (("7", DAY), ("7", NEXT_YEAR), (MADE, DAY), (MADE, DAY))] == [
        *("7", "7-20250105", MADE, f"{MADE}-2")
    ]


def test_one_organization_number_is_one_company():
    files = files_of(
        ("2024.se", "Prov AB", "556000-0001"),
        ("2025.se", "PROV AKTIEBOLAG", "556000-0001"),
        ("x.se", "Other AB", ""),
        ("y.se", "Another AB", ""),
    )
    columns = (files[name].to_pylist() for name in ("org_number", "entity"))
    names = companies(zip(*columns, strict=True))
    assert names == {"PROV AKTIEBOLAG": "Prov AB"}
    entries = entries_of(("Prov AB", "A-1", DAY), ("PROV AKTIEBOLAG", "A-2", DAY), ("Other AB", "A-1", DAY))
    assert renamed(entries, names)["entity"].to_pylist() == ["Prov AB", "Prov AB", "Other AB"]
    assert renamed(files, names)["entity"].to_pylist()[:2] == ["Prov AB", "Prov AB"]
    (note,) = notes(names, [], 0, 0)
    assert "one organization number" in note


def test_a_duplicate_becomes_a_rejection_with_the_way_out():
    found = settle(entries_of(("A", "7", DAY, "a.se"), ("A", "7", DAY, "b.se"), ("A", "7", NEXT_YEAR, "b.se")))
    assert found.entries["entry_id"].to_pylist() == ["7", "7-20250105"]
    (row,) = found.duplicates.to_pylist()
    assert (row["rule"], row["file"], row["file_line"]) == ("duplicate_id", "b.se", 2)
    assert "leave one out" in row["message"]
    assert (found.dated, found.repeated) == (1, 0)


def test_entries_that_say_the_same_as_others_are_counted():
    found = settle(entries_of(("A", MADE, DAY, "a.se"), ("A", MADE, DAY, "b.se"), ("B", MADE, DAY, "b.se")))
    assert found.entries["entry_id"].to_pylist() == [MADE, f"{MADE}-2", MADE]
    assert (len(found.duplicates), found.dated, found.repeated) == (0, 0, 1)


def test_whose_books_are_called_like_their_file_is_said_in_one_line():
    entries = entries_of(
        ("bank", "1", DAY, "x/bank.csv"), ("card", "1", DAY, "x/card.csv"), ("Acme", "1", DAY, "x/y.csv")
    )
    like_files = called_like_their_file(entries)
    assert like_files == {"bank", "card"}
    (note,) = notes({}, sorted(like_files), 0, 0)
    assert note.startswith("2 companies are called like their files or folders (bank, card)")
    assert "set ingest.entity to" in note
    (note,) = notes({}, ["bank"], 0, 0)
    assert "(bank); set ingest.entity to" in note


def test_companies_that_only_share_a_name_are_told_and_so_are_entries_whose_rows_lie_apart():
    assert not list(accidents([("1", "Acme"), ("1", "Acme"), ("2", "Other"), ("", "Other")], 0))
    (merged,) = accidents([("1", "Acme"), ("2", "Acme"), ("3", "Other")], 0)
    assert merged.startswith(
        "files of 2 organization numbers (1, 2) are read as one company, Acme; set ingest."
    )
    (apart,) = accidents([], 3)
    assert apart.startswith("rows of 3 entries aren't together")
    assert "ORDER BY" in apart
