"""One Ray head for all tests that need one, and one tiny pipeline run that they look at.

The head is a process of its own with ports, token and temporary directory of its own: neither does it find
another Ray of this machine, nor is it found.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

# Before Ray is imported: it reads them then.
TOKEN = Path(tempfile.mkdtemp(prefix="jet-token-")) / "token"
atexit.register(shutil.rmtree, TOKEN.parent, ignore_errors=True)
TOKEN.write_text(secrets.token_hex(32))
TOKEN.chmod(0o600)
os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_AUTH_TOKEN_PATH"] = str(TOKEN)

import ray_jobs  # noqa: E402, F401, I001 (before Ray: it says what Ray shall read)
import ray  # noqa: E402
from job_runs import SETTINGS, Done, run_job, wait_until  # noqa: E402
from object_store import Front  # noqa: E402

from jet.artifact import artifact_writer, open_artifact  # noqa: E402
from jet.books.demo import DemoSettings, write_demo_ledger  # noqa: E402
from jet.books.schema import ENTRIES, REJECTED  # noqa: E402
from jet.bundle import Bundle  # noqa: E402
from jet.prediction.predictor import Predictor, PredictSettings  # noqa: E402
from ray_jobs.runtime import RuntimeSettings, connect  # noqa: E402

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
class Head:
    """A running Ray."""

    address: str
    dashboard: str


@dataclass(frozen=True)
class Pipeline:
    """A finished pipeline run."""

    ledgers: Path
    folder: Path
    arguments: list[str]
    done: Done


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on and that no system hands out: else a process of Ray's own may take one."""
    found: list[int] = []
    while len(found) < count:
        port = 20_000 + secrets.randbelow(12_000)
        if port not in found and not answers(port):
            found.append(port)
    return found


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="session")
def head(store_front: Front) -> Iterator[Head]:
    """A Ray head on loopback, with a token, that counts 8 CPUs; this process is connected to it. Its workers
    are told where S3 is as those of a cluster are: by its environment."""
    port, dashboard, client = free_ports(3)
    folder = Path(tempfile.mkdtemp(prefix="jet-ray-"))  # a short path: sockets lie in it
    address = f"127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
        *("--node-ip-address=127.0.0.1", f"--port={port}", f"--ray-client-server-port={client}"),
        *("--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", "--dashboard-agent-listen-port=0"),
        *(f"--temp-dir={folder}", "--num-cpus=8", "--object-store-memory=300000000"),
    ]
    log = (folder / "head.log").open("w")
    # Its workers inherit RAY_ADDRESS: what in Ray Train looks for "the" Ray of a machine finds this one. And
    # what a submitted job calls `python` is the one that runs the tests, activated or not.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        command,
        env={**os.environ, **store_front.environment, "RAY_ADDRESS": address, "PATH": path},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_until(lambda: answers(port) and answers(dashboard), "Ray's head", pause=0.2)
        connect(RuntimeSettings(address=address, no_progress_timeout_s=90))
        yield Head(address, f"http://127.0.0.1:{dashboard}")
        ray.shutdown()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The YAML that the tests' jobs are given."""
    path = tmp_path_factory.mktemp("settings") / "small.yaml"
    path.write_text(SETTINGS)
    return path


@pytest.fixture(scope="session")
def pipeline(head: Head, settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """The pipeline over the books of three small companies, 12 of 600 entries without lines."""
    assert head.address
    folder = tmp_path_factory.mktemp("pipeline")
    ledgers = folder / "ledgers"
    write_demo_ledger(ledgers, DemoSettings(companies=3, entries=600, open_entries=12, seed=7))
    output = folder / "out"
    arguments = ["--ledgers", str(ledgers), "--output", str(output), "--config", str(settings)]
    done = run_job("pipeline", *arguments)
    assert done.status == 0, done.err
    return Pipeline(ledgers, output, arguments, done)


@pytest.fixture(scope="session")
def in_many_parts(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 600 entries as `jet ingest` could have written them: in 30 files."""
    output = tmp_path_factory.mktemp("parts") / "entries"
    entries = open_artifact(str(pipeline.folder / "entries"), "entries").read_table(ENTRIES)
    with artifact_writer(str(output), "entries", {}, {}) as writer:
        for number in range(30):
            writer.write_table(f"part-{number:05}.parquet", entries.slice(20 * number, 20))
        writer.write_table("rejected/part-0.parquet", REJECTED.empty_table())
        writer.publish({"entries": len(entries)})
    return output


@pytest.fixture(scope="session")
def predicted(pipeline: Pipeline, in_many_parts: Path) -> pa.Table:
    """What a single process answers to all 600 entries together: no Ray in it."""
    bundle = Bundle.load(str(pipeline.folder / "model"))
    entries = open_artifact(str(in_many_parts), "entries").read_table(ENTRIES)
    found = Predictor.for_entries(bundle, PredictSettings(), entries, None)(entries)
    return found.sort_by([("entity", "ascending"), ("entry_id", "ascending")]).combine_chunks()
