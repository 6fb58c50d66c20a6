"""Entries in, predictions out: a row for a row, whatever the company an entry is in."""

from __future__ import annotations

import pickle
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import made_up
import numpy as np
import pyarrow as pa
import pytest
import small_books
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.schema import PREDICTIONS
from jet.books.split import CALIBRATION, TEST
from jet.books.withheld import without_lines
from jet.confidence.calibration import CalibrationRows, Misfit
from jet.confidence.judgment import Judgment
from jet.confidence.promises import Calibrations
from jet.confidence.regimes import REGIMES
from jet.confidence.scores import confidence_features, distribution, weakest_line
from jet.confidence.settings import METHODS
from jet.prediction.outcomes import outcomes_of, padded_lines
from jet.prediction.predictor import Predictor, extended_store
from jet.prediction.scored import line_shares
from jet.prediction.settings import PredictSettings

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
    new_entries, answers = new_entries.slice(0, 24), answers.slice(0, 24)
    found = Predictor.for_entries(bundle, settings, new_entries, None)(new_entries)
    for name in ("entity", "entry_id", "decision", "reason", "evidence", "model"):
        assert found[name].equals(answers[name])
    np.testing.assert_allclose(found["confidence"], answers["confidence"], rtol=1e-3, atol=1e-5)
    for row, other in zip(found.to_pylist(), answers.to_pylist(), strict=True):
        for line, same in zip(row["lines"], other["lines"], strict=True):
            assert line.pop("probability") == pytest.approx(same.pop("probability"), rel=1e-4, abs=1e-6)
            assert line == same


@pytest.mark.parametrize("together", [1, 7])
def test_how_many_entries_are_scored_together_changes_nothing(
    predictor, new_entries, answers, monkeypatch, together
):
    monkeypatch.setattr("jet.prediction.predictor._TOGETHER", together)
    assert predictor(new_entries).equals(answers)


def test_repeated_entries_are_answered_alike(predictor, new_entries, answers):
    twice = pa.concat_tables([new_entries, new_entries.slice(0, 7), new_entries])
    found = predictor(twice)
    assert found.slice(0, 60).combine_chunks().equals(answers)
    assert found.slice(67, 60).combine_chunks().equals(answers)


def test_what_is_shared_on_a_cluster_changes_nothing(new_entries, answers, predictor):
    there = pickle.loads(pickle.dumps(predictor))
    there.bundle.text_vectors.flags.writeable = False
    assert there(new_entries).equals(answers)


def test_the_texts_of_other_entries_in_the_store_change_nothing(bundle, new_entries, answers):
    more = pa.concat_tables(
        [made_up.entries_table([made_up.entry("birch", "x", 1, f"aaa {i}")]) for i in range(30)] + [new_entries]
    )
    store = extended_store(bundle, more["description"], None)
    assert Predictor(bundle, SETTINGS).with_store(store)(new_entries).equals(answers)


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
    accounts = {(r["entity"], r["code"]): r for r in bundle.corpus.catalog.accounts.to_pylist()}
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
    row = data.corpus.catalog.accounts["code"].to_pylist().index("6111")
    assert (bundle.weights["residual.weight"][row] == 0).all()
    found = one(bundle, "alder", "n", 215, "paper shop online")
    assert {line["account"] for line in found["lines"]} == {"6111", "1930"}


def test_an_unknown_company_gets_none_with_the_reason(bundle):
    found = one(bundle, "nobody", "n", 50, "rent")
    assert found["decision"] == "none"
    assert found["reason"].startswith("entity 'nobody' is not in the model's catalog: ")
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
    shares = line_shares(tokens[:, :2], tokens, probability)
    np.testing.assert_allclose(shares[0], [[0.75, 0.75, 0], [0.75, 0.25, 0]], rtol=1e-6)


def calibrated_on(bundle, confidence, right, entity, misfits=None):
    """The bundle, its confidence as it was, its thresholds in all regimes from these rows."""
    rows = CalibrationRows.independent(entity, right)
    regimes = Calibrations(
        tuple(
            replace(each, confidence=np.asarray(confidence, float), rows=rows, misfits=misfits or {})
            for each in bundle.judgment.calibrations
        )
    )
    return replace(bundle, judgment=replace(bundle.judgment, calibrations=regimes))


