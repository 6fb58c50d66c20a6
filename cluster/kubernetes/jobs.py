"""Checks that a job of the manifests can run: a command of jet, on a cluster with the resources it needs."""

from __future__ import annotations

import functools
import importlib
import json
import re
import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonargparse
from ray.autoscaler._private.kuberay.autoscaling_config import _derive_autoscaling_config_from_ray_cr

from cluster.kubernetes.kustomize import Manifest
from cluster.needs import needs
from ray_jobs.runtime.arguments import job_parser, translated
from ray_jobs.runtime.settings import RuntimeSettings

DATE = "$(date +%F)"
"""The only substitution that the submitter's shell may make in a command."""

Groups = dict[str, dict[str, Any]]


def groups_of(spec: dict[str, Any]) -> Groups:
    """A cluster's groups as Ray's autoscaler reads them: `resources` of a node, `min_workers`, `max_workers`.

    Raises `ValueError` where it can't read them.
    """
    return _groups_of(json.dumps(spec))


@functools.cache  # most clusters have the same shape
def _groups_of(spec: str) -> Groups:
    manifest = {"metadata": {"name": "cluster", "namespace": "jet"}, "spec": json.loads(spec)}
    try:
        return _derive_autoscaling_config_from_ray_cr(manifest)["available_node_types"]
    except Exception as error:  # of its many kinds: assertions, key errors, schema errors
        raise ValueError(f"Ray's autoscaler can't read it: {error!r}") from error


def cluster_problems(spec: dict[str, Any]) -> Iterator[str]:
    """The problems of a cluster's scaling, of work on its head, and of its token."""
    if (
        spec.get("enableInTreeAutoscaling") is not True
        or spec.get("autoscalerOptions", {}).get("version") != "v2"
    ):
        yield "enableInTreeAutoscaling must be true, and autoscalerOptions.version v2"
    if spec.get("authOptions", {}).get("mode") != "token":
        yield "authOptions.mode must be token: without it, whoever reaches the job port runs any code"
    for group in spec["workerGroupSpecs"]:
        least, most = group["minReplicas"], group["maxReplicas"]
        if not least <= group.get("replicas", least) <= most:
            yield (
                f"group {group['groupName']}: minReplicas {least} <= replicas {group.get('replicas', least)} "
                f"<= maxReplicas {most} doesn't hold"
            )
    try:
        groups = groups_of(spec)
    except ValueError as error:
        yield str(error)
        return
    if groups["headgroup"]["resources"]["CPU"] != 0:
        yield 'the head offers CPUs, so work may land on it: rayStartParams must say num-cpus "0"'


def job_problems(spec: dict[str, Any], configs: list[Manifest]) -> Iterator[str]:
    """The problems of a job: an entry point that isn't jet's, or a cluster without enough resources."""
    try:
        groups = groups_of(spec["rayClusterSpec"])
        name, argv = command(spec["entrypoint"])
        runtime = settings(name, tuple(argv), tuple(mounted(spec["rayClusterSpec"], configs).items()))
    except ValueError as error:
        yield f"entrypoint: {error}"
        return
    try:
        asked = {key: float(value) for key, value in json.loads(spec.get("entrypointResources", "{}")).items()}
    except (ValueError, AttributeError, TypeError):
        yield f"entrypointResources must be a JSON object of numbers, got {spec['entrypointResources']!r}"
        return
    if not asked:
        yield "entrypointResources must name the drivers' resource, or the driver runs on the head"
    elif not room(groups, asked):
        yield f"no group has {asked} for the driver on one node: see the groups' resources"
    for need in needs(name, runtime):
        have = room(groups, need.resources)
        if have < need.count:
            yield f"{need.what}: {need.count} times {need.resources} wanted, and the groups hold {have} at most"
    for kind, said in (("CPU", runtime.cluster_cpus), ("GPU", runtime.cluster_gpus)):
        most = sum(group["max_workers"] * group["resources"].get(kind, 0) for group in groups.values())
        wanted = any(need.resources.get(kind) for need in needs(name, runtime))
        if (said is not None and said > most) or (wanted and said is None):
            yield (
                f"runtime.cluster_{kind.lower()}s must be at most {most}, what the groups can grow to, and be "
                f"said, or the job refuses a cluster that has nothing yet; got {said}"
            )


def room(groups: Groups, wanted: dict[str, float]) -> int:
    """How many times the groups, at their largest, fit the wanted resources of one node."""
    return sum(
        group["max_workers"]
        * int(
            min((group["resources"].get(key, 0) // value for key, value in wanted.items() if value), default=0)
        )
        for group in groups.values()
    )


def command(entrypoint: str) -> tuple[str, list[str]]:
    """The job's name and arguments. Raises `ValueError` where it isn't jet's, or a shell would change it."""
    plain = entrypoint.replace(DATE, "2026-01-31")
    if found := re.search(r"[$`;&|<>*?(){}\[\]~#!\\\"'\n]", plain):
        raise ValueError(f"{found[0]!r} means something to the shells on the way: only {DATE} may stand there")
    words = shlex.split(plain)
    match words:
        case ["python", "-m", module, *argv] if module.startswith("ray_jobs."):
            return module.removeprefix("ray_jobs."), argv
    raise ValueError("must be python -m ray_jobs.NAME with options")


def mounted(spec: dict[str, Any], configs: list[Manifest]) -> dict[str, str]:
    """The files that config maps mount into the drivers' pods, by path."""
    data = {config["metadata"]["name"]: config["data"] for config in configs}
    files: dict[str, str] = {}
    for group in spec["workerGroupSpecs"]:
        pod = group["template"]["spec"]
        volumes = {
            volume["name"]: volume["configMap"]["name"]
            for volume in pod.get("volumes", [])
            if "configMap" in volume
        }
        for mount in pod["containers"][0].get("volumeMounts", []):
            name = volumes.get(mount["name"])
            if name is not None and name not in data:
                raise ValueError(f"group {group['groupName']} mounts the config map {name}, which isn't there")
            if name is not None:
                files |= {f"{mount['mountPath']}/{file}": text for file, text in data[name].items()}
    return files


@functools.cache  # jet's parsers take their time
def settings(name: str, argv: tuple[str, ...], files: tuple[tuple[str, str], ...]) -> RuntimeSettings:
    """The settings that the job's parser reads from its arguments and from `files` (texts by path in the pod).

    Raises `ValueError` with the parser's message where it refuses them.
    """
    try:
        options = importlib.import_module(f"ray_jobs.options.{name}")
    except ModuleNotFoundError as error:
        raise ValueError(f"jet has no job {name}") from error
    paths = {path for path, _ in files}
    for word in argv:
        if word.startswith("/") and word not in paths:
            raise ValueError(f"{word} is a file that no pod has: put it into a config map, or into the bucket")
    with tempfile.TemporaryDirectory() as folder:
        for path, text in files:
            copied = Path(folder) / path.lstrip("/")
            copied.parent.mkdir(parents=True, exist_ok=True)
            copied.write_text(text)
        here = [f"{folder}{word}" if word in paths else word for word in translated(argv, options)]
        parser = job_parser(name, options)
        parser.exit_on_error = False
        try:
            given = parser.instantiate(parser.parse_args(here))
        except (jsonargparse.ArgumentError, ValueError, TypeError) as error:
            raise ValueError(f"jet {name} refuses it: {' '.join(str(error).split())}") from error
    return given.runtime
