"""Of several writers to one place one wins, and the others are told: on a disk and on a real S3 server."""

from __future__ import annotations

import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from test_artifact import CONFIG, INPUTS, table

from jet.artifacts import exclusive
from jet.artifacts.artifact import ArtifactError, artifact_writer, open_artifact
from jet.artifacts.leftovers import leftovers
from jet.books.schema import ACCOUNTS

TOLD = re.compile("was published by another job while this one ran|another run of the same work is at it")


def race(path: str, writers: int, same: bool) -> list[str | None]:
    """Let some writers publish at one moment, runs of the `same` work or of different ones; gives the code that
    each has written, None for those that were told."""
    start = threading.Barrier(writers)

    def write(number: int) -> str | None:
        code = "1" if same else str(number)
        try:
            with artifact_writer(path, "things", CONFIG, INPUTS, run="5a3e" if same else None) as writer:
                start.wait()
                writer.write_table("data/part-0.parquet", table(code))
                writer.publish({"things": 1})
        except ArtifactError as error:
            if not TOLD.search(str(error)):
                raise
            return None
        return code

    with ThreadPoolExecutor(writers) as pool:
        return list(pool.map(write, range(writers)))


def races(place: str, count: int) -> None:
    drawn = random.Random(count)
    for number in range(count):
        path, same = f"{place}/{number}", drawn.random() < 0.5
        [won] = [code for code in race(path, drawn.randint(2, 8), same) if code is not None]
        artifact = open_artifact(path, "things")
        assert artifact.read_table(ACCOUNTS)["code"].to_pylist() == [won]


@pytest.mark.parametrize("count", [15, pytest.param(500, marks=pytest.mark.nightly)])
def test_of_many_writers_on_a_disk_one_publishes_and_the_others_are_told(tmp_path, count):
    races(str(tmp_path), count)
    # A run may have begun a hidden file in the folder that another run of the same work then published.
    assert {left.kind for left in leftovers(str(tmp_path))} <= {"unfinished"}


@pytest.mark.parametrize("count", [3, pytest.param(500, marks=pytest.mark.nightly)])
def test_of_many_writers_on_a_store_one_publishes_and_the_others_are_told(store, count):
    assert store.behind
    races("s3://books/races", count)


@pytest.mark.usefixtures("google_store")
def test_of_many_writers_on_googles_store_one_publishes():
    races("gs://anonymous@books/races", 2)


@pytest.mark.parametrize("fault", ["cut before", "cut after", "SlowDown", "InternalError"])
def test_a_put_whose_answer_is_lost_is_repeated_and_won_all_the_same(store, fault):
    failing = iter([fault] * 2)
    place = f"s3://books/lost-{fault.replace(' ', '-')}"
    with artifact_writer(place, "things", CONFIG, INPUTS) as writer:
        writer.write_table("data/part-0.parquet", table("1"))
        store.refuse = lambda method, _: next(failing, None) if method == "PUT" else None
        writer.publish({"things": 1})
    assert store.faults[fault] == 2
    open_artifact(place, "things")


def test_a_store_that_knows_no_conditional_put_is_told_of(store, caplog, monkeypatch):
    monkeypatch.setattr(exclusive, "PATIENCE", timedelta(seconds=0.2))
    with artifact_writer("s3://books/plain", "things", CONFIG, INPUTS) as writer:
        store.refuse = lambda method, _: "NotImplemented" if method == "PUT" and not caplog.records else None
        writer.publish({})
    open_artifact("s3://books/plain", "things")
    assert "can't refuse a second put" in caplog.text


def test_a_store_that_refuses_the_keys_ends_a_job_before_its_work(store):
    store.refuse = lambda _, path: "AccessDenied" if path.endswith("manifest.json") else None
    with (
        pytest.raises(OSError, match=r"refused/manifest\.json.*ACCESS_DENIED|refused/manifest\.json can't be"),
        artifact_writer("s3://books/refused", "things", CONFIG, INPUTS),
    ):
        pytest.fail("the block must not run")


def test_keys_are_read_from_a_profile_as_pyarrow_reads_them(tmp_path, monkeypatch):
    file = tmp_path / "credentials"
    file.write_text(
        "[default]\naws_access_key_id = a\n[books]\naws_access_key_id = b\naws_secret_access_key = c%d\n"
    )
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_PROFILE", "books")
    assert exclusive._profile() == {"access_key_id": "b", "secret_access_key": "c%d"}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of the environment")
    assert exclusive._profile() == {}
