"""Evidence: what is shown beside an answer are earlier entries of the same company, or of its peers."""

from __future__ import annotations

from datetime import timedelta

import made_up
import numpy as np
import pytest
import small_books

from jet.prediction.predictor import Predictor
from jet.prediction.reasons import SHOWN
from jet.prediction.settings import PredictSettings
from jet.texts.normalize import normalize

SETTINGS = PredictSettings(batch_size=16)


@pytest.fixture(scope="module")
def predicted(bundle, new_entries):
    return Predictor.for_entries(bundle, SETTINGS, new_entries, None)(new_entries).to_pylist()


def spelled(lines):
    return sorted((line["account"], line["side"]) for line in lines)


def test_evidence_is_strictly_earlier_and_says_what_is_true_of_it(data, new_entries, predicted):
    books = {row["entry_id"]: row for row in data.entries.to_pylist()}
    shown = 0
    for row, entry in zip(predicted, new_entries.to_pylist(), strict=True):
        for evidence in row["evidence"]:
            source = books[evidence["entry_id"]]
            assert evidence["entity"] == source["entity"] == entry["entity"]
            assert evidence["date"] == source["date"] < entry["date"]
            assert evidence["age_days"] == (entry["date"] - source["date"]).days
            assert evidence["same_lines"] == (spelled(source["lines"]) == spelled(row["lines"]))
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


def test_no_entry_is_shown_twice_and_never_more_than_fit(predicted):
    for row in predicted:
        ids = [(evidence["entity"], evidence["entry_id"]) for evidence in row["evidence"]]
        assert len(set(ids)) == len(ids) <= SHOWN


def test_weights_are_shares_and_only_what_was_booked_alike_has_one(predicted):
    for row in predicted:
        assert sum(evidence["weight"] for evidence in row["evidence"]) <= 1 + 1e-5
        for evidence in row["evidence"]:
            assert (evidence["weight"] > 0) == evidence["same_lines"]


def test_where_all_are_booked_alike_the_weights_sum_to_one(fixed_bundle):
    booked = [("oak", day, "zebra", 0, 10_000, "A") for day in range(5)]
    bundle = small_books.with_books(fixed_bundle, small_books.table(booked, "e"))
    row = Predictor(bundle, SETTINGS)(small_books.table([("oak", 9, "zebra", 0, None, "A")], "q")).to_pylist()[
        0
    ]
    assert len(row["evidence"]) == 5
    total = sum(evidence["weight"] for evidence in row["evidence"])
    assert total == pytest.approx(1 if row["evidence"][0]["same_lines"] else 0)


def test_an_answer_that_repeats_the_books_names_what_it_repeats(data, bundle):
    entries = made_up.entries_table([made_up.entry("birch", "n", 199, "wages")])
    row = Predictor.for_entries(bundle, SETTINGS, entries, None)(entries).to_pylist()[0]
    books = {r["entry_id"]: r for r in data.entries.to_pylist()}
    alike = [evidence for evidence in row["evidence"] if evidence["same_lines"]]
    assert alike
    for evidence in alike:
        assert spelled(books[evidence["entry_id"]]["lines"]) == spelled(row["lines"])
        assert evidence["same_text"]
    assert max(evidence["similarity"] for evidence in alike) > 0


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
        ids = bundle.corpus.ids.to_pylist()
        found = {ids[row] for row in answers.row[0] if row >= 0}
        assert found == (known if known is not None else {"day 0", "day 5", "day 9"})
        assert (answers.weight[0][answers.row[0] < 0] == 0).all()
    assert entries["date"][0].as_py() == made_up.FIRST_DAY + timedelta(days=300)


def test_figures_of_an_answer_without_neighbors_are_finite(bundle):
    entries = made_up.entries_table([made_up.entry("cedar", "n", 10, "rent")])
    answers = Predictor.for_entries(bundle, SETTINGS, entries, None).answers(entries)
    assert np.isfinite(answers.features).all()
    assert answers.weight.sum() == 0
