"""`jet evaluate`: a bundle and its rivals on the newest entries of every entity.

The model's figures are of the free-running decode of entries whose lines it does not see; memory is rolling:
every entry of a strictly earlier date may be a neighbor, as in daily use with reviewed books (and once more
frozen, ending where the test begins). Thresholds come from the calibration split, everything reported from the
test split. `rows.parquet` has, for each test entry, what each method and rival made of it, and
`new-companies/rows.parquet` what would be made of it if its company were new.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import jsonargparse
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import ray

from jet.artifacts.artifact import Artifact, Manifest, artifact_writer, finished, open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES, joined_keys
from jet.books.split import CALIBRATION, TEST, TRAIN, split_by_date
from jet.bundle.bundle import Bundle
from jet.bundle.saved import load_bundle
from jet.confidence.drift import Signs, compare, held_back, sentences, summary
from jet.confidence.stack import METHODS, Method
from jet.evaluation.baselines import OF_SENTENCES, Materials, score_baseline
from jet.evaluation.comparison import paired_bootstrap
from jet.evaluation.examine import predictions_of
from jet.evaluation.learning_curve import (
    HISTORIES,
    CurveAnswers,
    CurveFold,
    answer,
    curve_rows,
    deal,
    fold_ranker,
    learning_curve,
    svm_right,
)
from jet.evaluation.metrics import (
    PROMISES,
    Scored,
    amount_metrics,
    evaluate,
    score_predictions,
    strata,
    thresholds_for,
)
from jet.evaluation.report import build_metrics, write_report
from jet.evaluation.retrieval_metrics import retrieval_metrics
from jet.ranking.examples import newest
from jet.ranking.statistics import Statistics
from jet.retrieval.columns import sort_entries
from jet.retrieval.corpus import Corpus
from jet.retrieval.neighbors import find_neighbors
from jet.retrieval.retriever import Retriever
from jet.training.data import TrainingData
from ray_jobs.runtime.command import JobConfig, main
from ray_jobs.runtime.connection import connect
from ray_jobs.spread.answering import ExamineSlice, ExampleSlice, PredictSlice, examples_of, over_slices, share
from ray_jobs.spread.rivals import RivalRun, run_rivals

HELP = "Measure a bundle and its rivals on the newest entries: metrics.json, index.html, rows.parquet."
KIND = "report"
ALSO = {"--model": "--bundle", "--baselines": "--evaluate.baselines"}
EXAMPLES = 20
CURVE_EXAMPLES = 2_000
"""Training entries that the rankers of the learning curve see."""

log = logging.getLogger("jet.evaluate")


def arguments(parser: jsonargparse.ArgumentParser) -> None:
    """The job's options."""
    parser.add_argument("--entries", required=True, help="what `jet ingest` wrote: booked entries")
    parser.add_argument("--bundle", required=True, help="what `jet train` wrote; --model means the same")
    parser.add_argument("--output", required=True, help="folder for the report; must not exist yet")


def run(args: jsonargparse.Namespace, config: JobConfig) -> dict[str, Any]:
    """Evaluate the bundle at `args.bundle`."""
    manifest = evaluate_bundle(
        open_artifact(args.entries, "entries"), load_bundle(args.bundle), args.output, config
    )
    return {"output": args.output, **manifest.facts}


