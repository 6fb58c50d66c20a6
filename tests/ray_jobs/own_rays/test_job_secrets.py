"""A whole run on a Ray that jet starts: whoever has no token stays outside, and no secret is left anywhere."""

from __future__ import annotations

import os
import pickle
import secrets
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from job_runs import ROOT, SETTINGS, wait_until
from ray.data._internal.object_extensions.arrow import ArrowPythonObjectType

from jet.artifacts.artifact import artifact_writer, open_artifact
from jet.artifacts.tables import SchemaError
from jet.books.importers import ImportSettings, UnreadableFile, import_file
from jet.books.schema import ENTRIES
from jet.demo import DemoSettings, write_demo_ledger
from ray_jobs.spread.extending import columns_of

SECRETS = {
    **{"AWS_SECRET_ACCESS_KEY": secrets.token_hex(20), "WANDB_API_KEY": secrets.token_hex(20)},
    **{"HF_TOKEN": secrets.token_hex(20), "DATABASE_PASSWORD": secrets.token_hex(20)},
}
TRACKED = "a-project-by-this-name"
"""No secret: where it can't be found, the search is no proof."""


@dataclass(frozen=True)
class Run:
    """What a run left, and what was seen while it ran."""

    status: int
    told: str  # on standard output and standard error
    output: Path
    session: Path  # Ray's folder, logs and all
    home: Path
    answers: dict[tuple[str, int], str]  # of the dashboard's addresses, to a request without a token
    outsider: str  # what a process was told that connected without a token

    @property
    def token(self) -> str:
        return (self.home / ".ray" / "auth_token").read_text()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """`jet pipeline` as somebody would run it who has never heard of tokens, with W&B and secrets at hand."""
    folder = tmp_path_factory.mktemp("secrets")
    write_demo_ledger(folder / "a.jsonl", DemoSettings(companies=1, entries=60, open_entries=1, seed=3))
    (folder / "home").mkdir()
    ray_folder = Path(tempfile.mkdtemp(prefix="jet-ray-"))  # a short path: sockets lie in it
    changes = {"max_epochs: 4": "max_epochs: 1", "train_workers: 2": "train_workers: 1"}
    settings = SETTINGS
    for old, new in changes.items():
        settings = settings.replace(old, new)
    (folder / "settings.yaml").write_text(f"{settings}tracking: {{wandb: offline, project: {TRACKED}}}\n")
    command = [sys.executable, "-m", "ray_jobs.pipeline", "--ledgers", folder / "a.jsonl"]
    command += ["--output", folder / "out", "--config", folder / "settings.yaml"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment |= SECRETS | {"HOME": str(folder / "home"), "RAY_TMPDIR": str(ray_folder)}
    with (folder / "told").open("w") as told:
        job = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=told, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: "connected to" in (folder / "told").read_text() or job.poll(), "Ray", pause=0.2)
        processes = psutil.Process(job.pid).children(recursive=True)
        ports = {process: listened(process) for process in processes}
        dashboard, gcs = (
            next(process for process in processes if name in " ".join(process.cmdline()))
            for name in ("dashboard.py", "gcs_server")
        )
        answers = {(host, port): answer(port) for host, port in ports[dashboard]}
        outsider = f"import ray; ray.init('127.0.0.1:{ports[gcs][0][1]}'); print('inside')"
        environment["RAY_AUTH_MODE"] = "disabled"
        tried = subprocess.run(
            [sys.executable, "-c", outsider],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=200,
        )
        status = job.wait(300)
        yield Run(
            status=status,
            told=(folder / "told").read_text(),
            output=folder / "out",
            session=ray_folder,
            home=folder / "home",
            answers=answers,
            outsider=tried.stdout,
        )
    finally:
        job.terminate()
        job.wait()
        shutil.rmtree(ray_folder, ignore_errors=True)


def listened(process: psutil.Process) -> list[tuple[str, int]]:
    """The addresses and ports that a process listens on."""
    try:
        found = process.net_connections(kind="inet")
    except psutil.Error:  # it is gone already
        return []
    return [(each.laddr.ip, each.laddr.port) for each in found if each.status == psutil.CONN_LISTEN]


