"""Books in databases: a real PostgreSQL, DuckDB and SQLite."""

import csv
import sqlite3
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from databases import run_sql, server, url, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jet.artifacts.artifact import ArtifactError
from jet.artifacts.uris import refuse_keys
from jet.books.importers import ImportSettings, UnreadableFile, import_file
from jet.books.importers.databases import identity
from jet.books.reading import Reading, read
from jet.books.sorting import sort_entries
from ray_jobs.runtime.settings import JobConfig, RuntimeSettings
from ray_jobs.spread.importing import import_ledgers

ENTRIES = [
    (1, "ash", "2025-01-31", "Rent", "SEK", "A", None),
    (2, "oak", "2025-02-01", "Phone", "SEK", "A", None),
    (3, "ash", "2025-02-02", "Paper, pens", "SEK", "B", "-5.5"),
]
LINES = [
    (1, 1, "5010", "D", "1234.50000001", "office"),
    (2, 1, "1930", "C", "1234.50000001", ""),
    (3, 2, "6200", "D", "80", ""),
    (4, 2, "1930", "C", "80", ""),
]
ACCOUNTS = [("ash", "5010", "Office rent", None, "Expense"), ("ash", "1930", "Bank", None, "asset")]
FIELDS = ("entry_id", "entity", "date", "description", "currency", "journal")
QUERY = (
    "SELECT j.id AS nr, business_id AS entity, date, description, account, side, amount FROM journal_entry j "
    "JOIN entry_line e ON e.entry_id = j.id ORDER BY j.id, e.id"
)


@pytest.fixture(scope="module")
def postgres():
    with server() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", "hush")
        yield url(folder)


