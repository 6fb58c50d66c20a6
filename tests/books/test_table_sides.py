"""Sides, signs and directions of tables."""

import datetime
from decimal import Decimal

import pytest
from counting import only
from reading_tables import DAY, HEADER, assert_all_lines_are_counted, booked, parquet, read, rules

from jet.books.checks import Rule
from jet.books.importers import Entry, Rejection

SIDES = "entry_id,date,description,account,side,amount\n"
BOTH = [("1", "D", 5), ("2", "C", 5)]
TURNED = [("1", "C", 5), ("2", "D", 5)]


def sided(debit, credit, amount="5"):
    return f"1,{DAY},x,1,{debit},{amount}\n1,{DAY},x,2,{credit},{amount}\n"


def feed(header, *rows, **options):
    """The direction and total of each entry to predict."""
    text = "".join(f"{number},{DAY},x,{row}\n" for number, row in enumerate(rows, 1))
    records = read(f"entry_id,date,description,{header}\n{text}", **options)
    assert_all_lines_are_counted(records)
    assert all(entry.lines is None for entry in only(Entry, records))
    return [(entry.direction, entry.total) for entry in only(Entry, records)] + rules(records)


@pytest.mark.parametrize(
    ("debit", "credit"),
    [
        *(("D", "C"), ("d", "c"), ("Dr", "Cr"), ("DR.", "CR."), ("Debit", "Credit"), ("S", "H"), ("s", "h")),
        *(
            ("Soll", "Haben"),
            ("D", "K"),
            ("Debet", "Kredit"),
            ("DBIT", "CRDT"),
            ("Débit", "Crédit"),
            ("D", "H"),
        ),
        *(
            ("Debe", "Haber"),
            ("D", "A"),
            ("Dare", "Avere"),
            ("Wn", "Ma"),
            ("MD", "D"),
            ("Дт", "Кт"),
            ("T", "K"),
        ),
        *(("借", "貸"), ("借方", "貸方"), ("+", "-"), ("+", "\u2212"), ("B", "A"), ("Débito", "Crédito")),
        *(("De\u0301bit", "CRE\u0301DIT"), ("Dt", "Kt"), ("Deb.", "Cred."), ("차변", "대변"), ("D", "P")),
    ],
)
def test_sides_are_named_in_many_languages(debit, credit):
    assert booked(read(SIDES + sided(debit, credit))) == {"1": BOTH}
    assert booked(read(SIDES + sided(debit, credit, "-5"))) == {"1": TURNED}
    columns = {"entry_id": [1, 1], "date": [DAY] * 2, "description": ["x"] * 2, "account": [1, 2]}
    assert booked(read(parquet(columns | {"side": [debit, credit], "amount": [5.0, 5.0]}))) == {"1": BOTH}


def test_a_letter_that_is_debit_beside_one_word_and_credit_beside_another_is_refused():
    records = read(SIDES + sided("MD", "D") + sided("D", "K").replace("1,2", "2,2"))
    assert rules(records) == [(Rule.BAD_SIDE, 3), (Rule.BAD_SIDE, 4)]
    assert "say which in ingest.sides" in only(Rejection, records)[0].message
    assert booked(read(SIDES + sided("MD", "D"), sides={"D": "C"})) == {"1": BOTH}


def test_unknown_words_are_refused_with_the_known_ones_and_the_setting_names_them():
    records = read(SIDES + sided("left", "right"))
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line) == (Rule.BAD_SIDE, 2)
    assert all(part in rejection.message for part in ("'left'", "say in ingest.sides", "S/H", "DBIT/CRDT"))
    assert booked(read(SIDES + sided("left", "right"), sides={"Left": "D", "RIGHT": "C"})) == {"1": BOTH}
    assert booked(read(SIDES + sided("D", "C"), sides={"D": "C", "C": "D"})) == {"1": TURNED}


def test_a_side_beside_debits_and_credits_agrees_with_them():
    header = "entry_id,date,description,account,side,debit,credit\n"
    assert booked(read(header + f"1,{DAY},x,1,S,5,0\n1,{DAY},x,2,H,,5\n")) == {"1": BOTH}
    assert rules(read(header + f"1,{DAY},x,1,S,0,5\n1,{DAY},x,2,H,,5\n")) == [(Rule.BAD_SIDE, 2)]


def test_a_side_may_stand_beside_the_amount():
    header = "entry_id;date;description;account;amount\n"
    rows = f"1;{DAY};x;1;1.200,00 S\n1;{DAY};x;2;1.200,00 H\n"
    assert booked(read(header + rows)) == {"1": [("1", "D", 1200), ("2", "C", 1200)]}
    assert rules(read(HEADER + f"1,{DAY},x,1,5 Cr,\n1,{DAY},x,2,,5\n")) == [(Rule.BAD_SIDE, 2)]


@pytest.mark.parametrize(
    "rows",
    [
        f"1,{DAY},x,1,-5,\n1,{DAY},x,2,,-5\n",
        f"1,{DAY},x,1,(5.00),0.00\n1,{DAY},x,2,0.00,5.00-\n",
        f"1,{DAY},x,1,\u22125,-\n1,{DAY},x,2,-,\u22125\n",
        f"1,{DAY},x,1,-5,\n1,{DAY},x,2,5,\n",
        f"1,{DAY},x,1,,5\n1,{DAY},x,2,,-5\n",
    ],
)
def test_a_negative_debit_is_a_credit_and_the_other_way_round(rows):
    records = read(HEADER + rows)
    assert booked(records) == {"1": TURNED}
    assert only(Entry, records)[0].total == 5


