"""Entries in, predictions out: a row for a row, whatever the company an entry is in."""

from __future__ import annotations

from dataclasses import replace

import made_up
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.schema import PREDICTIONS
from jet.books.split import CALIBRATION, TEST
from jet.prediction.calibration import Calibration
from jet.prediction.predictor import (
    Predictor,
    PredictSettings,
    _line_shares,
    build_blocks,
    extended_store,
    judge,
    without_lines,
)

SETTINGS = PredictSettings(batch_size=16)


@pytest.fixture(scope="module")
def predictor(bundle, new_entries):
    return Predictor.for_entries(bundle, SETTINGS, new_entries, None)


@pytest.fixture(scope="module")
def answers(predictor, new_entries):
    return predictor(new_entries)


def one(bundle, *entry, **named):
    entries = made_up.entries_table([made_up.entry(*entry, **named)])
    return Predictor.for_entries(bundle, SETTINGS, entries, None)(entries).to_pylist()[0]


def test_one_row_comes_out_for_every_row_in_in_order(answers, new_entries):
    assert answers.schema.equals(PREDICTIONS)
    assert answers["entry_id"].to_pylist() == new_entries["entry_id"].to_pylist()
    assert answers["entity"].to_pylist() == new_entries["entity"].to_pylist()
    assert {"nobody", "alder", "birch", "cedar"} == set(new_entries["entity"].to_pylist())


def test_no_entries_are_no_predictions(predictor, new_entries):
    assert predictor(new_entries.slice(0, 0)).num_rows == 0
    assert predictor(new_entries.slice(0, 0)).schema.equals(PREDICTIONS)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 60))
def test_a_prediction_does_not_depend_on_what_else_is_predicted_or_in_what_order(
    predictor, new_entries, answers, seed, count
):
    some = np.random.default_rng(seed).permutation(len(new_entries))[:count]
    assert predictor(new_entries.take(some)).equals(answers.take(some).combine_chunks())


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_another_batch_size_changes_no_more_than_last_bits(bundle, new_entries, answers, batch_size):
    # Kernels add up in an order that depends on the shape, and the batch size is part of that.
    settings = PredictSettings(batch_size=batch_size)
    found = Predictor.for_entries(bundle, settings, new_entries, None)(new_entries)
    for name in ("entity", "entry_id", "decision", "reason"):
        assert found[name].equals(answers[name])
    np.testing.assert_allclose(found["confidence"], answers["confidence"], rtol=1e-3, atol=1e-5)
    for row, other in zip(found.to_pylist(), answers.to_pylist(), strict=True):
        for line, same in zip(row["lines"], other["lines"], strict=True):
            assert (line["account"], line["side"]) == (same["account"], same["side"])
            assert line["probability"] == pytest.approx(same["probability"], rel=1e-4, abs=1e-6)


def test_repeated_entries_are_answered_alike(predictor, new_entries, answers):
    twice = pa.concat_tables([new_entries, new_entries.slice(0, 7), new_entries])
    found = predictor(twice)
    assert found.slice(0, 60).combine_chunks().equals(answers)
    assert found.slice(67, 60).combine_chunks().equals(answers)


def test_what_is_shared_on_a_cluster_changes_nothing(bundle, new_entries, answers, predictor):
    store = extended_store(bundle, new_entries["description"], None)
    vectors = predictor.vectors.copy()
    vectors.flags.writeable = False
    shared = Predictor(bundle, SETTINGS, store, vectors, build_blocks(bundle, store))
    assert shared(new_entries).equals(answers)


def test_the_texts_of_other_entries_in_the_store_change_nothing(bundle, new_entries, answers):
    more = pa.concat_tables(
        [made_up.entries_table([made_up.entry("birch", "x", 1, f"aaa {i}")]) for i in range(30)] + [new_entries]
    )
    store = extended_store(bundle, more["description"], None)
    assert Predictor(bundle, SETTINGS, store)(new_entries).equals(answers)


def test_an_entrys_own_lines_are_never_looked_at(data, bundle):
    predictor = Predictor(bundle, SETTINGS)
    booked = data.entries.take(data.rows(TEST))
    plain = predictor(booked)
    assert plain.equals(predictor(without_lines(booked)))
    other = booked.to_pylist()
    for row in other:
        row["lines"] = made_up.lines("D60 C60") if row["entity"] == "birch" else made_up.lines("D2611 C2611")
    assert plain.equals(predictor(made_up.entries_table(other)))
    for row in other:  # not even whether its accounts exist
        row["lines"] = made_up.lines("D9999 C9999")
    assert plain.equals(predictor(made_up.entries_table(other)))