@pytest.fixture(params=["books.db", "books.duckdb", "postgresql"])
def place(request, tmp_path):
    """Where books are to be: a file, or the URL of the tests' PostgreSQL."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres")
    return str(tmp_path / request.param)


@pytest.fixture
def books(place):
    write(place, ENTRIES, LINES, ACCOUNTS)
    return place


def test_the_tables_are_entries_lines_and_charts(books):
    found = read(books)
    ash, new, oak = found.entries.to_pylist()
    assert (ash["entity"], ash["entry_id"], ash["journal"], ash["currency"]) == ("ash", "1", "A", "SEK")
    assert [(line["account"], line["side"], line["text"]) for line in ash["lines"]] == [
        ("5010", "D", "office"),
        ("1930", "C", ""),
    ]
    assert ash["lines"][0]["amount"] == Decimal("1234.50000001")
    assert (new["lines"], new["total"], new["direction"]) == (None, Decimal("5.5"), "out")
    assert (oak["entity"], oak["file_line"]) == ("oak", 3)
    bank = {"entity": "ash", "code": "1930", "name": "Bank", "nature": "asset"}
    assert bank in [{name: row[name] for name in bank} for row in found.accounts.to_pylist()]
    (file,) = found.files.to_pylist()
    assert (file["format"], file["lines"], file["entry_lines"]) == ("database", 7, 5)
    assert file["passed_over"] == [("account", 2)]
    assert not len(found.rejected)


def test_a_query_has_the_columns_of_a_table(books):
    found = read(books, query=f"{QUERY} -- by entry\n;", columns={"entry_id": "nr"})
    assert found.entries["entry_id"].to_pylist() == ["1", "2"]
    with pytest.raises(UnreadableFile, match=r"no column 'entry_id' for entry_id; it has nr, entity"):
        read(books, query=QUERY)


def test_business_and_days_choose_entries_and_are_parameters(books):
    assert read(books, business="oak").entries["entry_id"].to_pylist() == ["2"]
    assert read(books, since="2025-02-01").entries["entry_id"].to_pylist() == ["3", "2"]
    assert read(books, until="2025-02-01", business="ash").entries["entry_id"].to_pylist() == ["1"]
    with pytest.raises(UnreadableFile, match="no entry"):
        read(books, business="ash' OR '1'='1")
    with pytest.raises(UnreadableFile, match="no entry"):
        read(books, business="'; DROP TABLE entry_line; --")
    assert len(read(books).entries) == 3


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM entry_line",
        "SELECT 1 AS entry_id; COMMIT; DROP TABLE entry_line",
        "SELECT 1) TO STDOUT; COMMIT; DROP TABLE entry_line; --",
        "WITH gone AS (DELETE FROM entry_line RETURNING 1) SELECT 1 AS entry_id FROM gone",
        "SELECT set_config('transaction_read_only', 'off', true) AS entry_id",
        "ATTACH 'other.db' AS other",
    ],
)
def test_no_query_writes(books, query):
    with pytest.raises(UnreadableFile, match=r"can't be read|asks for nothing"):
        read(books, query=query)
    assert len(read(books).entries) == 3


days = st.dates(date(1901, 1, 1), date(2199, 12, 31))
amounts = st.decimals("0.00000001", "9999999999999999999", places=8)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=8).map("x".__add__)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=st.lists(st.tuples(amounts, texts, days), min_size=1, max_size=20))
def test_books_are_those_of_the_same_csv(postgres, tmp_path, made):
    entries = [(n, "ash", str(day), text, "EUR", "A", None) for n, (_, text, day) in enumerate(made)]
    lines = [
        (2 * n + place, n, account, side, amount, "")
        for n, (amount, _, _) in enumerate(made)
        for place, (account, side) in enumerate((("0420", "D"), ("1930", "C")))
    ]
    table = tmp_path / "same.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(
            ["entry_id", "entity", "date", "description", "currency", "journal", "account", "side", "amount"]
        )
        for _, n, account, side, amount, _ in lines:
            rows.writerow((n, *entries[n][1:6], account, side, f"{amount:f}"))
    wanted = read(table, decimal_comma=False).entries.drop_columns(["file", "file_line"])
    duck = tmp_path / "same.duckdb"
    duck.unlink(missing_ok=True)
    for place in (postgres, duck):
        write(place, entries, lines)
        assert sort_entries(read(place).entries).drop_columns(["file", "file_line"]) == wanted


def test_every_decimal_of_numeric_is_read_and_what_is_no_number_rejected(postgres):
    write(postgres, ENTRIES[:2], LINES)
    run_sql(
        postgres,
        "ALTER TABLE entry_line ALTER amount TYPE numeric",
        "UPDATE entry_line SET amount = 12345678901234567890.12345678 WHERE entry_id = 1",
        "UPDATE entry_line SET amount = 'NaN' WHERE id = 3",
    )
    found = read(postgres)
    assert found.entries["lines"][0][0]["amount"].as_py() == Decimal("12345678901234567890.12345678")
    assert found.rejected.to_pylist()[0]["rule"] == "bad_amount"
    assert found.rejected.to_pylist()[0]["file_line"] == 3


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        ("'1' AS entry_id, now() AS date, 'x' AS description", "is a moment.*AT TIME ZONE"),
        (
            "'1' AS entry_id, current_date AS date, 'x' AS description, '12.34'::money AS total",
            r"type money.*total::numeric",
        ),
    ],
)
def test_a_type_that_does_not_say_what_it_holds_is_refused(postgres, columns, why):
    with pytest.raises(UnreadableFile, match=why):
        read(postgres, query=f"SELECT {columns}")


def test_uuids_are_ids_and_other_columns_are_passed_over(postgres):
    one = "dc30269c-b14a-43d4-95bc-f43029238cdc"
    query = f"""SELECT '{one}'::uuid AS entry_id, current_date AS date, 'x' AS description, 5.25 AS total,
        interval '1 day' AS i, ARRAY[1] AS a, '{{}}'::jsonb AS j, 'q'::bytea AS b"""
    assert read(postgres, query=query).entries["entry_id"].to_pylist() == [one]


def test_what_identifies_a_servers_books_is_their_content(postgres):
    write(postgres, ENTRIES, LINES, ACCOUNTS)
    ways = ImportSettings()
    size, before = identity(postgres, ways)
    assert size > 0
    assert identity(postgres, ways)[1] == before
    reading = Reading.of([postgres], ways)
    assert reading.inputs == {postgres: before}
    for change in (
        "UPDATE entry_line SET amount = 81 WHERE entry_id = 2",
        "UPDATE ledger_account SET name = 'Other'",
        "UPDATE entry_line SET amount = 80.00000001 WHERE entry_id = 2",
    ):
        run_sql(postgres, change)
        assert identity(postgres, ways)[1] != before
    with pytest.raises(UnreadableFile, match="changed while the run began"):
        list(import_file(postgres, ways, identity=before))


def test_a_log_beside_a_file_counts_as_its_content(tmp_path):
    place = tmp_path / "books.db"
    write(place, ENTRIES, LINES)
    with sqlite3.connect(place) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        before = Reading.of([str(tmp_path)], ImportSettings())
        writer.execute("UPDATE entry_line SET amount = 81 WHERE entry_id = 2")
        writer.commit()
        after = Reading.of([str(tmp_path)], ImportSettings())
        assert after.inputs != before.inputs
        assert list(after.files) == [str(place)]
        assert read(tmp_path).entries["total"].to_pylist()[-1] == 81
    writer.close()


def test_rows_of_an_entry_that_lie_apart_are_one_entry_or_named_with_the_way_out(books, monkeypatch):
    apart = QUERY.replace("j.id, e.id", "account, j.id")
    settings_ = {"columns": {"entry_id": "nr"}, "query": apart}
    assert len(read(books, **settings_).entries) == 2
    monkeypatch.setattr("jet.books.importers.tables.survey.MOST_HELD_ROWS", 1)
    with pytest.raises(UnreadableFile, match=r"lie apart, from line \d.*sort it.*a query, by ORDER BY"):
        read(books, **settings_)


def test_what_tables_lack_is_named(place):
    write(place, [], [])
    run_sql(place, "ALTER TABLE journal_entry DROP COLUMN description", "DROP TABLE ledger_account")
    with pytest.raises(UnreadableFile, match=r"journal_entry has no column description or text; it has id, b"):
        read(place)
    run_sql(place, "DROP TABLE entry_line")
    with pytest.raises(UnreadableFile, match=r"no table entry_line; name the columns"):
        read(place)


@pytest.mark.parametrize("name", ["books.db", "books.duckdb"])
def test_a_files_views_are_not_run(tmp_path, name):
    place = tmp_path / name
    write(place, [], [])
    run_sql(place, "DROP TABLE entry_line", "CREATE VIEW entry_line AS SELECT 1 AS entry_id")
    with pytest.raises(UnreadableFile, match="no table entry_line"):
        read(place)


def test_duckdb_opens_no_other_file(tmp_path):
    place, other = tmp_path / "books.duckdb", tmp_path / "other.csv"
    duckdb.connect(str(place)).close()
    other.write_text("entry_id\n1\n")
    with pytest.raises(UnreadableFile, match="disabled by configuration"):
        read(place, query=f"SELECT * FROM read_csv('{other}')")


def test_days_that_sqlite_cannot_compare_are_refused(tmp_path):
    place = tmp_path / "books.db"
    write(place, [(1, "ash", "31.01.2025", "Rent", "SEK", "A", None)], LINES[:2])
    assert len(read(place).entries) == 1
    with pytest.raises(UnreadableFile, match=r"'31.01.2025' can't be compared"):
        read(place, since="2025-01-01")


@pytest.mark.parametrize("scheme", ["duckdb", "sqlite"])
def test_a_url_of_a_file_is_its_path(tmp_path, scheme):
    place = tmp_path / f"books.{scheme}"
    write(place, ENTRIES, LINES)
    assert len(read(f"{scheme}:///{place}").entries) == 3


@pytest.mark.parametrize(
    "path",
    [
        "postgresql://keeper:hush@host/books",
        "postgres://keeper:hu/sh@host/books",
        "postgresql://host/books?password=hush",
        "postgresql://host/books?user=a&pass%77ord=hush",
        "POSTGRESQL://host/books?sslpassword=hush",
        "postgresql://host/books?hush",
    ],
)
def test_a_password_in_a_url_is_refused_with_the_way_out_and_not_repeated(path):
    with pytest.raises(ValueError, match=r"PGPASSWORD, PGPASSFILE.*PGSERVICEFILE") as caught:
        read(path)
    assert "hu" not in str(caught.value).replace("PGSERVICEFILE", "")


def test_a_url_without_a_password_is_none():
    refuse_keys("postgresql://keeper@host:5432/books?sslmode=require&service=night")


def test_credentials_come_from_the_environment_or_a_service_file(postgres, tmp_path, monkeypatch):
    write(postgres, ENTRIES, LINES)
    monkeypatch.delenv("PGPASSWORD")
    with pytest.raises(UnreadableFile, match="no password supplied"):
        read(postgres)
    monkeypatch.setenv("PGPASSWORD", "wrong-hush")
    with pytest.raises(UnreadableFile, match="password authentication failed") as caught:
        read(postgres)
    assert "hush" not in str(caught.value)
    monkeypatch.delenv("PGPASSWORD")
    host = postgres.rpartition("=")[2]
    service = tmp_path / "services"
    service.write_text(f"[night]\nhost={host}\nuser=keeper\npassword=hush\ndbname=postgres\n")
    monkeypatch.setenv("PGSERVICEFILE", str(service))
    found = read("postgresql:///?service=night")
    assert len(found.entries) == 3
    assert "hush" not in str(found.files.to_pylist()) + str(found.entries.to_pylist())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"since": "31.01.2025"}, "since '31.01.2025' must be a day like"),
        ({"query": "SELECT 1", "business": "ash"}, "don't go with query"),
    ],
)
def test_settings_that_cannot_be_are_refused(options, why):
    with pytest.raises(ValueError, match=why):
        ImportSettings(**options)


def test_a_second_run_is_finished_with_the_same_rows_only_and_no_secret_is_kept(postgres, tmp_path, caplog):
    caplog.set_level("INFO")
    write(postgres, ENTRIES, LINES, ACCOUNTS)
    output, config = tmp_path / "entries", JobConfig(runtime=RuntimeSettings(executor="local"))
    done = import_ledgers([postgres], str(output), config)
    assert done.inputs == {postgres: identity(postgres, ImportSettings())[1]}
    assert "holds the same import" not in caplog.text
    assert import_ledgers([postgres], str(output), config) == done
    assert "holds the same import" in caplog.text
    run_sql(postgres, "UPDATE entry_line SET amount = 81 WHERE entry_id = 2")
    with pytest.raises(ArtifactError, match="made from other inputs"):
        import_ledgers([postgres], str(output), config)
    assert "hush" not in caplog.text
    for file in filter(Path.is_file, output.rglob("*")):
        assert b"hush" not in file.read_bytes()
