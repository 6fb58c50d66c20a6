"""No text of a table is swallowed: quotes by the file's own convention, and every line accounted for."""

import csv
import io

import pytest
from counting import only
from hypothesis import given, settings
from hypothesis import strategies as st
from reading_tables import (
    DAY,
    HEADER,
    assert_all_lines_are_counted,
    booked,
    parquet,
    passed,
    read,
    rules,
)

from jet.books.checks import Rule
from jet.books.importers import Account, Entry, FileEnd, Passed, Rejection, UnreadableFile

TEXTS = "entry_id,date,description,account,amount,text\n"


def texts_of(records):
    return [line.text for entry in only(Entry, records) for line in entry.lines]


@pytest.mark.parametrize("delimiter", ["\t", ";", ",", "|"])
def test_where_nothing_is_quoted_a_quote_is_a_character(delimiter):
    rows = f'1,{DAY},x,1,5,bolts\n1,{DAY},x,2,-5,"Bolt M8\n2,{DAY},x,1,5,\n2,{DAY},x,2,-5,"a" b\n'
    records = read((TEXTS + rows).replace(",", delimiter))
    assert texts_of(records) == ["bolts", '"Bolt M8', "", '"a" b']
    assert_all_lines_are_counted(records)


def test_a_quote_that_opens_and_one_that_closes_another_cell_take_in_nothing():
    rows = f'1\t{DAY}\t"x\t1\t5\ty"\n1\t{DAY}\tx\t2\t-5\t\n'
    records = read(TEXTS.replace(",", "\t") + rows)
    assert (only(Entry, records)[0].description, texts_of(records)) == ('"x', ['y"', ""])


def test_a_quote_that_opens_and_one_that_ends_the_next_row_take_in_no_row():
    rows = f'1,{DAY},x,1,5,"Bolt M8\n1,{DAY},x,2,-5,Pipe 3"\n'
    assert texts_of(read(TEXTS + rows)) == ['"Bolt M8', 'Pipe 3"']
    broken = read(TEXTS + f'2,{DAY},"a, b",1,5,\n2,{DAY},x,2,-5,\n' + rows)
    assert (list(booked(broken)), rules(broken)) == (["2"], [(Rule.MALFORMED, 4)])
    assert_all_lines_are_counted(broken)


def test_one_broken_row_among_texts_in_quotes_leaves_these_as_they_are():
    good = "".join(
        f'{number},{DAY},"Rent",1,5,"May"\n{number},{DAY},"Rent",2,-5,"May"\n' for number in range(3)
    )
    records = read(TEXTS + good + f'9,{DAY},"Rent,1,5,"May"\n9,{DAY},"Rent",2,-5,"May"\n')
    assert {entry.description for entry in only(Entry, records)} == {"Rent"}
    assert rules(records) == [(Rule.MALFORMED, 8)]
    assert_all_lines_are_counted(records)


def test_a_broken_row_says_nothing_of_the_files_amounts():
    rows = f'1,{DAY},"a, b",1,5,\n1,{DAY},x,2,-5,\n2,{DAY},"broken,1.5,2.5,\n2,{DAY},"x, y",2,"-1,5",\n'
    notices = [rejection for rejection in only(Rejection, read(TEXTS + rows)) if rejection.used_for == "all"]
    assert notices == []


def test_quotes_within_an_unquoted_cell_stay():
    records = read(TEXTS + f'1,{DAY},Pipe 3" x 5",1,5,"a, ""b"""\n1,{DAY},x,2,-5,\n')
    assert (only(Entry, records)[0].description, texts_of(records)) == ('Pipe 3" x 5"', ['a, "b"', ""])


def test_a_quote_that_never_closes_costs_its_entry_only_and_names_the_line_and_the_rows_within():
    good = f'{{0}},{DAY},"a, b",1,5,\n{{0}},{DAY},x,2,-5,\n'
    broken = f'2,{DAY},"broken,1,5,\n2,{DAY},x,2,-5,\n'
    records = read(TEXTS + good.format(1) + broken + good.format(3) + good.format(4))
    assert list(booked(records)) == ["1", "3", "4"]
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line, rejection.entry_id) == (Rule.MALFORMED, 4, "2")
    assert "line 4: a quote opens a cell that doesn't end, and 2 rows of the table would be in it" in (
        rejection.message
    )
    assert "set ingest.quote to ''" in rejection.message
    assert_all_lines_are_counted(records)


