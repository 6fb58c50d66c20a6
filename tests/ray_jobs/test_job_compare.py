"""`jet compare` puts two reports side by side, without Ray."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from job_runs import ROOT, run_job
from reports import publish_report, rows_of

from jet.artifacts.artifact import open_artifact


@pytest.fixture
def runs(tmp_path):
    """A folder of `jet pipeline`, and one of `jet evaluate`."""
    publish_report(tmp_path / "run" / "report", rows_of([True, False, True]))
    publish_report(tmp_path / "evaluated", rows_of([True, True, False]), model="m2")
    return tmp_path / "run", tmp_path / "evaluated"


def test_the_text_is_on_standard_output_and_in_the_result(runs, tmp_path):
    done = run_job("compare", *runs, "--result", tmp_path / "result.json")
    assert done.status == 0, done.err
    assert done.out.startswith("3 test entries of 1 company, 2024-01-01 to 2024-01-03\n")
    assert "Right in both 1, only in 1 1, only in 2 1, in neither 0." in done.out
    told = json.loads((tmp_path / "result.json").read_text())
    assert (told["job"], told["status"], f"{told['text']}\n") == ("compare", 0, done.out)


def test_the_page_is_written_where_it_is_asked_for(runs, tmp_path):
    page = tmp_path / "new" / "compare.html"
    assert run_job("compare", *runs, "--output", page).status == 0
    assert "What got worse: 1" in page.read_text()
    assert run_job("compare", *runs[::-1], "--output", page).status == 0  # in place of the last one


@pytest.mark.parametrize(
    ("place", "says"),
    [("run/report/compare.html", "which is finished and never changed"), ("run", "is a folder")],
)
def test_a_page_spoils_no_report(runs, tmp_path, place, says):
    done = run_job("compare", *runs, "--output", tmp_path / place)
    assert done.status == 2
    assert says in done.complaint
    open_artifact(str(runs[0] / "report"), "report")


def test_what_is_no_report_is_refused_with_the_way_out(runs, tmp_path):
    done = run_job("compare", runs[0], tmp_path / "nowhere")
    assert done.status == 2
    assert "there is no such folder: check the path; `jet evaluate` writes it" in done.complaint


def test_reports_of_other_entries_are_refused(runs, tmp_path):
    other = publish_report(tmp_path / "other", rows_of([True] * 4))
    done = run_job("compare", runs[0], other)
    assert done.status == 2
    assert "are reports of other test entries: 0 of 3 are only in the first, 1 of 4 only in" in done.complaint


def test_neither_ray_nor_torch_is_imported(runs):
    script = "import sys; from ray_jobs import cli; sys.argv = ['jet', *sys.argv[1:]]\ntry: cli.main()\n"
    script += "except SystemExit as end: print(end.code, sorted({'ray', 'torch'} & set(sys.modules)))"
    command = [sys.executable, "-c", script, "compare", *map(str, runs)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"
