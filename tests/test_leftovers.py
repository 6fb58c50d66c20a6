"""What killed runs left is found by `jet clean` wherever it is, and nothing else is."""

from __future__ import annotations

import pytest
from test_artifact import CONFIG, INPUTS, publish, table

from jet.artifacts.artifact import artifact_writer, beside, open_artifact
from jet.artifacts.leftovers import KINDS, leftovers
from jet.artifacts.storage import resolve, write_whole


def kill_a_run(path, run="0a1b2c"):
    """Leave what a run leaves that was killed while it wrote `path`."""
    try:
        with artifact_writer(path, "things", CONFIG, INPUTS, run=run) as writer:
            writer.write_table("data/part-0.parquet", table("1"))
            raise SystemExit
    except SystemExit:
        return writer.staging


def put(path):
    write_whole(*resolve(path), b"twelve bytes")


def test_parts_of_an_output_that_was_not_finished_are_found(place):
    staging = kill_a_run(f"{place}/out")
    for asked in (place, f"{place}/out"):
        [found] = leftovers(asked)
        assert found.path.endswith(staging)
        assert found.path.partition("books/")[0] == place.partition("books/")[0] or place.startswith("/")
        assert (found.kind, found.output, found.files) == ("staging", f"{place}/out", 1)
        assert found.size > 100


@pytest.mark.parametrize("what", ["training", "tuning-0a1b2c", "entries", "reviewed"])
def test_what_jobs_keep_beside_their_output_is_found(place, what):
    put(f"{beside(f'{place}/out', what)}/deep/state.pt")
    [found] = leftovers(place)
    assert (found.path, found.output) == (f"{place}/.out.{what}", f"{place}/out")
    assert (found.kind, found.files, found.size) == (what.partition("-")[0], 1, 12)
    assert found.kind in KINDS


def test_finished_artifacts_and_files_of_others_are_none(place):
    publish(f"{place}/out")
    put(f"{place}/.hidden/notes.training")
    put(f"{place}/.staging")
    put(f"{place}/files-mine.txt")
    assert leftovers(place) == []
    open_artifact(f"{place}/out", "things")


def test_runs_that_lost_the_race_are_found_and_the_one_that_won_is_not(place):
    with artifact_writer(f"{place}/out", "things", CONFIG, INPUTS) as writer:
        writer.write_table("data/part-0.parquet", table("1"))
        lost = kill_a_run(f"{place}/out")
        writer.publish({"things": 1})
    [found] = leftovers(place)
    assert found.path.endswith(lost)


def test_where_nothing_is_there_is_an_error(place):
    with pytest.raises(FileNotFoundError, match="nothing is there"):
        leftovers(f"{place}/nowhere")
