"""How often jet is right, and what its promise is worth, on ledgers of many kinds, beside linear SVMs.

    python -m benchmarks.accuracy --data ../shared/data --output DIR [--window calibration] [--alone]

The newest 15 % of each company's entries are asked; jet is trained on the older ones of all sources together
(`jet.fit`), in one process, once a seed. They are asked in the four regimes of use: rolling (all earlier days
are known) or as a batch (nothing of the asked time is known), with totals or without. `--window calibration`
asks the 15 % before those instead and leaves the newest out: choices are made there.

Sources and companies are those of `benchmarks.sources`. The rival is the better one, by source, of two linear
SVMs: on text and journal, as smart_importer has it, or with total and currency. As a batch it is trained on all
older entries; rolling, it is also fitted again four times in the asked time, and the better counts.

With `--alone` each source has a model of its own, and the prior of its ranker learned nothing of the
source (`benchmarks.pretraining`): what jet is worth to somebody who comes with books of one kind.

Answers are kept in DIR, one file a seed, and not computed again.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.stats import binom

import jet
from benchmarks.pretraining import prior_without
from benchmarks.rivals import rivals_of
from benchmarks.sources import Books, books_of, ledger_of, of_sources, window_of
from jet.books.tokens import set_key
from jet.books.withheld import without_lines, without_totals
from jet.bundle.extension import extended
from jet.confidence.decisions import Decisions
from jet.confidence.judgment import RECORD
from jet.confidence.regimes import REGIMES
from jet.evaluation.reliability import calibration_error
from jet.prediction.predictor import Predictor
from jet.prediction.session import Session
from jet.retrieval.columns import entry_columns

RESAMPLES = 2_000
LEAST_AUTOMATED = 20  # of a company, for a verdict about its promise
CHANCE = 0.05  # the probability that a kept promise looks broken

log = logging.getLogger("benchmarks.accuracy")


def main() -> None:
    """Answer what is not answered yet, and print the tables in Markdown."""
    parser = parser_of(__doc__, seeds=4)
    add_window(parser)
    parser.add_argument("--promise", type=float, default=0.95)
    parser.add_argument(
        "--settings", type=json.loads, default={}, help='of `jet.fit`, e.g. {"ranker": {"prior": ""}}'
    )
    parser.add_argument(
        "--alone", action="store_true", help="train a model of each source, not of all together"
    )
    args = parser.parse_args()
    folder = folder_of(args.output, args.window)
    whole = books_of(Path(args.data))
    books = window_of(whole, args.window)

    def answered(seed: int) -> pa.Table:
        if not args.alone:
            return answers_of(books, fitted(books, seed, args.settings), args.promise)
        parts = []
        for source in sorted(set(books.source.values())):
            prior = {"prior": str(prior_without(whole, source, folder))}
            settings = args.settings | {"ranker": prior | args.settings.get("ranker", {})}
            own = of_sources(books, [source])
            parts.append(answers_of(own, fitted(own, seed, settings), args.promise))
        return pa.concat_tables(parts)

    answers = [kept(folder / f"seed-{seed}.parquet", partial(answered, seed)) for seed in args.seeds]
    rivals = kept(folder / "rivals.parquet", lambda: rivals_of(books))
    print(exact_match_table(answers, rivals), "\n")
    print(error_table(answers, rivals), "\n")
    print(promise_table(answers, args.promise), "\n")
    print(company_table(answers))


def parser_of(description: str | None, seeds: int) -> argparse.ArgumentParser:
    """The arguments of a benchmark that asks all sources, by so many seeds unless told."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with a folder of ledger files for each source")
    parser.add_argument("--output", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(seeds)))
    return parser


def add_window(parser: argparse.ArgumentParser) -> None:
    """Add the argument for the window that is asked."""
    parser.add_argument("--window", choices=("calibration", "test"), default="test")


