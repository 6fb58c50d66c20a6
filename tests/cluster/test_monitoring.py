"""Dashboard and alerts ask for what jet exports, and the check of that sees where they don't."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cluster.checks.monitoring import DASHBOARD, PAGE, RULES, problems

ROOT = Path(__file__).parents[2]
PROMTOOL = shutil.which("promtool")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name in (DASHBOARD, RULES, PAGE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_dashboard_rules_and_page_are_without_a_problem():
    assert list(problems(ROOT)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (DASHBOARD, "ray_jet_blocks_waiting", "ray_jet_parts_waiting", "reads ray_jet_parts_waiting"),
        (DASHBOARD, "ray_jet_blocks_waiting", "ray_node_gpus", "no panel shows ray_jet_blocks_waiting"),
        (DASHBOARD, "jet:recall:1d", "jet:recall:2d", "reads jet:recall:2d"),
        (DASHBOARD, "by (rule)", "by (entity)", "asks for the tag entity"),
        (DASHBOARD, "avg(ray_node", "avg((ray_node", "panel 'CPU': this isn't PromQL"),
        (DASHBOARD, '"title": "Decisions"', '"title": "Verdicts"', "nothing about the panel **Verdicts**"),
        (RULES, "ray_jet_answers_total[1d]", "ray_jet_answers[1d]", "reads ray_jet_answers, which"),
        (RULES, '{decision="auto"}', '{kind="auto"}', "'jet:automation_rate:1d' asks for the tag kind"),
        (RULES, "expr: jet:recall:1d <", "expr: jet:recall:1d < <", "alert 'JetRecallLow': this isn't PromQL"),
        (RULES, "expr: jet:rejected_share:1d > 0.02", "expr: jet:recall:1d > 2", None),
        (RULES, "monitoring.md#jetrecalllow", "monitoring.md#recall", "'JetRecallLow' has no runbook_url"),
        (RULES, "alert: JetNoAnswers", "alert: JetSilent", "no section '### JetSilent'"),
        (
            RULES,
            "record: jet:recall:1d",
            "record: jet:recalled:1d",
            "record 'jet:recalled:1d' is read by nothing",
        ),
    ],
)
def test_what_does_not_fit_is_named(copy, file, old, new, says):
    text = (copy / file).read_text()
    assert old in text
    (copy / file).write_text(text.replace(old, new))
    found = list(problems(copy))
    if says is None:  # it fits all the same
        assert found == []
    else:
        assert any(says in line for line in found), found
        assert all(line.startswith((DASHBOARD, RULES, PAGE)) for line in found)


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool, of Prometheus")
@pytest.mark.parametrize(
    "arguments", ["check config prometheus.yaml", "check rules alerts.yaml", "test rules alerts_test.yaml"]
)
def test_prometheus_takes_the_rules_and_its_own_tests_of_them_pass(arguments):
    found = subprocess.run(
        [str(PROMTOOL), *arguments.split()], cwd=ROOT / "cluster/monitoring", capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr
