"""A log record as one line of JSON."""

from __future__ import annotations

import json
import logging
import sys

from ray_jobs.runtime.logs import JsonLines, about


def line(message: str, *args: object, **options: object) -> dict:
    record = logging.getLogger("jet.parts").makeRecord(
        "jet.parts",
        logging.INFO,
        __file__,
        1,
        message,
        args,
        options.get("exc_info"),
        extra=options.get("extra"),
    )
    written = JsonLines("predict").format(record)
    assert "\n" not in written
    return json.loads(written)


def test_a_line_says_when_how_bad_which_job_and_what():
    found = line("%d of %d rows\nof Müller", 3, 4)
    assert found["message"] == "3 of 4 rows\nof Müller"
    assert (found["levelname"], found["name"], found["job"]) == ("INFO", "jet.parts", "predict")
    assert {"asctime", "timestamp_ns", "process"} <= found.keys()
    assert not {"entity", "block", "stage", "submission_id"} & found.keys()


def test_a_line_says_the_entity_and_the_block_that_it_is_about():
    found = line("done", extra=about(entity="acme", block="part-0", stage="ingest"))
    assert (found["entity"], found["block"], found["stage"]) == ("acme", "part-0", "ingest")
    assert found["job"] == "predict"


def test_a_submitted_job_says_under_which_id(monkeypatch):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"metadata": {"job_submission_id": "raysubmit_1"}}')
    assert line("done")["submission_id"] == "raysubmit_1"


def test_a_traceback_stays_within_its_line():
    try:
        raise ValueError("no such part")
    except ValueError:
        found = line("failed", exc_info=sys.exc_info())
    assert found["exc_text"].endswith("ValueError: no such part")
