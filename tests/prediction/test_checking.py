"""Reviewed entries are answered before they are learned, and a company whose answers turn wrong is stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import jet
from jet.books.reading import Ledger
from jet.books.schema import ENTRIES
from jet.books.withheld import without_lines
from jet.bundle.extension import without_addition
from jet.confidence.record import Records
from jet.demo import DemoSettings, write_demo_ledger
from jet.prediction.session import Session

SMALL = {
    "retrieval": {"encoder": ""},
    "model": {"hidden": 16},
    "train": {"max_epochs": 1},
    "ranker": {"prior": "", "candidates": 16, "hidden": 16, "nets": 1, "epochs": 4},
    "predict": {"promise": 0.8},
}


@pytest.fixture(scope="module")
def books(tmp_path_factory) -> jet.Ledger:
    path = tmp_path_factory.mktemp("checking") / "books.jsonl"
    write_demo_ledger(path, DemoSettings(companies=2, entries=1600, open_entries=0))
    return jet.read(path)


@pytest.fixture(scope="module")
def later(books) -> pa.Table:
    """The newest 120 entries of each company."""
    return pa.concat_tables(
        books.entries.filter(pc.equal(books.entries["entity"], name)).sort_by("date")[-120:]
        for name in sorted(set(books.entries["entity"].to_pylist()))
    )


@pytest.fixture(scope="module")
def model(books, later) -> jet.Model:
    """A model of all older entries."""
    old = pc.invert(pc.is_in(books.entries["entry_id"], value_set=later["entry_id"].combine_chunks()))
    known = Ledger(books.entries.filter(old), books.accounts, books.rejected, books.files)
    return jet.fit(known, **SMALL)


@pytest.fixture(scope="module")
def companies(later) -> list[str]:
    return sorted(set(later["entity"].to_pylist()))


def of(later, company) -> pa.Table:
    return later.filter(pc.equal(later["entity"], company))


def swapped(entries) -> pa.Table:
    """The same entries with debit and credit exchanged: a bookkeeper who has it all wrong."""
    rows = entries.to_pylist()
    for row in rows:
        for line in row["lines"]:
            line["side"] = "C" if line["side"] == "D" else "D"
    return pa.Table.from_pylist(rows, schema=ENTRIES)


def ledger(model, entries) -> Ledger:
    nothing = pa.table({})
    return Ledger(entries, model.bundle.corpus.catalog.accounts, nothing, nothing)


def auto(model, entries) -> np.ndarray:
    table = Session(model.bundle, model.config.predict)(without_lines(entries))
    return pc.equal(table["decision"], "auto").to_numpy()


@pytest.fixture(scope="module")
def broken(model, later, companies) -> jet.Model:
    """After the first half of one company's entries came back with debit and credit exchanged."""
    return model.learn(ledger(model, swapped(of(later, companies[0])[:60])), reviewer="Ann")


def test_what_is_checked_are_the_answers_before_the_entries_are_learned(model, broken, later, companies):
    reviewed = of(later, companies[0])[:60]
    [addition] = broken.bundle.additions
    answered = Session(model.bundle, model.config.predict)(without_lines(reviewed))
    checked = addition.checked
    expected = dict(zip(answered["entry_id"].to_pylist(), answered["confidence"].to_pylist(), strict=True))
    assert dict(
        zip(checked["entry_id"].to_pylist(), checked["confidence"].to_pylist(), strict=True)
    ) == pytest.approx(expected)
    assert checked["date"].to_pylist() == sorted(checked["date"].to_pylist())


def test_a_company_whose_automatic_answers_are_wrong_is_stopped_and_the_other_goes_on(
    model, broken, later, companies
):
    first, second = (of(later, name)[60:] for name in companies)
    assert auto(model, first).any(), "there must be something to stop"
    assert auto(model, second).any()
    assert not auto(broken, first).any()
    assert auto(broken, second).tolist() == auto(model, second).tolist()
    reasons = Session(broken.bundle, broken.config.predict)(without_lines(first))["reason"].to_pylist()
    assert all("this company is stopped" in reason for reason in reasons)


def test_right_answers_to_reviewed_entries_change_no_decision_of_others_and_stop_nobody(
    model, later, companies
):
    kept = model.learn(ledger(model, of(later, companies[0])[:60]), reviewer="Ann")
    records = kept.bundle.judgment.records
    assert records.stopped(model.config.predict.promise) == {}
    assert len(records.looks[companies[0]]) > 0
    assert companies[1] not in records.looks


def test_a_stopped_company_goes_on_when_its_reviews_are_right_again(broken, later, companies):
    again = broken
    rest = of(later, companies[0])
    for number in range(4):  # the same forty entries under new ids, as they would be booked on later days
        rows = rest[60:100].to_pylist()
        for row in rows:
            row["entry_id"] += f"-again{number}"
        entries = pa.Table.from_pylist(rows, schema=ENTRIES)
        again = again.learn(ledger(again, entries), reviewer="Ann")
        if not again.bundle.judgment.records.stopped(again.config.predict.promise):
            break
    assert not again.bundle.judgment.records.stopped(again.config.predict.promise)


def test_undoing_what_was_learned_undoes_the_stop_to_the_bit(model, broken):
    undone = without_addition(broken.bundle, 1)
    assert undone.fingerprint == model.bundle.fingerprint
    assert undone.judgment.as_dict() == model.bundle.judgment.as_dict()


def test_a_saved_bundle_keeps_its_stops(broken, tmp_path):
    broken.save(tmp_path / "model")
    loaded = jet.load(tmp_path / "model")
    assert loaded.bundle.judgment.as_dict() == broken.bundle.judgment.as_dict()


def test_the_promise_decides_whether_a_company_is_stopped():
    def after(right: int, wrong: int) -> Records:
        count = right + wrong
        answers = np.array([True] * right + [False] * wrong), np.full(count, 0.99), np.ones(count, bool)
        return Records().checked(["a"] * count, *answers)

    assert after(36, 4).stopped(0.99) == {"a": (40, 4)}
    assert after(36, 4).stopped(0.9) == {}
    assert after(1, 1).stopped(0.95) == {}
    assert after(0, 2).stopped(0.95) == {"a": (2, 2)}
    assert len(after(100, 0).looks["a"]) == 40


def test_records_count_the_rankers_answers_whatever_method_predicts(model, broken, later, companies):
    by_decoder = jet.Model(
        model.bundle, replace(model.config, predict=replace(model.config.predict, method="decoder"))
    )
    learned = by_decoder.learn(ledger(model, swapped(of(later, companies[0])[:60])), reviewer="Ann")
    assert learned.bundle.judgment.as_dict() == broken.bundle.judgment.as_dict()
    assert not auto(learned, of(later, companies[1])).any()
