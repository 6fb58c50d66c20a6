"""The shapes of tables: titles before the header, rows filled in once, sums between them, rows apart."""

import random

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

from jet.books.checks import Rule, check_entry
from jet.books.importers import Entry, Rejection, UnreadableFile
from jet.books.importers.tables import survey
from jet.books.importers.tabular import TabularImporter

ROWS = f"1,{DAY},Rent,6310,1200.00,\n1,{DAY},Rent,1800,,1200.00\n"
LINES = {"1": [("6310", "D", 1200), ("1800", "C", 1200)]}


@pytest.mark.parametrize(
    ("before", "reasons"),
    [
        ('"Acme GmbH"\n"General ledger 2025"\n\n', {"preamble": 2, "blank": 1}),
        ("Acme, Inc.,,,,\n,,,,,\nPeriod:,2025-01-01,to,2025-12-31,,\n", {"preamble": 3}),
        ("sep=,\n", {"preamble": 1}),
        ("\ufeffsep=,\r\n", {"preamble": 1}),
        ('"EXTF";700;21;"Buchungsstapel";13;\n', {"preamble": 1}),
        ("Acme \"the best\" Inc\n'Ledger'\n", {"preamble": 2}),
        ("\n" * 150, {"blank": 150}),
        (",,,,Amount,Amount\n", {"preamble": 1}),
    ],
)
def test_what_stands_before_the_header_is_passed_over(before, reasons):
    records = read(before + HEADER + ROWS)
    assert (booked(records), passed(records)) == (LINES, reasons | {"header": 1})
    assert only(Entry, records)[0].file_line == before.count("\n") + 2
    assert_all_lines_are_counted(records)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_excels_own_line_names_the_delimiter(delimiter):
    text = (HEADER + ROWS.replace("Rent", "a. b")).replace(",", delimiter).replace(".", ",", 1)
    records = read(f"sep={delimiter}\n" + text)
    assert booked(records) == LINES


def test_the_setting_says_how_many_lines_stand_before_the_header():
    text = "entry_id,date,description\nx,y,z\n" + HEADER + ROWS
    assert booked(read(text, skip_lines=2)) == LINES
    with pytest.raises(
        UnreadableFile, match=r"line 2: no column 'entry_id' for entry_id, and none .*; it has x, y, z"
    ):
        read(text, skip_lines=1)
    with pytest.raises(UnreadableFile, match=r"no header after 9 lines; correct ingest\.skip_lines"):
        read(text, skip_lines=9)


def test_a_header_may_stand_in_two_lines_or_in_cells_with_newlines():
    assert (
        booked(
            read(
                "Entry,Posting,,,,\nid,date,description,account,debit,credit\n" + ROWS,
                columns={"date": "posting date"},
            )
        )
        == LINES
    )
    assert booked(read('"Entry\nid",date,description,account,debit,credit\n' + ROWS)) == LINES


@pytest.mark.parametrize(
    "header",
    [
        "Entry ID,Date,Description,Account,Debit,Credit\n",
        " ENTRY_ID , date,description,account,debit,credit \n",
        "entry-id,date,description,account,debit,credit\n",
        '"Entry Id","Date","Description","Account","Debit","Credit"\n',
    ],
)
def test_columns_are_named_in_any_case_and_with_blanks(header):
    assert booked(read(header + ROWS)) == LINES
    assert (
        booked(read(header + ROWS, columns={"entry_id": "ENTRY id" if "-" not in header else "Entry-ID"}))
        == LINES
    )


def test_a_name_that_two_columns_have_is_an_error_unless_one_has_it_exactly():
    with pytest.raises(UnreadableFile, match="column 'entry_id' comes more than once; rename all but one"):
        read("Entry ID,ENTRY_ID,date,description\n1,2,3,4\n")
    records = read(f"Entry ID,entry_id,date,description\n1,2,{DAY},4\n")
    assert [entry.entry_id for entry in only(Entry, records)] == ["2"]


def test_a_column_that_the_settings_give_to_a_field_is_no_other_fields():
    records = read(f"entry_id,date,Text,amount\n1,{DAY},x,5\n", columns={"description": "Text"})
    assert only(Entry, records)[0].description == "x"


def test_a_file_without_header_is_refused_with_the_columns_sought_and_what_it_begins_with():
    with pytest.raises(UnreadableFile) as error:
        read("Kto;Datum;Betrag\n1;2;3\n")
    said = ("entry_id, date, description", "Kto;Datum;Betrag / 1;2;3", "ingest.columns", "in ingest.skip_lines")
    for part in said:
        assert part in str(error.value)


