"""What a job leaves behind for whoever started it: its last line, and the same in a file (`--result`).

The file has one JSON object: `job`, `status` (the exit status) and `seconds`; with the status 0 what the job
found, as on standard output, else `error`, what it said on standard error. A job that prints a text for people
has it in `text`. The file is written whole or not at all. What an earlier run left there is removed at the
start: without the file, the job is at work, or was killed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jet.artifacts.uris import is_uri
from ray_jobs.runtime.terminal import printable


class Result:
    """The result of a job called `name` that begins now."""

    def __init__(self, name: str, argv: Sequence[str]) -> None:
        self.name, self.path = name, named_file(argv)
        self._start = time.monotonic()

    def begin(self) -> None:
        """Remove what an earlier run left. Raises `ValueError` where no file can be at its path."""
        if self.path is None:
            return
        if not is_uri(self.path):
            if Path(self.path).is_dir():
                raise ValueError(f"--result {self.path} is a folder: name a file")
            try:
                Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ValueError(f"--result {self.path} can't be made: {error}") from None
        from jet.artifacts.storage import remove  # imports pyarrow

        remove(self.path)

    def line(self, found: dict[str, Any]) -> str:
        """The last line of a job that ended well."""
        return _line({"job": self.name, **found, "seconds": self._seconds()})

    def write(self, status: int, found: dict[str, Any]) -> None:
        """Write the file, where one is wanted."""
        if self.path is not None:
            from jet.artifacts.storage import resolve, write_whole

            whole = {"job": self.name, "status": status, **found, "seconds": self._seconds()}
            write_whole(*resolve(self.path), f"{_line(whole)}\n".encode())

    def _seconds(self) -> float:
        return round(time.monotonic() - self._start, 1)


def named_file(argv: Sequence[str]) -> str | None:
    """The value of the last --result in `argv`, which must be known before the options are found right."""
    path = None
    for number, argument in enumerate(argv):
        option, given, value = argument.partition("=")
        if option == "--result":
            path = value if given else next(iter(argv[number + 1 : number + 2]), None)
    return path or None


def _line(found: dict[str, Any]) -> str:
    return printable(json.dumps(found, ensure_ascii=False))