class Exam:
    """The booked entries, their split, and how each method's answers are put beside the truth."""

    def __init__(self, artifact: Artifact, bundle: Bundle, config: JobConfig) -> None:
        entries = artifact.read_table(ENTRIES)
        self.entries = sort_entries(entries.filter(pc.is_valid(entries["lines"]))).combine_chunks()
        self.accounts = artifact.read_table(ACCOUNTS, "accounts")
        self.bundle, self.config = bundle, config
        self.entity = bundle.corpus.catalog.entity_numbers(self.entries["entity"])
        days = self.entries["date"].cast(pa.int32()).to_numpy()
        self.split = split_by_date(self.entity, days, config.split)
        self.rows = {part: np.flatnonzero(self.split == part) for part in (CALIBRATION, TEST)}
        if not len(self.rows[TEST]):
            raise ValueError(f"the split leaves no entries to test on, of {len(self.entries)} booked ones")
        self.strata = {part: strata(self.entries, rows) for part, rows in self.rows.items()}
        self.promises = sorted({*PROMISES, config.predict.promise})

    def of(self, part: int) -> pa.Table:
        """The entries of a part of the split."""
        return self.entries.take(pa.array(self.rows[part]))

    def scored(self, predictions: pa.Table, part: int) -> Scored:
        """Predictions beside the truth."""
        return score_predictions(self.of(part), predictions, strata=self.strata[part], accounts=self.accounts)

    def scored_rival(self, run: RivalRun, part: int) -> Scored:
        """A rival's answers beside the truth."""
        rows = self.rows[part]
        return score_baseline(
            self.entries, run.predictions, rows, strata=self.strata[part], accounts=self.accounts
        )

    def thresholds(
        self, method: str
    ) -> tuple[dict[str, float | None], dict[str, dict[str, float | None]], dict[str, int]]:
        """What the bundle decides by: the pooled threshold of each promise, companies' own, and the fewest
        earlier entries that a company must have."""
        calibration = self.bundle.calibration(method)  # type: ignore[arg-type]
        pooled: dict[str, float | None] = {}
        own: dict[str, dict[str, float | None]] = {}
        least: dict[str, int] = {}
        for promise in self.promises:
            found = calibration.thresholds(promise)
            pooled[f"{promise:g}"] = found.pooled
            least[f"{promise:g}"] = found.least_history
            for entity, threshold in found.own.items():
                own.setdefault(entity, {})[f"{promise:g}"] = threshold
        return pooled, own, least

    def measured(self, method: str, calibration: Scored, test: Scored) -> dict[str, Any]:
        """The figures of one of METHODS."""
        pooled, own, least = self.thresholds(method)
        return evaluate(calibration, test, thresholds=pooled, company_thresholds=own, least_history=least)