def answer(port: int) -> str:
    """What is at a port for a request without a token: a status, the dashboard's own metrics, or no HTTP."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/jobs/", timeout=20) as response:
            metrics = response.headers.get_content_type() == "text/plain"  # Prometheus's format
            return "metrics" if metrics else str(response.status)
    except urllib.error.HTTPError as error:
        return str(error.code)
    except OSError:
        return "no HTTP"


def holding(folder: Path, text: str) -> list[str]:
    """The files below `folder` that hold `text`."""
    found = []
    for path in folder.rglob("*"):
        if not path.is_file() or path.is_symlink():
            continue
        content = (
            str(pq.read_table(path).to_pylist()).encode() if path.suffix == ".parquet" else path.read_bytes()
        )
        if text.encode() in content:
            found.append(str(path.relative_to(folder)))
    return found


def test_the_run_succeeds(run):
    assert run.status == 0, run.told


def test_without_the_token_nobody_gets_an_answer_from_the_dashboard(run):
    assert "200" not in run.answers.values()
    assert {host for (host, _), told in run.answers.items() if told == "401"} == {"127.0.0.1"}


def test_without_the_token_nobody_gets_into_the_cluster(run):
    assert "inside" not in run.outsider
    assert "authentication" in run.outsider.lower()


def test_the_token_is_its_owners_alone(run):
    assert len(run.token) >= 32
    assert (run.home / ".ray").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_of_the_environment_is_left_anywhere(run, name):
    for folder in (run.output, run.session, run.home):
        assert holding(folder, SECRETS[name]) == []
    assert SECRETS[name] not in run.told


def test_the_token_is_left_nowhere_else(run):
    for folder in (run.output, run.session):
        assert holding(folder, run.token) == []
    assert holding(run.home, run.token) == [".ray/auth_token"]
    assert run.token not in run.told


def test_what_is_no_secret_is_found_in_artifacts_tracking_and_logs(run):
    found = holding(run.output, TRACKED)
    assert any(name.endswith("manifest.json") for name in found)
    assert any(name.endswith(".wandb") for name in found)
    entity = pq.read_table(run.output / "entries" / "data" / "bucket=00000" / "part-0.parquet")["entity"][
        0
    ].as_py()
    assert "predictions/data/part-000000.parquet" in holding(run.output, entity)
    assert holding(run.session, "PredictRowGroup")
    assert "5/5 predict" in run.told


@pytest.fixture
def unpickled(tmp_path):
    """A column that, read by Ray Data's own type, runs code: it leaves `tmp_path / "trace"`."""

    class Attack:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "trace",))

    return ArrowPythonObjectType().wrap_array(pa.array([pickle.dumps(Attack())], pa.large_binary()))


def test_the_type_that_ray_data_unpickles_is_refused_in_a_ledger(unpickled, tmp_path):
    table = pa.table({"entry_id": ["1"], "date": ["2024-01-31"], "description": unpickled})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UnreadableFile, match=r"arrow_pickled_object.*runs code"):
        list(import_file(str(tmp_path / "a.parquet"), ImportSettings()))
    assert not (tmp_path / "trace").exists()


def test_the_type_that_ray_data_unpickles_is_refused_in_entries_to_predict(unpickled, tmp_path):
    with artifact_writer(str(tmp_path / "entries"), "entries", {}, {}) as writer:
        writer.write_table("data/part-0.parquet", pa.table({"description": unpickled}))
        writer.publish({"entries": 1})
    artifact = open_artifact(str(tmp_path / "entries"), "entries")
    with pytest.raises(SchemaError, match=r"'description' is extension<ray\.data\.arrow_pickled_object"):
        list(columns_of(artifact, "description"))
    with pytest.raises(SchemaError):
        artifact.read_table(pa.schema([ENTRIES.field("description")]))
    assert not (tmp_path / "trace").exists()
    unpickled.to_pylist()
    assert (tmp_path / "trace").exists()  # so it would have worked
