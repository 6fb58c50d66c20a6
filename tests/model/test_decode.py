"""The free-running decode: a perfect model says its lines, and every answer is a valid, distinct set."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement

import made_up
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jet.books.tokens import CLOSED, NOTHING
from jet.evaluation.baselines.ancestor import AncestorNetwork
from jet.model.decode import DEAD, beam_search, exact_matches, score_sets
from jet.model.network import JetNetwork

WIDTH = 8


def decoded_by(network, data, rows, width=WIDTH, pad_to=None):
    batch = made_up.batch_of(data, rows, pad_to)
    with torch.no_grad():
        return batch, beam_search(network, network.encode(batch, made_up.tables(network, data)), width)


def perfect(data, batch, **changes):
    sizes = (
        data.corpus.store.dimension,
        len(data.corpus.idf),
        len(data.corpus.catalog.entities),
        len(data.corpus.catalog),
    )
    torch.manual_seed(0)
    settings = made_up.network(data, **changes).settings
    return made_up.KnowsTheTruth(settings, *sizes).eval().learn(batch.target)


def sets_of(decoded, row):
    """The finished sets of an entry, best first, with their probabilities."""
    there = decoded.log_probs[row] > DEAD
    result = zip(decoded.tokens[row], decoded.log_probs[row].exp().tolist(), there.tolist(), strict=True)
    return [(made_up.spelled(tokens), probability) for tokens, probability, is_there in result if is_there]


@pytest.fixture(scope="module")
def varied():
    """Entries of one company with odd shapes: repeated lines, as long as can be, an account on both sides."""
    shapes = [
        "D5010 C1930",
        "D5010 D5010 C1930",
        "D5010 D5010 D5010 C1930 C1930 C1930",  # as long as can be
        "D1510 D2440 D2641 D5010 D7010 C1930",
        "D1930 C1930",
        "D7010 C1930 C1930 C1930 C1930 C2611",
        "D2641 D2641 C2440 C2440",
    ]
    rows = [
        made_up.entry("alder", f"e{i:02}", 70 + i, f"text {i % 3}", shapes[i % len(shapes)]) for i in range(21)
    ]
    return made_up.training_data(made_up.entries_table(rows), made_up.accounts_table(made_up.chart_rows()))


def test_a_perfect_model_decodes_to_exactly_its_lines(data):
    rows = np.concatenate([data.learnable(part) for part in range(3)])
    batch = made_up.batch_of(data, rows)
    network = perfect(data, batch)
    _, decoded = decoded_by(network, data, rows)
    for row in range(len(rows)):
        best, probability = sets_of(decoded, row)[0]
        wanted = tuple(t for t in made_up.spelled(batch.target[row]) if t != batch.stop)
        assert best == wanted
        assert probability > 0.999
    assert exact_matches(network, batch, made_up.tables(network, data), WIDTH).all()


def test_a_perfect_model_decodes_repeated_lines_and_entries_as_long_as_can_be(varied):
    rows = np.arange(len(varied.corpus.rows))
    assert varied.corpus.rows.lengths.max() == made_up.MAX_LINES
    batch = made_up.batch_of(varied, rows)
    _, decoded = decoded_by(perfect(varied, batch), varied, rows)
    for row in range(len(rows)):
        start, stop = varied.corpus.rows.offsets[row : row + 2]
        local = (
            varied.corpus.rows.tokens[start:stop]
            - 2 * varied.corpus.catalog.offsets[varied.corpus.rows.entity[row]]
        )
        assert sets_of(decoded, row)[0][0] == tuple(local.tolist())


def test_debit_3_credit_5_decodes_to_debit_3_credit_5():
    rows = [made_up.entry("a", "1", 0, "x", "D3 C5"), made_up.entry("a", "2", 1, "x", "D3 C5")]
    chart = made_up.accounts_table([made_up.account("a", str(code)) for code in range(8)])
    data = made_up.training_data(made_up.entries_table(rows), chart)
    batch = made_up.batch_of(data, [0, 1])
    _, decoded = decoded_by(perfect(data, batch), data, [0, 1])
    # {D3}, which the ancestor answered, is no entry; D3 is token 6 and C5 token 11.
    assert sets_of(decoded, 0)[0][0] == (6, 11)
    assert all(tokens[0] % 2 == 0 and tokens[-1] % 2 == 1 for tokens, _ in sets_of(decoded, 0))


def test_exact_matches_is_false_for_every_other_set(data):
    rows = data.learnable(0)[:20]
    batch = made_up.batch_of(data, rows)
    network = perfect(data, batch)
    table = made_up.tables(network, data)
    shorter = batch.target.clone()  # the same lines but the last one
    ends = (shorter == batch.stop).int().argmax(1)
    many = ends > 2
    shorter[torch.arange(len(rows)), ends] = NOTHING
    shorter[torch.arange(len(rows)), ends - 1] = batch.stop
    result = exact_matches(network, replace(batch, target=shorter), table, WIDTH)
    assert many.any()
    assert not result.any()


@made_up.NETWORKS
@pytest.mark.parametrize("memory", ["labels", "none"])
def test_what_decoding_says_of_a_set_is_what_training_says_of_it(data, kind, memory):
    # The decoder's step sees the line before, the prefix and the neighbors' next lines just as training does.
    network = made_up.network(data, seed=3, kind=kind, memory=memory)
    rows = data.learnable(2)
    batch, decoded = decoded_by(network, data, rows)
    table = made_up.tables(network, data)
    compared = 0
    for beam in range(WIDTH):
        tokens = torch.nn.functional.pad(decoded.tokens[:, beam], (0, 1), value=NOTHING)
        ends = (tokens != NOTHING).sum(1, keepdim=True)
        target = tokens.scatter(1, ends, batch.stop)
        there = decoded.log_probs[:, beam] > DEAD
        with torch.no_grad():
            step = made_up.forced(network, replace(batch, target=target), table)
        said = made_up.log_likelihood(step, target)
        torch.testing.assert_close(said[there], decoded.log_probs[:, beam][there], rtol=1e-4, atol=1e-4)
        compared += int(there.sum())
    assert compared > 2 * len(rows)


@made_up.NETWORKS
def test_a_wide_beam_finds_every_set_with_the_probability_that_enumeration_gives(kind):
    # Two accounts and three lines: few enough sets to spell out all of them.
    rows = [
        made_up.entry("a", str(i), i, "x y z"[: i + 1], ["D1 C2", "D2 C1", "D1 D1 C2"][i]) for i in range(3)
    ]
    chart = made_up.accounts_table([made_up.account("a", "1", "one"), made_up.account("a", "2", "two")])
    data = made_up.training_data(made_up.entries_table(rows), chart, max_lines=3)
    network = made_up.network(data, seed=1, kind=kind, max_lines=3)
    batch = made_up.batch_of(data, [2])
    rank = batch.rank[0]
    every = [
        tuple(sorted(chosen, key=lambda t: rank[t]))
        for size in (2, 3)
        for chosen in combinations_with_replacement(range(4), size)
        if {t % 2 for t in chosen} == {0, 1}
    ]
    table = made_up.tables(network, data)
    expected = {}
    for tokens in every:
        target = torch.tensor([[*tokens, batch.stop]])
        with torch.no_grad():
            step = made_up.forced(network, replace(batch, target=target), table)
        expected[tokens] = float(made_up.log_likelihood(step, target).exp())
    _, decoded = decoded_by(network, data, [2], width=40)
    result = dict(sets_of(decoded, 0))
    assert len(result) == len(sets_of(decoded, 0))  # no copies
    # Of a wide beam the first three are final (the search ends when nothing living can beat the third).
    best = sorted(expected, key=expected.get, reverse=True)
    assert [tokens for tokens, _ in sets_of(decoded, 0)[:3]] == best[:3]
    assert set(result) <= set(expected)
    for tokens, probability in result.items():
        assert probability == pytest.approx(expected[tokens], rel=1e-4)
    assert sum(expected.values()) <= 1 + 1e-6


def test_the_search_finds_what_a_greedy_one_misses():
    # {D0 C0} begins with the likelier line, {D1 C1} is the likelier set.
    rows = [made_up.entry("a", "1", 0, "x", "D0 C0")]
    chart = made_up.accounts_table([made_up.account("a", str(code)) for code in range(3)])
    data = made_up.training_data(made_up.entries_table(rows), chart)

    class Trap(made_up.KnowsTheTruth):
        def distribution(self, encoded, states, previous, prefix, following):
            step = super().distribution(encoded, states, previous, prefix, following)
            log_probs = torch.full_like(step.log_probs, -1e9)
            log_probs[..., 0] = torch.where(previous == NOTHING, np.log(0.6), -1e9)
            log_probs[..., 2] = torch.where(previous == NOTHING, np.log(0.4), -1e9)
            for credit in (1, 3, 5):
                log_probs[..., credit] = torch.where(previous == 0, np.log(1 / 3), log_probs[..., credit])
            log_probs[..., 3] = torch.where(previous == 2, 0.0, log_probs[..., 3])
            ended = (previous != NOTHING) & (previous % 2 == 1)
            log_probs[..., -1] = torch.where(ended, 0.0, -1e9)
            return made_up.Step(log_probs, step.copied, step.copy_share)

    sizes = (0, len(data.corpus.idf), 1, 3)
    network = Trap(made_up.MODEL, *sizes).eval().learn(made_up.batch_of(data, [0]).target)
    _, decoded = decoded_by(network, data, [0], width=4)
    assert sets_of(decoded, 0)[0] == ((2, 3), pytest.approx(0.4))
    assert sets_of(decoded, 0)[1][1] == pytest.approx(0.2)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.1, 1.0, 4.0]),
    kind=st.sampled_from([JetNetwork, AncestorNetwork]),
    memory=st.sampled_from(["labels", "texts", "none"]),
    l2_norm=st.booleans(),
    width=st.sampled_from([3, 8]),
)
def test_whatever_the_weights_every_set_is_valid(data, seed, spread, kind, memory, l2_norm, width):
    network = made_up.network(data, seed, kind, memory=memory, l2_norm=l2_norm)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1 + spread * torch.randn(()).abs()).add_(spread * torch.randn_like(parameter) / 10)
    rows = np.random.default_rng(seed).choice(len(data.corpus.rows), 24, replace=False)
    batch, decoded = decoded_by(network, data, rows, width)
    for number, row in enumerate(rows):
        result = sets_of(decoded, number)
        assert result, "an entity with an open account always gets an answer"
        chart = batch.chart[number]
        for tokens, _ in result:
            assert 2 <= len(tokens) <= made_up.MAX_LINES
            assert {t % 2 for t in tokens} == {0, 1}  # a debit and a credit
            accounts = [int(chart[t // 2]) for t in tokens]
            assert all(account >= 0 for account in accounts)
            entity = data.corpus.rows.entity[row]
            first, end = data.corpus.catalog.offsets[entity : entity + 2]
            assert all(first <= account < end for account in accounts)  # never another company's
            assert data.corpus.catalog.is_open(np.array(accounts), data.corpus.rows.date[row]).all()
            assert all(batch.rank[number, t] != CLOSED for t in tokens)
        assert len({tuple(sorted(tokens)) for tokens, _ in result}) == len(result)  # no copies
        assert sum(probability for _, probability in result) <= 1 + 1e-4
        probabilities = [probability for _, probability in result]
        assert probabilities == sorted(probabilities, reverse=True)


def test_a_model_that_never_wants_a_credit_still_answers_with_an_entry(data):
    network = made_up.network(data, seed=2, memory="none", l2_norm=False)
    with torch.no_grad():  # credits all but impossible
        network.head.sides[0].query.weight.zero_()
        network.head.sides[1].query.weight.zero_()
        network.head.sides[1].query.bias.copy_(-50 * torch.ones(16))
        network.account_text.norm.weight.fill_(0.0)
        network.account_text.norm.bias.fill_(1.0)
    rows = data.learnable(0)[:10]
    _, decoded = decoded_by(network, data, rows)
    assert (decoded.log_probs[:, 0] > DEAD).all()


def test_what_follows_depends_on_the_line_before(data):
    network = made_up.network(data, seed=4)
    batch = made_up.batch_of(data, data.learnable(0)[:6])
    encoded = network.encode(batch, made_up.tables(network, data))
    shape = (6, 1)
    prefix = torch.zeros(*shape, batch.neighbor_row.shape[1], dtype=torch.bool)
    following = torch.full((*shape, batch.neighbor_row.shape[1]), NOTHING)

    def after(token):
        # The hidden state before it is the same; only the line that was written differs.
        previous = torch.full(shape, token)
        states, _ = network.advance(encoded, previous, encoded.hidden)
        with torch.no_grad():
            return network.distribution(encoded, states, previous, prefix, following).log_probs[:, 0]

    start, one, other = after(NOTHING), after(0), after(2)
    assert not torch.allclose(one, other)
    credits = torch.arange(1, batch.stop, 2)
    both = (one[:, credits] > DEAD) & (other[:, credits] > DEAD)
    assert both.any()
    assert (one[:, credits] - other[:, credits])[both].abs().max() > 1e-3
    assert not torch.equal(start, one)


def test_the_states_after_a_line_are_the_same_one_by_one_and_all_at_once(data):
    network = made_up.network(data, seed=4)
    batch = made_up.batch_of(data, data.learnable(0)[:6])
    encoded = network.encode(batch, made_up.tables(network, data))
    previous = torch.tensor([[NOTHING, 0, 3]] * 6)
    together, _ = network.advance(encoded, previous, encoded.hidden)
    hidden = encoded.hidden
    for step in range(3):
        states, hidden = network.advance(encoded, previous[:, step : step + 1], hidden)
        torch.testing.assert_close(states[:, 0], together[:, step])


@made_up.NETWORKS
def test_stop_is_possible_only_after_a_debit_and_a_credit(data, kind):
    network = made_up.network(data, seed=1, kind=kind, memory="none")
    with torch.no_grad():
        network.head.stop.bias.fill_(50.0)  # it wants nothing more than to stop
    rows = data.learnable(0)[:20]
    _, decoded = decoded_by(network, data, rows)
    for row in range(len(rows)):
        best = sets_of(decoded, row)[0][0]
        assert [t % 2 for t in best] == [0] * (len(best) - 1) + [1]  # at the first credit, and not before


def test_an_answer_does_not_depend_on_the_other_entries_of_its_batch(data):
    network = made_up.network(data, seed=6)
    rows = data.learnable(1)[:24]  # kernels may round the odd rows at the end of a batch in another way
    _, together = decoded_by(network, data, rows, pad_to=16)
    _, backwards = decoded_by(network, data, rows[::-1].copy(), pad_to=16)
    there = together.log_probs > DEAD
    assert torch.equal(there, backwards.log_probs.flip(0) > DEAD)
    assert torch.equal(together.log_probs[there], backwards.log_probs.flip(0)[there])
    assert torch.equal(together.tokens[there], backwards.tokens.flip(0)[there])


def test_what_neighbors_carried_is_a_share_of_the_set(data, trained):
    network = trained.network.eval()
    rows = data.learnable(2)
    batch, decoded = decoded_by(network, data, rows)
    carried = decoded.copied[:, 0]
    assert (carried >= 0).all()
    assert (carried.sum(1) <= 1 + 1e-5).all()
    assert (carried.sum(1) > 0.3).any()
    assert (carried[batch.neighbor_row == NOTHING] == 0).all()


def scored(network, data, batch, tokens):
    with torch.inference_mode():
        return score_sets(network, network.encode(batch, made_up.tables(network, data)), tokens)


@made_up.NETWORKS
@pytest.mark.parametrize("memory", ["labels", "none"])
def test_a_set_scores_what_the_search_gave_it(data, kind, memory):
    network = made_up.network(data, seed=3, kind=kind, memory=memory)
    batch, decoded = decoded_by(network, data, data.learnable(2))
    there = decoded.log_probs > DEAD
    result = scored(network, data, batch, torch.where(there[:, :, None], decoded.tokens, NOTHING))
    torch.testing.assert_close(result[there], decoded.log_probs[there], rtol=0, atol=1e-5)
    assert (result[~there] <= DEAD).all()
    assert there.sum() > 2 * len(there)


def test_a_set_scores_the_same_whatever_stands_beside_it(data):
    network = made_up.network(data, seed=3)
    batch, decoded = decoded_by(network, data, data.learnable(2))
    tokens = torch.where((decoded.log_probs > DEAD)[:, :, None], decoded.tokens, NOTHING)
    together = scored(network, data, batch, tokens)
    for place in range(WIDTH):
        alone = scored(network, data, batch, tokens[:, place : place + 1])
        torch.testing.assert_close(alone[:, 0], together[:, place], rtol=0, atol=1e-5)
    backwards = scored(network, data, batch, tokens.flip(1))
    torch.testing.assert_close(backwards.flip(1), together, rtol=0, atol=1e-5)
    padded = scored(network, data, batch, torch.nn.functional.pad(tokens, (0, 3), value=NOTHING))
    torch.testing.assert_close(padded, together, rtol=0, atol=1e-5)


def test_a_set_of_a_perfect_model_scores_near_certain_and_any_other_near_impossible(data):
    rows = data.learnable(2)
    batch = made_up.batch_of(data, rows)
    network = perfect(data, batch)
    true = torch.where(batch.target == batch.stop, NOTHING, batch.target)
    result = scored(network, data, batch, torch.stack([true, true.roll(1, dims=0)], dim=1))
    assert (result[:, 0] > -1e-3).all()
    other = (true != true.roll(1, dims=0)).any(1)
    assert (result[other, 1] < -5).all()


def test_a_set_in_another_order_than_the_catalogs_scores_as_impossible(data):
    network = made_up.network(data, seed=3)
    batch = made_up.batch_of(data, data.learnable(2)[:4])
    _, decoded = decoded_by(network, data, data.learnable(2)[:4])
    best = decoded.tokens[:, :1]
    length = (best[0, 0] != NOTHING).sum()
    backwards = best[:1].clone()
    backwards[0, 0, :length] = best[0, 0, :length].flip(0)
    result = scored(network, data, made_up.take(batch, [0]), backwards)
    assert float(result) < -1e6


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000), wanted=st.lists(st.integers(0, 17), min_size=1, max_size=4))
def test_every_set_has_the_required_lines_and_scores_as_without(data, seed, wanted):
    network = made_up.network(data, seed)
    rows = np.flatnonzero(data.corpus.rows.entity == 0)[:3]
    batch = made_up.batch_of(data, rows)
    tables = made_up.tables(network, data)
    usable = [token for token in wanted if (batch.rank[:, token] != CLOSED).all()]
    required = torch.full((len(rows), 4), NOTHING)
    for row in range(len(rows)):
        order = sorted(usable, key=lambda token: int(batch.rank[row, token]))
        required[row, : len(order)] = torch.tensor(order, dtype=torch.int64)
    with torch.no_grad():
        encoded = network.encode(batch, tables)
        found = beam_search(network, encoded, WIDTH, required)
        scores = score_sets(network, encoded, found.tokens)
    there = found.log_probs > DEAD
    assert there[:, 0].all()
    for tokens in found.tokens[there].tolist():
        assert all(tokens.count(token) >= usable.count(token) for token in usable)
    torch.testing.assert_close(scores[there], found.log_probs[there], rtol=1e-4, atol=1e-4)