def evaluate_bundle(artifact: Artifact, bundle: Bundle, output: str, config: JobConfig) -> Manifest:
    """Measure and publish the report."""
    inputs = {"entries": artifact.manifest.fingerprint, "model": bundle.fingerprint}
    settings = config.part("split", "predict", "drift", "evaluate")
    done = finished(output, KIND, settings, inputs)
    if done is not None:
        log.info("%s holds the same report already", output)
        return done
    connect(config.runtime)
    exam = Exam(artifact, bundle, config)
    names = rival_names(exam)
    rivals = run_rivals(names, exam.entries, exam.split, materials(exam, names))
    chosen = config.predict.method
    methods = METHODS if config.evaluate.parts else (chosen,)
    examined = examine_rows(exam, methods)
    scored: dict[str, dict[int, Scored]] = {
        method: {part: exam.scored(predictions_of(examined[part], method), part) for part in examined}
        for method in methods
    }
    trees = {method: exam.measured(method, each[CALIBRATION], each[TEST]) for method, each in scored.items()}
    test = scored[chosen][TEST]
    rival_scores = {
        name: {part: exam.scored_rival(run, part) for part in (CALIBRATION, TEST)}
        for name, run in rivals.items()
    }
    baselines = {
        name: evaluate(
            each[CALIBRATION],
            each[TEST],
            thresholds=thresholds_for(each[CALIBRATION], exam.promises),
        )
        for name, each in rival_scores.items()
    }
    curve = curve_answers(exam)
    facts = {
        "entries": {
            "booked": len(exam.entries),
            "calibration": len(exam.rows[CALIBRATION]),
            "test": len(exam.rows[TEST]),
        },
        "split": "by date within each entity",
        "memory": "rolling: every entry with a strictly earlier date",
        "method": chosen,
        "model": bundle.fingerprint,
        "entries fingerprint": artifact.manifest.fingerprint,
        "encoder": bundle.encoder,
        "training": bundle.facts,
        "settings": settings,
    }
    metrics = build_metrics(
        trees[chosen],
        baselines,
        facts,
        methods={method: tree for method, tree in trees.items() if method != chosen},
        frozen=frozen(exam, scored[chosen][CALIBRATION]) if config.evaluate.frozen else None,
        retrieval=retrieval_figures(examined[TEST]),
        learning_curve=learning_curve(curve),
        learning_curve_note=CURVE_NOTE if curve else None,
        amounts=amount_metrics(examined[TEST], bundle.amount_calibration.thresholds, exam.promises),
        costs={
            name: {"seconds": run.seconds, "cpu_seconds": run.cpu_seconds, "peak_mib": run.peak_mib}
            for name, run in rivals.items()
        },
        comparison={name: paired_bootstrap(test, each[TEST]) for name, each in rival_scores.items()},
        company_thresholds=exam.thresholds(chosen)[1],
        drift=drift_figures(exam, predictions_of(examined[TEST], chosen)),
    )
    shown = examples(exam.of(TEST), predictions_of(examined[TEST], chosen), exam.accounts, test)
    text, page = write_report(metrics, shown)
    answers: dict[str, Scored] = {method: each[TEST] for method, each in scored.items()}
    answers |= {name: each[TEST] for name, each in rival_scores.items()}
    with artifact_writer(output, KIND, settings, inputs, resolved=asdict(config)) as writer:
        writer.write_bytes("metrics.json", text.encode())
        writer.write_bytes("index.html", page.encode())
        writer.write_table("rows.parquet", rows_table(answers))
        if curve:
            writer.write_table("new-companies/rows.parquet", curve_rows(curve))
        headline = {name: each["overall"]["entry_exact_match"] for name, each in baselines.items()}
        return writer.publish(
            {"test": len(exam.rows[TEST])},
            {"entry_exact_match": {"model": trees[chosen]["overall"]["entry_exact_match"], **headline}},
        )


def examine_rows(exam: Exam, methods: Sequence[Method]) -> dict[int, pa.Table]:
    """`examine` of the calibration and of the test entries, whose own lines are not looked at.

    One pool of actors answers both: its start takes as long as thousands of answers.
    """
    wanted = {part: exam.of(part) for part in (CALIBRATION, TEST)}
    both = pa.concat_tables(wanted.values()).combine_chunks()
    settings = exam.config.predict
    if len(methods) > 1:
        settings = replace(settings, method="stacked")  # which computes the others' scores too
    shared = share(exam.bundle, settings, [both["description"]], exam.config.runtime)
    examined = over_slices(ExamineSlice, shared, both, exam.config.runtime, methods=methods)
    keys = joined_keys(examined["entity"], examined["entry_id"])
    return {
        part: examined.filter(pc.is_in(keys, value_set=joined_keys(own["entity"], own["entry_id"])))
        for part, own in wanted.items()
    }


def drift_figures(exam: Exam, predictions: pa.Table) -> dict[str, Any] | None:
    """How the test entries differ from those of the calibration; None where nothing was calibrated."""
    config = exam.config
    calibration = exam.bundle.judgment.signs(config.predict.method)
    groups = compare(calibration, Signs.of_predictions(predictions), config.drift)
    held = pc.not_equal(held_back(predictions, sentences(groups))["decision"], predictions["decision"])
    promise = f"{config.predict.promise:g}"
    return {**summary(groups, pc.sum(held).as_py() or 0), "promise": promise} if groups else None


