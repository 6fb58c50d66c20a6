"""`jet tune`: trains many configs and finds the one that books the calibration split best.

Every trial is the training that `jet train` runs (`ray_jobs.train.train_worker`, under DDP): Tune starts a
small driver for each, the driver starts Ray Train, and each epoch is reported to both. So Tune doesn't own a
trial's workers, and how many trials fit beside each other is computed here, from what the cluster has free. A
trial trains and is scored by the decoder alone, free-running, on the calibration split; the test split is
looked at once, in the end, with fresh trainings of the winner and of the base config.

This process keeps the records: one small file a trial, replaced as a whole after each epoch. A second start
hands the recorded trials to Tune first. Their drivers repeat what is on record instead of training, so the
searcher and the early stopping know all that they knew, and what broke off goes on from its last checkpoint.

Population-based training is a loop of rounds here, and not Tune's scheduler. That one copies checkpoints, and
the callback that joins Train to Tune reports none: it would only ever note "no checkpoint" and copy nothing.
It also draws from Python's global generator, from which Tune's event loop draws too, so a killed sweep could
not take the same turns again. A round is a set of trials like any other, each beginning with a checkpoint.
"""

from __future__ import annotations

import logging
import math
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonargparse
import numpy as np
import optuna
import pyarrow as pa
import ray
import ray.tune
import torch
import yaml
from pyarrow import fs as pafs
from ray.train import Result, TrainingFailedError
from ray.tune.integration.ray_train import TuneReportCallback
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from jet.artifact import Manifest, artifact_writer, digest_of, finished, resolve
from jet.books.split import CALIBRATION, TEST
from jet.evaluation.comparison import paired_bootstrap_of_runs
from jet.evaluation.metrics import Scored, line_sets
from jet.experiments.population import evolve, first_weights, lived_schedule
from jet.experiments.settings import TuneSettings
from jet.experiments.space import Coordinates, Space, build_space, with_settings
from jet.experiments.sweep_report import SIDES, Final, render_sweep
from jet.experiments.trials import NO_SCORE, Rung, Trial, best_rung, objective, rung_of, trials_table, winner
from jet.training.data import TrainingData
from ray_jobs.runtime import JobConfig, absolute, connect, main, require
from ray_jobs.train import (
    PARTS,
    best_state,
    build_network,
    checked_data,
    decoded_exactly,
    interruptible,
    opened,
    trainer_of,
)

HELP = "Search the settings of a training, above all the schedules of its losses, on the calibration split."
KIND = "sweep"
DEFAULTS = {"train.watched_rows": 0}
DRIVER_CPUS = 0.1
"""CPUs that a trial's driver reserves, beside those of its workers: it waits, mostly."""
RETRIES = 1
"""How often a trial's workers are started again: enough for a lost node; a hopeless one costs only twice."""
ENOUGH_EPOCHS = 10_000
"""More than any training has: ASHA stops by rank only, never by length."""
STARTUP_TRIALS = 10
"""Random trials before TPE models the space, at most; never more than a third of the sweep."""

NOTHING = {"epoch": 0, "objective": NO_SCORE}
"""What Tune is told of a trial that has no score."""

log = logging.getLogger("jet.tune")


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--data", required=True, help="folder with what `jet ingest` and `jet neighbors` wrote")
    parser.add_argument("--output", required=True, help="folder for trials, best config and report")
    parser.add_argument("--yes", action="store_true", help="run a grid of more than tune.grid_limit trials")
    parser.add_class_arguments(TuneSettings, "tune")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Sweep over `args.data`."""
    manifest = tune(args.data, args.output, TuneSettings(**args.tune.as_dict()), config, sure=args.yes)
    return {"output": args.output, **manifest.facts}


@dataclass(frozen=True)
class Task:
    """One training that is to be done."""

    key: str
    settings: dict[str, Any] = field(default_factory=dict)
    point: Coordinates | None = None
    parent: str | None = None
    start: str | None = None
    """The checkpoint that it begins with, its parent's last."""
    until: int | None = None
    """End after this epoch."""


