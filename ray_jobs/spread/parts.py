"""Work in parts: each part is one file, written whole under a name of its own by whoever does it.

So a retried task overwrites its own file and never adds rows, and a job that is started again skips the parts
that are there. Ray Data hands the parts to a pool of actors and replaces actors that die.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from pyarrow import fs as pafs
from ray.data import ActorPoolStrategy

from jet.artifacts.artifact import ArtifactWriter
from jet.artifacts.storage import patiently
from ray_jobs.runtime import metrics
from ray_jobs.runtime.logs import about
from ray_jobs.runtime.settings import RuntimeSettings

log = logging.getLogger("jet.parts")


class Worker(Protocol):
    """Turns one part's unit of work into its rows."""

    def __call__(self, unit: dict[str, Any]) -> pa.Table:
        """The rows of the part that `unit` describes."""


Measure = Callable[[pa.Table], str]
"""Counts what is in the rows of a part: `metrics.counted`."""


class WritePart:
    """Runs a worker on units and writes what comes out. One worker an actor, built in the actor."""

    def __init__(
        self, build: Callable[[], Worker], writer: ArtifactWriter, measure: Measure, job: str, what: str
    ) -> None:
        self.worker = build()
        self.writer = writer
        self.measure, self.job, self.what = measure, job, what

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        names, rows, counts = [], [], []
        for number, unit in zip(batch["number"], batch["unit"], strict=True):
            table = self.worker(unit)
            name = part_name(int(number))
            self.writer.write_table(name, table)
            names.append(name)
            rows.append(len(table))
            counts.append(self.measure(table))
            fields = about(job=self.job, stage=self.what, block=name)
            log.info("%s: %s has %d rows", self.what, name, len(table), extra=fields)
        return {"name": names, "rows": rows, "counts": counts}


def part_name(number: int) -> str:
    """The file of part `number`."""
    return f"part-{number:06}.parquet"


def do_parts(
    units: Sequence[dict[str, Any]],
    build: Callable[[], Worker],
    writer: ArtifactWriter,
    runtime: RuntimeSettings,
    what: str,
    measure: Measure,
) -> int:
    """Do all `units`, skipping those whose part is there already; returns the number of rows of all parts.

    Counts the parts and rows that are done now as those of the stage `what`, and what `measure` finds in them.

    A unit has a key "rows", the number of rows that its part must have; where one has not, that is a
    `RuntimeError`: one row out per row in.
    """
    there = dict(_rows_there(writer))
    todo = {number: unit for number, unit in enumerate(units) if there.get(part_name(number)) != unit["rows"]}
    total = sum(unit["rows"] for unit in units)
    done = total - sum(unit["rows"] for unit in todo.values())
    if done:
        log.info("%s: %d of %d rows are there already", what, done, total)
    if not todo:
        return total
    expected = {part_name(number): unit["rows"] for number, unit in todo.items()}
    items = [{"number": number, "unit": unit} for number, unit in todo.items()]
    parts = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        WritePart,
        fn_constructor_kwargs={
            "build": build,
            "writer": writer,
            "measure": measure,
            "job": metrics.job_name(),
            "what": what,
        },
        batch_size=1,
        compute=ActorPoolStrategy(size=min(runtime.actors, len(items))),
        num_cpus=runtime.actor_cpus,
    )
    with metrics.stage(what, len(items)) as finished:
        for part in parts.iter_rows():
            name, rows = part["name"], part["rows"]
            if expected[name] != rows:
                raise RuntimeError(f"{name} has {rows} rows, and {expected[name]} went in")
            done += rows
            finished(rows)
            metrics.count_all(part["counts"])
            log.info("%s: %d of %d rows", what, done, total, extra=about(stage=what, block=name))
    return done


def over_units(
    units: Sequence[Mapping[str, Any]], work: Callable[..., dict[str, Any]], how: Mapping[str, Any]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The `number` of each of `units` and what `work(unit, **how)` gives, as they are done, by tasks of Ray
    Data that bear the function's name. Units and results are JSON."""
    if not units:
        return
    rows = [{"number": unit["number"], "unit": json.dumps(dict(unit))} for unit in units]

    @wraps(work)
    def done(row: dict[str, Any]) -> dict[str, Any]:
        return {"number": row["number"], "found": json.dumps(work(json.loads(row["unit"]), **how))}

    for row in ray.data.from_items(rows, override_num_blocks=len(rows)).map(done).iter_rows():
        yield row["number"], json.loads(row["found"])


def _rows_there(writer: ArtifactWriter) -> Iterator[tuple[str, int]]:
    selector = pafs.FileSelector(writer.staging, allow_not_found=True)
    for info in writer.filesystem.get_file_info(selector):
        if info.base_name.startswith("part-") and info.type == pafs.FileType.File:
            yield info.base_name, patiently(pq.read_metadata, info.path, filesystem=writer.filesystem).num_rows
