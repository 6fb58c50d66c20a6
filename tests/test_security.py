"""What hostile files may not do: ledger files, artifacts, bundles and encoders that somebody else wrote.

docs/security.md says who could attack how, and names these tests.
"""

from __future__ import annotations

import ast
import hashlib
import json
import pickle
import shutil
from dataclasses import asdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import transformers
from safetensors.torch import load_file

from jet.artifacts.artifact import MANIFEST, ArtifactError, Manifest, open_artifact
from jet.artifacts.storage import resolve
from jet.artifacts.tables import SchemaError
from jet.artifacts.uris import refuse_keys
from jet.books.importers import ImportSettings, UnreadableFile, import_file
from jet.bundle.saved import load_bundle
from jet.texts.encoder import SentenceEncoder, load_transformer


class Attack:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return (Path.touch, (self.trace,))


class Unpickled(pa.ExtensionType):
    """A type whose values are unpickled when they are read, like the one that Ray Data registers."""

    def __init__(self) -> None:
        super().__init__(pa.large_binary(), "jet.tests.unpickled")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, _storage, _serialized):
        return cls()

    def __arrow_ext_scalar_class__(self):
        return UnpickledScalar


class UnpickledScalar(pa.ExtensionScalar):
    def as_py(self, **_options):
        return pickle.loads(self.value.as_py())


@pytest.fixture(autouse=True)
def _registered():
    pa.register_extension_type(Unpickled())
    yield
    pa.unregister_extension_type("jet.tests.unpickled")


@pytest.fixture
def trace(tmp_path):
    """The file that is there after an attack went well."""
    return tmp_path / "trace"


def unpickled(rows: int, trace: Path) -> pa.Array:
    return Unpickled().wrap_array(pa.array([pickle.dumps(Attack(trace))] * rows, pa.large_binary()))


@pytest.mark.parametrize("column", ["entry_id", "date", "description", "account", "amount", "text"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_ledger_in_parquet_runs_no_code(tmp_path, trace, column, nested):
    hostile = unpickled(1, trace)
    if nested:
        hostile = pa.ListArray.from_arrays(pa.array([0, 1]), hostile)
    row = {
        "entry_id": "1",
        "date": "2024-01-31",
        "description": "rent",
        "account": "1",
        "amount": "1.0",
        "text": "",
    }
    pq.write_table(
        pa.table({name: [value] for name, value in row.items()} | {column: hostile}), tmp_path / "a.parquet"
    )
    with pytest.raises(UnreadableFile, match=f"column '{column}' .* runs code"):
        list(import_file(str(tmp_path / "a.parquet"), ImportSettings()))
    assert not trace.exists()


def test_the_attack_works_where_nobody_is_careful(tmp_path, trace):
    pq.write_table(pa.table({"a": unpickled(1, trace)}), tmp_path / "a.parquet")
    pq.read_table(tmp_path / "a.parquet")["a"].to_pylist()
    assert trace.exists()


@pytest.fixture
def copy(bundle_path, tmp_path):
    """A copy of a bundle, to spoil."""
    return Path(shutil.copytree(bundle_path, tmp_path / "copy"))


def publish_again(folder: Path) -> None:
    """Write sizes and digests of all files into the manifest, as an attacker would."""
    manifest = json.loads((folder / MANIFEST).read_bytes())
    for name in manifest["files"]:
        content = (folder / name).read_bytes()
        manifest["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (folder / MANIFEST).write_text(json.dumps(manifest))


TABLES = {
    "accounts": ("entity", "code", "name", "parent", "opened"),
    "books": ("entity", "entry_id", "date", "tokens"),
    "texts": ("text", "masked", "vector", "ngram_columns", "ngram_counts"),
}


@pytest.mark.parametrize(("table", "column"), [(table, column) for table in TABLES for column in TABLES[table]])
def test_the_tables_of_a_bundle_run_no_code(copy, trace, table, column):
    path = copy / table / "part-0.parquet"
    content = pq.read_table(path)
    kept = content.select([name for name in content.column_names if name != column])
    pq.write_table(kept.append_column(column, unpickled(len(content), trace)), path)
    publish_again(copy)
    with pytest.raises(SchemaError, match=column):
        load_bundle(str(copy))
    assert not trace.exists()


@pytest.mark.parametrize("linked", ["bundle.json", "accounts"])
def test_a_link_out_of_an_artifact_is_not_followed(copy, tmp_path, linked):
    shutil.move(copy / linked, tmp_path / "elsewhere")
    (copy / linked).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match=rf"names '{linked}.*, which is outside of the artifact, or a link"):
        load_bundle(str(copy))


def test_an_artifact_that_is_reached_by_a_link_can_be_read(copy, tmp_path):
    (tmp_path / "latest").symlink_to(copy)
    assert load_bundle(str(tmp_path / "latest")).fingerprint == load_bundle(str(copy)).fingerprint


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"format": 1, "files": ' + '{"a":' * 100_000,
        json.dumps(asdict(Manifest("things", "", {}, ["a"], {}, {}))),
        json.dumps(asdict(Manifest("things", "", {}, {"a": "b"}, {}, {}))),
    ],
    ids=["nested lists", "nested objects", "files in a list", "a file without facts"],
)
def test_a_manifest_of_nonsense_is_one_error_with_its_place(tmp_path, content):
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(ArtifactError, match=MANIFEST):
        open_artifact(str(tmp_path), "things")


@pytest.mark.parametrize(
    "path",
    [
        *("s3://AKIAKEY:hush@bucket/path", "s3://AKIAKEY:hu%2Fsh@bucket/path?region=eu-north-1"),
        *("s3://AKIAKEY:hush/hush@bucket/path", "gs://name:hush@bucket/path", "s3://:hush@bucket"),
    ],
)
def test_a_path_with_a_secret_key_is_refused_and_not_repeated(path):
    with pytest.raises(ValueError, match=r"must not hold keys.*environment") as caught:
        resolve(path)
    assert "hu" not in str(caught.value)


@pytest.mark.parametrize(
    "path", ["s3://bucket/a:b@c?region=eu-north-1", "gs://anonymous@bucket/path", "/tmp/a:b@c"]
)
def test_a_path_without_a_secret_key_is_none(path):
    refuse_keys(path)


@pytest.fixture(scope="module")
def small_encoder(tmp_path_factory):
    """A folder with a transformer of one small layer."""
    folder = tmp_path_factory.mktemp("encoder") / "small"
    tokenizer, _ = load_transformer("packaged-minilm", 16)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **shape)
    for part in (tokenizer, transformers.BertModel(config)):
        part.save_pretrained(folder)
    return folder


