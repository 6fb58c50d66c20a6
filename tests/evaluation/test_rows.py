"""The test entries as a table, and the wrong answers that were the surest."""

from datetime import date

import numpy as np
from made_up_books import FOOD, RENT, entries, entry, scored

from jet.evaluation.rows import rows_table, surest_mistakes


def test_rows_have_date_and_text_and_what_each_method_answered():
    books = entries([entry("0", RENT, day=3, text="Lyft"), entry("1", FOOD, text="")])
    model, other = scored([(RENT, RENT, 0.9), (FOOD, (), 0.1)]), scored([(RENT, FOOD), (FOOD, FOOD)])
    rows = rows_table(books, {"ranker": model, "svm": other}, np.array([True, False])).to_pylist()
    assert rows[0] == {
        "entity": "a",
        "entry_id": "0",
        "date": date(2024, 1, 4),
        "description": "Lyft",
        "true": "C 1930 D 5010",
        "automated": True,
        "ranker_right": True,
        "ranker_confidence": 0.9,
        "ranker_answer": "C 1930 D 5010",
        "svm_right": False,
        "svm_confidence": 0.5,
        "svm_answer": "C 1930 D 5810",
    }
    assert (rows[1]["ranker_answer"], rows[1]["ranker_right"], rows[1]["automated"]) == ("", False, False)


def test_the_surest_mistakes_are_wrong_answers_by_falling_confidence():
    some = scored(
        [(RENT, FOOD, 0.5), (RENT, RENT, 0.99), (RENT, FOOD, 0.9), (FOOD, (), 0.95), (FOOD, RENT, 0.9)]
    )
    assert surest_mistakes(some).tolist() == [2, 4, 0]
    assert surest_mistakes(some, count=1, each=0).tolist() == [2]


def test_each_company_has_its_own_surest_mistakes_after_those_of_all():
    some = scored([(RENT, FOOD, 0.9 - i / 100) for i in range(8)], entity=np.array(list("aaaabbbb")))
    assert surest_mistakes(some, count=2, each=1).tolist() == [0, 1, 4]
    assert surest_mistakes(some, count=2, each=3).tolist() == [0, 1, 2, 4, 5, 6]
