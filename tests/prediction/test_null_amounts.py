"""Booked entries whose amounts aren't known, since they don't balance, teach accounts and sides alone."""

from __future__ import annotations

import made_up
import numpy as np
import pytest

from jet.books.split import CALIBRATION, TEST
from jet.evaluation.amount_metrics import amount_metrics
from jet.evaluation.baselines.svm import LinearSvm
from jet.evaluation.examine import examine
from jet.prediction.outcomes import outcomes_of
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings

SETTINGS = PredictSettings(batch_size=16)


def mixed_books():
    """Every second purchase of `alder` has amounts; of the others neither the lines' nor the total is known, or
    the total alone is."""
    rows = []
    for day in range(200):
        net = 100 + day % 3
        lines, total = f"D5010:{net}.00 D2641:{net // 4}.00 C2440:{net + net // 4}.00", f"{net + net // 4}.00"
        if day % 2:
            lines, total = "D5010 D2641 C2440", (total if day % 4 == 1 else None)
        rows.append(made_up.entry("alder", f"{day:03}", day, f"supplier acme {day % 5}", lines, total))
        rows.append(made_up.entry("birch", f"{day:03}", day, "ticket", "D40:8 D60:2 C10:10", "10.00"))
    return made_up.entries_table(rows)


@pytest.fixture(scope="module")
def learned():
    data = made_up.training_data(mixed_books(), made_up.accounts_table(made_up.chart_rows()))
    one = made_up.trainer(data)
    figures = made_up.train(data, one, 2)
    assert all(np.isfinite(each["loss"]) for each in figures if "loss" in each)
    return data, made_up.calibrated(data, made_up.assembled(data, one.network))


def test_they_teach_accounts_and_sides(learned):
    data, bundle = learned
    entries = data.entries.take(data.rows(TEST))
    answers = Predictor(bundle, SETTINGS)(entries)
    for row, entry in zip(answers.to_pylist(), entries.to_pylist(), strict=True):
        lines = [sorted((line["account"], line["side"]) for line in each["lines"]) for each in (row, entry)]
        assert lines[0] == lines[1]


def test_amounts_rest_on_the_entries_that_have_some(learned):
    _, bundle = learned
    queries = made_up.entries_table([made_up.entry("alder", "new", 300, "supplier acme 1", None, "125.00")])
    row = Predictor.for_entries(bundle, SETTINGS, queries, None)(queries).to_pylist()[0]
    amounts = {line["account"]: float(line["amount"]) for line in row["lines"]}
    assert amounts == {"5010": 100.0, "2641": 25.0, "2440": 125.0}


def test_they_say_nothing_of_whether_proposed_amounts_are_right(learned):
    data, bundle = learned
    rows = data.rows(CALIBRATION)
    entries = data.entries.take(rows)
    lines = np.repeat(np.arange(len(data.corpus.rows)), data.corpus.rows.lengths)
    unknown = np.bincount(lines, np.isnan(data.corpus.rows.amounts), len(data.corpus.rows))[rows] > 0
    assert unknown.any()
    outcomes = outcomes_of(Predictor(bundle, SETTINGS), entries)
    assert not outcomes.amounts_guessed[unknown].any()
    assert outcomes.amounts_guessed[~unknown].any()
    examined = examine(Predictor(bundle, SETTINGS), entries)
    assert amount_metrics(examined, bundle.amount_calibration)["known_total"] == (~unknown).sum()


def test_a_rival_learns_from_them_too(learned):
    data, _ = learned
    found = LinearSvm(refitted=True).predict(data.entries, data.split)
    assert len(found.row) == (data.split > 0).sum()
    true = data.entries["lines"].to_pylist()
    for row, answer in zip(found.row.tolist(), found.sets, strict=True):
        assert sorted(answer) == sorted((line["account"], line["side"]) for line in true[row])
