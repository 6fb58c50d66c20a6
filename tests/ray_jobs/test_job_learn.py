"""`jet learn`: what people reviewed is followed until it is taken back, and nothing else gets in."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from job_runs import entry, run_job, succeed, succeed_without_ray, write_jsonl

from jet.artifacts.artifact import open_artifact
from jet.books.schema import ACCOUNTS, PREDICTIONS, REJECTED
from jet.bundle.saved import load_bundle

TEXT = "a text that nobody has seen before"


@pytest.fixture(scope="module")
def company(pipeline):
    """A company of the books, and two of its accounts that nobody would think of for that text."""
    accounts = open_artifact(str(pipeline.folder / "entries"), "entries").read_table(ACCOUNTS, "accounts")
    entity = accounts["entity"][0].as_py()
    rows = [row for row in accounts.to_pylist() if row["entity"] == entity and not row["closed"]]
    return entity, rows[0]["code"], rows[-1]["code"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("learn")


def correction(company, entry_id="r1", description=TEXT, date="2030-01-31", turned=False):
    entity, debit, credit = company[0], *(company[1:] if not turned else company[:0:-1])
    lines = [
        {"account": debit, "side": "D", "amount": "100.00"},
        {"account": credit, "side": "C", "amount": "100.00"},
    ]
    return entry(entry_id, entity=entity, date=date, description=description, lines=lines)


@pytest.fixture(scope="module")
def reviewed(folder, company):
    """A correction, and a row that breaks a rule."""
    broken = correction(company, "r2")
    broken["lines"][0]["side"] = "C"  # of one that doesn't balance the lines would be learned
    return write_jsonl(folder / "reviewed.jsonl", [correction(company), broken])


@pytest.fixture(scope="module")
def learned(pipeline, folder, reviewed, settings):
    given = ("--bundle", pipeline.folder / "model", "--reviewed", reviewed, "--reviewer", "anna")
    line = succeed("learn", *given, "--output", folder / "learned", "--config", settings)
    return folder / "learned", line


def test_a_few_entries_are_learned_without_a_ray_and_give_the_same_bundle(
    pipeline, learned, reviewed, settings, tmp_path
):
    given = ("--bundle", pipeline.folder / "model", "--reviewed", reviewed, "--reviewer", "anna")
    given += ("--output", tmp_path / "learned", "--config", settings)
    assert len(succeed_without_ray("learn", *given)["additions"]) == len(learned[1]["additions"])
    there, here = (open_artifact(str(path), "model").manifest for path in (learned[0], tmp_path / "learned"))
    assert here.files.keys() == there.files.keys()
    for name, facts in there.files.items():  # the others say when it was learned
        assert here.files[name] == facts or name.endswith((".json", ".md"))


def answer(bundle, company, output, settings):
    """The lines predicted for the text, later."""
    query = entry("q", entity=company[0], date="2030-02-28", description=TEXT, booked=False)
    ledger = write_jsonl(output.parent / f"{output.name}.jsonl", [query])
    succeed("predict", "--ledgers", ledger, "--bundle", bundle, "--output", output, "--config", settings)
    [row] = open_artifact(str(output), "predictions").read_table(PREDICTIONS).to_pylist()
    return {(line["account"], line["side"]) for line in row["lines"]}


def test_the_next_prediction_of_the_text_follows_the_correction_and_undo_works(
    pipeline, learned, company, settings, tmp_path
):
    corrected = {(company[1], "D"), (company[2], "C")}
    assert answer(pipeline.folder / "model", company, tmp_path / "before", settings) != corrected
    assert answer(learned[0], company, tmp_path / "after", settings) == corrected
    turned = write_jsonl(tmp_path / "again.jsonl", [correction(company, turned=True)])
    given = ("--bundle", learned[0], "--reviewed", turned, "--reviewer", "bert", "--config", settings)
    line = succeed("learn", *given, "--output", tmp_path / "twice")
    assert [each["reviewer"] for each in line["additions"]] == ["anna", "bert"]
    assert answer(tmp_path / "twice", company, tmp_path / "t", settings) == {
        (company[1], "C"),
        (company[2], "D"),
    }
    line = succeed("learn", "--bundle", tmp_path / "twice", "--undo", "last", "--output", tmp_path / "undone")
    assert [each["number"] for each in line["additions"]] == [1]
    assert load_bundle(str(tmp_path / "undone")).fingerprint == load_bundle(str(learned[0])).fingerprint
    succeed("learn", "--bundle", tmp_path / "twice", "--undo", 1, "--output", tmp_path / "only-the-second")
    succeed("learn", "--bundle", tmp_path / "undone", "--undo", 1, "--output", tmp_path / "trained")
    trained = load_bundle(str(pipeline.folder / "model"))
    assert load_bundle(str(tmp_path / "trained")).fingerprint == trained.fingerprint


def test_the_line_and_the_bundle_say_what_was_learned_and_what_was_rejected(learned):
    path, line = learned
    [addition] = line["additions"]
    assert (addition["number"], addition["reviewer"], addition["entries"]) == (1, "anna", 1)
    assert line["rejected"] == 1
    rejected = open_artifact(str(path), "model").read_table(REJECTED, "rejected")
    assert rejected["rule"].to_pylist() == ["one_sided"]
    assert json.loads((path / "learned.json").read_text())["additions"] == [addition]


def test_the_same_command_finds_it_done_and_another_is_refused(pipeline, learned, reviewed, settings):
    given = ("--bundle", pipeline.folder / "model", "--reviewed", reviewed, "--config", settings)
    before = (learned[0] / "manifest.json").stat().st_mtime_ns
    assert (
        succeed("learn", *given, "--reviewer", "anna", "--output", learned[0])["additions"]
        == learned[1]["additions"]
    )
    assert (learned[0] / "manifest.json").stat().st_mtime_ns == before
    done = run_job("learn", *given, "--reviewer", "bert", "--output", learned[0])
    assert "made with another config (learn.reviewer: 'anna' there, 'bert' here)" in done.complaint


def test_predictions_that_nobody_reviewed_do_not_get_in(pipeline, settings, tmp_path):
    predictions = pipeline.folder / "predictions"
    given = ("--bundle", pipeline.folder / "model", "--config", settings, "--reviewer", "anna")
    for reviewed, why in (
        (predictions, "holds predictions, and entries is wanted"),
        (
            predictions / "data" / "part-000000.parquet",
            "these are jet's predictions, which nobody has reviewed",
        ),
    ):
        done = run_job("learn", *given, "--reviewed", reviewed, "--output", tmp_path / "out")
        assert why in done.complaint
        given_to_predict = ("--ledgers", pipeline.ledgers, "--bundle", pipeline.folder / "model")
        done = run_job("predict", *given_to_predict, "--reviewed", reviewed, "--output", tmp_path / "out")
        assert why in done.complaint
    renamed = tmp_path / "renamed.parquet"
    pq.write_table(pq.read_table(predictions / "data" / "part-000000.parquet"), renamed)
    done = run_job("ingest", "--ledgers", renamed, "--output", tmp_path / "out")
    assert "these are jet's predictions" in done.complaint
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ((), "give --reviewed, to learn entries, or --undo"),
        (("--reviewed", "x.jsonl", "--undo", "last"), "give --reviewed, to learn entries, or --undo"),
        (("--reviewed", "x.jsonl"), "give --reviewer"),
        (("--reviewed", "x.jsonl", "--reviewer", " "), "give --reviewer"),
        (("--undo", "last"), "the bundle has no addition 0: it has learned nothing"),
        (("--undo", "3"), "the bundle has no addition 3: it has learned nothing"),
    ],
)
def test_what_cannot_be_learned_or_undone_is_refused_in_one_line(pipeline, tmp_path, given, why):
    given = [pipeline.ledgers if each == "x.jsonl" else each for each in given]
    done = run_job("learn", "--bundle", pipeline.folder / "model", *given, "--output", tmp_path / "out")
    assert why in done.complaint
    assert not (tmp_path / "out").exists()
