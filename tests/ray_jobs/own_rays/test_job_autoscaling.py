"""A cluster that scales itself: jobs ask for more than it has, nodes come, work, and leave again.

Ray's autoscaler runs as on any cluster; its provider of machines is the one that Ray tests it with, which
starts every node as processes of this machine. `pytest -s` prints how many nodes there were when, and what was
done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from heads import Head, free_ports, ray_head
from job_runs import actors, assert_same, keys, parts_in, read, start_job, succeed, wait_until
from ray.cluster_utils import FAKE_HEAD_NODE_ID
from ray.util.state import list_nodes

from jet.artifacts.artifact import artifact_writer, open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES, REJECTED
from jet.bundle.saved import KIND
from jet.demo import DemoSettings, write_demo_ledger

MOST = 2
"""Nodes beside the head, each of one CPU, as the head has."""
PART = 150
"""Entries of a part."""

AUTOSCALER: dict[str, Any] = {
    "cluster_name": "jet-test",
    "max_workers": MOST,
    "idle_timeout_minutes": 0.15,
    "provider": {
        "type": "external",
        "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
        "launch_multiple": True,
        "head_node_id": FAKE_HEAD_NODE_ID,
    },
    "available_node_types": {
        "ray.head.default": {"resources": {"CPU": 1}, "max_workers": 0, "node_config": {}},
        "worker": {"resources": {"CPU": 1}, "min_workers": 0, "max_workers": MOST, "node_config": {}},
    },
    "head_node_type": "ray.head.default",
    # Nothing of this is used on one machine, but the autoscaler wants to have it said.
    **{name: {} for name in ("auth", "file_mounts")},
    **{
        name: []
        for name in (
            *("initialization_commands", "setup_commands", "cluster_synced_files"),
            *("head_setup_commands", "worker_setup_commands"),
            *("head_start_ray_commands", "worker_start_ray_commands"),
        )
    },
}


@pytest.fixture
def cluster(tmp_path_factory) -> Iterator[Head]:
    """A head with one CPU whose autoscaler adds up to MOST nodes.

    Each test has its own: for some minutes, what a job had asked of Ray's autoscaling coordinator is kept from
    the next one.
    """
    [port] = free_ports(1)
    provider = AUTOSCALER["provider"] | {"gcs_address": f"127.0.0.1:{port}"}
    config = tmp_path_factory.mktemp("autoscaler") / "cluster.yaml"
    config.write_text(yaml.safe_dump(AUTOSCALER | {"provider": provider}))
    environment = {
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    }
    with ray_head("--num-cpus=1", f"--autoscaling-config={config}", port=port, **environment) as head:
        yield head


@dataclass
class Timeline:
    """What was seen of a job on the cluster, second by second."""

    nodes: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    places: list[set[str]] = field(default_factory=list)
    """Nodes that the job's actors lived on."""

    def __str__(self) -> str:
        seen = zip(self.nodes, (len(each) for each in self.places), self.done, strict=True)
        return "\n".join(
            f"{second:4} s {nodes} nodes, actors on {places}, {done:5} done"
            for second, (nodes, places, done) in enumerate(seen)
        )


def living(cluster: Head) -> int:
    # Not all may be told where one comes or goes at this moment.
    alive = [("state", "=", "ALIVE")]
    return len(list_nodes(address=cluster.dashboard, filters=alive, raise_on_missing_output=False))


def watched(cluster: Head, actor: str, done: Callable[[], int], name: str, *arguments: Any) -> Timeline:
    """Run a job on the cluster to its end, and look at the cluster and at what is `done` every second."""
    wait_until(lambda: living(cluster) == 1, "the cluster without added nodes", pause=0.5)
    seen = Timeline()
    process = start_job(cluster.address, name, *arguments, "--runtime.cluster_cpus", 1 + MOST)
    try:
        while process.poll() is None:
            next_look = time.monotonic() + 1
            seen.nodes.append(living(cluster))
            seen.places.append({each.node_id for each in actors(cluster.dashboard, actor)})
            seen.done.append(done())
            time.sleep(max(0.0, next_look - time.monotonic()))
    finally:
        process.kill()
    out, err = process.communicate()
    print(f"\n{name}:\n{seen}")
    assert process.returncode == 0, err + out
    return seen