def folder_of(output: str, name: str) -> Path:
    """The folder of the answers, made where there is none; and progress is logged."""
    logging.basicConfig(level="WARNING")
    logging.getLogger("benchmarks").setLevel("INFO")
    folder = Path(output) / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


# --- answers -------------------------------------------------------------------------------------------


def kept(path: Path, make: Callable[[], pa.Table]) -> pa.Table:
    """The table at `path` by company and entry, made where there is none."""
    if not path.exists():
        started = time.monotonic()
        table = make()
        pq.write_table(table, path)
        log.info("%s: %.0f s", path.name, time.monotonic() - started)
    return pq.read_table(path).sort_by([("entity", "ascending"), ("entry_id", "ascending")])


def fitted(books: Books, seed: int, settings: Mapping[str, Any]) -> jet.Model:
    """A model trained on the known entries."""
    settings = dict(settings) | {"train": {"seed": seed} | settings.get("train", {})}
    return jet.fit(ledger_of(books.known, books.accounts), **settings)


def answers_of(books: Books, model: jet.Model, promise: float) -> pa.Table:
    """The model's answers to the asked entries in each regime.

    As a batch all are asked at once. Rolling, each day's entries are reviewed before the next day is asked,
    which keeps the companies' records (`jet.confidence.record`). Columns: setting (the regime that is
    measured), source, entity, entry_id, regime (that the entry is answered in), confidence, right, auto,
    held (it is not automated whatever its confidence) and history (earlier entries of the company).
    """
    encode = Session(model.bundle, model.config.predict).encode
    grown = extended(model.bundle, books.accounts, encode, books.asked)
    # Booked entries: that reviewed ones decide the answers to their texts is left out, as in a report.
    grown = replace(grown, corpus=replace(grown.corpus, reviewed=np.zeros(len(grown.corpus), dtype=bool)))
    days = books.asked["date"].cast(pa.int32()).to_numpy()
    parts = []
    for memory, bundle, day in (("rolling", grown, days), ("batch", model.bundle, np.zeros_like(days))):
        session = Session(bundle, replace(model.config.predict, promise=promise))
        predictor = session.predictor(books.asked["description"])
        for name, asked in ((memory, books.asked), (f"{memory}, no total", without_totals(books.asked))):
            parts.append(_answered(predictor, name, books, asked, day))
    return pa.concat_tables(parts)


def _answered(predictor: Predictor, setting: str, books: Books, asked: pa.Table, day: np.ndarray) -> pa.Table:
    """The answers to `asked`; those of a `day` int32 [N] are reviewed before the next is asked."""
    method, promise = predictor.settings.method, predictor.settings.promise
    answers, judgment = predictor.answers(without_lines(asked)), predictor.bundle.judgment.of_method(method)
    entity = np.array(asked["entity"].to_pylist(), dtype=object)
    true = entry_columns(asked, predictor.bundle.corpus.catalog, predictor.statistics.corpus.store)
    right = set_key(answers.tokens[:, :1])[:, 0] == true.set_keys
    confidence = np.zeros(len(asked))
    auto, held = np.zeros(len(asked), dtype=bool), np.ones(len(asked), dtype=bool)
    regime, total_known = np.zeros(len(asked), dtype=np.int64), asked["total"].is_valid().to_numpy()
    records = judgment.records
    for each in np.unique(day):
        rows = np.flatnonzero(day == each)
        names = entity[rows].tolist()
        answers.features[rows, RECORD] = records.figures(names)
        made = Decisions.of(
            replace(judgment, records=records),
            promise,
            names,
            total_known[rows],
            answers.features[rows],
            answers.weakest_line[rows],
            answers.held[rows],
            answers.hold_facts.take(rows),
        )
        confidence[rows], regime[rows] = made.confidence, made.regime
        auto[rows], held[rows] = made.auto & answers.answered[rows], made.held | ~answers.answered[rows]
        records = records.checked(names, right[rows], made.confidence, made.unstopped)
    return pa.table(
        {
            "setting": [setting] * len(asked),
            "source": [books.source[name] for name in entity.tolist()],
            "entity": asked["entity"],
            "entry_id": asked["entry_id"],
            "regime": np.array(REGIMES)[regime],
            "confidence": np.where(answers.answered, confidence, 0.0),
            "right": right & answers.answered,
            "auto": auto,
            "held": held,
            "history": answers.hold_facts.history,
        }
    )


