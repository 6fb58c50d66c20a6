"""`jet predict`: new entries in, whoever wrote them; an answer for each, and nothing overwritten."""

from __future__ import annotations

import shutil

import polars as pl
import pytest
from job_runs import assert_same, entry, keys, read, run_job, succeed, write_jsonl

from jet.artifacts.artifact import open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES, PREDICTIONS, REJECTED
from jet.bundle.saved import load_bundle

NEW = "New & Co"
UNSEEN = "never seen before, nowhere"


@pytest.fixture(scope="module")
def known(pipeline) -> str:
    """A company whose books the model knows."""
    return read(pipeline.folder / "entries")["entity"][0].as_py()


@pytest.fixture(scope="module")
def chart(pipeline, known) -> dict[str, str]:
    """Its accounts by code."""
    accounts = open_artifact(str(pipeline.folder / "entries"), "entries").read_table(ACCOUNTS, "accounts")
    return {row["code"]: row["name"] for row in accounts.to_pylist() if row["entity"] == known}


@pytest.fixture(scope="module")
def new_entries(known, chart) -> list[dict]:
    """Entries as another program could write them: three of a known company, one of an unknown one, one that
    no rule lets pass, and one of a company of which only the chart of accounts is known."""
    after = {"date": "2026-06-30", "booked": False}
    accounts = [{"type": "account", "entity": NEW, "code": code, "name": name} for code, name in chart.items()]
    return [
        entry("n1", entity=known, description="hyra kontor", total="8000.00", **after),
        entry("n2", entity=known, description="", **after),
        entry("n3", entity=known, description=UNSEEN, currency="USD", **after),
        entry("n4", entity="Stranger & Co", **after),
        entry("n5", entity=known, **{**after, "date": "yesterday"}),
        entry("n6", entity=NEW, **after),
        *accounts,
    ]


@pytest.fixture(scope="module")
def booked(pipeline, settings, new_entries, tmp_path_factory):
    """The folder with their predictions, and the job's JSON line."""
    folder = tmp_path_factory.mktemp("new")
    ledger = write_jsonl(folder / "new.jsonl", new_entries)
    given = ("--ledgers", ledger, "--model", pipeline.folder / "model", "--config", settings)
    return folder / "out", succeed("predict", *given, "--output", folder / "out")


def test_every_entry_of_a_raw_ledger_file_gets_one_row(booked):
    output, line = booked
    assert sorted(read(output)["entry_id"].to_pylist()) == ["n1", "n2", "n3", "n4", "n6"]
    assert line["predictions"] == 5
    assert line["rejected"] == 1


def test_a_company_of_which_only_the_chart_is_known_is_answered(booked, chart):
    [row] = [row for row in read(booked[0]).to_pylist() if row["entry_id"] == "n6"]
    assert row["decision"] in ("auto", "review")
    assert {line["side"] for line in row["lines"]} == {"D", "C"}
    assert {line["account"] for line in row["lines"]} <= set(chart)
    assert all(line["guess"] for line in row["lines"])
    assert NEW not in {each["entity"] for each in row["evidence"]}