def test_decisions_follow_the_threshold(bundle, new_entries):
    ladder = np.linspace(0, 1, 400)
    sure = calibrated_on(bundle, ladder, ladder > 0.4, ["somebody"] * 400)
    threshold = sure.judgment.calibrations.thresholds(0.95)[0].pooled
    assert 0.3 < threshold < 0.6
    decisions = set()
    for row in Predictor.for_entries(sure, SETTINGS, new_entries, None)(new_entries).to_pylist():
        decisions.add(row["decision"])
        if row["decision"] == "auto":
            assert row["confidence"] >= threshold - 1e-6
            assert "review" not in row["reason"]
        elif row["decision"] == "review":
            assert row["held"] or row["confidence"] < threshold
            assert "; to review: " in row["reason"]
            wanted = f"95% are promised from a confidence of {threshold:.3f} on ({row['regime']})"
            assert row["reason"].endswith(wanted) == (row["confidence"] < threshold)
    assert decisions == {"auto", "review", "none"}


def test_a_company_that_kept_less_is_held_to_a_higher_threshold_of_its_own_and_no_other_is(bundle, new_entries):
    owners = ["birch"] * 1000 + ["alder"] * 40
    confidence = np.r_[np.full(1000, 1e-9), np.full(20, 0.8), np.full(20, 0.99)]
    sure = calibrated_on(bundle, confidence, np.r_[np.ones(1000), np.zeros(20), np.ones(20)] > 0, owners)
    assert sure.judgment.calibrations.thresholds(0.95)[0].pooled == 1e-9
    rows = Predictor.for_entries(sure, SETTINGS, new_entries, None)(new_entries).to_pylist()
    assert {row["decision"] for row in rows if row["entity"] == "birch" and not row["held"]} == {"auto"}
    of_alder = [row for row in rows if row["entity"] == "alder" and not row["held"]]
    assert {row["decision"] for row in of_alder} == {"auto", "review"}
    for row in of_alder:
        assert (row["decision"] == "review") == (row["confidence"] <= 0.8)
        assert ("this company's own threshold" in row["reason"]) == (row["decision"] == "review")


def test_a_company_that_kept_the_promise_at_no_confidence_is_for_review(bundle, new_entries):
    owners = ["birch"] * 1000 + ["alder"] * 20
    sure = calibrated_on(bundle, np.full(1020, 1e-9), np.arange(1020) < 1000, owners)
    rows = Predictor.for_entries(sure, SETTINGS, new_entries, None)(new_entries).to_pylist()
    of_alder = [row for row in rows if row["entity"] == "alder"]
    assert {row["decision"] for row in of_alder} == {"review"}
    assert any("kept less than 95% at any confidence in the calibration" in row["reason"] for row in of_alder)


def test_a_company_whose_confidence_misfits_is_for_review_with_its_figures_and_no_other_is(bundle, new_entries):
    misfits = {"alder": Misfit(rows=40, right=10, expected=36.2)}
    sure = calibrated_on(bundle, np.full(200, 1e-9), np.ones(200, bool), ["birch"] * 200, misfits)
    rows = Predictor.for_entries(sure, SETTINGS, new_entries, None)(new_entries).to_pylist()
    assert {row["decision"] for row in rows if row["entity"] == "birch" and not row["held"]} == {"auto"}
    for row in rows:
        if row["entity"] == "alder":
            assert (row["decision"], row["held"]) == ("review", True)
            assert (
                f"this company is taken out of the promise ({row['regime']}): of its 40 sure answers in the "
                "calibration 10 were right, and 36.2 should have been"
            ) in row["reason"]


def test_a_stricter_promise_never_automates_more(bundle, new_entries):
    ladder = np.linspace(0, 1, 400)
    sure = calibrated_on(bundle, ladder, np.random.default_rng(0).random(400) < ladder**0.2, ["somebody"] * 400)
    automated = []
    for promise in (0.5, 0.8, 0.9, 0.95, 0.99):
        settings = replace(SETTINGS, promise=promise)
        found = Predictor.for_entries(sure, settings, new_entries, None)(new_entries)
        automated.append({row["entry_id"] for row in found.to_pylist() if row["decision"] == "auto"})
    assert automated[0] > automated[-1]
    assert all(stricter <= laxer for laxer, stricter in pairwise(automated))


