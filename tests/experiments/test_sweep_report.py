from __future__ import annotations

import re

import numpy as np
import pytest
from made_up_sweeps import CONFIG, DECLARED, page_of, trials_of

from jet.experiments.sweep.declared import build_space
from jet.experiments.sweep.importance import importance


@pytest.fixture(scope="module")
def page():
    return page_of()


def test_the_page_shows_what_was_found_and_how_far_to_believe_it(page):
    for said in (
        "24 trials (Optuna’s TPE)",
        "the decoder alone on 200 calibration entries",
        "the whole interval of its gain lies above 0",
        "+40.0",
        "+31.0 to +49.0",
        "2 fresh seeds each",
        "Parallel coordinates",
        "Schedules of stop",
        "Schedules of side",
        "Importance of each setting",
    ):
        assert said in page
    assert page.count("Score by optim.learning_rate") == 1
    assert "Schedules of pointer" not in page


def test_the_page_stands_alone_and_escapes_what_others_wrote(page):
    assert "FloatingPointError: not finite &amp; &lt;b&gt;" in page
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)
    assert "nan" not in re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", page, flags=re.DOTALL).lower()


def test_the_same_sweep_gives_the_same_page():
    assert page_of(6, finals=0) == page_of(6, finals=0)


@pytest.mark.parametrize("count", [1, 3])
def test_a_small_sweep_leaves_out_what_it_cannot_say(count):
    page = page_of(count, {"model.hidden": {"choice": [16, 32, 64]}}, finals=0)
    assert f"{count} trial" in page
    assert "not measured" in page
    assert "Too few whole trials" in page
    assert "Parallel coordinates" not in page
    assert "<h2>Schedules</h2>" not in page


def scores(trials):
    return [trial.best["exact_match"] for trial in trials if trial.best]


def test_what_decides_the_score_is_the_most_important():
    space = build_space(DECLARED, CONFIG)
    trials = [trial for trial in trials_of(space, 60) if trial.status == "finished"]
    found = importance([trial.settings for trial in trials], scores(trials))
    assert next(iter(found.drops)) == "optim.learning_rate"
    assert found.trusted
    assert set(found.drops) == set(DECLARED)


def test_nothing_is_important_where_chance_decides():
    space = build_space(DECLARED, CONFIG)
    trials = trials_of(space, 40)
    found = importance([trial.settings for trial in trials], np.random.default_rng(0).random(40).tolist())
    assert not found.trusted


def test_too_few_trials_say_nothing():
    space = build_space(DECLARED, CONFIG)
    trials = trials_of(space, 5)
    assert importance([trial.settings for trial in trials], scores(trials)) is None
    trials = trials_of(space, 20)
    assert importance([trial.settings for trial in trials], [0.5] * 20) is None
