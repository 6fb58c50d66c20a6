"""How far a stage of a job is: a bar on a terminal, lines elsewhere, each with the rate and the time left.

A stage may have a hundred thousand blocks, so lines come every few seconds, and when all is done. With
`runtime.log_format: json` they have `done` and `total` as fields. With `--quiet` there is neither.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from ray_jobs.runtime import logs

LINE_EVERY_S = 5.0
"""Seconds between two lines of a stage."""

log = logging.getLogger("jet.progress")


class Progress:
    """Counts what is done of a stage, and tells it."""

    def __init__(self, stage: str, total: int, unit: str, done: int) -> None:
        self.stage, self.total, self.unit, self.done = stage, total, unit, done
        self._before = done
        self._begin = self._told = time.monotonic()
        self._bar = None
        if logs.shows_bars():
            sized = (
                os.get_terminal_size(sys.stderr.fileno()).columns > 0
            )  # not so where a container's terminal has no size
            how = {"dynamic_ncols": True} if sized else {"ncols": 80}
            self._bar = tqdm(desc=stage, total=total, unit=f" {unit}", initial=done, **how)

    def add(self, count: int, block: str | None = None) -> None:
        """`count` more are done, those of `block`."""
        self.done += count
        if self._bar is not None:
            self._bar.update(count)
            return
        now = time.monotonic()
        if self.done >= self.total or now - self._told >= LINE_EVERY_S:
            self._told = now
            fields = logs.about(stage=self.stage, block=block) | {"done": self.done, "total": self.total}
            log.info("%s: %s", self.stage, self.told(now - self._begin), extra=fields)

    def told(self, seconds: float) -> str:
        """How far it is after so many seconds."""
        said = f"{self.done:,} of {self.total:,} {self.unit}"
        rate = (self.done - self._before) / max(seconds, 1e-9)
        if not rate or self.done >= self.total:
            return said
        spelled = f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s"
        return f"{said}, {spelled}, {duration((self.total - self.done) / rate)} left"

    def close(self) -> None:
        """The stage has ended, or failed."""
        if self._bar is not None:
            self._bar.close()


@contextmanager
def progress(stage: str, total: int, unit: str, done: int = 0) -> Iterator[Progress]:
    """The progress of a stage of `total` things, of which `done` were there already."""
    each = Progress(stage, total, unit, done)
    try:
        yield each
    finally:
        each.close()


def duration(seconds: float) -> str:
    """A time for people."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
