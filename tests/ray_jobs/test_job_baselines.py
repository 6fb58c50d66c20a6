from __future__ import annotations

import numpy as np
import pytest

from jet.books.split import TEST
from jet.evaluation.baselines import Materials, make_baseline
from ray_jobs.spread.baselines import run_baselines

NAMES = ["majority", "nearest_tfidf", "svm_refitted", "boosted_trees", "ancestor"]


@pytest.fixture(scope="module")
def materials(data, small_accounts):
    return Materials(store=data.corpus.store, accounts=small_accounts, data=data)


def test_every_rival_answers_as_it_does_without_ray_and_says_what_it_cost(head, data, materials):
    assert head.address
    runs = run_baselines(NAMES, data.entries, data.split, materials)
    assert list(runs) == NAMES
    for name, run in runs.items():
        alone = make_baseline(name, materials).predict(data.entries, data.split)
        assert run.predictions.sets == alone.sets
        assert run.predictions.alternatives == alone.alternatives
        assert run.predictions.confidence == pytest.approx(alone.confidence, abs=1e-6)
        assert run.seconds > 0
        assert run.cpu_seconds > 0
        assert run.peak_mib >= 0
    assert runs["ancestor"].cpu_seconds > runs["majority"].cpu_seconds
    assert runs["ancestor"].peak_mib > 1 + runs["majority"].peak_mib


def test_a_rival_that_fails_is_named(head, data, materials):
    assert head.address
    with pytest.raises(RuntimeError, match="the baseline 'ancestor' failed"):
        run_baselines(["majority", "ancestor"], data.entries, np.full_like(data.split, TEST), materials)


def test_unknown_rivals_and_missing_materials_are_refused_before_anything_runs(data):
    with pytest.raises(ValueError, match="no baseline 'oracle'"):
        run_baselines(["majority", "oracle"], data.entries, data.split, Materials())
    with pytest.raises(ValueError, match="needs a text store"):
        run_baselines(["majority", "nearest_tfidf"], data.entries, data.split, Materials())
