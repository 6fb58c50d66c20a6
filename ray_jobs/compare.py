"""`jet compare`: two reports of the same test entries side by side, as text, and as a page where asked for.

Needs no Ray. A run is a folder of `jet evaluate`, or of `jet pipeline`, whose report is meant.
"""

from __future__ import annotations

import logging
import sys

import jsonargparse

from jet.artifacts.storage import resolve, write_whole
from jet.evaluation.saved import SavedReport
from jet.evaluation.two_reports import compare_reports
from jet.evaluation.two_reports_page import two_reports_page
from jet.evaluation.two_reports_text import two_reports_text
from ray_jobs.options import compare as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.page_files import refuse_no_page
from ray_jobs.runtime.settings import JobConfig

log = logging.getLogger("jet.compare")


def run(args: jsonargparse.Namespace, _config: JobConfig) -> str:
    """Compare `args.run_1` and `args.run_2`."""
    if args.output is not None:
        refuse_no_page(args.output, "compare.html")
    found = compare_reports(SavedReport.read(args.run_1), SavedReport.read(args.run_2))
    if args.output is not None:
        write_whole(*resolve(args.output), two_reports_page(found).encode())
        log.info("the page is %s", args.output)
    return two_reports_text(found)


if __name__ == "__main__":
    sys.exit(main("compare", options, run))