def test_without_a_threshold_everything_is_for_review(bundle, new_entries):
    plain = replace(bundle, judgment=Judgment.unfitted())
    rows = Predictor.for_entries(plain, SETTINGS, new_entries, None)(new_entries).to_pylist()
    assert {row["decision"] for row in rows} == {"review", "none"}
    assert all("no confidence was high enough" in row["reason"] for row in rows if row["decision"] == "review")


@pytest.mark.parametrize("method", METHODS)
def test_each_method_answers_with_a_confidence_of_its_own(bundle, new_entries, method):
    settings = replace(SETTINGS, method=method)
    predictor = Predictor.for_entries(bundle, settings, new_entries, None)
    rows = predictor(new_entries)
    answers = predictor.answers(new_entries)
    expected = np.zeros(len(new_entries))
    for number, calibration in enumerate(bundle.judgment.of_method(method).calibrations):
        mine = np.array(rows["regime"].to_pylist()) == REGIMES[number]
        expected[mine] = calibration(answers.features[mine])
    expected = np.where(answers.answered, np.minimum(expected, answers.weakest_line), 0)
    np.testing.assert_allclose(rows["confidence"].to_numpy(), expected, rtol=1e-6)
    assert all(row["lines"] for row in rows.to_pylist() if row["decision"] != "none")


def with_history(answers):
    """The rows of the entries whose company had booked something before them."""
    return np.flatnonzero(answers["history"].to_numpy() > 0)


def test_where_the_company_has_booked_entries_the_network_is_never_touched(
    bundle, new_entries, answers, monkeypatch
):
    predictor = Predictor.for_entries(bundle, SETTINGS, new_entries, None)
    monkeypatch.setattr(Predictor, "network", None)
    monkeypatch.setattr(Predictor, "_tables", None)
    rows = with_history(answers)
    assert predictor(new_entries.take(rows)).equals(answers.take(rows).combine_chunks())


def test_the_decoder_is_asked_where_the_company_has_booked_nothing_and_nowhere_else(
    bundle, new_entries, answers, monkeypatch
):
    asked = []
    decode = Predictor._decoder

    def seen(self, columns, rows, *others):
        asked.extend(rows.tolist())
        return decode(self, columns, rows, *others)

    monkeypatch.setattr(Predictor, "_decoder", seen)
    predictor = Predictor.for_entries(bundle, SETTINGS, new_entries, None)
    assert predictor(new_entries).equals(answers)
    known = np.array(new_entries["entity"].to_pylist()) != "nobody"
    lacking = np.flatnonzero(known & (answers["history"].to_numpy() == 0))
    assert set(asked) == set(lacking.tolist())
    assert 5 < len(lacking) < known.sum() - 20
    asked.clear()
    never = Predictor(predictor.bundle, SETTINGS, decoder=False).with_store(predictor.statistics.corpus.store)
    rows = with_history(answers)
    assert never(new_entries).take(rows).equals(answers.take(rows))
    assert not asked


def test_beside_entries_of_companies_without_history_the_confidence_is_the_same_to_the_bit(
    predictor, new_entries, answers
):
    rows = with_history(answers)
    lacking = np.setdiff1d(np.arange(len(new_entries)), rows)
    alone = predictor.answers(new_entries.take(rows))
    mixed = np.random.default_rng(1).permutation(np.concatenate([rows, lacking, lacking]))
    together = predictor.answers(new_entries.take(mixed))
    place = [int(np.flatnonzero(mixed == row)[0]) for row in rows.tolist()]
    for name in ("tokens", "probability", "none", "features", "line_share"):
        assert getattr(alone, name).tobytes() == getattr(together, name)[place].tobytes(), name


def test_the_decoder_alone_promises_nothing(bundle, new_entries):
    sure = calibrated_on(bundle, np.full(200, 1e-9), np.ones(200, bool), ["birch"] * 200)
    predict = Predictor.for_entries(sure, replace(SETTINGS, method="decoder"), new_entries, None)
    assert set(predict(new_entries)["decision"].to_pylist()) == {"review", "none"}


def test_another_model_is_another_fingerprint(data, bundle, new_entries):
    other = made_up.assembled(data, made_up.network(data, seed=9))
    assert other.fingerprint != bundle.fingerprint
    assert replace(bundle, judgment=Judgment.unfitted()).fingerprint != bundle.fingerprint
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


