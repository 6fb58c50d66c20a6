"""The front door: what a notebook does with jet, in one process."""

from __future__ import annotations

import datetime
import doctest
import importlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import made_up
import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest

import jet
from jet.artifacts.artifact import ArtifactError
from jet.books.schema import PREDICTIONS
from jet.confidence.judgment import Judgment
from jet.demo import DemoSettings, write_demo_ledger
from jet.prediction.predictor import Predictor
from jet.prediction.session import Session
from jet.prediction.settings import PredictSettings

ROOT = Path(__file__).parents[1]
SMALL = {
    "retrieval": {"encoder": ""},
    "model": {"hidden": 16},
    "train": {"max_epochs": 2},
    "ranker": {"prior": "", "candidates": 16, "hidden": 16, "nets": 1, "epochs": 4},
}
HEAVY = ("ray", "torch", "scipy", "sklearn", "pandas", "pyarrow", "numpy", "jsonargparse")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the books of three made-up companies, 20 of whose 400 entries have no lines."""
    folder = tmp_path_factory.mktemp("notebook")
    write_demo_ledger(folder / "books.jsonl", DemoSettings(companies=3, entries=400, open_entries=20))
    return folder


@pytest.fixture(scope="module")
def books(folder) -> jet.Ledger:
    return jet.read(folder / "books.jsonl")


@pytest.fixture(scope="module")
def model(books) -> jet.Model:
    return jet.fit(books, **SMALL)


@pytest.fixture(scope="module")
def company(books) -> str:
    return books.entries["entity"][0].as_py()


def run_python(code: str, *options: str) -> list[str]:
    """What `code` prints in a Python of its own, in another folder, with the checkout on its path."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    lines = [sys.executable, *options, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {code}"]
    done = subprocess.run(lines, cwd="/", env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


# --- importing --------------------------------------------------------------------------------------------


def test_importing_jet_imports_nothing_but_the_standard_library():
    assert run_python(f"import jet; print(*[name for name in {HEAVY} if name in sys.modules])") == []


def test_reading_ledgers_imports_what_tables_need_and_neither_torch_nor_ray():
    found = run_python(f"import jet; jet.read; print(*[name for name in {HEAVY} if name in sys.modules])")
    assert set(found) == {"pyarrow", "numpy"}


def test_training_and_predicting_do_without_ray():
    assert run_python("import jet; jet.fit; print('ray' in sys.modules)") == ["False"]


def test_a_checkout_that_is_not_installed_can_be_imported_and_knows_its_version():
    assert run_python("import jet; print(jet.__version__)", "-S") == [jet.__version__]  # -S: no site-packages


def test_every_public_name_is_there_and_others_are_no_attributes():
    assert all(getattr(jet, name) is not None for name in jet.__all__)
    assert set(jet.__all__) <= set(dir(jet))
    with pytest.raises(AttributeError, match="has no attribute 'predict'"):
        _ = jet.predict


# --- reading ----------------------------------------------------------------------------------------------


def test_a_setting_of_reading_that_there_is_not_is_named_with_those_there_are(folder):
    with pytest.raises(ValueError, match=r"entitty is no setting of how ledgers are read: these are format, "):
        jet.read(folder / "books.jsonl", entitty="Acme")


def test_settings_of_reading_have_the_names_of_the_jobs(folder):
    assert jet.read([str(folder / "books.jsonl")], entity="Acme").entries["entity"].unique().to_pylist() == [
        "Acme"
    ]


def test_what_was_read_says_what_it_is_and_what_was_rejected(tmp_path):
    lines = [{"account": "1", "side": "D"}, {"account": "2", "side": "C"}]
    entry = {"entity": "a", "description": "x", "lines": lines}
    days = enumerate(["2025-01-31", "2025-01-32"])
    text = "\n".join(json.dumps({**entry, "entry_id": str(number), "date": day}) for number, day in days)
    (tmp_path / "a.jsonl").write_text(text)
    found = repr(jet.read(tmp_path / "a.jsonl"))
    assert found.startswith(
        "<Ledger: 1 entry (0 without lines) of 1 entity, 2 accounts; 1 row rejected, 0 used in part"
    )
    assert "(bad_date 1)" in found


# --- predicting -------------------------------------------------------------------------------------------


@pytest.fixture
def rows(company) -> list[dict]:
    return [
        {"entity": company, "date": datetime.date(2025, 6, 2), "description": "Telia faktura", "total": 500.1},
        {"entity": company, "date": datetime.date(2025, 6, 3), "description": "Hyra juni", "total": None},
    ]


def test_date_text_and_total_are_enough_and_every_row_comes_back_in_order(model, rows):
    predictions = model.predict([*rows, *reversed(rows)])
    assert predictions.schema == PREDICTIONS
    assert len(predictions) == 4
    debits = [
        sum(line["amount"] for line in lines if line["side"] == "D")
        for lines in predictions["lines"].to_pylist()
        if lines[0]["amount"] is not None
    ]
    assert debits == [Decimal("500.10")] * 2
    assert predictions["entry_id"].to_pylist()[0].startswith("2025-06-02~")


def test_every_row_says_in_which_regime_it_is_answered(model, books, company):
    of_company = books.entries.filter(pa.compute.equal(books.entries["entity"], company))
    newest = pa.compute.max(of_company.filter(of_company["lines"].is_valid())["date"]).as_py()
    frame = [
        {"entity": company, "date": newest + datetime.timedelta(days), "description": "Telia", "total": total}
        for days in (1, 300)
        for total in (100, None)
    ]
    found = model.predict(frame).to_pylist()
    regimes = ["rolling", "rolling, no total", "batch", "batch, no total"]
    assert [row["regime"] for row in found] == regimes
    assert all(regime in row["reason"] for row, regime in zip(found, regimes, strict=True))
    assert all("further ahead than was calibrated" in row["reason"] for row in found[2:])


def test_whatever_holds_the_rows_the_answers_are_the_same(model, rows):
    expected = model.predict(rows)
    held_by = {
        "arrow": pa.Table.from_pylist(rows),
        "pandas": pandas.DataFrame(rows),
        "polars": polars.DataFrame(rows),
        "batch": pa.RecordBatch.from_pylist(rows),
        "text dates": [{**row, "date": row["date"].isoformat()} for row in rows],
        "times": [{**row, "date": np.datetime64(row["date"], "us").item()} for row in rows],
        "more columns": [{**row, "color": "red"} for row in rows],
    }
    for name, frame in held_by.items():
        assert model.predict(frame).equals(expected), name


def test_lines_that_entries_have_are_not_looked_at(model, books):
    booked = books.entries.slice(0, 30)
    stripped = booked.set_column(
        booked.schema.get_field_index("lines"),
        booked.schema.field("lines"),
        pa.nulls(30, booked.schema.field("lines").type),
    )
    some = [replace(books, entries=entries) for entries in (booked, stripped)]
    assert model.predict(some[0]).equals(model.predict(some[1]))


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        ([{"date": "2025-01-31"}], "has no column description: an entry has date and description, and perhaps"),
        ([{"Date": "2025-01-31", "description": "x"}], "has a column 'Date', and none 'date': rename it"),
        (
            [{"date": "2025-01-31", "description": "x"}],
            "row 1 of the frame has no entity, and there are 3 that",
        ),
        (
            [{"date": "31/1/25", "description": "x", "entity": "a"}],
            "1 rows of the frame can't be read .*: row 1: ",
        ),
        ("books.jsonl", "a str is no frame of entries"),
        (7, "a int is no frame of entries"),
    ],
)
def test_a_frame_that_cannot_be_read_is_refused_with_the_row_and_the_way_out(model, frame, says):
    with pytest.raises(ValueError, match=says):
        model.predict(frame)


