"""Every write and removal on a disk and every request to a store fails in turn: the work ends as it would have,
or with an error that a job tells in one line (status 2), and the same work then goes on.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from test_artifact import CONFIG, INPUTS, publish
from writers import NAMES, Writer, writers

from jet.artifacts import disk, exclusive, storage
from jet.artifacts.artifact import ArtifactError, finished, open_artifact
from ray_jobs.runtime.command import advice

CODES = (errno.ENOSPC, errno.EIO, errno.EINTR)
CALLS = ("mkdir", "rename", "unlink", "fsync", "open")


class FailingDisk:
    """Stands for `os` and `open` in `jet.artifacts.disk`: call number `fails` and, `for_good`, all later ones
    raise an `OSError` of this `code`. Counts the calls, and those places that make them."""

    O_RDONLY, O_DIRECTORY, close = os.O_RDONLY, os.O_DIRECTORY, staticmethod(os.close)

    def __init__(self, fails: int = -1, code: int = 0, for_good: bool = False) -> None:
        self.fails, self.code, self.for_good = fails, code, for_good
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        assert name in CALLS
        return lambda *given: self.called(getattr(os, name), *given)

    def called(self, real: Any, *given: Any) -> Any:
        number = self.calls
        self.calls += 1
        if number == self.fails or (self.for_good and number > self.fails >= 0):
            raise OSError(self.code, os.strerror(self.code), given[0])
        return real(*given)

    def new(self, path: Any, mode: str) -> Any:
        return _File(self, self.called(open, path, mode))

    def rmtree(self, path: Any) -> None:
        self.called(shutil.rmtree, path)


class _File:
    """A file whose writes may fail, after a part of what is to be written."""

    def __init__(self, disk_: FailingDisk, real: Any) -> None:
        self.disk, self.real = disk_, real

    def write(self, content: Any) -> int:
        try:
            return self.disk.called(self.real.write, content)
        except OSError:
            self.real.write(bytes(content)[: len(content) // 2])
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: Any) -> None:
        self.real.close()


def attempt(writer: Writer, folder: Path, failing: FailingDisk) -> BaseException | None:
    """What the work raises on such a disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "os", failing)
        patch.setattr(disk, "shutil", failing)
        patch.setattr(disk, "open", failing.new, raising=False)
        try:
            writer.work(folder)
        except Exception as error:
            return error
    return None


@pytest.fixture(scope="module")
def all_writers(bundle):
    return writers(bundle)


@pytest.mark.parametrize("every", [67, pytest.param(1, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("name", NAMES)
def test_each_call_to_a_disk_fails_in_turn(all_writers, tmp_path, monkeypatch, name, every):
    monkeypatch.setattr(os, "fsync", lambda _: None)  # nothing here needs to outlast a power cut
    writer, counted = all_writers[name], FailingDisk()
    (tmp_path / "counted").mkdir()
    writer.before(tmp_path / "counted")
    assert attempt(writer, tmp_path / "counted", counted) is None
    each = list(itertools.product(range(counted.calls), CODES, (False, True)))[::every]
    told = sum(fail(writer, tmp_path / "tried", *one) for one in each)
    print(f"{name}: {counted.calls} calls, {len(each)} failures tried, {told} of them told")
    assert counted.calls > 5
    assert told


def fail(writer: Writer, folder: Path, number: int, code: int, for_good: bool) -> bool:
    """Let call `number` fail, and do the work again; whether the failure was told."""
    folder.mkdir()
    writer.before(folder)
    error = attempt(writer, folder, FailingDisk(number, code, for_good))
    what = f"call {number}, {errno.errorcode[code]}, {'for good' if for_good else 'once'}: {error!r}"
    assert error is None or advice(error), f"{what} is no line for people"
    try:
        writer.check(folder, error is None)
        writer.work(folder)
        writer.check(folder, True)
    except Exception as broken:
        raise AssertionError(f"after {what}") from broken
    shutil.rmtree(folder)
    return error is not None


FAULTS = ("SlowDown", "InternalError", "cut before", "cut after", "AccessDenied")


@pytest.mark.parametrize("every", [19, pytest.param(1, marks=pytest.mark.nightly)])
def test_each_request_to_a_store_fails_in_turn(store, monkeypatch, every):
    monkeypatch.setattr(exclusive, "S3_RETRIES", 1)
    monkeypatch.setattr(exclusive, "PATIENCE", exclusive.timedelta(seconds=0.2))
    made: list[str] = []
    store.refuse = lambda method, _: made.append(method)
    an_artifact_at(f"s3://books/counted-{every}")
    monkeypatch.setattr(storage, "S3_RETRIES", 2)
    storage.s3_filesystem.cache_clear()
    tried = 0
    for number in range(len(made)):
        for fault in FAULTS:
            for for_good in (False, True):
                tried += 1
                if tried % every:
                    continue
                place, seen = f"s3://books/failing-{every}-{tried}", iter(range(10_000))
                store.refuse = lambda *_, n=number, f=fault, g=for_good, s=seen: (
                    f if (at := next(s)) == n or (g and at > n) else None
                )
                error = None
                try:
                    an_artifact_at(place)
                except (OSError, ArtifactError) as raised:
                    error = raised
                store.refuse = lambda *_: None
                assert error is None or "\n" not in (advice(error) or "\n"), (
                    f"{number} {fault} {for_good}: {error!r}"
                )
                an_artifact_at(place)
                open_artifact(place, "things")
    storage.s3_filesystem.cache_clear()
    print(f"{len(made)} requests, {tried // every} failures tried")
    assert len(made) > 10


def an_artifact_at(place: str) -> None:
    if finished(place, "things", CONFIG, INPUTS) is None:
        publish(place)