def test_outcomes_say_which_candidate_is_exactly_what_was_booked(data, bundle):
    predictor = Predictor(bundle, SETTINGS)
    entries = data.entries.take(data.rows(CALIBRATION))
    outcomes = outcomes_of(predictor, entries)
    probability = distribution(outcomes.scores, "ranker")
    best = np.where(outcomes.scores.exists, probability[:, :-1], -1).argmax(axis=1)
    predicted = predictor(entries)
    for row, entry, is_right in zip(
        predicted.to_pylist(), entries.to_pylist(), best == outcomes.right, strict=True
    ):
        lines = [sorted((line["account"], line["side"]) for line in x["lines"]) for x in (row, entry)]
        assert (lines[0] == lines[1]) == is_right
    assert (best == outcomes.right).any()
    assert not (best == outcomes.right).all()
    record = bundle.judgment.records.figures(entries["entity"].to_pylist())
    features = confidence_features(outcomes.scores, probability, record=record)
    confidence = np.zeros(len(entries))
    for number, calibration in enumerate(bundle.judgment.calibrations):
        mine = np.array(predicted["regime"].to_pylist()) == REGIMES[number]
        confidence[mine] = calibration(features[mine])
    confidence = np.minimum(confidence, weakest_line(outcomes.scores, probability, best))
    least = [min(line["probability"] for line in row["lines"]) for row in predicted.to_pylist()]
    np.testing.assert_allclose(weakest_line(outcomes.scores, probability, best), least, rtol=1e-5)
    assert np.array_equal(outcomes.history, predicted["history"].to_numpy())
    np.testing.assert_allclose(predicted["confidence"].to_numpy(), confidence, rtol=1e-6)


def test_an_entry_longer_than_can_be_written_is_never_right(bundle):
    long = made_up.entry("birch", "long", 190, "wages", "D50 D50 D50 D50 D60 C10 C60")
    outcomes = outcomes_of(Predictor(bundle, SETTINGS), made_up.entries_table([long]))
    assert outcomes.right.tolist() == [outcomes.scores.exists.shape[1]]
    assert not outcomes.amounts_guessed.any()


def test_entries_that_nothing_can_be_said_of_have_outcomes_too(data, bundle):
    rows = data.entries.slice(0, 3).to_pylist()
    outcomes = outcomes_of(Predictor(bundle, SETTINGS), made_up.entries_table(rows))
    assert len(outcomes.right) == 3
    none = outcomes_of(Predictor(bundle, SETTINGS), data.entries.slice(0, 0))
    assert len(none.right) == len(none.amounts_right) == 0


def test_outcomes_say_whether_the_amounts_of_the_true_set_would_have_been_right(fixed, fixed_bundle):
    outcomes = outcomes_of(Predictor(fixed_bundle, SETTINGS), fixed.entries)
    lines = fixed.corpus.rows.lengths
    known = ~np.isnan(fixed.corpus.rows.total)
    single = known & (lines == 2)  # here: one line a side
    assert single.any()
    assert outcomes.amounts_right[single].all()
    assert not outcomes.amounts_guessed[single].any()
    assert outcomes.amounts_guessed.any()


def test_lines_are_padded_and_those_of_longer_entries_left_out(data):
    tokens, amounts = padded_lines(data.corpus.rows, 3)
    lengths = data.corpus.rows.lengths
    assert tokens.shape == amounts.shape == (len(lengths), 3)
    assert (lengths > 3).any()
    assert (tokens[lengths > 3] == -1).all()
    for row in np.flatnonzero(lengths <= 3):
        start = data.corpus.rows.offsets[row]
        assert (
            tokens[row, : lengths[row]].tolist()
            == data.corpus.rows.tokens[start : start + lengths[row]].tolist()
        )
        assert (tokens[row, lengths[row] :] == -1).all()
    assert np.isnan(amounts[tokens < 0]).all()


# --- amounts -----------------------------------------------------------------------------------------------


def sums(lines):
    return [sum(line["amount"] for line in lines if line["side"] == side) for side in "DC"]


