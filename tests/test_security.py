"""What hostile files may not do: ledger files, artifacts, bundles and encoders that somebody else wrote.

docs/security.md says who could attack how, and names these tests.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jet.artifact import MANIFEST
from jet.books.importers import ImportSettings, UnreadableFile, import_file
from jet.books.schema import SchemaError
from jet.bundle import Bundle


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
        Bundle.load(str(copy))
    assert not trace.exists()
