"""What breaks under a job: machines and memory. What comes out is what an undisturbed run leaves.

docs/reliability.md has the table that these tests print the numbers of (`pytest -s`): how much was done twice.
Disks and trainings are in `test_job_faults.py`, processes that die one by one in `test_job_kill.py`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from heads import Head, Node, ray_head, ray_node
from job_runs import actors, assert_same, ended, keys, parts_in, read, start_job, wait_until

from jet.artifacts.artifact import open_artifact
from jet.books.schema import ENTRIES
from jet.demo import DemoSettings, write_demo_ledger

SPREAD = ("--runtime.actors", 2, "--runtime.actor_cpus", 1, "--runtime.log_format", "json")
SOON = {"RAY_health_check_period_ms": "500", "RAY_health_check_failure_threshold": "4"}
"""A node that is gone is noticed after some seconds."""


PART_WRITTEN = re.compile(r"\w+: (data/(?:bucket=\d+/)?part-\d+\.parquet) has \d+ rows")


def done_twice(told: str, parts: int) -> int:
    """How many parts were done by more than one process, as the workers' own log lines have it."""
    done: dict[str, set[int]] = {}
    for line in map(json.loads, re.findall(r"\{[^{}]*\}", told)):  # two processes may share a line
        if found := PART_WRITTEN.fullmatch(line.get("message", "")):
            done.setdefault(found[1], set()).add(line["process"])
    assert len(done) == parts, f"{parts} parts, and the log names {len(done)}"
    return sum(len(by) - 1 for by in done.values())


# --- a machine is gone -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    """A head that does no work itself."""
    with ray_head("--num-cpus=0", **SOON) as started:
        yield started


@pytest.fixture
def nodes(cluster, request) -> Iterator[list[Node]]:
    """Two machines, either of which could do all the work."""
    name = re.sub(r"\W", "-", request.node.name)[-30:]
    with (
        ray_node(cluster, f"{name}-a", "--num-cpus=4") as one,
        ray_node(cluster, f"{name}-b", "--num-cpus=4") as two,
    ):
        yield [one, two]


def at_work(node: Node) -> bool:
    """Whether a worker of the node runs a task."""
    found = psutil.Process(node.process.pid).children(recursive=True)
    names = [" ".join(each.cmdline()) for each in found if each.is_running()]
    return any(name.startswith("ray::") and "IDLE" not in name for name in names)


def node_of(nodes: list[Node], node_id: str) -> Node:
    [found] = [node for node in nodes if node.node_id == node_id]
    return found


RUNS = ".disturbed.staging-*/runs/entries/part-*.parquet"


def test_ingest_survives_the_loss_of_the_machine_that_reads(cluster, nodes, tmp_path):
    write_demo_ledger(tmp_path / "ledgers", DemoSettings(companies=4, entries=40_000, seed=7))
    fingerprints = []
    for name in ("disturbed", "undisturbed"):
        output = tmp_path / name
        process = start_job(cluster.address, "ingest", "--ledgers", tmp_path / "ledgers", "--output", output)
        if name == "disturbed":
            wait_until(lambda: [*tmp_path.glob(RUNS)], "a first file that is written")
            wait_until(lambda: any(map(at_work, nodes)), "a machine at work")
            next(filter(at_work, nodes)).kill()
            assert not output.exists(), "it was too late to kill"
        ended(process)
        artifact = open_artifact(str(output), "entries")
        assert artifact.manifest.rows["entries"] == 40_000
        assert len(set(keys(artifact.read_table(ENTRIES)))) == 40_000
        fingerprints.append(artifact.manifest.fingerprint)
    assert fingerprints[0] == fingerprints[1]


def test_neighbors_survive_the_loss_of_a_machine_with_shards_and_actors(
    cluster, nodes, finished, settings, tmp_path
):
    given = ("--entries", finished.folder / "entries", "--output", tmp_path / "n", "--config", settings)
    shards = ("--runtime.block_rows", 5, "--runtime.index_shards", 2, "--runtime.bucket_rows", 100)
    process = start_job(cluster.address, "neighbors", *given, *SPREAD, *shards)
    wait_until(lambda: parts_in(tmp_path / "n"), "a first part")
    node_of(nodes, actors(cluster.dashboard, "IndexShard")[0].node_id).kill()
    assert not (tmp_path / "n").exists(), "it was too late to kill"
    twice = done_twice(ended(process), 120)
    print(f"\nneighbors, a node killed: {twice} of 120 parts done twice")
    assert_same(read(tmp_path / "n"), read(finished.folder / "neighbors"))


@pytest.mark.parametrize("after", [0, 3], ids=["while-reading", "while-writing"])
def test_predict_survives_the_loss_of_a_machine(
    cluster, nodes, finished, in_many_parts, settings, predicted, tmp_path, after
):
    given = ("--ledgers", in_many_parts, "--model", finished.folder / "model", "--config", settings)
    process = start_job(cluster.address, "predict", *given, *SPREAD, "--output", tmp_path / "p")
    wait_until(lambda: len(parts_in(tmp_path / "p")) >= after, f"{after} parts")
    [actor, *_] = wait_until(lambda: actors(cluster.dashboard, "PredictRowGroup"), "an actor")
    node_of(nodes, actor.node_id).kill()
    assert not (tmp_path / "p").exists(), "it was too late to kill"
    twice = done_twice(ended(process), 30)
    print(f"\npredict, a node killed after {after} parts: {twice} of 30 parts done twice")
    assert_same(read(tmp_path / "p"), predicted)


# --- memory ------------------------------------------------------------------------------------------------


def memory_in_use() -> tuple[int, int]:
    """Bytes in use of this machine, and all."""
    found = dict(re.findall(r"(\w+):\s+(\d+) kB", Path("/proc/meminfo").read_text()))
    total = 1024 * int(found["MemTotal"])
    return total - 1024 * int(found["MemAvailable"]), total


HUNGRY = "import time; held = b'x' * 8_000_000_000; print('full', flush=True); time.sleep(600)"
"""Three GB beyond the threshold: what other tests run meanwhile may give some memory back."""


def test_workers_that_ray_kills_for_want_of_memory_cost_no_prediction(
    finished, in_many_parts, settings, predicted, tmp_path
):
    used, total = memory_in_use()
    if total - used < 11e9:
        pytest.skip(f"needs 11 GB of free memory, there are {(total - used) / 1e9:.1f}")
    environment = {
        "RAY_memory_usage_threshold": f"{(used + 5e9) / total:.4f}",
        "RAY_memory_monitor_refresh_ms": "100",
    }
    with ray_head("--num-cpus=4", **environment) as head:
        with subprocess.Popen([sys.executable, "-c", HUNGRY], stdout=subprocess.PIPE, text=True) as hungry:
            assert hungry.stdout is not None
            assert hungry.stdout.readline() == "full\n"
            given = ("--ledgers", in_many_parts, "--model", finished.folder / "model", "--config", settings)
            process = start_job(head.address, "predict", *given, *SPREAD, "--output", tmp_path / "p")
            [log] = head.folder.glob("session_2*/logs/raylet.out")
            wait_until(lambda: "Selected to kill" in log.read_text() or process.poll() is not None, "a kill")
            hungry.kill()
        twice = done_twice(ended(process), 30)
        killed = log.read_text().count("Selected to kill")
    assert killed
    print(f"\npredict, killed {killed} times by Ray's memory monitor: {twice} of 30 parts done twice")
    assert_same(read(tmp_path / "p"), predicted)


def test_a_full_object_store_spills_and_changes_nothing(finished, settings, tmp_path):
    fill = "import ray, sys, time; ray.init(); held = [ray.put(bytes(9_000_000)) for _ in range(8)]"
    with ray_head("--num-cpus=4", "--object-store-memory=80000000") as head:
        code = f"{fill}; print(len(held), flush=True); time.sleep(600)"
        environment = {**os.environ, "RAY_ADDRESS": head.address}
        with subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
        ) as filler:
            assert filler.stdout is not None
            assert filler.stdout.readline().strip() == "8"
            given = ("--entries", finished.folder / "entries", "--output", tmp_path / "n", "--config", settings)
            try:
                ended(start_job(head.address, "neighbors", *given))
                spilled = [
                    each for each in head.folder.glob("session_2*/ray_spilled_objects*/*") if each.is_file()
                ]
            finally:
                filler.kill()
    assert spilled
    assert_same(read(tmp_path / "n"), read(finished.folder / "neighbors"))