def test_no_rows_are_no_predictions(model):
    assert len(model.predict([])) == 0


def test_a_company_that_comes_with_its_chart_is_answered_and_one_without_is_told(model, company):
    frame = {"date": "2025-06-02", "description": "Telia faktura", "entity": "New AB"}
    assert model.predict([frame])["decision"].to_pylist() == ["none"]
    accounts = model.bundle.corpus.catalog.accounts
    chart = accounts.filter(pa.compute.equal(accounts["entity"], company))
    chart = chart.set_column(0, accounts.schema.field(0), pa.array(["New AB"] * len(chart)))
    entry = made_up.entries_table([made_up.entry("New AB", "1", 800, "Telia faktura")])
    news = jet.Ledger(entry, chart, pa.table({}), pa.table({}))
    assert model.predict(news)["decision"].to_pylist() == ["review"]


class Recording:
    """An encoder that remembers what it was given."""

    dimension = 4
    identity = "recording@1"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def encode(self, texts):
        self.texts += texts
        lengths = np.array([[len(text) % 7, len(text) % 5, 1, 2] for text in texts], dtype=np.float32)
        return lengths / np.linalg.norm(lengths, axis=1, keepdims=True)


def test_a_second_call_costs_its_new_texts_and_answers_as_the_first_would(
    small_entries, small_accounts, new_entries
):
    encoder = Recording()
    data = made_up.training_data(small_entries, small_accounts, encoder=encoder)
    data = replace(data, retrieval=replace(data.retrieval, encoder="recording"))
    bundle = made_up.assembled(data, made_up.network(data), encoder.identity)
    known = len(encoder.texts)
    session = Session(bundle, PredictSettings(), encoder)
    first = session(new_entries)
    new = set(new_entries["description"].to_pylist()) - set(data.corpus.store.texts.to_pylist())
    assert sorted(encoder.texts[known:]) == sorted(new)
    index = session.predictor(new_entries["description"]).retriever
    renamed = new_entries.set_column(3, new_entries.schema.field(3), pa.array(["brand new"] * len(new_entries)))
    again = session(renamed)
    assert encoder.texts[known + len(new) :] == ["brand new"]
    assert session.predictor(renamed["description"]).retriever is index  # nothing of the books is built anew
    assert session(new_entries).equals(first)
    for entries, answers in ((new_entries, first), (renamed, again)):
        alone = Predictor.for_entries(bundle, PredictSettings(), entries, encoder)(entries)
        assert alone.equals(answers)


