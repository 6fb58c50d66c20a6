"""Ray heads for tests: each a process of its own with ports and temporary directory of its own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from job_runs import wait_until
from ray.util.state import list_nodes


@dataclass(frozen=True)
class Head:
    """A running Ray."""

    address: str
    dashboard: str
    folder: Path
    """Ray's own, with its logs."""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on and that no system hands out: else a process of Ray's own may take one."""
    found: list[int] = []
    while len(found) < count:
        port = 20_000 + secrets.randbelow(12_000)
        if port not in found and not answers(port):
            found.append(port)
    return found


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def node_environment(address: str) -> dict[str, str]:
    """What a node of Ray's is started with.

    Its workers inherit RAY_ADDRESS: what in Ray Train looks for "the" Ray of a machine finds this one. And what
    a submitted job calls `python` is the one that runs the tests, activated or not.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "RAY_ADDRESS": address, "PATH": path}


def end(process: subprocess.Popen[bytes]) -> None:
    """End a node of Ray's with all that it started, which is one process group."""
    os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass(frozen=True)
class Node:
    """A node of a cluster, beside its head."""

    node_id: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """SIGKILL to all its processes at once, as when a machine is gone."""
        for each in psutil.Process(self.process.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def ray_node(head: Head, name: str, *options: str) -> Iterator[Node]:
    """Another node of the head's cluster, on this machine; ended with all that it started."""
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", f"--address={head.address}", "--block"),
        *("--node-ip-address=127.0.0.1", "--object-store-memory=200000000", "--dashboard-agent-listen-port=0"),
        *(f"--resources={json.dumps({name: 1})}", *options),
    ]
    with (head.folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            command,
            env=node_environment(head.address),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def alive() -> list[str]:
        # Not all may be told where another one comes or goes at this moment.
        options = {"filters": [("state", "=", "ALIVE")], "raise_on_missing_output": False, "detail": True}
        return [each.node_id for each in list_nodes(head.dashboard, **options) if name in each.resources_total]

    try:
        yield Node(wait_until(alive, f"node {name}", pause=0.3)[0], process)
    finally:
        if process.poll() is None:
            end(process)
        wait_until(lambda: not alive(), f"the end of node {name}", pause=0.3)


@contextlib.contextmanager
def ray_head(*options: str, port: int | None = None, **environment: str) -> Iterator[Head]:
    """A Ray head on loopback, with a token; ended with all that it started."""
    free, dashboard, client = free_ports(3)
    port = port or free
    folder = Path(tempfile.mkdtemp(prefix="jet-ray-"))  # a short path: sockets lie in it
    address = f"127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
        *("--node-ip-address=127.0.0.1", f"--port={port}", f"--ray-client-server-port={client}"),
        *("--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}", "--dashboard-agent-listen-port=0"),
        *(f"--temp-dir={folder}", "--object-store-memory=300000000", *options),
    ]
    log = (folder / "head.log").open("w")
    process = subprocess.Popen(
        command,
        env={**node_environment(address), **environment},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_until(lambda: answers(port) and answers(dashboard), "Ray's head", pause=0.2)
        yield Head(address, f"http://127.0.0.1:{dashboard}", folder)
    finally:
        end(process)
        log.close()
        shutil.rmtree(folder, ignore_errors=True)