def test_every_prediction_is_a_valid_entry_on_open_accounts_of_its_company(answers, new_entries, bundle):
    accounts = {(r["entity"], r["code"]): r for r in bundle.catalog.accounts.to_pylist()}
    checked = 0
    for row, entry in zip(answers.to_pylist(), new_entries.to_pylist(), strict=True):
        sets = [row["lines"], *(a["lines"] for a in row["alternatives"])]
        if row["decision"] == "none":
            assert sets == [[]]
            continue
        spelled = {tuple(sorted((line["account"], line["side"]) for line in lines)) for lines in sets}
        assert len(spelled) == len(sets)  # no alternative is a copy
        for lines in sets:
            assert {line["side"] for line in lines} == {"D", "C"}
            for line in lines:
                account = accounts[entry["entity"], line["account"]]
                assert line["name"] == account["name"]
                assert account["opened"] is None or account["opened"] <= entry["date"]
                assert account["closed"] is None or entry["date"] <= account["closed"]
                checked += 1
    assert checked > 100


def test_a_closed_account_is_never_predicted_and_before_it_closed_it_is(bundle):
    before = one(bundle, "alder", "n", 58, "paper shop")
    assert "6110" in {line["account"] for line in before["lines"]}
    after = one(bundle, "alder", "n", 61, "paper shop")
    assert after["decision"] != "none"
    everything = [after["lines"], *(a["lines"] for a in after["alternatives"])]
    assert "6110" not in {line["account"] for lines in everything for line in lines}


def test_an_account_that_opened_after_the_training_is_predicted(data, bundle):
    row = data.catalog.accounts["code"].to_pylist().index("6111")
    assert (bundle.weights["residual.weight"][row] == 0).all()
    found = one(bundle, "alder", "n", 215, "paper shop online")
    assert {line["account"] for line in found["lines"]} == {"6111", "1930"}


def test_an_unknown_company_gets_none_with_the_reason(bundle):
    found = one(bundle, "nobody", "n", 50, "rent")
    assert found["decision"] == "none"
    assert found["reason"] == "entity 'nobody' is not in the model's catalog: train with its books"
    assert found["lines"] == found["alternatives"] == found["evidence"] == []
    assert found["confidence"] == 0
    assert found["model"] == bundle.fingerprint


def test_a_company_without_an_open_account_gets_none_with_the_reason(small_entries):
    rows = made_up.chart_rows()
    for row in rows:
        if row["entity"] == "cedar":
            row["opened"] = made_up.OPENED_ON
    data = made_up.training_data(small_entries, made_up.accounts_table(rows))
    bundle = made_up.assembled(data, made_up.network(data))
    found = one(bundle, "cedar", "n", 50, "rent")
    assert found["decision"] == "none"
    assert found["reason"] == "no debit and credit account of the entity is open on this date"
    assert found["lines"] == found["alternatives"] == []
    assert found["confidence"] == 0
    assert one(bundle, "cedar", "n", 160, "rent")["decision"] == "review"


def test_an_entry_without_neighbors_is_predicted_all_the_same(bundle):
    for entry in [("cedar", "n", 50, "rent"), ("alder", "n", -9, "office rent"), ("birch", "n", -9, "")]:
        found = one(bundle, *entry)
        assert found["decision"] in ("auto", "review")
        assert {line["side"] for line in found["lines"]} == {"D", "C"}
        assert found["evidence"] == []


def test_text_that_is_new_or_empty_is_predicted(bundle):
    for text in ("", "  ", "ﬂügel 無 ☃", "word " * 500):
        found = one(bundle, "birch", "n", 100, text)
        assert found["lines"]
        assert len(found["alternatives"]) == 2


def test_probabilities_are_probabilities(answers):
    for row in answers.to_pylist():
        assert 0 <= row["confidence"] <= 1
        for line in [*row["lines"], *(line for a in row["alternatives"] for line in a["lines"])]:
            assert 0 < line["probability"] <= 1 + 1e-6
        given_ = [a["probability"] for a in row["alternatives"]]
        assert given_ == sorted(given_, reverse=True)
        assert sum(given_) <= 1


