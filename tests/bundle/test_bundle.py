"""The bundle: what was saved is what predicts, bit for bit, and nothing else is taken for it."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from dataclasses import fields, replace
from pathlib import Path

import made_up
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from jet.artifacts.artifact import MANIFEST, ArtifactError
from jet.bundle.saved import load_bundle
from jet.model.tables import account_vectors, text_vectors
from jet.prediction.predictor import Predictor, extended_store
from jet.prediction.settings import PredictSettings

SETTINGS = PredictSettings(batch_size=16)


@pytest.fixture
def copy(bundle_path, tmp_path):
    """A copy of the saved bundle, to spoil."""
    target = tmp_path / "copy"
    shutil.copytree(bundle_path, target)
    return target


def rewrite(folder, name, content):
    """Replace a file and put its size and digest into the manifest, as somebody would who means it."""
    (Path(folder) / name).write_bytes(content)
    manifest = json.loads((Path(folder) / MANIFEST).read_bytes())
    manifest["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (Path(folder) / MANIFEST).write_text(json.dumps(manifest))


def rewrite_table(folder, name, change):
    stream = pa.BufferOutputStream()
    pq.write_table(change(pq.read_table(Path(folder) / name)), stream)
    rewrite(folder, name, stream.getvalue().to_pybytes())


def rewrite_arrays(folder, name, **changes):
    arrays = load_safetensors((Path(folder) / name).read_bytes())
    for key, change in changes.items():
        arrays[key] = np.ascontiguousarray(change(arrays[key]))
    rewrite(folder, name, save_safetensors(arrays))


def rewrite_json(folder, change, name="bundle.json"):
    content = json.loads((Path(folder) / name).read_bytes())
    change(content)
    rewrite(folder, name, json.dumps(content).encode())


def nested(*path):
    """A change of one number deep in a JSON file."""

    def change(content):
        for name in path[:-1]:
            content = content[name]
        content[path[-1]] += 1

    return change


def renamed(column, row, value):
    def change(table):
        values = table[column].to_pylist()
        values[row] = value
        place = table.schema.get_field_index(column)
        return table.set_column(
            place, table.schema.field(place), pa.array(values, table.schema.field(place).type)
        )

    return change


def nudged(array):
    array = array.copy()
    array.flat[0] += 1
    return array


def test_logits_are_the_same_bit_for_bit_after_saving_and_loading(data, bundle, bundle_path):
    loaded = load_bundle(bundle_path)
    rows = np.arange(len(data.corpus.rows))
    batch = made_up.batch_of(data, rows)
    logits = []
    for one in (bundle, loaded):
        table = made_up.Tables(
            torch.from_numpy(text_vectors(one.network, one.corpus)),
            torch.from_numpy(one.account_vectors.copy()),
        )
        with torch.no_grad():
            logits.append(made_up.forced(one.network, batch, table).log_probs)
    assert torch.equal(*logits)
    assert not one.network.training


def test_predictions_are_the_same_bit_for_bit_after_saving_and_loading(bundle, bundle_path, new_entries):
    before = Predictor.for_entries(bundle, SETTINGS, new_entries, None)(new_entries)
    after = Predictor.for_entries(load_bundle(bundle_path), SETTINGS, new_entries, None)(new_entries)
    assert before.equals(after)
    assert before["model"].to_pylist() == [bundle.fingerprint] * len(new_entries)


def test_every_part_comes_back(bundle, bundle_path):
    loaded = load_bundle(bundle_path)
    assert loaded.fingerprint == bundle.fingerprint
    assert loaded.fingerprints == bundle.fingerprints
    assert loaded.model == bundle.model
    assert loaded.retrieval == bundle.retrieval
    assert loaded.facts == bundle.facts
    assert np.array_equal(loaded.corpus.family, bundle.corpus.family)
    assert loaded.judgment.as_dict() == bundle.judgment.as_dict()
    assert (loaded.ranker.names, loaded.ranker.settings) == (bundle.ranker.names, bundle.ranker.settings)
    assert all(
        np.array_equal(loaded.ranker.weights[name], bundle.ranker.weights[name])
        for name in bundle.ranker.weights
    )
    assert loaded.corpus.catalog.accounts.equals(bundle.corpus.catalog.accounts)
    assert loaded.corpus.ids.equals(bundle.corpus.ids)
    for each in fields(bundle.corpus.rows):
        before, after = (getattr(one.corpus.rows, each.name) for one in (bundle, loaded))
        assert before.dtype == after.dtype
        np.testing.assert_array_equal(before, after, err_msg=each.name)


def test_the_catalogs_embeddings_are_the_saved_ones(data, trained, bundle, bundle_path):
    # The ancestor rebuilt them at random; here they are what the trained network makes of the accounts.
    learned = torch.from_numpy(account_vectors(trained.network.eval(), data.corpus))
    assert torch.equal(learned, torch.from_numpy(bundle.account_vectors))
    assert np.array_equal(load_bundle(bundle_path).account_vectors, bundle.account_vectors)


def test_a_changed_catalog_is_refused_even_with_a_manifest_made_to_fit(copy):
    rewrite_table(copy, "accounts/part-0.parquet", renamed("name", 3, "another name"))
    with pytest.raises(ArtifactError, match=r"copy: the bundle's catalog has the fingerprint"):
        load_bundle(str(copy))


def test_a_catalog_with_another_closing_date_is_refused(copy):
    rewrite_table(copy, "accounts/part-0.parquet", renamed("closed", 0, made_up.CLOSED_ON))
    with pytest.raises(ArtifactError, match="the bundle's catalog"):
        load_bundle(str(copy))


def test_another_token_order_is_refused(copy):
    rewrite_arrays(copy, "catalog.safetensors", booked=nudged)
    with pytest.raises(ArtifactError, match="the bundle's catalog"):
        load_bundle(str(copy))


def test_a_catalog_that_lost_an_account_is_refused(copy):
    rewrite_table(copy, "accounts/part-0.parquet", lambda table: table.slice(1))
    with pytest.raises(ArtifactError):
        load_bundle(str(copy))


@pytest.mark.parametrize(
    "name", ["network.safetensors", "ranker.safetensors", "catalog.safetensors", "texts/part-0.parquet"]
)
def test_a_changed_file_is_refused_by_name(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[-20] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(ArtifactError, match=rf"{name} is not the file"):
        load_bundle(str(copy))


def test_changed_weights_are_refused_even_with_a_manifest_made_to_fit(copy):
    rewrite_arrays(copy, "network.safetensors", **{"first.weight": nudged})
    with pytest.raises(ArtifactError, match="the bundle's weights"):
        load_bundle(str(copy))


@pytest.mark.parametrize("name", ["account_vectors", "text_vectors"])
def test_other_vectors_are_refused(copy, name):
    rewrite_arrays(copy, "catalog.safetensors", **{name: lambda a: np.random.default_rng(0).permutation(a)})
    with pytest.raises(ArtifactError, match=f"the bundle's {name}"):
        load_bundle(str(copy))


def test_other_ngram_weights_are_refused(copy):
    rewrite_arrays(copy, "catalog.safetensors", idf=nudged)
    with pytest.raises(ArtifactError, match="the bundle's idf"):
        load_bundle(str(copy))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("entry_id", "another"),
        ("journal", 7),
        ("currency", 7),
        ("total", 0.25),
        ("tokens", [2, 5]),
        ("amounts", [1.0, 1.0]),
        ("text", 3),
    ],
)
def test_changed_books_are_refused(copy, column, value):
    rewrite_table(copy, "books/part-0.parquet", renamed(column, 5, value))
    with pytest.raises(ArtifactError, match="the bundle's books"):
        load_bundle(str(copy))


def test_lines_that_moved_to_another_entry_are_refused(copy):
    # The same tokens in the same order, one of them in the next entry.
    def change(table):
        tokens = table["tokens"].to_pylist()
        tokens[1] = [tokens[0].pop(), *tokens[1]]
        return table.set_column(
            table.schema.get_field_index("tokens"), table.schema.field("tokens"),
            pa.array(tokens, table.schema.field("tokens").type),
        )  # fmt: skip

    rewrite_table(copy, "books/part-0.parquet", change)
    with pytest.raises(ArtifactError, match="the bundle's books"):
        load_bundle(str(copy))


def test_changed_texts_are_refused(copy):
    rewrite_table(copy, "texts/part-0.parquet", renamed("text", 5, "another text"))
    with pytest.raises(ArtifactError, match="the bundle's texts"):
        load_bundle(str(copy))


def test_a_changed_ranker_is_refused_even_with_a_manifest_made_to_fit(copy, bundle):
    for name in ("scale", next(name for name in bundle.ranker.weights if name.startswith("0."))):
        rewrite_arrays(copy, "ranker.safetensors", **{name: nudged})
        with pytest.raises(ArtifactError, match="the bundle's ranker"):
            load_bundle(str(copy))


def test_another_trainings_ranker_is_refused(copy, data):
    other = made_up.ranker(data, seed=7)
    rewrite(copy, "ranker.safetensors", save_safetensors(dict(other.weights)))
    with pytest.raises(ArtifactError, match="the bundle's ranker"):
        load_bundle(str(copy))


def test_other_families_of_charts_are_refused(copy):
    rewrite_arrays(copy, "catalog.safetensors", family=nudged)
    with pytest.raises(ArtifactError, match="the bundle's family"):
        load_bundle(str(copy))


def test_a_bundle_of_an_earlier_format_is_refused_by_name(copy):
    rewrite_json(copy, lambda content: content.pop("format"))
    with pytest.raises(ArtifactError, match="copy: the bundle is of format 1, this jet reads 8: train again"):
        load_bundle(str(copy))


@pytest.mark.parametrize(
    "change",
    [
        nested("calibrations", 0, "bias"),
        nested("calibrations", 1, "weights", 0),
        nested("calibrations", 2, "confidence", 3),
        nested("calibrations", 3, "history", 0),
        nested("records", "surplus", "alder", 0),
        nested("horizon", "rolling"),
        nested("horizon", "batch", "birch"),
        nested("without_test", "calibrations", 0, "bias"),
        nested("amounts", "weights", 1),
    ],
)
def test_a_changed_judgment_is_refused(copy, change):
    rewrite_json(copy, change, "judgment.json")
    with pytest.raises(ArtifactError, match="the bundle's judgment"):
        load_bundle(str(copy))


def test_calibration_rows_of_another_company_or_with_another_outcome_are_refused(copy):
    def flip(content):
        rows = content["calibrations"][0]
        rows["right"] = [1 - right for right in rows["right"]]
        rows["entity"] = rows["entity"][::-1]

    rewrite_json(copy, flip, "judgment.json")
    with pytest.raises(ArtifactError, match="the bundle's judgment"):
        load_bundle(str(copy))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["model"].update(copy_share=0.1),
        lambda content: content["retrieval"].update(journal_bonus=0.7),
        lambda content: content["ranker"]["settings"].update(candidates=9),
        lambda content: content.update(encoder="other@1"),
    ],
)
def test_changed_settings_or_another_encoder_are_refused(copy, change):
    rewrite_json(copy, change)
    with pytest.raises(ArtifactError, match="the bundle's whole"):
        load_bundle(str(copy))


def test_a_ranker_of_other_features_never_predicts(copy, new_entries):
    rewrite_json(copy, lambda content: content["ranker"]["features"].reverse())
    with pytest.raises(ValueError, match=r"the bundle's ranker|the ranker was trained on other features"):
        Predictor.for_entries(load_bundle(str(copy)), SETTINGS, new_entries, None)(new_entries)


def test_a_missing_file_is_refused_by_name(copy):
    (copy / "network.safetensors").unlink()
    with pytest.raises(ArtifactError, match=r"network\.safetensors is missing"):
        load_bundle(str(copy))


def test_a_folder_that_is_no_bundle_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="holds no finished model"):
        load_bundle(str(tmp_path))


def test_another_encoder_is_refused(bundle, new_entries):
    with pytest.raises(ValueError, match=r"trained with encoder '', and .* is 'other@1' here"):
        extended_store(bundle, new_entries["description"], made_up.OtherEncoder())
    with_encoder = replace(bundle, encoder="minilm@5")
    with pytest.raises(ValueError, match=r"trained with encoder 'minilm@5', and .* is '' here"):
        extended_store(with_encoder, new_entries["description"], None)


def test_loading_needs_no_pickle(bundle_path, monkeypatch):
    files = [p for p in Path(bundle_path).rglob("*") if p.is_file()]
    assert {p.suffix for p in files} == {".safetensors", ".parquet", ".json", ".md"}

    def refuse(*_args, **_kwargs):
        raise AssertionError("pickle was used")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    loaded = load_bundle(bundle_path)
    assert len(loaded.network.state_dict()) == len(loaded.weights)


def test_a_bundle_may_go_to_another_process_and_predicts_the_same_there(bundle, new_entries):
    there = pickle.loads(pickle.dumps(bundle))
    assert there.fingerprint == bundle.fingerprint
    before = Predictor.for_entries(bundle, SETTINGS, new_entries, None)(new_entries)
    assert before.equals(Predictor.for_entries(there, SETTINGS, new_entries, None)(new_entries))


def test_a_bundle_with_an_encoder_comes_back_too(tmp_path, small_entries, small_accounts):
    encoder = made_up.OtherEncoder()
    retrieval = replace(made_up.RETRIEVAL, encoder="other", sentence_weight=0.5)
    data = made_up.training_data(small_entries, small_accounts, retrieval=retrieval, encoder=encoder)
    bundle = made_up.assembled(data, made_up.network(data, seed=1), encoder.identity)
    loaded = load_bundle(made_up.save(bundle, tmp_path / "model"))
    entries = made_up.entries_table([made_up.entry("birch", "n", 300, "a text never seen")])
    answers = [Predictor.for_entries(one, SETTINGS, entries, encoder)(entries) for one in (bundle, loaded)]
    assert answers[0].equals(answers[1])
    assert loaded.corpus.store.dimension == 4


def test_the_vectors_of_texts_are_saved_and_not_computed_again(bundle, bundle_path):
    loaded = load_bundle(bundle_path)
    assert np.array_equal(loaded.text_vectors, text_vectors(bundle.network, bundle.corpus))
    other = replace(loaded, text_vectors=loaded.text_vectors[::-1].copy())
    assert np.array_equal(Predictor(other, SETTINGS)._tables.text, other.text_vectors)


def test_a_text_vector_does_not_depend_on_its_company(bundle):
    whole = text_vectors(bundle.network, bundle.corpus)
    some = replace(bundle.corpus, store=bundle.corpus.store.since(7))
    assert np.array_equal(text_vectors(bundle.network, some), whole[7:])
