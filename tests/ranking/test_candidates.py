"""Candidates: all valid, none twice, and each made as its proposer's name says."""

from __future__ import annotations

import made_up
import numpy as np
import small_books
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.tokens import in_order
from jet.ranking.candidates import (
    PROPOSERS,
    Candidates,
    combined,
    doubled,
    first_of_top_groups,
    fitted,
    repeated,
    substituted,
    thinned,
)


def sets(*rows, longest=4):
    """int64 [1, P, L] of token lists."""
    return np.array([[[*row, *[-1] * (longest - len(row))] for row in rows]])


def listed(tokens):
    """The sets of the first entry that are there, as tuples."""
    return [tuple(t for t in row if t >= 0) for row in tokens[0].tolist() if any(t >= 0 for t in row)]


def weighed(fixed, booked, unbooked, kept=32):
    rows = [
        made_up.entry(entity, f"{i:02}", day, text, lines)
        for i, (entity, day, text, lines) in enumerate(booked)
    ]
    return small_books.weigh(
        fixed, made_up.entries_table(rows), made_up.entries_table([made_up.entry(*unbooked)]), kept
    )


# --- for any books --------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(small_books.entries(0, 50, most=30, least=1), small_books.entries(0, 55, most=6, least=1))
def test_every_candidate_is_a_valid_entry_in_the_catalogs_order_and_none_is_there_twice(
    fixed, booked, unbooked
):
    result = small_books.weigh(fixed, small_books.table(booked, "e"), small_books.table(unbooked, "q", False))
    catalog, candidates = result.statistics.corpus.catalog, result.candidates
    assert candidates.tokens.shape[2] <= small_books.LONGEST
    assert np.array_equal(in_order(candidates.tokens, catalog), candidates.tokens)
    for entry in range(len(unbooked)):
        first, end = catalog.offsets[result.evidence.entity[entry] :][:2]
        own = [tuple(t for t in row if t >= 0) for row in candidates.tokens[entry].tolist()]
        there = [tokens for tokens in own if tokens]
        assert len(set(there)) == len(there)
        for tokens, exists, proposer in zip(
            own, candidates.exists[entry], candidates.proposer[entry], strict=True
        ):
            assert bool(tokens) == bool(exists) == (proposer >= 0)
            assert {t % 2 for t in tokens} in ({0, 1}, set())
            accounts = np.array(tokens, dtype=np.int64) // 2
            assert ((first <= accounts) & (accounts < end)).all()
            assert catalog.is_open(accounts, result.evidence.date[entry]).all()


@settings(deadline=None, max_examples=20)
@given(small_books.entries(0, 30, most=30, least=1), small_books.entries(31, 35, most=3, least=1))
def test_fewer_candidates_are_the_first_ones(fixed, booked, unbooked):
    tables = small_books.table(booked, "e"), small_books.table(unbooked, "q", False)
    many, few = (small_books.weigh(fixed, *tables, kept).candidates for kept in (32, 5))
    assert np.array_equal(few.key, many.key[:, :5])
    assert np.array_equal(few.tokens, many.tokens[:, :5])


def test_what_the_neighbors_booked_is_a_candidate_the_most_voted_first(fixed):
    booked = [("oak", day, "telephone", "D30 C10") for day in range(3)] + [("oak", 3, "telephone", "D40 C10")]
    result = weighed(fixed, booked, ("oak", "q", 9, "telephone"))
    assert result.sets(PROPOSERS.index("neighbor")) == ["D30 C10", "D40 C10"]
    assert result.candidates.proposer[0, 0] == PROPOSERS.index("neighbor")


def test_a_company_without_books_and_peers_has_no_candidates_but_by_name(fixed):
    result = weighed(fixed, [("oak", 0, "x", "D30 C10")], ("ash", "q", 9, "office rent"))
    assert not result.candidates.exists.any()


def test_peers_sets_are_mapped_by_the_accounts_codes(fixed):
    booked = [("beech", 5, "office rent", "D5010 C1930"), ("beech", 6, "office rent", "D7010 C1930")]
    result = weighed(fixed, booked, ("ash", "q", 9, "office rent"))
    # ash has no 7010, so that set says nothing to it.
    assert result.sets(PROPOSERS.index("peer")) in (["D5010 C1930"], [])
    assert "D5010 C1930" in result.sets()
    assert not any("7010" in words for words in result.sets())


def test_an_account_that_the_description_names_is_substituted(fixed):
    booked = [("ash", day, "zebra", "D5010 C1930") for day in range(25, 28)]
    result = weighed(fixed, booked, ("ash", "q", 30, "telephone"))
    assert "D6200 C1930" in result.sets()


def test_a_closed_account_is_never_proposed(fixed):
    booked = [("ash", day, "paper and pens", "D6110 C1930") for day in range(30, 40)]
    open_day, closed_day = small_books.LAST_OF_6110, small_books.LAST_OF_6110 + 1
    assert "D6110 C1930" in weighed(fixed, booked, ("ash", "q", open_day, "paper and pens")).sets()
    after = weighed(fixed, booked, ("ash", "q", closed_day, "paper and pens"))
    assert not any("6110" in words for words in after.sets())


