"""Those that only repeat: the most frequent set, the last same text, the nearest entries."""

import numpy as np
import pytest
from baseline_books import answers_by_id, in_sets, made, predicted_last, random_books, store_of
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_books import FOOD, RENT, SALE, entry

from jet.evaluation.baselines import LastSameText, Majority, Nearest, TfidfVote
from jet.texts.store import TextStore

QUICK = settings(deadline=None, max_examples=25)


def test_the_most_frequent_set_answers_whatever_the_text_and_of_equals_the_later_one():
    rows = [
        entry("1", RENT, day=0, text="rent"),
        entry("2", FOOD, day=1, text="lunch"),
        entry("3", FOOD, day=2, text="lunch"),
        entry("4", RENT, day=3, text="rent"),
        entry("5", SALE, day=4, text="invoice"),
        entry("6", FOOD, day=5, text="lunch"),
    ]
    answer, confidence, alternatives = predicted_last(Majority(), rows)
    assert (answer, confidence) == (in_sets(RENT), pytest.approx(2 / 5))
    assert alternatives == [in_sets(FOOD), in_sets(SALE)]


def test_the_last_entry_with_the_same_text_wins_over_the_more_frequent_one():
    rows = [
        entry("1", RENT, day=0, text="Office"),
        entry("2", RENT, day=1, text="Office"),
        entry("3", FOOD, day=2, text="OFFICE  "),
        entry("4", SALE, day=3, text="Sale"),
        entry("5", SALE, day=4, text=" office"),
    ]
    answer, confidence, alternatives = predicted_last(LastSameText(), rows)
    assert answer == in_sets(FOOD)
    assert confidence == pytest.approx(1 / 3)
    assert alternatives[0] == in_sets(RENT)


@pytest.mark.parametrize(
    "baseline",
    [LastSameText(), TfidfVote(), Nearest("tfidf", store_of(["aa", "bb", "cc", "dd", "zz", "??"]))],
    ids=lambda baseline: baseline.name,
)
def test_a_new_text_gets_the_most_frequent_set_and_of_equals_the_later_one(baseline):
    rows = [
        entry("1", RENT, day=0, text="aa"),
        entry("2", FOOD, day=1, text="bb"),
        entry("3", SALE, day=2, text="zz"),
        entry("4", FOOD, day=3, text="cc"),
        entry("5", RENT, day=4, text="dd"),
        entry("7", RENT, day=6, text="??"),
    ]
    answer, confidence, alternatives = predicted_last(baseline, rows)
    assert answer == in_sets(RENT)
    assert confidence == pytest.approx(2 / 5)
    assert alternatives == [in_sets(FOOD), in_sets(SALE)]


@pytest.mark.parametrize("name", ["majority", "last_same_text", "tfidf_vote", "nearest_combined"])
def test_entries_without_lines_are_no_history(name):
    rows = [
        entry("1", RENT, day=0, text="rent may"),
        entry("2", None, day=1, text="rent may"),
        entry("3", FOOD, day=2, text="rent may"),
    ]
    assert predicted_last(made(name), rows) == (in_sets(RENT), 1.0, [])


def test_similar_texts_outvote_a_single_nearer_one():
    rows = [
        entry("1", FOOD, day=0, text="lunch at the station"),
        *(entry(str(2 + i), RENT, day=1 + i, text=f"rent {month}") for i, month in enumerate(("jan", "feb"))),
        entry("4", FOOD, day=3, text="rent july"),
        entry("5", SALE, day=4, text="rent july"),
    ]
    answer, confidence, alternatives = predicted_last(TfidfVote(), rows)
    assert answer in (in_sets(RENT), in_sets(FOOD))
    assert 0 < confidence < 1
    assert len(alternatives) == 1


def test_only_the_most_similar_vote_and_of_equals_the_later_ones():
    rows = [entry(f"{i:02}", RENT, day=i, text="rent") for i in range(20)]
    rows += [entry(f"{20 + i}", FOOD, day=20 + i, text="rent") for i in range(10)]
    answer, confidence, _ = predicted_last(TfidfVote(), [*rows, entry("99", SALE, day=99, text="rent")])
    assert (answer, confidence) == (in_sets(FOOD), 1.0)


