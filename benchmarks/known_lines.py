"""How much better jet is where one line of an entry is known, as that of the bank, by ledger.

    python -m benchmarks.known_lines --data ../shared/data --output DIR --sources small_de tutorials_en

The calibration window of `benchmarks.accuracy`: each company's 15 % of entries before the newest 15 % are
asked, knowing all earlier days, of one model of the older entries of all sources with the default settings.
Each entry is asked with its total and without, and in each case without a line, with the largest one and with a
random one (by a seed), with the line's amount.

Answers are kept in DIR and not computed again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import jet
from benchmarks.accuracy import fitted, folder_of, kept, parser_of, row, rule
from benchmarks.sources import Books, books_of, of_sources, window_of
from jet.books.schema import AUTO, ENTRIES
from jet.books.withheld import without_lines, without_totals
from jet.bundle.extension import extended
from jet.prediction.session import Session

Choice = Callable[[list[dict[str, Any]]], dict[str, Any]]


def main() -> None:
    """Answer what is not answered yet, and print the table in Markdown."""
    parser = parser_of(__doc__, seeds=1)
    parser.add_argument("--sources", nargs="+", required=True)
    parser.add_argument("--promise", type=float, default=0.9)
    args = parser.parse_args()
    folder = folder_of(args.output, "known-lines")
    books = of_sources(window_of(books_of(Path(args.data)), "calibration"), args.sources)
    answers = [
        kept(folder / f"seed-{seed}.parquet", partial(_of_seed, books, seed, args.promise))
        for seed in args.seeds
    ]
    print(table(pa.concat_tables(answers)))


def _of_seed(books: Books, seed: int, promise: float) -> pa.Table:
    return answers_of(books, fitted(books, seed, {}), seed, promise)


def answers_of(books: Books, model: jet.Model, seed: int, promise: float) -> pa.Table:
    """Whether each answer is right and automated: columns source, entity, entry_id, total and line (what is
    given), right and auto."""
    encode = Session(model.bundle, model.config.predict).encode
    grown = extended(model.bundle, books.accounts, encode, books.asked)
    grown = replace(grown, corpus=replace(grown.corpus, reviewed=np.zeros(len(grown.corpus), dtype=bool)))
    session = Session(grown, replace(model.config.predict, promise=promise))
    draw = np.random.default_rng(seed)
    given: dict[str, Choice | None] = {
        "none": None,
        "largest": lambda lines: max(lines, key=lambda line: line["amount"] or 0),
        "random": lambda lines: lines[draw.integers(len(lines))],
    }
    true = books.asked["lines"].to_pylist()
    parts = []
    for name, choice in given.items():
        told = without_lines(books.asked)
        if choice is not None:
            lines = pa.array([[choice(own)] for own in true], ENTRIES.field("known_lines").type)
            told = told.set_column(told.schema.get_field_index("known_lines"), "known_lines", lines)
        for total, asked in (("total", told), ("no total", without_totals(told))):
            answers = session(asked)
            right = [_set(a) == _set(b) for a, b in zip(answers["lines"].to_pylist(), true, strict=True)]
            columns = {
                "source": [books.source[entity] for entity in asked["entity"].to_pylist()],
                "entity": asked["entity"],
                "entry_id": asked["entry_id"],
                "total": [total] * len(asked),
                "line": [name] * len(asked),
                "right": right,
                "auto": pc.equal(answers["decision"], AUTO),
            }
            parts.append(pa.table(columns))
    return pa.concat_tables(parts)


def _set(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((line["account"], line["side"]) for line in lines)


def table(answers: pa.Table) -> str:
    """Exact match, and the automated share with what is right of it, by source."""
    sources = sorted(set(answers["source"].to_pylist()))
    heads = ("given", *sources, "all entries", "automated", "right among these")
    lines = [row(*heads), rule(len(heads) - 1)]
    for total in ("total", "no total"):
        for line in ("none", "largest", "random"):
            own = answers.filter(pc.and_(pc.equal(answers["total"], total), pc.equal(answers["line"], line)))
            source = np.array(own["source"].to_pylist())
            right, auto = (own[name].to_numpy(zero_copy_only=False) for name in ("right", "auto"))
            cells = [f"{right[source == each].mean():.3f}" for each in sources]
            sure = f"{right[auto].mean():.3f}" if auto.any() else "-"
            said = f"{total}, {'no line' if line == 'none' else f'{line} line'}"
            lines.append(row(said, *cells, f"{right.mean():.3f}", f"{auto.mean():.3f}", sure))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
