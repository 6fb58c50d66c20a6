"""How far a job is: bars where somebody watches, lines elsewhere, nothing on request. Needs no Ray."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios

import pytest
from job_runs import ROOT

from ray_jobs.runtime.progress import LINE_EVERY_S, Progress, duration

A_STAGE = """
import logging, sys
from ray_jobs.runtime import logs
from ray_jobs.runtime.progress import progress
logs.set_up("predict", sys.argv[1], sys.argv[2] == "quiet")
with progress("predictions", 3000, "rows", 1000) as so_far:
    for _ in range(200):
        so_far.add(10, "part-000001.parquet")
        logging.getLogger("jet").info("a line")
logging.getLogger("jet").warning("a warning")
"""


def piped(form, how="loud"):
    """What a stage writes to standard error where nobody watches."""
    command = [sys.executable, "-c", A_STAGE, form, how]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60).stderr


def on_a_terminal(*arguments, columns=100):
    """What a stage writes to a terminal."""
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    command = [sys.executable, "-c", A_STAGE, *arguments]
    stage = subprocess.Popen(command, cwd=ROOT, stderr=terminal, stdout=subprocess.DEVNULL)
    os.close(terminal)
    written = b""
    with os.fdopen(screen, "rb", buffering=0) as stream:
        while True:
            try:
                chunk = stream.read(65536)
            except OSError:  # Linux's end of a terminal
                break
            if not chunk:
                break
            written += chunk
    assert stage.wait(60) == 0
    return written.decode()


def test_where_nobody_watches_a_line_comes_now_and_then_and_at_the_end():
    lines = [line for line in piped("text").splitlines() if "predictions:" in line]
    assert len(lines) == 1, "the stage is over within five seconds"
    assert lines[0].endswith("jet predict: predictions: 3,000 of 3,000 rows")


def test_lines_as_json_have_numbers():
    lines = [json.loads(line) for line in piped("json").splitlines()]
    [line] = [line for line in lines if "done" in line]
    assert (line["done"], line["total"], line["stage"]) == (3000, 3000, "predictions")
    assert line["block"] == "part-000001.parquet"


@pytest.mark.parametrize("columns", [100, 0])
def test_a_terminal_has_a_bar_and_lines_above_it(columns):
    seen = on_a_terminal("text", "loud", columns=columns)
    assert "predictions: 100%" in seen
    assert "3000/3000" in seen
    assert "rows/s" in seen
    assert seen.count("jet predict: a line") == 200


@pytest.mark.parametrize("write", [piped, on_a_terminal])
def test_who_wants_quiet_hears_of_warnings_alone(write):
    lines = write("text", "quiet").splitlines()
    assert len(lines) == 1
    assert lines[0].endswith("jet predict: a warning")


def test_lines_tell_rate_and_time_left(monkeypatch, caplog):
    now = [0.0]
    monkeypatch.setattr("ray_jobs.runtime.progress.time.monotonic", lambda: now[0])
    so_far = Progress("neighbors", 10_000, "rows", done=1000)
    with caplog.at_level("INFO", "jet.progress"):
        for _ in range(8):
            now[0] += LINE_EVERY_S / 2
            so_far.add(1000)
        so_far.add(1000)
    assert caplog.messages == [
        "neighbors: 3,000 of 10,000 rows, 400/s, 18 s left",
        "neighbors: 5,000 of 10,000 rows, 400/s, 12 s left",
        "neighbors: 7,000 of 10,000 rows, 400/s, 8 s left",
        "neighbors: 9,000 of 10,000 rows, 400/s, 2 s left",
        "neighbors: 10,000 of 10,000 rows",
    ]


def test_times_are_told_for_people():
    assert [duration(each) for each in (4.2, 90, 3599, 7400)] == ["4 s", "2 min", "60 min", "2.1 h"]