def test_the_likeliest_sets_probability_and_its_alternatives_are_at_most_one_together(predictor, new_entries):
    found = predictor.answers(new_entries)
    assert (found.probability.sum(axis=1) <= 1 + 1e-5).all()
    assert (np.diff(found.probability, axis=1) <= 0).all()


def test_a_line_has_the_share_of_the_mass_of_the_sets_that_have_it():
    tokens = np.array([[[2, 5, -1], [2, 7, -1], [4, 5, 5]]])
    probability = np.array([[0.4, 0.2, 0.2]])
    shares = _line_shares(tokens, probability)
    np.testing.assert_allclose(shares[0], [[0.75, 0.75, 0], [0.75, 0.25, 0], [0.25, 0.75, 0.75]], rtol=1e-6)


def test_decisions_follow_the_threshold(bundle, new_entries):
    figures_like = Calibration(
        bundle.calibration.weights,
        bundle.calibration.bias,
        np.linspace(0, 1, 400),
        np.linspace(0, 1, 400) > 0.4,
    )
    sure = bundle.with_calibration(figures_like)
    predictor = Predictor.for_entries(sure, SETTINGS, new_entries, None)
    assert 0.3 < predictor.threshold < 0.6
    decisions = set()
    for row in predictor(new_entries).to_pylist():
        decisions.add(row["decision"])
        if row["decision"] == "auto":
            assert row["confidence"] >= predictor.threshold - 1e-6
            assert row["reason"] is None
        elif row["decision"] == "review":
            assert row["confidence"] < predictor.threshold
            assert f"below {predictor.threshold:.3f}, where 95% are promised" in row["reason"]
    assert decisions == {"auto", "review", "none"}


def test_without_a_threshold_everything_is_for_review(bundle, new_entries):
    plain = bundle.with_calibration(Calibration.none())
    rows = Predictor.for_entries(plain, SETTINGS, new_entries, None)(new_entries).to_pylist()
    assert {row["decision"] for row in rows} == {"review", "none"}
    assert all("no confidence was high enough" in row["reason"] for row in rows if row["decision"] == "review")


def test_another_model_is_another_fingerprint(data, bundle, new_entries):
    other = made_up.assembled(data, made_up.network(data, seed=9))
    assert other.fingerprint != bundle.fingerprint
    assert bundle.with_calibration(Calibration.none()).fingerprint != bundle.fingerprint
    assert replace(bundle, encoder="x").fingerprint != bundle.fingerprint
    rows = Predictor.for_entries(other, SETTINGS, new_entries, None)(new_entries)
    assert set(rows["model"].to_pylist()) == {other.fingerprint}


def test_a_model_that_is_very_unsure_still_gives_its_answer(data):
    # A set whose probability is too small for a float is an answer all the same.
    network = made_up.network(data, seed=2, memory="none", l2_norm=False)
    with torch.no_grad():
        for side in network.head.sides:
            side.query.weight.zero_()
        network.head.sides[0].query.bias.fill_(0.0)
        network.head.sides[1].query.bias.fill_(-10.0)
        network.account_text.norm.weight.fill_(0.0)
        network.account_text.norm.bias.fill_(1.0)
        network.head.stop.bias.fill_(-150.0)
        network.residual.weight.zero_()
    bundle = made_up.assembled(data, network)
    found = one(bundle, "birch", "n", 100, "rent")
    assert found["decision"] == "review"
    assert {line["side"] for line in found["lines"]} == {"D", "C"}


def test_judging_says_whether_the_free_running_answer_is_exactly_what_was_booked(data, bundle):
    predictor = Predictor(bundle, SETTINGS)
    entries = data.entries.take(data.rows(CALIBRATION))
    figures, right = judge(predictor, entries)
    predicted = predictor(entries)
    for row, entry, is_right in zip(predicted.to_pylist(), entries.to_pylist(), right, strict=True):
        lines = [sorted((line["account"], line["side"]) for line in x["lines"]) for x in (row, entry)]
        assert (lines[0] == lines[1]) == is_right
    assert right.any()
    assert not right.all()
    assert np.isfinite(figures).all()
    np.testing.assert_allclose(predicted["confidence"].to_numpy(), bundle.calibration(figures), rtol=1e-6)


def test_an_entry_longer_than_can_be_written_is_never_judged_right(bundle):
    long = made_up.entry("birch", "long", 190, "wages", "D50 D50 D50 D50 D60 C10 C60")
    figures, right = judge(Predictor(bundle, SETTINGS), made_up.entries_table([long]))
    assert right.tolist() == [False]
    assert len(figures) == 1
