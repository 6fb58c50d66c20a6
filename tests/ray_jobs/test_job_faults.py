"""What breaks under a job: a disk, the driver, a training's workers. Out comes what an undisturbed run leaves.

docs/reliability.md has the table that these tests print the numbers of (`pytest -s`): how much was done twice.
Machines and memory are in `own_rays/test_job_machines.py`, processes that die one by one in `test_job_kill.py`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from heads import Head
from job_runs import actors, assert_same, ended, parts_in, read, start_job, wait_until

from jet.bundle.bundle import Bundle
from jet.bundle.saved import load_bundle

# --- a disk ------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A folder that holds 150 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=150k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_ends_a_job_with_one_line_and_with_room_it_goes_on(
    head, pipeline, in_many_parts, settings, predicted, small_disk
):
    output = small_disk / "p"
    given = ("--ledgers", in_many_parts, "--model", pipeline.folder / "model", "--config", settings)
    told = ended(start_job(head.address, "predict", *given, "--output", output), 2)
    assert "No space left on device" in told.splitlines()[-1]
    assert "Traceback" not in told
    assert not output.exists()
    there = {path.name: path.stat().st_mtime_ns for path in parts_in(output)}
    assert 0 < len(there) < 30
    subprocess.run(["mount", "-o", "remount,size=20m", small_disk], check=True)
    ended(start_job(head.address, "predict", *given, "--output", output))
    print(f"\npredict, the disk full after {len(there)} of 30 parts: none of these was done again")
    assert {name: (output / "data" / name).stat().st_mtime_ns for name in there} == there
    assert_same(read(output), predicted)


# --- a training --------------------------------------------------------------------------------------------

EPOCH = re.compile(
    r"\(RayTrainWorker pid=(\d+)\).* (epoch (\d+)/4: loss [\d.]+, calibration likelihood [-\d.]+)"
)


def epochs_told(told: str) -> dict[int, str]:
    """What a training told of each epoch, the last time that it told it."""
    return {int(found[3]): found[2] for found in EPOCH.finditer(told)}


@pytest.fixture(scope="module")
def undisturbed(head, pipeline, settings, tmp_path_factory) -> tuple[dict[int, str], Bundle]:
    output = tmp_path_factory.mktemp("undisturbed") / "model"
    given = ("--data", pipeline.folder, "--config", settings, "--output", output)
    told = ended(start_job(head.address, "train", *given))
    return epochs_told(told), load_bundle(str(output))


@pytest.fixture
def training(pipeline, settings, tmp_path) -> tuple[list, Path, Path]:
    """The command of a training, what it told so far, and its output."""
    output = tmp_path / "model"
    return ["--data", pipeline.folder, "--config", settings, "--output", output], tmp_path / "told", output


def start_training(head: Head, given: list, told: Path) -> subprocess.Popen[bytes]:
    with told.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "ray_jobs.train", *map(str, given)],
            env={**os.environ, "RAY_ADDRESS": head.address},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


@pytest.mark.parametrize("rank", [0, 1])
def test_a_training_whose_rank_is_killed_ends_where_it_would_have(head, training, undisturbed, rank):
    given, log, output = training
    process = start_training(head, given, log)
    first = int(wait_until(lambda: EPOCH.search(log.read_text()), "an epoch that is told")[1])
    [other] = {actor.pid for actor in actors(head.dashboard, "RayTrainWorker")} - {first}
    os.kill([first, other][rank], signal.SIGKILL)
    assert process.wait(300) == 0, log.read_text()
    told = log.read_text()
    print(f"\nrank {rank} killed: {len(EPOCH.findall(told)) - 4} of 4 epochs done twice")
    assert epochs_told(told) == undisturbed[0]
    assert load_bundle(str(output)).fingerprint == undisturbed[1].fingerprint


def test_a_training_whose_driver_is_killed_goes_on_from_its_checkpoint(head, training, undisturbed):
    given, log, output = training
    process = start_training(head, given, log)
    # An epoch is told before it is kept, and the one before it then is.
    wait_until(lambda: 2 in epochs_told(log.read_text()), "two epochs")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not output.exists(), "it was too late to kill"
    wait_until(lambda: not actors(head.dashboard, "RayTrainWorker"), "the end of its workers", pause=0.2)
    before = log.stat().st_size
    assert start_training(head, given, log).wait(300) == 0, log.read_text()
    again = log.read_bytes()[before:].decode()
    print(f"\ndriver killed after two epochs: {4 - len(epochs_told(again))} of 4 epochs were not done again")
    assert min(epochs_told(again)) >= 2
    assert epochs_told(again).items() <= undisturbed[0].items()
    assert load_bundle(str(output)).fingerprint == undisturbed[1].fingerprint
