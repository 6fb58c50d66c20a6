import numpy as np
import pytest
from made_up_books import RENT

from jet.evaluation.comparison import (
    bootstrap_mean,
    paired_bootstrap,
    paired_bootstrap_of_runs,
    unpaired_bootstrap,
)
from jet.evaluation.scored import Scored

TRUE = tuple(sorted(RENT))


def scored(right, entity=None):
    """Of rows that are right or not."""
    n = len(right)
    return Scored(
        entity=np.array(["a"] * n if entity is None else entity),
        entry_id=[str(i) for i in range(n)],
        true=[TRUE] * n,
        predicted=[TRUE if good else () for good in right],
        confidence=np.ones(n),
        alternatives=[[] for _ in range(n)],
        valid=np.ones(n, bool),
    )


def drawn(seed, n=300, better=0.1, entities=12):
    """Two methods on the same rows, one of them right more often by `better` in expectation."""
    rng = np.random.default_rng(seed)
    entity = rng.integers(0, entities, n).astype(str)
    return scored(rng.random(n) < 0.6 + better, entity), scored(rng.random(n) < 0.6, entity)


def test_the_difference_is_that_of_exact_match():
    found = paired_bootstrap(scored([1, 1, 1, 0]), scored([1, 0, 0, 1]))
    assert found["difference"] == pytest.approx(1 / 4)
    assert found["low"] <= found["difference"] <= found["high"]


@pytest.mark.parametrize(("entities", "low", "high"), [(1, 0.9, 0.985), (12, 0.95, 1)])
def test_the_interval_covers_a_known_difference_as_often_as_it_says_or_oftener(entities, low, high):
    covered = []
    for seed in range(200):
        found = paired_bootstrap(*drawn(seed, n=200, entities=entities), resamples=400)
        covered.append(found["low"] <= 0.1 <= found["high"])
    assert low <= np.mean(covered) <= high


def test_exchanging_the_methods_turns_the_signs_around():
    one, other = drawn(0)
    there, back = paired_bootstrap(one, other), paired_bootstrap(other, one)
    assert there["difference"] == pytest.approx(-back["difference"])
    assert there["low"] == pytest.approx(-back["high"])
    assert there["high"] == pytest.approx(-back["low"])
    assert there["share_above"] + back["share_above"] <= 1
    assert there["share_above"] > 0.5 > back["share_above"]


def test_a_method_is_not_better_than_itself():
    one, _ = drawn(0)
    assert set(paired_bootstrap(one, one).values()) == {0.0}


def test_a_method_that_is_always_better_leaves_no_doubt():
    found = paired_bootstrap(scored([1] * 20), scored([0] * 20))
    assert set(found.values()) == {1.0}


def test_what_both_get_right_is_paired_away():
    """The same two per cent of difference are certain on the same rows, where one method has all the
    other has, and would be lost in the noise of two samples."""
    easy = np.arange(1000) % 2 == 0
    found = paired_bootstrap(scored(easy | (np.arange(1000) < 40)), scored(easy))
    assert found["difference"] == pytest.approx(0.02)
    assert found["low"] > 0.01
    assert found["share_above"] == 1


def test_few_companies_make_a_wider_interval_than_many():
    """Half of the companies gain by a method, wholly: what another draw of companies would show is open."""
    n = 240
    widths = []
    for entities in (4, 60):
        entity = np.arange(n) * entities // n
        found = paired_bootstrap(
            scored(entity % 2 == 0, entity.astype(str)), scored([0] * n, entity.astype(str))
        )
        assert found["difference"] == pytest.approx(0.5)
        widths.append(found["high"] - found["low"])
    assert widths[0] > 2 * widths[1]


def test_the_spread_is_that_of_drawing_rows_one_by_one():
    one, other = drawn(3, n=80, entities=5)
    difference = one.counts["exact"] - other.counts["exact"]
    rng = np.random.default_rng(0)
    groups = [np.flatnonzero(one.entity == entity) for entity in np.unique(one.entity)]
    means = []
    for _ in range(4000):
        rows = [rng.choice(groups[g], len(groups[g])) for g in rng.integers(0, len(groups), len(groups))]
        means.append(difference[np.concatenate(rows)].mean())
    found = paired_bootstrap(one, other, resamples=4000)
    assert (found["low"], found["high"]) == pytest.approx(np.quantile(means, (0.025, 0.975)), abs=0.02)


