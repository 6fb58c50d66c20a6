"""`jet predict --books`: companies that the bundle was not trained on, their books opened bucket by bucket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from job_runs import assert_same, entry, read, run_job, succeed, write_jsonl

from jet.artifacts.artifact import open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES
from jet.books.withheld import without_lines
from jet.bundle.extension import extended
from jet.bundle.saved import load_bundle
from jet.demo import DemoSettings, write_demo_ledger
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings

STRANGER = "Stranger & Co"


class Ledgers(NamedTuple):
    """Ledger files."""

    booked: Path
    new: Path


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory) -> Ledgers:
    """Of nine companies: their books, and the last of their entries, and one of a stranger, to predict."""
    folder = tmp_path_factory.mktemp("books")
    write_demo_ledger(folder / "demo", DemoSettings(companies=9, entries=540, seed=11))
    booked, new = [], []
    for file in sorted((folder / "demo").glob("*.jsonl")):
        rows = [{"entity": file.stem} | json.loads(line) for line in file.read_text().splitlines()]
        entries = sorted((row for row in rows if row.get("lines")), key=lambda row: row["date"])
        booked += [row for row in rows if row.get("type") == "account"] + entries[:-6]
        new += [row | {"lines": None} for row in entries[-6:]]
    chart = [row | {"entity": STRANGER} for row in booked if row.get("type") == "account"][:60]
    new += [*chart, entry("s1", entity=STRANGER, booked=False)]
    return Ledgers(write_jsonl(folder / "booked.jsonl", booked), write_jsonl(folder / "new.jsonl", new))


def no_vectors(texts):
    """The pipeline's encoder."""
    return np.zeros((len(texts), 0), dtype=np.float32)


@pytest.fixture(scope="module")
def of_buckets(pipeline, settings, ledgers, tmp_path_factory):
    """The predictions by books in buckets of so many entries, and by so many actors."""
    folder = tmp_path_factory.mktemp("predicted")

    def predicted(bucket_rows: int, actors: int) -> tuple[Path, Path]:
        books, output = folder / f"books-{bucket_rows}", folder / f"{bucket_rows}-{actors}"
        if not books.exists():
            given = ("--ledgers", ledgers.booked, "--output", books, "--runtime.bucket_rows", bucket_rows)
            succeed("ingest", *given)
        if not output.exists():
            given = ("--ledgers", ledgers.new, "--books", books, "--model", pipeline.folder / "model")
            succeed("predict", *given, "--config", settings, "--output", output, "--runtime.actors", actors)
        return books, output

    return predicted


def test_books_that_no_training_saw_are_known_as_if_the_bundle_had_them(
    pipeline, of_buckets, ledgers, tmp_path
):
    books, output = of_buckets(10_000, 1)
    found = read(output)
    bundle = load_bundle(str(pipeline.folder / "model"))
    succeed("ingest", "--ledgers", ledgers.new, "--output", tmp_path / "new")
    artifacts = [open_artifact(str(path), "entries") for path in (books, tmp_path / "new")]
    booked, new = (each.read_table(ENTRIES) for each in artifacts)
    own = without_lines(new.filter([name != STRANGER for name in new["entity"].to_pylist()]))
    chart, _ = (each.read_table(ACCOUNTS, "accounts") for each in artifacts)
    whole = extended(bundle, chart, no_vectors, booked, decisive=False)
    expected = Predictor.for_entries(whole, PredictSettings(), own, None)(own)
    expected = expected.sort_by([("entity", "ascending"), ("entry_id", "ascending")])
    of_them = found.filter([name != STRANGER for name in found["entity"].to_pylist()])
    assert_same(of_them.combine_chunks(), expected.combine_chunks())
    known = [row for row in of_them.to_pylist() if row["text_known"]]
    assert len(known) > 20
    assert all(row["evidence"][0]["entity"] == row["entity"] for row in known)


@pytest.mark.parametrize(("bucket_rows", "actors", "buckets"), [(200, 1, 3), (200, 3, 3)])
def test_neither_buckets_nor_actors_change_a_prediction(of_buckets, bucket_rows, actors, buckets):
    _, one = of_buckets(10_000, 1)
    books, several = of_buckets(bucket_rows, actors)
    assert len(open_artifact(str(books), "entries").files()) >= buckets
    assert_same(read(several), read(one))


def test_a_company_that_the_books_lack_is_predicted_from_the_chart_that_comes_along(of_buckets):
    [row] = [row for row in read(of_buckets(200, 1)[1]).to_pylist() if row["entity"] == STRANGER]
    assert row["decision"] == "review"
    assert row["lines"]
    assert not row["evidence"] or row["evidence"][0]["entity"] != STRANGER


def test_books_and_reviewed_entries_together_are_refused(pipeline, of_buckets, ledgers, tmp_path):
    books, _ = of_buckets(200, 1)
    given = ("--ledgers", ledgers.new, "--books", books, "--reviewed", ledgers.booked)
    done = run_job("predict", *given, "--model", pipeline.folder / "model", "--output", tmp_path / "out")
    assert done.status == 2
    assert "--reviewed can't be given with --books" in done.complaint
