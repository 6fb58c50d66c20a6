"""The pipeline as a submitted job: `ray job submit` to a head that asks for a token."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from job_runs import ROOT, SETTINGS, keys, read

from jet.demo import DemoSettings, write_demo_ledger


def submit(head, folder, *command, **environment) -> subprocess.CompletedProcess[str]:
    """`ray job submit` as one types it; what it says goes together."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "ray.scripts.scripts", "job", "submit", "--address", head.dashboard),
            *("--working-dir", folder, "--", *command),
        ],
        env={name: value for name, value in {**os.environ, **environment}.items() if value},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=400,
    )


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    """A folder with the code alone: what is uploaded."""
    folder = tmp_path_factory.mktemp("code")
    for name in ("jet", "ray_jobs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_without_the_token_a_job_is_refused(head, code):
    done = submit(head, code, "echo", "hello", RAY_AUTH_MODE="disabled", RAY_AUTH_TOKEN_PATH="")
    assert done.returncode != 0
    assert "hello" not in done.stdout.splitlines()
    assert "401" in done.stdout or "Unauthorized" in done.stdout or "authentication" in done.stdout.lower()


def test_with_another_token_a_job_is_refused(head, code, tmp_path):
    (tmp_path / "token").write_text("0" * 64)
    done = submit(head, code, "echo", "hello", RAY_AUTH_TOKEN_PATH=str(tmp_path / "token"))
    assert done.returncode != 0
    assert "hello" not in done.stdout.splitlines()


def test_a_submitted_pipeline_leaves_its_predictions(head, code, tmp_path):
    """On the smallest books that can be learned from: one of the two workers has nothing to calibrate on."""
    ledger, output = tmp_path / "ledger.jsonl", tmp_path / "out"
    write_demo_ledger(ledger, DemoSettings(companies=1, entries=10, open_entries=1, seed=3))
    (tmp_path / "settings.yaml").write_text(SETTINGS.replace("max_epochs: 4", "max_epochs: 1"))
    given = ("--ledgers", ledger, "--output", output, "--config", tmp_path / "settings.yaml")
    done = submit(head, code, "python", "-m", "ray_jobs.pipeline", *given)
    assert done.returncode == 0, done.stdout
    assert "succeeded" in done.stdout
    [line] = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"job"')]
    assert line["output"] == str(output)
    assert keys(read(output / "predictions")) == keys(read(output / "to-predict"))
    assert len(read(output / "predictions")) == 1
