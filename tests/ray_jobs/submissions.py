"""Submitting jobs as a person would, at a terminal and over a line that breaks; and looking at what arrives."""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable

from job_runs import Done, wait_until

from ray_jobs import cli, submit


def run_submit(*arguments, err=None) -> Done:
    """`jet submit` in this process."""
    out, err = io.StringIO(), err or io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = submit.main(list(cli.JOBS), [str(argument) for argument in arguments])
        except SystemExit as end:
            status = end.code
    return Done(status, out.getvalue(), err.getvalue())


def submissions(client) -> dict[str, str]:
    return {job.submission_id: str(job.status) for job in client.list_jobs() if job.submission_id}


def newest(client, known) -> str:
    """The id of the one job that came since `known`, as soon as it runs."""

    def running() -> list[str]:
        return [
            name for name, status in submissions(client).items() if name not in known and status == "RUNNING"
        ]

    [name] = wait_until(running, "a running job", pause=0.2)
    return name


def wait_for(client, name, status) -> None:
    wait_until(lambda: submissions(client)[name] == status, f"{name} to be {status}", pause=0.2)


AT_A_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from ray_jobs.cli import main
main()
"""
"""The `jet` command, with standard input as the terminal that Ctrl-C comes from."""


def interrupt_at(said: Callable[[], str], awaited: str) -> None:
    """Ctrl-C for this process, once something was said."""
    wait_until(lambda: awaited in said(), awaited)
    os.kill(os.getpid(), signal.SIGINT)


def read_until(terminal: int, awaited: str) -> str:
    """What a terminal shows until it has shown something."""
    shown, end = "", time.monotonic() + 120
    while awaited not in shown:
        assert select.select([terminal], [], [], max(0, end - time.monotonic()))[0], shown
        try:
            shown += os.read(terminal, 4096).decode()
        except OSError:  # the process has ended
            raise AssertionError(shown) from None
    return shown


class Relay:
    """Passes connections on to a server, and can cut those that there are."""

    def __init__(self, target: str) -> None:
        host, _, port = target.removeprefix("http://").partition(":")
        self._target = (host, int(port))
        self._server = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self.address = f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.close()
        self.cut()

    def cut(self) -> None:
        while self._ends:
            with contextlib.suppress(OSError):
                self._ends.pop().shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, far = self._server.accept()[0], socket.create_connection(self._target)
                self._ends += [near, far]
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
