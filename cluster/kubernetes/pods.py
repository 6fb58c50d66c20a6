"""Checks every pod: no way to become root, requests equal to limits, and the image of its version of Ray.

Why no linter of manifests does it: they know nothing of the pods inside a RayCluster. Given them as pods of
their own, Checkov misses a pod that runs as root, a folder of the node, and limits above the requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import ray

from cluster.kubernetes.schemas import pod_problems

Spec = dict[str, Any]

MODE = "RAY_AUTH_MODE"
TOKEN = "RAY_AUTH_TOKEN"
QUANTITY = r"(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?"
UNITS = {
    None: 1,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
SPOT = {"karpenter.sh/capacity-type", "eks.amazonaws.com/capacityType", "cloud.google.com/gke-spot"}
"""The labels of Karpenter, EKS and GKE for spot nodes."""
SPILLED = 2
"""The least disk space for spilling, in multiples of the object store."""


def cluster_pods(spec: Spec) -> Iterator[tuple[str, Spec, dict[str, str]]]:
    """The name, pod template and start parameters of each group; the head's pod has KubeRay's autoscaler."""
    head = spec["headGroupSpec"]
    image = head["template"]["spec"]["containers"][0]["image"]
    options = spec.get("autoscalerOptions", {})
    parts = {
        name: options[name]
        for name in ("securityContext", "resources", "env", "volumeMounts")
        if name in options
    }
    template = dict(head["template"])
    template["spec"] = dict(template["spec"])
    template["spec"]["containers"] = [
        *template["spec"]["containers"],
        {"name": "autoscaler", "image": image} | parts,
    ]
    yield "head", template, head.get("rayStartParams", {})
    for group in spec["workerGroupSpecs"]:
        yield group["groupName"], group["template"], group.get("rayStartParams", {})


def template_problems(template: Spec, version: str, ray_version: str) -> Iterator[str]:
    """The problems of a pod template; `version` is jet's."""
    schema = list(pod_problems(template))
    yield from schema
    if schema:
        return  # what follows reads fields whose form the schema promises
    spec = template["spec"]
    yield from _root_problems(spec)
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get(name):
            yield f"spec.{name} gives the pod the node's own: leave it out"
    for volume in spec.get("volumes", []):
        if not re.fullmatch(QUANTITY, str(volume.get("emptyDir", {}).get("sizeLimit", 0))):
            yield f"the volume {volume['name']}: sizeLimit is no quantity of Kubernetes, like 8Gi"
        if "hostPath" in volume:
            yield f"the volume {volume['name']} is a folder of the node: use emptyDir"
    if spec.get("restartPolicy", "Never") != "Never":
        yield "spec.restartPolicy must be Never: KubeRay refuses any other with autoscaler v2"
    for container in spec["containers"] + spec.get("initContainers", []):
        for problem in _container_problems(container, spec, version, ray_version):
            yield f"container {container['name']}: {problem}"


def _root_problems(spec: Spec) -> Iterator[str]:
    context = spec.get("securityContext", {})
    if context.get("runAsNonRoot") is not True or context.get("runAsUser", 0) == 0:
        yield "spec.securityContext must say runAsNonRoot: true and a runAsUser other than 0"
    if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "spec.securityContext.seccompProfile.type must be RuntimeDefault"


def _container_problems(container: Spec, spec: Spec, version: str, ray_version: str) -> Iterator[str]:
    context = container.get("securityContext", {})
    wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
    for name, value in wanted.items():
        if context.get(name) is not value:
            yield f"securityContext.{name} must be {str(value).lower()}"
    if context.get("capabilities") != {"drop": ["ALL"]}:
        yield "securityContext.capabilities must be {drop: [ALL]}"
    for name in ("runAsUser", "runAsNonRoot", "privileged", "seccompProfile"):
        if name in context:
            yield f"securityContext.{name} overrides the pod's: leave it out"
    mounts = {mount["mountPath"]: mount["name"] for mount in container.get("volumeMounts", [])}
    if "/tmp" not in mounts:
        yield "nothing is mounted at /tmp, and nowhere else could Ray write"
    for name in mounts.values():
        if name not in {volume["name"] for volume in spec.get("volumes", [])}:
            yield f"mounts the volume {name}, which the pod doesn't have"
    resources = container.get("resources", {})
    for quantity in [*resources.get("requests", {}).values(), *resources.get("limits", {}).values()]:
        if not re.fullmatch(QUANTITY, str(quantity)):
            yield f"resources: {quantity!r} is no quantity of Kubernetes, like 500m or 8Gi"
    if not {"cpu", "memory"} <= resources.get("requests", {}).keys():
        yield "resources.requests must name cpu and memory"
    if resources.get("requests") != resources.get("limits"):
        yield f"resources: requests {resources.get('requests')} must equal limits {resources.get('limits')}"
    for variable in container.get("env", []):
        if variable["name"] == TOKEN:
            yield f"{TOKEN} is set here: leave it to KubeRay, which takes it from the cluster's secret"
        elif variable["name"] == MODE and variable.get("value") != "token":
            yield f"{MODE} must be token"
    if any("hostPort" in port for port in container.get("ports", [])):
        yield "a hostPort opens the port on the node: leave it out"
    yield from _image_problems(container, resources, version, ray_version)


