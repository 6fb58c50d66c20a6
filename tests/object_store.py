"""A real S3 server on loopback (moto's, in a process of its own), behind a front that fails and dawdles.

The front is what the jobs are told is S3. It passes requests on, counts them, and can answer some of them as a
busy S3 does, break the connection before or after the server has done its work, or take its time. It keeps a
promise of the stores, too: of several puts of a new object one makes it. moto looks and puts in two steps, and
the emulator of Google's store doesn't look.

    python tests/object_store.py --fail 0.05 --delay 0.05 -- jet ingest --ledgers books --output s3://books/run

runs a command with such a store, and tells what it was asked.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from pyarrow import fs as pafs
from serving import serving

KEYS = {"AWS_ACCESS_KEY_ID": "jet-tests", "AWS_SECRET_ACCESS_KEY": "a-secret-of-the-tests"}
FAULTS = ("SlowDown", "InternalError", "cut before", "cut after")
STATUS = {
    "NotImplemented": 501,
    "SlowDown": 503,
    "InternalError": 500,
    "AccessDenied": 403,
    "NoSuchBucket": 404,
}
FACTS = {"ETag": '"1"', "Last-Modified": "Mon, 30 Nov 2026 00:00:00 GMT"}
"""What every store says of an object, and the emulator of Google's doesn't."""
NOT_PASSED_ON = {"connection", "transfer-encoding", "keep-alive", "server", "date"}


class Front(ThreadingHTTPServer):
    """What the jobs see as S3."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behind = ""
        self.lock, self.one_at_a_time = threading.Lock(), threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Behave from now on, and count from 0."""
        self.requests, self.faults = Counter[str](), Counter[str]()
        self.received = self.sent = 0
        self.fail(0)
        self.refuse = lambda _method, _path: None
        self.delay = 0.0

    refuse: Callable[[str, str], str | None]
    """What requests of a method and path are always refused with, if with anything."""
    delay: float
    """Seconds before each answer."""

    def fail(self, share: float, seed: int = 7) -> None:
        """Let a share of the requests fail in one way or another."""
        self.share, self.random = share, random.Random(seed)

    def fault(self, method: str, path: str) -> str | None:
        """How this request fails, if it does."""
        with self.lock:
            self.requests[method] += 1
            found = self.refuse(method, path)
            if found is None and self.random.random() < self.share:
                found = self.random.choice(FAULTS)
            if found:
                self.faults[found] += 1
            return found

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in order to use it; other stores of the machine's owner stay out of it."""
        return {**KEYS, "AWS_ENDPOINT_URL": self.endpoint, "AWS_EC2_METADATA_DISABLED": "true"}

    def handle_error(self, request: object, client_address: object) -> None:
        """A client went away: so it is when jobs are killed."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Front

    def relay(self) -> None:
        body = self.body()
        fault = self.server.fault(self.command, self.path)
        time.sleep(self.server.delay)
        if fault == "cut before":
            self.cut()
        elif fault in STATUS:
            self.answer(STATUS[fault], {"Content-Type": "application/xml"}, self.complaint(fault))
        else:
            status, headers, content = self.made_once(body) if self.is_to_be_new() else self.asked(body)
            if fault == "cut after":
                self.cut()
            else:
                with self.server.lock:
                    self.server.received += len(body)
                    self.server.sent += len(content)
                self.answer(status, headers, content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = relay  # noqa: N815 (the library's names)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def is_to_be_new(self) -> bool:
        """Whether the request is a put that must be refused where there is an object."""
        return self.headers.get("If-None-Match") == "*" or self.headers.get("x-goog-if-generation-match") == "0"

    def made_once(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        with self.server.one_at_a_time:
            if self.asked(b"", "GET")[0] == 200:
                return 412, {"Content-Type": "application/xml"}, self.complaint("PreconditionFailed")
            status, headers, content = self.asked(body)
        return status, FACTS | headers, content

    def asked(self, body: bytes, method: str | None = None) -> tuple[int, dict[str, str], bytes]:
        """What the server behind says."""
        headers = {name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED_ON}
        headers.pop("Expect", None)
        headers["Content-Length"] = str(len(body))
        connection = http.client.HTTPConnection(self.server.behind, timeout=60)
        try:
            connection.request(method or self.command, self.path, body, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        kept = {name: value for name, value in response.getheaders() if name.lower() not in NOT_PASSED_ON}
        return response.status, FACTS | kept if response.status == 200 else kept, content

    def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response_only(status)
        if not (self.command == "HEAD" and "Content-Length" in headers):
            headers["Content-Length"] = str(len(content))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def complaint(self, code: str) -> bytes:
        text = f"<Error><Code>{code}</Code><Message>says the front</Message><RequestId>1</RequestId></Error>"
        return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()

    def cut(self) -> None:
        """Break the connection off (RST)."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """The counts are enough."""


@contextlib.contextmanager
def front() -> Iterator[Front]:
    """A front that listens, with nothing behind it yet."""
    with Front() as server, serving(server):
        yield server


@contextlib.contextmanager
def s3_behind(server: Front, *buckets: str) -> Iterator[None]:
    """Start moto's server behind the front, with some buckets; this process uses it meanwhile."""
    with running("moto.server", "-H", "127.0.0.1", "-p") as port, environment(server.environment):
        server.behind = f"127.0.0.1:{port}"
        owner = pafs.S3FileSystem(endpoint_override=server.endpoint, allow_bucket_creation=True)
        for bucket in buckets:
            owner.create_dir(bucket)
        yield


@contextlib.contextmanager
def google(bucket: str) -> Iterator[None]:
    """Start an emulator of Google's store with a bucket; this process uses it meanwhile, through a front where
    an object is to be made once."""
    given = ("start", "--host", "127.0.0.1", "--in-memory", "--default-bucket", bucket, "--port")
    with (
        front() as server,
        running("gcp_storage_emulator", *given) as port,
        environment(
            {
                "CLOUD_STORAGE_EMULATOR_ENDPOINT": f"http://127.0.0.1:{port}",
                "STORAGE_EMULATOR_HOST": server.endpoint,
            }
        ),
    ):
        server.behind = f"127.0.0.1:{port}"
        yield


@contextlib.contextmanager
def running(module: str, *arguments: str) -> Iterator[int]:
    """A server in a process of its own, from when it answers; gives its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments, str(port)],
        env=os.environ | KEYS,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def environment(changed: dict[str, str]) -> Iterator[None]:
    """This process's environment with some variables changed."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in changed.items():
            patch.setenv(name, value)
        yield


def wait_for(port: int, seconds: float = 60) -> None:
    """Wait until somebody answers on a port."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise AssertionError(f"nobody answers on port {port}")


def main() -> int:
    """Run a command with a store of its own."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--fail", type=float, default=0.0, help="share of the requests that fail")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("command", nargs="+")
    given = parser.parse_args()
    with front() as server, s3_behind(server, "books"):
        server.reset()
        server.fail(given.fail)
        server.delay = given.delay
        start = time.monotonic()
        status = subprocess.run(given.command, check=False).returncode
        print(
            f"{time.monotonic() - start:.1f} s; {server.requests.total()} requests {dict(server.requests)}, "
            f"of them failed {server.faults.total()} {dict(server.faults)}; "
            f"{server.received / 1e6:.2f} MB in, {server.sent / 1e6:.2f} MB out"
        )
    return status


if __name__ == "__main__":
    sys.exit(main())
