"""`jet demo`: what it writes before the pipeline, and what it tells after it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Pipeline
from job_runs import read, run_job

from jet.artifacts.artifact import ArtifactError
from jet.books.importers import Entry, ImportSettings, import_file
from jet.demo import DemoSettings
from ray_jobs.demo import outcome, write_ledger

SETTINGS = DemoSettings(companies=3, entries=600, open_entries=12, seed=7)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"{write_ledger(SETTINGS, str(tmp_path_factory.mktemp('demo') / 'ledger'))}/truth.jsonl"


@pytest.fixture(scope="module")
def told(pipeline: Pipeline, truth: str) -> str:
    return outcome(str(pipeline.folder), truth, 0.95)


def entries(path: Path) -> list[Entry]:
    return [row for row in import_file(str(path), ImportSettings()) if isinstance(row, Entry)]


def test_the_answers_are_those_of_the_entries_without_lines(truth):
    books = [row for file in sorted(Path(truth).with_name("books").iterdir()) for row in entries(file)]
    opened = {(row.entity, row.entry_id) for row in books if row.lines is None}
    answers = entries(Path(truth))
    assert len(books) == 600
    assert len(answers) == 12
    assert {(row.entity, row.entry_id) for row in answers} == opened
    assert all(row.lines for row in answers)


def test_the_same_ledger_is_not_written_again(tmp_path):
    folder = write_ledger(SETTINGS, str(tmp_path / "ledger"))
    before = (Path(folder) / "truth.jsonl").stat().st_mtime_ns
    assert write_ledger(SETTINGS, folder) == folder
    assert (Path(folder) / "truth.jsonl").stat().st_mtime_ns == before


def test_another_ledger_in_the_same_place_is_refused(truth):
    with pytest.raises(ArtifactError, match="entries: 600 there, 700 here"):
        write_ledger(DemoSettings(companies=3, entries=700), str(Path(truth).parent))


def test_it_tells_ten_entries_with_verdicts(told):
    assert told.count("predicted  ") == 10
    assert told.count("✓ right") + told.count("✗ wrong") == 10
    assert "The newest 12 entries came without lines. 10 of them" in told


def test_it_tells_them_from_the_surest_to_the_least_sure(told, pipeline):
    confidence = [float(found) for found in re.findall(r"confidence ([0-9.]+), decision", told)]
    assert confidence == sorted(confidence, reverse=True)
    known = read(pipeline.folder / "predictions")["confidence"].to_pylist()
    assert confidence[0] == pytest.approx(max(known), abs=0.01)
    assert confidence[-1] == pytest.approx(min(known), abs=0.01)


def test_the_tally_is_that_of_all_entries(told, pipeline, truth):
    answers = {(row.entity, row.entry_id): row for row in entries(Path(truth))}
    right = 0
    for row in read(pipeline.folder / "predictions").to_pylist():
        true = answers[row["entity"], row["entry_id"]].lines or []
        right += sorted((line.account, line.side) for line in true) == sorted(
            (line["account"], line["side"]) for line in row["lines"]
        )
    assert f"All lines right: {right} of 12;" in told


def test_it_tells_scores_of_model_and_baselines_and_where_all_is(told, pipeline):
    for label in ("jet ", "last entry with the same text", "vote of similar texts"):
        assert any(row.startswith(label) and "%" in row for row in told.splitlines())
    assert str(pipeline.folder / "report" / "index.html") in told
    assert str(pipeline.folder / "predictions") in told


@pytest.mark.parametrize("option", [("--output", "s3://me:secret@bucket/demo"), ("--open_entries", 0)])
def test_what_it_can_not_do_is_refused_in_one_line(option, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run_job("demo", *option)
    assert done.status == 2
    assert done.complaint
    assert not list(tmp_path.iterdir())
