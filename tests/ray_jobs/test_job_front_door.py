"""`jet.fit` in a notebook is the training of the jobs, to the bit; and each reads what the other wrote."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from job_runs import SETTINGS, Done, read, run_job, succeed

import jet
from jet.artifacts.artifact import open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES, FILES, REJECTED
from jet.bundle.saved import load_bundle

# The tests' settings leave nothing to chance; here dropout does, so that its random numbers are compared too.
CHANCE = {"hidden": 16, "dropout": 0.2}


@pytest.fixture(scope="module")
def books(pipeline) -> jet.Ledger:
    """What the pipeline's ingest wrote, read in this process."""
    return jet.read(pipeline.ledgers)


@pytest.fixture(scope="module")
def fitted(books) -> jet.Model:
    settings = yaml.safe_load(SETTINGS) | {"model": CHANCE}
    del settings["runtime"]
    return jet.fit(books, **settings)


@pytest.fixture(scope="module")
def trained(pipeline, tmp_path_factory) -> tuple[Path, Done]:
    """The bundle of `jet train` on one worker, with the same settings and seed."""
    output = tmp_path_factory.mktemp("one-worker") / "model"
    config = output.with_name("config.yaml")
    config.write_text(yaml.safe_dump(yaml.safe_load(SETTINGS) | {"model": CHANCE}))
    done = run_job(
        "train", "--data", pipeline.folder, "--output", output, "--config", config, "--runtime.train_workers", 1
    )
    assert done.status == 0, done.err
    return output, done


def test_what_is_read_here_is_what_the_job_imports(books, pipeline):
    imported = open_artifact(str(pipeline.folder / "entries"), "entries")
    assert books.entries.equals(imported.read_table(ENTRIES))
    assert books.accounts.equals(imported.read_table(ACCOUNTS, "accounts"))
    assert books.rejected.equals(imported.read_table(REJECTED, "rejected"))
    assert books.files.equals(imported.read_table(FILES, "files"))
    assert books.rejected["rule"].to_pylist() == ["bad_date"]


def test_a_training_here_gives_the_bundle_of_the_job_on_one_worker_to_the_bit(fitted, trained):
    job = load_bundle(str(trained[0]))
    for name, weights in job.weights.items():
        np.testing.assert_array_equal(fitted.bundle.weights[name], weights, err_msg=name)
    assert fitted.bundle.fingerprints == job.fingerprints  # of ranker, texts, books, calibrations too
    assert fitted.bundle.fingerprint == job.fingerprint
    assert fitted.bundle.facts == job.facts


def test_the_job_predicts_with_a_model_that_was_saved_here_what_is_predicted_here(
    fitted, books, pipeline, tmp_path
):
    fitted.save(tmp_path / "model")
    output = tmp_path / "booked"
    config = tmp_path / "config.yaml"
    config.write_text(SETTINGS)
    succeed(
        "predict", "--ledgers", pipeline.ledgers, "--model", tmp_path / "model", "--output", output,
        "--config", config, "--drift.least", 10**6,
    )  # fmt: skip
    here = fitted.predict(books).sort_by([("entity", "ascending"), ("entry_id", "ascending")])
    assert here.equals(read(output))


def test_a_model_that_the_job_trained_is_loaded_here(trained, books):
    model = jet.load(trained[0])
    assert len(model.predict(books)) == len(books.entries)
