"""Checks that the manifests below cluster/kuberay can be applied, are safe, and fit together.

Both folders are checked as they will be applied: against Kubernetes' and KubeRay's schemas, with unknown keys
refused, and against rules that no schema has. It needs no Kubernetes, network or kubectl.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import cronsim

from cluster.kubernetes.jobs import cluster_problems, job_problems
from cluster.kubernetes.kustomize import Manifest, build
from cluster.kubernetes.network import exposure_problems, head_problems, policy_problems
from cluster.kubernetes.pods import cluster_pods, disk_problems, place_problems, ray_problems, template_problems
from cluster.kubernetes.schemas import schema_problems

LONGEST = {"RayCluster": 53, "RayJob": 47, "RayCronJob": 36}
"""The longest names by kind; KubeRay makes longer ones from them, which have at most 63 letters."""
NAME = r"[a-z]([-a-z0-9]*[a-z0-9])?"
ON_DEMAND = {"head", "driver"}
"""The groups whose loss ends a job or a cluster."""
JOBS = {"ingest", "neighbors", "train", "tune", "predict"}


def problems(root: Path) -> Iterator[str]:
    """One line for each problem in the manifests of the repository at `root`."""
    folder = root / "cluster" / "kuberay"
    try:
        standing, jobs = build(folder), build(folder / "jobs")
    except ValueError as error:
        yield str(error).replace(f"{root}/", "")
        return
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    for problem in policy_problems(standing):
        yield f"cluster/kuberay: {problem}"
    for name in sorted(
        JOBS - {manifest["metadata"]["name"] for manifest in jobs if manifest["kind"] == "RayJob"}
    ):
        yield f"cluster/kuberay/jobs: no RayJob {name}"
    if not any(manifest["kind"] == "RayCronJob" for manifest in jobs):
        yield "cluster/kuberay/jobs: no RayCronJob predicts every night"
    for where, manifests in (("cluster/kuberay", standing), ("cluster/kuberay/jobs", jobs)):
        for manifest in manifests:
            for problem in manifest_problems(manifest, standing, version):
                yield f"{where}: {manifest['kind']} {manifest['metadata']['name']}: {problem}"


def manifest_problems(manifest: Manifest, standing: list[Manifest], version: str) -> Iterator[str]:
    """The problems of one manifest, given those of the `standing` folder."""
    found = list(schema_problems(manifest))
    yield from found
    if found:
        return  # what follows reads fields whose form the schemas promise
    kind, name = manifest["kind"], manifest["metadata"]["name"]
    yield from exposure_problems(manifest)
    if kind in LONGEST and (len(name) > LONGEST[kind] or not re.fullmatch(NAME, name)):
        yield f"the name must have at most {LONGEST[kind]} small letters, digits and hyphens, a letter first"
    match kind:
        case "RayCluster":
            yield from raycluster_problems(manifest["spec"], standing, version)
        case "RayJob":
            yield from rayjob_problems(manifest["spec"], standing, version)
        case "RayCronJob":
            yield from schedule_problems(manifest["spec"])
            yield from rayjob_problems(manifest["spec"]["jobTemplate"], standing, version)
    if kind in ("RayJob", "RayCronJob") and manifest["metadata"].get("labels", {}).get("job") != name:
        yield f"the label job must be {name}: by it, one job is applied alone"


def raycluster_problems(spec: dict[str, Any], standing: list[Manifest], version: str) -> Iterator[str]:
    """The problems of a RayCluster."""
    accounts = {manifest["metadata"]["name"] for manifest in standing if manifest["kind"] == "ServiceAccount"}
    yield from ray_problems(spec["rayVersion"])
    sound = True
    for name, template, parameters in cluster_pods(spec):
        found = [*template_problems(template, version, spec["rayVersion"])]
        if not found:
            found = [*disk_problems(template, parameters), *place_problems(template, name in ON_DEMAND)]
        account = template["spec"].get("serviceAccountName")
        if name != "head" and account not in accounts:
            found.append(f"serviceAccountName {account} isn't one of {sorted(accounts)}")
        if name == "head" and account is not None:
            found.append(
                "serviceAccountName: leave it to KubeRay, which gives the head one that scales the cluster"
            )
        yield from (f"group {name}: {problem}" for problem in found)
        sound = sound and not found
    if sound:
        yield from head_problems(spec["headGroupSpec"])
        yield from cluster_problems(spec)


def rayjob_problems(spec: dict[str, Any], standing: list[Manifest], version: str) -> Iterator[str]:
    """The problems of a job, and of its cluster unless a standing one is the same."""
    cluster = spec["rayClusterSpec"]
    found = list(raycluster_problems(cluster, standing, version))
    if not any(manifest["kind"] == "RayCluster" and manifest["spec"] == cluster for manifest in standing):
        yield from (f"rayClusterSpec: {problem}" for problem in found)
    for name in ("backoffLimit", "activeDeadlineSeconds", "preRunningDeadlineSeconds", "submissionMode"):
        if name not in spec:
            yield f"must say {name}"
    ends = spec.get("shutdownAfterJobFinishes", False), "deletionStrategy" in spec
    if ends not in ((True, False), (False, True)):
        yield "must say either shutdownAfterJobFinishes: true or deletionStrategy, or its cluster outlives it"
    elif "ttlSecondsAfterFinished" in spec and not ends[0]:
        yield "ttlSecondsAfterFinished goes with shutdownAfterJobFinishes: say ttlSeconds in the rules"
    if "submitterPodTemplate" not in spec:
        yield "must have a submitterPodTemplate: KubeRay's own may become root"
    else:
        for problem in template_problems(spec["submitterPodTemplate"], version, cluster["rayVersion"]):
            yield f"submitterPodTemplate: {problem}"
    if not found:
        yield from job_problems(spec, [manifest for manifest in standing if manifest["kind"] == "ConfigMap"])


def schedule_problems(spec: dict[str, Any]) -> Iterator[str]:
    """The problems of a schedule and its time zone."""
    try:
        cronsim.CronSim(spec["schedule"], datetime(2026, 1, 1))
    except cronsim.CronSimError as error:
        yield f"schedule {spec['schedule']!r}: {error}"
    if len(spec["schedule"].split()) != 5:
        yield f"schedule {spec['schedule']!r} must have five fields, from minute to weekday"
    if "timeZone" not in spec:
        yield "must say timeZone, or the schedule follows the operator's clock"
    elif spec["timeZone"] not in available_timezones():
        yield f"timeZone {spec['timeZone']!r} isn't one"
