"""Following a submitted job: its log as it comes, its result, its end; and what Ctrl-C does.

The log of a submitted job is all that it prints, its result among the rest. Here the two come apart again: the
result goes to standard output, everything else to standard error, as with a job that runs on this machine.

Nothing that happens to the connection bears on the job. It is taken up again where it broke off: Ray tells a
log from its beginning, so what was shown already is counted and skipped.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
from ray.job_submission import JobDetails, JobStatus, JobSubmissionClient

from ray_jobs.runtime.ray_quirks import environment

QUIET_S = 10
"""Seconds without a new line after which the job's status is asked for."""
PAUSE_S = 2
"""Seconds between attempts to connect again."""
PATIENCE_S = 600
"""Seconds without an answer from the cluster after which following ends."""
STOPPING_S = 30
"""Seconds that a stopped job gets to end; Ray kills it after three."""

log = logging.getLogger("jet.submit")


class LostError(Exception):
    """The cluster doesn't answer any more; what the job does isn't known."""


class Output:
    """Takes a job's log apart: `result`, the JSON line that it ends with, and the rest, to standard error."""

    def __init__(self, job: str) -> None:
        self.result: str | None = None
        self.characters = 0
        """Characters of the log that were taken so far."""
        self._job = job
        self._unfinished = ""

    def take(self, text: str) -> None:
        """The next piece of the log."""
        self.characters += len(text)
        *lines, self._unfinished = (self._unfinished + text).split("\n")
        for line in lines:
            self._line(line)

    def end(self, succeeded: bool) -> None:
        """There is no more: show what is left."""
        if self._unfinished:
            self._line(self._unfinished)
        if self.result:
            print(self.result, file=sys.stdout if succeeded else sys.stderr, flush=True)

    def _line(self, line: str) -> None:
        if not self._is_result(line):
            print(line, file=sys.stderr, flush=True)
            return
        if self.result:  # then that was none: the last one is
            print(self.result, file=sys.stderr, flush=True)
        self.result = line

    def _is_result(self, line: str) -> bool:
        if not line.startswith('{"job": '):
            return False
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(line)["job"] == self._job
        return False


async def follow(client: JobSubmissionClient, submission_id: str, output: Output) -> JobDetails:
    """Hand a job's log to `output` as it comes; returns how the job ended.

    Raises `LostError` where the cluster doesn't answer for `PATIENCE_S` seconds, and `RuntimeError` where it
    doesn't know the job any more.
    """
    lost: float | None = None
    while True:
        try:
            async for text in _log(client, submission_id, output.characters):
                lost = None
                output.take(text)
            details = client.get_job_info(submission_id)
            if details.status.is_terminal():
                return details
        except (OSError, aiohttp.ClientError, RuntimeError) as error:
            if "status code 404" in str(error):
                raise
            if lost is None:
                lost = time.monotonic()
                log.info("the connection broke (%s); the job isn't touched by it. Trying again", error)
            elif time.monotonic() - lost > PATIENCE_S:
                raise LostError(f"no answer for {PATIENCE_S} seconds; the job may be running on") from None
        await asyncio.sleep(PAUSE_S)


async def _log(client: JobSubmissionClient, submission_id: str, skip: int) -> AsyncGenerator[str, None]:
    """The job's log from a character on. Ends with the job, or with the connection."""
    stream: Any = client.tail_job_logs(submission_id)
    message = None
    try:
        while True:
            piece = asyncio.ensure_future(anext(stream, None))
            try:
                while not (await asyncio.wait({piece}, timeout=QUIET_S))[0]:
                    details = client.get_job_info(submission_id)  # an error here is a broken connection
                    if details.status == JobStatus.PENDING and details.message != message:
                        message = details.message
                        log.info("waiting for its start: %s", message)
            finally:
                if not piece.done():
                    piece.cancel()
                    await asyncio.wait({piece})
            text = piece.result()
            if text is None:
                return
            if text[skip:]:
                yield text[skip:]
            skip = max(0, skip - len(text))
    finally:
        await stream.aclose()


def interrupted(client: JobSubmissionClient, submission_id: str) -> str | None:
    """Ctrl-C: ask whether the job shall be stopped, and stop it on a yes. Returns what comes of that.

    Where nobody can be asked, or the answer is no, it runs on: None.
    """
    if not sys.stdin.isatty():
        return None
    print(f"\njet submit: stop the job {submission_id}? [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        answer = ""
        print(file=sys.stderr)
    if answer.strip().lower() not in ("y", "yes"):
        return None
    if stopped(client, submission_id):
        return f"stopped {submission_id}; what it had finished stays"
    return f"{submission_id} is to stop; if it still waits for its start, Ray stops it once it has a place"


def stopped(client: JobSubmissionClient, submission_id: str, seconds: float = STOPPING_S) -> bool:
    """Stop a job; returns whether it has ended within that time. One without a place to start at can't."""
    client.stop_job(submission_id)
    end = time.monotonic() + seconds
    while not client.get_job_status(submission_id).is_terminal():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def exit_status(submission_id: str, details: JobDetails) -> tuple[int, str]:
    """The exit status that stands for how a job ended, and what to say of it (nothing where it succeeded)."""
    if details.status == JobStatus.SUCCEEDED:
        return 0, ""
    code = details.driver_exit_code
    if details.status == JobStatus.FAILED and code is not None:
        status = code if code > 0 else 128 - code
        return status, f"{submission_id} ended with exit status {status}"
    return 1, f"{submission_id} was {str(details.status).lower()}: {details.message}"


def hint(address: str, submission_id: str) -> None:
    """Say how to find a job again, and how to stop it."""
    mode = f"RAY_AUTH_MODE={environment.auth_mode() or 'token'}"
    print(f"The same command follows {submission_id}; so does", file=sys.stderr)
    print(f"  {mode} ray job logs --follow --address {address} {submission_id}", file=sys.stderr)
    print("and this stops it:", file=sys.stderr)
    print(f"  {mode} ray job stop --address {address} {submission_id}", file=sys.stderr)
