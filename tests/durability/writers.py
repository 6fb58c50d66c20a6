"""What writes to a disk in jet, each as work that can be begun again, and what must hold after a power cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import made_up
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from test_artifact import CONFIG, INPUTS, publish, table

from jet.artifacts.artifact import artifact_writer, finished, open_artifact, read_manifest
from jet.artifacts.leftovers import leftovers
from jet.artifacts.storage import remove
from jet.books.schema import ACCOUNTS, PREDICTIONS
from jet.bundle.additions import Addition, AdditionFacts
from jet.bundle.bundle import Bundle
from jet.bundle.extension import with_addition
from jet.experiments.sweep.records import Records
from jet.experiments.sweep.trials import Trial
from jet.prediction.checking import CHECKED
from jet.prediction.delivery import TableSettings, deliver
from jet.texts.vector_cache import VectorCache
from ray_jobs.runtime.metrics import counted
from ray_jobs.runtime.settings import RuntimeSettings
from ray_jobs.spread.parts import Rows, do_parts, part_name

NAMES = (
    *("artifact", "parts", "bundle", "learn", "clean"),
    *("table by day", "table by company", "vectors", "records"),
)
DAY = "2026-11-30"


@dataclass(frozen=True)
class Writer:
    """Some work that writes below a folder."""

    work: Callable[[Path], Any]
    """Does it, or what is left of it."""
    check: Callable[[Path, bool], Any]
    """Raises `AssertionError` where what a reader finds isn't whole, or where finished work is gone."""
    before: Callable[[Path], Any] = lambda _: None
    """What is there before."""


def is_whole(kind: str, folder: Path, done: bool) -> None:
    """The artifact `out` is whole or invisible, and there once the work was `done`; `kept` stays as it was."""
    if (folder / "kept").exists():
        open_artifact(str(folder / "kept"), kind)
    if done or read_manifest(str(folder / "out")) is not None:
        open_artifact(str(folder / "out"), kind)


def an_artifact(folder: Path) -> None:
    if finished(str(folder / "out"), "things", CONFIG, INPUTS) is not None:
        return
    with artifact_writer(str(folder / "out"), "things", CONFIG, INPUTS) as writer:
        writer.write_table("data/bucket=00000/part-0.parquet", table("1"))
        writer.write_table("runs/part-0.parquet", table("2"))
        writer.write_bytes("note.txt", b"hello" * 5_000)
        writer.drop("runs")
        writer.publish({"things": 1})


def _rows(unit: dict[str, Any]) -> pa.Table:
    return table(unit["name"])


def parts(folder: Path) -> None:
    if finished(str(folder / "out"), "things", CONFIG, INPUTS) is not None:
        return
    units = [{"name": part_name(number), "rows": 1} for number in range(4)]
    with artifact_writer(str(folder / "out"), "things", CONFIG, INPUTS, run="5a3e") as writer:
        local = RuntimeSettings(executor="local")
        do_parts(units, partial(lambda: _rows), writer, local, Rows("tests", lambda _: counted()))
        writer.publish({"things": 4})


def saved(folder: Path, name: str, bundle: Bundle) -> None:
    made_up.save(bundle, folder / name)


def learned(bundle: Bundle) -> Bundle:
    """The bundle with a reviewed entry."""
    entries = made_up.entries_table([made_up.entry("birch", "r1", 220, "rent", "D10 C20")])
    facts = AdditionFacts(1, "anna", "2026-01-31T12:00:00+00:00", 1)
    addition = Addition(facts, entries, ACCOUNTS.empty_table(), CHECKED.empty_table())
    return with_addition(bundle, addition, bundle.corpus.store.vectors_of)


def cleaned(folder: Path) -> None:
    for each in leftovers(str(folder)):
        remove(each.path)


def littered(folder: Path) -> None:
    publish(folder / "kept")
    for name in (".out.staging-5a3e/runs/a", ".out.staging-5a3e/b", ".kept.training/state.pt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 100)


def clean_is_whole(folder: Path, done: bool) -> None:
    is_whole("things", folder, False)
    assert not (done and leftovers(str(folder)))


def predicted(folder: Path) -> None:
    rows = made_up.predictions(["Acme", "Acme", "Birch", "Birch"], ["review"] * 4)
    with artifact_writer(str(folder / "predictions"), "predictions", {}, {"entries": "e"}) as writer:
        writer.write_table("data/part-000000.parquet", rows.slice(0, 1))
        writer.write_table("data/part-000001.parquet", rows.slice(1))
        writer.publish({"predictions": 4})


def delivered(folder: Path, partition: str) -> None:
    found = open_artifact(str(folder / "predictions"), "predictions")
    deliver(found, TableSettings(uri=str(folder / "table"), partition=partition, night=DAY))


def table_is_whole(folder: Path, done: bool, partition: str) -> None:
    files = [pq.ParquetFile(path).read(["entity", "entry_id"]) for path in (folder / "table").rglob("*.*")]
    found = [tuple(row.values()) for each in files for row in each.to_pylist()]
    predictions = open_artifact(str(folder / "predictions"), "predictions").read_table(PREDICTIONS)
    expected = [(row["entity"], row["entry_id"]) for row in predictions.to_pylist()]
    assert len(found) in ((0, 4) if partition == "day" else (0, 2, 4))
    assert set(found) <= set(expected)
    assert sorted(found) == sorted(expected) or not done


def cached(folder: Path) -> None:
    texts = ["rent", "paper"]
    cache = VectorCache(str(folder / "cache"), "drawn@1")
    if not cache.find(texts, 4)[1].all():
        cache.add(texts, np.ones((2, 4), np.float32))


def cache_is_whole(folder: Path, done: bool) -> None:
    vectors, known = VectorCache(str(folder / "cache"), "drawn@1").find(["rent", "paper"], 4)
    assert known.all() or not (known.any() or done)
    assert (vectors[known] == 1).all()


def recorded_trials(folder: Path) -> None:
    records = Records(str(folder))
    for number in (1, 2):
        records.write(Trial(key="t1", number=number))
    records.write(Trial(key="t2", number=3))
    records.forget("t2")


def trials_are_whole(folder: Path, done: bool) -> None:
    found = {trial.key: trial.number for trial in Records(str(folder)).all()}
    assert found == {"t1": 2} if done else set(found.items()) <= {("t1", 1), ("t1", 2), ("t2", 3)}


def writers(bundle: Bundle) -> dict[str, Writer]:
    """All of them, by name; those of bundles save this one."""
    things, model = partial(is_whole, "things"), partial(is_whole, "model")
    first, second = (
        partial(saved, name="kept", bundle=bundle),
        partial(saved, name="out", bundle=learned(bundle)),
    )
    return {
        "artifact": Writer(an_artifact, things),
        "parts": Writer(parts, things),
        "bundle": Writer(partial(saved, name="out", bundle=bundle), model, first),
        "learn": Writer(second, model, first),
        "clean": Writer(cleaned, clean_is_whole, littered),
        "table by day": Writer(
            partial(delivered, partition="day"), partial(table_is_whole, partition="day"), predicted
        ),
        "table by company": Writer(
            partial(delivered, partition="company"), partial(table_is_whole, partition="company"), predicted
        ),
        "vectors": Writer(cached, cache_is_whole),
        "records": Writer(recorded_trials, trials_are_whole),
    }
