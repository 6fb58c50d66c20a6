"""Known lines: the answer has them with their amounts, and nothing else of an answer changes by them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import made_up
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.schema import AUTO, NO_ANSWER, REVIEW
from jet.confidence.settings import METHODS
from jet.prediction.known_lines import KnownLines
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings

SETTINGS = PredictSettings(batch_size=16)
_, X, UNKNOWN = range(3)


def asked(*rows):
    """Entries of (company, day, text, known lines), each with more of its columns."""
    made = []
    for number, (entity, day, text, known, *more) in enumerate(rows):
        row = made_up.entry(entity, f"n{number}", day, text)
        row["known_lines"] = made_up.lines(known) if known else None
        made.append(row | (more[0] if more else {}))
    return made_up.entries_table(made)


def answers(bundle, *rows, **changes):
    entries = asked(*rows)
    predictor = Predictor.for_entries(bundle, replace(SETTINGS, **changes), entries, None)
    return predictor(entries).to_pylist()


def spelled(lines):
    return sorted(f"{line['side']}{line['account']}" for line in lines)


CODES = {entity: sorted(chart) for entity, chart in made_up.CHARTS.items()}


@st.composite
def known_sets(draw):
    entity = draw(st.sampled_from(["alder", "birch"]))
    line = st.tuples(st.sampled_from("DC"), st.sampled_from(CODES[entity]))
    lines = draw(st.lists(line, min_size=1, max_size=3))
    text = draw(st.sampled_from(["office rent", "customer invoice 3", "ticket 9", "wages", "never seen", ""]))
    return entity, 50, text, " ".join(side + code for side, code in lines)


@settings(max_examples=25, deadline=None)
@given(known_sets(), st.sampled_from(METHODS))
def test_every_set_has_the_known_lines_as_often_as_they_are_known(bundle, row, method):
    (found,) = answers(bundle, row, method=method)
    assert found["decision"] in (AUTO, REVIEW)
    known = row[3].split()
    for lines in (found["lines"], *(each["lines"] for each in found["alternatives"])):
        have = spelled(lines)
        assert all(have.count(each) >= known.count(each) for each in known)
        assert {line["side"] for line in lines} == {"D", "C"}
    assert found["reason"].startswith(f"{known[0][0]} {known[0][1:]}")


def test_entries_without_known_lines_have_the_same_answers_beside_those_with(bundle, new_entries):
    rows = new_entries.to_pylist()
    alone = Predictor.for_entries(bundle, SETTINGS, new_entries, None)(new_entries)
    known = [row | {"entry_id": f"k{row['entry_id']}", "known_lines": made_up.lines("D10")} for row in rows]
    both = made_up.entries_table([each for pair in zip(rows, known, strict=True) for each in pair])
    found = Predictor.for_entries(bundle, SETTINGS, both, None)(both)
    assert found.take(np.arange(0, len(both), 2)).combine_chunks().equals(alone.combine_chunks())


def test_another_bank_account_takes_the_place_of_the_usual_one(bundle):
    (usual,) = answers(bundle, ("alder", 150, "office rent", None))
    assert spelled(usual["lines"]) == ["C1930", "D5010"]
    (found,) = answers(bundle, ("alder", 150, "office rent", "C2440"))
    assert spelled(found["lines"]) == ["C2440", "D5010"]
    (money_back,) = answers(bundle, ("alder", 150, "office rent", "D1930"))
    assert spelled(money_back["lines"]) == ["C5010", "D1930"]


def test_a_known_line_never_makes_an_answer_automatic(bundle, new_entries):
    rows = [row for row in new_entries.to_pylist() if row["entity"] in CODES]
    plain = made_up.entries_table(rows)
    before = Predictor.for_entries(bundle, SETTINGS, plain, None)(plain).to_pylist()
    with_line = made_up.entries_table(
        [
            row | {"known_lines": [made_up.lines(spelled(answer["lines"])[0])[0]]}
            for row, answer in zip(rows, before, strict=True)
        ]
    )
    after = Predictor.for_entries(bundle, SETTINGS, with_line, None)(with_line).to_pylist()
    assert all(b["decision"] == AUTO for b, a in zip(before, after, strict=True) if a["decision"] == AUTO)


def test_an_account_that_the_chart_lacks_gives_no_answer_and_the_reason(bundle):
    for method in METHODS:
        (found,) = answers(bundle, ("alder", 50, "office rent", "C1939"), method=method)
        assert found["decision"] == NO_ANSWER
        assert found["lines"] == []
        assert found["reason"].startswith("no lines with the known ones (C 1939)")
    (closed,) = answers(bundle, ("alder", 100, "paper shop", "D6110"))
    assert closed["decision"] == NO_ANSWER


def test_a_company_without_history_is_answered_by_the_decoder_with_the_line(bundle):
    (found,) = answers(bundle, ("cedar", 50, "anything", "C1"))
    assert "C1" in spelled(found["lines"])


def test_the_known_amount_is_the_total_where_the_line_is_alone_on_its_side(bundle):
    (found,) = answers(bundle, ("alder", 150, "office rent", "C1930:80.10"))
    assert {line["amount"] for line in found["lines"]} == {Decimal("80.10")}
    assert found["amount_confidence"] == 1


def test_known_amounts_are_kept_and_the_rest_adds_up_to_the_total(bundle):
    total = {"total": Decimal("125.00")}
    (found,) = answers(bundle, ("alder", 150, "supplier acme 3", "D2641:25.00", total))
    amounts = {f"{line['side']}{line['account']}": line["amount"] for line in found["lines"]}
    assert amounts["D2641"] == 25
    for side in "DC":
        assert sum(value for name, value in amounts.items() if name[0] == side) == 125
    (other,) = answers(bundle, ("alder", 150, "supplier acme 3", "D2641:125.00", total))
    assert [line["account"] for line in other["lines"] if line["side"] == "D"] == ["2641"]


# --- which sets agree -------------------------------------------------------------------------------------


def agree(known, amounts, total, *sets):
    """Whether each set agrees with known tokens and amounts, -1 where there are none."""
    width = max(map(len, sets))
    padded = np.array([[each + [-1] * (width - len(each)) for each in sets]])
    lines = KnownLines(np.array([known]), np.array([amounts]), np.array([total]))
    return lines.agree(padded)[0].tolist()


@pytest.mark.parametrize(
    ("known", "amounts", "total", "expected"),
    [
        ([3], [-1], -1, [True, False, True, True]),
        ([3, 3], [-1, -1], -1, [False, False, False, True]),
        ([3], [100], 100, [True, False, False, False]),  # nothing is left for another credit
        ([3], [60], 100, [False, False, True, True]),  # something is left for one
        ([2, 3], [100, 90], -1, [False, False, True, False]),
        ([2, 3], [90, 100], -1, [False, False, False, False]),
        ([-1, -1], [-1, -1], 100, [True, True, True, True]),
    ],
)
def test_sets_agree_that_have_the_lines_and_can_add_up(known, amounts, total, expected):
    assert agree(known, amounts, total, [2, 3], [2, 5], [2, 3, 5], [4, 3, 3]) == expected
