"""Signals and hooks that Ray Train and Ray Tune take for themselves.

All hold for Ray 2.60.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C is a `KeyboardInterrupt`, during the training and after it.

    Ray Train exits with status 0 on it, and leaves its handler in place when it is done. Goes when `fit` raises
    `KeyboardInterrupt` and puts the handler back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None
    finally:
        signal.signal(signal.SIGINT, before)


def end_on_ctrl_c() -> None:
    """Let Ctrl-C end this process at once from here on: the result is out, or the job was interrupted already,
    and Ray's end at exit, which takes seconds, would answer with a traceback. What Ray started ends with it.
    Goes when `ray.shutdown` at exit lets itself be interrupted without one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def end_unheard() -> None:
    """Let this process end without a word about what it was at: Tune stops a trial's driver by a signal,
    wherever it is. Goes when a stopped trial leaves no "Exception ignored in" in the log without this."""
    sys.unraisablehook = lambda _: None
