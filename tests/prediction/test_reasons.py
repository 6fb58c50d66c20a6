"""Reasons: a sentence says nothing that can't be counted in the evidence that is shown with it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import made_up
import numpy as np
import pytest
import small_books
from hypothesis import given, settings

from jet.books.tokens import set_key
from jet.prediction.predictor import Predictor
from jet.prediction.reasons import (
    NO_EVIDENCE,
    PEERS,
    SAME_TEXT,
    SHOWN,
    SIMILAR,
    guessed,
    sentence,
    shown_evidence,
)
from jet.prediction.settings import PredictSettings
from jet.texts.normalize import normalize

SETTINGS = PredictSettings(batch_size=8, beams=3)
BOOKED = small_books.entries(0, 40, most=30, least=1)
ASKED = small_books.entries(0, 45, most=6, least=1)

COUNTED = re.compile(
    r"booked like (?P<like>\d+) of "
    r"(?:the last (?P<last>\d+)|(?P<all>\d+) earlier|the (?P<near>\d+) most similar)"
)
NONE_OF = re.compile(
    r"a guess: none of (?:the last (?P<last>\d+)|(?P<all>\d+) earlier) entr(?:y|ies) with this text"
)
DAY = re.compile(r"last on (\d{4}-\d{2}-\d{2})")


def predicted(bundle, booked, queries):
    """Pairs of an entry and its prediction, from books of `booked` entries."""
    bundle = small_books.with_books(bundle, small_books.table(booked, "e"))
    entries = small_books.table(queries, "q", with_lines=False)
    return list(zip(entries.to_pylist(), Predictor(bundle, SETTINGS)(entries).to_pylist(), strict=True))


def number(match):
    return next(int(value) for name, value in match.groupdict().items() if value and name != "like")


def test_where_all_booked_accounts_are_closed_or_not_open_yet_the_decoder_answers_with_open_ones(fixed_bundle):
    """Booked on an account that opens later, as after a change of the chart the other way round."""
    booked = [("ash", 0, "office rent", small_books.SETS["ash"].index("D6200 D6200 C1930"), None, "A")]
    asked = [
        ("ash", 1, "office rent", 0, None, "A"),
        ("ash", small_books.FIRST_OF_6200, "office rent", 0, None, "A"),
    ]
    (_, closed), (_, opened) = predicted(fixed_bundle, booked, asked)
    assert closed["decision"] == "review"
    assert "a guess: none of 1 earlier entry with this text" in closed["reason"]
    assert {line["account"] for line in closed["lines"]} <= set(small_books.CHARTS["ash"]) - {"6200"}
    assert {line["side"] for line in closed["lines"]} == {"D", "C"}
    assert "6200" in {line["account"] for line in opened["lines"]}
    (_, alone), *_ = predicted(fixed_bundle, booked, asked[:1])
    assert alone == closed


@settings(deadline=None, max_examples=20)
@given(BOOKED, ASKED)
def test_every_number_in_a_sentence_can_be_counted_in_the_evidence_rows(fixed_bundle, booked, queries):
    for entry, row in predicted(fixed_bundle, booked, queries):
        reason, evidence = row["reason"], row["evidence"]
        alike = [shown for shown in evidence if shown["same_lines"]]
        counted, none_of, day = (pattern.search(reason) for pattern in (COUNTED, NONE_OF, DAY))
        assert reason
        if counted:
            assert int(counted["like"]) == len(alike) > 0
            assert number(counted) == len(evidence)
            assert date.fromisoformat(day[1]) == max(shown["date"] for shown in alike)
        else:
            assert not alike
            assert not day
            assert "a guess" in reason
        if none_of:
            assert number(none_of) == len(evidence)
        of_companies = {shown["entity"] for shown in evidence}
        if "with this text" in reason and "no entry with" not in reason:
            assert all(shown["same_text"] for shown in evidence)
            assert of_companies == {entry["entity"]}
        if "no entry with this text yet" in reason:
            assert not any(shown["same_text"] for shown in evidence)
            assert of_companies == {entry["entity"]}
        if "of companies with the same standard chart" in reason:
            assert entry["entity"] not in of_companies
        if "there are no earlier entries" in reason:
            assert not evidence


@settings(deadline=None, max_examples=20)
@given(BOOKED, ASKED)
def test_a_sentence_is_true_of_the_books(fixed_bundle, booked, queries):
    books = small_books.table(booked, "e").to_pylist()
    for entry, row in predicted(fixed_bundle, booked, queries):
        earlier = [one for one in books if one["entity"] == entry["entity"] and one["date"] < entry["date"]]
        texts = [normalize(one["description"]) for one in earlier]
        if "no entry with this text yet" in row["reason"]:
            assert normalize(entry["description"]) not in texts
        if "there are no earlier entries" in row["reason"]:
            assert not earlier


@settings(deadline=None, max_examples=15)
@given(BOOKED, ASKED)
def test_guessed_are_exactly_the_lines_that_no_neighbor_of_the_company_has(fixed_bundle, booked, queries):
    bundle = small_books.with_books(fixed_bundle, small_books.table(booked, "e"))
    predictor = Predictor(bundle, SETTINGS)
    entries = small_books.table(queries, "q", with_lines=False)
    answers = predictor.answers(entries)
    for rows, _, scored in predictor.batches(entries):
        for place, row in enumerate(rows):
            evidence = scored.evidence
            theirs = set(evidence.lines[place][evidence.same_entity[place]].ravel().tolist())
            expected = [[t >= 0 and t not in theirs for t in one] for one in answers.tokens[row].tolist()]
            assert answers.guess[row].tolist() == expected


def test_lines_that_are_shown_in_the_companys_own_evidence_are_no_guesses(fixed_bundle):
    booked = [("oak", day, "zebra", 0, 10_000, "A") for day in range(4)]
    (_, row), (_, unseen) = predicted(
        fixed_bundle, booked, [("oak", 9, "zebra", 0, None, "A"), ("ash", 30, "zebra", 0, None, "A")]
    )
    known = {("30", "D"), ("10", "C")}
    for line in row["lines"]:
        assert line["guess"] == ((line["account"], line["side"]) not in known)
    assert unseen["lines"]
    assert all(line["guess"] for line in unseen["lines"])
    assert unseen["reason"].startswith("a guess: there are no earlier entries")


def test_peers_lines_are_guesses_until_the_company_has_booked_them_itself(fixed_bundle):
    booked = [("beech", day, "office rent", 0, 10_000, "A") for day in range(4)]
    ((_, row),) = predicted(fixed_bundle, booked, [("ash", 9, "office rent", 0, None, "A")])
    assert all(line["guess"] for line in row["lines"])
    assert {shown["entity"] for shown in row["evidence"]} == {"beech"}


# --- what is shown -----------------------------------------------------------------------------------------


def shown_for(fixed, booked, queries, spelled):
    """Evidence shown for one entry's answer `spelled`, from (entity, day, text, lines), with the ids they
    show."""
    rows = [
        made_up.entry(entity, f"{i:02}", day, text, lines)
        for i, (entity, day, text, lines) in enumerate(booked)
    ]
    found = small_books.weigh(
        fixed, made_up.entries_table(rows), made_up.entries_table([made_up.entry(*queries)])
    )
    key = set_key(found.tokens(queries[0], spelled)[None])
    made = shown_evidence(found.evidence, key)
    return made, [found.ids[row] for row in made.row[0] if row >= 0]


def test_entries_with_the_same_text_are_asked_first_the_newest_first(fixed):
    booked = [
        ("oak", 0, "zebra", "D30 C10"),
        ("oak", 1, "telephone", "D30 C10"),
        ("oak", 2, "zebra", "D40 C10"),
    ]
    made, ids = shown_for(fixed, booked, ("oak", "q", 9, "zebra"), "D30 C10")
    assert made.kind[0] == SAME_TEXT
    assert ids == ["02", "00"]
    assert made.same_lines[0, :2].tolist() == [False, True]
    assert not made.more[0]


def test_without_the_same_text_the_most_similar_are_asked(fixed):
    booked = [("oak", 0, "zebra", "D30 C10"), ("oak", 1, "office rent", "D40 C10")]
    made, ids = shown_for(fixed, booked, ("oak", "q", 9, "office rents"), "D30 C10")
    assert made.kind[0] == SIMILAR
    assert ids == ["01", "00"]


def test_peers_are_asked_where_only_they_booked_it_like_that(fixed):
    booked = [("ash", 0, "zebra", "D5010 C1930"), ("beech", 1, "office rent", "D5010 C2440")]
    made, ids = shown_for(fixed, booked, ("ash", "q", 9, "office rents"), "D5010 C2440")
    assert made.kind[0] == PEERS
    assert ids == ["01"]
    own, ids = shown_for(fixed, booked, ("ash", "q", 9, "office rents"), "D5010 C1930")
    assert own.kind[0] == SIMILAR
    assert ids == ["00"]


def test_without_any_neighbor_nobody_is_asked(fixed):
    made, ids = shown_for(fixed, [("oak", 5, "x", "D30 C10")], ("oak", "q", 5, "x"), "D30 C10")
    assert made.kind[0] == NO_EVIDENCE
    assert ids == []
    assert not made.more[0]


def test_more_is_said_where_not_all_are_shown(fixed):
    wide = replace(fixed, retrieval=replace(fixed.retrieval, neighbors=20))
    for count in (SHOWN, SHOWN + 1):
        booked = [("oak", day, "zebra", "D30 C10") for day in range(count)]
        made, ids = shown_for(wide, booked, ("oak", "q", 30, "zebra"), "D30 C10")
        assert len(ids) == SHOWN
        assert made.more[0] == (count > SHOWN)
        assert ids == sorted(ids, reverse=True)  # the newest first


def test_an_entry_without_an_answer_guesses_nothing(fixed):
    found = small_books.weigh(
        fixed,
        small_books.table([("oak", 0, "x", 0, None, "")], "e"),
        small_books.table([("oak", 1, "x", 0, None, "")], "q"),
    )
    assert not guessed(found.evidence, np.full((1, 3, small_books.LONGEST), -1)).any()


# --- words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        (
            (SAME_TEXT, 3, 2, "2024-05-01", False),
            "booked like 2 of 3 earlier entries with this text, last on 2024-05-01",
        ),
        (
            (SAME_TEXT, 1, 1, "2024-05-01", False),
            "booked like 1 of 1 earlier entry with this text, last on 2024-05-01",
        ),
        (
            (SAME_TEXT, 12, 9, "2024-05-01", True),
            "booked like 9 of the last 12 entries with this text, last on 2024-05-01",
        ),
        ((SAME_TEXT, 1, 0, "", False), "a guess: none of 1 earlier entry with this text is booked like this"),
        (
            (SIMILAR, 5, 4, "2024-05-01", False),
            "no entry with this text yet; booked like 4 of the 5 most similar ones, last on 2024-05-01",
        ),
        ((SIMILAR, 5, 0, "", False), "a guess: no similar entry is booked like this"),
        (
            (PEERS, 5, 3, "2024-05-01", False),
            "like nothing in these books; booked like 3 of the 5 most similar entries of companies with the "
            "same standard chart, last on 2024-05-01",
        ),
        ((PEERS, 5, 0, "", False), "a guess: no similar entry is booked like this"),
        (
            (NO_EVIDENCE, 0, 0, "", False),
            "a guess: there are no earlier entries, only the names of the accounts",
        ),
    ],
)
def test_the_sentence_is_one_that_a_bookkeeper_can_check(given_, words):
    assert sentence(*given_) == words