@settings(max_examples=15, deadline=None)
@given(
    booked=small_books.entries(0, 40, most=25, least=1),
    totals=st.lists(st.one_of(st.none(), st.decimals(0, 10**9, places=2)), min_size=1, max_size=8),
)
def test_debits_equal_credits_equal_the_total_to_the_last_decimal(fixed_bundle, booked, totals):
    bundle = small_books.with_books(fixed_bundle, small_books.table(booked, "e"))
    rows = [
        made_up.entry(small_books.ENTITIES[i % 3], f"{i}", 41, small_books.TEXTS[i % 7], None, total)
        for i, total in enumerate(totals)
    ]
    found = Predictor(bundle, PredictSettings(batch_size=8, beams=3))(made_up.entries_table(rows)).to_pylist()
    for row, total in zip(found, totals, strict=True):
        assert row["lines"]
        if total is None:
            assert {line["amount"] for line in row["lines"]} == {None}
            assert row["amount_confidence"] is None
        else:
            assert sums(row["lines"]) == [total, total]
            assert min(line["amount"] for line in row["lines"]) >= 0
            assert 0 <= row["amount_confidence"] <= 1
        for alternative in row["alternatives"]:
            assert {line["amount"] for line in alternative["lines"]} == {None}


def test_a_total_of_more_than_floats_can_hold_stays_exact(fixed_bundle):
    total = Decimal("1234567890123.45")
    entries = made_up.entries_table([made_up.entry("ash", "n", 30, "office rent", None, total)])
    (row,) = Predictor(fixed_bundle, SETTINGS)(entries).to_pylist()
    assert sums(row["lines"]) == [total, total]


@pytest.mark.parametrize("total", ["-5.00", "1.005", "99999999999999.00"])
def test_a_total_that_hundredths_can_not_say_gives_no_amounts(fixed_bundle, total):
    entries = made_up.entries_table([made_up.entry("ash", "n", 30, "office rent", None, total)])
    (row,) = Predictor(fixed_bundle, SETTINGS)(entries).to_pylist()
    assert {line["amount"] for line in row["lines"]} == {None}
    assert row["amount_confidence"] is None


def test_a_tax_is_split_off_as_in_the_books(fixed_bundle):
    spelled = "D2641:20.00 D5010:80.00 C2440:100.00"
    booked = [made_up.entry("ash", f"{day}", day, "office rent", spelled, "100.00") for day in range(5)]
    bundle = small_books.with_books(fixed_bundle, made_up.entries_table(booked))
    entries = made_up.entries_table([made_up.entry("ash", "n", 30, "office rent", None, "250.00")])
    (row,) = Predictor(bundle, SETTINGS)(entries).to_pylist()
    assert {line["side"] + line["account"]: line["amount"] for line in row["lines"]} == {
        "D2641": 50,
        "D5010": 200,
        "C2440": 250,
    }


def test_an_amount_in_another_currency_is_no_evidence(fixed_bundle):
    spelled = "D2641:20.00 D5010:80.00 C2440:100.00"
    found = {}
    for currency in ("SEK", "EUR"):
        booked = [
            made_up.entry("ash", f"{day}", day, "office rent", spelled, "100.00", currency=currency)
            for day in range(5)
        ]
        bundle = small_books.with_books(fixed_bundle, made_up.entries_table(booked))
        entries = made_up.entries_table([made_up.entry("ash", "n", 30, "office rent", None, "250.00")])
        (row,) = Predictor(bundle, SETTINGS)(entries).to_pylist()
        found[currency] = {line["side"] + line["account"]: line["amount"] for line in row["lines"]}
    assert found["SEK"] == {"D2641": 50, "D5010": 200, "C2440": 250}
    assert found["EUR"] == {"D2641": 125, "D5010": 125, "C2440": 250}


# --- company -----------------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(booked=small_books.entries(0, 40, most=25, least=1), queries=small_books.entries(0, 45, most=6, least=2))
def test_an_entry_gets_the_same_row_alone_as_among_others(fixed_bundle, booked, queries):
    bundle = small_books.with_books(fixed_bundle, small_books.table(booked, "e"))
    predictor = Predictor(bundle, PredictSettings(batch_size=8, beams=3))
    entries = small_books.table(queries, "q", with_lines=False)
    together = predictor(entries)
    for place in range(len(queries)):
        assert predictor(entries.slice(place, 1)).equals(together.slice(place, 1))
