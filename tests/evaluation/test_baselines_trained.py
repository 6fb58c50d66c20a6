"""Those that learn from training data, as jet does: the boosted trees and the ancestor."""

from dataclasses import replace

import made_up
import numpy as np
import pyarrow as pa
import pytest

from jet.books.split import CALIBRATION, TEST
from jet.books.withheld import without_lines
from jet.evaluation.baselines import Materials, make_baseline, score_baseline
from jet.evaluation.line_sets import line_sets


@pytest.fixture(scope="module", params=["boosted_trees", "ancestor"])
def baseline(request, data):
    return make_baseline(request.param, Materials(data=data, seed=3))


@pytest.fixture(scope="module")
def answered(baseline, data):
    return baseline.predict(data.entries, data.split)


def test_it_answers_calibration_and_test_with_valid_sets(answered, data, small_accounts):
    assert answered.row.tolist() == np.flatnonzero(data.split >= CALIBRATION).tolist()
    assert np.all((answered.confidence > 0) & (answered.confidence < 1))
    scored = score_baseline(data.entries, answered, data.rows(TEST), accounts=small_accounts)
    assert scored.valid.all()
    for best, others in zip(answered.sets, answered.alternatives, strict=True):
        assert len({best, *others}) == 1 + len(others) <= 3


def test_from_larger_books_they_learn_more_than_what_is_most_frequent(small_accounts):
    data = made_up.training_data(made_up.books(days=300, a_day=2), small_accounts)
    data = replace(data, model=replace(data.model, hidden=64))
    rates = {}
    for name in ("majority", "ancestor", "boosted_trees"):
        found = make_baseline(name, Materials(data=data)).predict(data.entries, data.split)
        scored = score_baseline(data.entries, found, data.rows(TEST))
        rates[name] = scored.counts["exact"].mean()
        if name != "majority":
            assert rates[name] > 0.2 + rates["majority"]
            assert abs(scored.confidence.mean() - rates[name]) < 0.15


def test_the_seed_and_the_books_decide_whatever_the_order_of_the_rows(baseline, answered, data):
    order = np.random.default_rng(0).permutation(len(data.entries))
    again = baseline.predict(data.entries.take(pa.array(order)), data.split[order])
    at = {int(order[row]): place for place, row in enumerate(again.row)}
    assert [again.sets[at[row]] for row in answered.row.tolist()] == answered.sets
    assert [again.confidence[at[row]] for row in answered.row.tolist()] == pytest.approx(answered.confidence)


def test_lines_of_the_test_rows_reach_no_earlier_answer(baseline, answered, data, small_accounts):
    rows = data.entries.to_pylist()
    first = rows[int(data.rows(TEST)[0])]
    for row in data.rows(TEST):
        other = rows[int(row)]["entity"]
        rows[int(row)]["lines"] = next(r["lines"] for r in rows if r["entity"] == other)
    changed = made_up.training_data(made_up.entries_table(rows), small_accounts)
    again = make_baseline(baseline.name, Materials(data=changed, seed=3)).predict(
        changed.entries, changed.split
    )
    on_first_day = [
        place
        for place, row in enumerate(answered.row.tolist())
        if data.split[row] < TEST
        or (rows[row]["entity"], rows[row]["date"]) == (first["entity"], first["date"])
    ]
    assert [again.sets[place] for place in on_first_day] == [answered.sets[place] for place in on_first_day]


def test_other_books_than_it_was_made_for_are_refused(baseline, data):
    with pytest.raises(ValueError, match="not those of the training data"):
        baseline.predict(data.entries, np.roll(data.split, 1))
    with pytest.raises(ValueError, match="not those of the training data"):
        baseline.predict(without_lines(data.entries), data.split)
    with pytest.raises(ValueError, match="split has shape"):
        baseline.predict(data.entries, data.split[1:])


def test_where_nothing_trains_it_says_so(baseline, data):
    nothing = replace(data, split=np.full_like(data.split, TEST))
    with pytest.raises(ValueError, match="too few entries for"):
        make_baseline(baseline.name, Materials(data=nothing)).predict(nothing.entries, nothing.split)


def test_the_trees_can_answer_what_was_never_booked():
    data = made_up.family_data(days=200)
    found = make_baseline("boosted_trees", Materials(data=data)).predict(data.entries, data.split)
    entity, truth = data.entries["entity"].to_pylist(), line_sets(data.entries["lines"])
    booked = {(entity[row], truth[row]) for row in range(len(truth))}
    proposed = {
        (entity[row], lines)
        for row, best, others in zip(found.row.tolist(), found.sets, found.alternatives, strict=True)
        for lines in (best, *others)
    }
    assert proposed & booked
    assert proposed - booked
