"""The options of `jet demo-ledger`."""

from __future__ import annotations

import jsonargparse

from jet.demo import DemoSettings

HELP = "Write the books of several made-up companies over three years as JSONL: for trying jet, and for loads."
PARTS = ("runtime",)
TEN = ("runtime.log_format",)


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_class_arguments(DemoSettings)
    parser.add_argument(
        "--output", required=True, help="a file ending in .jsonl, or a folder (a file a company)"
    )
