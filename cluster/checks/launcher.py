"""Checks the files of Ray's cluster launcher, with Ray's own validation and with rules that Ray doesn't have.

Ray doesn't notice a node type's maximum above the cluster's, an image with another version of Ray, work on the
head, or a job that asks for more than any node has, which then waits forever.
"""

from __future__ import annotations

import copy
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
from ray.autoscaler._private.util import prepare_config, validate_config

from cluster.checks.command_lines import CommandError, commands, ray_context
from cluster.checks.documents import drivers
from cluster.checks.files import LAUNCHER_FILES, Found, Pins, launcher_config, node_types, pins
from cluster.needs import Need, needs
from ray_jobs.runtime.settings import RuntimeSettings

GUIDE = "docs/clusters.md"
JOBS = ("ingest", "neighbors", "train", "tune", "predict")
SETUP = ("setup_commands", "head_setup_commands", "worker_setup_commands")
START_COMMANDS = ("head_start_ray_commands", "worker_start_ray_commands")
TAG = re.compile(r":(?P<jet>[\d.]+)-ray(?P<ray>[\d.]+)-py(?P<python>\d+)-(?P<variant>cpu|cuda)$")
LEAST_WORKER_DISK_GB = 200
"""60 for the machine and the larger image, and room to spill several times what a node's object store holds."""


def problems(root: Path) -> Iterator[str]:
    """One line for each problem of the launcher's files."""
    for name in LAUNCHER_FILES:
        config = launcher_config(root, name)
        found = list(ray_says(config)) or [
            *maxima(config),
            *images(config, pins(root)),
            *fit(config, root),
            *markets(config),
            *disks(config),
            *starts(config),
            *setup(config),
            *shell(config),
        ]
        for place, what in dict.fromkeys(found):
            yield f"{name}: {place}: {what}"


def ray_says(config: dict[str, Any]) -> Found:
    """The problems that `ray up` would report before it calls the cloud."""
    try:
        validate_config(prepare_config(copy.deepcopy(config)))
    except jsonschema.ValidationError as error:
        yield error.json_path, error.message
    except (ValueError, KeyError, AssertionError, RuntimeError) as error:
        yield "$", f"Ray says: {error!r}"


def maxima(config: dict[str, Any]) -> Found:
    """A node type's maximum must lie between its minimum and the cluster's maximum."""
    for name, kind in node_types(config).items():
        most, place = kind.get("max_workers"), f"available_node_types.{name}.max_workers"
        if most is None:
            yield place, "is missing: as many as the whole cluster may have"
        elif most > config["max_workers"]:
            yield place, f"is {most}, and the whole cluster may have {config['max_workers']} (max_workers)"
        if kind.get("min_workers", 0) != 0:
            yield place.replace("max_", "min_"), "must be 0: the cluster shrinks to its head when nobody works"
    if config["available_node_types"][config["head_node_type"]].get("max_workers", 0) != 0:
        yield f"available_node_types.{config['head_node_type']}.max_workers", "must be 0: one head"


def images(config: dict[str, Any], ours: Pins) -> Found:
    """Every image must have our jet, Ray and Python, and be the CUDA variant on nodes with a GPU."""
    docker = config.get("docker", {})
    wanted = [("docker.head_image" if "head_image" in docker else "docker.image", "cpu")]
    for name, kind in node_types(config).items():
        variant = "cuda" if kind["resources"].get("GPU") else "cpu"
        own = f"available_node_types.{name}.docker.worker_image"
        shared = "docker.worker_image" if "worker_image" in docker else "docker.image"
        wanted.append((own if "worker_image" in kind.get("docker", {}) else shared, variant))
    for place, variant in dict.fromkeys(wanted):
        value: Any = config
        for key in place.split("."):
            value = value.get(key, {})
        tag = TAG.search(str(value))
        if not tag:
            yield place, f"{value!r} doesn't end in a tag like 0.1.0-ray2.60.0-py311-cpu: which Ray is in it?"
            continue
        for what, have, want in (
            ("jet", tag["jet"], ours.jet),
            ("Ray", tag["ray"], ours.ray),
            ("Python", tag["python"], ours.python),
            ("variant", tag["variant"], variant),
        ):
            if have != want:
                yield place, f"the image has {what} {have}, and ours is {want}"


