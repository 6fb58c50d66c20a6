"""The grid: every row is a question of its own, differs in one thing, and makes a training that works."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from jet.config import JetConfig
from jet.experiments.ablation.ablation import BASELINE, GRID, rows_named
from jet.experiments.ablation.inference import INFERENCE_STEPS
from jet.experiments.ablation.trainings import AdaptiveLosses, RandomSplit


def test_names_are_unique_and_questions_are_asked():
    assert len({row.name for row in GRID}) == len(GRID)
    assert GRID[0].name == BASELINE
    assert all(row.question.split("(")[0].strip().endswith("?") for row in GRID[1:])


def test_no_two_rows_do_the_same():
    done = [(asdict(row.applied(JetConfig())), row.neighbors, row.inference) for row in GRID]
    assert all(one != other for i, one in enumerate(done) for other in done[:i])


def test_every_row_but_the_baseline_differs_from_it_in_one_thing():
    base = JetConfig()
    for row in GRID[1:]:
        changed = row.applied(base)
        parts = [name for name, value in vars(changed).items() if value != getattr(base, name)]
        # Who splits at random has neighbors of any date: the one row that is a whole way of working.
        expected = 2 if row.name == "random-split-undated" else 1
        assert len(parts) + (row.neighbors != "causal") + (row.inference != "free") == expected, row.name
        assert row.inference in INFERENCE_STEPS


def test_a_row_keeps_the_settings_that_it_does_not_name():
    config = JetConfig()
    config.model.hidden, config.losses.stop, config.split.train = 16, 0.5, 0.6
    for row in GRID:
        changed = row.applied(config)
        assert (changed.model.hidden, changed.losses.stop, changed.split.train) == (16, 0.5, 0.6)
    rows = {row.name: row.applied(config) for row in GRID}
    assert isinstance(rows["random-split"].split, RandomSplit)
    assert isinstance(rows["adaptive-scaling"].losses, AdaptiveLosses)
    assert rows["l2-off"].model.l2_norm is False


def test_rows_by_name_have_the_baseline_with_them_and_the_grids_order():
    rows = rows_named(["no-retrieval", "l2-off"])
    assert [row.name for row in rows] == [BASELINE, "l2-off", "no-retrieval"]
    assert rows_named(None) == list(GRID)
    with pytest.raises(ValueError, match="there is no row 'l2'; the grid has baseline, l2-off"):
        rows_named(["l2"])
