"""A sweep: what it leaves, what it survives, and whether what it found can be had again."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import ray
import yaml
from heads import Head
from job_runs import run_job, start_job, still_there, succeed, wait_until

from jet.artifacts.tables import validate
from jet.books.schema import TRIALS
from jet.config import with_settings
from jet.experiments.sweep.trials import Trial
from ray_jobs import train
from ray_jobs.options import train as options
from ray_jobs.runtime.arguments import job_parser
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.sweeps import searches

SMALL = """\
retrieval: {encoder: "", block_rows: 60}
model: {hidden: 16, dropout: 0.0}
train: {max_epochs: 2, batch_size: 64}
ranker: {prior: "", candidates: 16, hidden: 16, nets: 1, epochs: 4}
runtime: {train_workers: 1, actors: 1, index_shards: 2, block_rows: 200, no_progress_timeout_s: 90}
"""


@pytest.fixture
def sweep_arguments(pipeline, tmp_path):
    return arguments_of(pipeline, tmp_path)


def arguments_of(pipeline, folder: Path):
    """What makes the arguments of a sweep, from its `tune` section."""

    def given(**tune) -> list:
        path = folder / "space.yaml"
        path.write_text(SMALL + yaml.safe_dump({"tune": tune}))
        return ["--data", pipeline.folder, "--output", folder / "sweep", "--config", path]

    return given


def trials_in(output: Path) -> list[dict]:
    return validate(pq.read_table(output / "trials.parquet"), TRIALS, "trials").to_pylist()


def wait_for_all_cpus(head: Head) -> None:
    """Until nothing holds a CPU any more: what a sweep started has ended."""
    try:
        wait_until(lambda: ray.available_resources().get("CPU") == 8, "all CPUs", pause=0.2)
    except AssertionError as late:
        raise AssertionError(f"{late}; still there: {still_there(head.dashboard)}") from None


def config_of(path: Path) -> JobConfig:
    parser = job_parser("train", options)
    given = parser.instantiate(parser.parse_args(["--data=x", "--output=x", f"--config={path}"]))
    return JobConfig(**{name: given[name] for name in JobConfig.__dataclass_fields__})


def best_config(sweep: Path) -> JobConfig:
    """What a sweep found, run as it was run."""
    config = config_of(sweep / "best.yaml")
    config.runtime.train_workers = 1
    return config


def replayed(pipeline, config: JobConfig, folder: Path) -> dict:
    """The facts of a fresh training."""
    return train.fit(str(pipeline.folder), str(folder / "again"), config, "again")[1]


@pytest.fixture(scope="module")
def grid(head, pipeline, tmp_path_factory) -> dict:
    """A grid of four trials: one learns, one diverges, two don't fit into any memory."""
    folder = tmp_path_factory.mktemp("grid")
    space = {"optim.learning_rate": {"choice": [2e-3, 1e30]}, "model.hidden": {"choice": [16, 10**9]}}
    wait_for_all_cpus(head)
    arguments = arguments_of(pipeline, folder)(searcher="grid", space=space, stop_early=False)
    done = run_job("tune", *arguments)
    assert done.status == 0, done.err
    wait_for_all_cpus(head)
    return {"done": done, "output": folder / "sweep", "arguments": arguments, "folder": folder}


@pytest.mark.timeout(
    1200
)  # with the six trainings that it looks at, and the pipeline where no test before needed it
def test_a_sweep_goes_on_past_trials_that_fail_and_reports_them(grid):
    trials = trials_in(grid["output"])
    assert sorted(trial["status"] for trial in trials) == ["diverged", "failed", "failed", "finished"]
    configs = [json.loads(trial["config"]) for trial in trials]
    points = [(config["optim.learning_rate"], config["model.hidden"]) for config in configs]
    by_settings = dict(zip(points, trials, strict=True))
    good = by_settings[2e-3, 16]
    assert (good["status"], good["epochs"], len(good["rungs"])) == ("finished", 2, 2)
    assert good["seconds"] > 0
    assert 0 < good["exact_match"] < 1
    assert by_settings[1e30, 16]["status"] == "diverged"
    assert "allocate" in by_settings[2e-3, 10**9]["error"]
    page = (grid["output"] / "report" / "index.html").read_text()
    assert "allocate" in page
    assert all(trial["trial"] in page for trial in trials)


