"""Dates as programs write them: a file's own cells say which of day, month and year comes first."""

import datetime
from contextlib import suppress

import pytest
from counting import only
from hypothesis import given
from hypothesis import strategies as st
from reading_tables import HEADER, assert_all_lines_are_counted, booked, read, rules

from jet.books.importers import Entry, Rejection
from jet.books.importers.dates import Orders

FORMATS = {
    "dmy": ["%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y", "%d %m %Y", "%d.%m.%y", "%d/%m/%y", "%d%m%Y", "%d.%m.%Y."],
    "mdy": ["%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y", "%m/%d/%Y 12:00:00 AM", "%m%d%Y"],
    "one": [
        *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y年%m月%d日"),
        *("%d-%b-%Y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d %Y", "%d. %B %Y", "%d-%b-%y", "%Y-%b-%d"),
    ],
}
EVERY_FORMAT = [each for some in FORMATS.values() for each in some]
JANUARY, FEBRUARY = datetime.date(2025, 1, 31), datetime.date(2025, 2, 1)
AMBIGUOUS = ["%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d/%m/%y", "%d%m%Y", "%d %m %Y", "%y-%m-%d", "%y%m%d"]


def table(*dates):
    return HEADER + "".join(
        f'{number},"{date}",x,1,5,\n{number},"{date}",x,2,,5\n' for number, date in enumerate(dates)
    )


def days(records):
    return [entry.date for entry in only(Entry, records)]


@pytest.mark.parametrize("written", EVERY_FORMAT)
def test_a_cell_that_only_one_order_fits_decides_for_the_file(written):
    records = read(table(FEBRUARY.strftime(written), JANUARY.strftime(written)))
    assert (days(records), rules(records)) == ([FEBRUARY, JANUARY], [])
    assert_all_lines_are_counted(records)


@given(
    st.sampled_from(FORMATS["dmy"] + FORMATS["mdy"] + FORMATS["one"]),
    st.lists(st.dates(datetime.date(1970, 1, 1), datetime.date(2060, 12, 31)), max_size=20),
)
def test_dates_of_a_file_come_back(written, some):
    some = [*some, JANUARY]
    assert days(read(table(*(day.strftime(written) for day in some)))) == some


@pytest.mark.parametrize("written", AMBIGUOUS)
def test_a_file_whose_dates_have_two_readings_is_refused_with_both_and_the_format_that_decides(written):
    text = table(FEBRUARY.strftime(written))
    (rejection,) = only(Rejection, read(text))
    assert (rejection.rule, rejection.file_lines) == ("bad_date", 2)
    assert "nothing in the file decides" in rejection.message
    assert "2025-02-01" in rejection.message
    formats = rejection.message.rpartition("date_format to ")[2].split(" or ")
    assert len(formats) == 2
    assert days(read(text, date_format=written)) == [FEBRUARY]
    readings = {days(read(text, date_format=each))[0] for each in formats}
    assert FEBRUARY in readings
    assert len(readings) == 2


def test_dots_part_dates_with_the_day_first_unless_a_cell_says_otherwise():
    assert days(read(table("01.02.2025"))) == [FEBRUARY]
    assert days(read(table("02.01.2025", "01.31.2025"))) == [FEBRUARY, JANUARY]


def test_a_date_that_is_the_same_in_every_order_is_read():
    assert days(read(table("02/02/2025"))) == [datetime.date(2025, 2, 2)]


def test_dates_in_several_orders_are_said_once_and_read_where_they_have_one_reading():
    records = read(table("31/01/2025", "02/13/2025", "01/02/2025"))
    assert days(records) == [JANUARY, datetime.date(2025, 2, 13)]
    note, refused = only(Rejection, records)
    assert (note.used_for, note.file_lines) == ("all", 0)
    assert "'31/01/2025' in line 2 and '02/13/2025' in line 4" in note.message
    assert (refused.file_line, refused.file_lines) == (6, 2)
    assert "written both ways" in refused.message
    assert_all_lines_are_counted(records)


