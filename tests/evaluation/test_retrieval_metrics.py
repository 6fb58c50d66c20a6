import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_books import FOOD, RENT, SALE

from jet.evaluation.retrieval_metrics import retrieval_metrics

QUICK = settings(deadline=None, max_examples=40)
LINES = st.lists(st.tuples(st.sampled_from("123"), st.sampled_from("DC")), min_size=1, max_size=4)
SETS = LINES.map(lambda lines: tuple(sorted(lines)))
ENTRIES = st.lists(st.tuples(SETS, st.lists(SETS, max_size=12), st.lists(SETS, max_size=10)), min_size=1)


def of(*pairs):
    return tuple(sorted(pairs))


RENT, FOOD, SALE = of(*RENT), of(*FOOD), of(*SALE)
PADDING = [FOOD] * 4


def at(k, true, *neighbors):
    return retrieval_metrics([true], [list(neighbors)])["at"][str(k)]


def test_a_case_worked_by_hand():
    neighbors = [FOOD, RENT, SALE, RENT, FOOD]
    found = at(5, RENT, *neighbors)
    assert found["hit_rate"] == 1
    assert found["reciprocal_rank"] == pytest.approx(1 / 2)
    # FOOD shares the bank line: one of three lines. SALE shares none of five.
    assert found["best_jaccard"] == 1
    assert found["mean_jaccard"] == pytest.approx((1 / 3 + 1 + 0 + 1 + 1 / 3) / 5)
    assert found["context_precision"] == pytest.approx(2 / 5)
    # Relevant at ranks 2 and 4, with precision 1/2 and 2/4 there.
    assert found["weighted_context_precision"] == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert found["context_recall"] == 1
    first = at(1, RENT, *neighbors)
    assert (first["hit_rate"], first["reciprocal_rank"], first["context_precision"]) == (0, 0, 0)
    assert first["context_recall"] == pytest.approx(1 / 2)
    assert first["best_jaccard"] == first["mean_jaccard"] == pytest.approx(1 / 3)


def test_figures_are_means_over_the_entries():
    found = retrieval_metrics([RENT, RENT], [[RENT], [SALE]])["at"]["1"]
    assert set(found.values()) == {0.5}


def test_perfect_retrieval_gives_one_everywhere():
    six = of(*((str(account), "D") for account in range(5)), ("9", "C"))  # sixths don't add up to 1 in floats
    metrics = retrieval_metrics([RENT, six], [[RENT] * 48, [six] * 48], [[RENT], [six]])
    assert list(metrics["at"]) == ["1", "5", "10", "20", "48"]
    assert {value for found in metrics["at"].values() for value in found.values()} == {1.0}
    assert set(metrics["candidate_recall"].values()) == {1.0}


def test_a_line_booked_twice_is_found_where_a_neighbor_has_it_twice():
    twice = of(("1", "D"), ("1", "D"), ("2", "C"))
    once = of(("1", "D"), ("2", "C"))
    assert at(1, twice, once)["context_recall"] == pytest.approx(2 / 3)
    assert at(1, twice, once)["best_jaccard"] == pytest.approx(2 / 3)
    # Two neighbors with one each are not one with two.
    assert at(5, twice, *[once] * 5)["context_recall"] == pytest.approx(2 / 3)
    assert at(1, once, twice)["context_recall"] == 1
    assert at(1, once, twice)["hit_rate"] == 0


def test_lines_are_collected_from_different_neighbors():
    found = at(5, SALE, *(of(line, ("9", "C")) for line in SALE), FOOD, FOOD)
    assert found["context_recall"] == 1
    assert found["hit_rate"] == 0


def test_an_entry_without_neighbors_found_nothing_and_counts():
    metrics = retrieval_metrics([RENT, FOOD], [[RENT], []], [[], [FOOD]])
    assert set(metrics["at"]["1"].values()) == {0.5}
    assert metrics["mean_neighbors"] == 0.5
    assert metrics["candidate_recall"] == {"1": 0.5, "all": 0.5}


def test_precision_is_of_the_neighbors_there_are():
    metrics = retrieval_metrics([RENT, FOOD], [[RENT, FOOD], [FOOD] * 5])
    assert metrics["at"]["5"]["context_precision"] == pytest.approx((1 / 2 + 1) / 2)


def test_only_what_exists_is_reported():
    metrics = retrieval_metrics([RENT], [[FOOD] * 6])
    assert list(metrics["at"]) == ["1", "5"]
    assert "candidate_recall" not in metrics
    assert list(retrieval_metrics([RENT], [[]], [[FOOD] * 4])["candidate_recall"]) == ["1", "3", "all"]
    nothing = retrieval_metrics([], [], [])
    assert nothing["at"] == {}
    assert nothing["candidate_recall"] == {"all": None}


def test_candidates_are_looked_at_in_their_order():
    recall = retrieval_metrics([RENT] * 2, [[], []], [[*PADDING, RENT, *PADDING], [SALE, FOOD, RENT]])
    assert recall["candidate_recall"] == {"1": 0, "3": 0.5, "8": 1, "all": 1}


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="candidates has 0 rows, true has 1"):
        retrieval_metrics([RENT], [[RENT]], [])


def test_many_entries_are_the_mean_of_the_same_entries_one_by_one(monkeypatch):
    cases = [(RENT, [FOOD, RENT, SALE]), (SALE, []), (FOOD, [SALE, FOOD]), (FOOD, [RENT])] * 3
    true, neighbors = zip(*cases, strict=True)
    together = retrieval_metrics(true, neighbors)
    monkeypatch.setattr("jet.evaluation.retrieval_metrics._CHUNK", 5)
    assert retrieval_metrics(true, neighbors)["at"]["1"] == pytest.approx(together["at"]["1"])
    alone = [retrieval_metrics([t], [n])["at"].get("1", {"context_recall": 0}) for t, n in cases]
    expected = sum(each["context_recall"] for each in alone) / len(cases)
    assert together["at"]["1"]["context_recall"] == pytest.approx(expected)


@QUICK
@given(ENTRIES)
def test_figures_lie_between_0_and_1_and_grow_with_k_where_they_must(rows):
    true, neighbors, candidates = zip(*rows, strict=True)
    metrics = retrieval_metrics(true, neighbors, candidates)
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    for found in metrics["at"].values():
        assert all(0 <= value <= 1 for value in found.values())
        assert found["mean_jaccard"] <= found["best_jaccard"] + 1e-12
        assert found["context_precision"] <= found["hit_rate"] + 1e-12
        assert found["hit_rate"] <= found["context_recall"] + 1e-12
        assert found["weighted_context_precision"] <= found["hit_rate"] + 1e-12
        assert (found["weighted_context_precision"] > 0) == (found["hit_rate"] > 0)
    for name in ("hit_rate", "reciprocal_rank", "best_jaccard", "context_recall"):
        series = [found[name] for found in metrics["at"].values()]
        assert series == sorted(series)
    recall = list(metrics["candidate_recall"].values())
    assert recall == sorted(recall)
    assert all(0 <= value <= 1 for value in recall)
