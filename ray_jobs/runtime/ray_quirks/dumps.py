"""Workers of Ray that crash as they end: one line in the job's log, in place of pages.

On a busy machine it happens now and then that a worker of Ray 2.60 has done its work, aborts on its way out
("Mutex corrupt": a lock of Ray's core is used that is gone already) and dumps its stacks, which Ray prints
among the job's log. Nothing is lost by it, and nobody can do anything about it.

Whether a worker had done its work isn't guessed from what it prints: Ray records how every worker ended
(`ray.util.state`). Only what a worker dumps that was to end is kept out. Where Ray doesn't know, or says
that it was not, all is printed as Ray prints it. Ray's own log of the worker has the dump either way.

Notable: Ray has no place at which one could look at what workers print before the driver prints it. So this
takes the place of its handler, in a table that is Ray's own, as of 2.60. Where another version has no such
table, all is printed. Goes when workers of a busy machine end without a dump: then a log has no line that says
"crashed as it ended".
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any

import ray
from ray.util.state import list_workers

log = logging.getLogger("jet")

Batch = dict[str, Any]
"""Lines of one process, as Ray's log monitor sends them, with `ip`, `pid` and `is_err`."""

PRINTING = "ray_print_logs"
"""What Ray calls its handler."""
DUMP = re.compile(
    r"\[[\w.]+ : \d+\] RAW: "  # absl, of a check that failed
    r"|\[\d+-\d+-\d+ [\d:,.]+ C \d+ \d+\] "  # Ray's core, of a check that failed
    r"|\*\*\* SIG\w+ received at time="
    r"|Fatal Python error: "
    r"|terminate called "
)
"""How the first line of a dump begins. A process prints nothing else after that: it is dying."""
INTENDED = ("INTENDED_SYSTEM_EXIT", "INTENDED_USER_EXIT")
PATIENCE_S = 5.0
"""Seconds in which Ray may come to know of a worker's end."""
PAUSE_S = 0.2


def keep_out() -> None:
    """From now on, let this process print no dumps of workers that had done their work."""
    try:
        from ray._private.ray_logging import global_worker_stdstream_dispatcher as table

        [printing] = [handler for name, handler in table.handlers if name == PRINTING]
    except (ImportError, AttributeError, ValueError):
        log.debug("this Ray prints what workers print in another way: their dumps are printed too")
        return
    table.remove_handler(PRINTING)
    table.add_handler(PRINTING, WithoutDumps(printing, log_of_ended))


class WithoutDumps:
    """A handler of what workers print: calls `printing` with it, but for dumps that nobody needs to see.

    For a process that begins to dump, `log_of_ended(ip of its node, pid)` returns where Ray's log of it is, if
    it was to end; None otherwise.
    """

    def __init__(
        self, printing: Callable[[Batch], None], log_of_ended: Callable[[str, str], str | None]
    ) -> None:
        self._printing, self._log_of_ended = printing, log_of_ended
        self._hidden: dict[tuple[str, str], bool] = {}  # of the processes that dump: whether that is kept out

    def __call__(self, batch: Batch) -> None:
        """See `Batch`. Waits for up to `PATIENCE_S` where a dump begins."""
        lines, process = batch["lines"], (batch["ip"], batch["pid"])
        if not batch["is_err"] or not batch["pid"].isdigit():  # "raylet", say
            self._printing(batch)
            return
        begin = 0 if process in self._hidden else begin_of_dump(lines)
        if begin < len(lines) and process not in self._hidden:
            self._hidden[process] = self._is_hidden(batch)
        shown = lines[:begin] if self._hidden.get(process) else lines
        if shown:
            self._printing({**batch, "lines": shown})

    def _is_hidden(self, batch: Batch) -> bool:
        """Whether the worker was to end; logs so where it was."""
        where = self._log_of_ended(batch["ip"], batch["pid"])
        if where is None:
            return False
        log.info(
            "Ray's worker %s (pid %s) crashed as it ended, with its work done; nothing is lost. Why is in %s%s",
            batch.get("actor_name") or batch.get("task_name") or "without a task",
            batch["pid"],
            where,
            "" if batch["ip"] == batch.get("localhost") else f" on {batch['ip']}",
        )
        return True


def begin_of_dump(lines: list[str]) -> int:
    """The number of the first line of a dump; that of all lines where there is none."""
    return next((number for number, line in enumerate(lines) if DUMP.match(line)), len(lines))


def log_of_ended(ip: str, pid: str) -> str | None:
    """Where Ray keeps what a worker printed on standard error, once Ray knows that it ended, and ended because
    it was to: its actor isn't needed any more, or it was idle. None where not, or not in time."""
    context = ray.get_runtime_context()
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            workers = list_workers(
                address=context.gcs_address,
                filters=[("ip", "=", ip), ("pid", "=", pid)],
                limit=10_000,
                timeout=int(PATIENCE_S),
                raise_on_missing_output=False,
            )
        except Exception:  # no dashboard, say; and an error here would end the thread that prints
            return None
        if workers and not any(each.is_alive for each in workers):
            if not all(each.exit_type in INTENDED for each in workers):
                return None
            folder = f"{context.get_temp_dir()}/{context.get_session_name()}/logs"
            return f"{folder}/worker-{workers[0].worker_id}-*.err"  # * is its job, or ffffffff
        if time.monotonic() > end:
            return None
        time.sleep(PAUSE_S)
