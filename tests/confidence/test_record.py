"""Records: how the latest answers of a company compare with their confidence."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.confidence.record import LAST, Records, records_before

QUICK = settings(deadline=None, max_examples=80)
SURPLUS = st.integers(-100, 100).map(lambda hundredths: hundredths / 100)
ANSWERS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 12), SURPLUS), max_size=60)


def plain_record(surpluses, last=100):
    """The sum of the last answers, over 20 more than they are."""
    counted = surpluses[-last:]
    return sum(counted) / (len(counted) + 20)


def columns(answers):
    entity = np.array([name for name, _, _ in answers], dtype=object)
    date = np.array([day for _, day, _ in answers], dtype=np.int32)
    return entity, date, np.array([surplus for _, _, surplus in answers], dtype=np.float64)


@QUICK
@given(ANSWERS, st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 14)), max_size=20))
def test_a_record_counts_the_companys_answers_of_earlier_days_in_order_of_date(answers, asked):
    found = records_before(
        *columns(answers),
        np.array([name for name, _ in asked], dtype=object),
        np.array([day for _, day in asked], dtype=np.int32),
    )
    for figure, (name, day) in zip(found, asked, strict=True):
        earlier = sorted((row for row in answers if row[0] == name and row[1] < day), key=lambda row: row[1])
        assert figure == pytest.approx(plain_record([surplus for _, _, surplus in earlier]), abs=1e-12)


@QUICK
@given(ANSWERS)
def test_the_record_after_all_answers_is_that_of_the_day_after_the_last(answers):
    answers = sorted(answers, key=lambda row: row[1])
    entity, date, surplus = columns(answers)
    names = np.array(list("abcd"), dtype=object)
    after = Records.of(entity.tolist(), surplus).figures(names.tolist())
    expected = records_before(entity, date, surplus, names, np.full(4, 100, dtype=np.int32))
    np.testing.assert_allclose(after, expected, atol=1e-12)


@QUICK
@given(ANSWERS, st.integers(0, 60))
def test_answers_that_come_later_join_as_if_all_had_come_at_once(answers, cut):
    entity, _, surplus = columns(answers)
    names = entity.tolist()
    assert Records.of(names[:cut], surplus[:cut]).joined(names[cut:], surplus[cut:]) == Records.of(
        names, surplus
    )


def test_only_the_last_hundred_answers_count():
    surplus = np.r_[np.full(50, -1.0), np.full(LAST, 0.12)]
    records = Records.of(["a"] * 150, surplus)
    assert records.surplus == {"a": (0.12,) * 100}
    expected = 100 * 0.12 / 120
    assert records.figures(["a"])[0] == pytest.approx(expected)
    entity, date = np.array(["a"] * 150, dtype=object), np.arange(150, dtype=np.int32)
    before = records_before(entity, date, surplus, entity[:2], np.array([150, 149], dtype=np.int32))
    assert before == pytest.approx([expected, (99 * 0.12 - 1) / 120])


def test_few_answers_say_little_and_none_say_nothing():
    records = Records.of(["one"] + ["many"] * 80, np.full(81, -0.5))
    one, many, none = records.figures(["one", "many", "none"])
    assert one == pytest.approx(-0.5 / 21)
    assert many == pytest.approx(-0.4)
    assert none == 0
    assert Records().figures(["a"]).tolist() == [0.0]


def test_records_are_the_same_from_json():
    surplus = np.random.default_rng(0).normal(size=30)
    records = Records.of([*"abc"] * 10, surplus)
    content = json.loads(json.dumps(dict(records.surplus)))
    assert Records({name: tuple(values) for name, values in content.items()}) == records
