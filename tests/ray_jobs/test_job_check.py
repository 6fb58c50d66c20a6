"""`jet ingest` of tables without a mapping: the configs that it writes, and `--check`, which writes nothing."""

from __future__ import annotations

import sys

import yaml
from job_runs import read, run_job, succeed

BOOKS = """\
Verifikat;Datum;Text;Konto;Debet;Kredit
A1;31/01/2025;Hyra "No";0420;1 200,00;
A1;31/01/2025;Hyra "No";1930;;1 200,00
"""


def test_a_guess_is_written_beside_the_output_and_reads_the_same_as_a_config(tmp_path):
    ledger = tmp_path / "books.csv"
    ledger.write_text(BOOKS)
    line = succeed("ingest", "--ledgers", ledger, "--output", tmp_path / "out")
    config = f"{tmp_path}/out.guess.yaml"
    assert line["configs"] == [config]
    again = succeed(
        "ingest", "--ledgers", ledger, "--output", tmp_path / "again", "--config", config, "--quiet"
    )
    assert "configs" not in again
    assert read(tmp_path / "again").equals(read(tmp_path / "out"))
    assert read(tmp_path / "out")["lines"][0].as_py()[0]["account"] == "0420"


def test_files_that_differ_are_guessed_each_for_itself(tmp_path):
    (tmp_path / "a.csv").write_text(BOOKS)
    (tmp_path / "b.csv").write_text(BOOKS.replace(";", "\t").replace("A1", "B1"))
    line = succeed("ingest", "--ledgers", tmp_path / "a.csv", tmp_path / "b.csv", "--output", tmp_path / "out")
    assert line["entries"] == 2
    assert [name.rpartition("/")[2] for name in line["configs"]] == ["out.guess-1.yaml", "out.guess-2.yaml"]


def test_a_check_of_good_files_prints_a_config_and_ends_with_0(tmp_path):
    (tmp_path / "books.csv").write_text(BOOKS)
    done = run_job("ingest", "--check", "--ledgers", tmp_path / "books.csv")
    assert done.status == 0
    settings = yaml.safe_load(done.out)["ingest"]
    assert settings["columns"]["entry_id"] == "Verifikat"
    assert settings["date_format"] == "%d/%m/%Y"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["books.csv"]


def test_a_check_of_bad_files_says_all_prints_the_config_and_ends_with_2(tmp_path, caplog):
    (tmp_path / "books.csv").write_text(BOOKS.replace("31/01", "03/04"))
    (tmp_path / "other.csv").write_text(BOOKS.replace("Konto", "Whatever"))
    done = run_job("ingest", "--check", "--ledgers", tmp_path / "books.csv", tmp_path / "other.csv")
    assert done.status == 2
    assert "set ingest.date_format to" in caplog.text
    assert "no column is known as account" in caplog.text
    assert "error: 3 things are wrong" in done.err
    assert "columns:" in done.out


def test_a_check_needs_nothing_of_ray_and_an_import_needs_an_output(tmp_path, monkeypatch):
    (tmp_path / "books.csv").write_text(BOOKS)
    refused = run_job("ingest", "--ledgers", tmp_path / "books.csv")
    assert refused.status == 2
    assert "--output is missing" in refused.complaint
    monkeypatch.setitem(sys.modules, "ray_jobs.spread.importing", None)  # an import of it would fail
    assert run_job("ingest", "--check", "--ledgers", tmp_path / "books.csv").status == 0