@dataclass(frozen=True)
class Sweep:
    """What every trial's driver knows."""

    folder: str
    work: str
    config: JobConfig
    space: Space
    rows: int
    """Calibration entries that a trial is scored on."""
    concurrent: int

    @property
    def training(self) -> str:
        """Where the trials' checkpoints lie."""
        return f"{self.work}/training"

    def task(self, given: dict[str, Any]) -> Task:
        """What a trial does, from what Tune gives it: a task, or the coordinates that Optuna suggests."""
        return given["task"] if "task" in given else self.task_at(given)

    def task_at(self, coordinates: Coordinates) -> Task:
        """The trial at a point of the space."""
        key = f"trial-{digest_of(coordinates)[:10]}"
        return Task(key, self.space.settings(coordinates), coordinates)

    def config_of(self, task: Task) -> JobConfig:
        """A trial's config."""
        return with_settings(self.config, task.settings)

    def result(self, key: str) -> Result:
        """What Ray Train keeps of a training."""
        return Result.from_path(f"{self.training}/{key}")

    def last_checkpoint(self, key: str) -> str:
        """Where a training's last checkpoint lies."""
        checkpoint = self.result(key).checkpoint
        assert checkpoint is not None
        return f"{self.training}/{key}/{checkpoint.path.rstrip('/').rpartition('/')[2]}"


class Records:
    """The trials' records: a file each, which is whole at any time. Only the job writes them."""

    def __init__(self, work: str) -> None:
        self.filesystem, self.root = resolve(f"{work}/trials")

    def read(self, key: str) -> Trial | None:
        """The record of a trial; None where it hasn't begun."""
        try:
            with self.filesystem.open_input_stream(f"{self.root}/{key}.json") as stream:
                return Trial.from_json(stream.read())
        except FileNotFoundError:
            return None

    def write(self, trial: Trial) -> None:
        """Keep what is known of a trial."""
        self.filesystem.create_dir(self.root, recursive=True)
        with self.filesystem.open_output_stream(f"{self.root}/.{trial.key}") as stream:
            stream.write(trial.to_json())
        self.filesystem.move(f"{self.root}/.{trial.key}", f"{self.root}/{trial.key}.json")

    def all(self) -> list[Trial]:
        """Every record, in the order in which the trials began."""
        found = self.filesystem.get_file_info(pafs.FileSelector(self.root, allow_not_found=True))
        names = [info.base_name for info in found if info.extension == "json" and info.base_name[0] != "."]
        trials = [trial for name in names if (trial := self.read(name.removesuffix(".json")))]
        return sorted(trials, key=lambda trial: trial.number)


class RungReports(TuneReportCallback):
    """Hands a training's epochs to Tune, each with the objective so far."""

    def __init__(self, rungs: Sequence[Rung], rows: int) -> None:
        super().__init__()
        self.rungs, self.rows = list(rungs), rows

    def after_report(self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Any) -> None:
        """See `UserCallback`."""
        self.rungs.append(rung_of(metrics[0]))
        super().after_report(run_context, [told(self.rungs, self.rows)], checkpoint)

    def wait(self) -> None:
        """Until Tune has taken the last epoch: its session would hang if the driver ended before."""
        while not self._training_actor_item_queue.empty():
            time.sleep(0.05)
        time.sleep(0.2)


def told(rungs: Sequence[Rung], rows: int) -> dict[str, float]:
    """What Tune is told of the last of `rungs`."""
    return {**rungs[-1], "objective": objective(rungs, rows)}


