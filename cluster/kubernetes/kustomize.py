"""The part of `kubectl kustomize` that our kustomizations use.

With it, the manifests are checked as they will be applied, without kubectl. A test compares the two where
kubectl is installed. An unknown key is an error.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

KNOWN = {
    "kustomization": {"namespace", "resources", "images", "replacements"},
    "image": {"name", "newName", "newTag"},
    "replacement": {"source", "targets"},
    "source": {"kind", "name", "fieldPath"},
    "target": {"select", "fieldPaths", "options"},
    "select": {"kind", "name"},
    "options": {"create"},
}
LOCAL = "config.kubernetes.io/local-config"
"""The annotation of manifests that are sources for replacements, and aren't applied."""
WITHOUT_NAMESPACE = {"Namespace"}


def build(folder: Path) -> list[Manifest]:
    """The manifests that `kubectl apply -k folder` would apply.

    Raises `ValueError`, with the file and the reason, where one can't be read or uses an unknown key.
    """
    return [
        manifest for manifest in _accumulated(folder) if _annotations(manifest).get(LOCAL, "false") != "true"
    ]


def _accumulated(folder: Path) -> list[Manifest]:
    file = folder / "kustomization.yaml"
    (kustomization,) = load(file)
    _known(kustomization, "kustomization", file)
    manifests: list[Manifest] = []
    for name in kustomization.get("resources", []):
        path = folder / name
        manifests += _accumulated(path) if path.is_dir() else load(path)
    for image in kustomization.get("images", []):
        _known(image, "image", file)
        _rename_images(manifests, image)
    if namespace := kustomization.get("namespace"):
        for manifest in manifests:
            if manifest["kind"] not in WITHOUT_NAMESPACE:
                manifest["metadata"]["namespace"] = namespace
    for replacement in kustomization.get("replacements", []):
        _replace(manifests, replacement, file)
    return manifests


def load(file: Path) -> list[Manifest]:
    """The documents of a YAML file. Raises `ValueError` where it isn't YAML, or one has no kind or name."""
    try:
        documents = [document for document in yaml.safe_load_all(file.read_text()) if document is not None]
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(f"{file}: can't be read: {' '.join(str(error).split())}") from error
    for document in documents:
        if file.name != "kustomization.yaml" and not (
            isinstance(document, dict) and document.get("kind") and (document.get("metadata") or {}).get("name")
        ):
            raise ValueError(f"{file}: a document without kind or metadata.name is no manifest")
    return json.loads(json.dumps(documents))  # an alias in YAML is the same object: a change would be in both


def _rename_images(node: Any, image: dict[str, str]) -> None:
    if isinstance(node, list):
        for item in node:
            _rename_images(item, image)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("containers", "initContainers"):
                for container in value:
                    name, _, tag = container.get("image", "").partition(":")
                    if name == image["name"]:
                        container["image"] = f"{image.get('newName', name)}:{image.get('newTag', tag)}"
            else:
                _rename_images(value, image)


def _replace(manifests: list[Manifest], replacement: dict[str, Any], file: Path) -> None:
    _known(replacement, "replacement", file)
    source = replacement["source"]
    _known(source, "source", file)
    found = _selected(manifests, source)
    if len(found) != 1:
        raise ValueError(f"{file}: {len(found)} manifests for the replacement's source {source}, not one")
    value: Any = found[0]
    for part in source["fieldPath"].split("."):
        if part not in value:
            raise ValueError(f"{file}: the replacement's source {source} has no such field")
        value = value[part]
    for target in replacement["targets"]:
        _known(target, "target", file)
        _known(target["select"], "select", file)
        _known(target.get("options", {}), "options", file)
        for manifest in _selected(manifests, target["select"]):
            for path in target["fieldPaths"]:
                *parents, last = path.split(".")
                node = manifest
                for part in parents:
                    node = node.setdefault(part, {})
                node[last] = copy.deepcopy(value)


def _selected(manifests: list[Manifest], wanted: dict[str, str]) -> list[Manifest]:
    name = wanted.get("name")
    return [
        manifest
        for manifest in manifests
        if manifest["kind"] == wanted["kind"] and name in (None, manifest["metadata"]["name"])
    ]


def _annotations(manifest: Manifest) -> dict[str, str]:
    return manifest["metadata"].get("annotations") or {}


def _known(given: dict[str, Any], what: str, file: Path) -> None:
    unknown = sorted(set(given) - KNOWN[what])
    if unknown:
        raise ValueError(
            f"{file}: the check doesn't know {what}.{unknown[0]}: leave it out, or teach cluster/kubernetes it"
        )
