"""Which accounts are taken for each other."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_books import FOOD, RENT, SALE, scored

from jet.evaluation.confusion import account_confusion

NAMES = {("a", "5010"): "Rent", ("a", "5810"): "Travel"}


def by_account(found):
    return {row["account"]: (row["asked"], row["right"], row["given"]) for row in found["accounts"]}


def test_two_accounts_that_stand_for_each_other_are_a_pair_in_both_directions():
    found = account_confusion(scored([(RENT, FOOD), (RENT, FOOD), (FOOD, RENT), (SALE, SALE)]), NAMES)
    assert found["pairs"] == [
        {"entity": "a", "accounts": ["5010", "5810"], "names": ["Rent", "Travel"], "entries": [2, 1]}
    ]
    assert found["unclear"] == 0


def test_of_each_account_it_says_how_many_lines_were_asked_right_and_given():
    found = account_confusion(scored([(RENT, FOOD), (RENT, RENT), (SALE, ())]), NAMES)
    counts = by_account(found)
    assert counts["5010"] == (2, 1, 1)
    assert counts["5810"] == (0, 0, 1)
    assert counts["1930"] == (2, 2, 2)
    assert counts["3001"] == (1, 0, 0)
    missed = [row["asked"] - row["right"] for row in found["accounts"]]
    assert missed == sorted(missed, reverse=True)


def test_no_answer_is_no_confusion():
    assert account_confusion(scored([(RENT, ())]), NAMES)["pairs"] == []


def test_the_wrong_side_is_not_right_and_no_confusion():
    swapped = (("5010", "C"), ("1930", "D"))
    found = account_confusion(scored([(RENT, swapped)]), NAMES)
    assert by_account(found)["5010"] == (1, 0, 1)
    # On each side one stands for the other.
    assert [(row["accounts"], row["entries"]) for row in found["pairs"]] == [(["1930", "5010"], [1, 1])]
    same = (("5010", "D"), ("5010", "C"))
    assert account_confusion(scored([(same, (("5010", "D"), ("5010", "D")))]), NAMES)["pairs"] == []


def test_more_wrong_lines_of_a_side_are_unclear():
    one, other = (("1", "D"), ("2", "D"), ("9", "C")), (("3", "D"), ("9", "C"))
    found = account_confusion(scored([(one, other)]), NAMES)
    assert (found["pairs"], found["unclear"]) == ([], 1)


def test_the_same_code_of_two_companies_is_two_accounts():
    found = account_confusion(scored([(RENT, FOOD)] * 2, entity=np.array(["a", "b"])), NAMES)
    assert [(row["entity"], row["entries"]) for row in found["pairs"]] == [("a", [1, 0]), ("b", [1, 0])]


LINES = st.lists(st.tuples(st.sampled_from("1234"), st.sampled_from("DC")), max_size=4)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(LINES, LINES), min_size=1, max_size=6))
def test_exchanging_what_is_booked_and_what_is_given_turns_every_pair_round(rows):
    there, back = scored(rows), scored([(given, booked) for booked, given in rows])
    found, turned = account_confusion(there, {}), account_confusion(back, {})
    assert [row | {"entries": row["entries"][::-1]} for row in found["pairs"]] == turned["pairs"]
    assert found["unclear"] == turned["unclear"]
    assert {name: (g, r, a) for name, (a, r, g) in by_account(found).items()} == by_account(turned)
    assert sum(row["asked"] for row in found["accounts"]) == there.counts["true"].sum()
    assert sum(row["given"] for row in found["accounts"]) == there.counts["predicted"].sum()
    common = sum(row["right"] for row in found["accounts"])
    assert common == there.counts["lines"].sum()