def test_what_was_reviewed_since_the_training_is_followed(
    pipeline, booked, settings, known, new_entries, tmp_path
):
    """A person took the alternative; the reviewed entry joins the memory and gets no answer itself."""
    before = {row["entry_id"]: row for row in read(booked[0]).to_pylist()}
    chosen = [
        {"account": line["account"], "side": line["side"]} for line in before["n3"]["alternatives"][0]["lines"]
    ]
    review = entry("r1", entity=known, date="2026-06-29", description=UNSEEN, currency="USD", lines=chosen)
    files = (
        *("--ledgers", write_jsonl(tmp_path / "new.jsonl", new_entries)),
        *("--reviewed", write_jsonl(tmp_path / "reviewed.jsonl", [review])),
    )
    given = ("--model", pipeline.folder / "model", "--config", settings, "--output", tmp_path / "out")
    succeed("predict", *files, *given)
    after = {row["entry_id"]: row for row in read(tmp_path / "out").to_pylist()}
    assert after.keys() == before.keys()
    [evidence] = after["n3"]["evidence"]
    assert (evidence["entry_id"], evidence["same_text"]) == ("r1", True)
    assert [{"account": line["account"], "side": line["side"]} for line in after["n3"]["lines"]] == chosen
    assert after["n4"] == before["n4"]
    assert after["n3"]["model"] == before["n3"]["model"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.jsonl", "out", "reviewed.jsonl"]


def test_an_entry_that_no_rule_lets_pass_is_told_in_rejected(booked):
    rejected = open_artifact(str(booked[0]), "predictions").read_table(REJECTED, "rejected").to_pylist()
    assert [row["entry_id"] for row in rejected] == ["n5"]
    assert "yesterday" in rejected[0]["message"]


def test_the_imported_entries_leave_no_folder_behind(booked):
    assert sorted(path.name for path in booked[0].parent.iterdir()) == ["new.jsonl", "out"]


def test_an_unknown_entity_gets_decision_none_and_is_named(booked):
    rows = {row["entry_id"]: row for row in read(booked[0]).to_pylist()}
    stranger = rows.pop("n4")
    assert stranger["decision"] == "none"
    assert "'Stranger & Co' is not in the model's catalog" in stranger["reason"]
    assert stranger["lines"] == []
    assert stranger["confidence"] == 0
    for row in rows.values():
        assert row["decision"] in ("auto", "review")
        assert {line["side"] for line in row["lines"]} == {"D", "C"}
        assert 0 < row["confidence"] <= 1


def test_every_row_carries_the_fingerprint_of_the_bundle(booked, pipeline):
    fingerprint = load_bundle(str(pipeline.folder / "model")).fingerprint
    assert set(read(booked[0])["model"].to_pylist()) == {fingerprint}


def test_what_ingest_wrote_gives_what_the_pipeline_gave(pipeline, settings, tmp_path):
    given = ("--model", pipeline.folder / "model", "--output", tmp_path / "out", "--config", settings)
    succeed("predict", "--ledgers", pipeline.folder / "to-predict", *given)
    assert_same(read(tmp_path / "out"), read(pipeline.folder / "predictions"))


def test_the_same_command_again_changes_nothing(booked, pipeline, settings):
    output, line = booked
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    given = ("--model", pipeline.folder / "model", "--config", settings, "--output", output)
    again = succeed("predict", "--ledgers", output.parent / "new.jsonl", *given)
    assert {**again, "seconds": 0} == {**line, "seconds": 0}
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


def test_an_output_of_other_entries_is_refused(booked, pipeline, settings):
    before = read(booked[0])
    given = ("--model", pipeline.folder / "model", "--output", booked[0], "--config", settings)
    done = run_job("predict", "--ledgers", pipeline.folder / "to-predict", *given)
    assert done.status == 2
    assert "already taken: it was made from other inputs" in done.complaint
    assert_same(read(booked[0]), before)


def test_an_output_of_other_settings_is_refused(pipeline, settings):
    given = ("--ledgers", pipeline.folder / "to-predict", "--model", pipeline.folder / "model")
    output = ("--output", pipeline.folder / "predictions", "--config", settings)
    done = run_job("predict", *given, *output, "--predict.promise=.5")
    assert done.status == 2
    assert "predict.promise: 0.95 there, 0.5 here" in done.complaint


def test_a_folder_with_something_else_in_it_is_refused(pipeline, settings, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    given = ("--model", pipeline.folder / "model", "--output", tmp_path, "--config", settings)
    done = run_job("predict", "--ledgers", pipeline.folder / "to-predict", *given)
    assert done.status == 2
    assert "is not empty (it has thesis.txt)" in done.complaint


def test_a_bundle_with_a_changed_file_is_refused(pipeline, settings, tmp_path):
    shutil.copytree(pipeline.folder / "model", tmp_path / "model")
    accounts = tmp_path / "model" / "accounts" / "part-0.parquet"
    accounts.write_bytes(accounts.read_bytes()[:-1] + b"?")
    given = ("--model", tmp_path / "model", "--output", tmp_path / "out", "--config", settings)
    done = run_job("predict", "--ledgers", pipeline.folder / "to-predict", *given)
    assert done.status == 2
    assert "accounts/part-0.parquet is not the file that was published" in done.complaint


def test_where_no_bundle_is_the_command_says_so(pipeline, settings, tmp_path):
    given = ("--model", tmp_path / "nowhere", "--output", tmp_path / "out", "--config", settings)
    done = run_job("predict", "--ledgers", pipeline.folder / "to-predict", *given)
    assert done.status == 2
    assert "nowhere holds no finished model" in done.complaint


def test_entries_with_the_schema_of_entries_come_out_in_keys_of_their_own(pipeline):
    """The pipeline's predictions are of its open entries, which keep their lines unknown."""
    entries = open_artifact(str(pipeline.folder / "to-predict"), "entries").read_table(ENTRIES)
    assert sorted(keys(entries)) == keys(read(pipeline.folder / "predictions"))
    assert entries["lines"].null_count == len(entries)


@pytest.mark.parametrize("format", ["parquet", "delta"])
def test_finished_predictions_come_to_a_table_once(pipeline, settings, tmp_path, format):
    """From another output too: it is the same night."""
    given = ("--ledgers", pipeline.folder / "to-predict", "--model", pipeline.folder / "model")
    into = ("--config", settings, "--table", tmp_path / "table", "--table.format", format)
    lines = [
        succeed("predict", *given, *into, "--output", tmp_path / name) for name in ("out", "out", "elsewhere")
    ]
    rows = read(tmp_path / "out")
    assert [line["table"]["added"] for line in lines] == [len(rows), 0, 0]
    assert len({line["table"]["night"] for line in lines}) == 1
    if format == "delta":
        found = pl.read_delta(str(tmp_path / "table"))
    else:
        found = pl.read_parquet(tmp_path / "table", hive_partitioning=True)
    assert sorted(found.select("entity", "entry_id").rows()) == keys(rows)
    assert found["night"].unique().to_list() == [lines[0]["table"]["night"]]
    assert found["day"].cast(pl.String).unique().to_list() == [lines[0]["table"]["day"]]


def test_a_table_that_cannot_be_added_to_is_told_before_anything_is_predicted(pipeline, settings, tmp_path):
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "thesis.txt").write_text("mine")
    given = ("--ledgers", pipeline.folder / "to-predict", "--model", pipeline.folder / "model")
    output = ("--config", settings, "--output", tmp_path / "out", "--table", tmp_path / "table")
    done = run_job("predict", *given, *output)
    assert done.status == 2
    assert "is no such table (it has thesis.txt): give another --table" in done.complaint
    assert not (tmp_path / "out").exists()


HEADER = "entry_id;date;description;account;debit;credit\n"
CHART = '{"type": "account", "entity": "acme", "code": "5010", "name": "rent"}\n'


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"new.csv": HEADER}, "new.csv"),
        ({"new.jsonl": ""}, "new.jsonl"),
        ({"new.jsonl": CHART}, "new.jsonl"),
        ({"inbox/new.csv": HEADER}, "inbox"),
        ({}, "inbox"),
    ],
)
def test_a_night_without_new_entries_gives_empty_predictions(pipeline, settings, tmp_path, files, named):
    (tmp_path / "inbox").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    given = ("--ledgers", tmp_path / named, "--model", pipeline.folder / "model", "--config", settings)
    line = succeed("predict", *given, "--output", tmp_path / "out")
    assert (line["predictions"], line["decisions"], line["rejected"]) == (0, {}, 0)
    found = open_artifact(str(tmp_path / "out"), "predictions")
    assert len(found.read_table(PREDICTIONS)) == 0
    assert read(tmp_path / "out").schema.equals(PREDICTIONS)
    there = {path.name for path in tmp_path.iterdir()}
    assert there == {"inbox", "out", *(name.partition("/")[0] for name in files)}
    assert succeed("predict", *given, "--output", tmp_path / "out")["predictions"] == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        ("", "the file is empty"),
        (HEADER + "1;someday;rent;;;\n", "no entry could be imported from 1 files"),
        ("Dear Sir,\nwe regret.\n", "no header"),
    ],
)
def test_new_entries_that_are_lost_are_an_error_all_the_same(pipeline, settings, tmp_path, content, says):
    if content is not None:
        (tmp_path / "new.csv").write_text(content)
    given = ("--ledgers", tmp_path / "new.csv", "--model", pipeline.folder / "model", "--config", settings)
    done = run_job("predict", *given, "--output", tmp_path / "out")
    assert done.status == 2
    assert says in done.complaint