def test_the_same_seed_gives_the_same_interval():
    assert paired_bootstrap(*drawn(1), seed=5) == paired_bootstrap(*drawn(1), seed=5)
    assert paired_bootstrap(*drawn(1), seed=5) != paired_bootstrap(*drawn(1), seed=6)


def test_runs_are_averaged_and_their_spread_widens_the_interval():
    right = np.arange(400) % 2 == 0
    baseline = scored(right & (np.arange(400) % 10 != 0))
    steady = paired_bootstrap_of_runs([scored(right)] * 3, [baseline])
    assert steady["difference"] == pytest.approx(0.1)
    one = paired_bootstrap(scored(right), baseline)
    assert steady["high"] - steady["low"] == pytest.approx(one["high"] - one["low"], abs=0.02)
    shaken = [right, right | (np.arange(400) < 160), right & (np.arange(400) >= 160)]
    spread = paired_bootstrap_of_runs([scored(run) for run in shaken], [baseline])
    assert spread["difference"] == pytest.approx(0.1)
    assert spread["high"] - spread["low"] > 2 * (one["high"] - one["low"])


def test_runs_are_paired_with_the_rivals_runs():
    runs = [scored([1, 0, 1, 0]), scored([0, 1, 0, 1])]
    assert set(paired_bootstrap_of_runs(runs, runs).values()) == {0.0}


def test_what_was_measured_on_other_rows_is_refused():
    with pytest.raises(ValueError, match="same rows"):
        paired_bootstrap(scored([1, 0]), scored([1, 0, 1]))
    with pytest.raises(ValueError, match="same rows"):
        paired_bootstrap(scored([1, 0]), scored([1, 0], ["a", "b"]))
    with pytest.raises(ValueError, match="3 runs can't be compared with 2"):
        paired_bootstrap_of_runs([scored([1])] * 3, [scored([1])] * 2)
    with pytest.raises(ValueError, match="no rows"):
        paired_bootstrap(scored([]), scored([]))
    with pytest.raises(ValueError, match="resamples"):
        paired_bootstrap(scored([1]), scored([1]), resamples=0)


def test_any_figures_differences_have_an_interval():
    """Of normal differences of 30 companies that don't differ: about 1.96 standard errors to either side."""
    rng = np.random.default_rng(0)
    entity = np.repeat(np.arange(30), 100)
    difference = rng.normal(0.5, 2.0, (3000, 1))
    found = bootstrap_mean(difference, entity)
    assert found["difference"] == pytest.approx(difference.mean())
    error = 2.0 / np.sqrt(3000)
    assert 2 * 1.96 * error * 0.9 < found["high"] - found["low"] < 2 * 1.96 * error * np.sqrt(2) * 1.1


def test_companies_that_differ_make_the_interval_theirs():
    """Where all of a company's rows agree, what counts is how many companies there are."""
    entity = np.repeat(np.arange(20), 500)
    difference = np.where(entity % 2 == 0, 1.0, -1.0)[:, None]
    found = bootstrap_mean(difference, entity)
    assert found["high"] - found["low"] == pytest.approx(2 * 1.96 / np.sqrt(20), rel=0.15)


def test_unpaired_samples_differ_by_their_means_and_the_errors_of_both():
    rng = np.random.default_rng(1)
    ours, theirs = rng.normal(1, 1, (400, 1)), rng.normal(0, 1, (900, 1))
    found = unpaired_bootstrap(ours, np.zeros(400), theirs, np.zeros(900))
    assert found["difference"] == pytest.approx(ours.mean() - theirs.mean())
    expected = 2 * 1.96 * np.sqrt(1 / 400 + 1 / 900)
    assert found["high"] - found["low"] == pytest.approx(expected, rel=0.15)


def test_the_same_rows_are_told_apart_better_when_they_are_paired():
    rng = np.random.default_rng(2)
    entity = np.zeros(500)
    theirs = rng.normal(0, 5, (500, 1))
    ours = theirs + rng.normal(0.3, 0.5, (500, 1))
    assert bootstrap_mean(ours - theirs, entity)["low"] > 0
    assert unpaired_bootstrap(ours, entity, theirs, entity)["low"] < 0


def test_nothing_can_be_compared_on_no_rows():
    with pytest.raises(ValueError, match="no rows"):
        bootstrap_mean(np.zeros((0, 2)), np.zeros(0))