def test_a_quote_that_is_open_at_the_end_of_the_file_costs_its_entry_only():
    rows = f'1,{DAY},"a, b",1,5,\n1,{DAY},x,2,-5,\n2,{DAY},"cut off,1,\n'
    records = read(TEXTS + rows)
    assert (list(booked(records)), rules(records)) == (["1"], [(Rule.MALFORMED, 4)])
    assert_all_lines_are_counted(records)


def test_where_all_is_quoted_a_missing_quote_costs_its_entry_only():
    rows = [["1", DAY, "x", "1", "5", "a"], ["1", DAY, "x", "2", "-5", "b"]]
    lines = [",".join(f'"{cell}"' for cell in row) for row in [TEXTS.strip().split(","), *rows]]
    more = [line.replace('"1"', '"2"', 1) for line in lines[1:]]
    for at in range(len(more[0])):
        if more[0][at] == '"':
            records = read("\n".join([*lines, more[0][:at] + more[0][at + 1 :], *more[1:]]) + "\n")
            assert booked(records)["1"] == [("1", "D", 5), ("2", "C", 5)]
            assert_all_lines_are_counted(records)


def test_a_cell_of_several_lines_counts_them_all():
    rows = f'1,{DAY},"one\n\ntwo, three\n",1,5,"last\nof all"\n1,{DAY},x,2,-5,\n'
    records = read(TEXTS + rows)
    (entry,) = only(Entry, records)
    assert (entry.description, entry.lines[0].text) == ("one\n\ntwo, three", "last\nof all")
    assert (entry.file_line, entry.file_lines, passed(records)) == (2, 6, {"header": 1})
    assert_all_lines_are_counted(records)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (r'"Rent \"Main, floor 2\" Jan"', 'Rent "Main, floor 2" Jan'),
        (r'"\"a\", \"b\""', '"a", "b"'),
        (r'"C:\\dir, \"x\""', r'C:\dir, "x"'),
        (r'"ends \"\", so"', 'ends "", so'),
        (r'"one\ntwo, \"three\""', 'one two, "three"'),
        (r"a\, b", "a, b"),
    ],
)
def test_quotes_and_delimiters_may_have_a_backslash_before_them(written, text):
    records = read(TEXTS + f"1,{DAY},{written},1,5,\n1,{DAY},{written},2,-5,\n")
    assert only(Entry, records)[0].description == text
    assert_all_lines_are_counted(records)


def test_a_backslash_at_the_end_of_a_cell_is_a_character_where_quotes_are_doubled():
    records = read(TEXTS + f'1,{DAY},"C:\\dir\\",1,5,\n1,{DAY},C:\\,2,-5,"a, b\\"\n')
    assert only(Entry, records)[0].description == "C:\\dir\\"
    assert texts_of(records) == ["", "a, b\\"]


def test_the_setting_decides_what_quotes():
    rows = f'1,{DAY},"x,1,5,y"\n1,{DAY},x,2,-5,"z"\n'
    assert texts_of(read(TEXTS + rows, quote="")) == ['y"', '"z"']
    assert texts_of(read(TEXTS + rows.replace('"', "'"), quote="'", delimiter=",")) == []
    single = f"1,{DAY},'a, ''b''',1,5,\n1,{DAY},x,2,-5,\n"
    assert only(Entry, read(TEXTS + single, quote="'"))[0].description == "a, 'b'"


