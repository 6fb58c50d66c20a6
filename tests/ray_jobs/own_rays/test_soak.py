"""The soak in its short form: every id comes out once, and the memory of every process is on record.

`make soak` is the long one: millions of entries, where growth would show.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import pytest
from job_runs import ROOT

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def soaked(settings, tmp_path_factory):
    output = tmp_path_factory.mktemp("soak")
    command = [sys.executable, "-m", "benchmarks.soak", "--output", output, "--config", settings]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    ended = subprocess.run(
        [*map(str, command), "--companies", "2", "--entries", "1000", "--new", "100", "--every", "0.5"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ended.returncode == 0, ended.stderr
    return output


def test_every_entry_has_neighbors_and_one_prediction(soaked):
    figures = json.loads((soaked / "soak.json").read_text())
    assert set(figures) == {"ingest", "neighbors", "train", "predict-2"}
    for each in figures.values():
        assert each["all_processes"] >= each["object_store"] >= 0
    assert figures["neighbors"]["entries"] == figures["neighbors"]["answers"] == 1000
    assert figures["predict-2"]["entries"] == figures["predict-2"]["answers"] >= 100


@pytest.mark.parametrize(
    ("job", "kinds"),
    [
        ("ingest", {"driver", "task"}),
        ("neighbors", {"driver", "actor", "index shard"}),
        ("train", {"driver", "training worker"}),
        ("predict-2", {"driver", "actor"}),
    ],
)
def test_the_memory_of_driver_actors_and_ray_is_on_record(soaked, job, kinds):
    with (soaked / f"memory-{job}.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert kinds | {"raylet", "gcs_server"} <= {row["name"] for row in rows}
    assert all(float(row["megabytes"]) > 0 for row in rows)
    assert any(float(row["of_the_store"]) > 0 for row in rows)
    assert (soaked / f"memory-{job}.png").stat().st_size > 10_000
