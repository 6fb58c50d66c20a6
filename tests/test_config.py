"""A setting that can't be is refused where it is made, by its name."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

import pytest

from jet.books.importers import ImportSettings
from jet.books.split import SplitSettings
from jet.config import JetConfig
from jet.model.settings import ModelSettings
from jet.prediction.settings import PredictSettings
from jet.ranking.settings import RankerSettings
from jet.retrieval.settings import RetrievalSettings
from jet.training.settings import LossSettings, OptimSettings, TrainSettings


@pytest.mark.parametrize(
    ("settings", "wrong", "named"),
    [
        (ModelSettings, {"hidden": 0}, r"model.*hidden"),
        (ModelSettings, {"max_lines": 1}, r"model.*max_lines"),
        (ModelSettings, {"neighbors": -1}, r"model.*neighbors"),
        (ModelSettings, {"peers": -1}, r"model.*peers"),
        (ModelSettings, {"copy_share": 1.0}, r"model\.copy_share"),
        (ModelSettings, {"dropout": -0.1}, r"model\.dropout"),
        (ModelSettings, {"dropout": 1}, r"model\.dropout"),
        (ModelSettings, {"dropout": float("nan")}, r"model\.dropout"),
        (OptimSettings, {"learning_rate": 0}, r"optim\.learning_rate"),
        (OptimSettings, {"warmup": 1.0}, r"optim\.warmup"),
        (OptimSettings, {"final_share": 1.1}, r"optim\.final_share"),
        (OptimSettings, {"clip": 0}, r"optim\.clip"),
        (TrainSettings, {"batch_size": 0}, r"train\.batch_size"),
        (TrainSettings, {"max_epochs": 0}, r"train\.max_epochs"),
        (TrainSettings, {"patience": 0}, r"train\.patience"),
        (LossSettings, {"stop": {"form": "cosine", "start": 1}}, r"losses\.stop\.end"),
        (LossSettings, {"pointer": -1}, r"losses\.pointer"),
        (PredictSettings, {"beams": 2}, r"predict\.beams"),
        (PredictSettings, {"batch_size": 0}, r"predict\.batch_size"),
        (PredictSettings, {"promise": 1.0}, r"predict\.promise"),
        (RankerSettings, {"candidates": 2}, r"ranker\.candidates"),
        (RetrievalSettings, {"neighbors": 0}, r"retrieval\.neighbors"),
        (RetrievalSettings, {"latest": -1}, r"retrieval\.latest"),
        (RetrievalSettings, {"peers": -1}, r"retrieval\.peers"),
        (RetrievalSettings, {"peers_below": -1}, r"retrieval\.peers_below"),
        (RetrievalSettings, {"journal_bonus": -1}, r"retrieval\.journal_bonus"),
        (RetrievalSettings, {"max_tokens": 12}, r"retrieval\.max_tokens"),
        (RetrievalSettings, {"encoder_precision": "bf16"}, r"retrieval\.encoder_precision"),
        (SplitSettings, {"train": 0}, r"train must be"),
        (SplitSettings, {"calibration": -0.1}, r"calibration must be"),
        (SplitSettings, {"train": 0.9, "calibration": 0.2}, r"train and calibration"),
    ],
)
def test_a_setting_that_cannot_be_is_an_error_that_names_it(settings, wrong, named):
    with pytest.raises(ValueError, match=named):
        settings(**wrong)


def test_the_parts_of_a_config_are_what_an_artifact_keeps(tmp_path):
    config = JetConfig(
        model=ModelSettings(hidden=48), losses=LossSettings(side={"form": "linear", "start": 0, "end": 1})
    )
    kept = config.part("model", "losses")
    assert list(kept) == ["model", "losses"]
    assert kept["model"]["hidden"] == 48
    assert kept["losses"]["side"] == {"form": "linear", "start": 0, "end": 1}
    file = tmp_path / "kept.json"
    file.write_text(json.dumps(config.part(*(f.name for f in fields(JetConfig)))))
    assert json.loads(file.read_text())["model"] == asdict(config.model)


def test_the_defaults_are_a_config_and_each_config_has_its_own():
    one, other = JetConfig(), JetConfig()
    assert one == other
    for field in fields(JetConfig):
        part = getattr(one, field.name)
        assert type(part)(**asdict(part)) == part or isinstance(part, ImportSettings)
    one.model.hidden = 1
    assert other.model.hidden != 1


def test_every_setting_is_documented_where_it_stands():
    # The command line's help is made of these.
    import ast
    import inspect

    for field in fields(JetConfig):
        settings = type(getattr(JetConfig(), field.name))
        body = ast.parse(inspect.getsource(settings)).body[0].body
        for statement, after in zip(body, [*body[1:], None], strict=True):
            if isinstance(statement, ast.AnnAssign):
                documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                assert documented, f"{settings.__name__}.{statement.target.id}"
