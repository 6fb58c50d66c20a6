"""The ranker that comes with jet, and trainings that start from it."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import made_up
import numpy as np
import pytest
from safetensors.numpy import save_file

import jet
from jet.books.reading import Ledger
from jet.books.schema import FILES, REJECTED, empty
from jet.books.split import TRAIN
from jet.ranking.examples import Examples
from jet.ranking.pretrained import FILE, PACKAGED, read_ranker, save_ranker, start_of
from jet.ranking.ranker import RankerSettings
from jet.ranking.statistics import Statistics

SETTINGS = RankerSettings()


@pytest.fixture(scope="module")
def examples():
    data = made_up.training_data(made_up.books(), made_up.accounts_table(made_up.chart_rows()))
    rows = data.learnable(TRAIN)
    statistics = Statistics.of(data.corpus, data.retrieval, data.model.max_lines)
    return Examples.of(statistics, rows, data.hits.take(rows), SETTINGS)


def answers(ranker, examples):
    return ranker(
        {name: examples.features[:, :, place] for place, name in enumerate(examples.names)}, examples.exists
    )


def loss(ranker, examples):
    ranked, none = answers(ranker, examples)
    both = np.concatenate([ranked, none[:, None]], axis=1)
    return -both[np.arange(len(both)), examples.target].mean()


def test_it_is_of_the_features_that_are_computed(examples):
    assert start_of(SETTINGS, examples.names) is not None, "run `make ranker`"


def test_it_is_small():
    assert (files("jet.ranking") / FILE).stat().st_size < 1_000_000


def test_without_an_epoch_it_answers_as_it_is(examples):
    packaged = start_of(SETTINGS, examples.names)
    for own, shipped in zip(
        answers(examples.fit(replace(SETTINGS, epochs=0), 3), examples),
        answers(packaged, examples),
        strict=True,
    ):
        assert np.array_equal(own, shipped)


def test_few_entries_teach_more_from_it_than_from_random_weights(examples):
    few, rest = examples.take(np.arange(0, 60)), examples.take(np.arange(60, len(examples.target)))
    random = few.fit(replace(SETTINGS, start="", learning_rate=3e-3), 0)
    assert loss(few.fit(SETTINGS, 0), rest) < 0.9 * loss(random, rest)


def test_a_feature_that_it_never_saw_vary_is_scaled_by_the_company(examples):
    place = examples.names.index("lines")
    start = start_of(SETTINGS, examples.names)
    scale = start.weights["scale"].copy()
    scale[place] = 0
    start = replace(start, weights={**start.weights, "scale": scale})
    fitted = type(start).fit(
        examples.names,
        examples.features,
        examples.exists,
        examples.target,
        examples.entity,
        SETTINGS,
        0,
        start,
    )
    values = examples.features[examples.exists][:, place]
    assert fitted.weights["scale"][place] == pytest.approx(1 / values.std(), rel=1e-3)
    others = np.arange(len(scale)) != place
    assert np.array_equal(fitted.weights["scale"][others & (scale > 0)], scale[others & (scale > 0)])


def test_entries_without_any_candidate_change_nothing_but_the_chance_of_none(examples):
    empty = replace(examples, exists=np.zeros_like(examples.exists)).take(np.arange(8))
    fitted = empty.fit(SETTINGS, 0)
    assert all(np.isfinite(weights).all() for weights in fitted.weights.values())


def test_a_saved_ranker_comes_back(tmp_path, examples):
    made = examples.fit(replace(SETTINGS, epochs=1), 0)
    save_ranker(made, str(tmp_path / "own.safetensors"))
    again = read_ranker(str(tmp_path / "own.safetensors"))
    assert again.names == made.names
    assert again.settings == made.settings
    assert all(np.array_equal(again.weights[name], made.weights[name]) for name in made.weights)
    started = examples.fit(replace(SETTINGS, start=str(tmp_path / "own.safetensors"), epochs=0), 0)
    assert np.array_equal(answers(started, examples)[0], answers(made, examples)[0])


def test_a_start_that_cannot_be_used_is_refused_with_the_way_out(tmp_path, examples):
    with pytest.raises(ValueError, match=r"other features.*make ranker.*ranker\.start=\"\""):
        start_of(SETTINGS, (*examples.names, "new"))
    with pytest.raises(ValueError, match=r"2 networks of width 48, not 2 of 16: leave ranker\.nets"):
        start_of(replace(SETTINGS, hidden=16), examples.names)
    with pytest.raises(ValueError, match=r"3 of 48"):
        start_of(replace(SETTINGS, nets=3), examples.names)
    missing = str(tmp_path / "no.safetensors")
    with pytest.raises(ValueError, match=rf"ranker\.start: {missing} is not a saved ranker"):
        start_of(replace(SETTINGS, start=missing), examples.names)
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(ValueError, match="is not a saved ranker"):
        read_ranker(str(tmp_path / "text"))
    save_file({"weights": np.zeros(3)}, tmp_path / "foreign")
    with pytest.raises(ValueError, match="is not a saved ranker"):
        read_ranker(str(tmp_path / "foreign"))


def test_no_epoch_takes_a_ranker_to_start_from():
    assert RankerSettings(epochs=0).start == PACKAGED
    with pytest.raises(ValueError, match=r"ranker\.epochs must be at least 1"):
        RankerSettings(start="", epochs=0)


def test_a_company_of_ten_entries_can_use_it():
    books = [
        made_up.entry("new", f"n{day}", 3 * day, "telia", "D6540 C1930")
        if day % 2
        else made_up.entry("new", f"n{day}", 3 * day, "sale to ann", "D1930 C3001")
        for day in range(10)
    ]
    accounts = [made_up.account("new", code) for code in ("1930", "3001", "6540")]
    tables = [made_up.entries_table(books), made_up.accounts_table(accounts), empty(REJECTED), empty(FILES)]
    model = jet.fit(Ledger(*tables), retrieval={"encoder": ""})
    (row,) = model.predict([{"date": "2030-03-01", "description": "Telia"}]).to_pylist()
    assert {(line["account"], line["side"]) for line in row["lines"]} == {("6540", "D"), ("1930", "C")}
    assert row["decision"] == "review"
