"""Serves the page to the browser on this machine, and keeps what it saves in a folder.

Other programs and other pages on this machine can reach a loopback port, so that alone protects nothing. The
address has a token, compared in constant time, without which everything is a 404. The `Host` header must name
this server, or a page elsewhere could reach it by a name that it lets point here; what is saved must come from
the page itself, by its `Origin`. Files are written whole or not at all.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jet.artifacts.storage import read_whole, resolve, write_whole

REVIEWED = "reviewed.jsonl"
SESSION = "review-session.json"
MOST_BYTES = 64 * 2**20
HOST = "127.0.0.1"

log = logging.getLogger("jet.review")


class ReviewServer(ThreadingHTTPServer):
    """Serves `page` at `address`, and saves to `folder`, which is there. `port` 0 is any free one."""

    daemon_threads = True

    def __init__(self, page: str, folder: Path, port: int = 0) -> None:
        super().__init__((HOST, port), _Handler)
        self.page = page.encode()
        self.filesystem, self.root = resolve(str(folder))
        self.token = secrets.token_urlsafe(24)

    @property
    def origin(self) -> str:
        """The scheme, host and port."""
        return f"http://{HOST}:{self.server_port}"

    @property
    def address(self) -> str:
        """Where the page is, with the token."""
        return f"{self.origin}/{self.token}/"

    def saved(self) -> bytes | None:
        """The session in the folder; None where there is none yet."""
        try:
            return read_whole(self.filesystem, f"{self.root}/{SESSION}")
        except FileNotFoundError:
            return None

    def save(self, session: str, reviewed: str) -> None:
        """Keep both, each whole or not at all."""
        for name, text in ((SESSION, session), (REVIEWED, reviewed)):
            write_whole(self.filesystem, f"{self.root}/{name}", text.encode())


class _Handler(BaseHTTPRequestHandler):
    server: ReviewServer
    timeout = 60
    server_version, sys_version = "jet", ""

    def do_GET(self) -> None:
        """The page, or the session that is saved."""
        name = self._asked()
        if name == "":
            self._answer(200, self.server.page, "text/html; charset=utf-8")
        elif name == "saved":
            session = self.server.saved()
            self._answer(204 if session is None else 200, session or b"", "application/json")

    def do_PUT(self) -> None:
        """Save the session and the reviewed entries."""
        if self._asked() != "saved":
            return
        if self.headers.get("Origin") != self.server.origin:
            self._refuse(403, "only the page itself may save")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > MOST_BYTES:
            self._refuse(413, "too large")
            return
        texts = _texts(self.rfile.read(int(length)))
        if texts is None:
            self._refuse(400, "not what the page sends")
            return
        try:
            self.server.save(*texts)
        except OSError as error:
            log.error("%s can't be written: %s", self.server.root, error)
            self._refuse(500, "the folder can't be written")
            return
        self._answer(204, b"", "text/plain")

    def _asked(self) -> str | None:
        """What is asked for behind the token; None where the request isn't for this server, and is answered."""
        token, _, name = self.path.removeprefix("/").partition("/")
        is_ours = hmac.compare_digest(token.encode(errors="replace"), self.server.token.encode())
        if self.headers.get("Host") != f"{HOST}:{self.server.server_port}" or not is_ours:
            self._refuse(404, "nothing here")
            return None
        if name not in ("", "saved"):
            self._refuse(404, "nothing here")
            return None
        return name

    def _refuse(self, status: int, why: str) -> None:
        self.close_connection = True
        self._answer(status, why.encode(), "text/plain")

    def _answer(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        said = {
            "Content-Type": kind,
            "Content-Length": str(len(content)),
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        for name, value in said.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: a log of requests would hold the token."""


def _texts(body: bytes) -> tuple[str, str] | None:
    """The session and the reviewed entries that a page sent; None where it is something else."""
    try:
        said = json.loads(body)
        session, reviewed = said["session"], said["reviewed"]
        is_session = isinstance(session, str) and json.loads(session)["jet"] == "review session"
        is_reviewed = isinstance(reviewed, str) and all(
            isinstance(json.loads(line), dict) for line in reviewed.split("\n") if line
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (session, reviewed) if is_session and is_reviewed else None