def frozen(exam: Exam, calibration: Scored) -> dict[str, Any]:
    """The figures with a memory that ends where the test begins."""
    log.info("the test once more, with a frozen memory")
    wanted = exam.of(TEST)
    bundle = exam.bundle.with_rows(np.flatnonzero(books_split(exam) != TEST))
    shared = share(bundle, exam.config.predict, [wanted["description"]], exam.config.runtime)
    predictions = over_slices(PredictSlice, shared, wanted, exam.config.runtime)
    return exam.measured(exam.config.predict.method, calibration, exam.scored(predictions, TEST))


def books_split(exam: Exam) -> np.ndarray:
    """int8: the split of the rows of the bundle's books. Rows that the exam doesn't know are training rows."""
    keys = joined_keys(exam.entries["entity"], exam.entries["entry_id"])
    books = exam.bundle.corpus
    place = pc.index_in(joined_keys(books.entities, books.ids), value_set=keys)
    found = pc.fill_null(place, -1).to_numpy(zero_copy_only=False)
    return np.where(found >= 0, exam.split[found], TRAIN)


def rival_names(exam: Exam) -> tuple[str, ...]:
    """The rivals that are asked for; where all are, those that can be had of the bundle's texts."""
    settings = exam.config.evaluate
    if settings.baselines != "all" or exam.bundle.corpus.store.dimension:
        return settings.names()
    log.info("the bundle has no sentence vectors: all rivals but %s", ", ".join(OF_SENTENCES))
    return tuple(name for name in settings.names() if name not in OF_SENTENCES)


def materials(exam: Exam, names: Sequence[str]) -> Materials:
    """What the rivals `names` are made from."""
    store = exam.bundle.corpus.store if any(name.startswith("nearest") for name in names) else None
    data = None
    if {"ancestor", "boosted_trees"} & set(names):
        data = training_data(exam)
        store = data.corpus.store
    return Materials(store=store, accounts=exam.accounts, data=data, seed=exam.config.train.seed)


def training_data(exam: Exam) -> TrainingData:
    """The exam's entries as `jet train` reads them."""
    bundle = exam.bundle
    known = bundle.corpus
    corpus = Corpus.of(sort_entries(exam.entries), known.catalog, known.store, known.idf)
    neighbors = find_neighbors(exam.entries, Retriever.of(corpus, bundle.retrieval))
    return TrainingData.build(
        exam.entries,
        exam.accounts,
        neighbors,
        known.store,
        known.idf,
        exam.config.split,
        bundle.model,
        bundle.retrieval,
    )


def retrieval_figures(examined: pa.Table) -> dict[str, Any]:
    """What retrieval found for the test entries, and what was proposed."""
    true = [tuple(sorted(tokens)) for tokens in examined["true"].to_pylist()]
    found = [
        [[tuple(sorted(tokens)) for tokens in sets] for sets in examined[name].to_pylist()]
        for name in ("neighbors", "candidates")
    ]
    return retrieval_metrics(true, *found)


CURVE_NOTE = (
    "Each company as a new one: the set ranker alone, trained on the other companies, knowing the new one's "
    "chart of accounts, its last so many entries before the test, and its peers' books. The SVM learns from "
    "the same entries of the company, and from nothing else."
)


def curve_answers(exam: Exam) -> dict[int, list[CurveAnswers]]:
    """What each fold's companies, never learned from, are answered by their history; empty where there is
    nothing to measure."""
    limit = exam.config.evaluate.curve_rows
    folds = deal(exam.split, exam.entity) if limit else []
    if not folds:
        return {}
    log.info("learning curve of new companies: %d folds", len(folds))
    bundle, runtime = exam.bundle, exam.config.runtime
    data = training_data(exam)
    statistics = Statistics.of(data.corpus, data.retrieval, data.model.max_lines)
    rows = newest(data.learnable(TRAIN), data.corpus.rows.entity, CURVE_EXAMPLES)
    shared = ray.put((statistics, data.hits, bundle.ranker.settings))
    made = over_slices(ExampleSlice, shared, pa.table({"row": rows}), runtime, keys=("row",))
    learned = examples_of(made)
    folds = [companies for companies in folds if not np.isin(learned.entity, companies).all()]
    given = ray.put((bundle, learned, books_split(exam), bundle.ranker.settings))
    test = exam.rows[TEST]
    test = test[np.linspace(0, len(test) - 1, min(limit, len(test))).astype(int)]
    task = ray.remote(num_cpus=runtime.actor_cpus)(_answer_fold)
    before = np.flatnonzero(exam.split != TEST)
    asked = [
        CurveFold(companies, *(_entries_of(exam, rows, companies) for rows in (before, test)))
        for companies in folds
    ]
    asked = [fold for fold in asked if len(fold.asked)]
    answers: dict[int, list[CurveAnswers]] = {}
    for found in ray.get([task.remote([given], fold) for fold in asked]):
        for history, answered in found.items():
            answers.setdefault(history, []).append(answered)
    return answers


