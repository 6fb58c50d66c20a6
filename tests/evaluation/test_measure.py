"""All figures of a bundle, measured in one process."""

from __future__ import annotations

import json
from dataclasses import replace

import made_up
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from jet.books.sorting import sort_entries
from jet.books.split import TEST, SplitSettings
from jet.confidence.regimes import REGIMES
from jet.confidence.settings import DriftSettings
from jet.evaluation.baselines import Materials
from jet.evaluation.companies import company_states
from jet.evaluation.exam import Exam
from jet.evaluation.executor import InProcess
from jet.evaluation.figures import figures_table
from jet.evaluation.measure import WITHOUT_TEST, measure
from jet.evaluation.scored import score_predictions
from jet.evaluation.settings import EvaluateSettings, ExamSettings
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings
from jet.retrieval.neighbors import find_neighbors
from jet.retrieval.retriever import Retriever
from jet.training.data import hits_of

ACCOUNTS = made_up.accounts_table(made_up.family_chart_rows())
BASELINES = ("majority", "last_same_text")
SETTINGS = ExamSettings(
    split=made_up.SPLIT,
    predict=PredictSettings(promise=0.5),
    drift=DriftSettings(),
    evaluate=EvaluateSettings(baselines=",".join(BASELINES), curve_rows=20),
)
ALONE = replace(SETTINGS, evaluate=EvaluateSettings(baselines="none", parts=False, regimes=False, curve_rows=0))


@pytest.fixture(scope="module")
def data():
    return made_up.family_data(days=150)


@pytest.fixture(scope="module")
def bundle(data):
    trainer = made_up.trainer(data)
    made_up.train(data, trainer, 4)
    return made_up.calibrated(data, made_up.assembled(data, trainer.network))


@pytest.fixture(scope="module")
def evaluation(data, bundle):
    return measure(Exam(data.entries, ACCOUNTS, bundle, SETTINGS), InProcess())


def right(predictions, data):
    """The share of the test entries that `predictions` has every line right of."""
    test = data.entries.take(pa.array(data.rows(TEST)))
    return score_predictions(test, predictions).counts["exact"].mean()


def autos(predictions):
    """How many of the predictions may be booked without review."""
    return predictions["decision"].to_pylist().count("auto")


def test_neighbors_that_are_given_are_those_that_would_be_found(data, bundle):
    unbooked = [
        {**row, "entry_id": row["entry_id"] + "~", "lines": None} for row in data.entries.to_pylist()[::9]
    ]
    entries = pa.concat_tables([pa.Table.from_pylist(unbooked, schema=data.entries.schema), data.entries])
    found = find_neighbors(sort_entries(entries), Retriever.of(data.corpus, data.retrieval))
    given = Exam(
        entries, ACCOUNTS, bundle, SETTINGS, hits=lambda: hits_of(found, sort_entries(entries), data.retrieval)
    ).training_data
    anew = Exam(entries, ACCOUNTS, bundle, SETTINGS).training_data
    assert given.entries.equals(anew.entries)
    assert np.array_equal(given.hits.row, anew.hits.row)
    assert np.array_equal(given.hits.similarity, anew.hits.similarity)


def test_the_model_s_figures_are_those_of_its_predictions_of_the_test_entries(data, bundle, evaluation):
    test = data.entries.take(pa.array(data.rows(TEST)))
    overall = evaluation.metrics["test"]["model"]["overall"]
    assert overall["n"] == evaluation.metrics["facts"]["entries"]["test"] == len(test)
    predictions = Predictor(bundle.for_report(), SETTINGS.predict)(test)
    assert overall["entry_exact_match"] == right(predictions, data)
    assert overall["automation"]["0.5"]["n_auto"] == autos(predictions) > 0


@pytest.mark.parametrize("regime", REGIMES[1:])
def test_figures_of_a_regime_are_those_of_entries_that_are_asked_in_it(data, bundle, evaluation, regime):
    """As a batch, of a memory without the test entries; without totals, of entries whose totals are null."""
    asked, memory = data.entries.take(pa.array(data.rows(TEST))), bundle.for_report()
    if "batch" in regime:
        memory = memory.with_rows(np.flatnonzero(data.split != TEST))
    if "no total" in regime:
        rows = [row | {"total": None} for row in asked.to_pylist()]
        asked = pa.Table.from_pylist(rows, schema=asked.schema)
    predictions = Predictor(memory, SETTINGS.predict)(asked)
    overall = evaluation.metrics["regimes"][regime]["overall"]
    assert overall["n"] == len(asked)
    assert overall["entry_exact_match"] == right(predictions, data)
    assert overall["automation"]["0.5"]["n_auto"] == autos(predictions)


