"""`jet ablate` on tiny books: killed after its first answers, started again, collected; and what it refuses."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from types import SimpleNamespace

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from job_runs import actors, run_job, start_job, succeed, wait_until

from jet.artifacts.artifact import open_artifact
from jet.books.schema import ENTRIES
from jet.experiments.ablation.ablation import GRID
from jet.experiments.ablation.report import SCORES
from ray_jobs.ablate import KIND
from ray_jobs.sweeps.ablation_runs import run_units

ROWS = ("noncausal-neighbors", "cut-at-length")
SEEDS = (0, 1)


@pytest.fixture(scope="module")
def arguments(pipeline, settings):
    given = ("--data", pipeline.folder, "--config", settings, "--rows", *ROWS, "--seeds", *SEEDS)
    return (*given, "--train.max_epochs", 1, "--runtime.train_workers", 1)


def finished_in(folder):
    """When each finished network and each finished set of answers was written."""
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("*/*/manifest.json")}


@pytest.fixture(scope="module")
def ablated(head, arguments, tmp_path_factory):
    """The folder of an ablation that was killed and started again, and the JSON line of the second run."""
    output = tmp_path_factory.mktemp("ablate") / "out"
    work = output.parent / ".out.training"
    process = start_job(head.address, "ablate", *arguments, "--output", output)
    try:
        wait_until(
            lambda: list(work.glob("answers/baseline-*/manifest.json")) or process.poll() is not None,
            "the first answers",
            seconds=300,
        )
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        _, err = process.communicate()
    assert not output.exists(), "it was too late to kill"
    wait_until(lambda: not actors(head.dashboard, "Train"), "the end of the killed job's trainings", pause=0.2)
    before = finished_in(work)
    assert before, err
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("ray_jobs.ablate.remove", lambda _: None)  # the work is still to be looked at
        line = succeed("ablate", *arguments, "--output", output)
    after = finished_in(work)
    assert {name: after[name] for name in before} == before, "what was finished was done again"
    return output, line


@pytest.mark.timeout(1200)  # with the pipeline that it needs, where no test before it did
def test_two_trainings_with_two_seeds_answer_three_rows(ablated, pipeline):
    output, line = ablated
    manifest = open_artifact(str(output), KIND).manifest
    assert (line["rows"], line["trainings"]) == (3, 4)
    assert manifest.facts["trainings"] == 4
    table = pq.read_table(output / "rows.parquet")
    assert table.schema.equals(SCORES)
    entries = open_artifact(str(pipeline.folder / "entries"), "entries").read_table(ENTRIES)
    keys = set(zip(*(table[name].to_pylist() for name in ("row", "seed", "entity", "entry_id")), strict=True))
    assert len(keys) == len(table) == line["answers"]
    per_row = pc.value_counts(table["row"]).to_pylist()
    assert {each["values"]: each["counts"] for each in per_row}.keys() == {"baseline", *ROWS}
    assert len({each["counts"] for each in per_row}) == 1
    booked = entries.filter(pc.is_valid(entries["lines"]))
    assert 0.25 * len(booked) < per_row[0]["counts"] / len(SEEDS) < 0.35 * len(booked)


def test_the_table_tells_every_row(ablated):
    output, _ = ablated
    text = (output / "table.md").read_text()
    for row in ("baseline", *ROWS):
        assert sum(line.startswith(f"| {row} |") for line in text.splitlines()) == 3
    metrics = json.loads((output / "metrics.json").read_text())
    test = metrics["noncausal-neighbors"]["test"]
    assert {"difference", "low", "high", "seeds"} <= next(iter(test.values()))["right"].keys()
    assert [each["seed"] for each in metrics["baseline"]["trainings"]] == list(SEEDS)
    assert "trainings" not in metrics["cut-at-length"], "it asked the baseline's networks"


def test_the_same_ablation_again_does_nothing_and_another_one_is_refused(ablated, arguments):
    output, line = ablated
    again = succeed("ablate", *arguments, "--output", output)
    assert {**again, "seconds": 0} == {**line, "seconds": 0}
    done = run_job("ablate", *arguments, "--model.hidden", 8, "--output", output)
    assert done.status == 2
    assert "is already taken" in done.complaint


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (("--rows", "l2"), "there is no row 'l2'; the grid has baseline"),
        (("--seeds", 1, 1), "--seeds must be different numbers from 0 on, not 1 1"),
        (("--runtime.train_workers", 65), "train.batch_size 64 can't be shared by"),
        (("--runtime.train_workers", 8), "an ablation with 8 training workers needs 9 CPUs"),
        (("--retrieval.latest", 1), "with other settings of retrieval than these"),
        (("--split.train", 1.0, "--split.calibration", 0.0), "too few entries to train on"),
        (("--split.train", 0.5, "--split.calibration", 0.5), "too few entries to measure on"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_line_that_says_why(
    head, pipeline, settings, tmp_path, given, complaint
):
    assert head.address
    usual = ("--data", pipeline.folder, "--config", settings, "--output", tmp_path / "out")
    done = run_job("ablate", *usual, *given)
    assert done.status == 2
    assert complaint in done.complaint
    assert not (tmp_path / "out").exists()


def test_a_training_that_fails_is_told_after_the_others_are_done(head, monkeypatch, caplog):
    assert head.address

    def work(unit):
        if unit.seed == 1:
            raise FloatingPointError("21 steps had a gradient that is not finite\nlower optim.learning_rate")
        return "done"

    monkeypatch.setattr("ray_jobs.sweeps.ablation_runs.train_and_score", work)
    units = [
        SimpleNamespace(name=f"l2-off-{seed}", rows=[GRID[1]], seed=seed, missing=lambda: True)
        for seed in range(3)
    ]
    with (
        caplog.at_level("INFO", "jet.ablate"),
        pytest.raises(ValueError, match=r"1 trainings failed, first l2-off, seed 1 \(.*learning_rate\): give"),
    ):
        run_units(units, concurrent=1)
    assert "l2-off, seed 2: done; 0 of 3 to go" in caplog.text
