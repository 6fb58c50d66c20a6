"""Checks that dashboard and alerts read metrics that exist, and that the dashboard shows all metrics of jet.

Nothing else checks names and tags in PromQL: a panel whose metric was renamed stays empty, and an alert on it
never fires.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from ray_jobs.runtime.metrics import JOB, METRICS

DASHBOARD = "cluster/monitoring/grafana/jet.json"
RULES = "cluster/monitoring/alerts.yaml"
PAGE = "docs/monitoring.md"

RAYS_OWN = {
    "ray_cluster_active_nodes": {"node_type"},
    "ray_node_cpu_utilization": {"ip"},
    "ray_node_disk_free": {"ip"},
    "ray_node_disk_usage": {"ip"},
    "ray_node_mem_total": {"ip"},
    "ray_node_mem_used": {"ip"},
}
"""The metrics of Ray that dashboard and alerts may use, with their tags."""


@dataclass(frozen=True)
class Expression:
    """A PromQL expression and its place."""

    place: str
    text: str

    @cached_property
    def parsed(self) -> promql_parser.Expr:
        """The syntax tree. Raises `ValueError` where it isn't PromQL."""
        return promql_parser.parse(self.text)

    @cached_property
    def nodes(self) -> list[promql_parser.Expr]:
        """All nodes of the syntax tree."""
        found: list[promql_parser.Expr] = []
        promql_parser.walk(self.parsed, found.append)
        return found

    @cached_property
    def names(self) -> set[str]:
        """The names of the metrics and recording rules that it reads."""
        read = (each.name for each in self.nodes if isinstance(each, promql_parser.VectorSelector))
        return {name for name in read if name}

    @cached_property
    def tags(self) -> set[str]:
        """The names of the tags that it selects, groups and joins by."""
        found: set[str] = set()
        for each in self.nodes:
            if isinstance(each, promql_parser.VectorSelector):
                found |= {matcher.name for matcher in each.matchers.matchers}
            elif isinstance(each, promql_parser.AggregateExpr) and each.modifier is not None:
                found |= set(each.modifier.labels)
            elif isinstance(each, promql_parser.BinaryExpr) and each.modifier is not None:
                matching = each.modifier.matching
                found |= set(matching.labels) if matching is not None else set()
        return found


def dashboard(root: Path) -> dict[str, Any]:
    """The dashboard."""
    return json.loads((root / DASHBOARD).read_text())


def panels(root: Path) -> list[dict[str, Any]]:
    """The dashboard's panels, without its rows."""
    return [panel for panel in dashboard(root)["panels"] if panel["type"] != "row"]


def rules(root: Path) -> list[dict[str, Any]]:
    """Prometheus' recording and alerting rules."""
    return [rule for group in yaml.safe_load((root / RULES).read_text())["groups"] for rule in group["rules"]]


def expressions(root: Path) -> Iterator[Expression]:
    """All PromQL expressions of the dashboard and the rules."""
    for panel in panels(root):
        for target in panel["targets"]:
            yield Expression(f"{DASHBOARD}: panel {panel['title']!r}", target["expr"])
    for rule in rules(root):
        kind = "alert" if "alert" in rule else "record"
        yield Expression(f"{RULES}: {kind} {rule[kind]!r}", rule["expr"])


def problems(root: Path) -> Iterator[str]:
    """One line for each problem in the files under `root`."""
    tags = {each.exported: {JOB} | ({each.tag} if each.tag else set()) for each in METRICS} | RAYS_OWN
    records = {rule["record"]: Expression("", rule["expr"]) for rule in rules(root) if "record" in rule}
    used: set[str] = set()
    for each in expressions(root):
        try:
            names = each.names
        except ValueError as error:
            yield f"{each.place}: this isn't PromQL: {error}: {each.text}"
            continue
        used |= names
        for name in sorted(names - tags.keys() - records.keys()):
            yield f"{each.place} reads {name}, which neither ray_jobs/runtime/metrics.py, {RULES} nor Ray has"
        known = {tag for name in names for tag in tags_of(name, tags, records)}
        for tag in sorted(each.tags - known):
            yield f"{each.place} asks for the tag {tag}, which nothing that it reads has"
    for name in sorted(records.keys() - used):
        yield f"{RULES}: record {name!r} is read by nothing"
    yield from not_shown(root, records)
    yield from not_explained(root)


def tags_of(name: str, tags: dict[str, set[str]], records: dict[str, Expression]) -> set[str]:
    """The tags of a metric or a recording rule, which has those that it groups by or takes over."""
    if name not in records:
        return tags.get(name, set())
    aggregated = [each for each in records[name].nodes if isinstance(each, promql_parser.AggregateExpr)]
    if aggregated:
        return {tag for each in aggregated if each.modifier is not None for tag in each.modifier.labels}
    return {tag for read in records[name].names for tag in tags_of(read, tags, records)}


def not_shown(root: Path, records: dict[str, Expression]) -> Iterator[str]:
    """The declared metrics that no panel reads, directly or through a recording rule."""
    shown: set[str] = set()
    waiting = [target["expr"] for panel in panels(root) for target in panel["targets"]]
    while waiting:
        try:
            names = Expression("", waiting.pop()).names - shown
        except ValueError:  # said already
            continue
        shown |= names
        waiting += [records[name].text for name in names if name in records]
    for metric in METRICS:
        if metric.exported not in shown:
            yield f"{DASHBOARD}: no panel shows {metric.exported} of ray_jobs/runtime/metrics.py"


def not_explained(root: Path) -> Iterator[str]:
    """The panels and alerts that docs/monitoring.md doesn't explain."""
    page = (root / PAGE).read_text()
    for panel in panels(root):
        if f"**{panel['title']}**" not in page:
            yield f"{PAGE}: nothing about the panel **{panel['title']}**"
    for alert in [rule for rule in rules(root) if "alert" in rule]:
        if f"\n### {alert['alert']}\n" not in page:
            yield f"{PAGE}: no section '### {alert['alert']}'"
        link = f"{PAGE}#{alert['alert'].lower()}"
        if alert["annotations"].get("runbook_url") != link:
            yield f"{RULES}: alert {alert['alert']!r} has no runbook_url {link}"
