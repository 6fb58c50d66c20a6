"""The model card: what is in the bundle, and figures that others come to from the same calibration."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from jet.books.catalog import Catalog
from jet.bundle.card import model_card
from jet.confidence.judgment import Judgment
from jet.confidence.regimes import REGIMES


def rows(card: str, title: str) -> dict[str, list[str]]:
    """The cells of the table in a section, by the first of each row."""
    section = card.partition(f"## {title}\n")[2].partition("\n## ")[0]
    table = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {first: others for first, *others in table[1:]}


def test_the_saved_card_says_what_the_bundle_is_and_knows(bundle, bundle_path):
    card = (Path(bundle_path) / "MODEL_CARD.md").read_text()
    assert card == model_card(bundle)
    corpus = bundle.corpus
    assert bundle.fingerprint in card
    assert f"with {len(corpus.catalog):,} accounts" in card
    days = [np.datetime64(int(day), "D") for day in (corpus.rows.date.min(), corpus.rows.date.max())]
    assert f"- dates: {days[0]} to {days[1]}" in card
    companies = rows(card, "Data")
    assert set(companies) == {f"`{name}`" for name in corpus.catalog.entities}
    assert sum(int(entries) for _, entries, _ in companies.values()) == len(corpus)
    assert sum(int(accounts) for accounts, _, _ in companies.values()) == len(corpus.catalog)


def test_the_splits_of_the_training_are_in_the_card(bundle):
    sizes = {"train_entries": 70, "calibration_entries": 15, "test_entries": 16}
    card = model_card(replace(bundle, facts={**sizes, "best_epoch": 3}))
    assert "- splits, by date within each company: train 70, calibration 15, test 16" in card
    assert "- best epoch: 3" in card


def test_its_figures_are_those_of_the_calibration(bundle):
    figures = rows(model_card(bundle), "Figures")
    assert list(figures) == list(REGIMES)
    calibrations = bundle.judgment.calibrations
    for regime, calibration, thresholds in zip(
        REGIMES, calibrations, calibrations.thresholds(0.95), strict=True
    ):
        answers, right, automated, kept = figures[regime]
        assert int(answers) == len(calibration.rows)
        assert float(right.rstrip("%")) / 100 == round(calibration.rows.right.mean(), 3)
        assert (automated == "0.0%") == (kept == "-")
        if thresholds.pooled is None:
            assert automated == "0.0%"


def test_without_a_calibration_it_promises_nothing(bundle):
    card = model_card(replace(bundle, judgment=Judgment.unfitted()))
    assert "nothing is promised" in card
    assert rows(card, "Figures") == {}


def test_a_company_with_a_name_of_markdown_stays_one_cell(bundle):
    corpus = bundle.corpus
    [first, *_] = corpus.catalog.entities
    accounts = corpus.catalog.accounts
    odd = ["0 | `x`\n# Limits: none" if name == first else name for name in accounts["entity"].to_pylist()]
    place = accounts.schema.get_field_index("entity")
    accounts = accounts.set_column(place, accounts.field("entity"), pa.array(odd))
    catalog = Catalog(accounts, corpus.catalog.booked)
    card = model_card(replace(bundle, corpus=replace(corpus, catalog=catalog)))
    assert "| `0 / 'x' # Limits: none` |" in card
    assert len(re.findall(r"^#", card, re.MULTILINE)) == len(
        re.findall(r"^#", model_card(bundle), re.MULTILINE)
    )
