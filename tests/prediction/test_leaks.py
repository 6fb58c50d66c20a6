"""Nothing that was booked on an entry's own day, or later, or on the entry itself, has a say in its answer."""

from __future__ import annotations

from dataclasses import fields

import made_up
import numpy as np
import pyarrow as pa
import pytest
import small_books
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.schema import PREDICTIONS
from jet.prediction.outcomes import outcomes_of
from jet.prediction.predictor import Predictor, PredictSettings
from jet.ranking.candidates import Candidates
from jet.ranking.evidence import Evidence
from jet.ranking.expert import LineScores

DAY = 30
"""The day of the entries to predict."""

ASKED = [
    ("ash", DAY, "office rent", 0, 10_000, "A"),
    ("ash", DAY, "", 1, None, ""),
    ("beech", DAY, "office rent 2", 2, 12_345, "A"),
    ("beech", DAY, "telephone", 3, 10_001, "B"),
    ("oak", DAY, "zebra", 0, 10_000, "A"),
]

EARLIER = small_books.entries(0, DAY - 1, most=24, least=1)
NOT_EARLIER = small_books.entries(DAY, DAY + 5, most=12)
OWN_LINES = st.lists(st.integers(0, 8), min_size=len(ASKED), max_size=len(ASKED))


def queries(own_lines):
    """The entries to predict, each booked to the given one of its company's sets."""
    rows = [(*row[:3], place, *row[4:]) for row, place in zip(ASKED, own_lines, strict=True)]
    return small_books.table(rows, "q")


def books(earlier, later, own):
    """All that is booked: the entries to predict are among it."""
    return pa.concat_tables([small_books.table(earlier, "e"), queries(own), small_books.table(later, "l")])


def by_content(found):
    """Everything that was weighed, without row numbers, which say no more than how the books are stored."""
    row = found.evidence.row
    values = {
        f"evidence.{each.name}": getattr(found.evidence, each.name)
        for each in fields(Evidence)
        if each.name not in ("row", "limit")
    }
    values["evidence.id"] = np.where(row >= 0, found.ids[row], "")
    values |= {f"scores.{each.name}": getattr(found.scores, each.name) for each in fields(LineScores)}
    values |= {f"candidates.{each.name}": getattr(found.candidates, each.name) for each in fields(Candidates)}
    return values | found.features


def differing(one, other):
    """The names of the arrays that are not the same bit for bit."""
    assert one.keys() == other.keys()
    return [
        name
        for name in one
        if one[name].dtype != other[name].dtype
        or one[name].shape != other[name].shape
        or np.ascontiguousarray(one[name]).tobytes() != np.ascontiguousarray(other[name]).tobytes()
    ]


@settings(deadline=None, max_examples=40)
@given(EARLIER, NOT_EARLIER, NOT_EARLIER, OWN_LINES, OWN_LINES)
def test_neither_later_entries_nor_its_own_lines_change_what_is_weighed_for_an_entry(
    fixed, earlier, later, other_later, own, other_own
):
    one = small_books.weigh(fixed, books(earlier, later, own), queries(own))
    other = small_books.weigh(fixed, books(earlier, other_later, other_own), queries(other_own))
    assert differing(by_content(one), by_content(other)) == []


@settings(deadline=None, max_examples=15)
@given(EARLIER, NOT_EARLIER, NOT_EARLIER, OWN_LINES, OWN_LINES)
def test_neither_later_entries_nor_its_own_lines_change_a_prediction(
    fixed_bundle, earlier, later, other_later, own, other_own
):
    answers = []
    for after, lines in ((later, own), (other_later, other_own)):
        bundle = small_books.with_books(fixed_bundle, books(earlier, after, lines))
        found = Predictor(bundle, PredictSettings(batch_size=8))(queries(lines))
        answers.append(found.drop_columns("model"))
    assert answers[0].equals(answers[1])
    assert set(answers[0].column_names) == set(PREDICTIONS.names) - {"model"}


@settings(deadline=None, max_examples=10)
@given(EARLIER, NOT_EARLIER, OWN_LINES, OWN_LINES)
def test_its_own_lines_say_which_candidate_was_right_and_nothing_of_what_is_weighed(
    fixed_bundle, earlier, later, own, other_own
):
    found = []
    for lines in (own, other_own):
        bundle = small_books.with_books(fixed_bundle, books(earlier, later, lines))
        outcomes = outcomes_of(Predictor(bundle, PredictSettings(batch_size=8)), queries(lines))
        found.append({each.name: getattr(outcomes.scores, each.name) for each in fields(outcomes.scores)})
    assert differing(*found) == []


@pytest.mark.parametrize("earlier_day", [DAY - 1, DAY])
def test_what_was_booked_the_day_before_counts_and_on_the_same_day_does_not(fixed, earlier_day):
    booked = made_up.entries_table(
        [
            made_up.entry("oak", "first", 0, "cash", "D30 C10"),
            made_up.entry("ash", "own", earlier_day, "telephone", "D6200 C1930", "5.00"),
            made_up.entry("beech", "peer", earlier_day, "telephone", "D6200 C2440", "5.00"),
        ]
    )
    question = made_up.entries_table([made_up.entry("ash", "q", DAY, "telephone", None, "5.00")])
    found = small_books.weigh(fixed, booked, question)
    known = {found.ids[row] for row in found.evidence.row[0] if row >= 0}
    assert known == ({"own", "peer"} if earlier_day < DAY else set())
    assert bool(found.features["prior"].any()) == (earlier_day < DAY)