def test_the_mirrored_the_doubled_and_the_thinned_form_of_the_nearest_set_are_candidates(fixed):
    single = weighed(fixed, [("oak", 0, "zebra", "D30 C10")], ("oak", "q", 9, "zebra"))
    assert "D10 C30" in single.sets(PROPOSERS.index("mirrored"))
    assert "D30 D30 C10 C10" in single.sets(PROPOSERS.index("doubled"))
    twice = weighed(fixed, [("oak", 0, "zebra", "D30 D30 C10")], ("oak", "q", 9, "zebra"))
    assert "D30 C10" in twice.sets()


def test_debits_of_one_and_credits_of_another_are_combined(fixed):
    booked = [("oak", 0, "zebra", "D30 C10"), ("oak", 1, "zebra", "D40 C20")]
    assert {"D30 C20", "D40 C10"} <= set(weighed(fixed, booked, ("oak", "q", 9, "zebra")).sets())


# --- by hand ----------------------------------------------------------------------------------------------


def test_doubling_has_every_line_twice_and_what_does_not_fit_is_left_out():
    assert listed(doubled(sets((2, 5), (2, 4, 7)), 4)) == [(2, 5, 2, 5)]


def test_thinning_has_every_line_once():
    assert listed(thinned(sets((2, 2, 5, 5), (2, 5)))) == [(2, 5), (2, 5)]


def test_blanks_are_squeezed_out_and_what_is_too_long_is_blanked():
    tokens = np.array([[[2, -1, -1, 5, -1], [2, 4, 6, 5, 7]]])
    assert fitted(tokens, 3).tolist() == [[[2, 5], [-1, -1]]]
    assert fitted(tokens, 5).tolist() == [[[2, 5, -1, -1, -1], [2, 4, 6, 5, 7]]]


def test_substituting_replaces_one_account_and_keeps_its_side():
    made = listed(substituted(sets((2, 5)), np.array([[8]])))
    assert sorted(made) == [(2, 9), (8, 5)]


def test_substituting_an_account_by_itself_or_by_nothing_makes_no_set():
    assert listed(substituted(sets((2, 5)), np.array([[2]]))) == [(2, 3)]
    assert listed(substituted(sets((2, 5)), np.array([[-1]]))) == []


def test_of_equal_sets_the_first_stays_with_its_proposer(fixed):
    catalog = fixed.corpus.catalog
    start = 2 * catalog.offsets[catalog.entities.index("oak")]
    one, other = (sets((start, start + 3)), sets((start, start + 3), (start, start)))
    result = Candidates.of([("expert", one), ("peer", other)], np.array([10_000]), catalog, 3)
    assert result.exists.tolist() == [[True, False, False]]
    assert result.proposer.tolist() == [[PROPOSERS.index("expert"), -1, -1]]
    joined = result.joined("decoder", sets((start, start + 3), (start, start + 5)), np.array([10_000]), catalog)
    assert joined.tokens.shape[1] == 5
    assert listed(joined.tokens) == [(start, start + 3), (start, start + 5)]
    assert joined.proposer[0, 1] == PROPOSERS.index("decoder")


def test_combining_takes_whole_sides(fixed):
    booked = [("oak", 0, "zebra", "D30 D40 C10"), ("oak", 1, "zebra", "D10 C20")]
    result = weighed(fixed, booked, ("oak", "q", 9, "zebra"))
    weight = np.where(result.evidence.exists, 1.0, 0.0)
    sets = combined(result.evidence, weight, small_books.LONGEST)[0]
    made = {" ".join(sorted(result.spelled(row).split())) for row in sets}
    whole = {words for words in made if "C" in words and "D" in words}
    assert whole == {"C10 D30 D40", "C20 D30 D40", "C10 D10", "C20 D10"}


@settings(max_examples=60)
@given(st.integers(0, 10_000))
def test_the_heaviest_groups_are_those_of_a_comparison_of_all_pairs(seed):
    draw = np.random.default_rng(seed)
    key = draw.integers(0, 5, (4, 8)).astype(np.uint64)
    weight = np.where(draw.random(key.shape) < 0.3, 0.0, draw.random(key.shape))
    expected = np.full((4, 3), -1)
    for entry in range(4):
        votes = {
            k: sum(weight[entry][key[entry] == k]) for k in key[entry][weight[entry] > 0].tolist() if k != 0
        }
        for place, k in enumerate(sorted(votes, key=lambda k: -votes[k])[:3]):
            expected[entry, place] = int(((key[entry] == k) & (weight[entry] > 0)).argmax())
    assert np.array_equal(first_of_top_groups(key, weight, 3), expected)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=9))
def test_a_key_is_repeated_from_its_second_place_on(keys):
    expected = [key in keys[:place] for place, key in enumerate(keys)]
    assert repeated(np.array([keys], dtype=np.uint64))[0].tolist() == expected