def test_a_row_with_more_cells_than_the_others_is_refused_even_where_they_are_empty():
    shifted = f"1,{DAY},a, b,1,5,\n1,{DAY},x,2,-5,\n"
    assert rules(read(TEXTS + shifted)) == [(Rule.MALFORMED, 2)]
    trailing = f"1,{DAY},a,1,5,,\n1,{DAY},x,2,-5,,\n"
    assert list(booked(read(TEXTS + trailing + "End of the report\n"))) == ["1"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("line", ['x","y\n', '"\n', f'1,{DAY},"x,1,5,\n', '"x" y\n', '","\n', '\\",\n'])
def test_a_file_of_quotes_that_do_not_fit_takes_no_longer_than_it_is(line):
    records = read(TEXTS + f'1,{DAY},"a, b",1,5,\n' + line * 100_000)
    assert_all_lines_are_counted(records)


def test_a_line_is_what_ends_with_a_newline_whatever_else_it_holds():
    records = read(TEXTS + f"1,{DAY},a\x0bb\x0cc\u2028d\x85e,1,5,\r\n1,{DAY},x,2,-5,\n")
    assert only(Entry, records)[0].description == "a\x0bb\x0cc\u2028d\x85e"
    quoted = read(TEXTS + f'1,{DAY},"a\x0bb\u2028, d\r\ne",1,5,\n1,{DAY},x,2,-5,\n')
    assert only(Entry, quoted)[0].description == "a\x0bb\u2028, d\ne"
    assert_all_lines_are_counted(quoted)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=8).map(str.strip)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(cells, cells), min_size=1, max_size=6),
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
)
def test_every_text_that_is_written_by_the_standard_is_found_again(texts, delimiter, quoting):
    sink = io.StringIO()
    writer = csv.writer(sink, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerow(TEXTS.strip().split(","))
    for number, (description, text) in enumerate(texts):
        for account, amount in ((1, 5), (2, -5)):
            writer.writerow([f"n{number}", DAY, description, account, amount, text])
    records = read(sink.getvalue())
    assert only(Rejection, records) == []
    assert [entry.description for entry in only(Entry, records)] == [description for description, _ in texts]
    assert texts_of(records) == [text for _, text in texts for _ in range(2)]
    assert_all_lines_are_counted(records)


plain_cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0\t\\"), max_size=8).map(str.strip)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(plain_cells, plain_cells), min_size=1, max_size=6))
def test_of_texts_that_are_written_without_quotes_none_is_lost_unseen(texts):
    rows = "".join(
        f"n{number}\t{DAY}\t{description}\t{account}\t{amount}\t{text}\n"
        for number, (description, text) in enumerate(texts)
        for account, amount in ((1, 5), (2, -5))
    )
    records = read(TEXTS.replace(",", "\t") + rows, quote="")
    assert [entry.description for entry in only(Entry, records)] == [description for description, _ in texts]
    records = read(TEXTS.replace(",", "\t") + rows)
    assert_all_lines_are_counted(records)
    found = {entry.entry_id: entry for entry in only(Entry, records)}
    refused = {rejection.entry_id for rejection in only(Rejection, records)}
    assert found.keys() | refused >= {f"n{number}" for number in range(len(texts))}
    for number, (description, _) in enumerate(texts):
        if f"n{number}" in found:  # quotes around a whole cell may be taken for the file's
            assert found[f"n{number}"].description.replace('"', "") == description.replace('"', "")


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                f"1,{DAY},x,1,5,y",
                f'2,{DAY},"x, z",1,-5,',
                '"',
                '""',
                ",",
                "\\",
                "'",
                "\n",
                "Total",
                "",
                "a",
                "1.080",
            ]
        ),
        max_size=14,
    ),
    st.sampled_from([TEXTS, TEXTS.replace("_", " ").upper(), "sep=,\n" + TEXTS, "", '"Acme"\n\n' + TEXTS]),
    st.sampled_from([{}, {"quote": ""}, {"decimal_comma": True}, {"skip_lines": 1}, {"strict": True}]),
)
def test_of_any_file_every_line_is_counted_once(parts, header, options):
    try:
        records = read(header + "".join(parts), **options)
    except UnreadableFile:
        return
    assert all(isinstance(record, Entry | Account | Rejection | Passed | FileEnd) for record in records)
    assert_all_lines_are_counted(records)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.sampled_from([None, "", "1", "2", DAY, "x", "5", "-5"])] * 6), max_size=8))
def test_of_any_parquet_file_every_row_is_counted_once(rows):
    names = HEADER.strip().split(",")
    columns = list(zip(*rows, strict=True)) if rows else [[]] * 6
    records = read(parquet(dict(zip(names, map(list, columns), strict=True))))
    assert_all_lines_are_counted(records)
