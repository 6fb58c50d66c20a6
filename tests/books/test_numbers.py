"""Amounts as people write them, and the one decimal mark of a file."""

from decimal import Decimal

import pytest
from counting import only
from hypothesis import given
from hypothesis import strategies as st
from reading_tables import DAY, HEADER, assert_all_lines_are_counted, booked, parquet, read, rules

from jet.books.checks import Rule
from jet.books.importers import Rejection
from jet.books.importers.numbers import EITHER, parse_amount, read_amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1234.5", "1234.5"),
        ("-1,234.50", "-1234.5"),
        ("1.234,50", "1234.5"),
        ("1 234,50", "1234.5"),
        ("1\u00a0234,50-", "-1234.5"),
        ("1\u202f234\u202f567", "1234567"),
        ("(12.00)", "-12"),
        ("\u2212 7", "-7"),
        ("1'234.50", "1234.5"),
        ("1’234", "1234"),
        ("12,34,567.00", "1234567"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1,234", "1234"),
        ("0,123", "0.123"),
        ("1.234.567", "1234567"),
        ("1234.567", "1234.567"),
        ("1.5e3", "1500"),
        ("1,5E+03", "1500"),
    ],
)
def test_amounts_are_read_as_people_write_them(text, amount):
    assert parse_amount(text) == Decimal(amount)


def test_a_decimal_comma_turns_points_into_separators():
    assert parse_amount("1.234", decimal_comma=True) == 1234
    assert parse_amount("1,234", decimal_comma=True) == Decimal("1.234")
    assert parse_amount("1.5", decimal_comma=True) == Decimal("1.5")


def test_without_a_mark_an_amount_of_two_readings_is_refused_with_both():
    with pytest.raises(
        ValueError, match=r"1\.08 with a decimal point and 1080 with a decimal comma.*decimal_comma"
    ):
        parse_amount("1.080", decimal_comma=None)
    assert parse_amount("1.080,5", decimal_comma=None) == Decimal("1080.5")


@pytest.mark.parametrize(
    "text",
    ["", "-", ".", ",", "1.2.3", "1,2,3", "1.234,567,8", "nan", "1_000", "--5", "1e40", "1 2", "12 34", "5%"],
)
def test_other_amounts_are_not_guessed(text):
    with pytest.raises(ValueError, match="amount"):
        parse_amount(text)


@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("€ 1.200,00", "1200"),
        ("1 200,00 kr", "1200"),
        ("USD 5.00", "5"),
        ("$5", "5"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("($5.00)", "-5"),
        ("R$ 5,50", "5.5"),
        ("Rs.5", "5"),
        ("Rs. 1,00,000.00", "100000"),
        ("CHF 1'200.-", "1200"),
        ("1200,--", "1200"),
        ("0,-", "0"),
        ("-", "0"),
        ("–", "0"),
        ("1,234.50 -", "-1234.5"),
        ("  12.50\t", "12.5"),
    ],
)
def test_currencies_and_dashes_stand_beside_amounts(cell, amount):
    read_as = read_amount(cell)
    assert (read_as.point if read_as.comma is None else read_as.comma) == Decimal(amount)
    assert read_as.mark != EITHER


@pytest.mark.parametrize(
    "cell", ["5K", "5 K", "1.2M", "5 B", "5 apples", "5%", "5 EUR USD", "EUR", "1 2", "9" * 5000]
)
def test_what_stands_beside_an_amount_is_not_ignored_unless_it_is_known(cell):
    with pytest.raises(ValueError, match="amount"):
        read_amount(cell)


def test_a_cell_names_its_currency_and_its_side():
    assert read_amount("1.200,00 EUR").currency == read_amount("€1").currency == "EUR"
    assert [read_amount(cell).side for cell in ("5,00 S", "5,00H", "5.00 Cr", "Dr 5.00", "5")] == [
        *("s", "h", "cr", "dr", "")
    ]


@given(st.text(alphabet="0123456789.,-+() 'eE_٣kKr€DS", max_size=12), st.booleans())
def test_an_amount_is_a_number_or_a_value_error(text, decimal_comma):
    for reads in (
        lambda: parse_amount(text, decimal_comma),
        lambda: read_amount(text).value(".") or Decimal(0),
    ):
        try:
            assert reads().is_finite()
        except ValueError:
            continue


CONVENTIONS = {  # decimal mark and what groups
    "1,234.50": (".", ","),
    "1.234,50": (",", "."),
    "1 234,50": (",", " "),
    "1\u202f234,50": (",", "\u202f"),
    "1'234.50": (".", "'"),
    "1234.50": (".", ""),
    "1234,50": (",", ""),
}


def written(amount, mark, group, decimals):
    """An amount as a program of a country writes it."""
    whole, _, fraction = f"{abs(amount):,.{decimals}f}".partition(".")
    text = whole.replace(",", group) + (mark + fraction if fraction else "")
    return f"-{text}" if amount < 0 else text


money = st.decimals(min_value=Decimal("-9999999"), max_value=Decimal("9999999"), places=2)