def test_a_negative_debit_of_a_typed_column_is_a_credit():
    columns = {"entry_id": [1, 1], "date": [datetime.date(2025, 1, 31)] * 2, "description": ["x"] * 2}
    columns |= {"account": [1, 2], "debit": [Decimal("-5.00"), None], "credit": [None, Decimal("-5.00")]}
    assert booked(read(parquet(columns))) == {"1": TURNED}


def test_a_line_with_a_debit_and_a_credit_is_refused_unless_one_is_zero():
    assert rules(read(HEADER + f"1,{DAY},x,1,5,3\n1,{DAY},x,2,,2\n")) == [(Rule.BAD_SIDE, 2)]
    assert booked(read(HEADER + f"1,{DAY},x,1,5,0.00\n1,{DAY},x,2,0,5\n1,{DAY},x,3,0,0\n")) == {"1": BOTH}


@pytest.mark.parametrize("header", ["total", "amount", "account,amount"])
def test_the_sign_of_an_entry_to_predict_is_its_direction_where_the_file_has_both(header):
    comma = "," if "account" in header else ""
    both = [f"{comma}-1200.00", f"{comma}450.00", f"{comma}(7.00)", f"{comma}0.00", comma]
    assert feed(header, *both) == [("out", 1200), ("in", 450), ("out", 7), ("", 0), ("", None)]
    assert feed(header, *both[1:2]) == [("", 450)]


def test_a_debit_of_the_bank_is_money_that_comes_in():
    found = feed("debit,credit", ",1200.00", "450.00,", "450.00,0.00", "-3,", ",-3", "-,7", "1,2", ",")
    ways = [("out", 1200), ("in", 450), ("in", 450), ("out", 3), ("in", 3), ("out", 7), ("", None)]
    assert found == [*ways, (Rule.BAD_SIDE, 8)]


def test_a_column_of_directions_says_it_and_may_not_contradict_the_sign():
    words = ["5,in", "5,OUT", "5,CRDT", "5,DBIT", "5,Incoming", "5,money out", "5,Gutschrift", "5,Af", "5,"]
    ways = ["in", "out", "in", "out", "in", "out", "in", "out", ""]
    assert feed("total,direction", *words) == [(way, 5) for way in ways]
    assert feed("total,direction", "-5,out", "5,in", "-5,in", "5,out") == [
        *(("out", 5), ("in", 5), (Rule.INCONSISTENT, 4), (Rule.INCONSISTENT, 5))
    ]
    assert feed("total,direction", "5,sideways") == [(Rule.MALFORMED, 2)]


def test_a_bank_statements_own_words_for_sides_are_directions_too():
    assert feed("account,side,amount", ",CRDT,5", ",DBIT,7", ",D,7") == [("in", 5), ("out", 7), ("", 7)]


def test_the_total_of_an_entry_to_predict_is_its_own_and_the_amount_has_the_sign():
    assert feed("amount,total", "-5,6", "5,6") == [("out", 6), ("in", 6)]


def test_typed_columns_have_directions_too():
    columns = {"entry_id": [1, 2], "date": [DAY] * 2, "description": ["x"] * 2, "amount": [-5.0, 7.5]}
    found = only(Entry, read(parquet(columns)))
    assert [(entry.direction, entry.total) for entry in found] == [("out", 5), ("in", Decimal("7.5"))]


def test_booked_entries_keep_the_direction_that_their_column_gives():
    header = "entry_id,date,description,account,amount,direction\n"
    records = read(header + f"1,{DAY},x,1,5,out\n1,{DAY},x,2,-5,\n2,{DAY},x,1,5,in\n2,{DAY},x,2,-5,out\n")
    assert [entry.direction for entry in only(Entry, records)] == ["out"]
    assert rules(records) == [(Rule.INCONSISTENT, 4)]


def test_the_signs_of_booked_rows_say_nothing_of_entries_to_predict():
    rows = f"1,{DAY},x,1,5\n1,{DAY},x,2,-5\n2,{DAY},y,,7\n"
    records = read("entry_id,date,description,account,amount\n" + rows)
    assert [entry.direction for entry in only(Entry, records)] == ["", ""]


def test_a_row_without_account_among_others_of_its_entry_is_a_line_without_account():
    (entry,) = only(Entry, read(HEADER + f"1,{DAY},x,,5,\n1,{DAY},x,2,,5\n"))
    assert [line.account for line in entry.lines] == ["", "2"]


@pytest.mark.parametrize("written", ["EUR", "eur", "€", "CURRENCY::EUR"])
def test_a_currency_has_one_code_however_it_is_written(written):
    header = "entry_id,date,description,account,amount,currency\n"
    rows = f"1,{DAY},x,1,€5,{written}\n1,{DAY},x,2,-5,EUR\n"
    (entry,) = only(Entry, read(header + rows))
    assert [line.currency for line in entry.lines] == ["EUR", "EUR"]


@pytest.mark.parametrize(("debit", "credit"), [("D", "C"), ("S", "H"), ("D", "K"), ("DBIT", "CRDT")])
def test_signs_that_repeat_the_sides_in_the_whole_file_turn_none(debit, credit):
    header = "entry_id,date,description,account,side,amount\n"
    rows = f"1,{DAY},x,1,{debit},5\n1,{DAY},x,2,{credit},-5\n2,{DAY},x,1,{debit},7\n2,{DAY},x,2,{credit},-7\n"
    assert booked(read(header + rows)) == {
        "1": [("1", "D", 5), ("2", "C", 5)],
        "2": [("1", "D", 7), ("2", "C", 7)],
    }
    storno = f"3,{DAY},x,1,{debit},-5\n3,{DAY},x,2,{credit},-5\n"
    assert booked(read(header + storno)) == {"3": [("1", "C", 5), ("2", "D", 5)]}
