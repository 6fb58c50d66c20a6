"""Sums over sparse matches are those of a comparison of all pairs."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from jet.ranking.matches import Lines, Matches


def drawn(seed):
    """Keys of candidates [3, 5] and of neighbors [3, 6], some without, and values of the neighbors."""
    draw = np.random.default_rng(seed)
    ours, theirs = draw.integers(0, 6, (3, 5)), draw.integers(0, 6, (3, 6))
    return ours.astype(np.uint64), theirs.astype(np.uint64), draw.normal(size=(3, 6)), draw.random((3, 6)) < 0.6


@given(st.integers(0, 10_000))
def test_sums_counts_and_largest_values_are_those_of_all_pairs(seed):
    ours, theirs, values, some = drawn(seed)
    same = (ours[:, :, None] == theirs[:, None, :]) & (theirs != 0)[:, None, :]
    matches = Matches.of(ours, theirs)
    for own, pairs in ((matches, same), (matches.among(some), same & some[:, None, :])):
        given_values = values[:, None, :]
        count = pairs.sum(axis=2)
        assert np.array_equal(own.count(), count)
        np.testing.assert_allclose(own.sums(values), np.where(pairs, given_values, 0).sum(axis=2), atol=1e-12)
        assert np.array_equal(own.largest(values), np.where(pairs, given_values, 0).max(axis=2, initial=0))
        mean = own.sums(values) / np.maximum(count, 1)
        squares = np.where(pairs, (given_values - mean[:, :, None]) ** 2, 0).sum(axis=2)
        np.testing.assert_allclose(own.squares(values, mean), squares, atol=1e-12)


def test_nothing_matches_nothing():
    none = Matches.of(np.zeros((2, 3), np.uint64), np.zeros((2, 4), np.uint64))
    for found in (none.sums(np.ones((2, 4))), none.largest(np.ones((2, 4))), none.count()):
        assert found.shape == (2, 3)
        assert not found.any()


@given(st.integers(0, 10_000), st.integers(0, 3))
def test_what_is_computed_of_a_line_is_at_each_of_its_places_and_padding_adds_nothing(seed, more):
    tokens = np.random.default_rng(seed).integers(-1, 6, (3, 4, 3))
    lines = Lines.of(np.pad(tokens, ((0, 0), (0, 0), (0, more)), constant_values=-1))
    assert len(set(zip(lines.entry.tolist(), lines.token.tolist(), strict=True))) == len(lines.token)
    entry = np.broadcast_to(np.arange(3)[:, None, None], tokens.shape)
    expected = np.where(tokens >= 0, 10.0 * entry + tokens + 0.1, 0.0)
    values = 10.0 * lines.entry + lines.token + 0.1
    assert np.array_equal(lines.spread(values, 0.0)[:, :, :3], expected)
    assert np.array_equal(lines.sums(values), Lines.of(tokens).sums(values))
    np.testing.assert_allclose(lines.sums(values), expected.sum(axis=2))
