"""Evidence as arrays, before anything is decided: what it says of each neighbor is what the books say."""

from __future__ import annotations

from datetime import date, timedelta

import made_up
import numpy as np
import small_books
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.confidence.holds import HoldFacts
from jet.confidence.regimes import NO_HISTORY
from jet.texts.normalize import normalize


@settings(deadline=None, max_examples=30)
@given(small_books.entries(0, 40, most=25, least=1), small_books.entries(0, 45, most=5, least=1))
def test_every_neighbor_is_what_the_books_say_of_it(fixed, booked, unbooked):
    table = small_books.table(booked, "e")
    result = small_books.weigh(fixed, table, small_books.table(unbooked, "q", False))
    books = {row["entry_id"]: row for row in table.to_pylist()}
    evidence = result.evidence
    for entry, (entity, day, text, _, cents, journal) in enumerate(unbooked):
        on = made_up.FIRST_DAY + timedelta(days=day)
        earlier = [row for row in books.values() if row["entity"] == entity and row["date"] < on]
        assert evidence.earlier[entry] == len(earlier)
        for place in np.flatnonzero(evidence.exists[entry]):
            source = books[result.ids[evidence.row[entry, place]]]
            at = entry, place
            assert source["date"] < on
            assert evidence.age[at] == (on - source["date"]).days
            assert evidence.same_day[at] == (source["date"].day == on.day)
            assert evidence.same_entity[at] == (source["entity"] == entity)
            assert evidence.same_text[at] == (normalize(source["description"]) == normalize(text))
            assert evidence.same_journal[at] == (bool(journal) and source["journal"] == journal)
            assert np.isnan(evidence.amount_gap[at]) == (cents is None or source["total"] is None)
            # In the company's own chart, whosever entry it is.
            own = result.spelled(evidence.lines[at]).split()
            assert sorted(own) == sorted(line["side"] + line["account"] for line in source["lines"])
            first, end = fixed.corpus.catalog.offsets[evidence.entity[entry] :][:2]
            accounts = evidence.lines[at][evidence.lines[at] >= 0] // 2
            assert ((first <= accounts) & (accounts < end)).all()
            assert evidence.same_entity[at] or {source["entity"], entity} == {"ash", "beech"}


@settings(deadline=None, max_examples=30)
@given(
    small_books.entries(0, 40, most=25, least=1),
    small_books.entries(0, 45, most=5, least=1),
    st.integers(-2, 48),
)
def test_history_and_gap_count_the_days_that_are_known_and_no_others(fixed, booked, unbooked, known_day):
    table = small_books.table(unbooked, "q", False)
    first = (made_up.FIRST_DAY - date(1970, 1, 1)).days
    cut = np.full(len(unbooked), first + known_day, dtype=np.int32)
    result = small_books.weigh(fixed, small_books.table(booked, "e"), table, known_before=cut)
    evidence = result.evidence
    for entry, (entity, day, *_) in enumerate(unbooked):
        known = [of_day for of, of_day, *_ in booked if of == entity and of_day < min(day, known_day)]
        assert evidence.earlier[entry] == len(known)
        assert evidence.gap[entry] == (day - max(known) if known else 0)
    facts = HoldFacts.of(result.statistics, evidence)
    assert np.array_equal(facts.gap, np.where(evidence.earlier > 0, evidence.gap, NO_HISTORY))
