"""Each inference changes what it says, and nothing else."""

from __future__ import annotations

import made_up
import numpy as np
import pytest
import torch

from jet.books.split import CALIBRATION, TEST
from jet.books.tokens import NOTHING
from jet.experiments.ablation.inference import (
    INFERENCE_STEPS,
    forgotten_residuals,
    rebuilt_catalog,
    score_rows,
    teacher_forced,
    teacher_forced_length,
    without_neighbors,
)
from jet.model.decode import exact_matches
from jet.model.network import Tables
from jet.training.losses import entry_losses

BEAMS, SIZE = 3, 16


@pytest.fixture(scope="module")
def rows(data):
    return np.concatenate([data.rows(part) for part in (CALIBRATION, TEST)])


@pytest.fixture(scope="module")
def network(trained):
    return trained.inner.eval()


def scores_of(network, data, rows, inference="free", **changes):
    return score_rows(network, data, rows, inference, **({"beams": BEAMS, "batch_size": SIZE} | changes))


@pytest.fixture(scope="module")
def free(network, data, rows):
    return scores_of(network, data, rows)


def test_a_free_answer_is_right_where_the_library_says_so(network, data, rows, free):
    for row, right in zip(rows, free.right, strict=True):
        parts = data.batch(np.array([row]))
        with torch.no_grad():
            tables = Tables(
                network.text_table(parts.texts), network.account_table(parts.accounts, parts.account_rows)
            )
            assert bool(exact_matches(network, parts.batches[0], tables, BEAMS)[0]) == right
    assert 0 < free.right.mean() < 1


def test_the_likelihood_is_that_of_the_losses_and_missing_where_it_cannot_be(network, data, rows, free):
    learnable = np.isin(rows, np.concatenate([data.learnable(part) for part in range(3)]))
    assert np.array_equal(np.isnan(free.likelihood), ~learnable)
    parts = data.batch(rows[:1])
    with torch.no_grad():
        losses = entry_losses(network(*parts)[0].log_probs, parts.batches[0].target)
    assert free.likelihood[0] == pytest.approx(-float(sum(losses[n] for n in ("pointer", "side", "stop"))))


def test_f1_is_one_where_all_is_right_and_below_elsewhere(free):
    assert np.array_equal(free.f1 == 1, free.right)
    assert (free.f1 >= 0).all()
    assert ((free.f1 > 0) & ~free.right).any()


def test_answers_do_not_depend_on_order_or_batch(network, data, rows, free):
    back = scores_of(network, data, rows[::-1], batch_size=5)
    assert np.array_equal(back.right[::-1], free.right)
    assert np.allclose(back.likelihood[::-1], free.likelihood, atol=1e-4, equal_nan=True)


@pytest.mark.parametrize("rebuild", [rebuilt_catalog, forgotten_residuals])
def test_a_rebuilt_catalog_changes_account_vectors_and_nothing_else(network, data, rebuild):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    rebuilt = rebuild(network, 0)
    one, other = made_up.tables(network, data), made_up.tables(rebuilt.eval(), data)
    assert torch.equal(one.text, other.text)
    assert not torch.allclose(one.account, other.account)
    for name, value in rebuilt.state_dict().items():
        if not name.startswith(("account_text", "residual")):
            assert torch.equal(value, before[name]), name
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_rebuilt_catalog_comes_from_its_seed(network):
    one, same, other = (rebuilt_catalog(network, seed).account_text.ngrams.weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_rebuilt_catalog_costs_likelihood(network, data, rows, free):
    rebuilt = scores_of(network, data, rows, "rebuilt-catalog")
    assert np.nanmean(rebuilt.likelihood) < np.nanmean(free.likelihood)


def test_zeroed_retrieval_leaves_no_neighbor_and_the_rest_of_a_batch(data, rows):
    one, other = data.batch(rows[:8]).batches[0], without_neighbors(data).batch(rows[:8]).batches[0]
    assert (one.neighbor_row != NOTHING).any()
    assert (other.neighbor_row == NOTHING).all()
    assert (other.neighbor_tokens == NOTHING).all()
    for name in ("date", "amount", "rank", "target", "entity"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name


def test_zeroed_retrieval_costs(network, data, rows, free):
    zeroed = scores_of(network, data, rows, "zeroed-retrieval")
    assert np.nanmean(zeroed.likelihood) < np.nanmean(free.likelihood)


def test_teacher_forcing_reads_the_true_lines(network, data, rows):
    parts = data.batch(rows[:8])
    with torch.no_grad():
        [step] = network(*parts)
    [batch] = parts.batches
    free_stop, given = (read(network, parts, step, BEAMS) for read in (teacher_forced, teacher_forced_length))
    lines = (batch.target != NOTHING) & (batch.target != batch.stop)
    assert torch.equal(given != NOTHING, lines), "as many lines as there are, no more and no less"
    assert (given[lines] < batch.stop).all()
    best = step.log_probs.argmax(-1)
    assert torch.equal(free_stop[lines & (best != batch.stop)], best[lines & (best != batch.stop)])
    assert (free_stop[batch.target == NOTHING] == NOTHING).all()


def test_a_true_length_flatters(network, data, rows, free):
    """What is right stays so without the lines beyond the true number, and with that number known."""
    cut = scores_of(network, data, rows, "cut-at-length")
    assert (cut.right >= free.right).all()
    assert not np.array_equal(cut.f1, free.f1)
    forced, given = (scores_of(network, data, rows, f"teacher-forced{more}") for more in ("", "-length"))
    assert (given.right >= forced.right).all()


def test_teacher_forcing_counted_whole_is_greedy_decoding(network, data, rows):
    """The likeliest token is the true one after every true prefix, just where greedy decoding finds them."""
    greedy = scores_of(network, data, rows, beams=1)
    forced = scores_of(network, data, rows, "teacher-forced")
    assert (forced.right >= greedy.right).all()
    assert forced.right.mean() == pytest.approx(greedy.right.mean(), abs=0.05)


def test_every_inference_is_known(network, data, rows):
    for inference in INFERENCE_STEPS:
        given = scores_of(network, data, rows[:4], inference)
        assert given.right.shape == given.f1.shape == given.likelihood.shape == (4,)
