"""Ray's client for jobs: an answer that doesn't come, and which files Ray packs.

All hold for Ray 2.60.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray._private import ray_constants
from ray._private.runtime_env import packaging
from ray.job_submission import JobSubmissionClient

from ray_jobs.runtime.ray_quirks.environment import reads_gitignore

TIMEOUT_S = (10, 60)
"""Seconds to connect, and to wait for an answer."""


class Client(JobSubmissionClient):
    """Ray's client, which waits for an answer forever, with a limit. Goes when the client takes a timeout."""

    def _do_request(self, *args: Any, **options: Any) -> Any:
        return super()._do_request(*args, **{"timeout": TIMEOUT_S, **options})


def packed_sizes(folder: Path, left_out: Sequence[str]) -> dict[Path, int]:
    """Size in bytes of each file that Ray packs of `folder`, by Ray's own rules. Goes when Ray tells what it is
    going to send before it reads it."""
    sizes: dict[Path, int] = {}

    def note(path: Path) -> None:
        if path.is_file():
            sizes[path] = path.stat().st_size

    excludes = [*ray_constants.get_runtime_env_default_excludes(), *left_out]
    packaging._dir_travel(
        folder, [packaging._get_excludes(folder, excludes)], note, include_gitignore=reads_gitignore()
    )
    return sizes
