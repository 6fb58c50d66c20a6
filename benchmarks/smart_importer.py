"""How often jet completes the transactions of bank statements, beside smart_importer, by ledger.

    python -m benchmarks.smart_importer --data ../shared/data --output DIR --sources small_de tutorials_en

The newest 15 % of each company's entries are asked, or with `--window calibration` the 15 % before them, as a
bank statement has them: date, text, currency, direction and the bank's line; no journal and no total. The
bank's line is the entry's largest one on a money account (`jet.ranking.direction`); entries without one are
left out, since no statement has them. Both tools know all older entries of the books, either all before the
window (batch) or all earlier days (rolling).

smart_importer (1.2) is what its users run (`benchmarks.smart_importer_run`), with its tokenizer of words or
with one of characters, whichever is better by source and setting. It gives no sides, so of its answers the
accounts alone count, and of jet's the accounts with their sides.

One model of the older entries of all sources with the default settings, once a seed. Answers are kept in DIR
and not computed again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import jet
from benchmarks.accuracy import add_window, fitted, folder_of, kept, parser_of, row, rule
from benchmarks.smart_importer_run import CURRENCY, READINGS, SETTINGS
from benchmarks.sources import Books, books_of, of_companies, of_sources, window_of
from jet.books.catalog import Catalog
from jet.books.schema import ENTRIES
from jet.books.withheld import without_lines, without_totals
from jet.bundle.extension import extended
from jet.prediction.session import Session
from jet.ranking.direction import money_accounts


def main() -> None:
    """Answer what is not answered yet, and print the table in Markdown."""
    parser = parser_of(__doc__, seeds=1)
    add_window(parser)
    parser.add_argument("--sources", nargs="+", required=True)
    args = parser.parse_args()
    folder = folder_of(args.output, f"smart-importer-{args.window}")
    books = of_sources(window_of(books_of(Path(args.data)), args.window), args.sources)
    bank = bank_lines(books)
    rival = kept(folder / "smart_importer.parquet", partial(_rival, books, bank))
    ours = [
        kept(folder / f"seed-{seed}.parquet", partial(_ours, books, bank, fitted(books, seed, {})))
        for seed in args.seeds
    ]
    print(table(books, rival, ours))


def bank_lines(books: Books) -> list[dict[str, Any] | None]:
    """The bank's line of each asked entry; None for an entry without one."""
    catalog = Catalog.from_accounts(books.accounts)
    money = {
        (entity, code)
        for entity, code, is_money in zip(
            catalog.accounts["entity"].to_pylist(),
            catalog.accounts["code"].to_pylist(),
            money_accounts(catalog).tolist(),
            strict=True,
        )
        if is_money
    }
    found: list[dict[str, Any] | None] = []
    for entity, lines in zip(books.asked["entity"].to_pylist(), books.asked["lines"].to_pylist(), strict=True):
        own = [line for line in lines if (entity, line["account"]) in money]
        found.append(max(own, key=lambda line: line["amount"] or 0, default=None))
    return found


# --- jet -----------------------------------------------------------------------------------------------


def _ours(books: Books, bank: Sequence[dict[str, Any] | None], model: jet.Model) -> pa.Table:
    """Whether jet is right: columns setting, entity, entry_id and right."""
    given = [line is not None for line in bank]
    asked = books.asked.filter(pa.array(given))
    true = [_set(lines) for lines in asked["lines"].to_pylist()]
    stated = [line for line in bank if line is not None]
    told = without_totals(without_lines(asked))
    told = _with(told, "known_lines", [[line] for line in stated])
    told = _with(told, "direction", ["in" if line["side"] == "D" else "out" for line in stated])
    told = _with(told, "journal", [""] * len(told))
    encode = Session(model.bundle, model.config.predict).encode
    grown = extended(model.bundle, books.accounts, encode, books.asked)
    grown = replace(grown, corpus=replace(grown.corpus, reviewed=np.zeros(len(grown.corpus), dtype=bool)))
    parts = []
    for setting, bundle in (("batch", model.bundle), ("rolling", grown)):
        answers = Session(bundle, model.config.predict)(told)
        right = [_set(own) == each for own, each in zip(answers["lines"].to_pylist(), true, strict=True)]
        parts.append(_answers(setting, asked, right))
    return pa.concat_tables(parts)


def _with(entries: pa.Table, name: str, values: Sequence[Any]) -> pa.Table:
    field = ENTRIES.field(name)
    return entries.set_column(entries.schema.get_field_index(name), field, pa.array(values, field.type))


