"""The power is cut at any moment while jet writes: nothing finished is lost, nothing broken is accepted, and
every job goes on.

A failure names its writer and the seed of its cut, which is done again by:

    python -m pytest tests/durability/test_power_cuts.py -k "power_is_cut and parts" --cut 17
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
from lossy_disk import Recorder, after_a_cut, recorded
from writers import NAMES, Writer, writers

from jet.artifacts import disk


@pytest.fixture(scope="module")
def all_writers(bundle):
    return writers(bundle)


def record(writer: Writer, folder: Path) -> Recorder:
    folder.mkdir(parents=True)
    writer.before(folder)
    with recorded(folder) as found:
        writer.work(folder)
    writer.check(folder, True)
    return found


def cut(writer: Writer, found: Recorder, folder: Path, seed: int) -> None:
    """Cut the power at some moment, look at what is left, and go on."""
    last = len(found.steps)
    moment = last if seed % 5 == 0 else random.Random(seed).randint(0, last)
    after_a_cut(found, moment, seed).write(folder)
    try:
        writer.check(folder, moment == last)
        writer.work(folder)
        writer.check(folder, True)
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("seeds", [30, pytest.param(1_200, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_lost_when_the_power_is_cut(all_writers, tmp_path, monkeypatch, name, seeds, pytestconfig):
    writer = all_writers[name]
    found = record(writer, tmp_path / "recorded")
    monkeypatch.setattr(disk, "flush_folder", lambda _: None)  # what follows needn't outlast anything
    monkeypatch.setattr(disk.os, "fsync", lambda _: None)
    asked = pytestconfig.getoption("--cut", default=None)
    for seed in range(seeds) if asked is None else [asked]:
        try:
            cut(writer, found, tmp_path / "cut", seed)
        except Exception as error:
            raise AssertionError(f"{name} is not as it must be after the cut {seed}") from error


def test_all_writers_are_tried(all_writers):
    assert set(all_writers) == set(NAMES)


@pytest.mark.parametrize("forgotten", ["files", "folders"])
def test_a_disk_that_is_not_told_to_flush_loses_finished_work(all_writers, tmp_path, forgotten):
    """So the search finds what it looks for."""
    writer = all_writers["artifact"]
    found = record(writer, tmp_path / "recorded")
    folders = {step.folder for step in found.steps}
    kept = [s for s in found.steps if s.what != "flush" or (s.node in folders) == (forgotten == "files")]
    found.steps[:] = kept
    broken = 0
    for seed in range(40):
        try:
            cut(writer, found, tmp_path / "cut", seed)
        except (AssertionError, ValueError, OSError):
            broken += 1
    assert broken
