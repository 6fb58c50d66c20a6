import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_books import FOOD, RENT, SALE, SETS, entries, entry

from jet.books.split import SplitSettings, split_by_date
from jet.evaluation.baselines import BASELINES, LastSameText, TfidfVote, score_baseline

QUICK = settings(deadline=None, max_examples=25)
TEXTS = ("rent may", "rent june", "lunch", "lunch with a client", "invoice 17", "")
EVERY = pytest.mark.parametrize("baseline", BASELINES.values(), ids=BASELINES)


def in_sets(pairs):
    return tuple(sorted(pairs))


def last_is_asked(rows):
    """The answer of each baseline to the last row, where all before it train."""
    split = np.array([0] * (len(rows) - 1) + [2], np.int8)
    answers = {}
    for name, baseline in BASELINES.items():
        found = baseline.predict(entries(rows), split)
        assert found.row.tolist() == [len(rows) - 1]
        answers[name] = (found.sets[0], found.confidence[0], found.alternatives[0])
    return answers


def random_books(seed, n=30, entities=("a", "b")):
    rng = np.random.default_rng(seed)
    return [
        entry(
            f"{i:03}",
            SETS[rng.integers(3)],
            day=int(rng.integers(12)),
            text=TEXTS[rng.integers(len(TEXTS))],
            entity=entities[rng.integers(len(entities))],
        )
        for i in range(n)
    ]


def split_of(table):
    return split_by_date(
        table["entity"].to_numpy(), table["date"].to_numpy(), SplitSettings(train=0.5, calibration=0.2)
    )


def answers_by_id(baseline, rows):
    table = entries(rows)
    found = baseline.predict(table, split_of(table))
    ids = [rows[row]["entry_id"] for row in found.row]
    columns = zip(found.sets, found.confidence.tolist(), found.alternatives, strict=True)
    return dict(zip(ids, columns, strict=True))


def test_the_last_entry_with_the_same_text_wins_over_the_more_frequent_one():
    rows = [
        entry("1", RENT, day=0, text="Office"),
        entry("2", RENT, day=1, text="Office"),
        entry("3", FOOD, day=2, text="OFFICE  "),
        entry("4", SALE, day=3, text="Sale"),
        entry("5", SALE, day=4, text=" office"),
    ]
    answer, confidence, alternatives = last_is_asked(rows)["last_same_text"]
    assert answer == in_sets(FOOD)
    assert confidence == pytest.approx(1 / 3)
    assert alternatives[0] == in_sets(RENT)


def test_a_new_text_gets_the_most_frequent_set_and_of_equals_the_later_one():
    rows = [
        entry("1", RENT, day=0, text="aa"),
        entry("2", FOOD, day=1, text="bb"),
        entry("3", SALE, day=2, text="zz"),
        entry("4", FOOD, day=3, text="cc"),
        entry("5", RENT, day=4, text="dd"),
        entry("7", RENT, day=6, text="??"),
    ]
    for answer, confidence, alternatives in last_is_asked(rows).values():
        assert answer == in_sets(RENT)
        assert confidence == pytest.approx(2 / 5)
        assert alternatives == [in_sets(FOOD), in_sets(SALE)]


def test_without_history_there_is_no_answer():
    table = entries([entry("1", RENT, text="rent", entity="b")])
    for baseline in BASELINES.values():
        found = baseline.predict(table, np.array([2]))
        assert (found.sets, found.confidence.tolist(), found.alternatives) == ([()], [0.0], [[]])


def test_entries_without_lines_are_no_history():
    rows = [
        entry("1", RENT, day=0, text="rent"),
        entry("2", None, day=1, text="rent"),
        entry("3", FOOD, day=2, text="rent"),
    ]
    for answer, confidence, alternatives in last_is_asked(rows).values():
        assert (answer, confidence, alternatives) == (in_sets(RENT), 1.0, [])


def test_similar_texts_outvote_a_single_nearer_one():
    rows = [
        entry("1", FOOD, day=0, text="lunch at the station"),
        entry("2", RENT, day=1, text="rent may"),
        entry("3", RENT, day=2, text="rent june"),
        entry("4", FOOD, day=3, text="rent july"),
        entry("5", SALE, day=4, text="rent july"),
    ]
    answer, confidence, alternatives = last_is_asked(rows)["tfidf_vote"]
    assert answer in (in_sets(RENT), in_sets(FOOD))
    assert 0 < confidence < 1
    assert len(alternatives) == 1


