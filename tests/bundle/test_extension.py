"""A bundle that learns without training: what is new is used, and nothing else moves."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import made_up
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_bundle import rewrite

from jet.artifacts.artifact import ArtifactError
from jet.books.schema import ACCOUNTS, CHECKED, ENTRIES
from jet.bundle.additions import Addition, AdditionFacts
from jet.bundle.bundle import Bundle
from jet.bundle.extension import extended, with_addition, without_addition
from jet.bundle.saved import load_bundle
from jet.confidence.settings import METHODS
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings

LATER = 250
"""A day after all booked ones."""
STRANGE = {"a1": "pub", "b2": "zoo", "c3": "hay"}


@dataclass(frozen=True)
class WordVectors:
    """An encoder whose vectors are sums of random ones, one a word."""

    identity: str = "words@1"

    def encode(self, texts):
        vectors = np.zeros((len(texts), 8), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row] += np.random.default_rng(zlib.crc32(word.encode())).normal(size=8)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)


ENCODER = WordVectors()


@pytest.fixture(scope="module")
def bundle():
    """Of three companies, two of which follow the same standard, and a fourth without entries."""
    books = made_up.books(days=200, a_day=0.8, habits_of=made_up.FAMILY_HABITS)
    accounts = made_up.accounts_table(made_up.family_chart_rows())
    data = made_up.training_data(books, accounts, encoder=ENCODER)
    trainer = made_up.trainer(data)
    made_up.train(data, trainer, 6)
    made = made_up.assembled(data, trainer.network, ENCODER.identity)
    settings = replace(made_up.RANKER, epochs=20, candidates=24)
    return made_up.calibrated(data, replace(made, ranker=made_up.ranker(data, settings)))


def chart(entity, names):
    return made_up.accounts_table([made_up.account(entity, code, name) for code, name in names.items()])


def queries(*texts, entity, day=LATER):
    return made_up.entries_table(
        [made_up.entry(entity, f"q{number}", day, text) for number, text in enumerate(texts)]
    )


def reviewed(entity, entry_id, day, text, spelled):
    return made_up.entries_table([made_up.entry(entity, entry_id, day, text, spelled)])


def learn(bundle, accounts=None, entries=None):
    return extended(bundle, ACCOUNTS.empty_table() if accounts is None else accounts, ENCODER.encode, entries)


def predict(bundle, entries, **settings):
    return Predictor.for_entries(bundle, PredictSettings(**settings), entries, ENCODER)(entries)


def spelled(prediction):
    """The lines as words, debits first, then by account."""
    lines = sorted(prediction["lines"], key=lambda line: (line["side"] == "C", line["account"]))
    return " ".join(line["side"] + line["account"] for line in lines)


def answers(bundle, entries, **settings):
    return [spelled(row) for row in predict(bundle, entries, **settings).to_pylist()]


def of_all_companies(days=range(150, LATER, 2)):
    """Entries of every company of the bundle, and of one that it doesn't know."""
    entities = ["alder", "ash", "birch", "cedar", "nobody"]
    texts = ["office rent", "put by", "ticket 9", "customer invoice 3", "never seen before", "", "acme paid 7"]
    rows = [
        made_up.entry(
            entities[i % 5], f"n{i:03}", day, texts[i % 7], None, [None, "100.00", "250.00"][i % 3], "AB"[i % 2]
        )
        for i, day in enumerate(days)
    ]
    return made_up.entries_table(rows)


# --- nothing new -------------------------------------------------------------------------------------------


def test_where_nothing_is_new_it_is_the_same_bundle(bundle):
    assert learn(bundle) is bundle
    assert learn(bundle, bundle.corpus.catalog.accounts) is bundle
    assert learn(bundle, bundle.corpus.catalog.accounts.slice(3, 4), ENTRIES.empty_table()) is bundle


# --- new companies -----------------------------------------------------------------------------------------