def driver_of(sweep: Sweep) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What Tune runs as a trial."""
    environment = {name: value for name, value in os.environ.items() if name.startswith("RAY_TRAIN_")}

    def drive(given: dict[str, Any]) -> dict[str, Any]:
        # A stopped driver gets a signal wherever it is, and would tell of it.
        sys.unraisablehook = lambda _: None
        os.environ.update(environment)  # Ray Train starts here as it would in the job's own process
        task = sweep.task(given)
        record = Records(sweep.work).read(task.key) or Trial(key=task.key)
        for number in range(len(record.rungs)):
            ray.tune.report(told(record.rungs[: number + 1], sweep.rows))
        if record.error:
            return {**NOTHING, "error": record.error}
        if record.over:
            return {**told(record.rungs, sweep.rows), "ended": True}
        reports = RungReports(record.rungs, sweep.rows)
        try:
            result = trainer_of(
                sweep.folder,
                sweep.config_of(task),
                sweep.training,
                task.key,
                start=task.start,
                until=task.until,
                retries=RETRIES,
                quiet=True,
                tracked=sweep.work.rpartition("/")[0],
                callbacks=[reports],
            ).fit()
        except TrainingFailedError as error:
            return {**NOTHING, "error": reason(str(error))}
        finally:
            reports.wait()
        kept = [rung_of(figures) for _, figures in result.best_checkpoints or []]
        best = best_rung(kept)
        return {**told([best], sweep.rows), "ended": True} if best else NOTHING

    return drive


class Bookkeeper(ray.tune.Callback):
    """Writes the trials' records, in the job's own process, and tells how they go."""

    def __init__(self, sweep: Sweep, total: int) -> None:
        self.sweep, self.total = sweep, total
        self.records = Records(sweep.work)
        self.trials = {trial.key: trial for trial in self.records.all()}
        self.seen: dict[str, Trial] = {}  # of this run
        self.begun: dict[str, float] = {}  # of these, when training began

    def has(self, task: Task) -> bool:
        """Whether a task is on record as over."""
        return task.key in self.trials and self.trials[task.key].over

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:  # noqa: ARG002
        """A trial's driver starts: to train, or to repeat what is on record."""
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
        if "ended" in result:
            record.status = "finished"
        if error := result.get("error"):
            record.error = error
            record.status = "diverged" if error.startswith(FloatingPointError.__name__) else "failed"
        if not result["epoch"] or record.over:
            return
        known = len(record.rungs)
        record.add({name: result[name] for name in ("epoch", "exact_match", "likelihood", "loss")})
        self._keep(record)
        if len(record.rungs) > known:
            epoch, exact, likelihood = (result[name] for name in ("epoch", "exact_match", "likelihood"))
            self._tell(record, f"epoch {epoch:.0f}, exact match {exact:.3f}, likelihood {likelihood:.3f}")

    def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:  # noqa: ARG002
        """A trial ended, or was stopped."""
        record = self._open(trial)
        if record is None:
            return
        if record.status == "running":
            task = self.sweep.task(trial.config)
            whole = task.until or self.sweep.config_of(task).train.max_epochs
            record.status = "finished" if record.rungs and record.rungs[-1]["epoch"] >= whole else "stopped"
        if record.best is None and record.error is None:
            record.status, record.error = "diverged", "no epoch had a finite likelihood"
        self._close(record)

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:  # noqa: ARG002
        """A trial's driver failed or was lost: the sweep goes on."""
        record = self._open(trial)
        if record is not None:
            told = Path(trial.error_file) if trial.error_file else None
            record.status = "failed"
            record.error = reason(told.read_text() if told and told.exists() else "its driver was lost")
            self._close(record)

    def _open(self, trial: Any) -> Trial | None:
        """The record of a trial that is being trained; None where it was over before and is only repeated."""
        key = self.sweep.task(trial.config).key
        return self.trials[key] if key in self.begun else None

    def _keep(self, record: Trial) -> None:
        record.seconds = round(time.monotonic() - self.begun[record.key], 2)
        self.records.write(record)

    def _close(self, record: Trial) -> None:
        self._keep(record)
        del self.begun[record.key]
        self._tell(record, record.status + (f": {record.error}" if record.error else ""))

    def _tell(self, record: Trial, what: str) -> None:
        place = list(self.seen).index(record.key) + 1
        log.info("%s (%d of %d): %s", record.key, place, self.total, what)


