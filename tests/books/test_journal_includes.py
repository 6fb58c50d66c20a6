"""Journals that include others: one company, in their place, and never out of the folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from counting import only
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_texts import (
    check_line_counts,
    needs_tools,
    read,
    read_files,
    rejected,
    sums,
    sums_of_hledger,
)

from jet.books.checks import Rule
from jet.books.importers import Entry, FileEnd, ImportSettings, import_file
from jet.books.importers.journal import includes_of

ENTRY = "2024-01-05 x\n  a  1.200 EUR\n  bk\n"


def entry(name, amount="1 EUR", date="2024-01-05"):
    return f"{date} {name}\n  {name}  {amount}\n  bank\n"


def texts_of(records):
    return [record.description for record in only(Entry, records)]


def names(files):
    return {Path(file).name for file in files}


def test_a_main_file_reads_its_includes_in_their_place_as_one_company(tmp_path):
    files = {
        "main.journal": "decimal-mark ,\nalias bk = Assets:Bank\n"
        f"include y/2023.journal\n{ENTRY}include 2024.journal\n",
        "y/2023.journal": "; first\n" + ENTRY.replace("x", "y"),
        "2024.journal": ENTRY.replace("x", "z"),
    }
    records = read_files(tmp_path, "main.journal", files)
    assert texts_of(records) == ["y", "x", "z"]
    assert sums(records) == {("a", "EUR"): 3600, ("Assets:Bank", "EUR"): -3600}
    assert {record.entity for record in only(Entry, records)} == {tmp_path.name}
    assert [(Path(r.file).name, r.file_line) for r in only(Entry, records)] == [
        ("2023.journal", 2),
        ("main.journal", 4),
        ("2024.journal", 1),
    ]
    assert names(end.file for end in check_line_counts(records)) == {
        "2023.journal",
        "2024.journal",
        "main.journal",
    }
    assert {end.dialect for end in only(FileEnd, records)} == {"hledger"}


@pytest.mark.parametrize(
    ("dialect", "child", "after", "expected"),
    [
        ("hledger", "alias a=z\n", "  a  1 EUR\n", "a"),
        ("ledger", "alias a=z\n", "  a  1 EUR\n", "z"),
        ("hledger", "apply account P\n", "  a  1 EUR\n", "a"),
        ("ledger", "apply account P\n", "  a  1 EUR\n", "a"),
        ("hledger", "decimal-mark ,\n", "  a  1.000 EUR\n", "1"),
        ("hledger", "commodity 1.000,00 EUR\n", "  a  1.000 EUR\n", "1000"),
        ("hledger", "D 1.000,00 EUR\n", "  a  1.000 EUR\n", "1"),
        ("ledger", "D 1.000,00 EUR\n", "  a  1.000 EUR\n", "1000"),
    ],
)
def test_what_an_included_file_says_holds_after_it_as_the_program_has_it(
    tmp_path, dialect, child, after, expected
):
    files = {"main.journal": f"include c.journal\n2024-01-01 x\n{after}  b\n", "c.journal": child}
    (read_,) = only(Entry, read_files(tmp_path, "main.journal", files, dialect=dialect))
    assert expected in (read_.lines[0].account, str(int(read_.lines[0].amount)))


@pytest.mark.parametrize("dialect", ["ledger", "hledger"])
def test_a_year_ends_with_the_file_that_sets_it(tmp_path, dialect):
    child = "Y 2020\n01-01 x\n  a  1\n  b\n"
    files = {"main.journal": "Y 2019\ninclude c.journal\n01-01 y\n  a  1\n  b\n", "c.journal": child}
    records = read_files(tmp_path, "main.journal", files, dialect=dialect)
    assert [record.date.year for record in only(Entry, records)] == [2020, 2019]


@pytest.mark.parametrize(
    ("pattern", "dialect", "found"),
    [
        ("*.journal", "ledger", {"a", "b"}),
        ("*.journal", "hledger", {"a", "b"}),
        ("[ab].journal", "ledger", {"a", "b"}),
        ("?.journal", "hledger", {"a", "b"}),
        ("sub/*.journal", "ledger", {"c"}),
        ("*/c.journal", "hledger", {"c"}),
        ("**/*.journal", "hledger", {"a", "b", "c", "d"}),
        ("*/c.journal", "ledger", set()),
        ("no*.journal", "ledger", set()),
    ],
)
def test_patterns_are_each_programs_own(tmp_path, pattern, dialect, found):
    files = {f"{name}.journal": entry(name) for name in ("a", "b", "sub/c", "sub/deep/d")}
    files = {name: text.replace("sub/deep/", "").replace("sub/", "") for name, text in files.items()}
    files["main.ledger"] = f"include {pattern}\n"
    records = read_files(tmp_path, "main.ledger", files, dialect=dialect)
    assert set(texts_of(records)) == found
    assert bool(rejected(records)) == (not found)
    check_line_counts(records)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("../secret.journal", "leads out of"),
        ("sub/../../secret.journal", "leads out of"),
        ("/etc/passwd", "leads out of"),
        ("~/x.journal", "leads out of"),
        ("s3://bucket/x.journal", "leads out of"),
        ("link.journal", "leads out of"),
        ("linked/secret.journal", "leads out of"),
        ("../*.journal", "leads out of"),
        ("none.journal", "no such file"),
        ("sub", "a folder"),
    ],
)
@pytest.mark.parametrize("dialect", ["ledger", "hledger"])
def test_nothing_out_of_the_folder_is_read(tmp_path, target, message, dialect):
    (tmp_path / "secret.journal").write_text(entry("secret"))
    books = tmp_path / "books"
    (books / "sub").mkdir(parents=True)
    (books / "link.journal").symlink_to("../secret.journal")
    (books / "linked").symlink_to("..")
    records = read_files(
        books, "main.journal", {"main.journal": f"include {target}\n{entry('x')}"}, dialect=dialect
    )
    (fault,) = rejected(records)
    assert (fault.rule, fault.file_line) == (Rule.INCLUDE, 1)
    assert message in fault.message
    assert texts_of(records) == ["x"]
    check_line_counts(records)


def test_a_file_in_memory_includes_nothing():
    (fault,) = rejected(read("include other.journal\n"))
    assert fault.rule == Rule.INCLUDE
    assert "pass the path" in fault.message


@pytest.mark.timeout(60)
def test_circles_and_depth_and_number_are_bounded(tmp_path):
    files = {"a.journal": "include b.journal\n" + entry("a"), "b.journal": "include a.journal\n" + entry("b")}
    records = read_files(tmp_path, "a.journal", files)
    assert texts_of(records) == ["b", "a"]
    assert "goes in a circle" in rejected(records)[0].message
    deep = {f"d{n}.journal": f"include d{n + 1}.journal\n" + entry(f"d{n}") for n in range(60)}
    records = read_files(tmp_path, "d0.journal", deep)
    assert any("within each other" in fault.message for fault in rejected(records))
    bomb = {f"n{n}.journal": f"include n{n + 1}.journal\n" * 10 for n in range(30)}
    records = read_files(tmp_path, "n0.journal", {**bomb, "n30.journal": ""})
    assert any("in all" in fault.message for fault in rejected(records))


def test_the_same_entry_in_two_files_of_a_book_is_read_twice_and_told_apart(tmp_path):
    files = {
        "main.journal": "include a.journal\ninclude b.journal\n",
        "a.journal": entry("x"),
        "b.journal": entry("x"),
    }
    ids = [record.entry_id for record in only(Entry, read_files(tmp_path, "main.journal", files))]
    assert ids[1] == ids[0] + "-2"


@needs_tools
def test_what_hledger_includes_comes_to_the_same_sums(tmp_path):
    files = {
        "main.journal": "commodity 1.000,00 EUR\ninclude sub/*.journal\ninclude y/last.journal\n"
        + entry("m", "1.000 EUR"),
        "sub/one.journal": entry("one", "2.000 EUR") + "\nalias m=q\n",
        "sub/two.journal": entry("two", "2,5 EUR"),
        "y/last.journal": "include ../sub/one.journal\ndecimal-mark .\n" + entry("last", "1.000 EUR"),
    }
    ours = sums(read_files(tmp_path, "main.journal", files))
    assert ours == sums_of_hledger(tmp_path / "main.journal")


def test_files_that_others_include_are_known_before_anything_is_read(tmp_path):
    files = {
        "main.journal": "include y/*.journal\ninclude sub/a.ledger\n",
        "y/2023.journal": "",
        "y/2024.journal": "!include more.dat\n",
        "y/more.dat": "",
        "sub/a.ledger": "include b.ledger\n",
        "sub/b.ledger": "comment\ninclude c.ledger\nend comment\n",
        "sub/c.ledger": entry("c"),
        "alone.journal": entry("x") + "; include sub/c.ledger\n",
        "notes.csv": "include alone.journal\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    run = {str(tmp_path / name): str(tmp_path) for name in files}
    assert names(includes_of(run).by_others) == {
        "2023.journal",
        "2024.journal",
        "more.dat",
        "a.ledger",
        "b.ledger",
    }
    run[str(tmp_path / "main.journal")] = str(tmp_path / "y")  # which it may not leave
    assert names(includes_of(run).by_others) == {"2023.journal", "2024.journal", "more.dat", "b.ledger"}


def test_what_is_included_from_beyond_the_run_is_named(tmp_path):
    for name, text in (("main.txt", "include more/a.dat\n"), ("a.journal", "include more/b.journal\n")):
        (tmp_path / name).write_text(text)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.dat").write_text(entry("a"))
    (tmp_path / "more" / "b.journal").write_text("include a.dat\n" + entry("b"))
    run = {str(tmp_path / name): str(tmp_path) for name in ("main.txt", "a.journal")}
    assert names(includes_of(run).beyond) == {"a.dat", "b.journal"}
    (tmp_path / "a.journal").unlink()
    del run[str(tmp_path / "a.journal")]
    assert includes_of(run).beyond == []
    assert names(includes_of(run, "ledger").beyond) == {"a.dat"}


def test_relative_names_and_names_with_links_are_the_same_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.journal").write_text("include a.journal\n")
    (tmp_path / "a.journal").write_text(entry("a"))
    assert includes_of({"main.journal": ".", "./a.journal": "."}).by_others == {"./a.journal"}
    assert includes_of({"main.journal": "", str(tmp_path / "a.journal"): ""}).by_others == {
        str(tmp_path / "a.journal")
    }


@settings(max_examples=60, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_whatever_includes_what_no_file_vanishes(tmp_path_factory, edges):
    folder = tmp_path_factory.mktemp("books")
    for number in range(6):
        lines = "".join(f"include f{other}.journal\n" for one, other in sorted(edges) if one == number)
        (folder / f"f{number}.journal").write_text(lines + entry(f"e{number}"))
    run = {str(folder / f"f{number}.journal"): str(folder) for number in range(6)}
    left_out = includes_of(run).by_others
    read_ = {
        text
        for file in set(run) - left_out
        for text in texts_of(import_file(file, ImportSettings(), str(folder)))
    }
    assert read_ == {f"e{number}" for number in range(6)}


def ids_of(records):
    return [record.entry_id for record in only(Entry, records)]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["1 EUR", "2 EUR"])), min_size=1, max_size=8),
    st.data(),
)
def test_ids_are_unique_and_stay_when_entries_and_files_are_added_or_moved(tmp_path_factory, rows, data):
    folder = tmp_path_factory.mktemp("books")
    texts = [entry(f"e{day}", amount, f"2024-01-0{day}") for day, amount in rows]
    before = read_files(folder, "a.journal", {"a.journal": "\n".join(texts)})
    moved = data.draw(st.permutations(texts))
    cut = data.draw(st.integers(0, len(moved)))
    files = {
        "main.ledger": "; new\ninclude one.ledger\n" + entry("new") + "include two.ledger\n",
        "one.ledger": "\n".join(moved[:cut]),
        "two.ledger": "\n\n".join(moved[cut:]),
    }
    after = ids_of(read_files(folder, "main.ledger", files))
    assert len(set(after)) == len(after) == len(rows) + 1
    assert set(ids_of(before)) < set(after)


def test_a_byte_order_mark_and_other_ends_of_lines_hide_no_include(tmp_path):
    for ends, mark in (("\r\n", b"\xef\xbb\xbf"), ("\r", b""), ("\n", b"")):
        main = mark + f"include a.journal{ends}{entry('m').replace(chr(10), ends)}".encode()
        (tmp_path / "a.journal").write_bytes(entry("a").encode())
        (tmp_path / "main.journal").write_bytes(main)
        records = list(import_file(str(tmp_path / "main.journal"), ImportSettings()))
        assert texts_of(records) == ["a", "m"]
        run = {str(tmp_path / name): str(tmp_path) for name in ("a.journal", "main.journal")}
        assert names(includes_of(run).by_others) == {"a.journal"}
