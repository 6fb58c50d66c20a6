"""The demo ledger is sound bookkeeping, exactly as large as asked, the same every time, and rightly hard."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from jet.books.schema import NATURES
from jet.demo import DemoSettings, demo_rows, write_demo_ledger
from jet.demo.business import net_of
from jet.demo.charts import GROUPS, NATIONAL
from jet.demo.company import Company, apportion
from jet.demo.trades import LANGUAGES, PHRASES
from jet.demo.writer import company_sizes

Row = dict[str, Any]


@dataclass
class Books:
    """One company as the ledger has it, with the lines of the open entries filled in."""

    accounts: dict[str, Row] = field(default_factory=dict)
    entries: list[Row] = field(default_factory=list)
    open_ids: list[str] = field(default_factory=list)


def demo_entries(settings: DemoSettings) -> Iterator[Row]:
    return (json.loads(row.json) for row in demo_rows(settings))


def read(settings: DemoSettings) -> dict[str, Books]:
    companies: dict[str, Books] = defaultdict(Books)
    for row in demo_rows(settings):
        books = companies[row.entity]
        record = json.loads(row.truth or row.json)
        if row.kind == "account":
            assert not books.entries, "the chart comes first"
            books.accounts[record["code"]] = record
        else:
            books.entries.append(record)
            if row.kind == "open":
                books.open_ids.append(record["entry_id"])
    return companies


@pytest.fixture(scope="module")
def ledger() -> dict[str, Books]:
    return read(DemoSettings())


def every_entry(ledger: dict[str, Books]) -> list[Row]:
    return [entry for books in ledger.values() for entry in books.entries]


def signature(entry: Row) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((line["account"], line["side"]) for line in entry["lines"]))


def lookup_share(ledger: dict[str, Books]) -> float:
    """How often the last strictly earlier entry with the same text has exactly the right accounts."""
    right = total = 0
    for books in ledger.values():
        first = int(len(books.entries) * 0.85)
        latest: dict[str, Any] = {}
        same_day: list[tuple[str, Any]] = []
        day = ""
        for place, entry in enumerate(books.entries):
            if entry["date"] != day:
                latest.update(same_day)
                same_day, day = [], entry["date"]
            text = " ".join(unicodedata.normalize("NFKC", entry["description"]).casefold().split())
            if place >= first:
                total += 1
                right += latest.get(text) == signature(entry)
            same_day.append((text, signature(entry)))
    return right / total


def test_entries_balance_with_both_sides_and_positive_amounts(ledger):
    for entry in every_entry(ledger):
        sums = {"D": Decimal(0), "C": Decimal(0)}
        for line in entry["lines"]:
            assert line["amount"] == f"{Decimal(line['amount']):.2f}"
            assert Decimal(line["amount"]) > 0
            sums[line["side"]] += Decimal(line["amount"])
        assert sums["D"] == sums["C"] > 0, entry


def test_accounts_are_in_the_chart_open_on_the_day_and_never_groups(ledger):
    for books in ledger.values():
        parents = {account["parent"] for account in books.accounts.values()}
        for entry in books.entries:
            for line in entry["lines"]:
                account = books.accounts[line["account"]]
                assert line["account_name"] == account["name"]
                assert line["account"] not in parents
                assert account["opened"] is None or account["opened"] <= entry["date"]
                assert account["closed"] is None or entry["date"] <= account["closed"]


def test_charts_are_trees_with_names_and_natures(ledger):
    for books in ledger.values():
        for account in books.accounts.values():
            assert account["name"]
            assert account["nature"] in (*NATURES, None)
            assert account["parent"] is None or account["parent"] in books.accounts
        leaves = [account for account in books.accounts.values() if len(account["code"]) > 2]
        assert all(account["nature"] is not None for account in leaves)


def test_one_account_is_opened_in_year_three_and_used_and_one_is_closed(ledger):
    for books in ledger.values():
        opened = [a for a in books.accounts.values() if a["opened"]]
        closed = [a for a in books.accounts.values() if a["closed"]]
        assert [a["opened"] for a in opened] == ["2024-01-01"]
        assert len(closed) == 1
        dates = defaultdict(list)
        for entry in books.entries:
            for line in entry["lines"]:
                dates[line["account"]].append(entry["date"])
        assert dates[opened[0]["code"]][0] < "2024-04-01"
        assert len(dates[opened[0]["code"]]) >= 4
        assert dates[closed[0]["code"]]


def test_ids_are_unique_and_dates_in_order_within_three_years(ledger):
    for books in ledger.values():
        ids = [entry["entry_id"] for entry in books.entries]
        assert len(set(ids)) == len(ids)
        dates = [entry["date"] for entry in books.entries]
        assert dates == sorted(dates)
        assert dates[0] >= "2022-01-01"
        assert dates[-1] <= "2024-12-31"
        for entry in books.entries:
            datetime.date.fromisoformat(entry["date"])
            assert entry["entry_id"].startswith(f"{entry['journal']}-{entry['date'][:4]}-")


@pytest.mark.parametrize(
    ("companies", "entries"), [(1, 1), (1, 35), (3, 100), (8, 811), (25, 2600), (2, 2501), (40, 40)]
)
def test_the_count_is_exact(companies, entries):
    settings = DemoSettings(companies=companies, entries=entries, seed=3)
    kinds = Counter(row.kind for row in demo_rows(settings))
    assert kinds["entry"] + kinds["open"] == entries
    assert kinds["open"] == min(40, entries // 10)


def test_sizes_are_unequal_and_none_is_tiny():
    sizes = company_sizes(DemoSettings(companies=20, entries=10_000))
    assert sum(sizes) == 10_000
    assert min(sizes) >= 100
    assert max(sizes) > 5 * min(sizes)
    assert min(company_sizes(DemoSettings(companies=20, entries=1000))) == 50


def test_apportion_is_exact():
    assert apportion(10, [1.0, 1.0, 1.0]) == [4, 3, 3]
    assert apportion(10, [3.0, 1.0], least=2) == [7, 3]
    assert apportion(0, [1.0, 2.0]) == [0, 0]


def test_net_and_tax_are_to_the_cent():
    assert net_of(12500, 25) == 10000
    assert net_of(11900, 19) == 10000
    assert net_of(100, 19) == 84
    assert net_of(999, 0) == 999


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    settings = DemoSettings(companies=4, entries=900, seed=11)
    write_demo_ledger(tmp_path / "here.jsonl", settings)
    code = (
        "import sys; from jet.demo import DemoSettings, write_demo_ledger;"
        "write_demo_ledger(sys.argv[1], DemoSettings(companies=4, entries=900, seed=11))"
    )
    there = tmp_path / "there.jsonl"
    # Another process, with other hashes: an order that comes from a set would show.
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    subprocess.run([sys.executable, "-c", code, str(there)], check=True, env=environment)
    assert digest(tmp_path / "here.jsonl") == digest(there)

    write_demo_ledger(tmp_path / "other.jsonl", DemoSettings(companies=4, entries=900, seed=12))
    assert digest(tmp_path / "other.jsonl") != digest(there)


def test_three_languages_with_their_charts(ledger):
    assert {entry["currency"] for entry in every_entry(ledger)} >= {"SEK", "EUR", "GBP"}
    journals = {entry["journal"] for entry in every_entry(ledger)}
    assert journals >= {"LF", "KF", "ER", "AR", "PI", "SI"}
    descriptions = " ".join(entry["description"] for entry in every_entry(ledger))
    assert all(word in descriptions for word in ("Hyra", "Miete", "Rent"))


def test_every_company_has_a_payroll_of_five_and_more_lines(ledger):
    for books in ledger.values():
        payroll = [entry for entry in books.entries if entry["journal"] in ("LN", "LG", "PR")]
        assert len(payroll) >= 12
        assert all(len(entry["lines"]) >= 5 for entry in payroll)


def test_foreign_currency_and_what_the_exchange_rate_makes_of_it(ledger):
    for prefix, home in (("LF", "SEK"), ("ER", "EUR"), ("PI", "GBP")):
        currencies = {e["currency"] for e in every_entry(ledger) if e["journal"] == prefix}
        assert len(currencies) > 1
        assert home in currencies
    roles = ("exchange_loss", "exchange_gain")
    names = {NATIONAL[chart][role].names[0] for chart in NATIONAL for role in roles}
    differences = [
        entry
        for entry in every_entry(ledger)
        if len(entry["lines"]) == 3 and any(line["account_name"] in names for line in entry["lines"])
    ]
    assert len(differences) > 5


def test_one_text_goes_to_one_account_or_another_by_the_amount():
    company = Company(7, 0, 2000)
    supplier = next(supplier for supplier in company._core if supplier.above)
    by_side = defaultdict(Counter)
    for _ in range(400):
        draft = supplier.book(100)
        owed = -sum(cents for _, cents in draft.lines if cents < 0)
        by_side[owed >= supplier.limit][draft.lines[0][0]] += 1
    below, above = (by_side[side].most_common(1)[0][0] for side in (False, True))
    assert below == company.account(supplier.role, 100)
    assert above == company.account(supplier.above, 100)
    assert below != above


def test_suppliers_change_their_account_or_their_name():
    company = Company(7, 0, 4000)
    changed = next(s for s in company._core if s.role_after != s.role and not s.above)
    before, after = (
        Counter(changed.book(day).lines[0][0] for _ in range(200)).most_common(1)[0][0]
        for day in (changed.change_day - 1, changed.change_day)
    )
    assert before == company.account(changed.role, changed.change_day - 1)
    assert after == company.account(changed.role_after, changed.change_day)
    renamed = next(s for s in company._core if s.rename_day < 1095)
    assert any(renamed.name in renamed.book(renamed.rename_day - 1).text for _ in range(20))
    assert not any(renamed.name in renamed.book(renamed.rename_day).text for _ in range(20))


def test_cash_sales_have_several_rates_of_tax(ledger):
    takings = [entry for entry in every_entry(ledger) if entry["journal"] in ("KA", "KB", "CP")]
    assert max(len(entry["lines"]) for entry in takings) >= 6


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_looking_up_the_text_is_right_in_half_to_three_quarters(seed):
    assert 0.50 <= lookup_share(read(DemoSettings(seed=seed))) <= 0.75


def test_looking_up_the_text_at_the_default_seed(ledger):
    assert 0.50 <= lookup_share(ledger) <= 0.75


def test_open_entries_are_the_newest_and_have_a_total_but_no_lines(ledger):
    rows = [row for row in demo_entries(DemoSettings()) if row.get("type") != "account"]
    unknown = [row for row in rows if "lines" not in row]
    assert len(unknown) == 40
    truth = {(e["entity"], e["entry_id"]): e for e in every_entry(ledger)}
    for row in unknown:
        lines = truth[row["entity"], row["entry_id"]]["lines"]
        assert Decimal(row["total"]) == sum(Decimal(line["amount"]) for line in lines if line["side"] == "D")
    for books in ledger.values():
        ids = [entry["entry_id"] for entry in books.entries]
        assert books.open_ids == ids[len(ids) - len(books.open_ids) :]


def test_written_as_one_file_with_the_answers_beside_it(tmp_path):
    path, truth = tmp_path / "demo.jsonl", tmp_path / "answers" / "demo.truth.jsonl"
    settings = DemoSettings(companies=3, entries=500, open_entries=9)
    summary = write_demo_ledger(path, settings, truth=truth)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    answers = [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]
    assert rows == list(demo_entries(settings))
    assert all("lines" in answer for answer in answers)
    assert {(a["entity"], a["entry_id"]) for a in answers} == {
        (row["entity"], row["entry_id"]) for row in rows if "total" in row
    }
    accounts = sum(row.get("type") == "account" for row in rows)
    assert summary["accounts"] == accounts
    assert summary["entries"] == len(rows) - accounts == 500
    assert summary["open_entries"] == len(answers) == 9
    lines = [line for row in rows + answers for line in row.get("lines", [])]
    assert summary["lines"] == len(lines)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["answers", "demo.jsonl"]


def test_written_as_a_folder_with_one_file_a_company(tmp_path):
    folder = tmp_path / "ledger"
    settings = DemoSettings(companies=3, entries=400)
    summary = write_demo_ledger(folder, settings)
    files = sorted(folder.iterdir())
    assert summary["files"] == len(files) == 3
    for file in files:
        entities = {json.loads(line)["entity"] for line in file.read_text(encoding="utf-8").splitlines()}
        assert entities == {file.stem}
    with pytest.raises(FileExistsError, match="mix"):
        write_demo_ledger(folder, settings)


def test_answers_may_not_lie_where_they_would_be_read(tmp_path):
    with pytest.raises(ValueError, match="answers"):
        write_demo_ledger(tmp_path / "ledger", truth=tmp_path / "ledger" / "demo.truth.jsonl")
    with pytest.raises(ValueError, match="answers"):
        write_demo_ledger(tmp_path / "demo.jsonl", truth=tmp_path / "demo.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_that_breaks_off_leaves_no_file(tmp_path, monkeypatch):
    def break_off(settings):
        yield from list(demo_rows(settings))[:50]
        raise RuntimeError("broken off")

    monkeypatch.setattr("jet.demo.writer.demo_rows", break_off)
    with pytest.raises(RuntimeError, match="broken off"):
        write_demo_ledger(tmp_path / "demo.jsonl", DemoSettings(companies=1, entries=200))
    assert list(tmp_path.iterdir()) == []


def test_habits_change_on_the_day_that_is_said_and_nothing_before_it():
    size = {"companies": 3, "entries": 1500, "open_entries": 0, "seed": 3}
    plain, changed = (
        [row for row in demo_entries(DemoSettings(**size, **more)) if row.get("type") != "account"]
        for more in ({}, {"change_on": "2024-03-01"})
    )
    assert len(plain) == len(changed)
    before, after = (
        (
            [row for row in rows if row["date"] < "2024-03-01"],
            [row for row in rows if row["date"] >= "2024-03-01"],
        )
        for rows in (plain, changed)
    )
    assert before[0] == after[0]
    assert before[1] != after[1]
    seen = {(row["entity"], row["description"]) for row in before[0]}
    share = [
        sum((row["entity"], row["description"]) not in seen for row in rows) / len(rows)
        for rows in (before[1], after[1])
    ]
    assert share[1] > share[0] + 0.05
    charts = (
        [row for row in demo_entries(DemoSettings(**size, **more)) if row.get("type") == "account"]
        for more in ({}, {"change_on": "2024-03-01"})
    )
    assert next(charts) == next(charts)


def test_suppliers_that_keep_their_names_are_booked_otherwise_when_habits_change():
    settings = DemoSettings(
        companies=3, entries=3000, open_entries=0, seed=3, change_on="2024-01-01", change_share=1.0
    )
    usual, differ, same = {}, 0, 0
    for row in demo_entries(settings):
        if row.get("type") == "account":
            continue
        key = row["entity"], row["description"], row["journal"]
        accounts = sorted((line["account"], line["side"]) for line in row["lines"])
        if row["date"] < "2024-01-01":
            usual.setdefault(key, Counter())[str(accounts)] += 1
        elif key in usual:
            common = usual[key].most_common(1)[0][0] == str(accounts)
            same, differ = same + common, differ + (not common)
    assert differ > 0.15 * (same + differ)


def test_a_day_that_is_not_in_the_ledger_can_not_change_habits():
    for day in ("2025-01-01", "yesterday"):
        with pytest.raises(ValueError, match="2022-01-01 to 2024-12-31"):
            DemoSettings(change_on=day)
    with pytest.raises(ValueError, match="change_share"):
        DemoSettings(change_share=1.5)


@pytest.mark.parametrize(
    "wrong", [{"companies": 0}, {"companies": 9, "entries": 8}, {"open_entries": -1}, {"least": 0}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"compan|too small"):
        DemoSettings(**wrong)


def test_national_charts_have_unique_codes_and_names_for_all_groups():
    for chart, roles in NATIONAL.items():
        codes = [account.code for account in roles.values()]
        assert len(set(codes)) == len(codes)
        assert {code[:length] for code in codes for length in (1, 2)} == set(GROUPS[chart])


def test_every_language_has_the_same_occasions():
    occasions = [set(PHRASES[language]) for language in LANGUAGES]
    assert occasions[0] == occasions[1] == occasions[2]