def test_the_last_line_tells_what_was_found(grid):
    line = grid["done"].result
    assert (line["job"], line["trials"]) == ("tune", 4)
    assert line["statuses"] == {"finished": 1, "diverged": 1, "failed": 2}
    assert line["test"]["seeds"] == 1
    assert line["test"]["gain"]["low"] <= line["test"]["gain"]["difference"] <= line["test"]["gain"]["high"]
    assert "Traceback" not in grid["done"].err
    assert sorted(path.name for path in grid["folder"].iterdir()) == ["space.yaml", "sweep"]


def test_a_finished_sweep_is_not_done_again(grid):
    again = succeed("tune", *grid["arguments"])
    assert {**again, "seconds": 0} == {**grid["done"].result, "seconds": 0}


def test_the_best_config_is_one_that_a_training_takes_and_gives_the_same_again(grid, pipeline):
    """Not to the last bit: workers of one run and another may sum in another order."""
    best = next(trial for trial in trials_in(grid["output"]) if trial["status"] == "finished")
    facts = replayed(pipeline, best_config(grid["output"]), grid["folder"] / "replayed")
    assert facts["calibration_likelihood"] == pytest.approx(best["likelihood"], abs=2e-3)
    assert facts["calibration_exact_match_watched"] == pytest.approx(best["exact_match"], abs=0.03)


