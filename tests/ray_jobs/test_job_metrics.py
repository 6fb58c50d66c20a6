"""What jobs export is what they did, at the endpoint that Prometheus reads."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pyarrow.compute as pc
import pytest
import ray
from job_runs import ROOT, entry, read, succeed, wait_until, write_jsonl
from prometheus_client.parser import text_string_to_metric_families

from cluster.checks.monitoring import expressions, rules
from jet.artifacts.artifact import open_artifact
from jet.books.schema import ACCOUNTS
from ray_jobs.runtime import metrics
from ray_jobs.runtime.metrics import METRICS, Metric

JOB = "watched"
"""No other test's job: what it exports is what happens here."""


class Exported:
    """What the endpoint of the head's node says."""

    def __init__(self) -> None:
        [node] = [node for node in ray.nodes() if node["Alive"]]
        address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        with urllib.request.urlopen(address, timeout=10) as page:
            families = list(text_string_to_metric_families(page.read().decode()))
        self.samples = [sample for family in families for sample in family.samples]
        self.names = {sample.name for sample in self.samples}

    def of(self, metric: Metric) -> dict[str | None, float]:
        """The values of this job, by tag."""
        own = [each for each in self.samples if each.name == metric.exported and each.labels["jet_job"] == JOB]
        return {each.labels[metric.tag] if metric.tag else None: each.value for each in own}


@pytest.fixture(scope="module")
def did(pipeline, settings, tmp_path_factory) -> Iterator[dict]:
    """A run of each job that counts; what they said, and where they wrote."""
    folder: Path = tmp_path_factory.mktemp("watched")
    good = [entry(str(number), description=f"invoice {number % 60} of May") for number in range(90)]
    good = [
        row | {"date": f"2024-{1 + number // 25:02}-{1 + number % 25:02}"} for number, row in enumerate(good)
    ]
    bad = [good[3], entry("b1", date="some day"), entry("b2", date="2024-02-31")]
    unbalanced = entry("b3")
    unbalanced["lines"][0]["amount"] = "99.00"
    ledger = write_jsonl(folder / "books.jsonl", [*good, good[4] | {"description": good[5]["description"]}])
    other = write_jsonl(folder / "more.jsonl", [*bad, unbalanced])
    options = ["--config", settings, "--retrieval.encoder", "packaged-multilingual"]
    options += ["--retrieval.exact_below", 20, "--retrieval.neighbors", 5, "--retrieval.block_rows", 20]
    metrics.name_job(JOB)
    with metrics.stage("held", 3) as finished:
        finished(1)
        said = {
            "ingest": succeed("ingest", "--ledgers", ledger, other, "--output", folder / "entries", called=JOB),
            "neighbors": succeed(
                *("neighbors", "--entries", folder / "entries", "--output", folder / "neighbors", *options),
                called=JOB,
            ),
            "predict": succeed(
                *("predict", "--ledgers", pipeline.folder / "to-predict", "--model", pipeline.folder / "model"),
                *("--output", folder / "predictions", "--config", settings),
                called=JOB,
            ),
        }
        yield {"folder": folder, **said}


@pytest.fixture(scope="module")
def exported(did) -> Exported:
    """The endpoint when all is reported: a driver does that every ten seconds."""

    def all_of_it() -> Exported | None:
        found = Exported()
        there = all(found.of(metric) for metric in METRICS)
        answered = found.of(metrics.CONFIDENCE).get("+Inf") == did["predict"]["predictions"]
        return found if there and answered and not found.of(metrics.BLOCKS_WAITING)["predictions"] else None

    return wait_until(all_of_it, "all metrics", seconds=40, pause=0.5)


def test_entries_and_blocks_count_once_by_stage(did, exported):
    assert exported.of(metrics.ENTRIES_DONE) == {
        "ingest": did["ingest"]["entries"] + 1,  # that of the other file; the importer saw the one in its own
        "neighbors": did["neighbors"]["neighbors"],
        "predictions": did["predict"]["predictions"],
        "held": 1,
    }
    blocks = {"ingest": 1, "texts": 1, "neighbors": 1, "predictions": 1, "held": 1}
    assert exported.of(metrics.BLOCKS_DONE) == blocks


def test_rejected_rows_count_by_rule(did, exported):
    assert did["ingest"]["rules"] == {"bad_date": 2, "unbalanced": 1, "duplicate_id": 2}
    assert exported.of(metrics.ROWS_REJECTED) == did["ingest"]["rules"]


def test_texts_are_encoded_or_reused(did, exported):
    [encoded], [reused] = (exported.of(each).values() for each in (metrics.TEXTS_ENCODED, metrics.TEXTS_REUSED))
    assert encoded == did["neighbors"]["texts"]
    accounts = open_artifact(str(did["folder"] / "entries"), "entries").read_table(ACCOUNTS, "accounts")
    assert encoded + reused == did["ingest"]["entries"] + len(accounts)
    assert reused


def test_neighbors_count_and_a_sample_of_them_is_searched_exactly(did, exported):
    table = read(did["folder"] / "neighbors")
    found = pc.sum(pc.list_value_length(table["neighbors"])).as_py()
    assert exported.of(metrics.NEIGHBORS_FOUND) == {None: found}
    [wanted], [recalled] = (
        exported.of(each).values() for each in (metrics.RECALL_WANTED, metrics.RECALL_FOUND)
    )
    assert wanted == 5 * 49  # those of 90 entries, one a day, that have more than 40 earlier ones
    assert 0.9 * wanted < recalled <= wanted


def test_answers_count_by_decision_and_confidence(did, exported):
    assert exported.of(metrics.ANSWERS) == did["predict"]["decisions"]
    confidence = read(did["folder"] / "predictions")["confidence"].to_pylist()
    buckets = {f"{bound:g}": sum(each <= bound for each in confidence) for bound in metrics.CONFIDENCES}
    counted = {bound: count for bound, count in buckets.items() if count}  # Ray has no counter that is still 0
    assert counted
    assert exported.of(metrics.CONFIDENCE) == {**counted, "+Inf": len(confidence)}


def test_all_that_dashboard_and_alerts_ask_for_is_exported(exported):
    recorded = {rule["record"] for rule in rules(ROOT) if "record" in rule}
    used = {name for each in expressions(ROOT) for name in each.names}
    assert used - recorded <= exported.names


def test_blocks_wait_for_as_long_as_their_stage_even_if_nothing_changes(exported):
    waiting = exported.of(metrics.BLOCKS_WAITING)
    assert waiting["held"] == 2  # said again and again: Ray forgets a gauge 20 seconds after it was set
    assert waiting["predictions"] == 0
