"""One Ray head for all tests that share one, and one tiny pipeline run that all look at.

The head is a process of its own with ports, token and temporary directory of its own: neither does it find
another Ray of this machine, nor is it found.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pytest
import ray
from heads import Head, ray_head
from job_runs import SETTINGS, Done, entry, run_job, write_jsonl
from object_store import Front

from jet.artifacts.artifact import artifact_writer, open_artifact
from jet.books.schema import ENTRIES, REJECTED
from jet.bundle.saved import load_bundle
from jet.demo import DemoSettings, write_demo_ledger
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings
from ray_jobs.runtime.connection import connect
from ray_jobs.runtime.settings import RuntimeSettings

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.ray)
            # Ray warns of its own use of what it deprecated.
            item.add_marker(pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\."))
            # Ray leaves sockets and the log files of processes that it starts to the garbage collector.
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))
            unraisable = "ignore:Exception ignored:pytest.PytestUnraisableExceptionWarning"
            item.add_marker(pytest.mark.filterwarnings(unraisable))


@dataclass(frozen=True)
class Pipeline:
    """A finished pipeline run."""

    ledgers: Path
    folder: Path
    arguments: list[str]
    done: Done


@pytest.fixture(scope="session")
def head(store_front: Front) -> Iterator[Head]:
    """The head that counts 8 CPUs and that this process is connected to. Its workers are told where S3 is as
    those of a cluster are: by its environment."""
    with ray_head("--num-cpus=8", **store_front.environment) as started:
        connect(RuntimeSettings(address=started.address, no_progress_timeout_s=90))
        yield started
        ray.shutdown()


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The YAML that the tests' jobs are given."""
    path = tmp_path_factory.mktemp("settings") / "small.yaml"
    path.write_text(SETTINGS)
    return path


@pytest.fixture(scope="session")
def finished(
    request: pytest.FixtureRequest, settings: Path, tmp_path_factory: pytest.TempPathFactory
) -> Pipeline:
    """The pipeline over the books of three small companies, 12 of 600 entries without lines, and over a row
    that is rejected. It runs once: in the process of the tests that wants it first, for the others too."""
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "pipeline"
    folder.mkdir(exist_ok=True)
    ledgers, output, told = folder / "ledgers", folder / "out", folder / "done.json"
    arguments = ["--ledgers", str(ledgers), "--output", str(output), "--config", str(settings)]
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not told.exists():
            request.getfixturevalue("head")
            write_demo_ledger(ledgers, DemoSettings(companies=3, entries=600, open_entries=12, seed=7))
            write_jsonl(ledgers / "undated.jsonl", [entry("undated", date="some day")])
            done = run_job("pipeline", *arguments)
            assert done.status == 0, done.err
            told.write_text(json.dumps(asdict(done)))
    return Pipeline(ledgers, output, arguments, Done(**json.loads(told.read_text())))


@pytest.fixture(scope="session")
def pipeline(head: Head, finished: Pipeline) -> Pipeline:
    """The finished pipeline, with this process connected to the head: for tests that run jobs in it."""
    assert head.address
    return finished


@pytest.fixture(scope="session")
def in_many_parts(finished: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 600 entries as `jet ingest` could have written them: in 30 files."""
    output = tmp_path_factory.mktemp("parts") / "entries"
    entries = open_artifact(str(finished.folder / "entries"), "entries").read_table(ENTRIES)
    with artifact_writer(str(output), "entries", {}, {}) as writer:
        for number in range(30):
            writer.write_table(f"data/part-{number:05}.parquet", entries.slice(20 * number, 20))
        writer.write_table("rejected/part-0.parquet", REJECTED.empty_table())
        writer.publish({"entries": len(entries)})
    return output


@pytest.fixture(scope="session")
def predicted(finished: Pipeline, in_many_parts: Path) -> pa.Table:
    """What a single process answers to all 600 entries together: no Ray in it."""
    bundle = load_bundle(str(finished.folder / "model"))
    entries = open_artifact(str(in_many_parts), "entries").read_table(ENTRIES)
    found = Predictor.for_entries(bundle, PredictSettings(), entries, None)(entries)
    return found.sort_by([("entity", "ascending"), ("entry_id", "ascending")]).combine_chunks()