def parts_of(output: Path) -> Callable[[], int]:
    """Counts the finished parts of an output that isn't finished."""
    return lambda: len(parts_in(output))


@pytest.fixture(scope="module")
def many(head, settings, tmp_path_factory) -> Path:
    """More entries of the finished's companies, in many files."""
    assert head.address
    folder = tmp_path_factory.mktemp("many")
    write_demo_ledger(folder / "ledgers", DemoSettings(companies=3, entries=9000, open_entries=12, seed=7))
    succeed("ingest", "--ledgers", folder / "ledgers", "--output", folder / "all", "--config", settings)
    entries = open_artifact(str(folder / "all"), "entries")
    with artifact_writer(str(folder / "entries"), "entries", {}, {}) as writer:
        table = entries.read_table(ENTRIES)
        for number, start in enumerate(range(0, len(table), PART)):
            writer.write_table(f"data/part-{number:05}.parquet", table.slice(start, PART))
        for name, schema in (("accounts", ACCOUNTS), ("rejected", REJECTED)):
            writer.write_table(f"{name}/part-0.parquet", entries.read_table(schema, name))
        writer.publish({"entries": len(table)})
    return folder / "entries"


def test_predict_draws_nodes_works_on_them_and_lets_them_go(cluster, many, finished, settings, tmp_path):
    output = tmp_path / "p"
    given = ("--ledgers", many, "--model", finished.folder / "model", "--config", settings, "--output", output)
    spread = ("--runtime.actors", 1 + MOST, "--runtime.actor_cpus", 1)
    seen = watched(cluster, "PredictRowGroup", parts_of(output), "predict", *given, *spread)
    assert seen.nodes[0] == 1
    assert max(seen.nodes) == 1 + MOST
    assert max(len(each) for each in seen.places) > 1, "no added node had a part in it"
    assert keys(read(output)) == keys(read(many))
    wait_until(lambda: living(cluster) == 1, "the end of the idle nodes", pause=0.5)


def test_neighbors_draw_nodes_for_the_shards_and_find_the_same(cluster, finished, settings, tmp_path):
    """Shards and the actor that asks them are there together: they fill the head and all nodes."""
    given = ("--entries", finished.folder / "entries", "--config", settings, "--output", tmp_path / "n")
    spread = ("--runtime.index_shards", MOST, "--runtime.actor_cpus", 1, "--runtime.bucket_rows", 100)
    seen = watched(cluster, "IndexShard", parts_of(tmp_path / "n"), "neighbors", *given, *spread)
    assert max(seen.nodes) == 1 + MOST
    assert_same(read(tmp_path / "n"), read(finished.folder / "neighbors"))


def autoscaler(cluster: Head) -> psutil.Process:
    """The process that starts and ends the cluster's nodes."""
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or ())
        if "/autoscaler/" in command and "monitor.py" in command and str(cluster.folder) in command:
            return process
    raise AssertionError("the cluster has no autoscaler")


def test_a_training_begins_with_one_worker_and_goes_on_with_two(cluster, finished, settings, tmp_path):
    """The autoscaler stands still until a worker trains: else the node may be there before it."""
    given = ("--data", finished.folder, "--config", settings, "--output", tmp_path / "m")
    elastic = ("--runtime.train_min_workers", 1, "--runtime.train_resize_s", 2)
    # Small batches, so that the training is still there when the node is, on a fast machine too.
    lasting = ("--train.max_epochs", 24, "--train.patience", 24, "--train.batch_size", 16)
    provider = autoscaler(cluster)

    def released() -> int:
        if actors(cluster.dashboard, "RayTrainWorker"):
            provider.resume()
        return 0

    provider.suspend()
    try:
        seen = watched(cluster, "RayTrainWorker", released, "train", *given, *elastic, *lasting)
    finally:
        provider.resume()
    assert len(next(each for each in seen.places if each)) == 1
    assert max(len(each) for each in seen.places) == 2
    assert open_artifact(str(tmp_path / "m"), KIND).manifest.facts["epochs"] == 24
