"""Configs, manifests and bundles that are written to break the reader: each is one error with its place."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from jet.artifacts.artifact import MANIFEST, ArtifactError, artifact_writer, finished, open_artifact
from jet.bundle.saved import load_bundle
from ray_jobs.options import ingest
from ray_jobs.runtime.arguments import job_parser, parsed
from ray_jobs.runtime.configs import DEEPEST_CONFIG, MOST_CONFIG_BYTES


@pytest.fixture
def config(tmp_path):
    """Reads a config of the given content as `jet ingest` does."""

    def read(content: str | bytes):
        path = tmp_path / "jet.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        parser = job_parser("ingest", ingest)
        return parsed(parser, ["--ledgers", "a", "--output", "b", "--config", str(path)], ingest)

    return read


NINE = ", ".join(["*a{}"] * 9)
BOMB = "".join(f"x{n}: &a{n} [{NINE.format(*[n - 1] * 9)}]\n" if n else "x0: &a0 [1, 2]\n" for n in range(12))


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BOMB, r"line 2: \*a0: write out what the alias stands for"),
        ("ingest:\n  columns: &c {entity: x, date: *c}\n", r"line 2: \*c: write out"),
        ("model: " + "[" * 900 + "]" * 900, f"line 1 is nested deeper than {DEEPEST_CONFIG} levels"),
        ("- " * 20_000 + "1", f"line 1 is nested deeper than {DEEPEST_CONFIG} levels"),
        ("x: '" + "a" * MOST_CONFIG_BYTES + "'", "bytes are more than the 262,144 of the longest config"),
        (b"model: {hidden: \xff}", "not a config: 'utf-8' codec can't decode byte 0xff"),
        (b"model: \0", "not a config: unacceptable character"),
        ("a: b: c", "not a config: mapping values are not allowed"),
        ("model: {hidden: " + "9" * 5_000 + "}", "not a config: Exceeds the limit"),
        ("x: !!python/object/apply:os.system [ls]", "not a config: could not determine a constructor"),
        ("", "not a config: write settings"),
        ("[1]", "not a config: write settings"),
        ("config: /etc/passwd", "names no other one: give each as a --config of its own"),
    ],
)
def test_a_hostile_config_is_refused_at_once_with_its_name(config, content, message):
    with pytest.raises(ValueError, match=rf"jet\.yaml: .*{message}") as error:
        config(content)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("name", ["ingest.tolerance", "model.hidden", "losses.pointer", "runtime.actors"])
def test_a_null_is_refused_where_a_setting_must_have_a_value(config, name):
    part, setting = name.split(".")
    with pytest.raises(ValueError, match=rf"{name} must not be null: leave it out"):
        config(f"{part}:\n  {setting}:\n")


@pytest.mark.parametrize("value", ["[1]", "3", "x", "null"])
def test_a_part_of_the_settings_that_is_no_table_is_refused(config, value):
    with pytest.raises((ValueError, SystemExit), match=r"losses must not be .*: write settings|2"):
        config(f"losses: {value}\n")


def test_a_null_is_a_value_where_it_says_something(config):
    given = config("ingest: {entity: null}\nruntime: {address: null}\nmodel: {hidden: 16}\n")
    assert (given["ingest"]["entity"], given["model"]["hidden"]) == (None, 16)


@pytest.fixture
def artifact(tmp_path):
    """The folder of an artifact with one file, and a function that changes its manifest."""
    path = tmp_path / "things"
    with artifact_writer(str(path), "things", {}, {}) as writer:
        writer.write_bytes("note.txt", b"note")
        writer.publish({"things": 1})

    def change(**changes):
        manifest = json.loads((path / MANIFEST).read_bytes())
        (path / MANIFEST).write_text(json.dumps(manifest | changes))
        return str(path)

    return change


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": {"note.txt": {"size": 4}}}, "doesn't name files with their sizes and digests"),
        ({"files": {"note.txt": {"sha256": 4}}}, "doesn't name files with their sizes and digests"),
        ({"files": {"a\0b": {"sha256": ""}}}, "outside of the artifact"),
        ({"files": {"\ud800": {"sha256": ""}}}, "outside of the artifact"),
        ({"folder": ["x" * 9_999]}, "names a folder that is none"),
        ({"format": "9" * 9_999}, "has format '9+; this jet reads"),
        ({"kind": ["things"]}, "kind is no text: fetch the artifact anew"),
        ({"rows": [1]}, "rows is no table"),
        ({"rows": {"things": "1"}}, "rows are not all numbers"),
        ({"config": None}, "config is no table"),
        ({"inputs": "x"}, "inputs is no table"),
        ({"facts": 3}, "facts is no table"),
        ({"x" * 9_999: 1}, "lacks what a manifest has"),
    ],
)
def test_a_manifest_with_parts_of_other_kinds_is_one_short_error(artifact, changes, message):
    path = artifact(**changes)
    for read in (lambda: open_artifact(path, "things"), lambda: finished(path, "things", {}, {})):
        with pytest.raises(ArtifactError, match=rf"{MANIFEST}.*{message}") as error:
            read()
        assert len(str(error.value)) < 600


def test_links_in_a_circle_lead_out_of_an_artifact(artifact):
    path = Path(artifact(files={"a": {"sha256": ""}}))
    (path / "a").symlink_to(path / "b")
    (path / "b").symlink_to(path / "a")
    with pytest.raises(ArtifactError, match="outside of the artifact, or a link to there"):
        open_artifact(str(path), "things").verify()


@pytest.fixture
def spoiled(bundle_path, tmp_path):
    """Replaces a file of a copy of the bundle, the manifest made to fit; returns the copy's path."""
    copy = tmp_path / "model"
    shutil.copytree(bundle_path, copy)

    def spoil(name: str, change) -> str:
        content = change((copy / name).read_bytes())
        (copy / name).write_bytes(content)
        manifest = json.loads((copy / MANIFEST).read_bytes())
        manifest["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        (copy / MANIFEST).write_text(json.dumps(manifest))
        return str(copy)

    return spoil


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("bundle.json", content) for content in (b"", b"[]", b"{}", b"\xff", b"[" * 99_999, b'{"model": 3}')),
        *(("network.safetensors", content) for content in (b"", b"\xff" * 64)),
        *(("catalog.safetensors", content) for content in (b"x", b"\x08" + b"\0" * 7 + b"{}      ")),
        *((f"{table}/part-0.parquet", b"PAR1") for table in ("accounts", "texts", "books")),
    ],
)
def test_a_file_of_a_bundle_that_is_nonsense_is_one_error_with_its_place(spoiled, name, content):
    path = spoiled(name, lambda _: content)
    with pytest.raises(ArtifactError, match="can't be read") as error:
        load_bundle(path)
    assert path in str(error.value)