def test_a_file_is_recognized_by_a_header_below_titles():
    importer = TabularImporter()
    assert importer.recognizes("x.txt", b"Acme\n\n" + HEADER.encode())
    assert importer.recognizes("x.txt", b'Acme\r\n"entry_id";"date";"description"\r\n')
    assert not importer.recognizes("x.txt", b"Dear all,\n\nthe date, as you see, is kept.\n")


def test_rows_without_id_and_date_belong_to_the_entry_above():
    rows = f"B/1,{DAY},Rent,6310,1200.00,0.00\n,,,1401,228.00,0.00\n,,,3300,0.00,1428.00\n"
    records = read(HEADER + rows + rows.replace("B/1", "B/2").replace(",,,33", "\n,,,33"))
    assert [
        (entry.entry_id, len(entry.lines), entry.file_line, entry.file_lines) for entry in only(Entry, records)
    ] == [
        ("B/1", 3, 2, 3),
        ("B/2", 3, 5, 3),
    ]
    assert_all_lines_are_counted(records)


@pytest.mark.parametrize(
    "rows",
    [
        f"1,{DAY},Rent,6310,1200.00,\n,{DAY},,1800,,1200.00\n",
        f"1,{DAY},Rent,6310,1200.00,\n1,,,1800,,1200.00\n",
        f"1,{DAY},Rent,,,\n,,,6310,1200.00,\n,,,1800,,1200.00\n",
        f"1,{DAY},Rent,,,\n1,{DAY},Rent,6310,1200.00,\n1,{DAY},Rent,1800,,1200.00\n",
    ],
)
def test_what_belongs_to_an_entry_may_be_said_once_in_its_first_row_or_in_a_row_of_its_own(rows):
    records = read(HEADER + rows)
    assert booked(records) == LINES
    assert only(Entry, records)[0].file_lines == rows.count("\n")


def test_parquet_rows_are_filled_down_too():
    columns = {"entry_id": ["1", None, "2", None], "date": [DAY, None, DAY, None], "description": list("abcd")}
    columns |= {"account": [1, 2, 1, 2], "debit": [5.0, None, 7, None], "credit": [None, 5.0, None, 7.0]}
    records = read(parquet(columns))
    assert booked(records) == {"1": [("1", "D", 5), ("2", "C", 5)], "2": [("1", "D", 7), ("2", "C", 7)]}
    assert_all_lines_are_counted(records)


def test_a_row_without_id_below_an_entry_that_is_complete_without_it_is_rejected_alone():
    records = read(HEADER + ROWS + ",,,9999,7.00,\n" + ROWS.replace("1,2", "2,2"))
    assert booked(records) == LINES | {"2": LINES["1"]}
    assert rules(records) == [(Rule.MISSING_ID, 4)]
    assert_all_lines_are_counted(records)


def test_a_row_with_another_day_and_no_id_belongs_to_no_entry():
    records = read(HEADER + ROWS + ",2025-02-01,x,9999,7.00,\n")
    assert (booked(records), rules(records)) == (LINES, [(Rule.MISSING_ID, 4)])


@pytest.mark.parametrize(
    "row",
    [
        "Total,,,,1200.00,1200.00\n",
        ",,Summe,,1200.00,1200.00\n",
        ",,Summa 1930,,1200.00,\n",
        ",,,,1200.00,1200.00\n",
        "Sous-total :,,,,1200.00,\n",
        f",{DAY},Opening balance,1930,100.00,\n",
        ",,Ingående balans,1930,100.00,\n",
        ",,SALDO,,,\n",
        "Итого,,,,1,1\n",
        "合計,,,,1,1\n",
    ],
)
def test_sums_and_balances_between_the_rows_make_no_entry(row):
    second = ROWS.replace("1,2", "2,2")
    records = read(HEADER + row + ROWS + row + second + row)
    assert booked(records) == LINES | {"2": LINES["1"]}
    assert (passed(records), rules(records)) == ({"header": 1, "total": 3}, [])
    assert_all_lines_are_counted(records)


def test_a_supplier_called_total_is_no_sum():
    rows = f"1,{DAY},Total Energies,6310,50.00,\n,,Total Energies fuel,1800,,50.00\n"
    assert len(booked(read(HEADER + rows))["1"]) == 2
    rows = f"Total,{DAY},Total,6310,50.00,\nTotal,{DAY},Total,1800,,50.00\n"
    assert len(booked(read(HEADER + rows))["Total"]) == 2