def fit(config: dict[str, Any], root: Path) -> Found:
    """The nodes must fit every actor and task of the jobs, as many at a time as the jobs ask for."""
    for need in asked_for(root):
        room = sum(
            kind["max_workers"]
            * int(min(kind["resources"].get(name, 0) // one for name, one in need.resources.items()))
            for kind in node_types(config).values()
            if "max_workers" in kind
        )
        if room < need.count:
            yield (
                "available_node_types",
                f"room for {room} × {need.resources}, not for {need.count} ({need.what})",
            )


def asked_for(root: Path) -> Iterator[Need]:
    """The needs of the jobs with default settings, of trainings also with GPUs, and of the guide's drivers."""
    for job in JOBS:
        yield from needs(job, RuntimeSettings())
    yield from needs("train", RuntimeSettings(train_gpu=True))
    for number, resources in drivers(root / GUIDE):
        if resources:
            yield Need(1, resources, f"the driver in {GUIDE}:{number}")


def markets(config: dict[str, Any]) -> Found:
    """Drivers and the head must be on demand, all others on spot."""
    for name, kind in config["available_node_types"].items():
        node, on_demand = kind["node_config"], name == config["head_node_type"] or "driver" in kind["resources"]
        place = f"available_node_types.{name}.node_config"
        if config["provider"]["type"] == "aws":
            spot = node.get("InstanceMarketOptions", {}).get("MarketType") == "spot"
        else:
            spot = node.get("scheduling", {}).get("provisioningModel") == "SPOT"
        if spot and on_demand:
            yield place, "is on spot: a job ends with its driver, and the cluster with its head"
        elif not spot and not on_demand:
            yield place, "isn't on spot"


def disks(config: dict[str, Any]) -> Found:
    """Workers need disk space to spill, and on AWS disks must be set to be encrypted."""
    for name, kind in config["available_node_types"].items():
        place, node = f"available_node_types.{name}.node_config", kind["node_config"]
        if config["provider"]["type"] == "aws":
            disk: dict[str, Any] = next(
                (one["Ebs"] for one in node.get("BlockDeviceMappings", []) if "Ebs" in one), {}
            )
            size = disk.get("VolumeSize", 0)
            if not disk.get("Encrypted"):
                yield f"{place}.BlockDeviceMappings", "the disk isn't encrypted"
        else:
            size = sum(disk.get("initializeParams", {}).get("diskSizeGb", 0) for disk in node.get("disks", []))
        if kind["resources"].get("CPU") and size < LEAST_WORKER_DISK_GB:
            yield place, f"the disk has {size} GB; a worker needs {LEAST_WORKER_DISK_GB} to spill"


def starts(config: dict[str, Any]) -> Found:
    """The start commands must be valid, and the head must have no resources for work."""
    head = config["available_node_types"][config["head_node_type"]]
    if head["resources"] != {"CPU": 0}:
        yield (
            f"available_node_types.{config['head_node_type']}.resources",
            "must be {CPU: 0}: it takes no work",
        )
    for place in START_COMMANDS:
        for command in (words for line in config[place] for words in commands(line) if words[0] == "ray"):
            try:
                given = ray_context(command).params
            except CommandError as refused:
                yield place, f"ray {command[1]}: {refused}"
                continue
            if given.get("head") and given["num_cpus"] != 0:
                yield place, "the head must start with --num-cpus=0: no work on it"


def setup(config: dict[str, Any]) -> Found:
    """Setup commands must be given and install nothing, since Ray's defaults install another version of Ray."""
    for place in SETUP:
        if config.get(place) != []:
            yield place, "must be []: all that a node needs is in the image"


def shell(config: dict[str, Any]) -> Found:
    """The commands must be valid for bash; otherwise the first node would fail on an open quotation."""
    for place in ("initialization_commands", *SETUP, *START_COMMANDS):
        for line in config.get(place, []):
            said = subprocess.run(["bash", "-n"], input=line, capture_output=True, text=True, check=False)
            if said.returncode:
                yield place, said.stderr.splitlines()[0]
