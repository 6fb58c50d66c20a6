"""The account-level expert, on books of a few entries."""

from __future__ import annotations

from dataclasses import replace

import made_up
import numpy as np
import pytest
import small_books


@pytest.fixture(scope="module")
def by_words(fixed):
    """Where texts are compared by their n-grams alone, and a text is like itself to 1."""
    retrieval = replace(fixed.retrieval, sentence_weight=0.0, ngram_weight=1.0, neighbors=16)
    return replace(fixed, retrieval=retrieval)


def weighed(data, booked, text, entity="oak", journal=""):
    """Of `booked` (text, lines) in days that follow each other, and one entry with `text` after them."""
    rows = [
        made_up.entry(entity, f"{day:02}", day, each, lines, None, "")
        for day, (each, lines) in enumerate(booked)
    ]
    rows.append(made_up.entry("beech", "other", 0, "nothing of this", "D5010 C1930", None, ""))
    unbooked = made_up.entries_table([made_up.entry(entity, "q", len(booked), text, None, None, journal)])
    return small_books.weigh(data, made_up.entries_table(rows), unbooked)


def score(result, line, entity="oak"):
    return result.scores.of(result.tokens(entity, line)[None])[0, 0]


def test_what_all_neighbors_with_the_same_text_have_is_as_good_as_sure(by_words):
    result = weighed(by_words, [("telephone", "D30 C10")] * 5 + [("zebra", "D40 C10")] * 3, "telephone")
    assert 0.85 < score(result, "D30") < 1.1
    assert score(result, "D40") < 0.1


def test_what_half_of_them_have_is_half_as_sure(by_words):
    result = weighed(by_words, [("telephone", "D30 C10"), ("telephone", "D40 C10")] * 4, "telephone")
    assert 0.4 < score(result, "D30") < 0.6
    assert 0.4 < score(result, "D40") < 0.6
    assert 0.85 < score(result, "C10") < 1.1


def test_many_copies_of_one_text_count_little_more_than_one(by_words):
    booked = [("telephone", "D30 C10")] * 10 + [("zebra crossing", "D40 C10")]
    result = weighed(by_words, booked, "telephone zebra crossing")
    assert score(result, "D40") > 0.2
    assert score(result, "D30") < 1.6 * score(result, "D40")


def test_a_line_that_a_neighbor_has_twice_is_one_line(by_words):
    once = weighed(by_words, [("telephone", "D30 C10")] * 3, "telephone")
    twice = weighed(by_words, [("telephone", "D30 D30 C10")] * 3, "telephone")
    assert score(once, "D30") == score(twice, "D30")


def test_no_neighbors_give_nothing(by_words):
    result = weighed(by_words, [], "telephone")
    assert (result.scores.token == -1).all()
    assert (result.scores.score == 0).all()
    assert score(result, "D30") == 0


def test_lines_come_best_first_once_each_and_only_from_the_neighbors(by_words):
    booked = [("telephone", "D30 C10"), ("telephone 2", "D30 D40 C10"), ("zebra", "D10 C20")] * 3
    result = weighed(by_words, booked, "telephone")
    tokens = result.scores.token[0][result.scores.token[0] >= 0]
    assert len(set(tokens.tolist())) == len(tokens)
    assert {result.spelled([token]) for token in tokens} == {"D30", "D40", "C10", "D10", "C20"}
    assert (np.diff(result.scores.score[0][: len(tokens)]) <= 0).all()
    assert result.spelled(tokens[:1]) == "C10"


def test_another_company_counts_less_than_ones_own(by_words):
    rows = [
        made_up.entry("ash", "own", 0, "telephone", "D6110 C1930", None, ""),
        made_up.entry("beech", "peer", 0, "telephone", "D5010 C1930", None, ""),
    ]
    unbooked = made_up.entries_table([made_up.entry("ash", "q", 1, "telephone", None, None, "")])
    result = small_books.weigh(by_words, made_up.entries_table(rows), unbooked)
    assert score(result, "D6110", "ash") > score(result, "D5010", "ash") > 0