def test_a_broken_page_of_parquet_is_an_error_with_its_place(spoiled):
    path = spoiled("accounts/part-0.parquet", lambda content: content[:4] + b"\xff" * 60 + content[64:])
    with pytest.raises((OSError, ArtifactError), match=r"accounts/part-0\.parquet can't be read"):
        load_bundle(path)


def test_a_bundle_that_asks_for_a_network_of_any_size_is_refused_before_there_is_one(spoiled):
    def widened(content):
        settings = json.loads(content)
        settings["model"]["hidden"] = 10**7
        return json.dumps(settings).encode()

    with pytest.raises(ArtifactError, match=r"the bundle's account_vectors doesn't fit its other parts"):
        load_bundle(spoiled("bundle.json", widened))


@pytest.mark.parametrize("name", ["head.scale", "gru.weight_hh_l0", "no.such"])
def test_weights_of_another_shape_are_refused_by_name(spoiled, name):
    def cut(content):
        weights = load_safetensors(content)
        name_there = name if name in weights or name == "no.such" else sorted(weights)[0]
        weights[name_there] = sorted(weights.items())[0][1][:0].copy()
        return save_safetensors(weights)

    with pytest.raises(ArtifactError, match=r"doesn't fit its other parts: fetch it anew"):
        load_bundle(spoiled("network.safetensors", cut))
