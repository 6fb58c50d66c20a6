"""`jet ingest`: what it is given is imported, or rejected with its reason, or named as unreadable."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from job_runs import assert_same, entry, read, run_job, succeed, write_jsonl

from jet.artifacts.artifact import open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES, FILES, REJECTED
from jet.books.sorting import sort_entries

pytestmark = pytest.mark.usefixtures("head")


def tables_of(output, schema, name):
    return open_artifact(str(output), "entries").read_table(schema, name)


def rejected_in(output) -> list[dict]:
    rows = tables_of(output, REJECTED, "rejected").to_pylist()
    return sorted(rows, key=lambda row: (row["file"], row["file_line"], row["rule"]))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.jsonl", None, "no such file"),
        ("empty.jsonl", b"", "the file is empty"),
        ("blank.csv", b" \n\n", "the file is empty"),
        ("binary.se", b"\x00\x01\x02\x03" * 100, "the file is binary"),
        ("packed.csv", b"PK\x03\x04" + b"x" * 100, "the file is packed with zip"),
        ("letter.txt", b"Dear Sir,\nwe regret.\n", "no known format"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_that_names_it(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    good = write_jsonl(tmp_path / "good.jsonl", [entry("1")])
    done = run_job("ingest", "--ledgers", good, tmp_path / name, "--output", tmp_path / "out")
    assert done.status == 2
    assert f"{tmp_path / name}: {says}" in done.complaint
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({"good.jsonl", name} - {"missing.jsonl"})


def test_a_readme_among_ledgers_is_rejected_and_the_rest_imported(tmp_path):
    ledgers = tmp_path / "ledgers"
    (ledgers / "2023").mkdir(parents=True)
    write_jsonl(ledgers / "2023" / "a.jsonl", [entry("1"), entry("2")])
    write_jsonl(ledgers / "b.jsonl", [entry("3")])
    (ledgers / "README").write_text("These are our books.\nAsk Ann.\n")
    (ledgers / ".hidden").write_text("nothing")
    line = succeed("ingest", "--ledgers", ledgers, "--output", tmp_path / "out")
    assert line["entries"] == 3
    assert line["rules"] == {"unreadable_file": 1}
    [row] = rejected_in(tmp_path / "out")
    assert row["file"] == str(ledgers / "README")
    assert row["rule"] == "unreadable_file"


def test_an_id_that_two_files_give_is_imported_once_and_rejected_once(tmp_path):
    first = write_jsonl(tmp_path / "a.jsonl", [entry("1"), entry("2", description="first")])
    second = write_jsonl(
        tmp_path / "b.jsonl", [entry("2", description="second"), entry("2", entity="other"), entry("3")]
    )
    succeed("ingest", "--ledgers", second, first, "--output", tmp_path / "out")
    kept = read(tmp_path / "out").select(["entity", "entry_id", "description"]).to_pylist()
    assert [tuple(row.values()) for row in kept] == [
        ("acme", "1", "rent"),
        ("acme", "2", "first"),
        ("acme", "3", "rent"),
        ("other", "2", "rent"),
    ]
    [row] = rejected_in(tmp_path / "out")
    assert (row["file"], row["file_line"], row["rule"]) == (str(second), 1, "duplicate_id")
    assert "'2'" in row["message"]


def test_every_entry_of_every_file_is_accounted_for(tmp_path):
    lines = entry("x")["lines"]
    bad = [
        entry("unbalanced", lines=[lines[0], {**lines[1], "amount": "99.00"}]),
        entry("one side", lines=[lines[0], {**lines[1], "side": "D"}]),
        entry("no day", date="2024-02-30"),
        entry("no side", lines=[lines[0], {**lines[1], "side": "X"}]),
        entry("good 1"),
    ]
    ledgers = [
        write_jsonl(tmp_path / "good.jsonl", [entry(f"good {number}") for number in range(50)]),
        write_jsonl(tmp_path / "bad.jsonl", bad),
    ]
    line = succeed("ingest", "--ledgers", *ledgers, "--output", tmp_path / "out")
    assert line["entries"] + line["rejected"] == 55
    assert (line["entries"], line["partly_used"]) == (51, 1)
    assert sum(line["rules"].values()) == line["rejected"] + line["partly_used"]
    rejected = rejected_in(tmp_path / "out")
    assert [row["entry_id"] for row in rejected if row["used_for"] == "lines"] == ["unbalanced"]
    assert all(row["message"] and row["file_line"] >= 1 for row in rejected)
    assert sorted(row["entry_id"] for row in rejected) == sorted(row["entry_id"] for row in bad)


def test_where_nothing_could_be_imported_the_first_reason_is_told(tmp_path):
    ledger = write_jsonl(tmp_path / "a.jsonl", [entry("1", date="someday"), entry("2", date="never")])
    done = run_job("ingest", "--ledgers", ledger, "--output", tmp_path / "out")
    assert done.status == 2
    assert "no entry could be imported from 1 files, 2 rejected" in done.complaint
    assert f"{ledger}:1:" in done.complaint
    assert not (tmp_path / "out").exists()


def test_groups_of_files_give_what_one_group_gives(tmp_path, monkeypatch):
    ledgers = []
    for name in "abc":
        entries = [entry(f"{name}{number}") for number in range(20)]
        ledgers.append(write_jsonl(tmp_path / f"{name}.jsonl", [*entries, entry("all")]))
    succeed("ingest", "--ledgers", *ledgers, "--output", tmp_path / "one")
    monkeypatch.setattr("ray_jobs.spread.importing.GROUP_BYTES", 1)
    line = succeed("ingest", "--ledgers", *ledgers, "--output", tmp_path / "three")
    assert line["entries"] == 61
    assert_same(read(tmp_path / "one"), read(tmp_path / "three"))
    assert rejected_in(tmp_path / "one") == rejected_in(tmp_path / "three")


def test_stretches_of_a_large_file_give_what_the_whole_file_gives(tmp_path, monkeypatch):
    rows = [
        entry(f"{number % 42}", entity="ab"[number % 2], date=f"2024-01-{1 + number % 28:02}")
        for number in range(90)
    ]
    named = [{"account": "1930", "side": "C", "amount": "9", "account_name": name} for name in ("Bänk", "Bank")]
    own = {"account": "5010", "side": "D", "amount": "9"}
    rows[40:40] = [entry("named", entity="a", lines=[own, named[0]]), entry("z", entity="a", currency=7.5)]
    rows += [
        entry("renamed", entity="a", lines=[own, named[1]]),
        {**entry("new"), "lines": None, "total": "-5"},
    ]
    rows += [{"type": "account", "entity": "b", "code": "1930", "name": "Postgiro"}]
    rows += [
        {"type": "account", "entity": "b", "code": "77", "name": "a\x1fb"},
        {**entry("out"), "lines": None},
    ]
    ledger = write_jsonl(tmp_path / "a.jsonl", rows)
    here = ("--runtime.executor", "local")
    succeed("ingest", "--ledgers", ledger, "--output", tmp_path / "whole", *here)
    monkeypatch.setattr("ray_jobs.spread.importing.GROUP_BYTES", 500)
    monkeypatch.setattr("jet.books.importers.common.CHUNK_BYTES", 300)
    succeed("ingest", "--ledgers", ledger, "--output", tmp_path / "stretches", *here)
    assert_same(read(tmp_path / "whole"), read(tmp_path / "stretches"))
    assert len(rejected_in(tmp_path / "whole")) == 8
    assert rejected_in(tmp_path / "whole") == rejected_in(tmp_path / "stretches")
    charts = [tables_of(tmp_path / name, ACCOUNTS, "accounts") for name in ("whole", "stretches")]
    assert charts[0].equals(charts[1])
    assert {"Bänk", "Postgiro"} < set(charts[0]["name"].to_pylist())
    files = [tables_of(tmp_path / name, FILES, "files").to_pylist() for name in ("whole", "stretches")]
    whole, apart = files[0][0], files[1][0]
    assert whole["entry_lines"] + whole["rejected_lines"] == apart["entry_lines"] + apart["rejected_lines"]
    alike = ("file", "format", "lines", "passed_lines", "passed_over")
    assert [whole[name] for name in alike] == [apart[name] for name in alike]


def test_buckets_hold_whole_companies_and_the_entries_that_one_bucket_holds(tmp_path):
    names = ["birch", "acme", "cedar", "dogwood"]
    books = [[entry(f"{name}{number}", entity=name) for name in names] for number in range(10)]
    ledgers = [
        write_jsonl(tmp_path / f"{place}.jsonl", [each for some in part for each in some])
        for place, part in enumerate((books[:5], books[5:]))
    ]
    again = write_jsonl(tmp_path / "z.jsonl", [entry("acme3", entity="acme")])
    for bucket_rows in (1000, 25, 10, 1):
        line = succeed(
            *("ingest", "--ledgers", *ledgers, again, "--output", tmp_path / f"by {bucket_rows}"),
            *("--runtime.bucket_rows", bucket_rows),
        )
        assert (line["entries"], line["rejected"]) == (40, 1)
        artifact = open_artifact(str(tmp_path / f"by {bucket_rows}"), "entries")
        parts = [pq.read_table(name, partitioning=None) for name in artifact.files()]
        assert len(parts) == {1000: 1, 25: 2, 10: 4, 1: 4}[bucket_rows]
        assert all(part.equals(sort_entries(part)) for part in parts)
        companies = [set(part["entity"].to_pylist()) for part in parts]
        assert sum(map(len, companies)) == len(set().union(*companies)) == 4
        assert sort_entries(read(tmp_path / f"by {bucket_rows}")).equals(read(tmp_path / "by 1000"))
        charts = [pq.read_table(name, partitioning=None) for name in artifact.files("accounts")]
        assert [set(chart["entity"].to_pylist()) for chart in charts] == companies
        assert [row["rule"] for row in rejected_in(tmp_path / f"by {bucket_rows}")] == ["duplicate_id"]


def test_runs_of_one_file_give_what_the_whole_file_gives(tmp_path, monkeypatch):
    entries = [
        entry(f"{number % 70}", entity="ab"[number % 2], date=f"2024-01-{1 + number % 28:02}")
        for number in range(90)
    ]
    ledger = write_jsonl(tmp_path / "a.jsonl", entries)
    succeed("ingest", "--ledgers", ledger, "--output", tmp_path / "one")
    monkeypatch.setattr("ray_jobs.spread.buckets.RUN_ROWS", 7)
    monkeypatch.setattr("jet.books.importers.BATCH_CHARACTERS", 900)
    succeed("ingest", "--ledgers", ledger, "--output", tmp_path / "many")
    assert_same(read(tmp_path / "one"), read(tmp_path / "many"))
    assert rejected_in(tmp_path / "one") == rejected_in(tmp_path / "many")


def test_a_changed_ledger_into_the_same_output_is_refused(tmp_path):
    ledger = write_jsonl(tmp_path / "a.jsonl", [entry("1")])
    succeed("ingest", "--ledgers", ledger, "--output", tmp_path / "out")
    write_jsonl(ledger, [entry("1"), entry("2")])
    done = run_job("ingest", "--ledgers", ledger, "--output", tmp_path / "out")
    assert done.status == 2
    assert "already taken: it was made from other inputs" in done.complaint


def sie(number, name, day, org_number="556000-0001"):
    head = f'#FLAGGA 0\n#SIETYP 4\n#FNAMN "{name}"\n#ORGNR {org_number}\n#RAR 0 {day[:4]}0101 {day[:4]}1231\n'
    return head + f'#VER "" {number} {day} "Hyra"\n{{\n#TRANS 5010 {{}} 10.00\n#TRANS 1930 {{}} -10.00\n}}\n'


@pytest.mark.parametrize("group_bytes", [1, 1 << 20])
def test_a_company_that_two_programs_spell_differently_is_one_and_loses_nothing(
    tmp_path, monkeypatch, group_bytes
):
    monkeypatch.setattr("ray_jobs.spread.importing.GROUP_BYTES", group_bytes)
    books = tmp_path / "books"
    for folder, number, name, day, org_number in (
        ("2024", 1, "Prov AB", "20240115", "556000-0001"),
        ("2025", 1, "PROV AKTIEBOLAG", "20250115", "5560000001"),
        ("monday", 0, "Prov AB", "20250203", "556000-0001"),
        ("tuesday", 0, "Prov AB", "20250203", "556000-0001"),  # a till that says the same on both days' files
    ):
        (books / folder).mkdir(parents=True)
        (books / folder / "till.se").write_text(sie(number, name, day, org_number))
    line = succeed("ingest", "--ledgers", books, "--output", tmp_path / "out")
    assert (line["entries"], line["rejected"]) == (4, 0)
    rows = read(tmp_path / "out").to_pylist()
    assert {row["entity"] for row in rows} == {"Prov AB"}
    ids = [row["entry_id"] for row in rows]
    assert sorted(ids[:2]) == ["1-2024", "1-2025"]
    assert ids[3] == f"{ids[2]}-2"
    files = open_artifact(str(tmp_path / "out"), "entries").read_table(FILES, "files").to_pylist()
    assert [row["lines"] for row in files] == [10] * 4
    assert all(row["entry_lines"] + row["passed_lines"] == 10 for row in files)


def test_the_same_file_twice_is_rejected_entry_by_entry(tmp_path):
    for name in ("a.se", "b.se"):
        (tmp_path / name).write_text(sie(1, "Prov AB", "20240115"))
    line = succeed("ingest", "--ledgers", tmp_path / "a.se", tmp_path / "b.se", "--output", tmp_path / "out")
    assert (line["entries"], line["rejected"]) == (1, 1)
    assert rejected_in(tmp_path / "out")[0]["file"] == str(tmp_path / "b.se")


def test_a_main_file_and_those_it_includes_are_one_company_and_read_once(tmp_path):
    books = tmp_path / "acme"
    books.mkdir()
    for year in ("2023", "2024"):
        rent = f"{year}-12-31 Rent\n    Expenses:Rent   1.200,00 EUR\n    bk\n"
        (books / f"{year}.journal").write_text(rent)
    (books / "main.journal").write_text("decimal-mark ,\nalias bk = Assets:Bank\ninclude 20*.journal\n")
    line = succeed("ingest", "--ledgers", books, "--output", tmp_path / "out")
    assert (line["entries"], line["rejected"]) == (2, 0)
    rows = read(tmp_path / "out").to_pylist()
    assert {(row["entity"], row["lines"][1]["account"]) for row in rows} == {("acme", "Assets:Bank")}
    assert [str(row["total"]) for row in rows] == ["1200.00000000"] * 2


def test_a_file_of_another_account_is_added_and_no_id_changes(tmp_path):
    books = tmp_path / "books"
    books.mkdir()
    (books / "bank.journal").write_text("2024-01-05 Rent\n    expenses:rent    900 EUR\n    assets:bank\n")
    command = ("ingest", "--ledgers", books, "--ingest.entity", "Acme", "--output")
    succeed(*command, tmp_path / "one")
    [before] = read(tmp_path / "one").to_pylist()
    (books / "a-card.journal").write_text("2024-01-05 Lunch\n    expenses:food  12 EUR\n    card\n")
    succeed(*command, tmp_path / "two")
    after = read(tmp_path / "two").to_pylist()
    assert len(after) == 2
    assert before["entry_id"] in [row["entry_id"] for row in after]


def test_what_an_included_file_says_is_an_input_too(tmp_path):
    (tmp_path / "main.journal").write_text("include more.dat\n")
    (tmp_path / "more.dat").write_text("2024-01-05 Rent\n    expenses:rent    900 EUR\n    assets:bank\n")
    command = ("ingest", "--ledgers", tmp_path / "main.journal", "--output", tmp_path / "out")
    assert succeed(*command)["entries"] == 1
    (tmp_path / "more.dat").write_text("2024-01-05 Rent\n    expenses:rent    9000 EUR\n    assets:bank\n")
    done = run_job(*command)
    assert done.status == 2
    assert "already taken: it was made from other inputs" in done.complaint


def test_entries_of_all_files_are_written_in_one_order_and_no_other_file_is_left(tmp_path):
    first = write_jsonl(tmp_path / "a.jsonl", [entry("2"), entry("1", entity="other")])
    second = write_jsonl(tmp_path / "b.jsonl", [entry("1"), entry("3", entity="other")])
    succeed("ingest", "--ledgers", first, second, "--output", tmp_path / "out")
    artifact = open_artifact(str(tmp_path / "out"), "entries")
    table = artifact.read_table(ENTRIES)
    assert sort_entries(table).equals(table.combine_chunks())
    assert len(table) == 4
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("data", "accounts", "files", "rejected", "manifest.json")
    }
