"""Starting a Ray of the job's own: what can go wrong before Ray says anything that helps.

All hold for Ray 2.60.
"""

from __future__ import annotations

import contextlib
import os
import random
import socket
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

LONGEST_SOCKET = "dash_MetricsHead"
"""The longest name of those that Ray gives its sockets."""
MOST_SOCKET_BYTES = 103 if sys.platform == "darwin" else 107
"""Of the path of a socket, with its name."""


def refuse_long_sockets() -> None:
    """Raise `ValueError` where the sockets of a local Ray would have paths that are too long.

    Ray starts some of its processes before it finds that out, and then names no setting. Goes when `ray.init`
    fails at once, with the name of the setting.
    """
    names = ("RAY_TMPDIR", "TMPDIR") if sys.platform == "linux" else ("RAY_TMPDIR",)
    by = next((name for name in names if name in os.environ), None)
    folder = os.environ[by] if by else "/tmp"  # noqa: S108 (what Ray takes)
    session = f"session_{datetime.now():%Y-%m-%d_%H-%M-%S_%f}_{os.getpid()}"
    path = f"{folder.rstrip('/')}/ray/{session}/sockets/{LONGEST_SOCKET}"
    if (size := len(os.fsencode(path))) > MOST_SOCKET_BYTES:
        raise ValueError(
            f"{by} names a folder that is too long for the sockets of a local Ray: {path} has {size} bytes, "
            f"and {MOST_SOCKET_BYTES} are the most: set RAY_TMPDIR to a shorter folder, such as /tmp"
        )


def guard_token() -> None:
    """Make the folder in which Ray keeps the token that it makes this person's own.

    Ray leaves the file as readable as the system makes new files, which usually is for everybody. Goes when Ray
    makes the file with mode 600.
    """
    folder = Path.home() / ".ray"
    with contextlib.suppress(OSError):  # where it can't be made, Ray itself says so
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)


@contextlib.contextmanager
def known_address() -> Iterator[None]:
    """A local Ray that is started inside tells its workers where it is.

    Helpers of Ray Train look for "the" Ray of the machine. Where several run (two jobs, a notebook) they find
    none, or a stranger that doesn't know their training: they would take its workers away. Goes when two
    trainings on one machine, each with a Ray of its own, both come to their end without this.
    """
    port = free_port()
    variables = {"RAY_GCS_SERVER_PORT": str(port), "RAY_ADDRESS": f"127.0.0.1:{port}"}
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def free_port() -> int:
    """A port that nobody listens on, below those that systems hand out: another process may be given one of
    these before Ray gets to it. Goes with `known_address`."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port
