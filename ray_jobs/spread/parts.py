"""Work in parts: each part is one file, written whole under a name of its own by whoever does it.

So a retried task overwrites its own file and never adds rows, and a job that is started again skips the parts
that are there. Ray Data hands the parts to a pool of actors and replaces actors that die; little work is done
in this process instead (`ray_jobs.spread.executor`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, wraps
from typing import Any, NamedTuple, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from jet.artifacts.artifact import ArtifactWriter
from jet.artifacts.storage import files_under, patiently
from ray_jobs.runtime import metrics
from ray_jobs.runtime.logs import about
from ray_jobs.runtime.progress import progress
from ray_jobs.runtime.settings import RuntimeSettings
from ray_jobs.spread.executor import is_local

log = logging.getLogger("jet.parts")


class Worker(Protocol):
    """Turns one part's unit of work into its rows."""

    def __call__(self, unit: dict[str, Any]) -> pa.Table:
        """The rows of the part that `unit` describes."""


class Rows(NamedTuple):
    """What the rows of parts are."""

    what: str
    """What they, and the stage of the job, are called."""
    measure: Callable[[pa.Table], str]
    """Counts what is in the rows of a part: `metrics.counted`."""
    write: Callable[[ArtifactWriter, str, pa.Table], None] = ArtifactWriter.write_table
    """Writes the rows of a part under its name, and before them whatever goes with them."""


class WritePart:
    """Runs a worker on units and writes what comes out. One worker an actor, built in the actor."""

    def __init__(self, build: Callable[[], Worker], writer: ArtifactWriter, rows: Rows, job: str) -> None:
        self.worker = build()
        self.writer, self.rows, self.job = writer, rows, job

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        names, rows, counts = [], [], []
        for unit in batch["unit"]:
            table, name = self.worker(unit), unit["name"]
            self.rows.write(self.writer, name, table)
            names.append(name)
            rows.append(len(table))
            counts.append(self.rows.measure(table))
            fields = about(job=self.job, stage=self.rows.what, block=name)
            log.info("%s: %s has %d rows", self.rows.what, name, len(table), extra=fields)
            pa.default_memory_pool().release_unused()  # what a unit took isn't what the next one takes
        return {"name": names, "rows": rows, "counts": counts}


def part_name(number: int) -> str:
    """The file of part `number`, in the folder of its table."""
    return f"part-{number:06}.parquet"


def do_parts(
    units: Sequence[dict[str, Any]],
    build: partial[Any],
    writer: ArtifactWriter,
    runtime: RuntimeSettings,
    kind: Rows,
) -> int:
    """Do all `units`, skipping those whose part is there already; returns the number of rows of all parts.

    `build` makes a `Worker`; Ray shows the actors under the name of its class. A unit has "name", the file of
    its part. It may have "rows", the number of rows that its part must have: one row out per row in, otherwise
    that is a `RuntimeError`. Counts the parts and rows that are done now, and what is in them.
    """
    there = dict(_rows_there(units, writer))
    todo = [unit for unit in units if not _is_done(unit, there)]
    total, parts_done = sum(unit.get("rows", 0) for unit in units), len(units) - len(todo)
    done = sum(there.values()) - sum(there.get(unit["name"], 0) for unit in todo)
    if parts_done:
        log.info("%s: %d of %d parts are there already", kind.what, parts_done, len(units))
    if not todo:
        return done
    expected = {unit["name"]: unit.get("rows") for unit in todo}
    how = {"build": build, "writer": writer, "rows": kind, "job": metrics.job_name()}
    size = (total, "rows", done) if total else (len(units), "parts", parts_done)
    with metrics.stage(kind.what, len(todo)) as finished, progress(kind.what, *size) as so_far:
        for part in _written(todo, how, runtime):
            name, rows = part["name"], part["rows"]
            if expected[name] not in (None, rows):
                raise RuntimeError(f"{name} has {rows} rows, and {expected[name]} went in")
            done += rows
            finished(rows if total else 0)
            metrics.count_all(part["counts"])
            so_far.add(rows if total else 1, name)
    return done


def _written(
    units: Sequence[dict[str, Any]], how: dict[str, Any], runtime: RuntimeSettings
) -> Iterator[dict[str, Any]]:
    """What `WritePart`, made with `how`, gives for each of `units`, as they are done."""
    if is_local(runtime):
        here = WritePart(**how)
        for unit in units:
            yield {name: values[0] for name, values in here({"unit": [unit]}).items()}
        return
    import ray.data

    items = ray.data.from_items([{"unit": unit} for unit in units], override_num_blocks=len(units))
    parts = items.map_batches(
        type(how["build"].func.__name__, (WritePart,), {}),
        fn_constructor_kwargs=how,
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=min(runtime.actors, len(units))),
        num_cpus=runtime.actor_cpus,
    )
    yield from parts.iter_rows()


def over_units(
    units: Sequence[Mapping[str, Any]],
    work: Callable[..., dict[str, Any]],
    how: Mapping[str, Any],
    runtime: RuntimeSettings,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The `number` of each of `units` and what `work(unit, **how)` gives, as they are done, by tasks of Ray
    Data that bear the function's name, or in this process. Units and results are JSON."""
    if not units:
        return
    if is_local(runtime):
        for unit in units:
            yield unit["number"], work(unit, **how)
        return
    import ray.data

    rows = [{"number": unit["number"], "unit": json.dumps(dict(unit))} for unit in units]

    @wraps(work)
    def done(row: dict[str, Any]) -> dict[str, Any]:
        found = json.dumps(work(json.loads(row["unit"]), **how))
        pa.default_memory_pool().release_unused()  # what a unit took isn't what the next one takes
        return {"number": row["number"], "found": found}

    for row in ray.data.from_items(rows, override_num_blocks=len(rows)).map(done).iter_rows():
        yield row["number"], json.loads(row["found"])


def _is_done(unit: dict[str, Any], there: Mapping[str, int]) -> bool:
    """Whether the part of a unit is `there`, with as many rows as it must have."""
    rows = there.get(unit["name"])
    return rows is not None and unit.get("rows", rows) == rows


def _rows_there(units: Sequence[dict[str, Any]], writer: ArtifactWriter) -> Iterator[tuple[str, int]]:
    """The parts that are there, and how many rows they have."""
    names = {unit["name"] for unit in units}
    for name, info in files_under(writer.filesystem, writer.staging).items():
        if name in names:
            yield name, patiently(pq.read_metadata, info.path, filesystem=writer.filesystem).num_rows
