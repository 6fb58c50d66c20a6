"""The learning curve shows new companies: their entries are predicted without any training on them."""

from __future__ import annotations

from dataclasses import replace

import made_up
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_books import FOOD, RENT, entries, entry, prediction, predictions

from jet.books.schema import ACCOUNTS
from jet.books.split import TEST, TRAIN
from jet.bundle.extension import extended
from jet.evaluation import learning_curve as module
from jet.evaluation.learning_curve import (
    FOLDS,
    CurveFold,
    CurvePredictions,
    company_folds,
    curve_rows,
    fold_ranker,
    learning_curve,
    predict_queries,
    svm_right,
)
from jet.ranking.examples import Examples
from jet.ranking.statistics import Statistics

COMPANIES = ("ash", "beech", "cherry", "date")
HABITS = [
    ("office rent", False, "D5010 C1930"),
    ("customer invoice", True, "D1510 C2611 C3001"),
    ("supplier acme", True, "D2641 D5010 C2440"),
    ("acme paid", True, "D2440 C1930"),
    ("salary run", False, "D7010 C1930"),
]
RANKER = replace(made_up.RANKER, epochs=10, candidates=24)


@pytest.fixture(scope="module")
def data():
    """Four companies that keep their books alike, by the same standard chart."""
    chart = [
        made_up.account(company, code, name) for company in COMPANIES for code, name in made_up.STANDARD.items()
    ]
    books = made_up.books(days=150, a_day=0.6, habits_of=dict.fromkeys(COMPANIES, HABITS))
    return made_up.training_data(books, made_up.accounts_table(chart))


@pytest.fixture(scope="module")
def examples(data):
    statistics = Statistics.of(data.corpus, data.retrieval, data.model.max_lines)
    rows = data.learnable(TRAIN)
    return Examples.of(statistics, rows, data.hits.take(rows), RANKER)


@pytest.fixture(scope="module")
def bundle(data):
    """Its network is random: the curve is the ranker's alone."""
    return made_up.assembled(data, made_up.network(data))


def fold_of(data, *companies):
    numbers = np.array([COMPANIES.index(company) for company in companies])
    theirs = np.isin(data.corpus.rows.entity, numbers)
    parts = (theirs & (data.split != TEST), theirs & (data.split == TEST))
    return CurveFold(numbers, *(data.entries.filter(pa.array(part)) for part in parts))


# --- dealing -----------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 7)), max_size=60))
def test_every_tested_company_is_in_exactly_one_fold_and_has_others_to_learn_from(rows):
    # As `split_by_date` has it: whoever is tested has trained.
    rows = rows + [(TRAIN, company) for _, company in rows]
    split, entity = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    folds = company_folds(split, entity)
    trained = set(entity[split == TRAIN].tolist())
    if len(trained) < 2:
        assert folds == []
        return
    assert sorted(company for fold in folds for company in fold) == sorted(set(entity[split == TEST].tolist()))
    assert len(folds) <= FOLDS
    for fold in folds:
        assert len(fold)
        assert trained - set(fold.tolist())


def test_folds_have_like_numbers_of_test_rows():
    sizes = [40, 10, 10, 10, 9, 1]
    entity = np.repeat(np.arange(6), sizes)
    split = np.full(len(entity), TEST)
    folds = company_folds(np.append(split, [TRAIN] * 6), np.append(entity, np.arange(6)))
    assert sorted(sum(sizes[company] for company in fold) for fold in folds) == [10, 11, 19, 40]


# --- predicting --------------------------------------------------------------------------------------------


def with_other_habits(bundle, data, company):
    """The bundle as if the company had booked everything it ever booked to savings."""
    rows = [row for row in data.entries.to_pylist() if row["entity"] == company]
    for row in rows:
        row["lines"] = made_up.lines("D1940 C1930")
    nothing = ACCOUNTS.empty_table()
    table = made_up.entries_table(rows)
    return extended(bundle, nothing, lambda texts: np.empty((len(texts), 0)), table)


def test_without_history_nothing_that_the_company_booked_is_known(bundle, data, examples):
    fold = fold_of(data, "beech")
    ranker = fold_ranker(examples, fold, RANKER)
    other = with_other_habits(bundle, data, "beech")
    columns = ["lines", "alternatives", "evidence", "confidence"]
    found, changed = (
        predict_queries(each, ranker, fold, data.split, 0).select(columns) for each in (bundle, other)
    )
    assert found.equals(changed)
    assert "beech" not in {each["entity"] for row in found["evidence"].to_pylist() for each in row}
    assert not predict_queries(other, ranker, fold, data.split, 50).select(columns).equals(found)