def test_only_the_most_similar_vote_and_of_equals_the_later_ones():
    rows = [entry(f"{i:02}", RENT, day=i, text="rent") for i in range(20)]
    rows += [entry(f"{20 + i}", FOOD, day=20 + i, text="rent") for i in range(10)]
    answer, confidence, _ = last_is_asked([*rows, entry("99", SALE, day=99, text="rent")])["tfidf_vote"]
    assert (answer, confidence) == (in_sets(FOOD), 1.0)


def test_one_entity_learns_nothing_from_another():
    rows = [
        entry("1", RENT, day=0, text="rent", entity="a"),
        entry("2", FOOD, day=1, text="rent", entity="b"),
        entry("3", SALE, day=2, text="rent", entity="a"),
    ]
    assert {answer for answer, _, _ in last_is_asked(rows).values()} == {in_sets(RENT)}


@EVERY
def test_the_calibration_and_test_rows_are_answered_and_no_others(baseline):
    table = entries(random_books(1))
    split = split_of(table)
    found = baseline.predict(table, split)
    assert found.row.tolist() == np.flatnonzero(split > 0).tolist()
    assert np.all((found.confidence >= 0) & (found.confidence <= 1))


@EVERY
@QUICK
@given(seed=st.integers(0, 2**32 - 1))
def test_nothing_of_its_own_lines_its_day_or_later_reaches_a_prediction(baseline, seed):
    rng = np.random.default_rng(seed)
    rows = random_books(seed)
    before = answers_by_id(baseline, rows)
    entry_id = rng.choice(sorted(before))
    chosen = next(row for row in rows if row["entry_id"] == entry_id)
    changed = []
    for row in rows:
        row = dict(row)
        if row["entity"] == chosen["entity"] and row["date"] >= chosen["date"]:
            row["lines"] = entry("", SETS[rng.integers(3)])["lines"]
            if row["entry_id"] != chosen["entry_id"]:
                row["description"] = TEXTS[rng.integers(len(TEXTS))]
        changed.append(row)
    assert answers_by_id(baseline, changed)[chosen["entry_id"]] == before[chosen["entry_id"]]


@EVERY
@QUICK
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_rows_does_not_matter(baseline, seed):
    rows = random_books(seed)
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    assert answers_by_id(baseline, shuffled) == answers_by_id(baseline, rows)


@QUICK
@given(seed=st.integers(0, 2**32 - 1))
def test_the_last_same_text_is_what_a_look_through_the_books_finds(seed):
    rows = random_books(seed)
    for entry_id, (answer, confidence, _) in answers_by_id(LastSameText(), rows).items():
        asked = next(row for row in rows if row["entry_id"] == entry_id)
        earlier = sorted(
            (r for r in rows if r["entity"] == asked["entity"] and r["date"] < asked["date"]),
            key=lambda r: (r["date"], r["entry_id"]),
        )
        same = [r for r in earlier if r["description"] == asked["description"]]
        pool = [in_sets((line["account"], line["side"]) for line in r["lines"]) for r in same or earlier]
        assert confidence == pytest.approx(pool.count(answer) / len(pool))
        assert answer == pool[-1] if same else pool.count(answer) == max(map(pool.count, pool))


def test_small_chunks_give_the_same_answers():
    rows = random_books(5, n=120)
    assert answers_by_id(TfidfVote(cells=1), rows) == answers_by_id(TfidfVote(), rows)


def test_texts_without_a_single_ngram_fall_back_on_the_most_frequent_set():
    rows = [
        entry("1", RENT, day=0),
        entry("2", RENT, day=1),
        entry("3", FOOD, day=2),
        entry("4", SALE, day=3),
    ]
    assert last_is_asked(rows)["tfidf_vote"][:2] == (in_sets(RENT), pytest.approx(2 / 3))


@EVERY
def test_a_split_that_is_not_by_date_is_refused(baseline):
    table = entries([entry("1", RENT, day=0), entry("2", RENT, day=1)])
    with pytest.raises(ValueError, match="split it by date"):
        baseline.predict(table, np.array([2, 0]))


@EVERY
def test_a_split_of_another_length_is_refused(baseline):
    with pytest.raises(ValueError, match="split has shape"):
        baseline.predict(entries([entry("1", RENT)]), np.array([2, 0]))


def test_answers_are_scored_beside_their_own_truth():
    table = entries(random_books(3))
    split = split_of(table)
    found = BASELINES["last_same_text"].predict(table, split)
    one = score_baseline(table, found, split == 2)
    assert one.entry_id == [table["entry_id"][row].as_py() for row in np.flatnonzero(split == 2)]
    at = {int(row): answer for row, answer in zip(found.row, found.sets, strict=True)}
    assert one.predicted == [at[row] for row in np.flatnonzero(split == 2).tolist()]
    with pytest.raises(ValueError, match="did not answer row"):
        score_baseline(table, found, split == 0)
