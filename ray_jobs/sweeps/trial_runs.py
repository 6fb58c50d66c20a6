"""Runs trials with Ray Tune around trainings of Ray Train, and keeps a record of each.

Every trial is the training that `jet train` runs (`ray_jobs.ddp.training`, under DDP): Tune starts a small
driver for each, the driver starts Ray Train, and each epoch is reported to both. Tune doesn't own a trial's
workers, so the number of concurrent trials is passed to it.

The job's process writes the records, each replaced as a whole after every epoch. A restarted sweep passes the
recorded trials to Tune first. Their drivers report the recorded epochs instead of training, so that searcher
and early stopping have the same state, and interrupted trials continue from their last checkpoint.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray.tune
from ray.train import Result, TrainingFailedError, UserCallback
from ray.train.torch import TorchTrainer
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch
from ray.util.queue import Empty, Queue

from jet.artifacts.artifact import digest_of
from jet.artifacts.storage import resolve
from jet.config import with_settings
from jet.experiments.sweep.records import Records
from jet.experiments.sweep.settings import TuneSettings
from jet.experiments.sweep.space import Coordinates, Space
from jet.experiments.sweep.trials import NO_SCORE, Rung, Trial, best_rung, objective, rung_of
from ray_jobs.ddp.training import reason, trainer_of
from ray_jobs.runtime.connection import room
from ray_jobs.runtime.ray_quirks import environment
from ray_jobs.runtime.ray_quirks.signals import end_unheard, interruptible
from ray_jobs.runtime.settings import JobConfig

DRIVER_CPUS = 0.1
"""CPUs that a trial's driver reserves beside those of its workers; it mostly waits."""
RETRIES = 1
"""Restarts of a trial's workers, and of its driver; enough for a lost node."""

UNSCORED = {"epoch": 0, "objective": NO_SCORE}
"""The report to Tune of a trial without a score."""

log = logging.getLogger("jet.tune")


@dataclass(frozen=True)
class Task:
    """One training to run."""

    key: str
    settings: dict[str, Any] = field(default_factory=dict)
    point: Coordinates | None = None
    parent: str | None = None
    start: str | None = None
    """The checkpoint that it starts from, its parent's last."""
    until: int | None = None
    """End after this epoch."""


@dataclass(frozen=True)
class Sweep:
    """The data that every trial's driver needs."""

    folder: str
    work: str
    config: JobConfig
    space: Space
    rows: int
    """Calibration entries that a trial is scored on."""
    concurrent: int

    @property
    def training(self) -> str:
        """The folder of the trials' checkpoints."""
        return f"{self.work}/training"

    def task(self, trial_config: dict[str, Any]) -> Task:
        """The task of a trial, from its config in Tune: a task, or the coordinates that Optuna suggests."""
        return trial_config["task"] if "task" in trial_config else self.task_at(trial_config)

    def task_at(self, coordinates: Coordinates) -> Task:
        """The task at a point of the space."""
        return Task(trial_key(coordinates), self.space.settings(coordinates), coordinates)

    def config_of(self, task: Task) -> JobConfig:
        """A trial's config."""
        return with_settings(self.config, task.settings)

    def result(self, key: str) -> Result:
        """The result of a training as Ray Train stored it."""
        filesystem, path = resolve(f"{self.training}/{key}")
        return Result.from_path(path, filesystem)

    def last_checkpoint(self, key: str) -> str:
        """The path of a training's last checkpoint."""
        checkpoint = self.result(key).checkpoint
        assert checkpoint is not None
        return f"{self.training}/{key}/{checkpoint.path.rstrip('/').rpartition('/')[2]}"


def trial_key(coordinates: Coordinates) -> str:
    """The name of the trial at a point, the same for the same point."""
    return f"trial-{digest_of(coordinates)[:10]}"


class RungReports(UserCallback):
    """Puts the rung of each epoch into a queue; Ray Train calls it in another process."""

    def __init__(self, queue: Queue) -> None:
        self.queue = queue

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any) -> None:  # noqa: ARG002
        """See `UserCallback`."""
        self.queue.put(rung_of(metrics[0]))


