"""The ranker that comes with jet, as the prior of trained ones."""

from __future__ import annotations

import pickle
from dataclasses import replace
from importlib.resources import files

import made_up
import numpy as np
import pytest
from safetensors.numpy import load, save, save_file

import jet
from jet.books.reading import Ledger
from jet.books.schema import FILES, REJECTED, empty
from jet.books.split import TRAIN
from jet.ranking.examples import Examples
from jet.ranking.pretrained import FILE, prior_of, read_ranker, save_ranker
from jet.ranking.ranker import Ranker
from jet.ranking.settings import RankerSettings
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
    assert prior_of(SETTINGS, examples.names) is not None, "run `make ranker`"


def test_it_is_small():
    assert (files("jet.ranking") / FILE).stat().st_size < 1_000_000


def test_the_more_rows_the_less_it_says(examples):
    prior = prior_of(SETTINGS, examples.names)
    own = examples.fit(replace(SETTINGS, prior=""), 0)
    for rows, share in ((0, 1.0), (600, 0.5), (10**9, 0.0)):
        for mixed, trained, packaged in zip(
            answers(own.with_prior(prior, rows), examples),
            answers(own, examples),
            answers(prior, examples),
            strict=True,
        ):
            expected = (1 - share) * np.exp(trained) + share * np.exp(packaged)
            np.testing.assert_allclose(np.exp(mixed), expected, atol=2e-5)


def test_without_rows_of_its_own_it_counts_nothing(examples):
    prior = prior_of(SETTINGS, examples.names)
    own = examples.fit(replace(SETTINGS, prior="", prior_rows=0), 0)
    for mixed, trained in zip(answers(own.with_prior(prior, 5), examples), answers(own, examples), strict=True):
        np.testing.assert_allclose(np.exp(mixed), np.exp(trained), atol=1e-6)


def test_few_entries_say_more_with_it(examples):
    few, rest = examples.take(np.arange(0, 40)), examples.take(np.arange(40, len(examples.target)))
    alone = few.fit(replace(SETTINGS, prior=""), 0)
    assert loss(few.fit(SETTINGS, 0), rest) < 0.9 * loss(alone, rest)


def test_entries_without_any_candidate_leave_the_prior(examples):
    empty = replace(examples, exists=np.zeros_like(examples.exists)).take(np.arange(8))
    fitted = empty.fit(SETTINGS, 0)
    assert all(np.isfinite(weights).all() for weights in fitted.weights.values())
    packaged = answers(prior_of(SETTINGS, examples.names), examples)[0]
    assert (answers(fitted, examples)[0].argmax(axis=1) == packaged.argmax(axis=1)).mean() > 0.95


def test_it_is_pickled_and_saved_with_the_ranker(examples):
    fitted = examples.fit(replace(SETTINGS, epochs=1), 0)
    before = answers(fitted, examples)
    loaded = Ranker(fitted.names, load(save(dict(fitted.weights))), fitted.settings)
    for again in (pickle.loads(pickle.dumps(fitted)), loaded):
        assert all(
            np.array_equal(one, other) for one, other in zip(before, answers(again, examples), strict=True)
        )


def test_a_saved_ranker_comes_back(tmp_path, examples):
    made = examples.fit(replace(SETTINGS, prior="", epochs=1), 0)
    save_ranker(made, str(tmp_path / "own.safetensors"))
    again = read_ranker(str(tmp_path / "own.safetensors"))
    assert again.names == made.names
    assert again.settings == made.settings
    assert all(np.array_equal(again.weights[name], made.weights[name]) for name in made.weights)
    mixed = examples.fit(replace(SETTINGS, prior=str(tmp_path / "own.safetensors")), 0)
    assert np.array_equal(mixed.weights["prior.mean"], made.weights["mean"])


def test_a_prior_that_cannot_be_used_is_refused_with_the_way_out(tmp_path, examples):
    with pytest.raises(ValueError, match=r"other features.*make ranker.*ranker\.prior=\"\""):
        prior_of(SETTINGS, (*examples.names, "new"))
    missing = str(tmp_path / "no.safetensors")
    with pytest.raises(ValueError, match=rf"ranker\.prior: {missing} is not a saved ranker"):
        prior_of(replace(SETTINGS, prior=missing), examples.names)
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(ValueError, match="is not a saved ranker"):
        read_ranker(str(tmp_path / "text"))
    save_file({"weights": np.zeros(3)}, tmp_path / "foreign")
    with pytest.raises(ValueError, match="is not a saved ranker"):
        read_ranker(str(tmp_path / "foreign"))


def test_a_prior_that_cannot_be_read_is_refused_before_anything_is_trained(monkeypatch):
    monkeypatch.setattr(jet.api, "prepared", lambda *_: pytest.fail("the training has begun"))
    tables = [made_up.books(), made_up.accounts_table(made_up.chart_rows()), empty(REJECTED), empty(FILES)]
    with pytest.raises(ValueError, match=r"ranker\.prior: no/such/file is not a saved ranker"):
        jet.fit(Ledger(*tables), retrieval={"encoder": ""}, ranker={"prior": "no/such/file"})


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
