"""jet's own metrics, for Prometheus: all of them are declared here, and counted here.

- **The driver counts**, whoever does the work: an actor sends what is in the block that it finished, and the
  driver adds it when the block arrives. So a block that was tried twice counts once, an actor that ends takes
  nothing with it, and a job costs a few additions a block.
- Counters only go up; rates, shares and medians are Prometheus' business. Ray keeps what a driver counted as
  long as its node lives; each driver has series of its own, by Ray's tag `WorkerId`.
- A driver reports every ten seconds (Ray's `metrics_report_interval_ms`) and once more when it ends, even by an
  error. One that is killed by force takes with it what it counted since its last report.
- Tags have few values: entities and files are what logs are for (`ray_jobs.runtime.logs`). A million companies
  would be a million time series. `jet_job`, since Prometheus itself gives every series a `job`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Event, Thread
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ray_jobs.runtime.ray_quirks.environment import is_connected

COUNTER, GAUGE = "counter", "gauge"

JOB = "jet_job"
"""The tag that all have: which job counted, `pipeline` and `demo` for all their stages."""


@dataclass(frozen=True)
class Metric:
    """A metric as jet declares it."""

    name: str
    kind: str
    unit: str
    help: str
    tag: str | None = None
    """The tag that it has besides `jet_job`."""

    @property
    def exported(self) -> str:
        """Its name at Ray's metrics endpoint."""
        return f"ray_{self.name}" + ("_total" if self.kind == COUNTER else "")


ENTRIES_DONE = Metric(
    "jet_entries_done",
    COUNTER,
    "entries",
    "Entries of finished blocks, by stage: ingest (ids that another file has are among them), neighbors, "
    "predictions.",
    "stage",
)
BLOCKS_DONE = Metric("jet_blocks_done", COUNTER, "blocks", "Finished blocks, by stage; texts too.", "stage")
BLOCKS_WAITING = Metric(
    "jet_blocks_waiting", GAUGE, "blocks", "Blocks that a running job has still to finish, by stage.", "stage"
)
ROWS_REJECTED = Metric(
    "jet_rows_rejected", COUNTER, "rows", "Rows of the rejected table, by the rule that they break.", "rule"
)
TEXTS_ENCODED = Metric("jet_texts_encoded", COUNTER, "texts", "Distinct texts that went through the encoder.")
TEXTS_REUSED = Metric(
    "jet_texts_reused",
    COUNTER,
    "texts",
    "Texts of entries and accounts whose vector was there: known to the bundle, or of another with that text.",
)
NEIGHBORS_FOUND = Metric("jet_neighbors_found", COUNTER, "neighbors", "Neighbors that were found.")
RECALL_WANTED = Metric(
    "jet_recall_wanted",
    COUNTER,
    "neighbors",
    "Neighbors that exact search finds for a sample of each block that ScaNN searches.",
)
RECALL_FOUND = Metric(
    "jet_recall_found", COUNTER, "neighbors", "Those of jet_recall_wanted that ScaNN finds too."
)
ANSWERS = Metric("jet_answers", COUNTER, "entries", "Predicted entries, by decision.", "decision")
CONFIDENCE = Metric(
    "jet_confidence",
    COUNTER,
    "entries",
    "Predicted entries that have at most the confidence `le`, counted like the buckets of a histogram.",
    "le",
)
METRICS = (
    *(ENTRIES_DONE, BLOCKS_DONE, BLOCKS_WAITING, ROWS_REJECTED, TEXTS_ENCODED, TEXTS_REUSED),
    *(NEIGHBORS_FOUND, RECALL_WANTED, RECALL_FOUND, ANSWERS, CONFIDENCE),
)

CONFIDENCES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Upper bounds of the buckets of `CONFIDENCE`, but for the last one, +Inf.

Not a histogram of Ray's: that takes one call a row, and gives its sum from the middles of its buckets.
"""

_job = ""


SHOWN_EVERY_S = 5.0
"""A gauge of Ray's is exported once for each time that it is set, and forgotten 20 seconds later. So one that
doesn't change must be set again; in return it ends with its job."""


def name_job(name: str) -> None:
    """Count for the job `name` from now on."""
    global _job
    _job = name


def job_name() -> str:
    """The job that this process counts for."""
    return _job


def count(metric: Metric, value: int, tag: str | None = None) -> None:
    """Add `value` to a counter of Ray's; without Ray nobody asks. `tag` is the value of `metric.tag`."""
    if value and is_connected():  # Ray refuses to add nothing
        _made(metric).inc(int(value), _tags(metric, tag))


def show(metric: Metric, value: float, tag: str | None = None) -> None:
    """Set a gauge of Ray's; without Ray nobody asks. `tag` is the value of `metric.tag`."""
    if is_connected():
        _made(metric).set(value, _tags(metric, tag))


@contextmanager
def stage(name: str, blocks: int) -> Iterator[Callable[[int], None]]:
    """While `blocks` of a stage are worked on; gives what to call, with its entries, when one is finished."""
    waiting, over = blocks, Event()

    def finished(entries: int) -> None:
        nonlocal waiting
        waiting -= 1
        count(BLOCKS_DONE, 1, name)
        count(ENTRIES_DONE, entries, name)

    def export() -> None:
        show(BLOCKS_WAITING, waiting, name)
        while not over.wait(SHOWN_EVERY_S):
            show(BLOCKS_WAITING, waiting, name)

    exporter = Thread(target=export, daemon=True)
    exporter.start()
    try:
        yield finished
    finally:
        over.set()
        exporter.join()
        show(BLOCKS_WAITING, 0, name)  # a stage that failed waits for nothing any more


def count_all(counts: str) -> None:
    """Add what an actor counted: a result of `counted`."""
    by_name = {metric.name: metric for metric in METRICS}
    for name, value, tag in json.loads(counts):
        count(by_name[name], value, tag)


def counted(*counts: tuple[Metric, int, str | None]) -> str:
    """Counts as an actor sends them to the driver."""
    return json.dumps([(metric.name, int(value), tag) for metric, value, tag in counts])


def values_of(metric: Metric, column: pa.ChunkedArray | pa.Array) -> Iterable[tuple[Metric, int, str | None]]:
    """How often each value stands in `column`, by tag."""
    return [(metric, each["counts"], each["values"]) for each in pc.value_counts(column).to_pylist()]


def buckets_of(
    metric: Metric, values: np.ndarray, bounds: Sequence[float]
) -> Iterable[tuple[Metric, int, str | None]]:
    """How many of `values` are at most as large as each of `bounds`, and how many there are."""
    at_most = np.searchsorted(np.sort(values), np.asarray(bounds, values.dtype), side="right")
    return [
        *((metric, int(count), f"{bound:g}") for count, bound in zip(at_most, bounds, strict=True)),
        (metric, len(values), "+Inf"),
    ]


def _tags(metric: Metric, tag: str | None) -> dict[str, str]:
    return {JOB: _job} if metric.tag is None else {JOB: _job, metric.tag: str(tag)}


@cache
def _made(metric: Metric) -> Any:
    keys = (JOB,) if metric.tag is None else (JOB, metric.tag)
    from ray.util import metrics as ray_metrics

    kinds = {COUNTER: ray_metrics.Counter, GAUGE: ray_metrics.Gauge}
    return kinds[metric.kind](metric.name, description=f"{metric.help} Unit: {metric.unit}.", tag_keys=keys)