def epochs_of(trainer: TorchTrainer, queue: Queue, ended: Future[Result]) -> Iterator[Rung]:
    """Fit in another thread, and yield each epoch's rung meanwhile; `ended` gets the result.

    Ray's own callback for Tune shares a queue with the driver's last report, and sometimes both wait forever.
    """

    def fit() -> None:
        try:
            ended.set_result(trainer.fit())
        except BaseException as error:
            ended.set_exception(error)

    threading.Thread(target=fit, daemon=True).start()
    while not (ended.done() and queue.empty()):
        with suppress(Empty):
            yield queue.get(timeout=0.5)


def report_of(rungs: Sequence[Rung], rows: int) -> dict[str, Any]:
    """The report to Tune of the last of `rungs`, with the objective so far."""
    return {**rungs[-1], "objective": objective(rungs, rows)}


def driver_of(sweep: Sweep) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The function that Tune runs as a trial."""
    variables = environment.train_variables()

    def drive(trial_config: dict[str, Any]) -> dict[str, Any]:
        end_unheard()
        environment.take_over(variables)  # Ray Train starts here as it would in the job's own process
        task = sweep.task(trial_config)
        record = Records(sweep.work).read(task.key) or Trial(key=task.key)
        for number in range(len(record.rungs)):
            ray.tune.report(report_of(record.rungs[: number + 1], sweep.rows))
        if record.error:
            return {**UNSCORED, "error": record.error}
        if record.over:
            return {**report_of(record.rungs, sweep.rows), "ended": True}
        queue, ended = Queue(actor_options={"num_cpus": 0}), Future[Result]()
        trainer = trainer_of(
            sweep.folder,
            sweep.config_of(task),
            sweep.training,
            task.key,
            start=task.start,
            until=task.until,
            retries=RETRIES,
            quiet=True,
            tracked=sweep.work.rpartition("/")[0],
            callbacks=[RungReports(queue)],
        )
        rungs = list(record.rungs)
        for rung in epochs_of(trainer, queue, ended):
            rungs.append(rung)
            ray.tune.report(report_of(rungs, sweep.rows))
        queue.shutdown()
        try:
            result = ended.result()
        except TrainingFailedError as error:
            return {**UNSCORED, "error": reason(str(error))}
        kept = [rung_of(metrics) for _, metrics in result.best_checkpoints or []]
        best = best_rung(kept)
        return {**report_of([best], sweep.rows), "ended": True, "kept": kept} if best else UNSCORED

    return drive


class TrialRecorder(ray.tune.Callback):
    """Writes the trials' records, in the job's own process, and logs their progress."""

    def __init__(self, sweep: Sweep, total: int) -> None:
        self.sweep, self.total = sweep, total
        self.records = Records(sweep.work)
        self.trials = {trial.key: trial for trial in self.records.all()}
        self.seen: dict[str, Trial] = {}  # in this run
        self.begun: dict[str, float] = {}  # of trials in training, when it began

    def has(self, task: Task) -> bool:
        """Whether a task's record says that it has ended."""
        return task.key in self.trials and self.trials[task.key].over

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:  # noqa: ARG002
        """A trial's driver starts, to train or to repeat its record."""
        task = self.sweep.task(trial.config)
        record = self.trials.setdefault(
            task.key,
            Trial(
                key=task.key,
                number=len(self.trials) + 1,
                settings=task.settings,
                point=task.point,
                parent=task.parent,
            ),
        )
        self.seen[task.key] = record
        if not record.over:
            self.records.write(record)
            self.begun[task.key] = time.monotonic() - record.seconds

    def on_trial_result(self, iteration: int, trials: list, trial: Any, result: dict, **info: Any) -> None:  # noqa: ARG002
        """A trial ended an epoch, or itself."""
        record = self._open(trial)
        if record is None:
            return
        if error := result.get("error"):
            record.fail(error)
        elif "ended" in result:
            # Add epochs whose checkpoint was kept, but whose report was lost with a killed job.
            for rung in result.get("kept", []):
                record.add(rung)
            record.status = "finished"
        elif result["epoch"]:
            known = len(record.rungs)
            record.add({name: result[name] for name in ("epoch", "exact_match", "likelihood", "loss")})
            self._keep(record)
            if len(record.rungs) > known:
                epoch, exact, likelihood = (result[name] for name in ("epoch", "exact_match", "likelihood"))
                self._log(record, f"epoch {epoch:.0f}, exact match {exact:.3f}, likelihood {likelihood:.3f}")

    def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:  # noqa: ARG002
        """A trial ended, or was stopped."""
        record = self._open(trial)
        if record is not None:
            task = self.sweep.task(trial.config)
            record.settle(task.until or self.sweep.config_of(task).train.max_epochs)
            self._close(record)

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:  # noqa: ARG002
        """A trial's driver failed or was lost once too often: the sweep goes on."""
        record = self._open(trial)
        if record is not None:
            file = Path(trial.error_file) if trial.error_file else None
            record.fail(reason(file.read_text() if file and file.exists() else "its driver was lost"))
            self._close(record)

    def _open(self, trial: Any) -> Trial | None:
        """The record of a trial in training; None where it had ended before and is only repeated."""
        key = self.sweep.task(trial.config).key
        return self.trials[key] if key in self.begun else None

    def _keep(self, record: Trial) -> None:
        record.seconds = round(time.monotonic() - self.begun[record.key], 2)
        self.records.write(record)

    def _close(self, record: Trial) -> None:
        self._keep(record)
        del self.begun[record.key]
        self._log(record, record.status + (f": {record.error}" if record.error else ""))

    def _log(self, record: Trial, what: str) -> None:
        place = list(self.seen).index(record.key) + 1
        log.info("%s (%d of %d): %s", record.key, place, self.total, what)


