"""What is examined for a report is what prediction predicts, beside the true lines."""

from __future__ import annotations

import made_up
import numpy as np
import pyarrow as pa
import pytest

from jet.books.schema import ACCOUNTS
from jet.books.split import TEST
from jet.books.withheld import without_lines
from jet.bundle.extension import extended
from jet.confidence.settings import METHODS
from jet.evaluation.examine import examine, predictions_of
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings


@pytest.fixture(scope="module")
def bundle():
    """Of three companies, two of which are each other's peers."""
    data = made_up.family_data(days=150)
    trainer = made_up.trainer(data)
    made_up.train(data, trainer, 4)
    return data, made_up.calibrated(data, made_up.assembled(data, trainer.network))


@pytest.fixture(scope="module")
def entries(bundle):
    data, _ = bundle
    return data.entries.take(pa.array(data.rows(TEST)))


@pytest.fixture(scope="module")
def examined(bundle, entries):
    return examine(Predictor(bundle[1], PredictSettings()), entries)


@pytest.mark.parametrize("method", METHODS)
def test_the_predictions_are_those_of_the_predictor(bundle, entries, examined, method):
    predictor = Predictor(bundle[1], PredictSettings(method=method))
    found = examine(predictor, entries)
    assert predictions_of(found).equals(predictor(entries))
    for name in ("true", "neighbors", "amounts_right"):
        assert found[name].equals(examined[name])


def test_there_is_a_row_for_each_entry_in_its_place(bundle, entries, examined):
    order = np.random.default_rng(0).permutation(len(entries))
    again = examine(Predictor(bundle[1], PredictSettings()), entries.take(pa.array(order)))
    for name in ("entity", "entry_id"):
        assert examined[name].equals(entries[name])
    assert again.equals(examined.take(pa.array(order)))


def test_an_entry_s_own_lines_reach_nothing_but_the_truth(bundle, entries, examined):
    rows = entries.to_pylist()
    for row in rows:
        row["lines"] = made_up.lines("D10 C20" if row["entity"] == "birch" else "D7010 C1930")
    changed = examine(Predictor(bundle[1], PredictSettings()), made_up.entries_table(rows))
    for name in ("predictions", "neighbors", "candidates", "total_known"):
        assert changed[name].equals(examined[name]), name
    assert not changed["true"].equals(examined["true"])


def test_entries_without_a_truth_are_answered_too(bundle, entries, examined):
    found = examine(Predictor(bundle[1], PredictSettings()), without_lines(entries))
    assert found["true"].to_pylist() == [[]] * len(entries)
    assert found["predictions"].equals(examined["predictions"])


def test_no_entries_give_no_rows(bundle, entries):
    assert len(examine(Predictor(bundle[1], PredictSettings()), entries.slice(0, 0))) == 0


# --- a book small enough to know by heart ------------------------------------------------------------------


@pytest.fixture(scope="module")
def by_heart(bundle):
    """birch's books are two rents and a ticket; what is found for four entries, and how tokens are spelled."""
    _, trained = bundle
    rows = [
        made_up.entry("birch", "1", 10, "rent", "D30:50 C10:50", "50.00"),
        made_up.entry("birch", "2", 20, "ticket", "D40:80 D60:20 C10:100", "100.00"),
        made_up.entry("birch", "3", 30, "rent", "D30:70 C10:70", "70.00"),
    ]
    empty = trained.with_rows(np.empty(0, dtype=np.int64))
    small = extended(
        empty, ACCOUNTS.empty_table(), lambda texts: np.empty((len(texts), 0)), made_up.entries_table(rows)
    )
    queries = made_up.entries_table(
        [
            made_up.entry("birch", "a", 10, "rent", "D30:50 C10:50", "50.00"),
            made_up.entry("birch", "b", 20, "rent", "D50:50 C10:50", "50.00"),
            made_up.entry("birch", "c", 30, "ticket", "D40:8 D60:2 C10:10", "10.00"),
            made_up.entry("birch", "d", 40, "rent", "D30:7 C10:7"),
        ]
    )
    found = examine(Predictor(small, PredictSettings()), queries)
    codes = small.corpus.catalog.accounts["code"].to_pylist()

    def spelled(sets):
        return [" ".join("DC"[token % 2] + codes[token // 2] for token in tokens) for tokens in sets]

    return {row["entry_id"]: row for row in found.to_pylist()}, spelled


def test_the_truth_is_the_entry_s_own_set(by_heart):
    rows, spelled = by_heart
    truth = {name: set(spelled([row["true"]])[0].split()) for name, row in rows.items()}
    assert truth == {
        "a": {"D30", "C10"},
        "b": {"D50", "C10"},
        "c": {"D40", "D60", "C10"},
        "d": {"D30", "C10"},
    }


def test_neighbors_are_the_strictly_earlier_sets_of_similar_entries(by_heart):
    rows, spelled = by_heart
    found = {name: [set(each.split()) for each in spelled(row["neighbors"])] for name, row in rows.items()}
    rent, ticket = {"D30", "C10"}, {"D40", "D60", "C10"}
    assert found == {"a": [], "b": [rent], "c": [ticket, rent], "d": [rent, rent, ticket]}


def test_candidates_begin_with_what_was_booked_and_none_comes_twice(by_heart):
    rows, spelled = by_heart
    for name, first in (("b", "D30 C10"), ("d", "D30 C10")):
        found = [tuple(sorted(each.split())) for each in spelled(rows[name]["candidates"])]
        assert found[0] == tuple(sorted(first.split()))
        assert len(set(found)) == len(found) > 1
        assert all({line[0] for line in each} == {"D", "C"} for each in found)


def test_amounts_are_proposed_for_the_true_set(by_heart):
    rows, _ = by_heart
    right = {
        name: (row["total_known"], row["amounts_guessed"], row["amounts_right"]) for name, row in rows.items()
    }
    # One line a side takes the total; three are split as the neighbor's were; without a total nothing is known.
    assert right["a"] == right["b"] == (True, False, True)
    assert right["c"] == (True, True, True)
    assert right["d"] == (False, False, False)
    assert 0 < rows["c"]["amount_confidence"] < 1
