"""Predictions and entries are brought together in any order, and each is named that stays alone."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.prediction.bookings import joined, told

KEYS = [(entity, str(number)) for entity in ("acme", "birch") for number in range(6)]


def batches(keys, cuts):
    """Tables of rows with these keys, cut in places."""
    rows = [{"entity": entity, "entry_id": entry_id} for entity, entry_id in keys]
    places = [0, *sorted(cuts), len(rows)]
    schema = pa.schema([("entity", pa.string()), ("entry_id", pa.string())])
    return [pa.Table.from_pylist(rows[start:end], schema=schema) for start, end in pairwise(places)]


ORDERED = st.tuples(st.permutations(KEYS), st.lists(st.integers(0, len(KEYS)), max_size=4))


@given(ORDERED, ORDERED)
@settings(max_examples=50)
def test_each_prediction_gets_its_entry_in_whatever_order(predictions, entries):
    found = list(joined(batches(*predictions), batches(*entries)))
    assert all(answer == entry for answer, entry in found)
    assert sorted(answer["entity"] + answer["entry_id"] for answer, _ in found) == sorted(map("".join, KEYS))


def test_what_is_in_the_same_order_waits_for_no_later_batch():
    read = []

    def parts(what):
        for part in batches(KEYS, range(2, 12, 2)):
            read.append(what)
            yield part

    pairs = joined(parts("predictions"), parts("entries"))
    next(pairs)
    assert read == ["predictions", "entries"]
    assert len([*pairs]) == len(KEYS) - 1


@pytest.mark.parametrize(
    ("predictions", "entries", "why"),
    [
        (KEYS, KEYS[1:], "1 entry ('0' of 'acme') of the predictions are not in --ledgers"),
        (KEYS[:-2], KEYS, "2 entries ('4' of 'birch', '5' of 'birch') of --ledgers have no prediction"),
        ([*KEYS, KEYS[0]], KEYS, "entry '0' of 'acme' comes twice in the predictions: give each once"),
        (KEYS, [*KEYS, KEYS[0]], "1 entry ('0' of 'acme') of --ledgers have no prediction"),
    ],
)
def test_what_stays_alone_or_comes_twice_is_named(predictions, entries, why):
    with pytest.raises(ValueError, match="^" + why.replace("(", r"\(").replace(")", r"\)")):
        list(joined(batches(predictions, []), batches(entries, [])))


def test_of_many_the_first_ones_are_told():
    assert told([("acme", str(number)) for number in range(1000, 3000)]).endswith("'1009' of 'acme', …)")
