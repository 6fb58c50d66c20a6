"""What a job tells of Ray's workers that crash: as they end, with their work done, or while they work."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from job_runs import ROOT

from ray_jobs.runtime.ray_quirks.dumps import WithoutDumps

A_JOB_WHOSE_WORKER_ABORTS = """
import atexit, os, sys, time
import ray
from ray_jobs.runtime import connection, command as runtime

HELP = "a job whose worker aborts"

def arguments(parser):
    pass

@ray.remote(num_cpus=0)
class Hand:
    def work(self, amiss):
        print("at work", flush=True)
        if amiss:
            print("something is amiss", file=sys.stderr, flush=True)
            os.abort()
        atexit.register(os.abort)
        return 42

def run(args, config):
    connection.connect(config.runtime)
    hand = Hand.remote()
    try:
        found = ray.get(hand.work.remote(AMISS))
    finally:
        del hand
        time.sleep(5)
    return {"found": found}

sys.exit(runtime.main("abort", sys.modules["__main__"], run, OPTIONS))
"""


def aborting(address: str, *options: str, amiss: bool) -> subprocess.CompletedProcess[str]:
    code = A_JOB_WHOSE_WORKER_ABORTS.replace("AMISS", str(amiss)).replace("OPTIONS", repr(options))
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "RAY_ADDRESS": address},
        capture_output=True,
        text=True,
        check=False,
    )


def test_of_a_worker_that_crashes_as_it_ends_one_line_says_where_its_log_is(head):
    done = aborting(head.address, amiss=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["found"] == 42
    _, connected, *printed = done.stderr.splitlines()  # a worker prints to two files, in any order
    assert "connected to" in connected
    crashed, said = sorted(printed, key=lambda line: line.endswith(") at work"))
    assert said.endswith(") at work")
    assert re.search(
        r"jet abort: Ray's worker Hand \(pid \d+\) crashed as it ended, with its work done", crashed
    )
    kept = Path(crashed.partition("Why is in ")[2])
    assert "Fatal Python error: Aborted" in next(kept.parent.glob(kept.name)).read_text()


def test_with_json_lines_the_line_is_an_object_too(head):
    done = aborting(head.address, "--runtime.log_format", "json", amiss=False)
    assert done.returncode == 0, done.stderr
    [told] = [json.loads(line) for line in done.stderr.splitlines() if "crashed as it ended" in line]
    assert (told["job"], told["levelname"]) == ("abort", "INFO")
    assert "Fatal" not in done.stderr


def test_a_worker_that_crashes_at_its_work_is_told_as_ray_tells_it(head):
    done = aborting(head.address, amiss=True)
    assert done.returncode == 1
    assert "something is amiss" in done.stderr
    assert "Fatal Python error: Aborted" in done.stderr
    assert re.search(r"File \"<string>\", line \d+ in work", done.stderr)
    assert "ActorDiedError" in done.stderr
    assert "crashed as it ended" not in done.stderr


DUMP = [
    "[mutex.cc : 2477] RAW: Check (v & (kMuWriter | kMuReader)) != (kMuWriter | kMuReader) failed: Unlock: "
    "Mutex corrupt: both reader and writer lock held: 0x7f3c",
    "*** SIGABRT received at time=1795993310 on cpu 0 ***",
    "PC: @     0x7f45370a8eec  (unknown)  (unknown)",
    "Fatal Python error: Aborted",
    "",
    "Thread 0x00007f45 (most recent call first):",
    '  File "/ray/_private/worker.py", line 1069 in main_loop',
]
FIRST_LINES = [
    DUMP[0],
    DUMP[1],
    DUMP[3],
    "[2026-11-29 23:04:25,221 C 21846 21846] core_worker.cc:719:  Check failed: x",
    "terminate called without an active exception",
]


def batch(lines: list[str], **other: object) -> dict:
    return {"ip": "10.0.0.1", "localhost": "10.0.0.1", "pid": "7", "is_err": True, "lines": lines} | other


def shown_of(*batches: dict, worker: str | None) -> list[str]:
    """What is printed of batches whose process was to end, with its log in `worker`; or was not, with None."""
    printed: list[str] = []
    handler = WithoutDumps(lambda each: printed.extend(each["lines"]), lambda _ip, _pid: worker)
    for each in batches:
        handler(each)
    return printed


@pytest.mark.parametrize("first", FIRST_LINES)
@pytest.mark.parametrize("worker", [None, "worker-1.err"])
def test_what_a_process_prints_before_its_dump_is_shown_in_any_case(first, worker):
    printed = shown_of(batch(["a warning", first, "frame"]), batch(["more frames"]), worker=worker)
    assert printed == (["a warning"] if worker else ["a warning", first, "frame", "more frames"])


def test_a_dump_that_comes_in_pieces_is_kept_out_as_a_whole_and_told_once(caplog):
    with caplog.at_level(logging.INFO, "jet"):
        assert shown_of(*(batch([line]) for line in DUMP), worker="worker-1.err") == []
    [told] = [record.getMessage() for record in caplog.records]
    assert told.endswith("Why is in worker-1.err")


def test_nobody_else_is_kept_from_printing_by_a_worker_that_dumps():
    others = [
        batch(["still here"], pid="8"),
        batch(["from afar"], ip="10.0.0.2"),
        batch(["said"], is_err=False),
    ]
    assert shown_of(batch(DUMP), *others, worker="worker-1.err") == ["still here", "from afar", "said"]


@pytest.mark.parametrize(
    "line",
    [
        "ValueError: Fatal Python error: of a text",
        "[2026-11-29 23:04:25,221 E 21846 21846] core_worker.cc:719: lost",
        '  File "job.py", line 3, in work',
    ],
)
def test_errors_that_are_no_dumps_are_shown_whoever_prints_them(line):
    assert shown_of(batch([line]), worker="worker-1.err") == [line]