def test_texts_without_a_single_ngram_fall_back_on_the_most_frequent_set():
    rows = [
        entry("1", RENT, day=0),
        entry("2", RENT, day=1),
        entry("3", FOOD, day=2),
        entry("4", SALE, day=3),
    ]
    for name in ("tfidf_vote", "nearest_tfidf"):
        assert predicted_last(made(name), rows)[:2] == (in_sets(RENT), pytest.approx(2 / 3))


@pytest.mark.parametrize("by", ["tfidf", "sentence", "combined"])
def test_the_nearest_text_answers_against_a_majority_of_farther_ones(by):
    rows = [entry(f"{i:02}", RENT, day=i, text="rent june") for i in range(5)]
    rows += [entry("10", FOOD, day=10, text="rent may"), entry("11", SALE, day=11, text="rent may")]
    answer, confidence, alternatives = predicted_last(made(f"nearest_{by}"), rows)
    assert (answer, alternatives[:1]) in [(in_sets(FOOD), [in_sets(RENT)]), (in_sets(FOOD), [])]
    assert 1 / 6 < confidence <= 1


def test_texts_are_near_by_what_is_asked_for():
    # By letters "rent may" is next to "rent june", by meaning (the vectors) next to "lease".
    texts = ["lease", "rent june", "rent may"]
    store = TextStore.build(texts, vectors=np.array([[1, 0], [0, 1], [0.9, 0.1]], np.float32))
    rows = [
        entry("1", RENT, day=0, text="rent june"),
        entry("2", FOOD, day=1, text="lease"),
        entry("3", SALE, day=2, text="rent may"),
    ]
    assert predicted_last(Nearest("tfidf", store), rows)[0] == in_sets(RENT)
    assert predicted_last(Nearest("sentence", store), rows)[0] == in_sets(FOOD)


def test_of_equally_near_entries_the_later_one_answers_with_its_share():
    rows = [entry(str(i), lines, day=i, text="lunch") for i, lines in enumerate((FOOD, FOOD, FOOD, RENT, SALE))]
    for by in ("tfidf", "sentence", "combined"):
        answer, confidence, alternatives = predicted_last(made(f"nearest_{by}"), rows)
        assert (answer, confidence, alternatives) == (in_sets(RENT), pytest.approx(1 / 4), [in_sets(FOOD)])


def test_a_store_that_lacks_a_text_or_its_vectors_is_refused():
    with pytest.raises(ValueError, match="nearest_tfidf lacks the description 'taxi'"):
        predicted_last(made("nearest_tfidf"), [entry("1", RENT), entry("2", RENT, day=1, text="Taxi")])
    with pytest.raises(ValueError, match="nearest_sentence needs sentence vectors"):
        Nearest("sentence", TextStore.build(["rent"]))


def test_small_chunks_give_the_same_answers():
    rows = random_books(5, n=120)
    store = store_of(sorted({row["description"] for row in rows}))
    assert answers_by_id(TfidfVote(cells=1), rows) == answers_by_id(TfidfVote(), rows)
    whole = answers_by_id(Nearest("combined", store), rows)
    assert answers_by_id(Nearest("combined", store, cells=1), rows) == whole


@QUICK
@given(seed=st.integers(0, 2**32 - 1))
def test_the_last_same_text_is_what_a_look_through_the_books_finds(seed):
    rows = random_books(seed)
    for entry_id, (answer, confidence, _) in answers_by_id(LastSameText(), rows).items():
        query = next(row for row in rows if row["entry_id"] == entry_id)
        earlier = sorted(
            (r for r in rows if r["entity"] == query["entity"] and r["date"] < query["date"]),
            key=lambda r: (r["date"], r["entry_id"]),
        )
        same = [r for r in earlier if r["description"] == query["description"]]
        pool = [in_sets((line["account"], line["side"]) for line in r["lines"]) for r in same or earlier]
        assert confidence == pytest.approx(pool.count(answer) / len(pool))
        assert answer == pool[-1] if same else pool.count(answer) == max(map(pool.count, pool))