# --- tables --------------------------------------------------------------------------------------------


def exact_match_table(answers: Sequence[pa.Table], rivals: pa.Table) -> str:
    """Exact match by source, of jet (mean of seeds) and of the better rival."""
    sources = sorted(set(answers[0]["source"].to_pylist()))
    lines = [
        row("exact match: jet / better SVM", *sources, "all entries", "mean of sources"),
        rule(len(sources) + 2),
    ]
    for setting in REGIMES:
        ours, best, source, _ = _compared(answers, rivals, setting)
        cells = [f"{ours[source == name].mean():.3f} / {best[source == name].mean():.3f}" for name in sources]
        means = [np.mean([each[source == name].mean() for name in sources]) for each in (ours, best)]
        cells += [f"{ours.mean():.3f} / {best.mean():.3f}", f"{means[0]:.3f} / {means[1]:.3f}"]
        lines.append(row(setting, *cells))
    return "\n".join(lines)


def error_table(answers: Sequence[pa.Table], rivals: pa.Table) -> str:
    """jet's errors over those of the better rival, with 95 % intervals, and the worst source."""
    heads = ("errors beside the better SVM", "all entries", "mean of sources", "by seed", "worst source")
    lines = [row(*heads), rule(len(heads) - 1)]
    for setting in REGIMES:
        ours, best, source, by_seed = _compared(answers, rivals, setting)
        sources = np.unique(source)
        seeds = ", ".join(f"{(~each).mean() / (1 - best.mean()):.2f}" for each in by_seed)
        ratio = {name: (1 - ours[source == name]).sum() / (1 - best[source == name]).sum() for name in sources}
        worst = max(ratio, key=lambda name: ratio[name])
        low, high = _interval(ours[source == worst] - best[source == worst])
        cells = [
            ratio_cell(ours, best, np.zeros(len(source), dtype=int)),
            ratio_cell(ours, best, np.searchsorted(sources, source)),
            seeds,
            f"{worst}: {ratio[worst]:.2f} (jet {low:+.3f} to {high:+.3f})",
        ]
        lines.append(row(setting, *cells))
    return "\n".join(lines)