def _set(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((line["account"], line["side"]) for line in lines)


def _answers(setting: str, asked: pa.Table, right: Sequence[bool]) -> pa.Table:
    columns = {"setting": [setting] * len(asked), "entity": asked["entity"], "entry_id": asked["entry_id"]}
    return pa.table(columns | {"right": list(right)})


# --- smart_importer ------------------------------------------------------------------------------------


def _rival(books: Books, bank: Sequence[dict[str, Any] | None]) -> pa.Table:
    """Whether smart_importer is right: columns setting, entity, entry_id, right and reading."""
    entity = np.array(books.asked["entity"].to_pylist(), dtype=object)
    has_bank = np.array([line is not None for line in bank])
    parts = []
    with tempfile.TemporaryDirectory() as name:
        companies = {}
        for number, company in enumerate(sorted(set(entity[has_bank]))):
            rows = np.flatnonzero(has_bank & (entity == company))
            asked, folder = books.asked.take(rows), Path(name, str(number))
            folder.mkdir()
            booked = of_companies(books.entries, [company])
            names = _written(folder, booked, asked, [bank[row] for row in rows])
            companies[folder] = asked, names
        program = ["-W", "ignore::UserWarning", "-m", "benchmarks.smart_importer_run"]
        subprocess.run([sys.executable, *program, *map(str, companies)], check=True)
        for folder, (asked, names) in companies.items():
            true = [sorted(names[line["account"]] for line in own) for own in asked["lines"].to_pylist()]
            with (folder / "answers.jsonl").open(encoding="utf-8") as lines:
                made = [json.loads(line) for line in lines]
            for setting, reading in product(SETTINGS, READINGS):
                own = {
                    each["id"]: each
                    for each in made
                    if (each["setting"], each["reading"]) == (setting, reading)
                }
                right = [sorted(own[at]["accounts"]) == each for at, each in enumerate(true)]
                answers = _answers(setting, asked, right)
                parts.append(answers.append_column("reading", pa.array([reading] * len(answers))))
    return pa.concat_tables(parts)


def _written(
    folder: Path, entries: pa.Table, asked: pa.Table, bank: Sequence[dict[str, Any] | None]
) -> dict[str, str]:
    """Write a company's books and the statements of the entries `asked`; returns beancount's names of accounts.

    Names have one length, since smart_importer takes an account whose name another begins with for both."""
    booked = entries.to_pylist()
    codes = sorted({line["account"] for entry in booked for line in entry["lines"]})
    names = {code: f"Assets:A{number:06}" for number, code in enumerate(codes)}
    text = [f"1900-01-01 open {name}" for name in names.values()]
    for entry in booked:
        text.append(f"{entry['date']} * {_quoted(entry['description'])}")
        text += [f"  {names[line['account']]}  {_amount(line)} {CURRENCY}" for line in entry["lines"]]
    (folder / "books.beancount").write_text("\n".join(text) + "\n", encoding="utf-8")
    statements = []
    for number, (entry, line) in enumerate(zip(asked.to_pylist(), bank, strict=True)):
        assert line is not None
        about = {"id": number, "date": entry["date"].isoformat(), "text": entry["description"]}
        statements.append(json.dumps(about | {"account": names[line["account"]], "amount": _amount(line)}))
    (folder / "statements.jsonl").write_text("\n".join(statements) + "\n", encoding="utf-8")
    return names


def _amount(line: dict[str, Any]) -> str:
    return f"{'' if line['side'] == 'D' else '-'}{line['amount'] or 0:f}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{" ".join(escaped.split())}"'


# --- the table -----------------------------------------------------------------------------------------


def table(books: Books, rival: pa.Table, ours: Sequence[pa.Table]) -> str:
    """Exact match by source and setting, of jet (mean of seeds) and of smart_importer."""
    booked = np.array([books.source[name] for name in books.entries["entity"].to_pylist()])
    lines = [row("", "entries", "asked", *(f"{name}: jet / smart_importer" for name in SETTINGS)), rule(4)]
    means: dict[str, list[tuple[float, float]]] = {name: [] for name in SETTINGS}
    for source in sorted(set(books.source.values())):
        cells, asked = [], 0
        for setting in SETTINGS:
            own = [_right(books, each, source, setting) for each in ours]
            by_reading = [
                _right(books, rival.filter(pc.equal(rival["reading"], reading)), source, setting)
                for reading in READINGS
            ]
            asked = len(own[0])
            pair = (float(np.mean(own)), max(float(each.mean()) for each in by_reading))
            means[setting].append(pair)
            cells.append(f"{pair[0]:.3f} / {pair[1]:.3f}")
        lines.append(row(source, f"{int((booked == source).sum()):,}", str(asked), *cells))
    together = [np.mean(pairs, axis=0) for pairs in means.values()]
    lines.append(row("mean of sources", "", "", *(f"{pair[0]:.3f} / {pair[1]:.3f}" for pair in together)))
    return "\n".join(lines)


def _right(books: Books, answers: pa.Table, source: str, setting: str) -> np.ndarray:
    of_source = [books.source[name] == source for name in answers["entity"].to_pylist()]
    own = answers.filter(pc.and_(pa.array(of_source), pc.equal(answers["setting"], setting)))
    return own["right"].to_numpy(zero_copy_only=False)


if __name__ == "__main__":
    main()
