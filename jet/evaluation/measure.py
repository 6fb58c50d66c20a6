"""Measures a bundle and its baselines on the newest entries of every entity.

The model predicts entries without their lines. Memory is rolling: every entry of a strictly earlier date may be
a neighbor, as in daily use with reviewed books. The model is measured again in the other regimes of use: as a
batch, with a memory that ends where the test begins, and without totals. All metrics are of the test entries.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.split import CALIBRATION, TEST, TRAIN
from jet.books.withheld import without_totals
from jet.confidence.drift import DriftStatistics, compare, drift_sentences, hold_drifted, summary
from jet.confidence.regimes import REGIMES
from jet.confidence.settings import METHODS, Method
from jet.evaluation.amount_metrics import amount_metrics
from jet.evaluation.baselines import OF_SENTENCES, BaselineRun, Materials
from jet.evaluation.companies import company_states
from jet.evaluation.comparison import paired_bootstrap
from jet.evaluation.confusion import account_confusion
from jet.evaluation.exam import Exam
from jet.evaluation.examine import predictions_of
from jet.evaluation.executor import Executor
from jet.evaluation.learning_curve import CURVE_NOTE, CurvePredictions, curve_folds, curve_rows, learning_curve
from jet.evaluation.measurements import Figures, Measurements
from jet.evaluation.metrics import evaluate
from jet.evaluation.retrieval_metrics import retrieval_metrics
from jet.evaluation.rows import account_names, examples, rows_table, spread_rows, surest_mistakes
from jet.evaluation.scored import Scored
from jet.ranking.examples import newest
from jet.ranking.statistics import Statistics

WITHOUT_TEST = (
    "The figures come from a calibration without the test split. The bundle that predicts has learned its "
    "confidence and its thresholds from the test split too."
)
"""The fact that a reader must know where the two differ."""

CURVE_EXAMPLES = 2_000
"""The most training entries of the learning curve's rankers."""

log = logging.getLogger("jet.evaluate")


@dataclass(frozen=True)
class Evaluation:
    """The content of a report."""

    metrics: dict[str, Any]
    """The tree of `Measurements`."""
    rows: pa.Table
    """`rows_table` of the test entries."""
    curve_rows: pa.Table | None
    """`jet.evaluation.learning_curve.curve_rows`; None where no curve was measured."""
    examples: list[dict[str, Any]]
    """Some test entries as `jet.evaluation.report.render_html` shows them."""
    mistakes: list[dict[str, Any]]
    """The surest wrong answers, in the same form."""


def measure(exam: Exam, executor: Executor) -> Evaluation:
    """The evaluation by the exam's settings, computed by `executor`.

    In one process: `measure(Exam(entries, accounts, bundle, settings), InProcess()).metrics`.
    """
    chosen = exam.settings.predict.method
    runs = _run_baselines(exam, executor)
    examined = executor.examine(exam.bundle, exam.settings.predict, exam.test)
    predictions = predictions_of(examined)
    scored: dict[Method, Scored] = {chosen: exam.scored(predictions), **_other_methods(exam, executor)}
    figures = {method: evaluate(each, exam.thresholds(method)) for method, each in scored.items()}
    by_baseline = {name: exam.scored_baseline(run.predictions) for name, run in runs.items()}
    curve = _predict_curve(exam, executor)
    measured = Measurements(
        model=figures[chosen],
        baselines={
            name: evaluate(by_baseline[name], exam.baseline_thresholds(run.predictions))
            for name, run in runs.items()
        },
        facts=_facts(exam),
        methods={method: each for method, each in figures.items() if method != chosen},
        regimes=_other_regimes(exam, executor) if exam.settings.evaluate.regimes else {},
        retrieval=_retrieval(examined),
        learning_curve=learning_curve(curve),
        learning_curve_note=CURVE_NOTE if curve else None,
        amounts=amount_metrics(examined, exam.bundle.amount_calibration, exam.promises),
        costs={name: _costs(run) for name, run in runs.items()},
        comparison={name: paired_bootstrap(scored[chosen], each) for name, each in by_baseline.items()},
        companies=company_states(
            exam.bundle.judgment.of_method(chosen), exam.promises, set(exam.test["entity"].to_pylist())
        ),
        confusion=account_confusion(scored[chosen], account_names(exam.accounts)),
        drift=_drift(exam, predictions),
    )
    shown = [
        examples(exam.test, predictions, exam.accounts, scored[chosen], rows)
        for rows in (spread_rows(len(exam.test)), surest_mistakes(scored[chosen]))
    ]
    automated = exam.thresholds(chosen).automated(scored[chosen], np.arange(len(exam.test)))
    return Evaluation(
        measured.tree(),
        rows_table(exam.test, scored | by_baseline, automated[f"{exam.settings.predict.promise:g}"]),
        curve_rows(curve) if curve else None,
        *shown,
    )