def test_the_header_may_come_again():
    records = read(HEADER + ROWS + HEADER + ROWS.replace("1,2", "2,2"))
    assert (list(booked(records)), passed(records), rules(records)) == (["1", "2"], {"header": 2}, [])


def test_titles_and_footers_are_refused_and_named():
    records = read(HEADER + ROWS + "Printed by admin,,,,,\n")
    assert booked(records) == LINES
    assert "the row holds 'Printed by admin' only" in only(Rejection, records)[0].message
    assert_all_lines_are_counted(records)


entries = st.lists(st.integers(1, 10**6), min_size=1, max_size=8)


@settings(max_examples=100, deadline=None)
@given(entries, st.randoms(use_true_random=False))
def test_rows_in_any_order_make_the_same_entries(amounts, order: random.Random):
    rows = [
        row
        for number, amount in enumerate(amounts)
        for row in (
            f"{number},{DAY},x,1930,,{2 * amount}\n",
            f"{number},{DAY},x,2641,{amount},\n",
            f"{number},{DAY},x,5010,{amount},\n",
        )
    ]
    order.shuffle(rows)
    records = read(HEADER + "".join(rows))
    found = {number: sorted(lines) for number, lines in booked(records).items()}
    assert found == {
        str(number): [("1930", "C", 2 * amount), ("2641", "D", amount), ("5010", "D", amount)]
        for number, amount in enumerate(amounts)
    }
    assert rules(records) == []
    assert_all_lines_are_counted(records)


def test_an_id_that_two_complete_entries_have_is_the_firsts():
    rows = ROWS + ROWS.replace("1,2", "2,2") + ROWS + ROWS.replace("1,2", "3,2") + ROWS
    records = read(HEADER + rows)
    assert booked(records) == dict.fromkeys("123", LINES["1"])
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line, rejection.file_lines) == (Rule.NOT_ADJACENT, 6, 4)
    assert "in line 2: give each entry its own" in rejection.message
    assert_all_lines_are_counted(records)


def test_rows_of_an_id_that_lie_apart_and_differ_in_date_are_refused_with_the_cause():
    rows = f"1,2024-01-31,x,1,5,\n2,{DAY},x,1,5,\n2,{DAY},x,2,,5\n1,{DAY},x,2,,5\n"
    records = read(HEADER + rows)
    found = [check_entry(entry) for entry in only(Entry, records)]
    assert [rejection and (rejection.rule, rejection.file_line) for rejection in found] == [
        *(("one_sided", 2), None, ("one_sided", 5))
    ]
    assert "the same id, day and journal" in found[0].message
    assert_all_lines_are_counted(records)


def test_in_a_file_too_long_to_wait_ids_whose_rows_lie_apart_are_refused_once_each(monkeypatch):
    monkeypatch.setattr(survey, "MOST_HELD_ROWS", 5)
    rows = "".join(
        f"{number},{DAY},x,{account},{amount}\n"
        for account, amount in ((1, "5,"), (2, ",5"))
        for number in range(3)
    )
    records = read(HEADER + rows)
    assert [rejection.file_lines for rejection in only(Rejection, records)] == [2, 2, 2]
    assert {rejection.rule for rejection in only(Rejection, records)} == {Rule.NOT_ADJACENT}
    assert "from line 2 and again from line 5" in only(Rejection, records)[0].message
    assert "sort it by entry_id" in only(Rejection, records)[0].message
    assert_all_lines_are_counted(records)


def test_lines_that_are_drawn_between_the_rows_are_passed_over():
    lines = "|---|----------|-|-|------|\n"
    rows = f"|1  |{DAY}|x|1| 5,00 |\n|1  |{DAY}|x|2| 5,00-|\n"
    records = read(f"|entry_id|date|description|account|amount|\n{lines}{rows}{lines}")
    assert booked(records) == {"1": [("1", "D", 5), ("2", "C", 5)]}
    assert (passed(records)["line drawn"], rules(records)) == (2, [])
    assert_all_lines_are_counted(records)


def test_entries_to_predict_of_one_id_and_day_are_refused_with_the_cause():
    header = "entry_id,date,description,total\n"
    (rejection,) = only(Rejection, read(header + f"1,{DAY},x,5\n1,{DAY},y,7\n"))
    assert (rejection.rule, rejection.file_lines) == (Rule.DUPLICATE_ID, 2)
    assert "give each an id of its own" in rejection.message
