import numpy as np
import pytest
from baseline_books import TEXTS, answers_by_id, made, random_books, split_of
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_books import RENT, SETS, entries, entry

from jet.evaluation.baselines import Materials, make_baseline, registry, score_baseline
from jet.evaluation.settings import ALL_BASELINES

QUICK = settings(deadline=None, max_examples=25)
OF_TRAINING_DATA = ("boosted_trees", "ancestor")  # see test_baselines_trained.py
EVERY = pytest.mark.parametrize("name", [name for name in ALL_BASELINES if name not in OF_TRAINING_DATA])


@EVERY
def test_without_history_there_is_no_answer(name):
    table = entries([entry("1", RENT, text="rent may", entity="b")])
    found = made(name).predict(table, np.array([2]))
    assert (found.sets, found.confidence.tolist(), found.alternatives) == ([()], [0.0], [[]])


@EVERY
def test_the_calibration_and_test_rows_are_answered_and_no_others(name):
    table = entries(random_books(1))
    split = split_of(table)
    found = made(name).predict(table, split)
    assert found.row.tolist() == np.flatnonzero(split > 0).tolist()
    assert np.all((found.confidence >= 0) & (found.confidence <= 1))
    for best, others in zip(found.sets, found.alternatives, strict=True):
        assert len({best, *others}) == 1 + len(others) <= 3


@EVERY
@QUICK
@given(seed=st.integers(0, 2**32 - 1))
def test_nothing_of_its_own_lines_its_day_or_later_reaches_a_prediction(name, seed):
    rng = np.random.default_rng(seed)
    rows = random_books(seed)
    before = answers_by_id(made(name), rows)
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
    assert answers_by_id(made(name), changed)[chosen["entry_id"]] == before[chosen["entry_id"]]


@EVERY
@QUICK
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_the_rows_does_not_matter(name, seed):
    rows = random_books(seed)
    shuffled = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    assert answers_by_id(made(name), shuffled) == answers_by_id(made(name), rows)


@EVERY
def test_one_entity_learns_nothing_from_another(name):
    rows = random_books(2, n=60)
    alone = answers_by_id(made(name), [row for row in rows if row["entity"] == "a"])
    together = answers_by_id(made(name), rows)
    assert alone == {entry_id: together[entry_id] for entry_id in alone}


@EVERY
def test_a_split_that_is_not_by_date_is_refused(name):
    table = entries([entry("1", RENT, day=0), entry("2", RENT, day=1)])
    with pytest.raises(ValueError, match="split it by date"):
        made(name).predict(table, np.array([2, 0]))


@EVERY
def test_a_split_of_another_length_is_refused(name):
    with pytest.raises(ValueError, match="split has shape"):
        made(name).predict(entries([entry("1", RENT)]), np.array([2, 0]))


def test_answers_are_scored_beside_their_own_truth():
    table = entries(random_books(3))
    split = split_of(table)
    found = made("last_same_text").predict(table, split)
    one = score_baseline(table, found, split == 2)
    assert one.entry_id == [table["entry_id"][row].as_py() for row in np.flatnonzero(split == 2)]
    at = {int(row): answer for row, answer in zip(found.row, found.sets, strict=True)}
    assert one.predicted == [at[row] for row in np.flatnonzero(split == 2).tolist()]
    with pytest.raises(ValueError, match="did not predict row"):
        score_baseline(table, found, split == 0)


def test_the_settings_name_all_that_can_be_made_and_no_others():
    assert tuple(registry._MAKERS) == ALL_BASELINES


@EVERY
def test_a_baseline_is_made_by_the_name_it_has(name):
    assert made(name).name == name


def test_an_unknown_name_is_refused_with_those_that_exist():
    with pytest.raises(ValueError, match=r"no baseline 'oracle'; there are majority, .*ancestor"):
        make_baseline("oracle", Materials())


@pytest.mark.parametrize(
    ("name", "need"),
    [
        ("nearest_tfidf", "a text store"),
        ("nearest_combined", "a text store"),
        ("logistic_multilabel", "charts"),
        ("boosted_trees", "training data"),
        ("ancestor", "training data"),
    ],
)
def test_what_a_baseline_lacks_is_said(name, need):
    with pytest.raises(ValueError, match=f"'{name}' needs .*{need}"):
        make_baseline(name)