def test_an_explanation_names_lines_decision_and_the_entries_that_speak_for_it(model, books):
    known = replace(books, entries=books.entries.slice(200, 2))
    found = model.explain(known)
    entry, prediction = known.entries.to_pylist()[0], model.predict(known).to_pylist()[0]
    assert len(found) == 2
    assert found[0].startswith(f"{entry['date']}  {entry['description']}")
    assert all(f"{line['side']}  {line['account']}" in found[0] for line in prediction["lines"])
    assert prediction["reason"] in found[0]
    assert str(prediction["evidence"][0]["date"]) in found[0]
    assert repr(found) == "\n\n".join(found)


# --- learning, saving -------------------------------------------------------------------------------------


def test_what_is_learned_is_followed_from_the_next_day_and_the_old_model_stays(model, rows):
    codes = model.predict(rows)["lines"].to_pylist()[0]
    other = "6540" if all(line["account"] != "6540" for line in codes) else "6110"
    lines = [
        {"account": other, "side": "D", "amount": 500.1},
        {"account": "1930", "side": "C", "amount": 500.1},
    ]
    before = model.predict(rows)
    taught = model.learn([{**rows[0], "lines": lines}], reviewer="Ann")
    later = {**rows[0], "date": datetime.date(2025, 6, 9)}
    answer = taught.predict([later]).to_pylist()[0]
    assert {(line["side"], line["account"]) for line in answer["lines"]} == {("D", other), ("C", "1930")}
    assert "as reviewed in entry" in answer["reason"]
    assert [each.facts.reviewer for each in taught.bundle.additions] == ["Ann"]
    assert model.predict(rows).equals(before)


def test_predictions_that_somebody_corrected_can_be_learned_as_they_are(model, rows):
    predictions = model.predict(rows[:1]).to_pylist()
    taught = model.learn([{**rows[0], "lines": predictions[0]["lines"]}])
    assert len(taught.bundle.corpus.ids) == len(model.bundle.corpus.ids) + 1


