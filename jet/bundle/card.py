"""The model card: what a bundle was trained on, how often it was right, what it can't do, in Markdown.

It lies in the bundle for people; nothing reads it. Its figures are of the entries that trained nothing, by the
calibration that the bundle's confidence comes from. Its thresholds were chosen on the same entries, so the
shares at a promise are no test of it: that is the report's, whose calibration hasn't seen the test split.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from jet.bundle.bundle import Bundle
from jet.confidence.holds import auto_thresholds
from jet.confidence.promises import Calibrations
from jet.confidence.regimes import REGIMES

_PROMISE = 0.95
_COMPANIES = 20  # rows in the card's table; a bundle may have many thousands

_LIMITS = """\
- It copies the habits of these books, mistakes included, and knows no law.
- A line's account is one of the company's chart. Combinations that were never booked are seldom predicted.
- Its confidence holds for entries like those that it was calibrated on; for new companies it is less certain.
  Where habits change, it is wrong until people's corrections are learned (`jet learn`) or the model is trained
  again.
- The promise is for all companies and periods together: one period of one company can be far below it.
- It doesn't say whether an entry should exist, and finds neither fraud nor errors.
- It holds the booked entries below, with their texts: keep it as you keep the books."""

_USE = """\
```bash
jet predict --ledgers new.jsonl --model THIS-FOLDER --output predictions
jet evaluate --entries ENTRIES --neighbors NEIGHBORS --model THIS-FOLDER --output report
```

or, in Python, `jet.load("THIS-FOLDER").predict(entries)`. Book what is `auto` and have people look at some of
it; have them review the rest, and give the reviews to `jet learn`."""


def model_card(bundle: Bundle) -> str:
    """The card of a trained bundle."""
    others = {name: value for name, value in bundle.facts.items() if not name.endswith("_entries")}
    facts = [f"- {name.replace('_', ' ')}: {value}" for name, value in others.items()]
    sections = {
        "Data": [*_data(bundle), "", *_companies(bundle)],
        "Training": facts,
        "Figures": _figures(bundle.judgment.calibrations),
        "Limits": [_LIMITS],
        "Use": [_USE],
    }
    catalog = bundle.corpus.catalog
    head = (
        "# jet model bundle\n\n"
        "Predicts the debit and credit lines of journal entries from description, date, currency, journal and "
        f"total, for {len(catalog.entities):,} companies with {len(catalog):,} accounts.\n\n"
        f"Fingerprint: `{bundle.fingerprint}`. Encoder: `{bundle.encoder}`.\n"
    )
    return head + "".join(f"\n## {title}\n\n" + "\n".join(lines) + "\n" for title, lines in sections.items())


def _data(bundle: Bundle) -> Iterator[str]:
    """What the bundle knows: entries, days, texts, and the splits that the training made of them."""
    corpus = bundle.corpus
    yield f"- booked entries: {len(corpus):,}, with {len(corpus.store):,} distinct texts"
    if len(corpus):
        yield f"- dates: {_days(corpus.rows.date)}"
    splits = [name for name in ("train", "calibration", "test") if f"{name}_entries" in bundle.facts]
    if splits:
        sizes = ", ".join(f"{name} {bundle.facts[f'{name}_entries']}" for name in splits)
        yield f"- splits, by date within each company: {sizes}"


def _companies(bundle: Bundle) -> Iterator[str]:
    """A table of the companies with the most entries."""
    corpus = bundle.corpus
    names, accounts = corpus.catalog.entities, np.diff(corpus.catalog.offsets)
    entries = np.bincount(corpus.rows.entity, minlength=len(names))
    yield "| company | accounts | entries | dates |"
    yield "|---|---|---|---|"
    for place in np.argsort(-entries, kind="stable")[:_COMPANIES].tolist():
        mine = corpus.rows.date[corpus.rows.entity == place]
        cells = [_cell(names[place]), f"{accounts[place]:,}", f"{len(mine):,}", _days(mine)]
        yield f"| {' | '.join(cells)} |"
    if len(names) > _COMPANIES:
        yield f"\nand {len(names) - _COMPANIES:,} more."


def _figures(calibrations: Calibrations) -> Iterator[str]:
    """How often answers to entries that trained nothing were right, in each regime of use."""
    if not any(len(each.rows) for each in calibrations):
        yield "There were no entries to calibrate on: nothing is promised, and every decision is `review`."
        return
    yield (
        "Of entries that trained nothing (calibration and test split), answered without their lines; right is "
        f"what is right in all lines. Above the threshold for a promise of {_PROMISE:.0%} an answer is `auto`. "
        "The thresholds were chosen on these entries: the report (`jet evaluate`) measures them on others.\n"
    )
    yield "| regime of use | answers | right | automated | right among these |"
    yield "|---|---|---|---|---|"
    for regime, calibration, thresholds in zip(
        REGIMES, calibrations, calibrations.thresholds(_PROMISE), strict=True
    ):
        rows = calibration.rows
        own, least = thresholds.of(rows.entity.tolist()), thresholds.least_history
        automated = calibration.confidence >= auto_thresholds(own, rows.held, rows.history, least)
        shares = [_share(rows.right), _share(automated), _share(rows.right[automated])]
        yield f"| {regime} | {len(rows):,} | {' | '.join(shares)} |"
    out = sorted({name for each in calibrations for name in each.misfits})
    if out:
        yield f"\nTaken out, since their confidence misfits: {', '.join(map(_cell, out))}."


def _share(of: Sequence[bool] | np.ndarray) -> str:
    return f"{np.mean(of):.1%}" if len(of) else "-"


def _days(days: np.ndarray) -> str:
    """The first and the last of int [N] days since 1970."""
    if not len(days):
        return "-"
    return f"{np.datetime64(int(days.min()), 'D')} to {np.datetime64(int(days.max()), 'D')}"


def _cell(name: str) -> str:
    """A company's name within a row of Markdown: names come from ledgers."""
    return "`" + " ".join(name.split()).replace("`", "'").replace("|", "/") + "`"