def test_a_killed_sweep_goes_on_and_repeats_no_trial(head, sweep_arguments, tmp_path, monkeypatch):
    space = {"losses.stop": {"schedule": ["constant", "linear", "step"], "low": 0.1, "high": 2.0}}
    arguments = sweep_arguments(
        searcher="optuna", trials=3, concurrent=1, space=space, final_seeds=0, stop_early=False
    )

    def ended() -> list[Trial]:
        paths = tmp_path.glob(".sweep.tuning-*/trials/*.json")
        records = [Trial.from_json(path.read_bytes()) for path in paths]
        return [record for record in records if record.over]

    process = start_job(head.address, "tune", *arguments)
    wait_until(lambda: ended() or process.poll() is not None, "a first trial", seconds=240, pause=0.1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    first = ended()
    assert 1 <= len(first) < 3
    wait_for_all_cpus(head)

    def written() -> dict[str, int]:
        """When each file of the trainings that were over was written."""
        (training,) = tmp_path.glob(".sweep.tuning-*/training")
        paths = [path for record in first for path in (training / record.key).rglob("*")]
        return {str(path): path.stat().st_mtime_ns for path in paths}

    before = written()
    assert before
    monkeypatch.setattr("ray_jobs.tune.remove", lambda _: None)  # the work is still to be looked at
    succeed("tune", *arguments)
    assert written() == before, "what was over was trained again"
    trials = trials_in(tmp_path / "sweep")
    assert len({trial["trial"] for trial in trials}) == len(trials) == 3
    assert {trial["status"] for trial in trials} == {"finished"}
    assert {record.key for record in first} < {trial["trial"] for trial in trials}
    wait_for_all_cpus(head)


def test_a_hopeless_trial_of_two_workers_is_stopped_early(head, sweep_arguments, tmp_path):
    space = {"optim.learning_rate": {"choice": [5e-3, 1e-9]}}
    arguments = sweep_arguments(
        searcher="grid", space=space, concurrent=1, grace=0.5, final_seeds=0, stop_early=True
    )
    line = succeed("tune", *arguments, "--runtime.train_workers", 2, "--train.max_epochs", 3)
    trials = trials_in(tmp_path / "sweep")
    by_rate = {json.loads(trial["config"])["optim.learning_rate"]: trial for trial in trials}
    ends = {rate: (trial["status"], trial["epochs"]) for rate, trial in by_rate.items()}
    assert ends == {5e-3: ("finished", 3), 1e-9: ("stopped", 2)}
    assert line["best"] == by_rate[5e-3]["trial"]
    wait_for_all_cpus(head)


def test_a_population_writes_a_schedule_that_gives_the_same_in_a_fresh_training(
    head, pipeline, sweep_arguments, tmp_path, monkeypatch
):
    """That of the member that went on from another one with other weights."""
    assert head.address
    monkeypatch.setattr(searches, "PERTURB_EPOCHS", 1)
    space = {"losses.stop": {"uniform": [0.05, 2.0]}, "losses.side": {"log_uniform": [0.01, 2.0]}}
    arguments = sweep_arguments(searcher="pbt", trials=2, space=space, final_seeds=0)
    line = succeed("tune", *arguments, "--tracking.wandb", "offline")
    trials = trials_in(tmp_path / "sweep")
    assert line["best"] in {trial["trial"] for trial in trials}
    assert [trial["epochs"] for trial in trials] == [2, 2]

    def grouped() -> bool:
        """Whether both rounds of both members are W&B runs of the sweep's group."""
        runs = [path.read_bytes() for path in tmp_path.glob("wandb/offline-run-*/*.wandb")]
        return len(runs) == 4 and all(b"sweep-" in run for run in runs)

    wait_until(grouped, "the W&B runs")
    moved = next(trial for trial in trials if trial["parent"][-1] != trial["trial"][-1])
    lived = json.loads(moved["config"])
    assert lived["losses.stop"]["form"] == lived["losses.side"]["form"] == "step"
    facts = replayed(pipeline, with_settings(best_config(tmp_path / "sweep"), lived), tmp_path)
    assert facts["calibration_likelihood"] == pytest.approx(moved["likelihood"], abs=2e-3)
    assert facts["calibration_exact_match_watched"] == pytest.approx(moved["exact_match"], abs=0.03)


@pytest.mark.parametrize(
    ("tune", "said"),
    [
        ({}, "tune.space is empty: name at least one setting"),
        (
            {"space": {"losses.stopp": {"uniform": [0, 1]}}},
            "there is no such setting; did you mean losses.stop?",
        ),
        ({"space": {"losses.stop": {"uniform": [-1, 1]}}}, "losses.stop: must not be negative, got -1"),
        (
            {"space": {"model.hidden": {"choice": list(range(8, 109))}}, "searcher": "grid"},
            "the grid has 101 trials, more than 100: lower points, leave a setting out, use "
            "another tune.searcher, or give `jet tune` --yes",
        ),
        (
            {"space": {"model.hidden": {"choice": [8]}}, "searcher": "pbt"},
            "a population changes weights of losses",
        ),
        ({"space": {"model.hidden": {"choice": [8]}}, "trials": 0}, "tune.trials must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_swept_is_refused_in_one_line(tune, said, sweep_arguments, tmp_path):
    done = run_job("tune", *sweep_arguments(**tune), "--runtime.train_workers", 2)
    assert done.status == 2
    assert said in done.complaint
    assert [path.name for path in tmp_path.iterdir()] == ["space.yaml"]


def test_a_trial_that_no_cluster_holds_is_refused_before_it_starts(sweep_arguments):
    arguments = sweep_arguments(space={"model.hidden": {"choice": [8, 16]}})
    done = run_job("tune", *arguments, "--runtime.train_workers", 8)
    assert done.status == 2
    assert "needs 8.1 CPUs, and the cluster has 8: lower runtime.train_workers" in done.complaint


def test_what_only_the_end_would_notice_is_refused_before_the_first_trial(sweep_arguments, pipeline, tmp_path):
    arguments = sweep_arguments(space={"model.hidden": {"choice": [8, 16]}})
    done = run_job("tune", *arguments, "--output", pipeline.folder)
    assert done.status == 2
    assert "is not empty" in done.complaint
    done = run_job("tune", *arguments, "--split.train", 0.5, "--split.calibration", 0.5)
    assert done.status == 2
    assert "the split leaves no test entries to compare on" in done.complaint
    assert [path.name for path in tmp_path.iterdir()] == ["space.yaml"]
