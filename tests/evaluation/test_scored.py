"""Predictions meet the truth by entity and id, as multisets of lines."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_books import FOOD, RENT, SALE, entries, entry, lines, prediction, predictions, scored

from jet.books.schema import ACCOUNTS
from jet.evaluation.line_sets import line_sets
from jet.evaluation.scored import score_predictions

QUICK = settings(deadline=None, max_examples=60)
PAIR = st.tuples(st.sampled_from(["1", "2", "3"]), st.sampled_from(["D", "C"]))
LINES = st.lists(PAIR, min_size=1, max_size=5)


@QUICK
@given(LINES, st.randoms(use_true_random=False))
def test_a_line_set_does_not_know_the_order(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    one, other = line_sets(pa.array([lines(pairs), lines(shuffled)]))
    assert one == other == tuple(sorted(pairs))


@QUICK
@given(st.lists(st.none() | st.lists(PAIR, max_size=3), max_size=8), st.integers(0, 8))
def test_the_sets_of_a_column_are_those_of_its_rows(rows, skip):
    table = entries([entry(str(i), pairs) for i, pairs in enumerate(rows)])
    table = pa.concat_tables([table.slice(skip), table])
    expected = [tuple(sorted(pairs or ())) for pairs in [*rows[skip:], *rows]]
    assert line_sets(table["lines"]) == expected


def test_predictions_meet_their_entries_by_entity_and_id_whatever_their_order():
    books = entries([entry("1", RENT), entry("2", FOOD), entry("1", SALE, entity="b")])
    answers = predictions(
        [
            prediction("1", SALE, entity="b", confidence=0.25, alternatives=[RENT]),
            prediction("2", RENT, confidence=0.5, alternatives=[FOOD, SALE]),
            prediction("1", RENT, confidence=0.75),
            prediction("another", SALE),
        ]
    )
    one = score_predictions(books, answers)
    assert one.predicted == [tuple(sorted(pairs)) for pairs in (RENT, RENT, SALE)]
    assert one.confidence.tolist() == [0.75, 0.5, 0.25]
    assert one.counts["exact"].tolist() == [1, 0, 1]
    assert one.counts["top3"].tolist() == [1, 1, 1]
    assert one.entity.tolist() == ["a", "a", "b"]


def test_an_entry_without_a_prediction_is_named():
    books = entries([entry("1", RENT), entry("2", FOOD)])
    with pytest.raises(ValueError, match="without a prediction: a/2"):
        score_predictions(books, predictions([prediction("1", RENT), prediction("2", FOOD, entity="b")]))


def test_an_entry_with_two_predictions_is_named():
    books = entries([entry("1", RENT)])
    with pytest.raises(ValueError, match="more than one prediction: a/1"):
        score_predictions(books, predictions([prediction("1", RENT), prediction("1", FOOD)]))


def test_an_entry_that_stands_in_the_books_twice_is_named():
    with pytest.raises(ValueError, match="more than once: a/1"):
        score_predictions(entries([entry("1", RENT)] * 2), predictions([prediction("1", RENT)]))


def test_an_entry_without_truth_is_named():
    with pytest.raises(ValueError, match="without lines to measure against: a/1"):
        score_predictions(entries([entry("1", None)]), predictions([prediction("1", RENT)]))


def test_a_long_list_of_names_is_cut():
    books = entries([entry(str(i), RENT) for i in range(25)])
    with pytest.raises(ValueError, match=r"and 15 more$"):
        score_predictions(books, predictions([]))


def test_columns_that_do_not_line_up_are_refused():
    with pytest.raises(ValueError, match="valid has 1 rows"):
        scored([(RENT, RENT)] * 2, valid=np.ones(1, bool))
    with pytest.raises(ValueError, match="'0': no confidence"):
        scored([(RENT, RENT, float("nan"))])


def test_an_answer_is_valid_with_both_sides_and_accounts_open_on_the_day():
    def account(code, opened=None, closed=None):
        return {"entity": "a", "code": code, "name": "", "opened": opened, "closed": closed}

    chart = pa.Table.from_pylist(
        [
            account("1930"),
            account("5010", opened=date(2024, 1, 2)),
            account("5810", closed=date(2023, 12, 31)),
            account("6000", opened=date(2024, 1, 1), closed=date(2024, 1, 1)),
        ],
        schema=ACCOUNTS,
    )
    answers = {
        "open that day only": ([("6000", "D"), ("1930", "C")], True),
        "not yet open": (RENT, False),
        "closed": (FOOD, False),
        "unknown account": ([("7", "D"), ("1930", "C")], False),
        "debits only": ([("1930", "D"), ("6000", "D")], False),
        "no answer": ([], True),
    }
    books = entries([entry(name, SALE, day=0) for name in answers])
    given = predictions([prediction(name, pairs) for name, (pairs, _) in answers.items()])
    assert score_predictions(books, given, accounts=chart).valid.tolist() == [v for _, v in answers.values()]
    without_chart = score_predictions(books, given).valid
    assert without_chart.tolist() == [name != "debits only" for name in answers]
