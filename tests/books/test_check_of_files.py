"""The check of ledger files: everything that is wrong, at once, and a config that reads them."""

from __future__ import annotations

import json
import os

import pytest

from jet.books.checking import check
from jet.books.importers import ImportSettings, UnreadableFile

HEADER = "Voucher;Day;Text;Account;Debit;Credit\n"


def entry(number, debit="12,50", credit="12,50", day="2025-01-31"):
    return f"{number};{day};Rent;6310;{debit};\n{number};{day};Rent;1800;;{credit}\n"


@pytest.fixture
def books(tmp_path):
    """Files, of which one balances in all but one entry, one has a day that could be a month, and one has no
    account."""
    rows = [entry(number) for number in range(30)]
    rows[3], rows[7] = entry(3, credit="12,60"), entry(7, day="2025-02-30")
    (tmp_path / "good.csv").write_text(HEADER + "".join(rows))
    (tmp_path / "day.csv").write_text(HEADER + entry(1, day="03/04/2025"))
    (tmp_path / "strange.csv").write_text("Voucher;Day;Text;Whatever;Something\n1;2025-01-31;Rent;6310;12\n")
    return tmp_path


def test_all_that_is_wrong_is_said_at_once(books):
    checked = check([str(books / f"{name}.csv") for name in ("good", "day", "strange")], ImportSettings())
    day, strange = sorted(checked.unreadable)
    assert day.startswith(f"{books}{os.sep}day.csv: ")
    assert "set ingest.date_format to %d/%m/%Y or %m/%d/%Y" in day
    assert "no column is known as account" in strange
    assert "as debit and credit, or amount; of its columns, Whatever, Something may be" in strange
    assert [(rule, len(rows)) for rule, rows in checked.rejected.items()] == [
        ("bad_date", 2),
        ("unbalanced", 1),
    ]
    said = list(checked.wrong())
    assert f"  {books}{os.sep}good.csv:8: debits 12.5 and credits 12.6 differ by 0.1" in "\n".join(said)
    assert "29 entries of 1 companies in 2 files" in next(checked.said())


def test_the_config_of_a_refused_file_reads_it_once_it_is_corrected(books):
    path = str(books / "day.csv")
    (config,) = check([path], ImportSettings()).configs
    settings = json.loads(config) | {"date_format": "%d/%m/%Y"}
    checked = check([path], ImportSettings(**settings))
    assert not checked.unreadable
    assert not checked.rejected
    assert str(checked.ledger.entries["date"][0]) == "2025-04-03"
    assert not checked.configs


def test_every_missing_column_of_a_mapping_is_named(books):
    columns = {"entry_id": "Voucher", "date": "Date", "description": "Words", "account": "Account"}
    (why,) = check([str(books / "good.csv")], ImportSettings(columns=columns)).unreadable
    assert "no column 'Date' for date, and none 'Words' for description; it has Voucher" in why


def test_one_company_made_of_several_files_is_told_apart_from_several(books):
    (books / "year.csv").write_text(HEADER + entry(99))
    paths = [str(books / "good.csv"), str(books / "year.csv")]
    assert "2 companies are called like their files or folders (good, year)" in "\n".join(
        check(paths, ImportSettings()).wrong()
    )
    checked = check(paths, ImportSettings(entity="Acme"))
    assert "2 companies" not in "\n".join(checked.wrong())
    assert list(checked.said())[1].startswith("company Acme: 30 entries of 2 files: ")


def test_only_three_rows_of_a_rule_are_shown(tmp_path):
    path = tmp_path / "books.csv"
    columns = {"entry_id": "Voucher", "date": "Day", "description": "Text"}
    path.write_text(HEADER + "".join(entry(number, credit="1,25") for number in range(9)))
    said = list(check([str(path)], ImportSettings(columns=columns)).wrong())
    assert said[0] == "unbalanced: 9 rows are rejected, or used in part:"
    assert [line.partition("differ")[0] for line in said[1:4]] == [
        f"  {path}:{line}: debits 12.5 and credits 1.25 " for line in (2, 4, 6)
    ]
    assert not said[4].startswith(" ")


def test_a_path_without_files_is_refused(tmp_path):
    with pytest.raises(UnreadableFile, match="no such file"):
        check([str(tmp_path / "none.csv")], ImportSettings())
