"""The training loop: the global batch, resuming bit for bit, bad steps, early stopping, the golden run."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import made_up
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.split import CALIBRATION
from jet.training.loop import Progress, Trainer, epoch_rows
from jet.training.settings import LOSSES, LossSettings, OptimSettings, TrainSettings

GOLDEN_LOSS = 1.8126968
"""The mean loss of the third epoch of `test_a_seeded_training_is_the_same_every_time`, on the CPU in fp32.

A change of the network, its features or retrieval moves it, and whoever means that change writes down the new
one; a change that was to leave the training as it is must not.
"""


class Recorder:
    def __init__(self):
        self.steps = []

    def log(self, figures, step):
        self.steps.append((step, dict(figures)))

    def close(self):
        pass


def saved(trainer):
    """The trainer's state as a checkpoint file holds it, read without pickled code."""
    stream = io.BytesIO()
    torch.save(trainer.state(), stream)
    stream.seek(0)
    return torch.load(stream, weights_only=True)


def weights(trainer):
    return {name: value.clone() for name, value in trainer.inner.state_dict().items()}


def assert_equal(left, right):
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), name


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 200),
    batch=st.integers(3, 33),
    world=st.integers(1, 3),
    seed=st.integers(0, 5),
    epoch=st.integers(0, 5),
)
def test_workers_together_see_the_global_batches_that_one_would_see_and_no_row_is_dropped(
    rows, batch, world, seed, epoch
):
    rows = 3 * np.arange(rows)
    one = epoch_rows(rows, seed, epoch, batch, 0, 1)
    many = [epoch_rows(rows, seed, epoch, batch, rank, world) for rank in range(world)]
    assert {len(each) for each in many} == {math.ceil(len(rows) / batch)}
    assert {each.shape[1] for each in many} <= {batch // world, math.ceil(batch / world)}
    assert np.array_equal(np.concatenate(many, axis=1), one)
    seen, count = np.unique(one, return_counts=True)
    assert np.array_equal(seen, rows)
    # The last batch is filled up with rows of the beginning, none oftener than it takes.
    assert count.sum() == one.size
    assert count.max() <= math.ceil(one.size / len(rows))


def test_the_order_is_another_one_each_epoch_and_with_each_seed():
    rows = np.arange(50)
    orders = {
        epoch_rows(rows, seed, epoch, 10, 0, 1).tobytes() for seed, epoch in [(0, 0), (0, 1), (1, 0), (1, 1)]
    }
    assert len(orders) == 4


def test_of_many_rows_an_epoch_can_take_some_and_the_next_one_others():
    rows = np.arange(50)
    whole, one, other = (
        epoch_rows(rows, 0, epoch, 10, 0, 1, most) for epoch, most in [(0, 0), (0, 20), (1, 20)]
    )
    assert np.array_equal(one, whole[:2])
    assert set(one.flat) != set(other.flat)
    assert np.array_equal(epoch_rows(rows, 0, 0, 10, 0, 1, most=99), whole)


def test_a_batch_that_is_smaller_than_the_workers_are_many_is_an_error_that_names_it():
    with pytest.raises(ValueError, match="batch of 3 entries can't be shared by 4 workers"):
        epoch_rows(np.arange(50), 0, 0, 3, 1, 4)


def test_the_batches_of_a_step_have_every_row_once(data):
    rows = data.learnable(0)[:40]
    assert sum(len(batch.text) for batch in data.step(rows).batches) == 40


@pytest.mark.parametrize("world", [2, 3])  # of 32 entries, three workers can't have equally many
def test_many_workers_gradients_averaged_are_the_gradient_of_one(data, world):
    # What DDP does: each rank's gradient of its part, averaged.
    def gradient(rank, world):
        one = made_up.trainer(data, model={"dropout": 0.0}, world=world)
        one.network.train()
        parts = data.step(made_up.epochs_rows(data, one.settings, 0, rank, world)[0])
        weights = dict.fromkeys(LOSSES, 1.0)
        one._backward(parts, weights)
        return {n: p.grad.clone() for n, p in one.network.named_parameters() if p.grad is not None}

    whole = gradient(0, 1)
    parts = [gradient(rank, world) for rank in range(world)]
    largest = max(float(g.abs().max()) for g in whole.values())
    for name, value in whole.items():
        mean = torch.stack([part[name] for part in parts]).mean(0)
        torch.testing.assert_close(mean, value, rtol=1e-3, atol=1e-5 * largest)


def test_a_seeded_training_is_the_same_every_time(data):
    runs = []
    for _ in range(2):
        one = made_up.trainer(data, seed=7)
        figures = made_up.train(data, one, 3)
        runs.append((weights(one), figures))
    assert_equal(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    losses = [figures["train/loss"] for figures in runs[0][1]]
    assert losses[2] < losses[0]
    assert losses[2] == pytest.approx(GOLDEN_LOSS, rel=1e-4)


def test_another_seed_is_another_training(data):
    one, other = (made_up.trainer(data, seed=seed) for seed in (1, 2))
    assert not torch.equal(one.network.first.weight, other.network.first.weight)
    other.inner.load_state_dict(one.inner.state_dict())
    made_up.train(data, one, 1)
    made_up.train(data, other, 1)
    assert not torch.equal(one.network.first.weight, other.network.first.weight)


def test_a_resumed_training_ends_bit_for_bit_where_an_undisturbed_one_does(data):
    losses = LossSettings(side={"form": "linear", "start": 0, "end": 0.5})
    whole = made_up.trainer(data, losses=losses)
    calibration = [data.learnable(CALIBRATION)]
    for _ in range(4):
        figures = made_up.train(data, whole, 1)[0]
        whole.record(figures | whole.evaluate(data.batches(calibration)))
    first = made_up.trainer(data, losses=losses)
    for _ in range(2):
        figures = made_up.train(data, first, 1)[0]
        first.record(figures | first.evaluate(data.batches(calibration)))
    state = saved(first)
    torch.manual_seed(99)  # whatever else happened in between
    second = made_up.trainer(data, seed=0, losses=losses)
    with torch.no_grad():
        for parameter in second.network.parameters():
            parameter.add_(1.0)
    second.load_state(state)
    assert second.progress.epoch == 2
    for _ in range(2):
        figures = made_up.train(data, second, 1)[0]
        second.record(figures | second.evaluate(data.batches(calibration)))
    assert_equal(weights(whole), weights(second))
    assert whole.progress == second.progress
    assert len(whole.progress.history) == 4


def test_a_state_that_was_taken_does_not_change_while_the_training_goes_on(data):
    one = made_up.trainer(data)
    one.record({"val/likelihood": -1.0})
    state = one.state()
    one.record({"val/likelihood": -0.5})
    assert len(state["progress"]["history"]) == 1


def poisoned(data, trainer, bad):
    """The batches of an epoch, with what is not a number in the steps `bad`."""
    for step, parts in enumerate(data.batches(made_up.epochs_rows(data, trainer.settings, 0))):
        if step in bad:
            first, *others = parts.batches
            amount = first.amount.clone()
            amount[0, 0] = math.nan
            parts = parts._replace(batches=(replace(first, amount=amount), *others))
        yield parts


def test_a_step_that_is_not_finite_is_skipped_and_counted(data):
    one = made_up.trainer(data)
    before = weights(one)
    one.train_epoch(poisoned(data, one, {0, 1, 2, 3}))
    assert one.progress.bad_steps == one.progress.step == 4
    assert_equal(weights(one), before)  # every step was bad, so nothing was learned
    assert not one.optimizer.state
    other = made_up.trainer(data)
    figures = other.train_epoch(poisoned(data, other, {1}))
    assert other.progress.bad_steps == 1
    assert other.progress.step == 4
    assert all(torch.isfinite(value).all() for value in weights(other).values())
    assert all(math.isfinite(value) for value in figures.values())


def test_the_figures_of_an_epoch_are_means_over_the_steps_that_were_taken(data):
    one = made_up.trainer(data)
    recorder = one.tracker = Recorder()
    figures = one.train_epoch(poisoned(data, one, {1}))
    taken = [logged["train/loss"] for _, logged in recorder.steps]
    assert [step for step, _ in recorder.steps] == [1, 3, 4]
    assert figures["train/loss"] == pytest.approx(np.mean(taken), rel=1e-6)  # all steps have the same size


def test_too_many_steps_that_are_not_finite_end_the_training(data):
    one = made_up.trainer(data, max_bad_steps=2)
    with pytest.raises(FloatingPointError, match=r"3 steps .*max_bad_steps is 2.*learning_rate"):
        one.train_epoch(poisoned(data, one, {0, 1, 3}))


def test_what_is_logged_names_every_loss_weight_and_norm(data):
    one = made_up.trainer(data, losses=LossSettings(side={"form": "step", "values": [0.0, 0.3], "at": [0.1]}))
    recorder = one.tracker = Recorder()
    made_up.train(data, one, 1)
    _, last = recorder.steps[-1]
    for name in LOSSES:
        assert f"train/loss_{name}" in last
        assert f"train/weight_{name}" in last
    for name in ("pointer", "decoder", "embeddings", "encoder"):
        assert last[f"train/gradient_norm_{name}"] > 0
    for name in ("learning_rate", "pointer_scale", "gate_copy_share", "gate_could_copy", "gate_top_attention"):
        assert last[f"train/{name}"] > 0
    weights = [figures["train/weight_side"] for _, figures in recorder.steps]
    assert weights == [0.0, 0.0, 0.3, 0.3]  # 16 steps in all: a tenth is after the second
    summed = sum(last[f"train/weight_{n}"] * last[f"train/loss_{n}"] for n in LOSSES)
    assert last["train/loss"] == pytest.approx(summed, rel=1e-5)


def test_a_loss_without_weight_trains_nothing(data):
    before = weights(made_up.trainer(data))
    none, one = (
        made_up.trainer(
            data, losses=LossSettings(pointer=0, side=side, stop=0), optim=OptimSettings(weight_decay=0)
        )
        for side in (0, 1)
    )
    for each in (none, one):
        made_up.train(data, each, 1)
    assert_equal(weights(none), before)
    assert not torch.equal(one.network.first.weight, before["first.weight"])


def test_the_learning_rate_follows_the_steps_over_the_whole_training(data):
    one = made_up.trainer(data, optim=OptimSettings(learning_rate=1.0e-3, warmup=0.25))
    recorder = one.tracker = Recorder()
    made_up.train(data, one, 4)
    rates = [figures["train/learning_rate"] for _, figures in recorder.steps]
    assert len(rates) == 16
    assert np.argmax(rates) == 4
    assert max(rates) == pytest.approx(1.0e-3)
    assert rates[-1] < 2e-4


def test_the_calibration_likelihood_is_the_mean_log_probability_of_an_entry(data, trained):
    rows = data.learnable(CALIBRATION)
    figures = trained.evaluate(data.batches([rows[:9], rows[9:]]))
    network = trained.inner.eval()
    batch = made_up.batch_of(data, rows)
    with torch.no_grad():
        step = made_up.forced(network, batch, made_up.tables(network, data))
    mean = made_up.log_likelihood(step, batch.target).mean()
    assert figures["val/likelihood"] == pytest.approx(float(mean), rel=1e-4)
    assert figures["val/likelihood"] == pytest.approx(
        -sum(figures[f"val/loss_{name}"] for name in ("pointer", "side", "stop")), rel=1e-5
    )


def test_a_rank_without_calibration_rows_reports_the_same_figures(data):
    # Ranks add their figures up by place; one that has fewer would leave the others waiting.
    names = []
    one = made_up.trainer(data)
    one.reduce = lambda figures: names.append(list(figures)) or figures
    one.evaluate(data.batches([data.learnable(CALIBRATION)]))
    one.evaluate(data.batches([]))
    assert names[0] == names[1]


def test_evaluating_changes_nothing_and_drops_nothing(data):
    one = made_up.trainer(data)
    rows = [data.learnable(CALIBRATION)]
    before = weights(one)
    assert one.evaluate(data.batches(rows)) == one.evaluate(data.batches(rows))
    assert_equal(weights(one), before)


def test_the_training_stops_after_patience_epochs_without_a_better_likelihood(data):
    one = made_up.trainer(data, max_epochs=10, patience=2)
    best = []
    for likelihood in (-3.0, -2.0, -2.0, -2.5, -1.0):
        assert not one.progress.stopped(one.settings)
        one.progress.epoch += 1
        best.append(one.record({"val/likelihood": likelihood}))
        if one.progress.stopped(one.settings):
            break
    assert best == [True, True, False, False]
    assert one.progress.best_epoch == 2
    assert [row["epoch"] for row in one.progress.history] == [1, 2, 3, 4]
    assert Progress(epoch=10, best_epoch=10).stopped(one.settings)


def test_a_likelihood_that_is_not_a_number_is_never_the_best(data):
    one = made_up.trainer(data)
    for likelihood, best in ((math.nan, False), (-2.0, True), (math.nan, False), (-1.0, True)):
        one.progress.epoch += 1
        assert one.record({"val/likelihood": likelihood}) == best
    assert one.progress.best_likelihood == -1.0


@pytest.mark.parametrize("name", ["batch_size", "max_epochs", "patience"])
def test_settings_below_one_are_errors_that_name_them(name):
    with pytest.raises(ValueError, match=rf"train\.{name}"):
        TrainSettings(**{name: 0})


def test_training_learns(data):
    one = made_up.trainer(data, model={"memory": "none"})  # with nothing to copy from
    rows = [data.learnable(CALIBRATION)]
    before = one.evaluate(data.batches(rows))["val/likelihood"]
    made_up.train(data, one, 4)
    assert one.evaluate(data.batches(rows))["val/likelihood"] > before + 1


def test_the_steps_seed_differs_by_rank(data):
    one, other = made_up.trainer(data), made_up.trainer(data)
    rows = made_up.epochs_rows(data, one.settings, 0)
    one.train_epoch(data.batches(rows), rank=0)
    other.train_epoch(data.batches(rows), rank=1)
    assert not torch.equal(one.network.first.weight, other.network.first.weight)


def test_a_wrapped_network_trains_its_inner_one(data):
    class Wrapped(torch.nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def forward(self, *parts):
            return self.module(*parts)

    plain = made_up.trainer(data)
    inner = made_up.trainer(data)
    steps = inner.total_steps // inner.settings.max_epochs
    wrapped = Trainer(Wrapped(inner.network), inner.settings, LossSettings(), inner.optim_settings, steps)
    made_up.train(data, plain, 1)
    made_up.train(data, wrapped, 1)
    assert wrapped.inner is inner.network
    assert_equal(weights(plain), weights(wrapped))