def test_the_ranker_learns_nothing_from_the_fold_s_companies(data, examples):
    fold = fold_of(data, "beech", "date")
    theirs = np.isin(examples.entity, fold.companies)
    wrong = replace(examples, target=np.where(theirs, 0, examples.target))
    found, again = (fold_ranker(each, fold, RANKER).weights for each in (examples, wrong))
    assert all(np.array_equal(found[name], again[name]) for name in found)
    everyone = fold_ranker(examples, replace(fold, companies=np.array([], dtype=np.int64)), RANKER).weights
    assert not all(np.array_equal(found[name], everyone[name]) for name in found)


@pytest.mark.parametrize("history", [0, 1, 10, 10_000])
def test_of_the_fold_s_companies_the_last_entries_before_the_test_are_known(
    bundle, data, examples, history, monkeypatch
):
    seen = []

    class Spy:
        def __init__(self, bundle, settings, decoder):
            seen.append(bundle.corpus)
            assert (settings.method, decoder) == ("ranker", False)

        def __call__(self, entries):
            assert entries["lines"].null_count == len(entries)

    monkeypatch.setattr(module, "Predictor", Spy)
    fold = fold_of(data, "beech", "date")
    predict_queries(bundle, fold_ranker(examples, fold, RANKER), fold, data.split, history)
    [books] = seen
    ids = data.entries["entry_id"].to_numpy(zero_copy_only=False)
    for number, company in enumerate(COMPANIES):
        own = np.flatnonzero(data.corpus.rows.entity == number)
        if company in ("beech", "date"):
            before = own[data.split[own] != TEST]
            own = before[max(0, len(before) - history) :]
        kept = np.array(books.ids.to_pylist(), dtype=object)[books.rows.entity == number]
        assert kept.tolist() == ids[own].tolist()


def test_the_svm_knows_the_last_entries_before_the_test_and_nothing_else(data):
    fold = fold_of(data, "beech", "date")
    assert not svm_right(fold, 0).any()
    few, many = svm_right(fold, 8), svm_right(fold, 10_000)
    assert 0 < few.mean() <= many.mean()
    # What was booked before the last eight changes nothing of what the last eight say.
    companies = fold.known["entity"].to_pylist()
    last = [row for row, name in enumerate(companies) if companies[row:].count(name) <= 8]
    assert np.array_equal(svm_right(replace(fold, known=fold.known.take(last)), 8), few)
    # Nor do the test entries, when another one is predicted.
    rows = fold.queries.to_pylist()
    for row in rows[:-1]:
        row["lines"] = made_up.lines("D1940 C1930")
    altered = replace(fold, queries=made_up.entries_table(rows))
    assert svm_right(altered, 8)[-1] == few[-1]


# --- the curve ---------------------------------------------------------------------------------------------


@pytest.fixture
def answers():
    """By history, what was answered to the two entries of two companies."""

    def part(entity, booked, answered):
        return CurvePredictions(
            entries([entry("1", booked, entity=entity), entry("2", RENT, entity=entity)]),
            # Answers may come in any order.
            predictions([prediction("2", RENT, entity=entity), prediction("1", answered, entity=entity)]),
            np.array([entity == "a", False]),
        )

    return {
        10: [part("a", RENT, RENT), part("b", FOOD, RENT)],
        0: [part("a", RENT, FOOD), part("b", FOOD, RENT)],
    }


def test_the_curve_s_rows_say_what_was_right_of_each_company_s_entries(answers):
    rows = curve_rows(answers)
    assert [tuple(row.values()) for row in rows.to_pylist()] == [
        ("a", "1", 0, False, True),
        ("a", "2", 0, True, False),
        ("b", "1", 0, False, False),
        ("b", "2", 0, True, False),
        ("a", "1", 10, True, True),
        ("a", "2", 10, True, False),
        ("b", "1", 10, False, False),
        ("b", "2", 10, True, False),
    ]


def test_the_curve_has_a_point_for_each_history_over_all_folds(answers):
    points = learning_curve(answers)
    assert [point["history"] for point in points] == [0, 10]
    assert [point["entry_exact_match"] for point in points] == [0.5, 0.75]
    assert all((point["n"], point["entities"]) == (4, 2) for point in points)
    assert [point["svm_exact_match"] for point in points] == [0.25, 0.25]


def test_habits_that_companies_share_serve_a_new_one_and_its_own_history_does_no_harm(bundle, data, examples):
    folds = [fold_of(data, "ash", "beech"), fold_of(data, "cherry", "date")]
    rankers = [fold_ranker(examples, fold, RANKER) for fold in folds]
    answers = {
        history: [
            CurvePredictions(
                fold.queries,
                predict_queries(bundle, ranker, fold, data.split, history),
                svm_right(fold, history),
            )
            for fold, ranker in zip(folds, rankers, strict=True)
        ]
        for history in (0, 50)
    }
    none, some = (point["entry_exact_match"] for point in learning_curve(answers))
    assert some >= none > 0.5
