"""`jet clean` shows what killed runs left, and removes it when told so; nothing else, and nothing new."""

from __future__ import annotations

import os
import time

import pytest
from job_runs import run_job, succeed
from test_artifact import publish
from test_leftovers import kill_a_run, put

from jet.artifacts.artifact import open_artifact
from jet.artifacts.leftovers import leftovers


@pytest.mark.parametrize(
    ("hours", "says"), [(24, "left alone, since it was written within 24 hours"), (0, "would be removed")]
)
def test_nothing_is_removed_unless_one_says_so(place, hours, says, caplog):
    kill_a_run(f"{place}/out")
    with caplog.at_level("INFO", "jet.clean"):
        told = succeed("clean", "--folder", place, "--older_than_hours", hours)
    assert says in caplog.text
    assert "parts of an unfinished output" in caplog.text
    assert (told["found"], told["removed"]) == (1, 0)
    assert len(leftovers(place)) == 1


def test_with_yes_it_is_removed_and_the_rest_stays(place):
    publish(f"{place}/done")
    kill_a_run(f"{place}/out")
    put(f"{place}/.record.json.unfinished-0a1b2c3d")
    told = succeed("clean", "--folder", place, f"{place}/out", "--older_than_hours", 0, "--yes")
    assert (told["found"], told["removed"]) == (2, 2)
    assert leftovers(place) == []
    open_artifact(f"{place}/done", "things")


def test_what_was_written_lately_stays(tmp_path):
    old, new = tmp_path / ".a.training", tmp_path / ".b.training"
    for folder in (old, new):
        folder.mkdir()
        (folder / "state.pt").touch()
    two_days_ago = time.time() - 48 * 3600
    for path in (old / "state.pt", old):
        os.utime(path, (two_days_ago, two_days_ago))
    told = succeed("clean", "--folder", tmp_path, "--yes")
    assert (told["found"], told["removed"]) == (2, 1)
    assert list(tmp_path.iterdir()) == [new]


def test_where_there_is_nothing_it_says_so_in_one_line(tmp_path):
    done = run_job("clean", "--folder", tmp_path / "nowhere")
    assert done.status == 2
    assert "nowhere: nothing is there, and nothing was left for it" in done.complaint