def test_a_company_without_history_is_served_from_peers_with_the_same_standard_chart(bundle):
    grown = learn(bundle, chart("aspen", made_up.CHARTS["alder"]))
    entries = queries("supplier acme 3", "customer invoice 2", "acme paid 4", entity="aspen")
    found = predict(grown, entries).to_pylist()
    assert [spelled(row) for row in found] == ["D2641 D5010 C2440", "D1510 C2611 C3001", "D2440 C1930"]
    for row in found:
        assert row["evidence"]
        assert {each["entity"] for each in row["evidence"]} <= {"alder", "ash"}
        assert all(line["guess"] for line in row["lines"])
        assert "companies with the same standard chart" in row["reason"]
    assert predict(bundle, entries)["decision"].to_pylist() == ["none"] * 3


def test_a_company_without_history_and_peers_gets_valid_guesses(bundle):
    grown = learn(bundle, chart("elm", STRANGE))
    for method in METHODS:
        for row in predict(
            grown, queries("zoo visit", "office rent", "", entity="elm"), method=method
        ).to_pylist():
            assert {line["side"] for line in row["lines"]} == {"D", "C"}
            assert {line["account"] for line in row["lines"]} <= set(STRANGE)
            assert all(line["guess"] for line in row["lines"])
            assert row["evidence"] == []


def test_several_companies_can_come_one_after_another_or_together(bundle):
    elm, aspen = chart("elm", STRANGE), chart("aspen", made_up.STANDARD)
    together = learn(bundle, pa.concat_tables([elm, aspen]))
    in_turn = learn(learn(bundle, elm), aspen)
    entries = pa.concat_tables(
        [queries("office rent", "zoo", entity=name) for name in ("elm", "aspen", "alder")]
    )
    assert predict(in_turn, entries).equals(predict(together, entries))


# --- new accounts ------------------------------------------------------------------------------------------


def test_a_new_account_of_a_known_company_can_be_booked_to(bundle):
    grown = learn(
        bundle,
        chart("alder", {"4010": "zebra feed"}),
        reviewed("alder", "r1", 210, "zebra feed", "D4010 C1930"),
    )
    assert answers(grown, queries("zebra feed", entity="alder")) == ["D4010 C1930"]