def test_the_regimes_differ(evaluation):
    figures = [evaluation.metrics["test"]["model"], *evaluation.metrics["regimes"].values()]
    assert len({json.dumps(each["overall"]) for each in figures}) == len(REGIMES)


def test_every_company_of_the_test_has_its_state_in_the_calibration_that_the_figures_are_of(bundle, evaluation):
    companies, report = evaluation.metrics["companies"], bundle.for_report().judgment
    assert set(companies) == set(evaluation.metrics["test"]["model"]["by_entity"])
    assert companies == company_states(report, [0.5, 0.95, 0.99], companies)
    assert companies != company_states(bundle.judgment, [0.5, 0.95, 0.99], companies)


def test_what_was_calibrated_on_the_test_entries_does_not_judge_them(data, bundle, evaluation):
    exam = Exam(data.entries, ACCOUNTS, bundle, SETTINGS)
    assert exam.bundle.judgment is bundle.judgment.without_test
    assert evaluation.metrics["facts"]["confidence"] == WITHOUT_TEST


def test_a_bundle_that_does_not_know_the_test_entries_judges_them_as_it_is(data, bundle):
    before = bundle.with_rows(np.flatnonzero(data.split != TEST))
    alone = measure(Exam(data.entries, ACCOUNTS, before, ALONE), InProcess()).metrics
    assert "confidence" not in alone["facts"]
    promises = [0.5, 0.95, 0.99]
    assert alone["companies"] == company_states(bundle.judgment, promises, alone["companies"])


def test_the_table_has_rows_of_each_regime(evaluation):
    table = figures_table(evaluation.metrics, 0.5)
    methods = table["method"].unique().to_pylist()
    assert methods == ["jet", *(f"jet: {name}" for name in REGIMES[1:]), "decoder", *BASELINES]
    [batch] = table.filter((pc.field("method") == "jet: batch") & (pc.field("entity") == "")).to_pylist()
    overall = evaluation.metrics["regimes"]["batch"]["overall"]
    assert batch["entry_exact_match"] == overall["entry_exact_match"]
    assert batch["automated"] == overall["automation"]["0.5"]["coverage"]


def test_drift_of_the_test_entries_warns_and_holds_back_where_the_settings_say_so(data, bundle):
    rows = data.entries.to_pylist()
    for row in data.rows(TEST)[::2].tolist():
        rows[row]["description"] = f"unheard {'x' * row}"
    entries = pa.Table.from_pylist(rows, schema=data.entries.schema)
    found = []
    for hold in (False, True):
        exam = Exam(entries, ACCOUNTS, bundle, replace(ALONE, drift=DriftSettings(least=10**6, hold=hold)))
        found.append(measure(exam, InProcess()).metrics)
    warned, held = found
    assert warned["drift"]["found"] == held["drift"]["found"] > 0
    assert (warned["drift"]["hold"], warned["drift"]["held_back"]) == (False, 0)
    automated = warned["test"]["model"]["overall"]["automation"]["0.5"]["n_auto"]
    assert (held["drift"]["hold"], held["drift"]["held_back"]) == (True, automated)
    assert automated > 0


def test_all_that_is_asked_for_is_measured_and_json_can_hold_it(evaluation):
    metrics = json.loads(json.dumps(evaluation.metrics, allow_nan=False))
    assert set(metrics["test"]["baselines"]) == set(metrics["costs"]) == {"majority", "last_same_text"}
    assert set(metrics["comparison"]) == {"majority", "last_same_text"}
    assert set(metrics["test"]["methods"]) == {"decoder"}
    assert {"retrieval", "learning_curve", "learning_curve_note", "amounts", "drift"} <= set(metrics)
    assert [point["history"] for point in metrics["learning_curve"]] == [0, 10, 50, 150, 500]
    assert all(point["n"] == 20 for point in metrics["learning_curve"])


