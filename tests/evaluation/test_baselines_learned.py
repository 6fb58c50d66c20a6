"""Those that are fitted to an entity's books: the support vector machine and the logistic regressions."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from baseline_books import chart, in_sets, made, predicted_last
from made_up_books import FOOD, RENT, SALE, entries, entry

from jet.evaluation.baselines import LinearSvm, LogisticMultilabel
from jet.evaluation.line_sets import line_sets

SVMS = pytest.mark.parametrize("refitted", [False, True])
FIRST = entry("", RENT)["date"]


def mixed_books(days=30):
    """Rents, lunches and sales in turn."""
    kinds = [(RENT, "rent"), (FOOD, "lunch"), (SALE, "invoice")]
    return [entry(f"{i:03}", kinds[i % 3][0], day=i, text=f"{kinds[i % 3][1]} {i}") for i in range(days)]


@SVMS
def test_a_text_that_is_like_others_is_booked_like_them(refitted):
    query = entry("999", None, day=40, text="invoice for lunch no. 7 and invoice 8")
    answer, confidence, alternatives = predicted_last(LinearSvm(refitted=refitted), [*mixed_books(), query])
    assert answer == in_sets(SALE)
    assert 0.5 < confidence < 1
    assert alternatives[0] == in_sets(FOOD)


@SVMS
@pytest.mark.parametrize(("column", "values"), [("journal", "AB"), ("total", (Decimal(500), Decimal(9)))])
def test_journal_and_amount_tell_apart_what_the_text_does_not(refitted, column, values):
    rows = [
        entry(f"{i:03}", (RENT, FOOD)[i % 2], day=i, text="transfer") | {column: values[i % 2]}
        for i in range(12)
    ]
    for which, lines in enumerate((RENT, FOOD)):
        query = entry("999", None, day=40, text="transfer") | {column: values[which]}
        assert predicted_last(LinearSvm(refitted=refitted), [*rows, query])[0] == in_sets(lines)


@SVMS
def test_one_class_is_answered_without_a_machine(refitted):
    rows = [entry(str(i), RENT, day=i, text=f"rent {i}") for i in range(8)]
    assert predicted_last(LinearSvm(refitted=refitted), rows) == (in_sets(RENT), 1.0, [])


@pytest.mark.parametrize("name", ["svm_static", "svm_refitted", "logistic_multilabel"])
def test_with_hardly_any_entries_the_last_same_text_answers(name):
    rows = [
        entry("1", RENT, day=0, text="rent"),
        entry("2", FOOD, day=1, text="lunch"),
        entry("3", FOOD, day=2, text="lunch"),
        entry("4", SALE, day=3, text="rent"),
    ]
    assert predicted_last(made(name), rows) == predicted_last(made("last_same_text"), rows)


def test_only_the_refitted_machine_learns_what_changes_after_train():
    train = [entry(f"{i:03}", (RENT, FOOD)[i % 2], day=i, text=("rent", "lunch")[i % 2]) for i in range(20)]
    moved = [entry(f"{i:03}", SALE, day=i, text="subscription") for i in range(20, 40)]
    split = np.array([0] * 20 + [1] * 10 + [2] * 10)
    table = entries([*train, *moved])
    static = LinearSvm(refitted=False).predict(table, split)
    refitted = LinearSvm(refitted=True).predict(table, split)
    assert in_sets(SALE) not in static.sets
    assert refitted.sets[-10:] == [in_sets(SALE)] * 10


def test_refits_fall_on_the_quarters_and_never_cut_a_day():
    # From the fourth entry after train on, "club" is a sale; what each answer says tells when it was learned.
    train = [entry(f"{i:03}", (RENT, FOOD)[i % 2], day=i, text=("rent", "lunch")[i % 2]) for i in range(20)]
    days = [20, 20, 20, 21, 21, 21, 21, 22]
    later = [entry(f"{20 + i:03}", SALE, day=day, text="club") for i, day in enumerate(days)]
    split = np.array([0] * 20 + [2] * 8)
    found = LinearSvm(refitted=True).predict(entries([*train, *later]), split)
    knows = [answer == in_sets(SALE) for answer in found.sets]
    assert knows == [False] * 3 + [True] * 4 + [True]
    assert len(set(found.confidence[:3])) == len(set(found.confidence[3:7])) == 1


def test_many_sets_that_were_booked_once_are_learned_without_a_warning():
    rows = [entry(f"{i:03}", ((f"{i}", "D"), ("1", "C")), day=i, text=f"word{i}") for i in range(9)]
    answer, _, alternatives = predicted_last(
        LinearSvm(refitted=False), [*rows, entry("999", None, day=10, text="word4")]
    )
    assert answer == line_sets(entries([rows[4]])["lines"])[0]
    assert len(alternatives) == 2


def combined_books():
    """A reminder is booked as a debit by its first word and a credit by its second: one pair of them never."""
    debit = {"paper": ("5810", "D"), "office": ("5010", "D")}
    credit = {"bank": ("1930", "C"), "card": ("3001", "C")}
    words = [("paper", "bank"), ("office", "bank"), ("paper", "card")] * 6
    rows = [entry(f"{i:03}", (debit[d], credit[c]), day=i, text=f"{d} {c}") for i, (d, c) in enumerate(words)]
    return rows, in_sets([debit["office"], credit["card"]])


def test_account_by_account_a_set_can_be_answered_that_was_never_booked():
    rows, never_booked = combined_books()
    query = entry("999", None, day=40, text="office card")
    answer, confidence, alternatives = predicted_last(LogisticMultilabel(chart()), [*rows, query])
    assert answer == never_booked
    assert 0 < confidence < 1
    assert len(alternatives) == 2
    assert predicted_last(LinearSvm(refitted=False), [*rows, query])[0] != never_booked


def test_an_account_that_is_closed_on_the_date_is_not_answered():
    query = entry("999", None, day=40, text="rent 99")
    rows = [*mixed_books(), query]
    open_books = LogisticMultilabel(chart(closed={"5010": FIRST + timedelta(days=40)}))
    assert predicted_last(open_books, rows)[0] == in_sets(RENT)
    for shut in (
        {"closed": {"5010": FIRST + timedelta(days=39)}},
        {"opened": {"5010": FIRST + timedelta(days=41)}},
    ):
        answer, _, alternatives = predicted_last(LogisticMultilabel(chart(**shut)), rows)
        for lines in (answer, *alternatives):
            assert ("5010", "D") not in lines
            assert {side for _, side in lines} == {"D", "C"}


def test_where_all_accounts_of_a_side_are_closed_the_last_same_text_answers():
    rows = mixed_books()
    shut = dict.fromkeys(("1930", "2611", "3001"), FIRST)
    rows = [*rows, entry("999", None, day=40, text="rent 3")]
    assert predicted_last(LogisticMultilabel(chart(closed=shut)), rows) == predicted_last(
        made("last_same_text"), rows
    )