def _image_problems(container: Spec, resources: Spec, version: str, ray_version: str) -> Iterator[str]:
    variant = "cuda" if "nvidia.com/gpu" in resources.get("limits", {}) else "cpu"
    wanted = rf"\S+/jet:{re.escape(version)}-ray{re.escape(ray_version)}-py3\d+-{variant}"
    if not re.fullmatch(wanted, container["image"]):
        yield (
            f"image {container['image']} must be REGISTRY/jet:{version}-ray{ray_version}-pyVERSION-{variant}: "
            f"jet's version, the cluster's Ray, and what its resources ask for"
        )


def place_problems(template: Spec, on_demand: bool) -> Iterator[str]:
    """The problems of a pod's placement: kept off spot nodes with `on_demand`, otherwise sent to them."""
    affinity = template["spec"].get("affinity", {}).get("nodeAffinity", {})
    terms = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {}).get("nodeSelectorTerms", [])
    kept = [{e["key"] for e in term["matchExpressions"] if e["operator"] == "NotIn"} for term in terms]
    sent = {e["key"] for term in terms for e in term["matchExpressions"] if e["operator"] == "In"}
    if on_demand and not (kept and all(keys >= SPOT for keys in kept)):
        yield f"its affinity must keep it from nodes with the labels {sorted(SPOT)}: what it does can't be lost"
    if not on_demand and sent != SPOT:
        yield f"its affinity must send it to nodes with one of the labels {sorted(SPOT)}"
    tolerated = {toleration.get("key") for toleration in template["spec"].get("tolerations", [])}
    if not on_demand and "cloud.google.com/gke-spot" not in tolerated:
        yield "it must tolerate cloud.google.com/gke-spot, or GKE puts it on no spot node"


def ray_problems(ray_version: str) -> Iterator[str]:
    """The problem where a cluster's version of Ray isn't the one that jet is tested with."""
    if ray_version != ray.__version__:
        yield f"rayVersion {ray_version} isn't the Ray that jet is tested with, {ray.__version__}"


def disk_problems(template: Spec, parameters: dict[str, str]) -> Iterator[str]:
    """The problems of a Ray node whose memory can't fit its object store, or its disk the spilled objects."""
    container = template["spec"]["containers"][0]
    limits = container["resources"]["limits"]
    if not re.fullmatch(r"\d+", parameters.get("object-store-memory", "")):
        yield "rayStartParams must say object-store-memory in bytes: how much can be spilled depends on it"
        return
    store = int(parameters["object-store-memory"])
    if store > amount(limits["memory"]) / 2:
        yield f"object-store-memory {store} is more than half of the pod's memory, {limits['memory']}"
    volumes = {volume["name"]: volume for volume in template["spec"].get("volumes", [])}
    mounted = {mount["mountPath"]: volumes.get(mount["name"], {}) for mount in container["volumeMounts"]}
    size = mounted.get("/tmp", {}).get("emptyDir", {}).get("sizeLimit")
    if size is None:
        yield "what is at /tmp must be an emptyDir with a sizeLimit: Ray spills there"
    elif amount(size) < SPILLED * store:
        yield f"/tmp holds {size}, less than {SPILLED} times the object store that is spilled there"
    elif amount(size) > amount(limits.get("ephemeral-storage", "0")):
        yield f"/tmp may take {size}, more than the pod's ephemeral-storage, {limits.get('ephemeral-storage')}"


def amount(quantity: str | float) -> float:
    """The number of a Kubernetes quantity like 500m or 8Gi. Raises `ValueError` where it isn't one."""
    match = re.fullmatch(QUANTITY, str(quantity))
    if match is None:
        raise ValueError(f"{quantity!r} is no quantity of Kubernetes, like 500m or 8Gi")
    return float(match[1]) * UNITS[match[2]]
