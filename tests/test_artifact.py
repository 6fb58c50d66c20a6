"""Artifacts are whole or invisible, and what was changed, is missing or is another thing is refused."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from jet.artifacts.artifact import (
    MANIFEST,
    ArtifactError,
    artifact_writer,
    digest_of,
    finished,
    open_artifact,
    read_manifest,
    refuse_foreign,
)
from jet.artifacts.manifest import FORMAT
from jet.artifacts.storage import remove
from jet.artifacts.tables import SchemaError
from jet.books.schema import ACCOUNTS

CONFIG = {"split": {"train": 0.7, "shares": (1, 2)}, "seed": 0}
INPUTS = {"entries": "abc"}


def table(*codes):
    rows = [{"entity": "a", "code": code, "name": ""} for code in codes]
    return pa.Table.from_pylist(rows, schema=ACCOUNTS)


def publish(path, codes=("1", "2"), kind="things", config=CONFIG, inputs=INPUTS):
    with artifact_writer(str(path), kind, config, inputs) as writer:
        writer.write_table("data/part-0.parquet", table(*codes))
        writer.write_table("data/part-1.parquet", table("9"))
        writer.write_table("other/part-0.parquet", table("7"))
        writer.write_bytes("note.txt", b"hello")
        return writer.publish({"things": len(codes) + 1}, {"fact": 1})


def edit_manifest(path, **changes):
    name = Path(path) / MANIFEST
    content = json.loads(name.read_bytes())
    name.write_text(json.dumps(content | changes))


def test_what_was_written_is_what_is_read(tmp_path):
    manifest = publish(tmp_path / "out")
    artifact = open_artifact(str(tmp_path / "out"), "things")
    assert artifact.manifest.fingerprint == manifest.fingerprint
    assert artifact.manifest.rows == {"things": 3}
    assert artifact.manifest.facts == {"fact": 1}
    assert artifact.manifest.inputs == INPUTS
    assert artifact.manifest.config == {"split": {"train": 0.7, "shares": [1, 2]}, "seed": 0}
    assert artifact.read_table(ACCOUNTS)["code"].to_pylist() == ["1", "2", "9"]
    assert artifact.read_table(ACCOUNTS, "other")["code"].to_pylist() == ["7"]
    assert artifact.read_bytes("note.txt") == b"hello"
    assert len(artifact.files()) == 2
    assert sorted(artifact.manifest.files) == sorted(
        ["data/part-0.parquet", "data/part-1.parquet", "other/part-0.parquet", "note.txt"]
    )


def test_a_table_in_buckets_is_read_by_bucket_or_whole(tmp_path):
    with artifact_writer(str(tmp_path / "out"), "things", CONFIG, INPUTS) as writer:
        for number in (0, 1):
            writer.write_table(f"data/bucket=0000{number}/part-0.parquet", table(str(number)))
            writer.write_table(f"other/bucket=0000{number}/part-0.parquet", table(f"other {number}"))
        writer.write_table("data/part-0.parquet", table("in none"))
        writer.publish({})
    artifact = open_artifact(str(tmp_path / "out"), "things")
    assert artifact.buckets() == ["", "bucket=00000", "bucket=00001"]
    assert artifact.buckets("other") == ["bucket=00000", "bucket=00001"]
    codes = {
        each: artifact.read_table(ACCOUNTS, buckets=[each])["code"].to_pylist() for each in artifact.buckets()
    }
    assert codes == {"": ["in none"], "bucket=00000": ["0"], "bucket=00001": ["1"]}
    assert artifact.read_table(ACCOUNTS)["code"].to_pylist() == ["0", "1", "in none"]
    some = artifact.read_table(ACCOUNTS, "other", ["bucket=00001"])
    assert some["code"].to_pylist() == ["other 1"]
    assert not len(artifact.read_table(ACCOUNTS, "other", ["bucket=00002"]))


def test_nothing_can_be_read_before_it_is_published(tmp_path):
    path = tmp_path / "out"
    with artifact_writer(str(path), "things", CONFIG, INPUTS) as writer:
        writer.write_table("data/part-0.parquet", table("1"))
        assert not path.exists()
        assert read_manifest(str(path)) is None
        assert finished(str(path), "things", CONFIG, INPUTS) is None
        with pytest.raises(ArtifactError, match="holds no finished things"):
            open_artifact(str(path), "things")
        writer.publish({"things": 1})
        assert path.exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]  # no staging is left


def test_a_writer_that_is_killed_leaves_nothing(tmp_path):
    class Killed(BaseException):
        pass

    def job():
        with artifact_writer(str(tmp_path / "out"), "things", CONFIG, INPUTS) as writer:
            writer.write_table("data/part-0.parquet", table("1"))
            raise Killed

    with pytest.raises(Killed):
        job()
    assert list(tmp_path.iterdir()) == []
    publish(tmp_path / "out")  # and the place is free


def test_a_named_run_that_is_killed_leaves_its_parts_to_go_on_from_and_still_nothing_to_read(tmp_path):
    path = str(tmp_path / "out")

    def job():
        with artifact_writer(path, "things", CONFIG, INPUTS, run="r1") as writer:
            writer.write_table("data/part-0.parquet", table("1"))
            writer.write_bytes("data/.part-1.parquet", b"half a file")
            raise KeyError

    with pytest.raises(KeyError):
        job()
    assert read_manifest(path) is None
    with artifact_writer(path, "things", CONFIG, INPUTS, run="r1") as writer:
        assert [Path(name).name for name in writer.files()][-1] == "part-0.parquet"
        writer.publish({"things": 1})
    artifact = open_artifact(path, "things")
    assert sorted(artifact.manifest.files) == ["data/part-0.parquet"]  # what was half-written is gone


def test_of_two_writers_to_one_place_the_second_is_told(tmp_path):
    path = str(tmp_path / "out")
    with artifact_writer(path, "things", CONFIG, INPUTS) as slow:
        slow.write_bytes("note.txt", b"slow")
        first = publish(path)
        with pytest.raises(ArtifactError, match=r"out was published by another job while this one ran"):
            slow.publish({"things": 1})
    assert read_manifest(path).fingerprint == first.fingerprint
    assert open_artifact(path, "things").read_bytes("note.txt") == b"hello"


def test_a_writer_never_appends(tmp_path):
    publish(tmp_path / "out")
    with (
        pytest.raises(ArtifactError, match=r"out is not empty"),
        artifact_writer(str(tmp_path / "out"), "things", CONFIG, INPUTS),
    ):
        pytest.fail("the block must not run")
    (tmp_path / "file").write_text("x")
    with pytest.raises(ArtifactError, match="file is a file"):
        refuse_foreign(str(tmp_path / "file"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("x")
    with pytest.raises(ArtifactError, match=r"mine is not empty \(it has diary.txt\)"):
        refuse_foreign(str(tmp_path / "mine"))
    (tmp_path / "empty").mkdir()
    publish(tmp_path / "empty")
    open_artifact(str(tmp_path / "empty"), "things")


@pytest.mark.parametrize("name", ["data/part-1.parquet", "other/part-0.parquet", "note.txt"])
def test_a_changed_file_is_refused_by_name(tmp_path, name):
    publish(tmp_path / "out")
    file = tmp_path / "out" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"{name} is not the file that was published"):
        open_artifact(str(tmp_path / "out"), "things")
    with pytest.raises(ArtifactError, match=rf"{name} is not the file that was published"):
        finished(str(tmp_path / "out"), "things", CONFIG, INPUTS)
    # Whoever says that somebody has looked before is believed: the workers of a job that did.
    open_artifact(str(tmp_path / "out"), "things", verified=True)


def test_a_missing_file_is_refused_by_name(tmp_path):
    publish(tmp_path / "out")
    (tmp_path / "out" / "note.txt").unlink()
    with pytest.raises(ArtifactError, match=r"note\.txt is missing"):
        open_artifact(str(tmp_path / "out"), "things")
    with pytest.raises(ArtifactError, match=r"note\.txt is missing"):
        finished(str(tmp_path / "out"), "things", CONFIG, INPUTS)


def test_a_file_that_the_manifest_does_not_name_is_refused_by_name_and_not_read(tmp_path):
    publish(tmp_path / "out")
    artifact = open_artifact(str(tmp_path / "out"), "things")
    (tmp_path / "out" / "data" / "part-2.parquet").write_bytes(
        (tmp_path / "out" / "data" / "part-1.parquet").read_bytes()
    )
    with pytest.raises(ArtifactError, match=r"data/part-2\.parquet is not of this artifact"):
        open_artifact(str(tmp_path / "out"), "things")
    with pytest.raises(ArtifactError, match=r"data/part-2\.parquet is not of this artifact"):
        finished(str(tmp_path / "out"), "things", CONFIG, INPUTS)
    assert artifact.read_table(ACCOUNTS)["code"].to_pylist() == ["1", "2", "9"]
    with pytest.raises(ArtifactError, match=r"names no file 'data/part-2\.parquet'"):
        artifact.read_bytes("data/part-2.parquet")


def test_hidden_files_are_no_matter(tmp_path):
    publish(tmp_path / "out")
    (tmp_path / "out" / ".DS_Store").touch()
    open_artifact(str(tmp_path / "out"), "things")


def test_another_kind_is_refused(tmp_path):
    publish(tmp_path / "out")
    with pytest.raises(ArtifactError, match="out holds things, and model is wanted"):
        open_artifact(str(tmp_path / "out"), "model")


@pytest.mark.parametrize("found", [FORMAT + 1, None, "1"])
def test_an_unknown_format_is_refused(tmp_path, found):
    publish(tmp_path / "out")
    edit_manifest(tmp_path / "out", format=found)
    with pytest.raises(ArtifactError, match=rf"manifest\.json has format {found!r}; this jet reads {FORMAT}"):
        open_artifact(str(tmp_path / "out"), "things")


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe\x00binary", b"[1]", b"3"])
def test_a_manifest_that_is_none_is_refused(tmp_path, content):
    publish(tmp_path / "out")
    (tmp_path / "out" / MANIFEST).write_bytes(content)
    with pytest.raises(ArtifactError, match=r"manifest\.json"):
        open_artifact(str(tmp_path / "out"), "things")


def test_a_manifest_with_a_part_missing_or_too_many_is_refused(tmp_path):
    publish(tmp_path / "out")
    edit_manifest(tmp_path / "out", surprise=1)
    with pytest.raises(ArtifactError, match=r"manifest\.json.*surprise"):
        open_artifact(str(tmp_path / "out"), "things")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret"])
def test_a_path_out_of_the_artifact_is_refused(tmp_path, name):
    publish(tmp_path / "out")
    edit_manifest(tmp_path / "out", files={name: {"size": 1, "sha256": "0"}})
    with pytest.raises(ArtifactError, match="outside of the artifact"):
        open_artifact(str(tmp_path / "out"), "things")


def test_where_there_is_nothing_the_error_says_what_to_do(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken-off").mkdir()
    (tmp_path / "broken-off" / "part-0.parquet").write_text("x")
    publish(tmp_path / "above" / "out", kind="entries")
    for name, why in {
        "nowhere": r"there is no such folder: check the path; `jet ingest` writes it",
        "file/below": r"there is no such folder",
        "file": r"it is a file, and a folder is wanted; `jet ingest` writes it",
        "empty": r"it is an empty folder: check the path; `jet ingest`",
        "broken-off": r"there is no manifest\.json in it: was the job that writes it ended\?",
        "above": rf"it is the folder above: name {tmp_path}/above/out",
    }.items():
        with pytest.raises(ArtifactError, match=rf"{name} holds no finished entries: {why}"):
            open_artifact(str(tmp_path / name), "entries")


def test_equal_content_has_an_equal_fingerprint_wherever_and_whenever_it_is_written(tmp_path):
    one, same = publish(tmp_path / "one"), publish(tmp_path / "elsewhere", config={}, inputs={})
    assert one.fingerprint == same.fingerprint
    assert publish(tmp_path / "two", codes=("1", "3")).fingerprint != one.fingerprint
    assert publish(tmp_path / "three", kind="others").fingerprint != one.fingerprint


def test_an_artifact_may_be_moved(tmp_path):
    publish(tmp_path / "out")
    (tmp_path / "out").rename(tmp_path / "moved")
    open_artifact(str(tmp_path / "moved"), "things")


def test_a_table_of_another_schema_is_refused(tmp_path):
    with artifact_writer(str(tmp_path / "out"), "things", {}, {}) as writer:
        writer.write_table("data/part-0.parquet", table("1").drop_columns(["name"]))
        writer.publish({"things": 1})
    with pytest.raises(SchemaError, match="out/data: column 'name' is missing"):
        open_artifact(str(tmp_path / "out"), "things").read_table(ACCOUNTS)


def test_the_same_work_is_recognized_and_other_work_is_refused_with_what_differs(tmp_path):
    path = str(tmp_path / "out")
    assert finished(path, "things", CONFIG, INPUTS) is None
    manifest = publish(path)
    assert finished(path, "things", CONFIG, INPUTS).fingerprint == manifest.fingerprint

    @dataclass
    class Split:
        train: float = 0.7
        shares: tuple = (1, 2)

    assert finished(path, "things", {"split": asdict(Split()), "seed": 0}, INPUTS) is not None
    other = {"split": {"train": 0.8, "shares": (1, 2)}, "seed": 0}
    with pytest.raises(
        ArtifactError, match=r"another config \(split\.train: 0\.7 there, 0\.8 here\).*give another output"
    ):
        finished(path, "things", other, INPUTS)
    with pytest.raises(ArtifactError, match=r"another config \(extra: None there, 1 here\)"):
        finished(path, "things", CONFIG | {"extra": 1}, INPUTS)
    with pytest.raises(ArtifactError, match="other inputs"):
        finished(path, "things", CONFIG, {"entries": "abd"})
    with pytest.raises(ArtifactError, match="it holds things"):
        finished(path, "model", CONFIG, INPUTS)


def test_a_digest_is_of_the_content_not_of_the_order_of_keys():
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": [2], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})
    assert digest_of([1, 2]) != digest_of([2, 1])


def test_an_artifact_on_a_uri_is_published_with_the_manifest_last(tmp_path):
    # file:// goes the way that every URI goes; a local disk still renames.
    uri = f"file://{tmp_path}/out"
    publish(uri)
    open_artifact(uri, "things")
    open_artifact(str(tmp_path / "out"), "things")


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_folder_is_removed_whole_wherever_it_is_and_what_is_not_there_is_no_matter(tmp_path, scheme):
    (tmp_path / "work" / "deep").mkdir(parents=True)
    (tmp_path / "work" / "deep" / "file").touch()
    remove(f"{scheme}{tmp_path}/work")
    remove(f"{scheme}{tmp_path}/work")
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_of_an_earlier_jet_is_refused_with_the_way_out(tmp_path):
    with artifact_writer(str(tmp_path / "entries"), "entries", {}, {}) as writer:
        writer.write_table("bucket=00000/part-0.parquet", table("1"))
        writer.publish({"entries": 1})
    with pytest.raises(ArtifactError, match=r"written by an earlier jet.*write it again with `?jet ingest"):
        open_artifact(str(tmp_path / "entries"), "entries")