def test_every_row_says_what_each_method_made_of_its_entry(evaluation):
    test, rows = evaluation.metrics["test"], evaluation.rows.to_pylist()
    assert len(rows) == evaluation.metrics["facts"]["entries"]["test"]
    for name, method in {"ranker": test["model"], **test["methods"], **test["baselines"]}.items():
        right = [row[f"{name}_right"] for row in rows]
        assert right == [row[f"{name}_answer"] == row["true"] for row in rows]
        assert np.mean(right) == method["overall"]["entry_exact_match"]


def test_examples_stand_beside_the_truth_with_the_names_of_their_accounts(evaluation):
    by_id = {(row["entity"], row["entry_id"]): row for row in evaluation.rows.to_pylist()}
    assert len(evaluation.examples) == 20
    assert {example["right"] for example in evaluation.examples} == {True, False}
    assert sum(example["right"] for example in evaluation.examples) <= sum(
        row["ranker_right"] for row in by_id.values()
    )
    names = {(row["entity"], row["code"]): row["name"] for row in ACCOUNTS.to_pylist()}
    for example in evaluation.examples:
        for line in (*example["predicted"], *example["true"]):
            assert line["name"] == names[example["entity"], line["account"]]


def test_what_is_not_asked_for_is_not_measured(data, bundle, evaluation):
    alone = measure(Exam(data.entries, ACCOUNTS, bundle, ALONE), InProcess())
    assert alone.metrics["test"]["model"] == evaluation.metrics["test"]["model"]
    assert set(alone.metrics["test"]) == {"model", "baselines"}
    assert not {"regimes", "learning_curve", "learning_curve_note", "costs", "comparison"} & set(alone.metrics)
    assert alone.curve_rows is None


def test_entries_may_come_in_any_order_and_those_without_lines_are_left_out(data, bundle):
    in_order = measure(Exam(data.entries, ACCOUNTS, bundle, ALONE), InProcess())
    order = np.random.default_rng(0).permutation(len(data.entries))
    unbooked = made_up.entries_table([made_up.entry("birch", "later", 400, "rent")])
    mixed = pa.concat_tables([unbooked, data.entries.take(pa.array(order))])
    again = measure(Exam(mixed, ACCOUNTS, bundle, ALONE), InProcess())
    assert again.metrics == in_order.metrics
    assert again.rows.equals(in_order.rows)


def test_a_baseline_that_cannot_be_made_is_refused_before_any_runs(data):
    unreadable = data.entries.select([])  # whatever runs on it fails otherwise
    with pytest.raises(ValueError, match="needs a text store"):
        InProcess().run_baselines(["majority", "nearest_tfidf"], unreadable, data.split, Materials())


def test_a_split_that_leaves_nothing_to_test_on_is_refused(data, bundle):
    nothing = replace(SETTINGS, split=SplitSettings(train=0.7, calibration=0.3))
    with pytest.raises(ValueError, match=f"no entries to test on, of {len(data.entries)} booked ones"):
        Exam(data.entries, ACCOUNTS, bundle, nothing)


def test_the_surest_mistakes_are_wrong_rows_of_the_table_and_accounts_are_told_apart(evaluation):
    rows = {
        (row["date"].isoformat(), row["entity"], row["description"]): row for row in evaluation.rows.to_pylist()
    }
    confidences = [mistake["confidence"] for mistake in evaluation.mistakes]
    assert confidences == sorted(confidences, reverse=True)
    for mistake in evaluation.mistakes:
        row = rows[mistake["date"], mistake["entity"], mistake["description"]]
        assert (mistake["right"], bool(mistake["predicted"])) == (False, True)
        assert row["ranker_confidence"] <= confidences[0]
    accounts = evaluation.metrics["confusion"]["accounts"]
    assert sum(row["asked"] for row in accounts) == sum(len(row["true"].split()) // 2 for row in rows.values())


def test_the_table_says_what_is_automated_at_the_promise(evaluation):
    automated = evaluation.rows["automated"].to_pylist()
    assert sum(automated) == evaluation.metrics["test"]["model"]["overall"]["automation"]["0.5"]["n_auto"]


def test_the_facts_name_the_bundle_that_was_asked_and_the_days_of_the_test(bundle, evaluation):
    days = evaluation.rows["date"].to_pylist()
    facts = evaluation.metrics["facts"]
    assert facts["model"] == bundle.fingerprint
    assert facts["test period"] == {"from": min(days).isoformat(), "to": max(days).isoformat()}