def reason(text: str) -> str:
    """The one line of a traceback that says why: the last that names an exception."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Exit|Interrupt)\b.*:", line)]
    return (said or lines)[-1][:500]


def run_trials(
    sweep: Sweep,
    tasks: Sequence[Task] = (),
    *,
    searcher: OptunaSearch | None = None,
    count: int = 1,
    scheduler: ASHAScheduler | None = None,
) -> list[Trial]:
    """Run tasks, or `count` times what a searcher suggests; returns their records.

    Where nobody needs to see them again, tasks that are on record already are left out.
    """
    books = Bookkeeper(sweep, len(tasks) or count)
    todo = [task for task in tasks if scheduler or not books.has(task)]
    if not todo and searcher is None:
        return [books.trials[task.key] for task in tasks]
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
            name=f"tune-{time.time_ns()}", storage_path=f"{sweep.work}/tune", callbacks=[books], verbose=0
        ),
    )
    logging.getLogger("ray.tune").setLevel(logging.ERROR)  # it misses log files, and tells how slow a step was
    with interruptible():
        tuner.fit()
    return [books.trials[task.key] for task in tasks] if tasks else list(books.seen.values())


def str_of_id(trial: Any) -> str:
    """A trial's name for Tune's own folders."""
    return trial.trial_id


def concurrency(settings: TuneSettings, config: JobConfig) -> int:
    """How many trials the cluster's free resources hold beside each other, at least 1.

    Raises `ValueError` where the whole cluster couldn't hold one.
    """
    workers, gpus = config.runtime.train_workers, config.runtime.train_workers * config.runtime.train_gpu
    require(
        workers + DRIVER_CPUS,
        gpus,
        f"a trial (training with {workers} workers, and its driver)",
        "lower runtime.train_workers",
    )
    free = ray.available_resources()
    fits = free.get("CPU", 0.0) / (workers + DRIVER_CPUS)
    if gpus:
        fits = min(fits, free.get("GPU", 0.0) / gpus)
    return max(1, min(int(fits), settings.concurrent or int(fits)))


def search(sweep: Sweep, settings: TuneSettings) -> list[Trial]:
    """All trials of the sweep; the winner is among them."""
    if settings.method == "pbt":
        return train_population(sweep, settings)
    scheduler = None
    if settings.stop_early:
        grace = math.ceil(settings.grace * sweep.config.train.max_epochs)
        scheduler = ASHAScheduler(
            time_attr="epoch",
            metric="objective",
            mode="max",
            max_t=ENOUGH_EPOCHS,
            grace_period=grace,
            reduction_factor=2,  # at every rung, half of them are stopped
        )
    if settings.method == "optuna":
        return run_trials(sweep, searcher=tpe(sweep, settings), count=settings.trials, scheduler=scheduler)
    space = sweep.space
    points = list(space.grid()) if settings.method == "grid" else space.sample(settings.trials, settings.seed)
    if settings.method == "random" and len(points) < settings.trials:
        log.info("the space has only %d different points", len(points))
    return run_trials(sweep, [sweep.task_at(point) for point in points], scheduler=scheduler)


def tpe(sweep: Sweep, settings: TuneSettings) -> OptunaSearch:
    """Optuna's sampler, told first of the trials that were begun before."""
    known = [trial.point for trial in Records(sweep.work).all() if trial.point is not None]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(
        # Another seed after a restart: the same one would suggest again what is known.
        seed=int(np.random.default_rng([settings.seed, len(known)]).integers(2**31)),
        n_startup_trials=min(STARTUP_TRIALS, math.ceil(settings.trials / 3)),
        multivariate=False,
    )
    return OptunaSearch(
        sweep.space.draw, metric="objective", mode="max", sampler=sampler, points_to_evaluate=known
    )


