"""`jet review`: from predictions by a person's keys to bookings."""

from __future__ import annotations

import json
import threading
import urllib.request

import pytest
from job_runs import run_job, succeed, write_jsonl
from reviews import browser, case, needs_browser, tables

from jet.artifacts.artifact import artifact_writer
from jet.books.reading import read
from jet.review.server import ReviewServer
from ray_jobs import review

CASES = (
    case("1", decision="auto"),
    case("2", alternatives=("D6212 C1930",), confidence=0.4),
    case("3", "phone", "", decision="none", confidence=0.0),
)


@pytest.fixture
def night(tmp_path):
    """A folder with `new.jsonl` and the predictions of its entries."""
    predictions, entries, accounts = tables(*CASES)
    keys = "entry_id", "entity", "date", "description", "currency", "total", "direction"
    rows = [{key: str(row[key]) for key in keys} for row in entries.to_pylist()]
    chart = [
        {"type": "account", **{key: row[key] for key in ("entity", "code", "name")}}
        for row in accounts.to_pylist()
    ]
    write_jsonl(tmp_path / "new.jsonl", [*rows, *chart])
    with artifact_writer(str(tmp_path / "predictions"), "predictions", {}, {}) as writer:
        writer.write_table("data/part-000000.parquet", predictions)
        writer.publish({"predictions": len(predictions)})
    return tmp_path


def given(night, output="review.html", *more):
    return (
        *("--predictions", night / "predictions", "--ledgers", night / "new.jsonl"),
        *("--output", night / output, *more),
    )


def test_the_page_has_what_needs_a_look_and_the_audit(night):
    told = succeed("review", *given(night))
    assert {name: told[name] for name in ("entries", "review", "none", "audit")} == {
        "entries": 2, "review": 1, "none": 1, "audit": 0,
    }  # fmt: skip
    assert told["bytes"] == (night / "review.html").stat().st_size
    assert succeed("review", *given(night, "all.html", "--review.audit", "1"))["audit"] == 1


@needs_browser
def test_what_a_person_decides_is_exported(night):
    succeed("review", *given(night, "review.html", "--reviewer", "Ann"))
    with browser(night) as chromium:
        chromium.open((night / "review.html").read_text(encoding="utf-8"))
        chromium.press("x", "1")  # the one without an answer comes first, since nothing is less sure
        [reviewed] = chromium.reviewed()
    assert (reviewed["entry_id"], reviewed["lines"][0]["account"]) == ("2", "6212")
    write_jsonl(night / "reviewed.jsonl", [reviewed])
    told = succeed(
        "export", *given(night, "bookings", "--format", "jsonl", "--reviewed", night / "reviewed.jsonl")
    )
    assert (told["reviewed"], told["booked"], told["pending"], told["left_out"]) == (1, 2, 0, 1)
    booked = read(str(night / "bookings/booked.jsonl")).entries.to_pylist()
    assert [row["lines"][0]["account"] for row in booked] == ["5010", "6212"]


@pytest.mark.parametrize(
    ("output", "more", "why"),
    [
        ("", (), "is a folder: name a file, such as"),
        ("predictions/review.html", (), "which is finished and never changed"),
        ("review.html", ("--company", "Birch"), "--company 'Birch' has no predictions"),
        ("new.jsonl", ("--serve",), "can't be a folder"),
        ("review.html", ("--review.audit", "2"), "review.audit must be a share from 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused(night, output, more, why):
    done = run_job("review", *given(night, output, *more))
    assert done.status == 2
    assert why in done.complaint


def test_served_pages_are_ended_by_a_person_and_leave_what_was_decided(night, monkeypatch):
    def decide(server):
        """What a page does, until a person ends the job."""
        body = {"session": '{"jet": "review session"}', "reviewed": '{"entry_id": "2"}\n'}
        request = urllib.request.Request(
            f"{server.address}saved", json.dumps(body).encode(), {"Origin": server.origin}, method="PUT"
        )
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        urllib.request.urlopen(request).close()
        thread.join()
        raise KeyboardInterrupt

    monkeypatch.setattr(ReviewServer, "serve_forever", decide)
    told = succeed("review", *given(night, "saved", "--serve"))
    assert told["entries"] == 2
    assert (night / "saved/reviewed.jsonl").read_text() == '{"entry_id": "2"}\n'
    assert review.folder_of(str(night / "saved")) == night / "saved"
