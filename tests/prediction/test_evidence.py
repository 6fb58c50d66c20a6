"""Evidence: the neighbors that carried an answer are earlier entries of the same company."""

from __future__ import annotations

from datetime import timedelta

import made_up
import numpy as np
import pytest

from jet.prediction.predictor import Predictor, PredictSettings
from jet.retrieval.text import normalize

SETTINGS = PredictSettings(batch_size=16)


@pytest.fixture(scope="module")
def predicted(bundle, new_entries):
    return Predictor.for_entries(bundle, SETTINGS, new_entries, None)(new_entries).to_pylist()


def test_evidence_is_strictly_earlier_and_of_the_same_company(data, new_entries, predicted):
    books = {row["entry_id"]: row for row in data.entries.to_pylist()}
    shown = 0
    for row, entry in zip(predicted, new_entries.to_pylist(), strict=True):
        for evidence in row["evidence"]:
            source = books[evidence["entry_id"]]
            assert source["entity"] == entry["entity"]
            assert source["date"] < entry["date"]
            assert evidence["age_days"] == (entry["date"] - source["date"]).days
            assert evidence["same_text"] == (
                normalize(source["description"]) == normalize(entry["description"])
            )
            shown += 1
    assert shown > 60


def test_evidence_for_booked_entries_is_never_the_entry_itself(data, bundle):
    answers = Predictor(bundle, SETTINGS)(data.entries)
    dates = dict(zip(data.entries["entry_id"].to_pylist(), data.entries["date"].to_pylist(), strict=True))
    for row in answers.to_pylist():
        for evidence in row["evidence"]:
            assert dates[evidence["entry_id"]] < dates[row["entry_id"]]


def test_weights_are_shares_and_the_heaviest_comes_first(predicted):
    for row in predicted:
        weights = [evidence["weight"] for evidence in row["evidence"]]
        assert all(0.01 <= weight <= 1 for weight in weights)
        assert sum(weights) <= 1 + 1e-5
        assert weights == sorted(weights, reverse=True)
        assert len(weights) <= 5


def test_an_answer_that_was_copied_names_what_it_was_copied_from(data, bundle):
    entries = made_up.entries_table([made_up.entry("birch", "n", 199, "wages")])
    row = Predictor.for_entries(bundle, SETTINGS, entries, None)(entries).to_pylist()[0]
    spelled = sorted((line["account"], line["side"]) for line in row["lines"])
    books = {r["entry_id"]: r for r in data.entries.to_pylist()}
    best = books[row["evidence"][0]["entry_id"]]
    assert sorted((line["account"], line["side"]) for line in best["lines"]) == spelled
    assert row["evidence"][0]["same_text"]
    assert row["evidence"][0]["similarity"] > 0


def test_a_network_without_a_memory_has_no_evidence(data, new_entries):
    bundle = made_up.assembled(data, made_up.network(data, memory="none"))
    rows = Predictor.for_entries(bundle, SETTINGS, new_entries, None)(new_entries).to_pylist()
    assert all(row["evidence"] == [] for row in rows)
    assert any(row["lines"] for row in rows)


def test_an_entry_of_the_same_day_is_no_evidence():
    rows = [
        made_up.entry("birch", "day 0", 0, "rent", "D30 C10"),
        made_up.entry("birch", "day 5", 5, "rent", "D60 C20"),
        made_up.entry("birch", "day 9", 9, "rent", "D50 C40"),
    ]
    data = made_up.training_data(made_up.entries_table(rows), made_up.accounts_table(made_up.chart_rows()))
    bundle = made_up.assembled(data, made_up.network(data))
    for day, known in ((0, set()), (1, {"day 0"}), (5, {"day 0"}), (6, {"day 0", "day 5"}), (300, None)):
        entries = made_up.entries_table([made_up.entry("birch", "n", day, "rent")])
        answers = Predictor.for_entries(bundle, SETTINGS, entries, None).answers(entries)
        ids = bundle.books.ids.to_pylist()
        found = {ids[row] for row in answers.neighbor[0] if row >= 0}
        assert found == (known if known is not None else {"day 0", "day 5", "day 9"})
        assert (answers.carried[0][answers.neighbor[0] < 0] == 0).all()
    assert entries["date"][0].as_py() == made_up.FIRST_DAY + timedelta(days=300)


def test_figures_of_an_answer_without_neighbors_are_finite(bundle):
    entries = made_up.entries_table([made_up.entry("cedar", "n", 10, "rent")])
    answers = Predictor.for_entries(bundle, SETTINGS, entries, None).answers(entries)
    assert np.isfinite(answers.figures).all()
    assert answers.carried.sum() == 0