def train_population(sweep: Sweep, settings: TuneSettings) -> list[Trial]:
    """Population-based training; returns the members of the last round, each with all that its line lived."""
    ranges = sweep.space.ranges()
    epochs, every = sweep.config.train.max_epochs, settings.perturb_epochs
    rng = np.random.default_rng(settings.seed)
    lived = [[weights] for weights in first_weights(ranges, settings.trials, rng)]
    lines: list[list[Rung]] = [[] for _ in lived]
    parents: list[str | None] = [None] * len(lived)
    for number in range(1, math.ceil(epochs / every) + 1):
        tasks = [
            Task(
                f"round-{number}-member-{member}",
                # A population ends nobody early, and nor must the training that repeats a line of it.
                lived_schedule(lived[member], every, epochs) | {"train.patience": epochs},
                parent=parent,
                start=sweep.last_checkpoint(parent) if parent else None,
                until=min(number * every, epochs),
            )
            for member, parent in enumerate(parents)
        ]
        found = {trial.key: trial for trial in run_trials(sweep, tasks)}
        members = [found[task.key] for task in tasks]
        lines = [[*line, *trial.rungs] for line, trial in zip(lines, members, strict=True)]
        if number * every >= epochs:
            break
        scores = [
            objective(trial.rungs[-1:] if trial.status == "finished" else [], sweep.rows) for trial in members
        ]
        following = evolve([each[-1] for each in lived], scores, ranges, rng)
        for member, (parent, _) in enumerate(following):
            if parent != member:
                log.info("member %d goes on from member %d, with other weights", member, parent)
        lived = [[*lived[parent], weights] for parent, weights in following]
        lines = [lines[parent] for parent, _ in following]
        parents = [members[parent].key for parent, _ in following]
    return [replace(trial, rungs=line) for trial, line in zip(members, lines, strict=True)]


def finals(sweep: Sweep, settings: TuneSettings, best: Trial, data: TrainingData) -> list[Final]:
    """Fresh trainings of the base config and of the winner, and how right each is on the test split.

    With seeds that no trial had: the winner was also lucky with the seed that it was chosen by.
    """
    seeds = [sweep.config.train.seed + 1 + number for number in range(settings.final_seeds)]
    tasks = {
        (name, seed): Task(f"final-{name}-{seed}", {**changed, "train.seed": seed})
        for seed in seeds
        for name, changed in (("base", {}), ("winner", best.settings))
    }
    if not tasks:
        return []
    found = {trial.key: trial for trial in run_trials(sweep, list(tasks.values()))}
    made = []
    for seed in seeds:
        pair = {name: found[tasks[name, seed].key] for name in ("base", "winner")}
        if failed := [trial for trial in pair.values() if trial.status != "finished"]:
            log.warning("%s %s: seed %d is left out", failed[0].key, failed[0].status, seed)
            continue
        right = {name: test_answers(sweep, tasks[name, seed], data) for name in pair}
        scores = {name: trial.best["exact_match"] for name, trial in pair.items() if trial.best}
        made.append(Final(seed, scores, right))
    return made


def test_answers(sweep: Sweep, task: Task, data: TrainingData) -> np.ndarray:
    """bool [test rows]: which the training's best epoch books right. What can't be learned is never right."""
    config = sweep.config_of(task)
    state, _ = best_state(sweep.result(task.key))
    network = build_network(data, config)
    network.load_state_dict(state["network"])
    data = replace(data, model=config.model)  # how many neighbors it reads may be searched
    runtime = sweep.config.runtime
    shared = ray.put((network.eval(), data, config.predict.beams, config.train.batch_size))
    slices = np.array_split(data.learnable(TEST), runtime.actors)
    decode = ray.remote(num_cpus=runtime.actor_cpus)(right_rows)
    right = np.concatenate(ray.get([decode.remote([shared], rows) for rows in slices]))
    return np.isin(data.rows(TEST), right)


def right_rows(given: list[ray.ObjectRef], rows: np.ndarray) -> np.ndarray:
    """Those of `rows` whose lines are all right, decoded freely."""
    torch.set_num_threads(1)
    network, data, beams, size = ray.get(given[0])
    right = [np.empty(0, np.int64)]
    for start in range(0, len(rows), size):
        some = rows[start : start + size]
        for piece, parts in zip(data.pieces(some), data.micro_batches(some), strict=True):
            right.append(piece[decoded_exactly(network, parts, beams).numpy()])
    return np.concatenate(right)


def gain_of(found: Sequence[Final], data: TrainingData) -> dict[str, float] | None:
    """How much more often the winner is right on the test split than the base config, with an interval."""
    if not found:
        return None
    entries = data.entries.take(pa.array(data.rows(TEST)))
    true = line_sets(entries["lines"])
    sides = [
        [
            Scored(
                entity=np.array(entries["entity"].to_pylist()),
                entry_id=entries["entry_id"].to_pylist(),
                true=true,
                predicted=[lines if good else () for lines, good in zip(true, each.right[name], strict=True)],
                confidence=np.ones(len(true)),
                alternatives=[[] for _ in true],
                valid=np.ones(len(true), bool),
            )
            for each in found
        ]
        for name in ("winner", "base")
    ]
    return paired_bootstrap_of_runs(*sides)