def test_a_new_account_is_proposed_for_its_name_alone(bundle):
    grown = learn(bundle, chart("alder", {"4010": "zebra feed"}))
    predictor = Predictor.for_entries(grown, PredictSettings(), queries("zebra feed", entity="alder"), ENCODER)
    [(_, _, scored)] = predictor.batches(queries("zebra feed", entity="alder"))
    row = grown.corpus.catalog.rows(pa.array(["alder"]), pa.array(["4010"]))[0]
    assert (scored.candidates.tokens[0] // 2 == row).any()


def test_an_account_that_was_closed_since_is_not_answered(bundle):
    entries = queries("office rent", entity="alder")
    assert "1930" in answers(bundle, entries)[0]
    closed = made_up.accounts_table(
        [made_up.account("alder", "1930", "bank", closed=made_up.entry("", "", LATER - 1, "")["date"])]
    )
    [answer] = answers(learn(bundle, closed), entries)
    assert answer
    assert "1930" not in answer


# --- what must not move ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["aaa", "bee", "zzz"])  # before, among and behind the known ones
def test_an_unrelated_company_moves_no_prediction_of_the_others_by_a_bit(bundle, name, method):
    entries = of_all_companies()
    grown = learn(bundle, chart(name, STRANGE), reviewed(name, "r1", 190, "office rent", "Da1 Cb2"))
    assert predict(grown, entries, method=method).equals(predict(bundle, entries, method=method))


def test_a_company_with_the_same_chart_moves_none_as_long_as_it_has_no_entries(bundle):
    entries = of_all_companies()
    grown = learn(bundle, chart("aspen", made_up.STANDARD))
    assert predict(grown, entries).equals(predict(bundle, entries))


def test_the_bundle_itself_is_not_touched(bundle):
    before = bundle.fingerprint
    learn(bundle, chart("elm", STRANGE), reviewed("alder", "r1", 210, "zebra", "D7010 C1930"))
    again = Bundle(**{name: getattr(bundle, name) for name in Bundle.__dataclass_fields__})
    assert again.fingerprint == before


def test_predictions_name_the_bundle_that_was_trained(bundle):
    grown = learn(learn(bundle, chart("elm", STRANGE)), chart("fir", STRANGE))
    assert grown.fingerprint != bundle.fingerprint
    assert set(predict(grown, of_all_companies())["model"].to_pylist()) == {bundle.fingerprint}


# --- reviewed entries --------------------------------------------------------------------------------------


def test_a_review_is_followed_from_the_next_day_on(bundle):
    correction = reviewed("birch", "r1", 220, "zebra crossing", "D50 D60 C20")
    grown = learn(bundle, entries=correction)
    for day in (210, 220):
        before = queries("zebra crossing", entity="birch", day=day)
        assert predict(grown, before).equals(predict(bundle, before))
    for day in (221, LATER):
        after = queries("zebra crossing", entity="birch", day=day)
        [row] = predict(grown, after).to_pylist()
        assert spelled(row) == "D50 D60 C20"
        assert [each["entry_id"] for each in row["evidence"]] == ["r1"]
        assert spelled(predict(bundle, after).to_pylist()[0]) != "D50 D60 C20"


def test_a_corrected_entry_stands_in_place_of_the_wrong_one(bundle):
    wrong = reviewed("birch", "r1", 220, "zebra crossing", "D10 C20")
    right = reviewed("birch", "r1", 220, "zebra crossing", "D50 D60 C20")
    once, twice = learn(bundle, entries=wrong), learn(learn(bundle, entries=wrong), entries=right)
    assert len(once.corpus) == len(twice.corpus) == len(bundle.corpus) + 1
    later = queries("zebra crossing", entity="birch")
    assert answers(once, later) == ["D10 C20"]
    assert answers(twice, later) == ["D50 D60 C20"]
    assert predict(twice, later).equals(predict(learn(bundle, entries=right), later))


def test_the_same_entry_reviewed_twice_stays_once_and_the_last_review_counts(bundle):
    both = pa.concat_tables(
        [
            reviewed("birch", "r1", 220, "zebra crossing", "D10 C20"),
            reviewed("birch", "r1", 221, "zebra crossing", "D50 D60 C20"),
        ]
    )
    grown = learn(bundle, entries=both)
    assert grown.corpus.ids.to_pylist().count("r1") == 1
    assert answers(grown, queries("zebra crossing", entity="birch")) == ["D50 D60 C20"]
    assert learn(grown, entries=both).fingerprints["books"] == grown.fingerprints["books"]


def test_the_same_id_in_two_companies_is_two_entries(bundle):
    both = pa.concat_tables(
        [reviewed("birch", "r1", 220, "zebra", "D10 C20"), reviewed("alder", "r1", 220, "zebra", "D7010 C1930")]
    )
    assert len(learn(bundle, entries=both).corpus) == len(bundle.corpus) + 2


def test_books_stay_in_the_order_in_which_they_are_searched(bundle):
    early = reviewed("alder", "r1", -5, "zebra", "D7010 C1930")
    books = learn(bundle, chart("aaa", STRANGE), early).corpus
    columns = books.rows
    order = np.lexsort((np.array(books.ids.to_pylist()), columns.date, columns.entity))
    assert order.tolist() == list(range(len(columns)))


def test_a_new_company_learns_from_its_first_review(bundle):
    grown = learn(bundle, chart("elm", STRANGE), reviewed("elm", "r1", 220, "zoo visit", "Db2 Ca1"))
    [row] = predict(grown, queries("zoo visit", entity="elm")).to_pylist()
    assert spelled(row) == "Db2 Ca1"
    assert not any(line["guess"] for line in row["lines"])


@pytest.mark.parametrize("empty", [None, ""])
def test_a_reviewed_entry_without_lines_is_refused_by_name(bundle, empty):
    table = pa.concat_tables(
        [reviewed("alder", "r1", 210, "rent", "D5010 C1930"), reviewed("alder", "r2", 210, "rent", empty)]
    )
    with pytest.raises(ValueError, match="'r2' has no lines"):
        learn(bundle, entries=table)


def test_a_review_booked_to_an_account_that_no_chart_has_is_refused_by_name(bundle):
    with pytest.raises(ValueError, match="'r1' of alder is booked to '9999'"):
        learn(bundle, entries=reviewed("alder", "r1", 210, "rent", "D9999 C1930"))
    with pytest.raises(ValueError, match="'r1' of elm is booked to 'a1'"):
        learn(bundle, entries=reviewed("elm", "r1", 210, "rent", "Da1 Cb2"))


def test_a_grown_bundle_can_be_saved_and_is_the_same_when_loaded(bundle, tmp_path):
    grown = learn(bundle, chart("elm", STRANGE))
    loaded = load_bundle(made_up.save(grown, tmp_path / "model"))
    entries = pa.concat_tables([of_all_companies(), queries("zoo visit", entity="elm")])
    columns = [name for name in predict(grown, entries).column_names if name != "model"]
    assert predict(loaded, entries).select(columns).equals(predict(grown, entries).select(columns))


# --- what a review decides ---------------------------------------------------------------------------------

HABIT, OTHER = "D5010 C1930", "D7010 C1930"


def test_one_review_weighs_more_than_all_that_was_booked_before_under_the_text(bundle):
    question = queries("office rent", entity="alder")
    assert answers(bundle, question) == [HABIT]
    for method in METHODS:
        grown = learn(bundle, entries=reviewed("alder", "r1", 220, "office rent", OTHER))
        [row] = predict(grown, question, method=method).to_pylist()
        assert spelled(row) == OTHER
        assert row["reason"].startswith("as reviewed in entry 'r1' with this text; booked like 1 of 5 earlier")


def test_what_the_model_thinks_little_of_goes_to_review_all_the_same(bundle):
    question = queries("office rent", entity="alder")
    grown = learn(bundle, entries=reviewed("alder", "r1", 220, "office rent", OTHER))
    [before], [after] = (predict(one, question).to_pylist() for one in (bundle, grown))
    assert after["confidence"] < before["confidence"]
    assert after["decision"] == "review"


def test_where_reviews_of_a_text_differ_the_model_decides(bundle):
    both = [reviewed("alder", f"r{i}", 220 + i, "office rent", each) for i, each in enumerate((HABIT, OTHER))]
    grown = learn(bundle, entries=pa.concat_tables(both))
    [row] = predict(grown, queries("office rent", entity="alder")).to_pylist()
    assert "as reviewed" not in row["reason"]


def test_a_review_decides_for_its_company_and_its_text_alone(bundle):
    grown = learn(bundle, entries=reviewed("alder", "r1", 220, "office rent", OTHER))
    others = [("ash", "office rent"), ("alder", "customer invoice 3")]
    for entity, text in others:
        [row] = predict(grown, queries(text, entity=entity)).to_pylist()
        assert "as reviewed" not in row["reason"]


def test_a_review_with_an_account_that_is_closed_since_decides_nothing(bundle):
    closed = made_up.entry("", "", LATER - 1, "")["date"]
    accounts = made_up.accounts_table([made_up.account("alder", "7010", "salaries", closed=closed)])
    grown = learn(bundle, accounts, reviewed("alder", "r1", 220, "office rent", OTHER))
    [row] = predict(grown, queries("office rent", entity="alder")).to_pylist()
    assert spelled(row) == HABIT


# --- additions: learned, kept, undone ----------------------------------------------------------------------


def addition(number, entries, accounts=None):
    facts = AdditionFacts(number, "anna", "2026-01-31T12:00:00+00:00", len(entries))
    return Addition(
        facts, entries, ACCOUNTS.empty_table() if accounts is None else accounts, CHECKED.empty_table()
    )


@pytest.fixture(scope="module")
def additions():
    """Three: a text booked anew, the same entry corrected, and a company of its own."""
    return [
        addition(1, reviewed("birch", "r1", 220, "zebra crossing", "D10 C20")),
        addition(2, reviewed("birch", "r1", 220, "zebra crossing", "D50 D60 C20")),
        addition(3, reviewed("elm", "r1", 220, "zoo visit", "Db2 Ca1"), chart("elm", STRANGE)),
    ]


def extended_by(bundle, *additions):
    for each in additions:
        bundle = with_addition(bundle, each, ENCODER.encode)
    return bundle


def test_what_is_learned_is_followed_and_a_correction_replaces_it(bundle, additions):
    question = queries("zebra crossing", entity="birch")
    assert answers(extended_by(bundle, additions[0]), question) == ["D10 C20"]
    assert answers(extended_by(bundle, *additions[:2]), question) == ["D50 D60 C20"]
    assert answers(extended_by(bundle, additions[2]), queries("zoo visit", entity="elm")) == ["Db2 Ca1"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_addition_undone_leaves_the_bundle_as_if_it_had_never_been_learned(bundle, additions, number):
    found = without_addition(extended_by(bundle, *additions), number)
    expected = extended_by(bundle, *(each for each in additions if each.facts.number != number))
    assert found.fingerprint == expected.fingerprint
    assert found.corpus.store.fingerprint() == expected.corpus.store.fingerprint()
    assert [each.facts for each in found.additions] == [each.facts for each in expected.additions]


def test_with_all_additions_undone_it_is_the_bundle_that_was_trained(bundle, additions):
    assert without_addition(extended_by(bundle, additions[0]), 1) is bundle


def test_an_unknown_addition_is_refused_with_the_numbers_of_those_there_are(bundle, additions):
    with pytest.raises(ValueError, match="no addition 7: it has 1, 3"):
        without_addition(extended_by(bundle, additions[0], additions[2]), 7)
    with pytest.raises(ValueError, match="no addition 1: it has learned nothing"):
        without_addition(bundle, 1)


def test_an_addition_without_entries_is_refused(bundle):
    with pytest.raises(ValueError, match="no reviewed entries"):
        extended_by(bundle, addition(1, ENTRIES.empty_table(), chart("elm", STRANGE)))


def test_additions_are_saved_beside_what_was_trained_and_can_be_undone_after_loading(
    bundle, additions, tmp_path
):
    grown = extended_by(bundle, *additions)
    loaded = load_bundle(made_up.save(grown, tmp_path / "model"))
    assert loaded.fingerprint == grown.fingerprint
    assert loaded.origin.trained.fingerprint == bundle.fingerprint == loaded.identity
    assert [each.facts for each in loaded.additions] == [each.facts for each in additions]
    assert all(
        one.entries.equals(other.entries) for one, other in zip(loaded.additions, additions, strict=True)
    )
    entries = pa.concat_tables([of_all_companies(), queries("zoo visit", entity="elm")])
    assert predict(loaded, entries).equals(predict(grown, entries))
    back = load_bundle(made_up.save(without_addition(loaded, 2), tmp_path / "back"))
    assert back.fingerprint == extended_by(bundle, additions[0], additions[2]).fingerprint
    assert answers(back, queries("zebra crossing", entity="birch")) == ["D10 C20"]


def test_additions_that_were_changed_on_disk_are_refused(bundle, additions, tmp_path):
    path = Path(made_up.save(extended_by(bundle, additions[0]), tmp_path / "model"))
    stream = pa.BufferOutputStream()
    pq.write_table(additions[1].entries, stream)
    rewrite(path, "learned/0001/entries/part-0.parquet", stream.getvalue().to_pybytes())
    with pytest.raises(ArtifactError, match="the bundle's learned has the fingerprint"):
        load_bundle(str(path))
