"""Nothing that was booked on an entry's own day, or later, or on the entry itself, has a say in its answer."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, timedelta

import made_up
import numpy as np
import pyarrow as pa
import pytest
import small_books
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.schema import PREDICTIONS
from jet.prediction.outcomes import outcomes_of
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings
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

KNOWN = 22
"""The day from which on nothing is known, where the entries are answered in a batch."""

EARLIER = small_books.entries(0, DAY - 1, most=24, least=1)
NOT_EARLIER = small_books.entries(DAY, DAY + 5, most=12)
KNOWN_ENTRIES = small_books.entries(0, KNOWN - 1, most=24, least=1)
NOT_KNOWN = small_books.entries(KNOWN, DAY + 5, most=16)
OWN_LINES = st.lists(st.integers(0, 8), min_size=len(ASKED), max_size=len(ASKED))


def queries(own_lines):
    """The entries to predict, each booked to the given one of its company's sets."""
    rows = [(*row[:3], place, *row[4:]) for row, place in zip(ASKED, own_lines, strict=True)]
    return small_books.table(rows, "q")


def books(earlier, later, own):
    """All that is booked: the entries to predict are among it."""
    return pa.concat_tables([small_books.table(earlier, "e"), queries(own), small_books.table(later, "l")])


def known_before(size, day=KNOWN):
    """int32 [size]: the day for every entry."""
    first = (made_up.FIRST_DAY - date(1970, 1, 1)).days
    return np.full(size, first + day, dtype=np.int32)


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


@settings(deadline=None, max_examples=40)
@given(KNOWN_ENTRIES, NOT_KNOWN, NOT_KNOWN, OWN_LINES, OWN_LINES)
def test_entries_of_the_day_from_which_on_nothing_is_known_change_nothing_that_is_weighed(
    fixed, earlier, later, other_later, own, other_own
):
    """Of a batch: entries between its first day and the day of an entry have no say either."""
    found = []
    for after, lines in ((later, own), (other_later, other_own)):
        booked, cut = books(earlier, after, lines), known_before(len(ASKED))
        found.append(by_content(small_books.weigh(fixed, booked, queries(lines), known_before=cut)))
    assert differing(*found) == []


@settings(deadline=None, max_examples=15)
@given(KNOWN_ENTRIES, NOT_KNOWN, NOT_KNOWN, OWN_LINES, OWN_LINES)
def test_entries_of_the_day_from_which_on_nothing_is_known_change_neither_answer_nor_outcome(
    fixed_bundle, earlier, later, other_later, own, other_own
):
    tables, outcomes = [], []
    for after, lines in ((later, own), (other_later, other_own)):
        predictor = Predictor(
            small_books.with_books(fixed_bundle, books(earlier, after, lines)), PredictSettings(batch_size=8)
        )
        tables.append(predictor(queries(lines), known_before(len(ASKED))).drop_columns("model"))
        found = outcomes_of(predictor, queries(own), known_before(len(ASKED)))
        outcomes.append(
            {each.name: getattr(found, each.name) for each in fields(found) if each.name != "scores"}
        )
        outcomes[-1] |= {each.name: getattr(found.scores, each.name) for each in fields(found.scores)}
    assert tables[0].equals(tables[1])
    assert differing(*outcomes) == []


@settings(deadline=None, max_examples=10)
@given(KNOWN_ENTRIES, NOT_KNOWN, st.lists(st.integers(1, DAY + 3), min_size=len(ASKED), max_size=len(ASKED)))
def test_each_entry_is_answered_as_if_the_books_ended_before_its_own_day_of_not_knowing(
    fixed_bundle, earlier, later, days
):
    own = [0] * len(ASKED)
    whole = books([("oak", 0, "zebra", 0, 10_000, "A"), *earlier], later, own)  # no books are empty
    cuts = np.array([known_before(1, day)[0] for day in days], dtype=np.int32)
    settings_ = PredictSettings(batch_size=8)
    together = Predictor(small_books.with_books(fixed_bundle, whole), settings_)(queries(own), cuts)
    for row, day in enumerate(days):
        ended = made_up.FIRST_DAY + timedelta(days=day)
        known = whole.filter(pa.compute.less(whole["date"], pa.scalar(ended)))
        bundle = small_books.with_books(fixed_bundle, known)
        alone = Predictor(bundle, settings_)(queries(own).slice(row, 1))
        assert alone.drop_columns("model").equals(together.slice(row, 1).drop_columns("model"))


def test_what_is_weighed_has_the_votes_by_side_and_the_shares_of_texts(fixed):
    """What the tests of this file speak of; each says something of these entries."""
    own = [0, 0, 0, 2, 0]
    earlier = [("ash", 3, "office rent", 0, 10_000, "A"), ("ash", 5, "office rent 2", 1, 10_000, "A")]
    earlier += [("beech", 6, "telephone", 3, None, "B"), ("ash", 9, "office rent", 0, 10_000, "A")]
    earlier += [("beech", 7, "office rent 7", 0, None, ""), ("beech", 8, "office rent 2", 0, None, "")]
    features = small_books.weigh(fixed, small_books.table(earlier, "e"), queries(own)).features
    sides = [
        f"{side}_{kind}"
        for side in ("debit", "credit")
        for kind in ("close", "sharp", "text", "masked", "journal", "recent", "amount")
    ]
    for name in [*sides, "text_share", "text_count", "masked_share", "masked_count"]:
        assert len(np.unique(features[name])) > 1, name
    assert features["text_share"].max() == 2 / 3  # of two entries with this text, shrunk
    assert features["text_count"][2].max() == np.log1p(1)
    assert features["masked_count"][2].max() == np.log1p(2)


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
