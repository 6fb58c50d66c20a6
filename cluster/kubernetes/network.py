"""Checks that nobody can reach jet's pods from outside, by a service, an ingress or a missing policy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cluster.kubernetes.kustomize import Manifest

DASHBOARD, METRICS = 8265, 8080
OPERATOR = {"kubernetes.io/metadata.name": "kuberay-system"}
PROMETHEUS = {"kubernetes.io/metadata.name": "monitoring"}
PORTS = ((OPERATOR, DASHBOARD), (PROMETHEUS, METRICS), (None, DASHBOARD))
"""The ports that may be reached from each namespace, the last being jet's."""
NODE = {"ray.io/is-ray-node": "yes"}


def exposure_problems(manifest: Manifest) -> Iterator[str]:
    """The ways in that a manifest opens."""
    if manifest["kind"] in ("Ingress", "Gateway", "HTTPRoute"):
        yield "opens a way in from outside: take it out, and use kubectl port-forward"
    elif manifest["kind"] == "Service" and manifest["spec"].get("type", "ClusterIP") != "ClusterIP":
        yield f"a service of type {manifest['spec']['type']} can be reached from outside: use ClusterIP"


def head_problems(head: dict[str, Any]) -> Iterator[str]:
    """The ways to a head that KubeRay would open, and ports other than the policies'."""
    if head.get("serviceType", "ClusterIP") != "ClusterIP":
        yield f"serviceType {head['serviceType']} can be reached from outside: use ClusterIP"
    if head.get("enableIngress"):
        yield "enableIngress opens the job port to the outside: leave it out"
    ports = {
        port["name"]: port["containerPort"]
        for port in head["template"]["spec"]["containers"][0].get("ports", [])
    }
    wanted = {"gcs-server": 6379, "dashboard": DASHBOARD, "metrics": METRICS}
    if ports != wanted:
        yield f"the head's ports are {ports}, not {wanted}: without any, KubeRay opens Ray Client's too"


def policy_problems(manifests: list[Manifest]) -> Iterator[str]:
    """The gaps in the policies, which must admit only Ray's nodes, submitters, the operator and Prometheus."""
    policies = [manifest for manifest in manifests if manifest["kind"] == "NetworkPolicy"]
    closed = {"podSelector": {}, "policyTypes": ["Ingress"]}
    if not any(policy.get("spec") == closed for policy in policies):
        yield f"no NetworkPolicy shuts everyone out: one must have the spec {closed}"
    for policy in policies:
        for rule in (policy.get("spec") or {}).get("ingress") or []:
            for problem in _rule_problems(rule):
                yield f"NetworkPolicy {policy['metadata']['name']}: {problem}"


def _rule_problems(rule: dict[str, Any]) -> Iterator[str]:
    if not rule.get("from"):
        yield "a rule without `from` lets everyone in"
    for peer in rule.get("from") or []:
        namespace = peer["namespaceSelector"].get("matchLabels") if "namespaceSelector" in peer else None
        port = next((port for labels, port in PORTS if labels == namespace), None)
        if "ipBlock" in peer:
            yield "a rule with ipBlock lets others than pods in"
        elif port is None or ("namespaceSelector" in peer and not namespace):
            yield f"a rule lets in namespaces other than {OPERATOR} and {PROMETHEUS}"
        elif not peer.get("podSelector", {}).get("matchLabels"):
            yield "a rule lets in every pod of a namespace: name the pods"
        elif peer != {"podSelector": {"matchLabels": NODE}} and rule.get("ports") != [
            {"protocol": "TCP", "port": port}
        ]:
            yield f"who isn't a node of Ray may reach the port {port} alone"