@given(st.lists(money, min_size=1, max_size=6), st.sampled_from(sorted(CONVENTIONS)), st.sampled_from([0, 2]))
def test_no_amount_of_a_file_is_off_from_what_was_written(amounts, convention, decimals):
    mark, group = CONVENTIONS[convention]
    amounts = [round(amount, decimals) for amount in amounts if round(amount, decimals)]
    rows = "".join(
        f"{number};{DAY};x;1;{written(amount, mark, group, decimals)}\n"
        f"{number};{DAY};x;2;{written(-amount, mark, group, decimals)}\n"
        for number, amount in enumerate(amounts)
    )
    records = read("entry_id;date;description;account;amount\n" + rows)
    assert_all_lines_are_counted(records)
    refused = {rejection.entry_id for rejection in only(Rejection, records)}
    assert all("decimal_comma" in rejection.message for rejection in only(Rejection, records))
    for number, amount in enumerate(amounts):
        if str(number) not in refused:
            side, other = ("D", "C") if amount > 0 else ("C", "D")
            assert booked(records)[str(number)] == [("1", side, abs(amount)), ("2", other, abs(amount))]
    if decimals or not group:
        assert not refused


def test_the_cells_of_a_file_decide_its_decimal_mark_for_those_before_them_too():
    rows = f"1;{DAY};x;1;1.080;\n1;{DAY};x;2;;1.080\n2;{DAY};x;1;2,50;\n2;{DAY};x;2;;2,50\n"
    assert booked(read(HEADER.replace(",", ";") + rows))["1"] == [("1", "D", 1080), ("2", "C", 1080)]
    rows = rows.replace("2,50", "2.50")
    assert booked(read(HEADER.replace(",", ";") + rows))["1"][0] == ("1", "D", Decimal("1.08"))


def test_integers_and_zeros_decide_nothing_and_an_amount_of_two_readings_is_refused_with_the_setting():
    rows = f"1,{DAY},x,1,1.080,0.00\n1,{DAY},x,2,0,1.080\n2,{DAY},x,1,7,\n2,{DAY},x,2,,7\n"
    records = read(HEADER + rows)
    (rejection,) = only(Rejection, records)
    assert (rejection.rule, rejection.file_line, rejection.file_lines) == (Rule.BAD_AMOUNT, 2, 2)
    assert "1.08 with a decimal point and 1080 with a decimal comma" in rejection.message
    assert "set ingest.decimal_comma to" in rejection.message
    assert list(booked(records)) == ["2"]
    assert booked(read(HEADER + rows, decimal_comma=True))["1"][0][2] == 1080
    assert booked(read(HEADER + rows, decimal_comma=False))["1"][0][2] == Decimal("1.08")
    assert_all_lines_are_counted(records)


def test_an_entry_that_balances_by_one_reading_only_decides_for_the_file():
    rows = f"1,{DAY},x,1,1.080,\n1,{DAY},x,2,,1000\n1,{DAY},x,3,,80\n2,{DAY},x,1,1.500,\n2,{DAY},x,2,,1.500\n"
    assert [lines[0][2] for lines in booked(read(HEADER + rows)).values()] == [1080, 1500]


def test_entries_that_balance_by_different_readings_decide_nothing():
    rows = f"1,{DAY},x,1,1.080,\n1,{DAY},x,2,,1000\n1,{DAY},x,3,,80\n2,{DAY},x,1,2.000,\n2,{DAY},x,2,,2\n"
    assert rules(read(HEADER + rows)) == [(Rule.BAD_AMOUNT, 2), (Rule.BAD_AMOUNT, 5)]


def test_a_file_with_both_marks_says_so_once_and_gives_up_only_what_it_leaves_open():
    rows = f'1,{DAY},x,1,12.50,\n1,{DAY},x,2,,"12,50"\n2,{DAY},x,1,1.080,\n2,{DAY},x,2,,1.080\n'
    records = read(HEADER + rows + rows.replace("1,2", "3,2", 2).replace("\n2,", "\n4,"))
    notice, *refused = only(Rejection, records)
    assert "'12.50' in line 2 has a decimal point, and '12,50' in line 3 a decimal comma" in notice.message
    assert (notice.used_for, notice.file_lines) == ("all", 0)
    assert [rejection.entry_id for rejection in refused] == ["2", "4"]
    assert booked(records)["1"] == [("1", "D", Decimal("12.5")), ("2", "C", Decimal("12.5"))]
    assert_all_lines_are_counted(records)
    assert booked(read(HEADER + rows, decimal_comma=True))["2"][0][2] == 1080


def test_the_text_columns_of_parquet_decide_in_the_same_way():
    columns = {"entry_id": [1, 1, 2, 2], "date": [DAY] * 4, "description": ["x"] * 4, "account": [1, 2] * 2}
    file = parquet(columns | {"amount": ["1.080", "-1.080", "2,50", "-2,50"]})
    assert booked(read(file))["1"] == [("1", "D", 1080), ("2", "C", 1080)]


def test_the_currency_beside_an_amount_is_the_lines_and_must_be_its_columns():
    rows = f"1,{DAY},x,1,EUR 5,\n1,{DAY},x,2,,5 EUR\n"
    records = read(HEADER + rows)
    entry = records[0]
    assert (entry.currency, [line.currency for line in entry.lines]) == ("EUR", ["EUR", "EUR"])
    header = HEADER.replace("credit", "credit,currency")
    assert rules(read(header + rows.replace("\n", ",USD\n"))) == [(Rule.BAD_AMOUNT, 2)]
    assert booked(read(header + rows.replace("\n", ",eur\n")))["1"] == booked(records)["1"]