def best_yaml(config: JobConfig, best: Trial) -> str:
    """The winner's config, as `jet train --config` takes it."""
    made = with_settings(config, best.settings).part(*PARTS)
    rung = best.best
    assert rung is not None
    score = f"exact match {rung['exact_match']:.4f}, likelihood {rung['likelihood']:.4f}"
    head = f"# {best.key}: {score} on the calibration split, by the decoder alone, after epoch"
    return f"{head} {rung['epoch']:.0f}\n{yaml.safe_dump(made, sort_keys=False, allow_unicode=True)}"


def tune(folder: str, output: str, settings: TuneSettings, config: JobConfig, sure: bool = False) -> Manifest:
    """Sweep, score the winner and publish; returns the manifest."""
    entries, neighbors, inputs = opened(folder)
    wanted = asdict(replace(settings, concurrent=0, grid_limit=1))  # these two don't bear on what comes out
    made_with = config.part(*PARTS) | {"tune": wanted}
    done = finished(output, KIND, made_with, inputs)
    if done is not None:
        log.info("%s holds the same sweep already", output)
        return done
    space = build_space(settings.space, config)
    if settings.method == "pbt":
        space.ranges()
    count = space.grid_size() if settings.method == "grid" else settings.trials
    if settings.method == "grid" and count > settings.grid_limit and not sure:
        raise ValueError(
            f"the grid has {count} trials, more than tune.grid_limit {settings.grid_limit}: lower points, "
            "leave a setting out, use another tune.searcher, or say --yes"
        )
    connect(config.runtime)
    concurrent = concurrency(settings, config)
    data = checked_data(entries, neighbors, config)
    name = digest_of([made_with, inputs])
    group = config.tracking.group or f"sweep-{name[:8]}"
    config = replace(config, tracking=replace(config.tracking, group=group))
    rows = len(data.learnable(CALIBRATION))
    rows = min(rows, config.train.watched_rows or rows)
    parent, _, last = absolute(output).rstrip("/").rpartition("/")
    work = f"{parent}/.{last}.tuning-{name}"
    sweep = Sweep(absolute(folder), work, config, space, rows, concurrent)
    log.info("%d trials (%s), %d at a time, scored on %d entries", count, settings.method, concurrent, rows)
    trials = search(sweep, settings)
    best = winner(trials, rows)
    log.info("the best is %s; now the test split", best.key)
    scored = finals(sweep, settings, best, data)
    gain = gain_of(scored, data)
    every = Records(work).all()
    facts = {
        "trials": len(trials),
        "statuses": dict(Counter(trial.status for trial in trials)),
        "best": best.key,
        "calibration_exact_match": round((best.best or {})["exact_match"], 4),
        "test": test_facts(scored, gain),
        "trial_seconds": round(sum(trial.seconds for trial in every), 1),
    }
    page = render_sweep(trials, best, space, config, settings, scored, gain, every, rows)
    with artifact_writer(output, KIND, made_with, inputs, resolved=asdict(config)) as writer:
        writer.write_table("trials.parquet", trials_table(trials))
        writer.write_bytes("best.yaml", best_yaml(config, best).encode())
        writer.write_bytes("report/index.html", page.encode())
        manifest = writer.publish({"trials": len(trials)}, facts)
    filesystem, root = resolve(work)
    filesystem.delete_dir(root)
    return manifest


def test_facts(scored: Sequence[Final], gain: dict[str, float] | None) -> dict[str, Any] | None:
    """The test split in a few figures."""
    if gain is None:
        return None
    shares = {name: round(float(np.mean([each.right[name].mean() for each in scored])), 4) for name in SIDES}
    return {"seeds": len(scored), **shares, "gain": {name: round(value, 4) for name, value in gain.items()}}


if __name__ == "__main__":
    sys.exit(main("tune", sys.modules[__name__]))
