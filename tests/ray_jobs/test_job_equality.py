"""How far a job is spread shows in nothing that it writes, bit for bit.

The pipeline itself ran with one actor and two shards; further spreads, with processes that die, are in
`test_job_kill.py`.
"""

from __future__ import annotations

import logging
from dataclasses import fields

import numpy as np
import pyarrow.parquet as pq
import pytest
from job_runs import assert_same, keys, read, succeed

from jet.artifacts.artifact import artifact_writer, open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.books.split import SplitSettings
from jet.bundle.saved import load_bundle
from jet.confidence.outcomes import Outcomes
from jet.confidence.regimes import REGIMES
from jet.confidence.scores import Scores
from jet.prediction.calibrating import ASKED_BY, asked_entries, asked_outcomes
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings
from jet.retrieval.neighbors import make_encoder
from jet.retrieval.settings import RetrievalSettings
from jet.training.preparing import prepared
from ray_jobs.runtime.settings import RuntimeSettings
from ray_jobs.spread.predicting import OutcomeSlice, outcomes_from, over_slices, shared_predictor
from ray_jobs.spread.texts import encode_texts

LARGE = ("--runtime.bucket_rows", 100)
"""So a bucket of 600 entries is larger than one should be: it is spread over all actors and shards."""


@pytest.mark.parametrize(("count", "shards", "rows"), [(4, 1, 100), (1, 4, 2048)])
def test_neighbors_depend_on_no_number_of_actors_shards_or_rows(
    pipeline, settings, tmp_path, count, shards, rows
):
    spread = ("--runtime.actors", count, "--runtime.index_shards", shards, "--runtime.block_rows", rows)
    given = ("--entries", pipeline.folder / "entries", "--output", tmp_path / "n", "--config", settings)
    succeed("neighbors", *given, *spread, *LARGE)
    assert_same(read(tmp_path / "n"), read(pipeline.folder / "neighbors"))


def test_neighbors_are_the_same_of_entries_in_many_files_without_buckets(pipeline, settings, tmp_path):
    """Companies are cut by files there, and the weights of n-grams are those of whole companies."""
    books = open_artifact(str(pipeline.folder / "entries"), "entries")
    entries = books.read_table(ENTRIES)
    with artifact_writer(str(tmp_path / "entries"), "entries", {}, {}) as writer:
        for number in range(6):
            writer.write_table(f"data/part-{number}.parquet", entries.slice(100 * number, 100))
        writer.write_table("accounts/part-0.parquet", books.read_table(ACCOUNTS, "accounts"))
        writer.publish({"entries": len(entries)})
    given = ("--entries", tmp_path / "entries", "--output", tmp_path / "n", "--config", settings)
    succeed("neighbors", *given, "--runtime.actors", 2)
    assert_same(read(tmp_path / "n"), read(pipeline.folder / "neighbors"))


def test_neighbors_by_scann_depend_on_no_number_of_shards(pipeline, settings, tmp_path):
    """With prefixes, of which the larger ones are held by several shards."""
    given = ("--entries", pipeline.folder / "entries", "--config", settings)
    few = ("--retrieval.exact_below", 20, "--retrieval.block_rows", 20)
    for shards in (1, 4):
        output = tmp_path / str(shards)
        succeed("neighbors", *given, *few, *LARGE, "--output", output, "--runtime.index_shards", shards)
    assert_same(read(tmp_path / "1"), read(tmp_path / "4"))


@pytest.fixture(scope="module")
def by_company(pipeline, settings, tmp_path_factory):
    """The pipeline over the same books, each company in a bucket of its own."""
    folder = tmp_path_factory.mktemp("by-company") / "run"
    given = ("--ledgers", pipeline.ledgers, "--output", folder, "--config", settings)
    succeed("pipeline", *given, "--runtime.bucket_rows", 1)
    return folder


def sorted_rows(path):
    return pq.read_table(path).sort_by([("entity", "ascending"), ("entry_id", "ascending")]).combine_chunks()


def test_nothing_depends_on_the_number_of_buckets(by_company, pipeline):
    assert len(open_artifact(str(by_company / "entries"), "entries").buckets()) == 3
    found, expected = (load_bundle(str(folder / "model")) for folder in (by_company, pipeline.folder))
    assert found.fingerprints == expected.fingerprints
    assert found.fingerprint == expected.fingerprint
    assert_same(read(by_company / "predictions"), read(pipeline.folder / "predictions"))
    found, expected = (sorted_rows(run / "report" / "rows.parquet") for run in (by_company, pipeline.folder))
    assert_same(found, expected)