@pytest.mark.parametrize(("text", "day"), [("45688", "2025-01-31"), ("45688.5", "2025-01-31")])
def test_a_spreadsheets_number_of_a_day_is_refused_with_the_day_that_it_is(text, day):
    (rejection,) = only(Rejection, read(table(text)))
    assert day in rejection.message
    assert "spreadsheet" in rejection.message


@pytest.mark.parametrize(
    "text", ["31/02/2025", "0501", "2025", "soon", "31/13/2025", "2025/31/01", "1/2", "31-Foo-2025", "1" * 90]
)
def test_what_is_no_date_is_refused_with_the_setting(text):
    (rejection,) = only(Rejection, read(table(text)))
    assert "ingest.date_format" in rejection.message


def test_a_day_of_the_format_given_may_have_a_time_behind_it():
    assert days(read(table("01.02.2025 00:00:00"), date_format="%d.%m.%Y")) == [FEBRUARY]
    assert days(read(table("2/1/2025 12:00:00 AM"), date_format="%m/%d/%Y")) == [FEBRUARY]


@pytest.mark.parametrize(
    "text",
    ["1. Februar 2025", "1 février 2025", "1-feb-25", "1 de febrero de 2025", "1 feb. 2025", "Feb. 1st, 2025"],
)
def test_months_have_names_in_several_languages(text):
    assert days(read(table(text))) == [FEBRUARY]


@given(st.text(max_size=80))
def test_any_text_is_a_day_or_refused(text):
    orders = Orders()
    orders.add(text, 1)
    with suppress(ValueError):
        assert isinstance(orders.day(text), datetime.date)


def test_numbers_that_begin_anew_with_a_year_are_entries_of_their_own():
    rows = "".join(
        f"{number},{year}-01-0{number},x,{account},{amount}\n"
        for year in (2023, 2024)
        for number in (1, 2)
        for account, amount in ((1, "5,"), (2, ",5"))
    )
    records = read(HEADER + rows)
    assert [(entry.entry_id, entry.date.year) for entry in only(Entry, records)] == [
        *(("1", 2023), ("2", 2023), ("1", 2024), ("2", 2024))
    ]
    assert_all_lines_are_counted(records)


@pytest.mark.parametrize("other", ["2024-01-05,VT", "2023-01-05,AC"])
def test_numbers_of_another_day_or_journal_right_below_are_another_entry(other):
    header = "entry_id,date,journal,description,account,amount\n"
    rows = f"1,2023-01-05,VT,x,1,5\n1,,,x,2,-5\n1,{other},y,3,7\n1,{other},y,4,-7\n"
    records = read(header + rows)
    assert [entry.description for entry in only(Entry, records)] == ["x", "y"]
    assert_all_lines_are_counted(records)


def test_rows_of_two_days_that_balance_together_only_are_refused_once():
    (rejection,) = only(Rejection, read(HEADER + "1,2023-01-05,x,1,5,\n1,2023-01-06,x,2,,5\n"))
    assert (rejection.rule, rejection.file_lines) == ("inconsistent", 2)


def test_rows_of_two_journals_that_balance_together_only_are_one_entry():
    header = "entry_id,date,journal,description,account,amount\n"
    records = read(header + "1,2023-01-05,VT,x,1,5\n1,2023-01-05,AC,x,2,-5\n")
    assert [len(lines) for lines in booked(records).values()] == [2]


def test_two_unbalanced_entries_of_one_id_are_two():
    rows = "".join(f"1,{year}-01-05,x,1,5,\n1,{year}-01-05,x,2,,6\n" for year in (2023, 2024))
    assert [entry.date.year for entry in only(Entry, read(HEADER + rows))] == [2023, 2024]


@pytest.mark.parametrize("text", ["010203", "01-02-03"])
def test_a_date_that_every_order_fits_is_refused_where_nothing_decides(text):
    (rejection,) = only(Rejection, read(table(text)))
    assert rejection.rule == "bad_date"
    assert "nothing in the file decides" in rejection.message
