"""Writes the demo ledger as JSON lines, to a file or a folder of files.

Notable: a line is put together from prepared pieces, one for each account and side, and only the description is
escaped for each entry. That is several times faster than dictionaries through `json`: millions of entries take
a minute.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from jet.demo.business import DAYS
from jet.demo.company import Company, apportion
from jet.demo.trades import JOURNALS

_DATES = [day.isoformat() for day in DAYS]
_escape = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """The size of the demo ledger, and its seed."""

    companies: int = 8
    entries: int = 6000
    """The exact number of entries, in all companies together."""
    seed: int = 7
    open_entries: int = 40
    """The number of entries without lines, to predict: the newest of each company, in proportion to its size,
    and at most a tenth of all."""
    least: int = 100
    """The fewest entries of a company, where there are enough for that."""
    change_on: str = ""
    """The day, such as 2024-07-01, from which on habits change; empty for never. Entries before it are the same
    either way."""
    change_share: float = 0.5
    """Share of the suppliers that are booked to other accounts from then on, most under other names, and of the
    customers that are replaced."""

    def __post_init__(self) -> None:
        if self.companies < 1 or self.entries < self.companies:
            raise ValueError(
                f"{self.entries} entries can't be the books of {self.companies} companies: "
                "there must be a company, and an entry for each"
            )
        if self.open_entries < 0 or self.least < 1:
            raise ValueError(f"open_entries is {self.open_entries}, least is {self.least}: too small")
        if self.change_on and self.change_on not in _DATES:
            raise ValueError(
                f"change_on must be a day of the ledger, from {_DATES[0]} to {_DATES[-1]}, "
                f"got {self.change_on!r}"
            )
        if not 0 <= self.change_share <= 1:
            raise ValueError(f"change_share must be between 0 and 1, got {self.change_share}")


class DemoRow(NamedTuple):
    """A row of the ledger file, as JSON."""

    entity: str
    kind: str  # account, entry or open
    json: str
    truth: str  # the row with its lines, where `json` has been left without; else ""
    line_count: int


def company_sizes(settings: DemoSettings) -> list[int]:
    """The number of entries of each company: a few large companies and many small ones."""
    weights = [(rank + 1) ** -0.8 for rank in range(settings.companies)]
    random.Random(f"{settings.seed}/sizes").shuffle(weights)
    least = min(settings.least, settings.entries // settings.companies)
    return apportion(settings.entries, weights, least)


def demo_rows(settings: DemoSettings) -> Iterator[DemoRow]:
    """All rows of the ledger, company by company: first the chart, then the entries by date."""
    sizes = company_sizes(settings)
    open_entries = min(settings.open_entries, settings.entries // 10)
    open_counts = apportion(open_entries, [float(size) for size in sizes])
    for number, (size, open_count) in enumerate(zip(sizes, open_counts, strict=True)):
        company = Company(settings.seed, number, size)
        if settings.change_on:
            company.change_habits(_DATES.index(settings.change_on), settings.change_share)
        yield from _company_rows(company, open_count)


def _company_rows(company: Company, open_count: int) -> Iterator[DemoRow]:
    entity = company.entity
    for row in company.chart():
        record = {
            "type": "account",
            "entity": entity,
            "code": row.code,
            "name": row.name,
            "parent": row.parent,
            "nature": row.nature,
            "opened": row.opened.isoformat() if row.opened else None,
            "closed": row.closed.isoformat() if row.closed else None,
        }
        yield DemoRow(entity, "account", _escape(record), "", 0)

    heads = [
        f'{{"account":{_escape(row.code)},"account_name":{_escape(row.name)},"side":'
        for row in company.accounts
    ]
    debit = [head + '"D","amount":"' for head in heads]
    credit = [head + '"C","amount":"' for head in heads]
    journals = JOURNALS[company.language]
    years = [date[:4] for date in _DATES]
    counters: Counter[tuple[str, str]] = Counter()
    first_open = company.size - open_count

    for place, (day, (kind, text, currency, lines)) in enumerate(company.entries()):
        journal = journals[kind]
        year = years[day]
        counters[journal, year] += 1
        head = (
            f'{{"entry_id":"{journal}-{year}-{counters[journal, year]:05d}","entity":"{entity}",'
            f'"date":"{_DATES[day]}","description":{_escape(text)},"currency":"{currency}","journal":"{journal}"'
        )
        written = [
            f'{debit[number]}{cents // 100}.{cents % 100:02d}","text":""}}'
            if cents > 0
            else f'{credit[number]}{-cents // 100}.{-cents % 100:02d}","text":""}}'
            for number, cents in lines
            if cents
        ]
        full = f'{head},"lines":[{",".join(written)}]}}'
        if place < first_open:
            yield DemoRow(entity, "entry", full, "", len(written))
        else:
            total = sum(cents for _, cents in lines if cents > 0)
            without = f'{head},"total":"{total // 100}.{total % 100:02d}"}}'
            yield DemoRow(entity, "open", without, full, len(written))


class _Output:
    """A text file that appears under its name once it is complete."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._part = path.with_name(path.name + ".part")
        self.file: TextIO = self._part.open("w", encoding="utf-8", newline="\n")

    def close(self, *, complete: bool = True) -> None:
        self.file.close()
        if complete:
            self._part.replace(self.path)
        else:
            self._part.unlink(missing_ok=True)


def write_demo_ledger(
    path: str | Path, settings: DemoSettings | None = None, *, truth: str | Path | None = None
) -> dict[str, Any]:
    """Write the ledger to `path`: one file if it ends in .jsonl, otherwise a folder with one file a company.

    The entries to predict are written with their lines to `truth`, if that is given. It must not be in the
    folder of the ledger, where it would be read as part of the books; for the same reason that folder must not
    have another ledger. Returns counts of what was written.
    """
    settings = settings or DemoSettings()
    path = Path(path)
    single = path.suffix == ".jsonl"
    truth = Path(truth) if truth is not None else None
    if truth is not None and not single and truth.resolve().is_relative_to(path.resolve()):
        raise ValueError(f"the answers can't lie in {path}: they would be read as part of the ledger")
    if truth is not None and truth.resolve() == path.resolve():
        raise ValueError(f"the ledger and its answers can't both be {path}")

    if not single and path.is_dir() and any(path.glob("*.jsonl")):
        raise FileExistsError(f"{path} holds ledger files already: a second demo ledger would mix with them")

    counts: Counter[str] = Counter()
    files: list[str] = []
    answers = _Output(truth) if truth is not None else None
    output: _Output | None = None
    complete = False
    try:
        entity = ""
        for row in demo_rows(settings):
            if row.entity != entity:
                entity = row.entity
                counts["companies"] += 1
                if output is None or not single:
                    if output is not None:
                        output.close()
                    output = _Output(path if single else path / f"{entity}.jsonl")
                    files.append(str(output.path))
            assert output is not None
            output.file.write(row.json + "\n")
            counts[row.kind] += 1
            counts["lines"] += row.line_count
            if row.truth and answers is not None:
                answers.file.write(row.truth + "\n")
        complete = True
    finally:
        for file in (output, answers):
            if file is not None:
                file.close(complete=complete)

    return {
        "path": str(path),
        "truth": str(truth) if truth is not None else None,
        "files": len(files),
        "companies": counts["companies"],
        "accounts": counts["account"],
        "entries": counts["entry"] + counts["open"],
        "open_entries": counts["open"],
        "lines": counts["lines"],
        "seed": settings.seed,
    }