def _compared(
    answers: Sequence[pa.Table], rivals: pa.Table, setting: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of a setting: jet's right answers (mean of seeds), those of the better rival of each source, the source
    of each entry, and the right answers of each seed."""
    own = [table.filter(pc.equal(table["setting"], setting)) for table in answers]
    source = np.array(own[0]["source"].to_pylist())
    by_seed = np.stack([table["right"].to_numpy(zero_copy_only=False) for table in own])
    best = np.zeros(len(source))
    those = rivals.filter(pc.equal(rivals["setting"], setting))
    right = [
        those.filter(pc.equal(those["rival"], name))["right"].to_numpy(zero_copy_only=False)
        for name in sorted(set(those["rival"].to_pylist()))
    ]
    for name in np.unique(source):
        rows = source == name
        best[rows] = max((each[rows] for each in right), key=lambda each: each.mean())
    return by_seed.mean(axis=0), best, source, by_seed


def ratio_cell(ours: np.ndarray, best: np.ndarray, group: np.ndarray) -> str:
    """The ratio of errors, each group weighted equally, and its interval by resampled entries within groups."""
    draw = np.random.default_rng(0)
    rows = [np.flatnonzero(group == number) for number in np.unique(group)]

    def ratio(chosen: Sequence[np.ndarray]) -> float:
        errors = [np.mean([1 - each[some].mean() for some in chosen]) for each in (ours, best)]
        return float(errors[0] / errors[1])

    drawn = [ratio([draw.choice(some, len(some)) for some in rows]) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{ratio(rows):.3f} ({low:.2f} to {high:.2f})"


def _interval(difference: np.ndarray) -> tuple[float, float]:
    """95 % of the means of paired resamples."""
    drawn = np.random.default_rng(0).integers(len(difference), size=(RESAMPLES, len(difference)))
    low, high = np.quantile(difference[drawn].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def promise_table(answers: Sequence[pa.Table], promise: float) -> str:
    """What was promised, and what came of it in each setting, all seeds together."""
    heads = (
        "setting",
        "automated",
        "right among these",
        "by seed",
        "without the worst source",
        "calibration error",
    )
    lines = [row(*heads, "companies below by more than chance"), rule(len(heads))]
    for setting in REGIMES:
        own = [table.filter(pc.equal(table["setting"], setting)) for table in answers]
        together = pa.concat_tables(own)
        auto, right = (together[name].to_numpy(zero_copy_only=False) for name in ("auto", "right"))
        seeds = ", ".join(f"{_share(table):.3f}" for table in own)
        error = np.mean([calibration_error(_column(t, "confidence"), _column(t, "right")) for t in own])
        broken, judged = map(sum, zip(*(companies_below(table, promise) for table in own), strict=True))
        shares = [f"{auto.mean():.3f}", f"{right[auto].mean():.3f}"]
        rest = _without_worst(_column(together, "source"), auto, right)
        lines.append(row(setting, *shares, seeds, rest, f"{error:.3f}", f"{broken} of {judged}"))
    return "\n".join(lines)


def _without_worst(source: np.ndarray, auto: np.ndarray, right: np.ndarray) -> str:
    """Automated and right among these, without the source that has the most wrong automated answers."""
    names, number = np.unique(source.astype(str), return_inverse=True)
    worst = int(np.bincount(number, auto & ~right).argmax())
    rest = number != worst
    kept = f"{right[rest & auto].mean():.3f}" if (rest & auto).any() else "-"
    return f"{auto[rest].mean():.3f}, {kept} ({names[worst]})"


def company_table(answers: Sequence[pa.Table]) -> str:
    """Automated and right among these, by source and setting, all seeds together."""
    sources = sorted(set(answers[0]["source"].to_pylist()))
    lines = [row("automated, right", *sources), rule(len(sources))]
    together = pa.concat_tables(answers)
    for setting in REGIMES:
        cells = []
        for name in sources:
            mask = pc.and_(pc.equal(together["setting"], setting), pc.equal(together["source"], name))
            own = together.filter(mask)
            auto = _column(own, "auto")
            cells.append(f"{auto.mean():.2f}, {_share(own):.3f}" if auto.any() else "0")
        lines.append(row(setting, *cells))
    return "\n".join(lines)


def _share(table: pa.Table) -> float:
    """The share of the automated answers that are right; nan without any."""
    auto = _column(table, "auto")
    return float(_column(table, "right")[auto].mean()) if auto.any() else float("nan")


def companies_below(table: pa.Table, promise: float) -> tuple[int, int]:
    """Of the companies with enough automated answers, those whose promise is broken by more than chance
    explains, and all."""
    entity, auto, right = (_column(table, name) for name in ("entity", "auto", "right"))
    broken = judged = 0
    for name in np.unique(entity[auto].astype(str)):
        own = auto & (entity == name)
        if own.sum() >= LEAST_AUTOMATED:
            judged += 1
            broken += binom.cdf(right[own].sum(), own.sum(), promise) < CHANCE
    return broken, judged


def _column(table: pa.Table, name: str) -> np.ndarray:
    return table[name].to_numpy(zero_copy_only=False)


def row(*cells: str) -> str:
    """A row of a table in Markdown."""
    return "| " + " | ".join(cells) + " |"


def rule(columns: int) -> str:
    """The rule below its head, with one more column."""
    return "|---|" + "---|" * columns


if __name__ == "__main__":
    main()