def _entries_of(exam: Exam, rows: np.ndarray, companies: np.ndarray) -> pa.Table:
    return exam.entries.take(pa.array(rows[np.isin(exam.entity[rows], companies)]))


def _answer_fold(given: list[ray.ObjectRef], fold: CurveFold) -> dict[int, CurveAnswers]:
    bundle, made, parts, settings = ray.get(given[0])
    ranker = fold_ranker(made, fold, settings)
    return {
        history: CurveAnswers(
            fold.asked, answer(bundle, ranker, fold, parts, history), svm_right(fold, history)
        )
        for history in HISTORIES
    }


def rows_table(answers: Mapping[str, Scored]) -> pa.Table:
    """One row for each test entry: entity, entry_id, strata, and for each method whether its answer is right,
    how sure it was, and what it answered; for looking at errors and for figures of any group."""
    first = next(iter(answers.values()))
    columns: dict[str, Any] = {"entity": first.entity.tolist(), "entry_id": first.entry_id}
    columns |= {f"stratum_{name}": values.tolist() for name, values in first.strata.items()}
    columns["true"] = [_spelled(lines) for lines in first.true]
    for name, scored in answers.items():
        columns[f"{name}_right"] = scored.counts["exact"] > 0
        columns[f"{name}_confidence"] = scored.confidence
        columns[f"{name}_answer"] = [_spelled(lines) for lines in scored.predicted]
    return pa.table(columns)


def _spelled(lines: tuple[tuple[str, str], ...]) -> str:
    return " ".join(f"{side} {account}" for account, side in lines)


def examples(
    entries: pa.Table, predictions: pa.Table, accounts: pa.Table, scored: Scored, count: int = EXAMPLES
) -> list[dict[str, Any]]:
    """Some entries, spread evenly, as the report shows them. `scored` has the rows of `entries`."""
    names = {(row["entity"], row["code"]): row["name"] for row in accounts.to_pylist()}
    found = {(row["entity"], row["entry_id"]): row for row in predictions.to_pylist()}
    shown = []
    for row in np.unique(np.linspace(0, len(entries) - 1, count).astype(int)):
        entry = entries.slice(int(row), 1).to_pylist()[0]
        prediction = found[entry["entity"], entry["entry_id"]]
        true = [
            {
                "account": line["account"],
                "name": names[entry["entity"], line["account"]],
                "side": line["side"],
            }
            for line in entry["lines"]
        ]
        lines = [
            {**line, "amount": None if line["amount"] is None else f"{line['amount']:.2f}"}
            for line in prediction["lines"]
        ]
        shown.append(
            {
                "entity": entry["entity"],
                "date": entry["date"].isoformat(),
                "description": entry["description"],
                "predicted": lines,
                "true": true,
                "confidence": prediction["confidence"],
                "decision": prediction["decision"],
                "reason": prediction["reason"],
                "right": scored.true[row] == scored.predicted[row],
            }
        )
    return shown


if __name__ == "__main__":
    sys.exit(main("evaluate", sys.modules[__name__]))
