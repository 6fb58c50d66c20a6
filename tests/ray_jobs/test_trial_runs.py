"""What a sweep keeps of its trials, and which ones it asks for: no Ray is started here."""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace

import optuna
import pytest
import torch
from ray.train import Checkpoint

from jet.experiments.sweep.declared import build_space
from jet.experiments.sweep.records import Records
from jet.experiments.sweep.trials import objective
from ray_jobs.ddp.checkpoints import STATE
from ray_jobs.ddp.training import best_state, reason
from ray_jobs.runtime.settings import JobConfig
from ray_jobs.sweeps.searches import NewPoints
from ray_jobs.sweeps.trial_runs import Sweep, Task, TrialRecorder, trial_key

ROWS = 100


def rung(epoch, exact, likelihood=-1.0):
    return {"epoch": float(epoch), "exact_match": exact, "likelihood": likelihood, "loss": 1.0}


def reported(one):
    return {**one, "objective": objective([one], ROWS)}


@pytest.fixture
def sweep(tmp_path):
    config = JobConfig()
    space = build_space({"model.hidden": {"choice": [8, 16]}}, config)
    return Sweep("data", str(tmp_path), config, space, ROWS, 1)


def recorded(recorder, task, *results):
    """The recorder after Tune called it for a trial."""
    trial = SimpleNamespace(config={"task": task}, error_file=None)
    recorder.on_trial_start(0, [], trial)
    for result in results:
        recorder.on_trial_result(0, [], trial, result)
    recorder.on_trial_complete(0, [], trial)
    return Records(recorder.sweep.work).read(task.key)


def test_an_epoch_whose_report_was_lost_with_a_killed_job_is_made_up_for(sweep):
    """The checkpoint was there, the record wasn't: all that the driver does is to hand in what was kept."""
    kept = [rung(1, 0.4)]
    last = {**reported(kept[0]), "ended": True, "kept": kept}
    found = recorded(TrialRecorder(sweep, 1), Task("round-1-member-0", until=1), last)
    assert (found.status, found.error, found.rungs) == ("finished", None, kept)


def test_a_trial_that_ended_before_its_time_was_stopped(sweep):
    found = recorded(TrialRecorder(sweep, 1), Task("some"), reported(rung(1, 0.4)), reported(rung(2, 0.5)))
    assert (found.status, len(found.rungs)) == ("stopped", 2)


def test_a_trial_without_any_epoch_diverged(sweep):
    found = recorded(TrialRecorder(sweep, 1), Task("some"), {"epoch": 0, "objective": -1.0})
    assert (found.status, found.error) == ("diverged", "no epoch had a finite likelihood")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("FloatingPointError: 21 steps had a gradient that is not finite", "diverged"),
        ("OSError: full", "failed"),
    ],
)
def test_a_training_that_broke_off_says_why(sweep, error, status):
    found = recorded(TrialRecorder(sweep, 1), Task("some"), {"epoch": 0, "objective": -1.0, "error": error})
    assert (found.status, found.error) == (status, error)


def test_what_is_over_is_not_written_again(sweep):
    first = recorded(TrialRecorder(sweep, 1), Task("some"), {**reported(rung(1, 0.4)), "ended": True})
    again = recorded(
        TrialRecorder(sweep, 1), Task("some"), reported(rung(1, 0.9)), {**reported(rung(2, 0.9)), "ended": True}
    )
    assert again == first


def test_a_trial_whose_record_is_forgotten_is_not_over(sweep):
    recorded(
        TrialRecorder(sweep, 1), Task("final-base-1"), {"epoch": 0, "objective": -1.0, "error": "OSError: full"}
    )
    assert TrialRecorder(sweep, 1).has(Task("final-base-1"))
    Records(sweep.work).forget("final-base-1")
    assert not TrialRecorder(sweep, 1).has(Task("final-base-1"))


def test_no_point_is_suggested_twice_and_a_small_space_comes_to_an_end(sweep, caplog):
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=0, n_startup_trials=2)
    searcher = NewPoints(sweep.space.draw, metric="objective", mode="max", sampler=sampler)
    found = [searcher.suggest("a"), searcher.suggest("b")]
    searcher.on_trial_result("a", {"objective": 0.5, "training_iteration": 1})
    searcher.on_trial_complete("a", {"objective": 0.5})
    searcher.on_trial_complete("b", error=True)
    assert {trial_key(point) for point in found} == {trial_key({"model.hidden": size}) for size in (8, 16)}
    with caplog.at_level(logging.INFO, "jet.tune"):
        assert searcher.suggest("c") == NewPoints.FINISHED
    assert "the space has only 2 different points" in caplog.text


def test_what_is_on_record_is_suggested_first(sweep):
    sampler = optuna.samplers.TPESampler(seed=0)
    known = [{"model.hidden": 16}]
    searcher = NewPoints(
        sweep.space.draw, metric="objective", mode="max", sampler=sampler, points_to_evaluate=known
    )
    assert [searcher.suggest("a"), searcher.suggest("b")] == [{"model.hidden": 16}, {"model.hidden": 8}]


def test_an_epoch_that_diverged_is_never_the_best_one(tmp_path):
    """Ray keeps the latest checkpoint whatever its score, and it comes first where that is not a number."""
    pairs = []
    for epoch, likelihood in ((2, math.nan), (1, -2.0)):
        folder = tmp_path / str(epoch)
        folder.mkdir()
        torch.save({"epoch": epoch}, folder / STATE)
        pairs.append((Checkpoint(str(folder)), {"epoch": epoch, "val/likelihood": likelihood}))
    state, figures = best_state(SimpleNamespace(best_checkpoints=pairs))
    assert (state["epoch"], figures["epoch"]) == (1, 1)
    with pytest.raises(ValueError, match="no epoch had a finite likelihood"):
        best_state(SimpleNamespace(best_checkpoints=pairs[:1]))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Traceback:\n  File x\nFloatingPointError: 3 steps\nlower it", "FloatingPointError: 3 steps"),
        ("ray.exceptions.RayTaskError(OSError): a\nOSError: full", "OSError: full"),
        ("gone", "gone"),
        ("  \n", "it gave no reason"),
    ],
)
def test_the_reason_of_a_failure_is_one_line(text, line):
    assert reason(text) == line
