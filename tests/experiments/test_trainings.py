"""The ancestor's loss scaling and the random split: what they do, and that no setting leads to them."""

from __future__ import annotations

import io
from dataclasses import asdict

import made_up
import numpy as np
import pytest
import torch

from jet.books.split import CALIBRATION, TEST, TRAIN, SplitSettings, split_by_date
from jet.experiments.ablation.trainings import AdaptiveLosses, RandomSplit, RunningDeviation
from jet.training.settings import LOSSES, LossSettings


def test_the_deviation_is_the_exponentially_weighted_one_of_all_three_losses_in_turn():
    scaling = RunningDeviation(0.9)
    fed = np.random.default_rng(0).gamma(2.0, size=(200, 3))
    for losses in fed:
        scaling.observe(dict(zip(LOSSES, losses, strict=True)))
    values = fed.reshape(-1)
    # The start counts as mean 0 and variance 1, whose weight after 600 values is nothing.
    weights = 0.9 ** np.arange(len(values))[::-1]
    mean = np.average(values, weights=weights)
    variance = np.average((values - mean) ** 2, weights=weights)
    assert scaling.mean == pytest.approx(mean, rel=1e-6)
    assert scaling.deviation == pytest.approx(np.sqrt(variance), rel=1e-3)


def test_pointer_side_and_stop_are_divided_by_the_deviation():
    scaling = RunningDeviation(0.5)
    scaling.observe({"pointer": 4.0, "side": 0.5, "stop": 0.1})
    weights = {"pointer": 1.0, "side": 2.0, "stop": 0.5}
    scaled = scaling.scaled(weights)
    assert scaled == pytest.approx({name: weight / scaling.deviation for name, weight in weights.items()})
    assert scaling.deviation != pytest.approx(1.0)


def test_a_training_divides_by_the_deviation_of_its_own_losses(data):
    """A first step is divided by 1; the second by what the first step's losses made of it."""
    plain, scaled = (
        made_up.trainer(data, losses=losses, batch_size=len(data.rows(TRAIN)))
        for losses in (made_up.LOSSES, AdaptiveLosses(**vars(made_up.LOSSES)))
    )
    first = [made_up.train(data, one, 1)[0] for one in (plain, scaled)]
    assert first[0]["train/loss"] == pytest.approx(first[1]["train/loss"], rel=1e-5)
    expected = RunningDeviation(0.99)
    expected.observe({name: first[0][f"train/loss_{name}"] for name in LOSSES})
    assert scaled.scaling.deviation == pytest.approx(expected.deviation, rel=1e-5)
    second = made_up.train(data, scaled, 1)[0]
    unscaled = sum(second[f"train/loss_{name}"] for name in LOSSES)
    assert second["train/loss"] == pytest.approx(unscaled / expected.deviation, rel=1e-5)


def test_a_resumed_training_goes_on_with_its_deviation(data):
    losses = AdaptiveLosses(**vars(made_up.LOSSES))
    whole, broken, resumed = (made_up.trainer(data, losses=losses) for _ in range(3))
    made_up.train(data, whole, 2)
    made_up.train(data, broken, 1)
    stream = io.BytesIO()
    torch.save(broken.state(), stream)
    stream.seek(0)
    resumed.load_state(torch.load(stream, weights_only=True))
    made_up.train(data, resumed, 1)
    assert resumed.scaling.state() == whole.scaling.state()
    for name, value in whole.inner.state_dict().items():
        assert torch.equal(value, resumed.inner.state_dict()[name]), name


def test_the_usual_losses_are_not_scaled_and_their_checkpoint_says_nothing_of_it(data):
    assert LossSettings().scaling() is None
    assert "scaling" not in made_up.trainer(data).state()


def test_a_random_split_has_the_usual_shares_of_each_entity_and_does_not_look_at_dates(data):
    entity, date = data.corpus.rows.entity, data.corpus.rows.date
    usual = split_by_date(entity, date, made_up.SPLIT)
    settings = RandomSplit(**vars(made_up.SPLIT))
    found = settings.parts(entity, date)
    for each in np.unique(entity):
        own = entity == each
        size = int(own.sum())
        assert (found[own] == TRAIN).sum() == np.ceil(np.round(size * 0.7, 6))
        assert (found[own] <= CALIBRATION).sum() == np.ceil(np.round(size * 0.85, 6))
        assert date[own & (found == TRAIN)].max() > date[own & (found == TEST)].min()
        assert date[own & (usual == TRAIN)].max() < date[own & (usual == TEST)].min()
    assert np.array_equal(found, settings.parts(entity, date[::-1]))
    assert not np.array_equal(found, RandomSplit(draw=1).parts(entity, date))


def test_the_usual_split_is_by_date(data):
    entity, date = data.corpus.rows.entity, data.corpus.rows.date
    assert np.array_equal(SplitSettings().parts(entity, date), split_by_date(entity, date, SplitSettings()))


def test_what_differs_shows_in_the_settings_that_a_training_is_named_by():
    assert asdict(RandomSplit()) != asdict(SplitSettings())
    assert asdict(AdaptiveLosses()) != asdict(LossSettings())