def test_neighbors_of_a_bucket_are_the_same_by_one_actor_and_by_shards(
    by_company, pipeline, settings, tmp_path
):
    """By ScaNN too, and for a bucket of each company, for one of all, and for one that is spread."""
    few = ("--retrieval.exact_below", 20, "--retrieval.block_rows", 20)
    tables = []
    for name, folder, spread in (
        ("three", by_company, ("--runtime.actors", 2)),
        ("one", pipeline.folder, ()),
        ("shards", pipeline.folder, (*LARGE, "--runtime.actors", 2, "--runtime.block_rows", 70)),
    ):
        given = ("--entries", folder / "entries", "--output", tmp_path / name, "--config", settings)
        succeed("neighbors", *given, *few, *spread)
        tables.append(in_names(read(tmp_path / name), folder / "entries"))
    assert tables[0] == tables[1] == tables[2]


def in_names(neighbors, entries):
    """The neighbors by entity and id: the rows of buckets count in each."""
    books = open_artifact(str(entries), "entries")
    found = {}
    for bucket in books.buckets():
        table = books.read_table(ENTRIES, buckets=[bucket])
        booked = table.filter(table["lines"].is_valid())
        ids = list(zip(booked["entity"].to_pylist(), booked["entry_id"].to_pylist(), strict=True))
        companies = set(table["entity"].to_pylist())
        for row in neighbors.to_pylist():
            if row["entity"] in companies:
                key = row["entity"], row["entry_id"]
                found[key] = [{**each, "row": ids[each["row"]]} for each in row["neighbors"]]
    assert len(found) == len(neighbors)
    return found


@pytest.mark.parametrize(("count", "shards", "rows"), [(1, 1, 50), (4, 4, 2048)])
def test_predictions_depend_on_no_number_of_actors_shards_or_rows(
    pipeline, in_many_parts, predicted, settings, tmp_path, count, shards, rows
):
    given = ("--ledgers", in_many_parts, "--model", pipeline.folder / "model", "--output", tmp_path / "p")
    spread = ("--runtime.actors", count, "--runtime.index_shards", shards, "--runtime.block_rows", rows)
    succeed("predict", *given, "--config", settings, *spread)
    assert_same(read(tmp_path / "p"), predicted)


def test_predictions_depend_on_no_company_in_the_file(pipeline, predicted):
    """The pipeline predicted twelve entries together, the other one all 600, most of them with their lines."""
    few = read(pipeline.folder / "predictions")
    places = {key: place for place, key in enumerate(keys(predicted))}
    assert_same(predicted.take([places[key] for key in keys(few)]), few)


def test_outcomes_depend_on_no_number_of_actors_or_rows(pipeline):
    bundle = load_bundle(str(pipeline.folder / "model"))
    books = open_artifact(str(pipeline.folder / "entries"), "entries")
    tables = books.read_table(ENTRIES), books.read_table(ACCOUNTS, "accounts")
    data = prepared(*tables, SplitSettings(), bundle.model, bundle.retrieval, None)
    asked = asked_entries(data)
    asked = asked.take(np.arange(0, len(asked), 7))
    assert set(asked["regime"].to_pylist()) == set(range(len(REGIMES)))
    runtime = RuntimeSettings(actors=2, block_rows=7)
    shared = shared_predictor(bundle, PredictSettings(), [asked["description"]], runtime)
    spread = over_slices(OutcomeSlice, shared, asked, runtime, keys=ASKED_BY)
    found, alone = outcomes_from(spread), asked_outcomes(Predictor(bundle, PredictSettings()), asked)
    assert spread.select(ASKED_BY).to_pylist() == asked.select(ASKED_BY).to_pylist()
    for one, other, whole in ((found, alone, Outcomes), (found.scores, alone.scores, Scores)):
        for name in {each.name for each in fields(whole)} - {"scores"}:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.usefixtures("head")
def test_text_vectors_depend_on_no_number_of_actors():
    texts = sorted({f"{word} {number}" * (1 + number % 5) for word in ("rent", "hyra") for number in range(20)})
    encoder = make_encoder(RetrievalSettings())
    assert encoder is not None
    spread = encode_texts(texts, RetrievalSettings(), RuntimeSettings(actors=2))
    assert spread.tobytes() == encoder.encode(texts).tobytes()


def test_vectors_from_the_cache_are_those_that_would_be_computed(head, tmp_path, caplog):
    assert head.address
    texts = [f"hyra {number}" for number in range(20)]
    plain = encode_texts(texts, RetrievalSettings(), RuntimeSettings(actors=1))
    kept = RuntimeSettings(actors=1, text_cache=str(tmp_path / "cache"))
    encode_texts(texts[::2], RetrievalSettings(), kept)
    with caplog.at_level(logging.INFO, "jet.texts"):
        assert encode_texts(texts, RetrievalSettings(), kept).tobytes() == plain.tobytes()
        assert encode_texts(texts, RetrievalSettings(), kept).tobytes() == plain.tobytes()
    told = [message for message in caplog.messages if "cache" in message or "encoding" in message]
    assert [message.partition(" the cache")[0] for message in told] == [
        "10 of 20 texts are in",
        "encoding 10 distinct texts with 1 actors",
        "20 of 20 texts are in",
    ]
