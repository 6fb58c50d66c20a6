"""Running jobs as a person would, and looking at what they leave."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from ray.util.state import list_actors, list_placement_groups, list_tasks

from ray_jobs.runtime import command as runtime

ROOT = Path(__file__).parents[2]

SETTINGS = """\
retrieval: {encoder: "", block_rows: 60}
model: {hidden: 16, dropout: 0.0}
train: {max_epochs: 4, batch_size: 64}
ranker: {prior: "", candidates: 16, hidden: 16, nets: 1, epochs: 4}
evaluate: {curve_rows: 60}
runtime: {train_workers: 2, actors: 1, index_shards: 2, block_rows: 200, no_progress_timeout_s: 90}
"""
"""Small, and nothing left to chance: how many workers there are shows in nothing but rounding."""


@dataclass(frozen=True)
class Done:
    """How a job ended."""

    status: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The JSON line."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def complaint(self) -> str:
        """What a refused job said: one line on standard error after the log, and nothing on standard output."""
        lines = [line for line in self.err.splitlines() if "error:" in line]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        assert not self.out
        return lines[0]


def run_job(name: str, *arguments: Any, called: str | None = None) -> Done:
    """Run a job in this process, as `ray_jobs.cli` does; it may be `called` something else in what it tells."""
    module = name.replace("-", "_")
    job, options = (importlib.import_module(f"ray_jobs.{each}") for each in (module, f"options.{module}"))
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = runtime.main(called or name, options, job.run, [str(each) for each in arguments])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
    # A failed run's actors hang on a cycle of references and hold their CPUs until it is collected.
    # A job of its own ends its process then; this one goes on.
    gc.collect()
    # Ray's autoscaler tells a driver of waiting work at any time. A job of its own isn't connected yet where
    # this one could take that for its output.
    lines = [line for line in out.getvalue().splitlines(keepends=True) if not line.startswith("(autoscaler ")]
    return Done(status, "".join(lines), err.getvalue())


WHAT_WAS_STARTED = """
import sys
from ray_jobs.cli import main
try:
    main()
except SystemExit as end:
    status = end.code
ray = sys.modules.get("ray")
print(status, "ray.data" in sys.modules, ray is not None and ray.is_initialized())
"""


def succeed_without_ray(name: str, *arguments: Any) -> dict[str, Any]:
    """The result of a small job in a process of its own that no cluster is named to, and which must not start a
    Ray."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-c", WHAT_WAS_STARTED, name, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert not done.returncode, done.stderr
    line, started = done.stdout.splitlines()
    assert started == "0 False False", done.stderr
    return json.loads(line)


def succeed(name: str, *arguments: Any, called: str | None = None) -> dict[str, Any]:
    """Run a job that must succeed; returns its JSON line."""
    done = run_job(name, *arguments, called=called)
    assert done.status == 0, done.err
    assert len(done.out.splitlines()) == 1, done.out
    return done.result


@contextlib.contextmanager
def in_background(work: Callable[[], Any]) -> Iterator[Callable[[], Any]]:
    """Do `work` in a thread; gives a function that waits for its result."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()), daemon=True)
    thread.start()

    def result() -> Any:
        thread.join(180)
        assert not thread.is_alive(), "it didn't end"
        assert found, "it raised"
        return found[0]

    yield result


def start_job(address: str, name: str, *arguments: Any, **environment: str) -> subprocess.Popen[str]:
    """Start a job in a process (and process group) of its own."""
    command = [sys.executable, "-m", f"ray_jobs.{name.replace('-', '_')}", *map(str, arguments)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "RAY_ADDRESS": address, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ended(process: subprocess.Popen[str], status: int = 0) -> str:
    """What a job told on standard error, once it has ended with `status`."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, err + out
    return err


def wait_until(holds: Callable[[], Any], what: str, seconds: float = 120, pause: float = 0.02) -> Any:
    """What `holds` returns as soon as that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(pause)
    raise AssertionError(f"not within {seconds} s: {what}")


def actors(dashboard: str, name: str) -> list[Any]:
    """The living actors whose class is called something with `name`, and whose process is known."""
    found = list_actors(address=dashboard, filters=[("state", "=", "ALIVE")], limit=1000)
    return [actor for actor in found if name in actor.class_name and actor.pid]


def still_there(dashboard: str) -> str:
    """What a cluster holds resources for."""
    told = {"address": dashboard, "limit": 10_000, "detail": True, "raise_on_missing_output": False}
    holders = [
        *(each for each in list_actors(**told) if each.state != "DEAD"),
        *(each for each in list_placement_groups(**told) if each.state != "REMOVED"),
        *(each for each in list_tasks(**told) if each.state not in ("FINISHED", "FAILED")),
    ]
    return "\n".join(map(str, holders)) or "nothing"


def kill_one(dashboard: str, name: str) -> None:
    """SIGKILL to the process of a living actor."""
    pid = wait_until(lambda: actors(dashboard, name), f"an actor {name}")[0].pid
    assert pid > 1  # 0 would stand for all of pytest's own process group
    os.kill(pid, signal.SIGKILL)


def parts_in(output: Path) -> list[Path]:
    """The parts that are finished so far of an output that isn't."""
    staging = f".{output.name}.staging-*"
    names = (f"{staging}/data/part-*.parquet", f"{staging}/data/bucket=*/part-*.parquet")
    return sorted(path for name in names for path in output.parent.glob(name))


def read(folder: Path | str) -> pa.Table:
    """The main table of an artifact, sorted by entity and id."""
    paths = [
        path
        for pattern in ("data/*.parquet", "data/bucket=*/*.parquet")
        for path in sorted(Path(folder).glob(pattern))
    ]
    table = pa.concat_tables([pq.read_table(path, partitioning=None) for path in paths])
    return table.sort_by([("entity", "ascending"), ("entry_id", "ascending")]).combine_chunks()


def assert_same(found: pa.Table, expected: pa.Table) -> None:
    """Bit for bit; says which columns differ, and where first."""
    assert found.column_names == expected.column_names
    assert keys(found) == keys(expected)
    for name in found.column_names:
        pairs = zip(found[name].to_pylist(), expected[name].to_pylist(), strict=True)
        differing = [(key, *pair) for key, pair in zip(keys(found), pairs, strict=True) if pair[0] != pair[1]]
        assert not differing, f"{name} differs in {len(differing)} rows, first {differing[0]}"


def keys(table: pa.Table) -> list[tuple[str, str]]:
    """Entity and id of each row."""
    return list(zip(table["entity"].to_pylist(), table["entry_id"].to_pylist(), strict=True))


def write_jsonl(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """A ledger file."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def entry(entry_id: str, *, entity: str = "acme", booked: bool = True, **other: Any) -> dict[str, Any]:
    """A row of a ledger file."""
    row: dict[str, Any] = {"entry_id": entry_id, "entity": entity, "date": "2024-03-01"}
    row |= {"description": "rent", "currency": "SEK"}
    if booked:
        row["lines"] = [
            {"account": "5010", "side": "D", "amount": "100.00"},
            {"account": "1930", "side": "C", "amount": "100.00"},
        ]
    return row | other
