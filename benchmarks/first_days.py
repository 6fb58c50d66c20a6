"""How often jet is right in the first days of a company, beside linear SVMs that know the same entries.

    python -m benchmarks.first_days --data ../shared/data --output DIR [--window calibration] [--seeds 0 1]

Of each company the last 0, 10 or 50 entries before the window are known, and the window is asked at once, in
three ways:

- JOINS: jet is trained on other companies, and the company joins them without training
  (`jet.bundle.extension`). The companies of all sources are dealt into four parts for this.
- ALONE: jet knows this company alone (`jet.fit`).
- WITHOUT: likewise, but without the prior of the ranker that comes with jet.

No prior has learned anything of the company's source (`benchmarks.pretraining`), other than where it joins
others of its source. The rival is the better one, by source, of two linear SVMs that know the same entries;
without any, it has no answer. Windows and sources are those of `benchmarks.accuracy`. Answers are kept in DIR,
one file a seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import jet
from benchmarks.accuracy import add_window, folder_of, kept, parser_of, ratio_cell, row, rule
from benchmarks.pretraining import prior_without
from benchmarks.rivals import rival_entries
from benchmarks.sources import Books, books_of, ledger_of, of_companies, window_of
from jet.books.split import TEST, TRAIN
from jet.books.tokens import set_key
from jet.books.withheld import without_lines
from jet.bundle.extension import extended
from jet.evaluation.baselines.protocol import score_baseline
from jet.evaluation.baselines.svm import LinearSvm
from jet.prediction.predictor import Predictor
from jet.prediction.session import Session
from jet.prediction.settings import PredictSettings
from jet.retrieval.columns import entry_columns

KNOWN = (0, 10, 50)
PARTS = 4
JOINS, ALONE, WITHOUT = "joins others", "alone", "alone, without prior"


def main() -> None:
    """Answer what is not answered yet, and print the table in Markdown."""
    parser = parser_of(__doc__, seeds=1)
    add_window(parser)
    args = parser.parse_args()
    folder = folder_of(args.output, args.window)
    whole = books_of(Path(args.data))
    books = window_of(whole, args.window)
    priors = {source: prior_without(whole, source, folder) for source in set(books.source.values())}
    answers = [
        kept(folder / f"first-{seed}.parquet", partial(answers_of, books, priors, seed)) for seed in args.seeds
    ]
    rivals = kept(folder / "first-rivals.parquet", lambda: rivals_of(books))
    print(table_of(answers, rivals))


def answers_of(books: Books, priors: dict[str, Path], seed: int) -> pa.Table:
    """jet's answers: known, way, source, entity, entry_id and right."""
    return pa.concat_tables([*_joining(books, seed), *_alone(books, priors, seed)])


def _joining(books: Books, seed: int) -> Iterator[pa.Table]:
    names = sorted(books.source, key=lambda name: (books.source[name], name))
    for part in range(PARTS):
        new = names[part::PARTS]
        others = sorted(set(names) - set(new))
        ledger = ledger_of(of_companies(books.known, others), of_companies(books.accounts, others))
        model = jet.fit(ledger, train={"seed": seed}, ranker={"prior": ""})
        encode = Session(model.bundle, model.config.predict).encode
        for known in KNOWN:
            first = _last(of_companies(books.known, new), known)
            yield _answered(books, extended(model.bundle, books.accounts, encode, first), new, known, JOINS)


def _alone(books: Books, priors: dict[str, Path], seed: int) -> Iterator[pa.Table]:
    for name, source in books.source.items():
        ways: dict[str, dict[str, Any]] = {
            ALONE: {"prior": str(priors[source])},
            WITHOUT: {"prior": ""},
        }
        for known in KNOWN[1:]:
            first = _last(of_companies(books.known, [name]), known)
            if not len(first) or not len(of_companies(books.asked, [name])):
                continue
            for way, ranker in ways.items():
                model = jet.fit(
                    ledger_of(first, of_companies(books.accounts, [name])), train={"seed": seed}, ranker=ranker
                )
                yield _answered(books, model.bundle, [name], known, way)