def test_a_model_comes_back_as_it_was_saved_and_is_never_written_over(model, rows, tmp_path):
    taught = model.learn([{**rows[0], "lines": made_up.lines("D6540 C1930")}], reviewer="Ann")
    taught.save(tmp_path / "model")
    taught.save(str(tmp_path / "model"))  # the same once more: nothing to do
    assert jet.load(tmp_path / "model").predict(rows).equals(taught.predict(rows))
    with pytest.raises(
        ArtifactError, match="holds model already, and another than this: save to another folder"
    ):
        model.save(tmp_path / "model")


# --- measuring --------------------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_report_for_all_and_for_each_company(model, books):
    figures = model.evaluate(books, baselines="last_same_text,majority")
    everyone = figures.filter(pa.compute.equal(figures["entity"], "")).to_pylist()
    assert [row["method"] for row in everyone] == ["jet", "last_same_text", "majority"]
    own = figures.filter(pa.compute.equal(figures["method"], "jet")).to_pylist()[1:]
    assert sum(row["entries"] for row in own) == everyone[0]["entries"]
    assert sum(row["entries"] * row["entry_exact_match"] for row in own) / everyone[0][
        "entries"
    ] == pytest.approx(everyone[0]["entry_exact_match"])
    assert everyone[0]["entry_exact_match"] > everyone[2]["entry_exact_match"]


def test_the_figures_are_of_a_confidence_that_has_not_seen_the_test_split(model, books):
    judgment = model.bundle.judgment
    assert judgment.without_test is not None
    blind = replace(Judgment.unfitted(), without_test=judgment.without_test)
    other = jet.Model(replace(model.bundle, judgment=blind), model.config)
    assert other.evaluate(books, baselines="majority").equals(model.evaluate(books, baselines="majority"))


# --- settings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"train": {"max_epoch": 2}}, "max_epoch"),
        ({"train": {"max_epochs": 0}}, "train.max_epochs must be at least 1"),
        ({"train": {"max_epochs": "many"}}, "train.max_epochs can't be set so"),
        ({"trian": {"max_epochs": 2}}, "the parts are ingest, split, "),
        ({"train": 2}, "train=2 is no setting: give a part and its settings"),
    ],
)
def test_a_setting_that_there_is_not_is_refused_before_any_work(books, settings, says):
    with pytest.raises(ValueError, match=says):
        jet.fit(books, **settings)


def test_the_random_numbers_of_whoever_trains_stay_their_own(books):
    import torch

    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    jet.fit(books, **SMALL | {"train": {"max_epochs": 1}})
    assert torch.rand(1) == expected


# --- documents --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["jet.api", "jet.books.reading"])
def test_the_examples_of_the_docstrings_hold(module, folder, books, model, company, monkeypatch):
    monkeypatch.chdir(folder)
    given = {"jet": jet, "read": jet.read, "books": books, "small": SMALL, "model": model, "company": company}
    done = doctest.testmod(importlib.import_module(module), extraglobs=given, optionflags=doctest.ELLIPSIS)
    assert done.attempted
    assert not done.failed


def test_the_notebook_runs_from_its_first_cell_to_its_last(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "examples" / "notebook.py").read_text()
    exec(compile(text, "notebook.py", "exec"), {"__name__": "__main__"})
    assert "as reviewed in entry" in capsys.readouterr().out


def test_the_lines_for_a_notebook_run_one_after_another(folder, tmp_path, monkeypatch):
    """Those fences of Python that use the front door, on made-up books, with settings for a quick look."""
    fences = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "library.md").read_text(), re.DOTALL)
    text = "\n".join(fence for fence in fences if "jet." in fence)
    assert "jet.fit(books)" in text
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "books.jsonl").write_bytes((folder / "books.jsonl").read_bytes())
    text = text.replace("exports/*.se", "exports/*.jsonl").replace(
        "jet.fit(books)", f"jet.fit(books, **{SMALL})"
    )
    exec(compile(text, "library.md", "exec"), {})
