"""What the jobs write to a terminal: one line a message, without control characters.

Names and texts of ledgers stand in messages, and whoever wrote a ledger must neither move the reader's cursor,
color or rename the window, nor add a line that looks like one of jet's.
"""

from __future__ import annotations

import logging
import re
from typing import Any

# C0, DEL and C1 controls, line and paragraph separators, and marks that turn the direction of writing.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """`text` on one line, with escapes (as in JSON) in place of its control characters."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class PrintableFormatter(logging.Formatter):
    """A formatter whose messages are `printable`. A traceback keeps its lines, each of them printable."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 (logging's name)
        return "\n".join(printable(line) for line in super().formatException(ei).split("\n"))
