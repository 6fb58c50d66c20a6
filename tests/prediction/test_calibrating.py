"""What a bundle is calibrated on: booked entries that trained nothing, each asked as it will be in use."""

from __future__ import annotations

import made_up
import numpy as np
import pyarrow as pa
import pytest

from jet.books.schema import ENTRIES
from jet.books.split import CALIBRATION, TEST, SplitSettings
from jet.confidence.regimes import REGIMES
from jet.prediction.calibrating import ASKED_BY, asked_entries
from jet.retrieval.hiding import also_hidden


@pytest.fixture(scope="module")
def asked(data):
    return asked_entries(data)


def days(table, name):
    return table[name].cast(pa.int32()).to_numpy()


def first_days(data, part):
    """By company, the first day of its entries of a split."""
    rows, entity = data.rows(part), data.corpus.rows.entity
    names = data.corpus.catalog.entities
    return {
        names[number]: int(data.corpus.rows.date[rows[entity[rows] == number]].min())
        for number in np.unique(entity[rows])
    }


def test_every_entry_of_both_splits_is_asked_daily_and_in_a_batch_with_its_total_and_without(data, asked):
    starts = {part: first_days(data, part) for part in (CALIBRATION, TEST)}
    expected = []
    for part in (CALIBRATION, TEST):
        for row in data.rows(part).tolist():
            entry = data.entries.slice(row, 1).to_pylist()[0]
            date = int(data.corpus.rows.date[row])
            cuts = [(0, date), (2, starts[part][entry["entity"]])]
            if part == TEST:
                cuts.append((2, starts[CALIBRATION][entry["entity"]]))
            for regime, cut in cuts:
                key = (entry["entity"], entry["entry_id"])
                if entry["total"] is not None:
                    expected.append((*key, regime, cut, part == TEST))
                expected.append((*key, regime + 1, cut, part == TEST))
    names = (*ASKED_BY, "newest")
    found = list(zip(*(asked[name].to_pylist() for name in names), strict=True))
    assert found == sorted(expected)


def test_no_entry_is_asked_that_trained_or_that_knows_of_its_own_day(data, asked):
    asked_ids = set(asked["entry_id"].to_pylist())
    measured = np.concatenate([data.rows(CALIBRATION), data.rows(TEST)])
    assert asked_ids == set(data.entries["entry_id"].take(pa.array(measured)).to_pylist())
    assert (asked["known_before"].to_numpy() <= days(asked, "date")).all()


def test_without_a_total_some_lack_more_and_nothing_else_of_the_entries_changes(data, asked):
    booked = {row["entry_id"]: (number, row) for number, row in enumerate(data.entries.to_pylist())}
    lacking = dict.fromkeys(("journal", "currency", "direction"), 0)
    for row in asked.to_pylist():
        number, entry = booked[row["entry_id"]]
        expected = dict(entry)
        if entry["total"] is None:  # asked as it is
            assert row["regime"] % 2
        elif row["regime"] % 2:
            expected["total"] = None
            for name, some in also_hidden(np.array([number])).items():
                if some[0]:
                    expected[name] = ""
                    lacking[name] += 1
        assert {name: row[name] for name in ENTRIES.names} == {name: expected[name] for name in ENTRIES.names}
    assert min(lacking.values()) > 0


def test_the_bundle_is_calibrated_on_what_was_asked_in_each_regime(asked, bundle):
    regime, newest = asked["regime"].to_numpy(), asked["newest"].to_numpy(zero_copy_only=False)
    report = bundle.for_report().judgment
    for number in range(len(REGIMES)):
        rows = bundle.judgment.calibrations[number].rows
        assert len(rows) == (regime == number).sum()
        assert np.array_equal(rows.newest, newest[regime == number])
        of_report = report.calibrations[number].rows
        assert len(of_report) == ((regime == number) & ~newest).sum()
        assert not of_report.newest.any()


def test_a_report_has_a_bundle_of_its_own_that_differs_in_the_judgment_alone(bundle):
    report = bundle.for_report()
    assert report.judgment is bundle.judgment.without_test
    assert report.for_report().judgment is report.judgment
    assert {name for name, value in bundle.fingerprints.items() if report.fingerprints[name] != value} == {
        "judgment"
    }


def test_the_rows_of_a_company_with_the_same_text_but_for_digits_are_of_one_group(asked, bundle):
    rows = bundle.judgment.calibrations[0].rows
    daily = asked.filter(pa.compute.equal(asked["regime"], 0)).to_pylist()
    groups = {}
    for entry, group in zip(daily, rows.group.tolist(), strict=True):
        text = "".join("0" if letter.isdigit() else letter for letter in entry["description"])
        groups.setdefault((entry["entity"], text.replace("00", "0")), set()).add(group)
    assert all(len(numbers) == 1 for numbers in groups.values())
    assert len({number for numbers in groups.values() for number in numbers}) == len(groups) > 5


def test_books_without_a_test_split_are_calibrated_all_the_same():
    booked = made_up.books(days=60).to_pylist()
    data = made_up.training_data(
        made_up.entries_table(booked),
        made_up.accounts_table(made_up.chart_rows()),
        split=SplitSettings(train=0.8, calibration=0.2),
    )
    assert not len(data.rows(TEST))
    judgment = made_up.calibrated(data, made_up.assembled(data, made_up.network(data))).judgment
    assert judgment.without_test is None
    assert judgment.for_report() is judgment
    assert len(judgment.calibrations[2].rows)