def _answered(books: Books, bundle: Any, names: Sequence[str], known: int, way: str) -> pa.Table:
    """What the bundle makes of the asked entries of the companies `names`."""
    asked = of_companies(books.asked, names)
    predictor: Predictor = Session(bundle, PredictSettings()).predictor(asked["description"])
    true = entry_columns(asked, bundle.corpus.catalog, predictor.statistics.corpus.store)
    answers = predictor.answers(without_lines(asked))
    right = (set_key(answers.tokens[:, :1])[:, 0] == true.set_keys) & answers.answered
    return _table(books, asked, known, way, right)


def rivals_of(books: Books) -> pa.Table:
    """Whether each support vector machine is right, in the columns of `answers_of`; way: what it reads."""
    parts = []
    for known in KNOWN[1:]:
        first = _last(books.known, known)
        split = np.repeat([TRAIN, TEST], [len(first), len(books.asked)])
        for rival, entries in rival_entries(pa.concat_tables([first, books.asked])).items():
            answers = LinearSvm(refitted=False).predict(entries, split)
            scored = score_baseline(entries, answers, np.flatnonzero(split == TEST))
            parts.append(_table(books, books.asked, known, rival, scored.counts["exact"] > 0))
    return pa.concat_tables(parts)


def table_of(answers: Sequence[pa.Table], rivals: pa.Table) -> str:
    """Exact match (all entries, mean of sources), and errors beside the better SVM with intervals."""
    heads = ("own entries known", "way", "jet", "better SVM", "errors beside it", "the same, mean of sources")
    lines = [row(*heads), rule(len(heads) - 1)]
    for known in KNOWN:
        facts = sorted(set(rivals["way"].to_pylist()))
        rival = [_right(rivals, known, name) for name in facts] if known else []
        for way in (JOINS, ALONE, WITHOUT):
            own = [_chosen(table, known, way) for table in answers]
            if not len(own[0]):
                continue
            source, group = np.unique(np.array(own[0]["source"].to_pylist()), return_inverse=True)
            right = np.mean([each["right"].to_numpy(zero_copy_only=False) for each in own], axis=0)
            best = np.zeros(len(right))
            for number in range(len(source)):
                rows = group == number
                best[rows] = max((each[rows] for each in rival), key=lambda each: each.mean(), default=0)
            means = [
                f"{each.mean():.3f}, {np.mean([each[group == n].mean() for n in range(len(source))]):.3f}"
                for each in (right, best)
            ]
            ratios = [ratio_cell(right, best, each) for each in (np.zeros(len(right), dtype=int), group)]
            lines.append(row(str(known), way, *(means + ratios if rival else [means[0], "-", "-", "-"])))
    return "\n".join(lines)


# --- tables --------------------------------------------------------------------------------------------


def _last(entries: pa.Table, count: int) -> pa.Table:
    """The last `count` of each company's sorted `entries`."""
    entity = entries["entity"].combine_chunks().dictionary_encode().indices.to_numpy()
    from_end = np.searchsorted(entity, entity, side="right") - np.arange(len(entity))
    return entries.filter(pa.array(from_end <= count))


def _table(books: Books, asked: pa.Table, known: int, way: str, right: np.ndarray) -> pa.Table:
    return pa.table(
        {
            "known": [known] * len(asked),
            "way": [way] * len(asked),
            "source": [books.source[name] for name in asked["entity"].to_pylist()],
            "entity": asked["entity"],
            "entry_id": asked["entry_id"],
            "right": right,
        }
    )


def _chosen(table: pa.Table, known: int, way: str) -> pa.Table:
    return table.filter(pc.and_(pc.equal(table["known"], known), pc.equal(table["way"], way)))


def _right(table: pa.Table, known: int, way: str) -> np.ndarray:
    return _chosen(table, known, way)["right"].to_numpy(zero_copy_only=False)


if __name__ == "__main__":
    main()
