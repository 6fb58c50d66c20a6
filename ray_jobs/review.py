"""`jet review`: a page on which a person confirms and corrects predictions.

Needs no Ray. By default the page is a file that works anywhere; with --serve it comes from this machine, and
saves into a folder what is decided (`jet.review.server`).
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import jsonargparse
import pyarrow as pa

from jet.artifacts.artifact import open_artifact
from jet.artifacts.storage import resolve, write_whole
from jet.artifacts.uris import is_uri
from jet.books.schema import AUTO, NO_ANSWER, PREDICTIONS, REVIEW
from jet.review.data import review_data
from jet.review.page import review_page
from jet.review.selection import to_review
from jet.review.server import REVIEWED, ReviewServer
from ray_jobs.options import review as options
from ray_jobs.runtime.command import main
from ray_jobs.runtime.given import Given
from ray_jobs.runtime.page_files import refuse_no_page
from ray_jobs.runtime.settings import JobConfig

log = logging.getLogger("jet.review")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Make the page for `args.predictions`, or serve it."""
    folder = folder_of(args.output) if args.serve else None
    if folder is None:
        refuse_no_page(args.output, "review.html")
    predictions = open_artifact(args.predictions, "predictions")
    fingerprint = predictions.manifest.fingerprint
    chosen = to_review(predictions.read_table(PREDICTIONS), config.review.audit, fingerprint, args.company)
    entries, accounts = Given.of(args.ledgers, config).tables()
    charts = [Given.of(args.books, config).tables()[1]] if args.books else []
    facts = {"fingerprint": fingerprint, "reviewer": args.reviewer.strip()}
    data = review_data(chosen, entries, pa.concat_tables([accounts, *charts]))
    page = review_page(data, facts, served=args.serve)
    if folder is None:
        write_whole(*resolve(args.output), page.encode())
        log.info("open %s in a browser", args.output)
    else:
        serve(page, folder, args.port)
    counts = dict.fromkeys((REVIEW, NO_ANSWER, AUTO), 0)
    for decision in chosen["decision"].to_pylist():
        counts[decision] += 1
    return {
        "output": args.output,
        "entries": len(chosen),
        "review": counts[REVIEW],
        "none": counts[NO_ANSWER],
        "audit": counts[AUTO],
        "bytes": len(page.encode()),
    }


def folder_of(path: str) -> Path:
    """The folder that --serve saves in, made where it isn't there. Raises `ValueError` where none can be."""
    if is_uri(path):
        raise ValueError(f"--output {path} must be a folder on this machine, since --serve saves in it")
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--output {path} can't be a folder ({error.strerror}): name another one") from None
    return Path(path).resolve()


def serve(page: str, folder: Path, port: int) -> None:
    """Serve the page until a person ends it."""
    with ReviewServer(page, folder, port) as server:
        log.info("open %s in a browser on this machine; it saves to %s", server.address, folder / REVIEWED)
        log.info("Ctrl-C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            log.info("ended; what was decided is in %s", folder)


if __name__ == "__main__":
    sys.exit(main("review", options, run))
