"""What Ray prints where nobody wants it: after a job's result, and past every logger.

All hold for Ray 2.60.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any

import ray


def leave_output() -> None:
    """Let what Ray still prints while the process ends go to standard error: a job's result is the last line of
    its output.

    Register it with `atexit` after the connection is made: what is registered later runs earlier, and Ray ends
    after this. Goes when Ray prints nothing on standard output once `ray.shutdown` has begun.
    """
    sys.stdout = sys.stderr


def quiet_data() -> None:
    """Let Ray Data say only what is amiss; not even that of its progress bars, which are off.

    Goes when Ray Data doesn't warn of bars that it was told not to show.
    """
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)


def spend_restart_warning() -> None:
    """Make Ray's core say now, unheard, what it would otherwise say amid the log.

    Once in a driver's life it prints to file descriptor 2 that an actor with arguments in the object store may
    fail to restart. The first actor pool of Ray Data sets it off, and Ray Data keeps those arguments alive. No
    setting silences it but one that makes every process print another line. Goes when a `jet predict` has no
    such line without this.
    """

    class Nobody:
        def __init__(self, argument: Any) -> None:
            pass

    reference = ray.put(None)
    actor = ray.remote(num_cpus=0, max_restarts=1)(Nobody)
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
        try:
            actor.remote(reference)
        finally:
            os.dup2(kept, 2)
            os.close(kept)
