"""The examples for Airflow and Dagster: their commands are jet's, and nightly the real programs take them, each
installed in an environment of its own."""

from __future__ import annotations

import ast
import os
import subprocess
import venv
from pathlib import Path

import pytest

from cluster.checks.documents import check, of_ours

EXAMPLES = Path(__file__).parents[2] / "examples"
AIRFLOW = """
import sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
dag = bag.dags["jet_nightly"]
print(*(task.task_id for task in dag.topological_sort()))
"""
DAGSTER = """
import runpy, sys
defs = runpy.run_path(sys.argv[1])["defs"]
job = defs.resolve_job_def("jet_nightly")
print(*(node.name for node in job.nodes_in_topological_order))
"""


@pytest.mark.parametrize("name", ["airflow_dag.py", "dagster_job.py"])
def test_the_commands_are_ones_that_jet_takes(name: str):
    texts = [
        node.value.value
        for node in ast.parse((EXAMPLES / name).read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    ]
    found = []
    for text in texts:
        line = " ".join(text.replace("{{ ds }}", "2026-11-30").replace("{day}", "2026-11-30").split())
        for command in of_ours(line):
            check(command)
            found.append(command[1])
    assert found == ["predict", "export"]


@pytest.mark.nightly
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("package", "name", "script", "tasks"),
    [
        ("apache-airflow>=3,<4", "airflow_dag.py", AIRFLOW, "predict export"),
        ("dagster>=1.10,<2", "dagster_job.py", DAGSTER, "predictions bookings"),
    ],
)
def test_the_real_program_takes_the_example(tmp_path: Path, package: str, name: str, script: str, tasks: str):
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-qq", "--no-compile", package], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path / "home"),
        "DAGSTER_HOME": "",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    done = subprocess.run(
        [python, "-c", script, EXAMPLES / name],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == tasks
