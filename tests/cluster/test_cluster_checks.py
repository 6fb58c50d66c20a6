"""Nothing is wrong with what describes a cluster, and each check finds the faults of faults.yaml."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import yaml

from cluster import check

FAULTS = yaml.safe_load((Path(__file__).parent / "faults.yaml").read_text())


@pytest.mark.parametrize("checks", check.CHECKS, ids=lambda module: module.__name__.rpartition(".")[2])
def test_the_repository_has_no_problem(checks, repository):
    assert list(checks.problems(repository)) == []


@pytest.mark.parametrize(
    ("checks", "fault"),
    [
        pytest.param(checks, fault, id=f"{checks}: {name}")
        for checks in FAULTS
        for name, fault in FAULTS[checks].items()
    ],
)
def test_a_fault_is_found_where_it_is(change, checks, fault):
    root = change(fault["file"], fault["was"], fault["becomes"])
    problems = list(importlib.import_module(f"cluster.checks.{checks}").problems(root))
    place = fault.get("reported", fault["file"])
    assert any(line.startswith(f"{place}:") and fault["found"] in line for line in problems), problems


def test_the_command_tells_each_problem_and_fails(change, capsys):
    root = change("cluster.yaml", "VolumeSize: 200", "VolumeSizeGb: 200")
    assert check.main(root) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any("VolumeSizeGb" in line for line in lines)
    assert any("the disk has 0 GB" in line for line in lines)
