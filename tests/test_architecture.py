"""`docs/architecture.md` tells the way of an entry as the code goes it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import made_up

from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "architecture.md").read_text()
WALK = re.findall(r"^\d+\. \[`([\w/.]+)`\]\(\.\./([\w/.]+)\) `(\w+)`", TEXT, re.MULTILINE)
ROOMS = re.findall(r"^\| \[`jet/(\w+)(?:\.py)?`\]", TEXT, re.MULTILINE)
IN_A_NOTEBOOK = 8, 22
"""The steps that a prediction in one process takes, first and last."""


def test_the_walk_has_at_most_25_steps_and_each_is_where_it_says():
    assert 15 < len(WALK) <= 25
    for shown, linked, name in WALK:
        assert shown == linked
        tree = ast.parse((ROOT / linked).read_text())
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}, linked


def test_a_prediction_takes_the_steps_of_the_walk_in_their_order():
    wanted = [(str(ROOT / file), name) for file, _, name in WALK[IN_A_NOTEBOOK[0] - 1 : IN_A_NOTEBOOK[1]]]
    begun: list[tuple[str, str]] = []

    def note(frame, event, _):
        step = frame.f_code.co_filename, frame.f_code.co_name
        if event == "call" and step in wanted and step not in begun:
            begun.append(step)

    data = made_up.training_data(made_up.books(), made_up.accounts_table(made_up.chart_rows()))
    bundle = made_up.assembled(data, made_up.network(data))
    predictor = Predictor(made_up.calibrated(data, bundle), PredictSettings())
    sys.setprofile(note)
    try:
        predictor(made_up.entries_table([made_up.entry("cedar", "new", 150, "rent")]))
    finally:
        sys.setprofile(None)
    assert begun == wanted


def test_the_rooms_stand_in_the_order_of_their_contract():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    [layers] = [
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract.get("containers") == ["jet"]
    ]
    order = [room.strip() for layer in layers[::-1] for room in layer.split("|")]
    assert order == ROOMS
