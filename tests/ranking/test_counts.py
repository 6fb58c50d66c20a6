from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.ranking.counts import Counts

OCCURRENCES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), max_size=30)
ASKED = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 14)), min_size=1, max_size=20)


def columns(pairs):
    array = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


@settings(deadline=None, max_examples=200)
@given(OCCURRENCES, ASKED)
def test_a_count_is_the_number_of_occurrences_in_earlier_rows(occurrences, queries):
    counts = Counts.of(*columns(occurrences))
    expected = [sum(key == k and row < limit for k, row in occurrences) for key, limit in queries]
    assert counts.before(*columns(queries)).tolist() == expected


@settings(deadline=None, max_examples=50)
@given(OCCURRENCES, ASKED)
def test_keys_and_limits_broadcast(occurrences, queries):
    counts = Counts.of(*columns(occurrences))
    key, limit = columns(queries)
    result = counts.before(key[None, :], limit[:, None])
    for row in range(len(queries)):
        assert result[row].tolist() == counts.before(key, np.full(len(key), limit[row])).tolist()


def test_of_sets_and_of_lines_are_counted_from_the_books(data):
    books = data.corpus.rows
    sets, lines = Counts.of_sets(books), Counts.of_tokens(books)
    entries = [books.tokens[a:b].tolist() for a, b in zip(books.offsets[:-1], books.offsets[1:], strict=True)]
    for row in range(0, len(books), 7):
        assert sets.before(books.set_keys[row : row + 1], np.array([row])).tolist() == [
            entries[:row].count(entries[row])
        ]
        for token in entries[row]:
            # An entry with the line twice is one entry.
            expected = sum(token in entry for entry in entries[:row])
            assert lines.before(np.array([token]), np.array([row])).tolist() == [expected]