def _facts(exam: Exam) -> dict[str, Any]:
    """The facts that a reader needs to repeat the measurement."""
    first, last = pc.min_max(exam.test["date"]).as_py().values()
    facts = {
        "entries": {
            "booked": len(exam.entries),
            "calibration": len(exam.rows(CALIBRATION)),
            "test": len(exam.test_rows),
        },
        "test period": {"from": first.isoformat(), "to": last.isoformat()},
        "split": "by date within each entity",
        "memory": "rolling: every entry with a strictly earlier date",
        "confidence": WITHOUT_TEST if exam.without_test else None,
        "method": exam.settings.predict.method,
        "model": exam.model,
        "entries fingerprint": exam.fingerprint,
        "encoder": exam.bundle.encoder,
        "training": exam.bundle.facts,
        "settings": exam.settings.facts(),
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


# --- baselines -----------------------------------------------------------------------------------------


def _run_baselines(exam: Exam, executor: Executor) -> dict[str, BaselineRun]:
    names = baseline_names(exam)
    return executor.run_baselines(names, exam.entries, exam.split, _materials(exam, names))


def baseline_names(exam: Exam) -> tuple[str, ...]:
    """The baselines that the settings name; where they say "all", those that the bundle's texts allow."""
    settings = exam.settings.evaluate
    if settings.baselines != "all" or exam.bundle.corpus.store.dimension:
        return settings.names()
    log.info("the bundle has no sentence vectors: all baselines but %s", ", ".join(OF_SENTENCES))
    return tuple(name for name in settings.names() if name not in OF_SENTENCES)


def _materials(exam: Exam, names: Sequence[str]) -> Materials:
    store = exam.bundle.corpus.store if any(name.startswith("nearest") for name in names) else None
    data = None
    if {"ancestor", "boosted_trees"} & set(names):
        data = exam.training_data
        store = data.corpus.store
    return Materials(store=store, accounts=exam.accounts, data=data, seed=exam.settings.seed)


def _costs(run: BaselineRun) -> Mapping[str, float | None]:
    return {"seconds": run.seconds, "cpu_seconds": run.cpu_seconds, "peak_mib": run.peak_mib}


# --- the model -----------------------------------------------------------------------------------------


def _other_methods(exam: Exam, executor: Executor) -> dict[Method, Scored]:
    """The predictions by the methods that were not chosen beside the truth, where the settings ask for them."""
    chosen, scored = exam.settings.predict, dict[Method, Scored]()
    for method in METHODS:
        if exam.settings.evaluate.parts and method != chosen.method:
            log.info("the test once more: by the %s", method)
            predictions = executor.predict(exam.bundle, replace(chosen, method=method), exam.test)
            scored[method] = exam.scored(predictions)
    return scored


def _other_regimes(exam: Exam, executor: Executor) -> dict[str, Figures]:
    """The metrics in each regime of use but the first."""
    settings = exam.settings.predict
    before_test = exam.bundle.with_rows(np.flatnonzero(exam.books_split != TEST))
    no_totals = without_totals(exam.test)
    asked = [(exam.bundle, no_totals), (before_test, exam.test), (before_test, no_totals)]
    figures = {}
    for name, (bundle, entries) in zip(REGIMES[1:], asked, strict=True):
        log.info("the test once more: %s", name)
        predictions = executor.predict(bundle, settings, entries)
        figures[name] = evaluate(exam.scored(predictions), exam.thresholds(settings.method))
    return figures


def _retrieval(examined: pa.Table) -> dict[str, Any]:
    """The metrics of retrieval for the test entries."""
    true = [tuple(sorted(tokens)) for tokens in examined["true"].to_pylist()]
    columns = [
        [[tuple(sorted(tokens)) for tokens in sets] for sets in examined[name].to_pylist()]
        for name in ("neighbors", "candidates")
    ]
    return retrieval_metrics(true, *columns)


def _drift(exam: Exam, predictions: pa.Table) -> dict[str, Any] | None:
    """How the test entries differ from those of the calibration; None where nothing was calibrated."""
    settings = exam.settings
    calibration = exam.bundle.judgment.drift_statistics()
    groups = compare(calibration, DriftStatistics.of_predictions(predictions), settings.drift)
    why = drift_sentences(groups) if settings.drift.hold else {}
    held = pc.not_equal(hold_drifted(predictions, why)["decision"], predictions["decision"])
    if not groups:
        return None
    how = {"hold": settings.drift.hold, "promise": f"{settings.predict.promise:g}"}
    return summary(groups, pc.sum(held).as_py() or 0) | how


# --- new companies -------------------------------------------------------------------------------------


def _predict_curve(exam: Exam, executor: Executor) -> dict[int, list[CurvePredictions]]:
    """The predictions of all folds of new companies, by history; empty where there are no folds."""
    limit = exam.settings.evaluate.curve_rows
    folds = curve_folds(exam.entries, exam.entity, exam.split, limit) if limit else []
    if not folds:
        return {}
    log.info("learning curve of new companies: %d folds", len(folds))
    bundle, data = exam.bundle, exam.training_data
    statistics = Statistics.of(data.corpus, data.retrieval, data.model.max_lines)
    rows = newest(data.learnable(TRAIN), data.corpus.rows.entity, CURVE_EXAMPLES)
    ranker_examples = executor.ranker_examples(statistics, data.hits, rows, bundle.ranker.settings)
    folds = [fold for fold in folds if not np.isin(ranker_examples.entity, fold.companies).all()]
    predictions: dict[int, list[CurvePredictions]] = {}
    for by_history in executor.predict_folds(bundle, ranker_examples, exam.books_split, folds):
        for history, predicted in by_history.items():
            predictions.setdefault(history, []).append(predicted)
    return predictions
