"""What `docs/format.md` promises holds, and what earlier versions wrote is read or refused with the way out."""

from __future__ import annotations

import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from test_artifact import edit_manifest, publish

from jet.artifacts.artifact import ArtifactError, artifact_writer, open_artifact, read_manifest
from jet.artifacts.digests import file_facts
from jet.artifacts.manifest import FORMAT as ARTIFACTS
from jet.artifacts.storage import resolve
from jet.books.schema import ENTRIES, PREDICTIONS
from jet.bundle.format import FORMAT as BUNDLES
from jet.bundle.saved import load_bundle
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings

HERE = Path(__file__).parent
TEXT = (HERE.parents[1] / "docs" / "format.md").read_text()
FILES = sorted(HERE.glob("kept-*.zip"))
BUNDLE_FILES = {
    *("network.safetensors", "ranker.safetensors", "catalog.safetensors", "bundle.json", "judgment.json"),
    *("MODEL_CARD.md", "accounts/part-0.parquet", "texts/part-0.parquet", "books/part-0.parquet"),
}


@pytest.fixture
def kept(tmp_path):
    """What was written when the bundle's format was made."""
    with zipfile.ZipFile(HERE / f"kept-{BUNDLES}.zip") as packed:
        packed.extractall(tmp_path / "kept")
    return tmp_path / "kept"


def test_every_sentence_is_named_in_a_test():
    numbers = [int(found) for found in re.findall(r"^(\d+)\. ", TEXT, re.MULTILINE)]
    named = re.findall(r"mark\.sentence\(([\d, ]+)\)", Path(__file__).read_text())
    assert numbers == list(range(1, len(numbers) + 1))
    assert sorted({int(number) for one in named for number in one.split(",")}) == numbers
    assert [int(found) for found in re.findall(r"^Format (\d+),", TEXT, re.MULTILINE)] == [ARTIFACTS, BUNDLES]


@pytest.mark.sentence(1, 2, 3, 4)
def test_a_manifest_says_what_is_there(kept):
    for name in ("bundle", "entries", "predictions"):
        content = json.loads((kept / name / "manifest.json").read_bytes())
        keys = re.findall(r"`(\w+)`", re.search(r"^2\. (.+?)\n3\. ", TEXT, re.DOTALL | re.MULTILINE)[1])
        assert set(content) == set(keys)
        assert content["folder"] == ""
        there = {
            path.relative_to(kept / name).as_posix() for path in (kept / name).rglob("*") if path.is_file()
        }
        assert there == {*content["files"], "manifest.json"}
        for file, facts in content["files"].items():
            assert facts == file_facts(*resolve(str(kept / name / file)))
        (kept / name / "manifest.json").unlink()
        assert read_manifest(str(kept / name)) is None


@pytest.mark.sentence(4)
def test_on_a_store_the_manifest_names_the_folder(store):
    assert store.behind
    manifest = publish("s3://books/format")
    filesystem, root = resolve(f"s3://books/format/{manifest.folder}/note.txt")
    assert manifest.folder
    assert filesystem.get_file_info(root).is_file


@pytest.mark.sentence(5, 6)
def test_tables_lie_in_folders_and_the_fingerprint_is_of_the_content(kept, tmp_path):
    artifact = open_artifact(str(kept / "bundle"), "model")
    assert [Path(file).relative_to(artifact.root).as_posix() for file in artifact.files("texts")] == [
        "texts/part-0.parquet"
    ]
    with artifact_writer(str(tmp_path / "out"), "model", {"another": "config"}, {"other": "inputs"}) as writer:
        for name in artifact.manifest.files:
            writer.write_bytes(name, artifact.read_bytes(name))
        assert writer.publish({}).fingerprint == artifact.manifest.fingerprint


@pytest.mark.sentence(7, 8, 9)
def test_what_is_not_as_it_was_published_is_refused_with_the_way_out(kept):
    place = kept / "predictions"
    (place / ".hidden").touch()
    open_artifact(str(place), "predictions")
    edit_manifest(place, format=ARTIFACTS + 1)
    with pytest.raises(ArtifactError, match="run the job that wrote it again, or use the jet"):
        open_artifact(str(place), "predictions")
    edit_manifest(place, format=ARTIFACTS)
    with (place / "data" / "part-000000.parquet").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(ArtifactError, match="is not the file that was published"):
        open_artifact(str(place), "predictions")


@pytest.mark.sentence(10, 11)
def test_a_bundle_has_these_files(kept):
    manifest = read_manifest(str(kept / "bundle"))
    assert set(manifest.files) == BUNDLE_FILES
    for name in BUNDLE_FILES:
        assert (
            not (kept / "bundle" / name).read_bytes().startswith((b"\x80", b"PK"))
        )  # a pickle, torch's archive


@pytest.mark.sentence(12, 14, 15, 16)
def test_a_kept_bundle_predicts_what_it_predicted(kept):
    bundle = load_bundle(str(kept / "bundle"))
    entries = open_artifact(str(kept / "entries"), "entries").read_table(ENTRIES)
    artifact = open_artifact(str(kept / "predictions"), "predictions")
    assert pq.read_schema(artifact.files()[0]).remove_metadata().equals(PREDICTIONS)
    then = artifact.read_table(PREDICTIONS).to_pylist()
    now = Predictor.for_entries(bundle, PredictSettings(), entries, None)(entries).to_pylist()
    keys = Counter((row["entity"], row["entry_id"]) for row in then)
    assert keys == Counter((row["entity"], row["entry_id"]) for row in entries.to_pylist())
    for before, after in zip(then, now, strict=True):
        assert after["decision"] == before["decision"]
        assert after["confidence"] == pytest.approx(before["confidence"], abs=1e-3)
        assert [(line["account"], line["side"]) for line in after["lines"]] == [
            (line["account"], line["side"]) for line in before["lines"]
        ]


@pytest.mark.sentence(13)
@pytest.mark.parametrize("found", [BUNDLES - 1, BUNDLES + 1])
def test_a_bundle_of_another_format_is_refused_with_the_way_out(kept, tmp_path, found):
    artifact = open_artifact(str(kept / "bundle"), "model")
    with artifact_writer(str(tmp_path / "other"), "model", {}, {}) as writer:
        for name in artifact.manifest.files:
            content = artifact.read_bytes(name)
            if name == "bundle.json":
                content = json.dumps(json.loads(content) | {"format": found}).encode()
            writer.write_bytes(name, content)
        writer.publish({})
    with pytest.raises(
        ArtifactError, match=rf"of format {found}, this jet reads {BUNDLES}: train again, or use"
    ):
        load_bundle(str(tmp_path / "other"))


@pytest.mark.sentence(13, 16)
@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_what_any_version_wrote_is_read_or_refused_with_the_way_out(file, tmp_path):
    assert file.stat().st_size < 100_000
    with zipfile.ZipFile(file) as packed:
        packed.extractall(tmp_path)
    open_artifact(str(tmp_path / "predictions"), "predictions").read_table(PREDICTIONS)
    try:
        load_bundle(str(tmp_path / "bundle"))
    except ArtifactError as error:
        assert "train again" in str(error)  # noqa: PT017 (either is right)