@pytest.fixture
def encoder(small_encoder, tmp_path):
    """A copy of it, to spoil."""
    return Path(shutil.copytree(small_encoder, tmp_path / "encoder"))


def test_an_encoder_whose_weights_are_a_pickle_is_refused(encoder):
    assert SentenceEncoder(str(encoder), max_tokens=16).dimension == 16
    weights = load_file(encoder / "model.safetensors")
    (encoder / "model.safetensors").unlink()
    torch.save(weights, encoder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"can't be loaded.*model\.safetensors"):
        SentenceEncoder(str(encoder), max_tokens=16)


def test_code_that_comes_with_an_encoder_is_not_run_and_nobody_is_asked(encoder, trace, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _question: "y")
    classes = "BertConfig as C, BertModel as M, BertTokenizer as T"
    attack = f"from pathlib import Path\nfrom transformers import {classes}\nPath({str(trace)!r}).touch()\n"
    (encoder / "attack.py").write_text(attack)
    code = {"AutoConfig": "attack.C", "AutoModel": "attack.M", "AutoTokenizer": ["attack.T", None]}
    for file in ("config.json", "tokenizer_config.json"):
        config = json.loads((encoder / file).read_bytes())
        config |= {"model_type": "unheard-of", "tokenizer_class": "Unheard", "auto_map": code}
        (encoder / file).write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"can't be loaded.*custom code"):
        SentenceEncoder(str(encoder), max_tokens=16)
    assert not trace.exists()


ROOT = Path(__file__).parents[1]
UNPICKLING = {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


def faults(code: str) -> list[str]:
    """What no file of jet may do, and ruff doesn't see: unpickle, or run the code of an encoder."""
    found = []
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Import(names=names):
                found += [name.name for name in names if name.name.partition(".")[0] in UNPICKLING]
            case ast.ImportFrom(module=str(module)) if module.partition(".")[0] in UNPICKLING:
                found.append(module)
            case ast.Call(func=function, keywords=keywords):
                called = ast.unparse(function)
                given = {each.arg: ast.unparse(each.value) for each in keywords}
                if called.endswith("torch.load") and given.get("weights_only") != "True":
                    found.append(called)
                if called.endswith(".from_pretrained") and given.get("trust_remote_code") != "False":
                    found.append(called)
                if given.get("allow_pickle", "False") != "False":
                    found.append(called)
    return found


@pytest.mark.parametrize("folder", ["jet", "ray_jobs", "benchmarks"])
def test_no_file_unpickles_or_trusts_an_encoders_code(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    assert {str(file): found for file in files if (found := faults(file.read_text()))} == {}


@pytest.mark.parametrize(
    "code",
    [
        *("import pickle", "from pickle import loads", "import ray.x, cloudpickle as c", "torch.load(f)"),
        *("torch.load(f, weights_only=False)", "np.load(f, allow_pickle=True)", "A.from_pretrained(n)"),
        "A.from_pretrained(n, trust_remote_code=True)",
    ],
)
def test_that_test_sees_a_fault(code):
    assert faults(code)