def run_trials(
    sweep: Sweep,
    tasks: Sequence[Task] = (),
    *,
    searcher: OptunaSearch | None = None,
    count: int = 1,
    scheduler: ASHAScheduler | None = None,
) -> list[Trial]:
    """Run tasks, or `count` suggestions of a searcher; returns their records.

    Without a scheduler, which needs to see them again, ended tasks are left out.
    """
    recorder = TrialRecorder(sweep, len(tasks) or count)
    todo = [task for task in tasks if scheduler or not recorder.has(task)]
    if not todo and searcher is None:
        return [recorder.trials[task.key] for task in tasks]
    filesystem, storage = resolve(f"{sweep.work}/tune")
    tuner = ray.tune.Tuner(
        ray.tune.with_resources(driver_of(sweep), {"CPU": DRIVER_CPUS}),
        param_space=None if searcher else {"task": ray.tune.grid_search(todo)},
        tune_config=ray.tune.TuneConfig(
            search_alg=searcher,
            scheduler=scheduler,
            num_samples=count,
            max_concurrent_trials=sweep.concurrent,
            trial_name_creator=str_of_id,
            trial_dirname_creator=str_of_id,
        ),
        run_config=ray.tune.RunConfig(
            name=f"tune-{time.time_ns()}",
            storage_path=storage,
            storage_filesystem=filesystem,
            failure_config=ray.tune.FailureConfig(max_failures=RETRIES),
            callbacks=[recorder],
            verbose=0,
        ),
    )
    logging.getLogger("ray.tune").setLevel(logging.ERROR)  # it warns of missing log files and slow steps
    with interruptible():
        tuner.fit()
    return [recorder.trials[task.key] for task in tasks] if tasks else list(recorder.seen.values())


def concurrency(settings: TuneSettings, config: JobConfig) -> int:
    """The number of trials at a time: what the cluster holds, at most what `settings` allow.

    Raises `ValueError` where the whole cluster couldn't hold one.
    """
    workers, gpus = config.runtime.train_workers, config.runtime.train_workers * config.runtime.train_gpu
    why = f"a trial (training with {workers} workers, and its driver)"
    fits = room(config.runtime, workers + DRIVER_CPUS, gpus, why, "lower runtime.train_workers")
    return min(fits, settings.concurrent or fits)


def str_of_id(trial: Any) -> str:
    """A trial's name for Tune's own folders."""
    return trial.trial_id
