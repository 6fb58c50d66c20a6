"""Paths and addresses that lead to something else than a job wants: refused in one line that names the cause
and the way out, before Ray is started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from job_runs import entry, run_job, write_jsonl

from jet.artifacts.artifact import artifact_writer
from ray_jobs.runtime.connection import connect
from ray_jobs.runtime.settings import RuntimeSettings

KINDS = ("entries", "neighbors", "model", "predictions")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a ledger, artifacts without content, an empty folder, and a file that is none of them."""
    (tmp_path / "books").mkdir()
    write_jsonl(tmp_path / "books" / "a.jsonl", [entry("1")])
    for kind in KINDS:
        with artifact_writer(str(tmp_path / "out" / kind), kind, {}, {}) as writer:
            writer.publish({})
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("hello")
    monkeypatch.chdir(tmp_path)
    return tmp_path


INGEST = "ingest --ledgers"
PREDICT = "predict --ledgers books --bundle"
INSIDE = "lies inside of {here}/out/entries, which holds finished entries and is never changed: give"
NO_LEDGERS = " that jet wrote, and no ledgers: name ledger files"


@pytest.mark.parametrize(
    ("command", "output", "why"),
    [
        (f"{INGEST} nowhere", "new", "nowhere: no such file; check the path, or the pattern"),
        (f"{INGEST} books/*.xyz", "new", "books/*.xyz: no such file; check the path, or the pattern"),
        (f"{INGEST} empty", "new", "empty: no file is in this folder"),
        (f"{INGEST} ", "new", "an empty path; name a file or a folder"),
        (f"{INGEST} out/predictions", "new", "out/predictions holds predictions" + NO_LEDGERS),
        (f"{INGEST} out/entries", "new", "out/entries holds entries" + NO_LEDGERS),
        (f"{INGEST} books out", "new", "out/entries holds entries" + NO_LEDGERS),
        ("pipeline --ledgers out/model", "new", "out/model holds model" + NO_LEDGERS),
        ("pipeline --ledgers empty", "new", "empty: no file is in this folder"),
        (f"{INGEST} books", "books/new", "--output books/new lies inside of books, which is read"),
        (f"{INGEST} books", "books/of/me", "--output books/of/me lies inside of books, which is read"),
        (f"{INGEST} books", "file", "file is a file; an output must be a folder that does not exist yet"),
        (f"{INGEST} books", "file/new", "file/new can't be made: {here}/file is a file"),
        (f"{INGEST} books", "out/entries/new", INSIDE),
        (f"{INGEST} books", "", "a path is empty: name a file or a folder"),
        ("neighbors --entries nowhere", "new", "nowhere holds no finished entries: there is no such folder"),
        ("neighbors --entries empty", "new", "empty holds no finished entries: it is an empty folder: check"),
        ("neighbors --entries file", "new", "file holds no finished entries: it is a file, and a folder is"),
        (
            "neighbors --entries out",
            "new",
            "no finished entries: it is the folder above: name out/entries",
        ),
        ("neighbors --entries out/predictions", "new", "and entries is wanted: what `jet ingest` writes"),
        ("neighbors --entries out/entries", "out/entries/new", INSIDE),
        ("neighbors --entries out/entries", "books", "books is not empty (it has a.jsonl): give an output"),
        ("train --data nowhere", "new", "nowhere/entries holds no finished entries: there is no such folder"),
        ("train --data out/entries", "new", "out/entries holds entries: --data is the folder in which entries"),
        ("tune --data out/model", "new", "out/model holds model: --data is the folder in which"),
        ("ablate --data file", "new", "file/entries holds no finished entries"),
        ("finetune --data empty", "new", "empty holds no finished entries: it is an empty folder"),
        (f"{PREDICT} nowhere", "new", "nowhere holds no finished model: there is no such folder: check"),
        (f"{PREDICT} out/predictions", "new", "holds predictions, and model is wanted: what `jet train` or"),
        (f"{PREDICT} out", "new", "out holds no finished model: it is the folder above: name out/model"),
        (f"{PREDICT} file", "new", "file holds no finished model: it is a file, and a folder is wanted"),
        ("learn --reviewer me --reviewed books --bundle out/entries", "new", "entries, and model is wanted"),
        (
            "export --format csv --ledgers books --predictions out/model",
            "new",
            "holds model, and predictions is wanted: what",
        ),
        ("evaluate --bundle x --entries out", "new", "it is the folder above: name out/entries"),
        (f"{INGEST} books --config nowhere.yaml", "new", "File does not exist: '{here}/nowhere.yaml'"),
        (f"{INGEST} books --config empty", "new", "Path is not a file: '{here}/empty'"),
        (f"{INGEST} books --config file", "new", "file: not a config: write settings"),
        (
            f"{INGEST} books --model.hiden 3",
            "new",
            "no option --model.hiden: did you mean --model.hidden? jet ingest",
        ),
    ],
)
def test_a_wrong_path_is_refused_in_one_line_with_the_cause(here, command, output, why):
    job, *options = command.split(" ")
    done = run_job(job, *options, "--output", output)
    assert done.status == 2
    assert why.format(here=here) in done.complaint
    assert len(done.err.splitlines()) == 1
    assert sorted(path.name for path in here.iterdir()) == ["books", "empty", "file", "out"]
    assert sorted(path.name for path in (here / "out").iterdir()) == sorted(KINDS)


@pytest.mark.parametrize("given", ["127.0.0.1:1", "nonsense", "ray://127.0.0.1:10001", "http://127.0.0.1:8265"])
@pytest.mark.parametrize("by", ["runtime.address", "RAY_ADDRESS"])
def test_an_address_without_a_ray_is_refused_at_once_with_what_names_it(given, by, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_ADDRESS", given)
    why = "nothing answers at" if given == "127.0.0.1:1" else "is no address of a Ray"
    with pytest.raises(ValueError, match=why) as raised:
        connect(RuntimeSettings(address=given if by == "runtime.address" else None))
    assert f"{given} (of {by})" in str(raised.value)
    assert "name a running Ray as HOST:PORT in --runtime.address" in str(raised.value)


@pytest.mark.parametrize("name", ["RAY_TMPDIR", "TMPDIR"])
def test_a_folder_too_long_for_sockets_is_refused_by_the_variable_that_names_it(name, tmp_path, monkeypatch):
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    for other in ("RAY_ADDRESS", "RAY_TMPDIR", "TMPDIR"):
        monkeypatch.delenv(other, raising=False)
    folder = tmp_path / ("x" * 60)
    monkeypatch.setenv(name, str(folder))
    with pytest.raises(ValueError, match=rf"^{name} names a folder .*: set RAY_TMPDIR to a shorter") as raised:
        connect(RuntimeSettings())
    assert f"{folder}/ray/session_" in str(raised.value)
    assert f"_{os.getpid()}/sockets/" in str(raised.value)
    assert not folder.exists()
